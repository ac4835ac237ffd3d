/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally - what one queue, or all that somebody has, did so far
 *
 * Whoever completes the commands counts: the loop, or the thread that runs the engine. Anybody may read meanwhile
 * (counter.h).
 */
#ifndef VFND_DAEMON_DATA_TALLY_H
#define VFND_DAEMON_DATA_TALLY_H

#include <stdbool.h>

#include "daemon/data/histogram.h"

/* Different statuses that are told apart in one tally. */
#define TALLY_STATUSES 32

/* Why a command of a served queue was refused. */
enum tally_refusal {
	TALLY_REFUSED_OPCODE,	 /* its length cannot be told */
	TALLY_REFUSED_FIELD,	 /* PSDT, FUSE, more than a command may transfer */
	TALLY_REFUSED_MEMORY,	 /* outside of the session's buffers */
	TALLY_REFUSED_FUSED,	 /* half of a pair */
	TALLY_REFUSED_NAMESPACE, /* not active */
	TALLY_REFUSED_SGL,	 /* segments and descriptors */
	TALLY_REFUSED_PRP,	 /* offsets */
	TALLY_REFUSALS,
};

/* Commands that failed, by status code and type; by a check, too. */
struct tally_status {
	uint16_t used; /* 0: not yet; else TALLY_USED and the status */
	uint64_t count;
};

#define TALLY_USED 0x8000u

struct tally {
	uint64_t submitted; /* taken from a served queue, and sent as requests */
	uint64_t completed; /* refused ones of served queues included */
	uint64_t failed;    /* of them, with another status than success */
	uint64_t lost;	    /* requests that ended without a completion */
	/* By a check: the controller has not seen them. Requests are not in `submitted` then. */
	uint64_t refused;
	uint64_t refused_by[TALLY_REFUSALS]; /* those of served queues */
	uint64_t bytes_read, bytes_written;
	uint64_t kicks, wakes;
	uint64_t interrupts; /* of queues that are gone */
	struct tally_status status[TALLY_STATUSES];
	uint64_t other; /* failed, when there was no room for one more status */
	struct histogram latency; /* of what the controller has completed */
};

/* Empty, of memory that is all zero. */
void tally_init(struct tally *tally);

/* What is only made when there is something to count, as a histogram is large. NULL without memory. */
struct tally *tally_get(struct tally **tally);

/* A command has failed. */
void tally_fail(struct tally *tally, uint16_t status);

/* Add what another one has counted so far; its latencies only where asked for, since they are the most of it. */
void tally_merge(struct tally *to, const struct tally *from, bool latency);

#endif
