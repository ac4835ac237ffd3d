/* SPDX-License-Identifier: GPL-2.0-or-later */
/* counters - what there is in struct vfnc_statistics */
#ifndef VFNCTL_COUNTERS_H
#define VFNCTL_COUNTERS_H

#include "client/vfnctl/vfnctl.h"

struct counter {
	const char *name;   /* in text and JSON; NULL ends a table */
	const char *metric; /* for Prometheus, behind vfnd_ or vfnd_device_ */
	const char *help;
	uint16_t offset;
	bool gauge;	  /* may fall as well */
	bool nanoseconds; /* which Prometheus has in seconds */
};

extern const struct counter counters_daemon[], counters_device[], counters_served[];

uint64_t counter_value(const struct vfnc_statistics *st, const struct counter *counter);

#endif
