/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/states.h"
#include "client/vfnctl/top.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IN_DEVICES  (1u << TOP_DEVICES)
#define IN_SESSIONS (1u << TOP_SESSIONS)
#define IN_QUEUES   (1u << TOP_QUEUES)
#define IN_ALL	    (IN_DEVICES | IN_SESSIONS | IN_QUEUES)

enum column_kind {
	COLUMN_NUMBER,	/* as it is now */
	COLUMN_NUMBER32,
	COLUMN_RATE,	/* so many a second since the last look */
	COLUMN_LATENCY, /* of the commands since the last look */
};

struct column {
	const char *name;
	unsigned int views;
	enum column_kind kind;
	uint16_t offset; /* in struct vfnc_tally */
	double percent;	 /* of latencies */
};

#define AT(member) offsetof(struct vfnc_tally, member)

static const struct column columns[] = {
	{"SESSION", IN_DEVICES, COLUMN_NUMBER32, AT(sessions), 0},
	{"QUEUES", IN_DEVICES | IN_SESSIONS, COLUMN_NUMBER32, AT(queues), 0},
	{"ENTRIES", IN_QUEUES, COLUMN_NUMBER32, AT(entries), 0},
	{"OUTST", IN_ALL, COLUMN_NUMBER, AT(outstanding), 0},
	{"CMD/s", IN_ALL, COLUMN_RATE, AT(completed), 0},
	{"READ/s", IN_ALL, COLUMN_RATE, AT(bytes_read), 0},
	{"WRITE/s", IN_ALL, COLUMN_RATE, AT(bytes_written), 0},
	{"ERR/s", IN_ALL, COLUMN_RATE, AT(failed), 0},
	{"IRQ/s", IN_ALL, COLUMN_RATE, AT(interrupts), 0},
	{"P50", IN_ALL, COLUMN_LATENCY, AT(latency), 50},
	{"P99", IN_ALL, COLUMN_LATENCY, AT(latency), 99},
	{"P99.9", IN_ALL, COLUMN_LATENCY, AT(latency), 99.9},
	{"REFUSED", IN_SESSIONS | IN_QUEUES, COLUMN_NUMBER, AT(refused), 0},
	{"EVENTS", IN_DEVICES, COLUMN_NUMBER, AT(events), 0},
	{"RESETS", IN_DEVICES, COLUMN_NUMBER, AT(resets), 0},
	{"BUFFERS", IN_DEVICES, COLUMN_NUMBER, AT(buffer_bytes), 0},
};

#define COLUMNS ((int)(sizeof(columns) / sizeof(columns[0])))

const char *top_view_name(enum top_view view)
{
	static const char *const names[TOP_VIEWS] = {"devices", "sessions", "queues"};

	return names[view];
}

const char *top_sort_name(const struct top *top)
{
	return top->sort < 0 ? "none" : columns[top->sort].name;
}

static bool shown(const struct top *top, int column)
{
	return columns[column].views & 1u << top->view;
}

/* -1 is a place, too: that of no column. */
void top_sort_step(struct top *top, int step)
{
	do {
		top->sort += step;
		if (top->sort >= COLUMNS)
			top->sort = -1;
		else if (top->sort < -1)
			top->sort = COLUMNS - 1;
	} while (top->sort >= 0 && !shown(top, top->sort));
}

int top_sort_find(const struct top *top, const char *name)
{
	for (int i = 0; i < COLUMNS; i++)
		if (shown(top, i) && strcasecmp(columns[i].name, name) == 0)
			return i;
	return -1;
}

void top_sort_list(const struct top *top, char *names, size_t size)
{
	size_t len = 0;

	names[0] = '\0';
	for (int i = 0; i < COLUMNS && len < size; i++)
		if (shown(top, i))
			len += (size_t)snprintf(names + len, size - len, "%s%s", len ? " " : "", columns[i].name);
}

/* ---- values -------------------------------------------------------------------------------------- */

struct line {
	const struct top_device *device;
	const struct vfnc_tally *now, *last; /* NULL: there is none */
	double key; /* what is sorted by */
	int place;  /* as the daemon told it */
};

