/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocks - logical blocks that tell who wrote them
 *
 * Every 8-byte word of a block holds the block's tag, mixed with the word's place: writer, that
 * writer's count of writes, and the block's address. So a block that is torn, foreign or elsewhere
 * is recognised.
 */
#ifndef VFND_TESTS_INT_BLOCKS_H
#define VFND_TESTS_INT_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* writer 1 to 255, generation below 2^24 */
static inline uint64_t block_tag(unsigned int writer, uint32_t generation, uint64_t lba)
{
	return (uint64_t)writer << 56 | (uint64_t)(generation & 0xffffff) << 32 | (uint32_t)lba;
}

static inline unsigned int block_writer(uint64_t tag)
{
	return (unsigned int)(tag >> 56);
}

static inline uint32_t block_generation(uint64_t tag)
{
	return tag >> 32 & 0xffffff;
}

void block_fill(void *block, size_t size, uint64_t tag);

/* The block's tag, when it is whole and of this address; otherwise 0. */
uint64_t block_read(const void *block, size_t size, uint64_t lba);

/* `n` blocks from `lba` on, written by one. */
void blocks_fill(void *data, size_t block_size, uint32_t n, unsigned int writer,
		 uint32_t generation, uint64_t lba);

/* Says what is in a block that is not as it should be, for a failure's text. */
void block_describe(const void *block, size_t size, char *out, size_t room);

#endif
