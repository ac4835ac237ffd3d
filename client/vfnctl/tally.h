/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tally - what devices, sessions and queues did, as tables of text and as JSON */
#ifndef VFNCTL_TALLY_H
#define VFNCTL_TALLY_H

#include <json-c/json.h>

#include "client/vfnctl/counters.h"

/* The counters that every row has. */
extern const struct counter tally_counters[];

/* The percentiles that latencies are shown by. */
#define TALLY_PERCENTS 4
extern const double tally_percents[TALLY_PERCENTS];

/* "served", "admin", ... of a row that is about queues. */
const char *tally_mode(const struct vfnc_tally *row);
/* The class of a queue that counts; "-": none does. */
const char *tally_priority(const struct vfnc_tally *row);

/* Whether it is one of them. */
bool tally_is_queue(const struct vfnc_tally *row);

/* A time with its unit, in few characters: 870ns, 12.3us, 1.05ms, 30.0s. Returns `text`. */
#define TALLY_TIME_SIZE 12
const char *tally_time(uint64_t ns, char text[TALLY_TIME_SIZE]);

/* Bounds, nanoseconds, that histograms are shown with; TALLY_BOUNDS of them. */
#define TALLY_BOUNDS 22
extern const uint64_t tally_bounds[TALLY_BOUNDS];

/* How many commands took no longer than each bound, all together. Buckets that lie across a bound count above it. */
void tally_cumulate(const struct vfnc_latency *latency, uint64_t counts[TALLY_BOUNDS]);

/* Lines about a device: errors by status; latencies, where there are any. */
void tally_print_errors(FILE *out, const struct vfnc_tally *row);
void tally_print_latency(FILE *out, const struct vfnc_latency *latency);

/* Tables of those rows that are about sessions, or queues. */
void tally_print_sessions(FILE *out, const struct vfnc_tally *rows, int n, bool latency);
void tally_print_queues(FILE *out, const struct vfnc_tally *rows, int n, bool latency);

/* Add members to `to`: errors by status, latency. */
void tally_json_errors(struct json_object *to, const struct vfnc_tally *row);
void tally_json_latency(struct json_object *to, const struct vfnc_latency *latency);

/* Arrays of those rows that are about sessions, or queues, and what has ended, as members of `to`. */
void tally_json_sessions(struct json_object *to, const struct vfnc_tally *rows, int n, bool latency);
void tally_json_queues(struct json_object *to, const struct vfnc_tally *rows, int n, bool latency);

#endif
