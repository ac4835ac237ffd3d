/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/vfnctl/top.h"

struct row {
	struct vfnc_device_entry entry;
	struct vfnc_device *dev;          /* NULL: not ready, or not to be had */
	struct vfnc_statistics last, now; /* `last` counts where it was looked at twice */
	bool twice;
};

struct top {
	struct tool *tool;
	struct vfnc_statistics last, now; /* of the daemon */
	int64_t last_ns, now_ns;
	bool twice;
	struct vfnc_device_entry *entries; /* the rows' texts are in there */
	struct row *rows;
	int n;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct top *top_new(struct tool *tool)
{
	struct top *top = calloc(1, sizeof(*top));

	if (top)
		top->tool = tool;
	return top;
}

void top_free(struct top *top)
{
	if (top) {
		free(top->rows);
		free(top->entries);
	}
	free(top);
}

static struct row *find(struct top *top, const char *address)
{
	for (int i = 0; i < top->n; i++)
		if (strcmp(top->rows[i].entry.address, address) == 0)
			return &top->rows[i];
	return NULL;
}

/* A device that cannot be asked is shown without numbers: it may be gone, or be reset. */
static void sample_device(struct tool *tool, struct row *row, const struct row *before)
{
	if (before && before->dev) {
		row->dev = before->dev;
		row->last = before->now;
		row->twice = true;
	}
	if (row->entry.state != VFNC_DEVICE_READY ||
	    (!row->dev && vfnc_open(tool->conn, row->entry.address, &row->dev) < 0)) {
		vfnc_close(row->dev);
		row->dev = NULL;
	} else if (vfnc_statistics(tool->conn, row->dev, &row->now) < 0) {
		vfnc_close(row->dev);
		row->dev = NULL;
	}
}

int top_sample(struct top *top)
{
	struct tool *tool = top->tool;
	struct vfnc_device_entry *entries;
	struct row *rows;
	int n;

	top->twice = top->now_ns != 0;
	top->last = top->now;
	top->last_ns = top->now_ns;
	if (vfnc_statistics(tool->conn, NULL, &top->now) < 0)
		return EXIT_DAEMON;
	top->now_ns = now_ns();
	n = vfnc_list(tool->conn, &entries);
	if (n < 0)
		return EXIT_DAEMON;
	rows = calloc((size_t)n + 1, sizeof(*rows));
	for (int i = 0; rows && i < n; i++) {
		struct row *before = find(top, entries[i].address);

		rows[i].entry = entries[i];
		sample_device(tool, &rows[i], before);
		if (before)
			before->dev = NULL;
	}
	if (!rows) {
		free(entries);
		return EXIT_FILE;
	}
	for (int i = 0; i < top->n; i++) /* those that are listed no more */
		vfnc_close(top->rows[i].dev);
	free(top->rows);
	free(top->entries);
	top->rows = rows;
	top->entries = entries;
	top->n = n;
	return EXIT_OK;
}

int top_report(struct tool *tool, int code)
{
	if (code == EXIT_DAEMON)
		return report_daemon(tool);
	return code ? report(tool, code, "no memory") : code;
}

/* Three or four significant characters: 999, 9.9k, 99k, 999k, 9.9M ... */
static const char *scaled(double value, char text[8])
{
	static const char units[] = " kMGTPE";
	int unit = 0;

	while (value >= 999.5 && unit < 6) {
		value /= 1000;
		unit++;
	}
	if (unit && value < 9.95)
		snprintf(text, 8, "%.1f%c", value, units[unit]);
	else if (unit)
		snprintf(text, 8, "%.0f%c", value, units[unit]);
	else
		snprintf(text, 8, "%.0f", value);
	return text;
}

static void print_rate(FILE *out, const struct top *top, bool twice, uint64_t last, uint64_t now)
{
	double seconds = (double)(top->now_ns - top->last_ns) / 1e9;
	char text[8];

	/* counters begin anew when a device is claimed again */
	fprintf(out, " %7s",
		twice && seconds > 0 && now >= last ? scaled((double)(now - last) / seconds, text) : "-");
}

static void print_number(FILE *out, uint64_t value)
{
	char text[8];

	fprintf(out, " %7s", scaled((double)value, text));
}

static const char *const state_names[] = {
	[VFNC_DEVICE_CLAIMING] = "claiming",
	[VFNC_DEVICE_READY] = "ready",
	[VFNC_DEVICE_FAILED] = "failed",
	[VFNC_DEVICE_RESETTING] = "resetting",
};

static void print_row(FILE *out, const struct top *top, const struct row *r, int width)
{
	size_t state = (size_t)r->entry.state;
	const char *name = state < sizeof(state_names) / sizeof(state_names[0]) ? state_names[state] : NULL;

	fprintf(out, "%-*s %-9s", width, r->entry.address, name ? name : "unknown");
	if (!r->dev) {
		fprintf(out, " %s\n", r->entry.reason);
		return;
	}
	print_number(out, r->entry.sessions);
	print_number(out, r->now.queue_pairs);
	print_number(out, r->now.outstanding);
	print_rate(out, top, r->twice, r->last.completed, r->now.completed);
	print_rate(out, top, r->twice, r->last.bytes_read, r->now.bytes_read);
	print_rate(out, top, r->twice, r->last.bytes_written, r->now.bytes_written);
	print_rate(out, top, r->twice, r->last.failed, r->now.failed);
	print_rate(out, top, r->twice, r->last.interrupts, r->now.interrupts);
	print_number(out, r->now.events);
	print_number(out, r->now.resets);
	print_number(out, r->now.buffer_bytes);
	fputc('\n', out);
}

void top_print(const struct top *top, FILE *out)
{
	uint64_t up = top->now.uptime_ns / 1000000000;
	int width = 12;

	fprintf(out, "vfnd: up %" PRIu64 ":%02u:%02u, %" PRIu64 " sessions, %" PRIu64 " leases, requests/s",
		up / 3600, (unsigned int)(up / 60 % 60), (unsigned int)(up % 60), top->now.sessions,
		top->now.leases);
	print_rate(out, top, top->twice, top->last.requests, top->now.requests);
	fputs(", refused/s", out);
	print_rate(out, top, top->twice, top->last.refused, top->now.refused);
	fputs("\n\n", out);
	for (int i = 0; i < top->n; i++)
		if ((int)strlen(top->rows[i].entry.address) > width)
			width = (int)strlen(top->rows[i].entry.address);
	fprintf(out, "%-*s %-9s %7s %7s %7s %7s %7s %7s %7s %7s %7s %7s %7s\n", width, "DEVICE", "STATE",
		"SESSION", "QUEUES", "OUTST", "CMD/s", "READ/s", "WRITE/s", "ERR/s", "IRQ/s", "EVENTS",
		"RESETS", "BUFFERS");
	for (int i = 0; i < top->n; i++)
		print_row(out, top, &top->rows[i], width);
}
