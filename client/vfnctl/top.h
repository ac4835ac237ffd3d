/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top - what happens on all devices, once and again
 *
 * Each device is asked once an interval for what it, its sessions or its queues have counted; what is shown are the
 * differences. top.c looks, top-print.c makes lines of it, top-screen.c has the terminal.
 */
#ifndef VFNCTL_TOP_H
#define VFNCTL_TOP_H

#include "client/vfnctl/tally.h"

enum top_view { TOP_DEVICES, TOP_SESSIONS, TOP_QUEUES, TOP_VIEWS };

/* One device at one time. */
struct top_device {
	struct vfnc_device_entry entry;
	struct vfnc_tally *rows; /* NULL: it is not ready, or could not be asked */
	int n;
};

/* Everything at one time. */
struct top_look {
	struct vfnc_statistics daemon;
	int64_t ns; /* 0: there was none */
	struct vfnc_device_entry *entries; /* the devices' texts are in there */
	struct top_device *devices;
	int n;
};

struct top {
	struct tool *tool;
	enum top_view view;
	int sort;     /* a column of the view; -1: in the daemon's order */
	bool reverse; /* the least first */
	struct top_look last, now;
};

/* NULL: no memory. */
struct top *top_new(struct tool *tool);
void top_free(struct top *top);

/* Another view, sorted as is of use; its numbers are looked at from now on. */
void top_set_view(struct top *top, enum top_view view);

/* Look at everything. EXIT_*; top_report() says what failed, and returns that. */
int top_sample(struct top *top);
int top_report(struct tool *tool, int code);

/* The same row as it was at the look before, or NULL. */
const struct vfnc_tally *top_before(const struct top *top, const char *address, const struct vfnc_tally *row);

/* ---- top-print.c ---- */

/* "devices", "sessions", "queues" */
const char *top_view_name(enum top_view view);

/* The name of the column that is sorted by, or "none"; the next one by `step`, all around. */
const char *top_sort_name(const struct top *top);
void top_sort_step(struct top *top, int step);
/* By its name in the present view. -1: there is none. */
int top_sort_find(const struct top *top, const char *name);
/* The names of all that the view can be sorted by, with spaces between; cut off at `size` bytes. */
void top_sort_list(const struct top *top, char *names, size_t size);

/* What was seen, as lines of text: two about the daemon, the columns' names, and a line each from TOP_FIRST on. */
#define TOP_HEADING 2
#define TOP_FIRST   3
void top_print(const struct top *top, FILE *out);

/* ---- top-screen.c ---- */

/* Full screen, until q is pressed or a signal comes, or for `count` samples (0: no end). EXIT_*. */
int top_screen(struct tool *tool, struct top *top, unsigned int interval_ms, uint32_t count);

#endif
