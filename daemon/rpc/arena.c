/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/rpc/arena.h"

static void *arena_alloc(void *data, size_t size)
{
	struct arena *arena = data;
	void *p = arena->memory + arena->used;

	if (size > ARENA_SIZE - arena->used)
		return NULL;
	arena->used += (size + 15) & ~(size_t)15;
	if (arena->used > ARENA_SIZE)
		arena->used = ARENA_SIZE;
	return p;
}

static void arena_free(void *data, void *p)
{
}

void arena_reset(struct arena *arena)
{
	arena->allocator = (ProtobufCAllocator){
		.alloc = arena_alloc,
		.free = arena_free,
		.allocator_data = arena,
	};
	arena->used = 0;
}
