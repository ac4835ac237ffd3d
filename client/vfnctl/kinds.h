/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinds - how a device can be reset, as commands have it in --kind */
#ifndef VFNCTL_KINDS_H
#define VFNCTL_KINDS_H

#include "client/vfnctl/vfnctl.h"

/* The option. */
extern const struct argp_option kinds_options[];

/* Its argument. 0; or an error of usage, and exit. */
error_t kinds_parse(struct argp_state *state, const char *arg, enum vfnc_reset_kind *kind);

/* What a kind is called. */
const char *kinds_name(uint32_t kind);

#endif
