/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prometheus - counters in Prometheus' text format, for node_exporter's textfile collector
 *
 * All samples of a name stand together, below its help and type.
 */
#ifndef VFNCTL_PROMETHEUS_H
#define VFNCTL_PROMETHEUS_H

#include "client/vfnctl/counters.h"
#include "client/vfnctl/tally.h"

/* A device, or (address NULL) the daemon alone. */
struct prometheus_sample {
	const char *address;
	struct vfnc_statistics st;
	struct vfnc_tally *rows; /* of its tallies; may be NULL */
	int n;
};

void prometheus_counters(const struct prometheus_sample *samples, int n, const struct counter *counters,
			 const char *prefix);

/* Errors by status and the histogram of latencies of each device. */
void prometheus_devices(const struct prometheus_sample *samples, int n);

/* Counters and quantiles of what is one session's, or one queue's. */
void prometheus_sessions(const struct prometheus_sample *samples, int n);
void prometheus_queues(const struct prometheus_sample *samples, int n);

#endif
