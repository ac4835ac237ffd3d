/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tags - the tags of end-to-end protection information in I/O commands
 *
 * Source: NVM Command Set Specification, "Protection Information Formats" and "Storage Tag and
 * Reference Tag from Storage and Reference Space".
 */
#ifndef VFNCTL_TAGS_H
#define VFNCTL_TAGS_H

#include "client/vfnctl/vfnctl.h"

struct tags {
	uint64_t reference;
	uint64_t storage;
	uint16_t application;
	uint16_t mask;
};

/*
 * Puts them into the command. Where they need it, the namespace is asked how long its storage tags
 * are. EXIT_*; EXIT_USAGE where one is longer than its field.
 */
int tags_set(struct tool *tool, const struct tags *tags, struct vfnc_cmd *cmd);

#endif
