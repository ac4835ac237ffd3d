/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace - the memory that the daemon shares with a client that traces commands
 *
 * One memfd a trace, which its client can only read: a page of control words, then lanes, each a ring of entries
 * with one writer of its own, a thread of the daemon. A lane counts its entries from 1; the entry of number n is
 * at n - 1 modulo `entries`, and overwrites what was there. So a reader that is too slow loses the oldest, and
 * knows how many by their numbers; the writer never waits, and reads nothing of this memory.
 *
 * An entry is written so: its number is set to 0, then come the other words, last the number. A reader looks at the
 * number before and after it has copied the rest, and has the entry if it was the expected one both times. All
 * numbers are little-endian, all words of 8 bytes and aligned. doc/datapath.md explains it.
 */
#ifndef VFND_PROTO_TRACE_H
#define VFND_PROTO_TRACE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_MAGIC   0x52544656u /* "VFTR" */
#define TRACE_VERSION 1

enum trace_lane {
	TRACE_LANE_LOOP,   /* requests, and the daemon's own commands */
	TRACE_LANE_SERVED, /* served queues */
	TRACE_LANES,
};

#define TRACE_MIN_ENTRIES     64u /* of each lane; a power of two */
#define TRACE_MAX_ENTRIES     16384u
#define TRACE_DEFAULT_ENTRIES 4096u

/* Every lane's head has a cache line of its own. */
struct trace_head {
	uint64_t count; /* entries that were ever written */
	uint8_t rsvd8[56];
};

struct trace_control {
	uint32_t magic;
	uint32_t version;
	uint32_t entry_size; /* bytes; may grow, what is known stays where it is */
	uint32_t entries;    /* of each lane, a power of two */
	uint32_t lanes;
	uint32_t rsvd20;
	uint64_t offset; /* of the first lane's entries; lane i's come i * entries * entry_size bytes behind */
	uint32_t ended;	 /* 0; else the errno of why nothing more comes */
	uint8_t rsvd36[28];
	struct trace_head head[TRACE_LANES];
};

static_assert(offsetof(struct trace_control, offset) == 24, "layout");
static_assert(offsetof(struct trace_control, ended) == 32, "layout");
static_assert(offsetof(struct trace_control, head) == 64, "layout");
static_assert(sizeof(struct trace_control) == 64 + 64 * TRACE_LANES, "layout");

enum trace_flags {
	TRACE_REFUSED = 1 << 0,	  /* by a check of the daemon's: the controller has not seen it */
	TRACE_SERVED = 1 << 1,	  /* of a served queue */
	TRACE_RAW = 1 << 2,	  /* sent as its session gave it */
	TRACE_DAEMON = 1 << 3,	  /* the daemon's own */
	TRACE_TIMED_OUT = 1 << 4, /* its time limit passed */
	TRACE_LATE = 1 << 5,	  /* the completion of one that was given up before, and has an entry for that */
};

struct trace_entry {
	uint64_t number;    /* in its lane, from 1; 0 while it is being written */
	uint64_t submitted; /* ns of CLOCK_MONOTONIC; 0: the controller has not got it */
	uint64_t completed;
	uint64_t session; /* 0: the daemon's own */
	uint64_t length;  /* bytes of data that it transfers, as the daemon knows; 0 for raw ones */
	uint64_t result;  /* dwords 0 and 1 of the completion */
	uint16_t qid;	  /* the controller's queue; 0: the admin queue */
	uint16_t cid;	  /* its client's identifier in a served queue, else as in `sqe` */
	uint16_t status;  /* bits 31:17 of the completion's dword 3 */
	uint16_t flags;
	uint32_t error;	  /* why there is no completion, an errno; 0: there is one, or it was refused with `status` */
	uint16_t number_of_queue; /* of a served queue, as in its client's completions; else 0 */
	uint16_t rsvd62;
	/* The command as the controller has got it; of one that was refused as its client gave it. */
	uint8_t sqe[64];
};

static_assert(offsetof(struct trace_entry, qid) == 48, "layout");
static_assert(offsetof(struct trace_entry, error) == 56, "layout");
static_assert(offsetof(struct trace_entry, sqe) == 64, "layout");
static_assert(sizeof(struct trace_entry) == 128, "layout");

static inline uint64_t trace_size(uint32_t entries, uint64_t page)
{
	uint64_t control = (sizeof(struct trace_control) + page - 1) / page * page;

	return control + (uint64_t)TRACE_LANES * entries * sizeof(struct trace_entry);
}

#endif
