/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/data/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many buffers begin at `iova` or below. */
static unsigned int map_upper(const struct data_map *map, uint64_t iova)
{
	unsigned int low = 0, high = map->n;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (map->buffers[mid]->iova <= iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct data_buffer *data_map_search(struct data_map *map, uint64_t iova)
{
	unsigned int i = map_upper(map, iova);
	struct data_buffer *b;

	if (i == 0)
		return NULL;
	b = map->buffers[i - 1];
	if (iova - b->iova >= b->size)
		return NULL;
	map->last = b;
	return b;
}

int data_map_add(struct data_map *map, struct data_buffer *buffer)
{
	unsigned int i = map_upper(map, buffer->iova);

	if ((i > 0 && buffer->iova - map->buffers[i - 1]->iova < map->buffers[i - 1]->size) ||
	    (i < map->n && map->buffers[i]->iova - buffer->iova < buffer->size))
		return -EEXIST;
	if (map->n == map->room) {
		unsigned int room = map->room ? 2 * map->room : 8;
		struct data_buffer **more = reallocarray(map->buffers, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		map->buffers = more;
		map->room = room;
	}
	memmove(&map->buffers[i + 1], &map->buffers[i], (map->n - i) * sizeof(*map->buffers));
	map->buffers[i] = buffer;
	map->n++;
	buffer->busy = 0;
	return 0;
}

int data_map_remove(struct data_map *map, struct data_buffer *buffer)
{
	unsigned int i = map_upper(map, buffer->iova);

	if (i == 0 || map->buffers[i - 1] != buffer)
		return -ENOENT;
	if (buffer->busy || map->many)
		return -EBUSY;
	map->n--;
	memmove(&map->buffers[i - 1], &map->buffers[i], (map->n - i + 1) * sizeof(*map->buffers));
	if (map->last == buffer)
		map->last = NULL;
	return 0;
}

void data_map_clear(struct data_map *map)
{
	free(map->buffers);
	memset(map, 0, sizeof(*map));
}

void data_refs_hold_slow(struct data_map *map, struct data_refs *refs, struct data_buffer *buffer)
{
	for (unsigned int i = 0; i < refs->n; i++)
		if (refs->buffers[i] == buffer)
			return;
	if (refs->n < DATA_REFS) {
		refs->buffers[refs->n++] = buffer;
		buffer->busy++;
	} else if (!refs->many) {
		refs->many = true;
		map->many++;
	}
}

void data_refs_drop_slow(struct data_map *map, struct data_refs *refs)
{
	while (refs->n)
		refs->buffers[--refs->n]->busy--;
	if (refs->many)
		map->many--;
	refs->many = false;
}
