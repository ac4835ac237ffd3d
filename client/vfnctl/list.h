/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list - arguments that are numbers with commas between them, and sizes with a unit */
#ifndef VFNCTL_LIST_H
#define VFNCTL_LIST_H

#include "client/vfnctl/vfnctl.h"

/*
 * Numbers up to `max` from `text` into `values`. Returns how many, 1 to `n`; -1: it is no such list,
 * and that has been said of the option `name`.
 */
int list_parse(const struct tool *tool, const char *name, const char *text, uint64_t max,
	       uint64_t *values, int n);

/* Bytes, as a number with one of kMGTP behind it, decimal, or KiMiGiTiPi. EXIT_OK or EXIT_USAGE. */
int list_size(const struct tool *tool, const char *name, const char *text, uint64_t *bytes);

#endif