static uint64_t number(const struct vfnc_tally *row, const struct column *c)
{
	const char *at = (const char *)row + c->offset;

	return c->kind == COLUMN_NUMBER32 ? *(const uint32_t *)(const void *)at : *(const uint64_t *)(const void *)at;
}

/* How many of a bucket of `now` are new; *at goes through the buckets of `last`. */
static uint64_t bucket_since(const struct vfnc_latency_bucket *bucket, const struct vfnc_latency *last, uint32_t *at)
{
	while (*at < last->n_buckets && last->buckets[*at].bound_ns < bucket->bound_ns)
		(*at)++;
	if (*at < last->n_buckets && last->buckets[*at].bound_ns == bucket->bound_ns &&
	    last->buckets[*at].count <= bucket->count)
		return bucket->count - last->buckets[*at].count;
	return bucket->count;
}

/* Of the commands that were completed between two looks; NAN: there was none. */
static double latency_since(const struct vfnc_latency *now, const struct vfnc_latency *last, double percent)
{
	double want = ((double)now->count - (double)last->count) * percent / 100;
	uint64_t seen = 0, longest = now->max_ns;
	uint32_t at = 0;

	if (now->count <= last->count)
		return NAN;
	for (uint32_t i = 0; i < now->n_buckets; i++) {
		seen += bucket_since(&now->buckets[i], last, &at);
		if (seen && (double)seen >= want)
			return (double)(now->buckets[i].bound_ns < longest ? now->buckets[i].bound_ns : longest);
	}
	return (double)longest;
}

static double rate(const struct top *top, uint64_t last, uint64_t now)
{
	double seconds = (double)(top->now.ns - top->last.ns) / 1e9;

	/* counters begin anew when a device is claimed again */
	return top->last.ns && seconds > 0 && now >= last ? (double)(now - last) / seconds : NAN;
}

static double value(const struct top *top, const struct line *l, const struct column *c)
{
	if (!l->now)
		return NAN;
	if (c->kind == COLUMN_NUMBER || c->kind == COLUMN_NUMBER32)
		return (double)number(l->now, c);
	if (!l->last)
		return NAN;
	if (c->kind == COLUMN_LATENCY)
		return latency_since(&l->now->latency, &l->last->latency, c->percent);
	return rate(top, number(l->last, c), number(l->now, c));
}

/* ---- lines --------------------------------------------------------------------------------------- */

static bool wanted(const struct top *top, const struct vfnc_tally *row)
{
	switch (top->view) {
	case TOP_DEVICES:
		return row->kind == VFNC_TALLY_DEVICE;
	case TOP_SESSIONS:
		return row->kind == VFNC_TALLY_SESSION;
	default:
		/* of queues that are gone nothing happens */
		return row->kind == VFNC_TALLY_QUEUE || row->kind == VFNC_TALLY_ADMIN;
	}
}

static int compare(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	bool no_x = isnan(x->key), no_y = isnan(y->key);

	if (no_x != no_y)
		return no_x - no_y;
	if (!no_x && x->key < y->key)
		return 1;
	if (!no_x && x->key > y->key)
		return -1;
	return x->place - y->place;
}

/* The lines of the view, sorted, to be given to free(3). NULL: no memory, or none. */
static struct line *lines_make(const struct top *top, int *n)
{
	struct line *lines;
	size_t room = 1;

	*n = 0;
	for (int i = 0; i < top->now.n; i++)
		room += (size_t)top->now.devices[i].n + 1;
	lines = calloc(room, sizeof(*lines));
	for (int i = 0; lines && i < top->now.n; i++) {
		const struct top_device *d = &top->now.devices[i];

		if (top->view == TOP_DEVICES && !d->n)
			lines[(*n)++] = (struct line){.device = d};
		for (int k = 0; k < d->n; k++)
			if (wanted(top, &d->rows[k]))
				lines[(*n)++] = (struct line){
					.device = d,
					.now = &d->rows[k],
					.last = top_before(top, d->entry.address, &d->rows[k]),
				};
	}
	for (int i = 0; i < *n; i++) {
		lines[i].place = i;
		lines[i].key = top->sort < 0 ? NAN : value(top, &lines[i], &columns[top->sort]);
		if (top->reverse)
			lines[i].key = -lines[i].key;
	}
	if (lines)
		qsort(lines, (size_t)*n, sizeof(*lines), compare);
	return lines;
}

