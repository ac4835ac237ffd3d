/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arena - bounded memory for one unpacked message
 *
 * A small packet can unpack to much memory; here it gets what the arena has, or is refused. Nothing is
 * freed but all at once. Not thread safe.
 */
#ifndef VFND_DAEMON_RPC_ARENA_H
#define VFND_DAEMON_RPC_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#define ARENA_SIZE (256u * 1024)

struct arena {
	ProtobufCAllocator allocator; /* to be given to protobuf-c */
	size_t used;
	_Alignas(16) uint8_t memory[ARENA_SIZE];
};

/* Empty the arena; what was allocated is void. Also initialises. */
void arena_reset(struct arena *arena);

#endif
