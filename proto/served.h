/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * served - the memory that a client shares with the daemon for a served queue
 *
 * One memfd a queue: a page of control words, the submission queue, the completion queue. Entries
 * are those of NVMe (base, 3.3.3). Words are little-endian and belong to one side: the other only
 * reads them.
 *
 * The client writes its tail and its head as it would write doorbells, and tells the other side of
 * it by the kick descriptor (an eventfd) only where the event index asks for that, with the
 * meaning of Doorbell Buffer Config (base, 5.8 and Annex B.5). In the other direction the
 * client's wake index is such an event index for the tail of the completion queue: passing it puts
 * a byte into the wake descriptor (a socket). Whoever goes to sleep writes its index, then a full
 * fence, then looks once more; whoever moves a word writes it, then a full fence, then looks at the
 * index. doc/datapath.md explains it.
 */
#ifndef VFND_PROTO_SERVED_H
#define VFND_PROTO_SERVED_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define SERVED_MAGIC   0x51534656u /* "VFSQ" */
#define SERVED_VERSION 1
#define SERVED_LINE    64 /* bytes that one side has for itself */

/* An event index of one who is awake: nothing passes it. */
#define SERVED_AWAKE UINT32_MAX

#define SERVED_MAX_ENTRIES 4096

struct served_control {
	/* Written by the daemon before the client has the memory, and never read by it again. */
	uint32_t magic;
	uint32_t version;
	uint32_t
		entries; /* of either queue: 2 to SERVED_MAX_ENTRIES; one less can be outstanding */
	uint32_t qid;	 /* the queue's number, as in completions */
	uint64_t sq_offset; /* bytes from the start of the memory */
	uint64_t cq_offset;
	uint8_t rsvd32[32];

	/* The client's. */
	uint32_t sq_tail;
	uint32_t cq_head;
	uint32_t
		cq_wake; /* SERVED_AWAKE, or wake me when the completion queue's tail passes this */
	uint8_t rsvd76[52];

	/* The daemon's. */
	uint32_t sq_event; /* SERVED_AWAKE, or kick me when sq_tail passes this */
	uint32_t cq_event; /* the same for cq_head: the completion queue was full */
	uint8_t rsvd136[56];
};

static_assert(offsetof(struct served_control, sq_offset) == 16, "layout");
static_assert(offsetof(struct served_control, sq_tail) == 64, "layout");
static_assert(offsetof(struct served_control, cq_head) == 68, "layout");
static_assert(offsetof(struct served_control, cq_wake) == 72, "layout");
static_assert(offsetof(struct served_control, sq_event) == 128, "layout");
static_assert(offsetof(struct served_control, cq_event) == 132, "layout");
static_assert(sizeof(struct served_control) == 192, "layout");

/* Where the queues lie, and how large the memory is; `page` bytes are a page. */
static inline uint64_t served_round(uint64_t size, uint64_t page)
{
	return (size + page - 1) / page * page;
}

static inline uint64_t served_sq_offset(uint64_t page)
{
	return served_round(sizeof(struct served_control), page);
}

static inline uint64_t served_cq_offset(uint32_t entries, uint64_t page)
{
	return served_sq_offset(page) + served_round((uint64_t)entries * 64, page);
}

static inline uint64_t served_size(uint32_t entries, uint64_t page)
{
	return served_cq_offset(entries, page) + served_round((uint64_t)entries * 16, page);
}

#endif
