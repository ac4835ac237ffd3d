/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace - what became of commands, written into rings that clients read
 *
 * A trace is one client's ring (proto/trace.h) and its filter. It has a lane for each thread that completes
 * commands: the loop, and whoever runs the engine, which is the same one or another. A thread writes its own lane
 * alone, and nothing of what clients can read is ever read by it. Who completes commands has a list of the traces
 * that want to know of any, or none: that is all that is looked at while nobody traces.
 *
 * The lists belong to their threads; a filter does not change while the trace is on a list.
 */
#ifndef VFND_DAEMON_DATA_TRACE_H
#define VFND_DAEMON_DATA_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <vfn/nvme/types.h>

#include "proto/trace.h"

#define TRACE_STATUSES 16 /* that a filter may name */
#define TRACE_LIST_MAX 16 /* traces of one device */

/* All of it has to hold. */
struct trace_filter {
	uint64_t session; /* 0: any */
	const void *user; /* of the session; NULL: anybody, and the daemon itself */
	bool opcodes_set;
	uint64_t opcodes[4]; /* a bit for each */
	bool no_admin, no_io;
	bool qid_set;
	uint16_t qid;	 /* the controller's, or a served queue's number */
	bool failed;	 /* with another status than success, refused, or without completion */
	unsigned int nstatuses;
	uint16_t statuses[TRACE_STATUSES]; /* status code in bits 7:0, its type in 10:8; one of them */
};

struct trace {
	struct trace_filter filter;
	struct trace_control *control;
	uint8_t *entries; /* of the first lane */
	uint32_t count;	  /* of a lane */
	struct {
		_Atomic uint64_t head; /* the writer's; others may look how far it is */
	} lane[TRACE_LANES];
};

struct trace_list {
	unsigned int n;
	struct trace *of[TRACE_LIST_MAX];
};

/* Whose a command is. */
struct trace_owner {
	uint64_t session; /* 0: the daemon's own */
	const void *user;
};

/* `memory` has trace_size() bytes, all zero. The filter is set already. */
void trace_init(struct trace *trace, void *memory, uint32_t entries, uint64_t page);

/* Nothing more comes, for this reason (an errno). */
void trace_end(struct trace *trace, uint32_t error);

/* 0, or -ENOSPC: there are as many as may be. */
int trace_list_add(struct trace_list *list, struct trace *trace);
void trace_list_remove(struct trace_list *list, struct trace *trace);

/*
 * One of them wants to know of such a command, or may, once its status is known. Admin commands have qid 0;
 * `number` is a served queue's.
 */
bool trace_wants(const struct trace_list *list, const struct trace_owner *owner, uint16_t qid, uint16_t number,
		 uint8_t opcode);

/*
 * Write an entry to the lane of each that wants it. Of `entry` all is set but number and times, and numbers are
 * little-endian where the command is alone; `submitted` are ticks, 0: it was not; it completes now.
 */
void trace_put(const struct trace_list *list, enum trace_lane lane, const struct trace_owner *owner,
	       const struct trace_entry *entry, uint64_t submitted);

#endif
