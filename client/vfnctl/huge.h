/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * huge - buffers of huge pages, where --huge-pages asks for them
 */
#ifndef VFNCTL_HUGE_H
#define VFNCTL_HUGE_H

#include "client/vfnctl/vfnctl.h"

#define HUGE_OPTION(key) {"huge-pages", key, "BYTES", 0, "the data's buffer of huge pages of this size, as 2097152", 0}

/* A buffer as vfnc_buffer_alloc_with() makes it. EXIT_*; what failed has been said, and what to do about pages. */
int huge_alloc(struct tool *tool, size_t size, const struct vfnc_buffer_opts *opts, struct vfnc_buffer **buf);

#endif
