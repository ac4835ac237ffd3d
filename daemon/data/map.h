/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * map - the memory that a session's commands may name, on one device
 *
 * A buffer is in the map from when the device can reach it until it is freed. Commands that were
 * sent hold those that they use: such a buffer cannot be taken out. The buffer's memory is the
 * client's as well, and changes at any time: what is read there is read once, and checked then. One
 * thread.
 */
#ifndef VFND_DAEMON_DATA_MAP_H
#define VFND_DAEMON_DATA_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct data_buffer {
	uint64_t iova, size; /* bytes */
	const volatile uint8_t *vaddr;
	uint32_t busy; /* holds */
	bool lossy;    /* a load may end in a SIGBUS: it is read by its descriptor */
	int fd;
	uint64_t at; /* where in that */
};

struct data_map {
	struct data_buffer **buffers; /* in ascending order of IOVA; they do not overlap */
	unsigned int n, room;
	struct data_buffer *last; /* found; or NULL */
	unsigned int many;	  /* commands that use more buffers than are counted one by one */
};

#define DATA_REFS 2

/* The buffers that a command holds. */
struct data_refs {
	struct data_buffer *buffers[DATA_REFS];
	uint8_t n;
	bool many; /* and more: all of the map's */
};

/* The buffer stays the caller's. 0, -ENOMEM, or -EEXIST. */
int data_map_add(struct data_map *map, struct data_buffer *buffer);

/* 0; -EBUSY commands use it; -ENOENT. */
int data_map_remove(struct data_map *map, struct data_buffer *buffer);

/* The map holds none any more. */
void data_map_clear(struct data_map *map);

struct data_buffer *data_map_search(struct data_map *map, uint64_t iova);

/* The buffer in which all of [iova, iova + len) lies, or NULL. `len` is not 0. */
static inline struct data_buffer *data_map_find(struct data_map *map, uint64_t iova, uint64_t len)
{
	struct data_buffer *b = map->last;

	if (__builtin_expect(!b || iova - b->iova >= b->size, 0)) {
		b = data_map_search(map, iova);
		if (!b)
			return NULL;
	}
	return len <= b->size - (iova - b->iova) ? b : NULL;
}

void data_refs_hold_slow(struct data_map *map, struct data_refs *refs, struct data_buffer *buffer);
void data_refs_drop_slow(struct data_map *map, struct data_refs *refs);

static inline void data_refs_hold(struct data_map *map, struct data_refs *refs,
				  struct data_buffer *buffer)
{
	if (refs->n) {
		data_refs_hold_slow(map, refs, buffer);
		return;
	}
	refs->buffers[0] = buffer;
	refs->n = 1;
	buffer->busy++;
}

static inline void data_refs_drop(struct data_map *map, struct data_refs *refs)
{
	if (__builtin_expect(refs->n != 1, 0)) {
		data_refs_drop_slow(map, refs);
		return;
	}
	refs->n = 0;
	refs->buffers[0]->busy--;
}

#endif
