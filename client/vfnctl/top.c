/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void look_free(struct top_look *look)
{
	for (int i = 0; i < look->n; i++)
		free(look->devices[i].rows);
	free(look->devices);
	free(look->entries);
	*look = (struct top_look){0};
}

struct top *top_new(struct tool *tool)
{
	struct top *top = calloc(1, sizeof(*top));

	if (!top)
		return NULL;
	top->tool = tool;
	top_set_view(top, TOP_DEVICES);
	return top;
}

void top_free(struct top *top)
{
	if (top) {
		look_free(&top->last);
		look_free(&top->now);
	}
	free(top);
}

void top_set_view(struct top *top, enum top_view view)
{
	top->view = view;
	top->reverse = false;
	top->sort = view == TOP_DEVICES ? -1 : top_sort_find(top, "CMD/s");
}

/* A device that cannot be asked is shown without numbers: it may be gone by now. */
static int look_at(struct top *top, struct top_device *d)
{
	struct vfnc_tally_opts opts = {
		.sessions = top->view == TOP_SESSIONS,
		.queues = top->view == TOP_QUEUES,
		.latency = true,
	};

	if (d->entry.state != VFNC_DEVICE_READY && d->entry.state != VFNC_DEVICE_RESETTING)
		return 0;
	d->n = vfnc_tallies(top->tool->conn, d->entry.address, &opts, &d->rows);
	if (d->n == -EOPNOTSUPP)
		return -1;
	if (d->n < 0)
		d->n = 0;
	return 0;
}

int top_sample(struct top *top)
{
	struct tool *tool = top->tool;
	struct top_look look = {0};
	int code = EXIT_OK;

	if (vfnc_statistics(tool->conn, NULL, &look.daemon) < 0)
		return EXIT_DAEMON;
	look.n = vfnc_list(tool->conn, &look.entries);
	if (look.n < 0)
		return EXIT_DAEMON;
	look.devices = calloc((size_t)look.n + 1, sizeof(*look.devices));
	if (!look.devices) {
		free(look.entries);
		return EXIT_FILE;
	}
	for (int i = 0; i < look.n; i++) {
		look.devices[i].entry = look.entries[i];
		if (look_at(top, &look.devices[i]) < 0)
			code = EXIT_DAEMON;
	}
	look.ns = now_ns();
	if (code) {
		look_free(&look);
		return code;
	}
	look_free(&top->last);
	top->last = top->now;
	top->now = look;
	return EXIT_OK;
}

int top_report(struct tool *tool, int code)
{
	if (code == EXIT_DAEMON)
		return report_daemon(tool);
	return code ? report(tool, code, "no memory") : code;
}

const struct vfnc_tally *top_before(const struct top *top, const char *address, const struct vfnc_tally *row)
{
	for (int i = 0; i < top->last.n; i++) {
		const struct top_device *d = &top->last.devices[i];

		if (strcmp(d->entry.address, address) != 0)
			continue;
		for (int k = 0; k < d->n; k++)
			if (d->rows[k].kind == row->kind && d->rows[k].session == row->session &&
			    d->rows[k].queue == row->queue)
				return &d->rows[k];
	}
	return NULL;
}
