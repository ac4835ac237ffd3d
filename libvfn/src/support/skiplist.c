/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/skiplist.h"

void skiplist_init(struct skiplist *list)
{
	memset(list, 0, sizeof(*list));
	/*
	 * A fixed seed: the shape of a list is the same in every run, and nobody gains by guessing
	 * it.
	 */
	list->random = 0x9e3779b97f4a7c15u;
}

void skiplist_clear(struct skiplist *list)
{
	struct skiplist_node *node = list->head[0], *next;

	for (; node; node = next) {
		next = node->next[0];
		free(node);
	}
	skiplist_init(list);
}

/* Half of the nodes have one level, a quarter two, and so on. */
int skiplist_levels(struct skiplist *list)
{
	uint64_t x = list->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	list->random = x;
	return 1 + __builtin_ctzll(x >> 8 | 1ull << (SKIPLIST_LEVELS - 1));
}

/*
 * Put the links that lead past `key`, one a level, into `links`: the nodes they point at are the
 * first ones that do not begin before `key`.
 */
static void skiplist_seek(struct skiplist *list, uint64_t key, struct skiplist_node ***links)
{
	struct skiplist_node **link = list->head;

	for (int i = list->levels - 1; i >= 0; i--) {
		while (link[i] && link[i]->start < key)
			link = link[i]->next;
		links[i] = &link[i];
	}
}

struct skiplist_node *skiplist_find(struct skiplist *list, uint64_t key)
{
	struct skiplist_node **link = list->head, *stop = NULL, *node, *found = NULL;
	uint64_t compares = 0;

	for (int i = list->levels - 1; i >= 0; i--) {
		/* The node that ended the walk one level up is known to lie behind the key. */
		while ((node = link[i]) && node != stop) {
			compares++;
			if (key < node->start) {
				stop = node;
				break;
			}
			found = node;
			link = node->next;
		}
	}
	/* The last one that does not begin behind the key is the only one that it can be in. */
	if (found) {
		compares++;
		if (key > found->last)
			found = NULL;
	}
	/* Finds may run side by side; the count is for tests, and may lose some then. */
	__atomic_store_n(&list->compares,
			 __atomic_load_n(&list->compares, __ATOMIC_RELAXED) + compares,
			 __ATOMIC_RELAXED);
	return found;
}

struct skiplist_node *skiplist_from(struct skiplist *list, uint64_t start)
{
	struct skiplist_node **links[SKIPLIST_LEVELS];

	if (!list->levels)
		return NULL;
	skiplist_seek(list, start, links);
	return *links[0];
}

struct skiplist_node *skiplist_overlap(struct skiplist *list, uint64_t start, uint64_t last)
{
	struct skiplist_node *node = skiplist_find(list, start);

	if (node)
		return node;
	node = skiplist_from(list, start);
	return node && node->start <= last ? node : NULL;
}

int skiplist_insert(struct skiplist *list, uint64_t start, uint64_t last, void *value)
{
	struct skiplist_node *node;
	int levels;

	if (last < start) {
		errno = EINVAL;
		return -1;
	}
	if (skiplist_overlap(list, start, last)) {
		errno = EEXIST;
		return -1;
	}
	levels = skiplist_levels(list);
	node = malloc(skiplist_node_size(levels));
	if (!node)
		return -1;
	*node = (struct skiplist_node){
		.start = start, .last = last, .value = value, .levels = levels};
	skiplist_insert_node(list, node);
	return 0;
}

void skiplist_insert_node(struct skiplist *list, struct skiplist_node *node)
{
	struct skiplist_node **links[SKIPLIST_LEVELS];

	if (list->levels < node->levels)
		list->levels = node->levels;
	skiplist_seek(list, node->start, links);
	for (int i = 0; i < node->levels; i++) {
		node->next[i] = *links[i];
		*links[i] = node;
	}
	list->count++;
}

struct skiplist_node *skiplist_remove_node(struct skiplist *list, uint64_t start)
{
	struct skiplist_node **links[SKIPLIST_LEVELS], *node;

	if (!list->levels)
		return NULL;
	skiplist_seek(list, start, links);
	node = *links[0];
	if (!node || node->start != start)
		return NULL;
	for (int i = 0; i < node->levels; i++)
		*links[i] = node->next[i];
	while (list->levels && !list->head[list->levels - 1])
		list->levels--;
	list->count--;
	return node;
}

void *skiplist_remove(struct skiplist *list, uint64_t start)
{
	struct skiplist_node *node = skiplist_remove_node(list, start);
	void *value = node ? node->value : NULL;

	free(node);
	return value;
}
