/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* In front of each piece. */
struct cl_pool_piece {
	_Alignas(16) struct cl_pool_piece *next;
	unsigned int size; /* its place among the sizes; CL_POOL_SIZES: it is not kept */
};

static unsigned int pool_size(size_t bytes)
{
	unsigned int size = 0;

	while (size < CL_POOL_SIZES && bytes > (size_t)CL_POOL_SMALLEST << size)
		size++;
	return size;
}

static void *pool_take(void *arg, size_t bytes)
{
	struct cl_pool *pool = arg;
	unsigned int size = pool_size(bytes);
	struct cl_pool_piece *piece = size < CL_POOL_SIZES ? pool->sizes[size].first : NULL;

	if (piece) {
		pool->sizes[size].first = piece->next;
		pool->sizes[size].n--;
		return piece + 1;
	}
	if (size < CL_POOL_SIZES)
		bytes = (size_t)CL_POOL_SMALLEST << size;
	if (bytes > SIZE_MAX - sizeof(*piece))
		return NULL;
	piece = malloc(sizeof(*piece) + bytes);
	if (!piece)
		return NULL;
	piece->size = size;
	return piece + 1;
}

static void pool_give(void *arg, void *p)
{
	struct cl_pool *pool = arg;
	struct cl_pool_piece *piece;

	if (!p)
		return;
	piece = (struct cl_pool_piece *)p - 1;
	if (piece->size == CL_POOL_SIZES || pool->sizes[piece->size].n == CL_POOL_KEPT) {
		free(piece);
		return;
	}
	piece->next = pool->sizes[piece->size].first;
	pool->sizes[piece->size].first = piece;
	pool->sizes[piece->size].n++;
}

void cl_pool_init(struct cl_pool *pool)
{
	*pool = (struct cl_pool){
		.allocator = {.alloc = pool_take, .free = pool_give, .allocator_data = pool},
	};
}

void cl_pool_clear(struct cl_pool *pool)
{
	for (unsigned int i = 0; i < CL_POOL_SIZES; i++) {
		struct cl_pool_piece *piece;

		while ((piece = pool->sizes[i].first)) {
			pool->sizes[i].first = piece->next;
			free(piece);
		}
		pool->sizes[i].n = 0;
	}
}

void *cl_pool_alloc(struct cl_pool *pool, size_t size)
{
	void *p = pool_take(pool, size);

	return p ? memset(p, 0, size) : NULL;
}

void cl_pool_free(struct cl_pool *pool, void *p)
{
	pool_give(pool, p);
}