/* Three or four significant characters: 999, 9.9k, 99k, 999k, 9.9M ... */
static const char *scaled(double v, char text[TALLY_TIME_SIZE])
{
	static const char units[] = " kMGTPE";
	int unit = 0;

	while (v >= 999.5 && unit < 6) {
		v /= 1000;
		unit++;
	}
	if (unit && v < 9.95)
		snprintf(text, TALLY_TIME_SIZE, "%.1f%c", v, units[unit]);
	else if (unit)
		snprintf(text, TALLY_TIME_SIZE, "%.0f%c", v < 9999 ? v : 9999, units[unit]);
	else
		snprintf(text, TALLY_TIME_SIZE, "%.0f", v);
	return text;
}

static void print_value(FILE *out, enum column_kind kind, double v)
{
	char text[TALLY_TIME_SIZE];

	if (isnan(v))
		fprintf(out, " %7s", "-");
	else
		fprintf(out, " %7s", kind == COLUMN_LATENCY ? tally_time((uint64_t)v, text) : scaled(v, text));
}

static void print_line(FILE *out, const struct top *top, const struct line *l, int width)
{
	const struct vfnc_device_entry *e = &l->device->entry;

	switch (top->view) {
	case TOP_DEVICES:
		fprintf(out, "%-*s %-9s", width, e->address, states_name(e->state));
		break;
	case TOP_SESSIONS:
		fprintf(out, "%-7" PRIu64 " %7u %-15.15s %-*s", l->now->session, l->now->pid, l->now->program, width,
			e->address);
		break;
	default:
		fprintf(out, "%-7" PRIu64 " %5" PRIu64 " %-7s %-*s", l->now->session, l->now->queue, tally_mode(l->now),
			width, e->address);
		break;
	}
	if (!l->now) {
		fprintf(out, " %s\n", e->reason);
		return;
	}
	for (int i = 0; i < COLUMNS; i++)
		if (shown(top, i))
			print_value(out, columns[i].kind, value(top, l, &columns[i]));
	fputc('\n', out);
}

static void print_heading(FILE *out, const struct top *top, int width)
{
	switch (top->view) {
	case TOP_DEVICES:
		fprintf(out, "%-*s %-9s", width, "DEVICE", "STATE");
		break;
	case TOP_SESSIONS:
		fprintf(out, "%-7s %7s %-15s %-*s", "SESSION", "PID", "PROGRAM", width, "DEVICE");
		break;
	default:
		fprintf(out, "%-7s %5s %-7s %-*s", "SESSION", "QUEUE", "MODE", width, "DEVICE");
		break;
	}
	for (int i = 0; i < COLUMNS; i++)
		if (shown(top, i))
			fprintf(out, " %7s", columns[i].name);
	fputc('\n', out);
}

void top_print(const struct top *top, FILE *out)
{
	const struct vfnc_statistics *d = &top->now.daemon;
	uint64_t up = d->uptime_ns / 1000000000;
	struct line *lines;
	int width = 12, n;

	fprintf(out, "vfnd: up %" PRIu64 ":%02u:%02u, %" PRIu64 " sessions, %" PRIu64 " leases, requests/s", up / 3600,
		(unsigned int)(up / 60 % 60), (unsigned int)(up % 60), d->sessions, d->leases);
	print_value(out, COLUMN_RATE, rate(top, top->last.daemon.requests, d->requests));
	fputs(", refused/s", out);
	print_value(out, COLUMN_RATE, rate(top, top->last.daemon.refused, d->refused));
	fputs("\n\n", out);
	for (int i = 0; i < top->now.n; i++)
		if ((int)strlen(top->now.devices[i].entry.address) > width)
			width = (int)strlen(top->now.devices[i].entry.address);
	print_heading(out, top, width);
	lines = lines_make(top, &n);
	for (int i = 0; i < n; i++)
		print_line(out, top, &lines[i], width);
	free(lines);
}
