/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pool - memory for calls and answers, kept for the next ones
 *
 * What is freed is kept, a bounded number of each size, so that a client that asks again and again uses the heap no
 * more. Larger pieces come from the heap each time. Not thread safe: a connection's own.
 */
#ifndef VFND_CLIENT_POOL_H
#define VFND_CLIENT_POOL_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#define CL_POOL_SMALLEST 64 /* bytes; each further size is twice the one before */
#define CL_POOL_SIZES	 6
#define CL_POOL_KEPT	 32 /* of each size */

struct cl_pool_piece;

struct cl_pool {
	ProtobufCAllocator allocator; /* to be given to protobuf-c */
	struct {
		struct cl_pool_piece *first;
		unsigned int n;
	} sizes[CL_POOL_SIZES];
};

void cl_pool_init(struct cl_pool *pool);

/* Gives back what is kept. What was allocated is still to be freed, by cl_pool_free(), before. */
void cl_pool_clear(struct cl_pool *pool);

/* Zeroed, and aligned for anything; NULL: out of memory. */
void *cl_pool_alloc(struct cl_pool *pool, size_t size);

/* `p` may be NULL. */
void cl_pool_free(struct cl_pool *pool, void *p);

#endif
