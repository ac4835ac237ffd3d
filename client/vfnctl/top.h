/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top - what happens on all devices, once and again
 *
 * Each device that is ready is opened, and its counters are asked for once an interval; what is shown
 * are the differences.
 */
#ifndef VFNCTL_TOP_H
#define VFNCTL_TOP_H

#include "client/vfnctl/vfnctl.h"

struct top;

/* NULL: no memory. */
struct top *top_new(struct tool *tool);
void top_free(struct top *top);

/* Look at everything. EXIT_*; top_report() says what failed, and returns that. */
int top_sample(struct top *top);
int top_report(struct tool *tool, int code);

/* What was seen, as lines of text. */
void top_print(const struct top *top, FILE *out);

/* Full screen, until q is pressed or a signal comes, or for `count` samples (0: no end). EXIT_*. */
int top_screen(struct tool *tool, struct top *top, unsigned int interval_ms, uint32_t count);

#endif
