/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * skiplist - disjoint intervals of 64-bit numbers, found by a number within
 *
 * Finding, inserting and removing take O(log n) comparisons on average: a find takes about 30 in a
 * list of a million. Not thread safe.
 */
#ifndef VFN_SRC_SUPPORT_SKIPLIST_H
#define VFN_SRC_SUPPORT_SKIPLIST_H

#include <stddef.h>
#include <stdint.h>

#define SKIPLIST_LEVELS 32

struct skiplist_node {
	uint64_t start;
	uint64_t last; /* included */
	void *value;
	int levels;
	struct skiplist_node *next[];
};

struct skiplist {
	size_t count;
	uint64_t compares; /* of numbers, in finds so far */
	uint64_t random;
	int levels; /* levels in use */
	struct skiplist_node *head[SKIPLIST_LEVELS];
};

void skiplist_init(struct skiplist *list);

/* Free all nodes; the values are the caller's business. The list can be used again. */
void skiplist_clear(struct skiplist *list);

/*
 * For nodes in memory of the caller's: how many levels the next one has to have, and how long it is
 * then. skiplist_clear() is not for lists that hold such nodes.
 */
int skiplist_levels(struct skiplist *list);
static inline size_t skiplist_node_size(int levels)
{
	return sizeof(struct skiplist_node) + (size_t)levels * sizeof(struct skiplist_node *);
}

/* Insert such a node; all but `next` is filled in, and it overlaps nothing. */
void skiplist_insert_node(struct skiplist *list, struct skiplist_node *node);

/* Remove the node that begins at `start`, and leave it to the caller; NULL when there is none. */
struct skiplist_node *skiplist_remove_node(struct skiplist *list, uint64_t start);

/* The first interval that begins at `start` or behind; NULL when there is none. */
struct skiplist_node *skiplist_from(struct skiplist *list, uint64_t start);

/* Insert [start, last]. 0, or -1: EEXIST it overlaps an interval; EINVAL last < start; ENOMEM. */
int skiplist_insert(struct skiplist *list, uint64_t start, uint64_t last, void *value);

/* Remove the interval that begins at `start`; its value, or NULL when there is none. */
void *skiplist_remove(struct skiplist *list, uint64_t start);

/* The interval that `key` is in, or NULL. */
struct skiplist_node *skiplist_find(struct skiplist *list, uint64_t key);

/* The first interval that shares a number with [start, last], or NULL. */
struct skiplist_node *skiplist_overlap(struct skiplist *list, uint64_t start, uint64_t last);

/* Intervals in ascending order: the first one, the one after `node`; NULL at the end. */
static inline struct skiplist_node *skiplist_first(const struct skiplist *list)
{
	return list->head[0];
}

static inline struct skiplist_node *skiplist_next(const struct skiplist_node *node)
{
	return node->next[0];
}

#endif
