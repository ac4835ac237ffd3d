/* SPDX-License-Identifier: GPL-2.0-or-later */
/* counters - what there is in struct vfnc_statistics, and tables of what is in other structures */
#ifndef VFNCTL_COUNTERS_H
#define VFNCTL_COUNTERS_H

#include <json-c/json.h>

#include "client/vfnctl/vfnctl.h"

/* A member of 64 bits. */
struct counter {
	const char *name;   /* in text and JSON; NULL ends a table */
	const char *metric; /* for Prometheus, behind what it is of */
	const char *help;
	uint16_t offset;
	bool gauge;	  /* may fall as well */
	bool nanoseconds; /* which Prometheus has in seconds */
};

/* A row of a table, and its last. */
#define COUNTER_OF(type, member, metric, help, gauge, nanoseconds) \
	{#member, metric, help, offsetof(type, member), gauge, nanoseconds}
#define COUNTERS_END {NULL, NULL, NULL, 0, false, false}

extern const struct counter counters_daemon[], counters_device[], counters_served[];

/* In the structure that its table is about. */
uint64_t counter_value(const void *of, const struct counter *counter);

/* Add a member to `to` for each of a table. */
void counters_json(struct json_object *to, const void *of, const struct counter *counters);

#endif
