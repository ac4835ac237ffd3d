/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blocks.h"

#include <stdio.h>
#include <string.h>

static uint64_t block_mix(size_t word)
{
	return word * 0x9e3779b97f4a7c15u;
}

/* Data may lie at any multiple of 4 bytes: words are copied. */
static uint64_t block_word(const void *block, size_t word)
{
	uint64_t v;

	memcpy(&v, (const char *)block + word * sizeof(v), sizeof(v));
	return v ^ block_mix(word);
}

void block_fill(void *block, size_t size, uint64_t tag)
{
	for (size_t i = 0; i < size / sizeof(tag); i++) {
		uint64_t v = tag ^ block_mix(i);

		memcpy((char *)block + i * sizeof(v), &v, sizeof(v));
	}
}

uint64_t block_read(const void *block, size_t size, uint64_t lba)
{
	uint64_t tag = block_word(block, 0);

	for (size_t i = 1; i < size / sizeof(tag); i++)
		if (block_word(block, i) != tag)
			return 0;
	return (uint32_t)tag == (uint32_t)lba ? tag : 0;
}

void blocks_fill(void *data, size_t block_size, uint32_t n, unsigned int writer,
		 uint32_t generation, uint64_t lba)
{
	for (uint32_t i = 0; i < n; i++)
		block_fill((char *)data + i * block_size, block_size,
			   block_tag(writer, generation, lba + i));
}

void block_describe(const void *block, size_t size, char *out, size_t room)
{
	uint64_t last = ~block_word(block, 0);
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < size / sizeof(last) && n + 64 < room; i++) {
		uint64_t tag = block_word(block, i);

		if (tag != last)
			n += (size_t)snprintf(out + n, room - n,
					      " from byte %zu: writer %u, write %u, block %u;",
					      i * sizeof(tag), block_writer(tag),
					      block_generation(tag), (uint32_t)tag);
		last = tag;
	}
}
