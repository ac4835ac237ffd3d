/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Free extents are the nodes of a treap: a search tree by address, a heap by random priority. Each
 * node knows the largest extent below it, so that the first one that is large enough is found in
 * one descent. Neighbours never touch: they are joined when an extent is given back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/iommu/dma.h>
#include <vfn/support/align.h>
#include "iommu/iova.h"

static uint64_t extent_span(const struct iova_extent *e)
{
	return e->last - e->start;
}

static void extent_update(struct iova_extent *e)
{
	e->max = extent_span(e);
	if (e->left && e->left->max > e->max)
		e->max = e->left->max;
	if (e->right && e->right->max > e->max)
		e->max = e->right->max;
}

/* Split into the extents that begin below `key`, and the others. */
static void treap_split(struct iova_extent *t, uint64_t key, struct iova_extent **l,
			struct iova_extent **r)
{
	if (!t) {
		*l = *r = NULL;
	} else if (t->start < key) {
		treap_split(t->right, key, &t->right, r);
		*l = t;
		extent_update(t);
	} else {
		treap_split(t->left, key, l, &t->left);
		*r = t;
		extent_update(t);
	}
}

static struct iova_extent *treap_merge(struct iova_extent *l, struct iova_extent *r)
{
	if (!l || !r)
		return l ? l : r;
	if (l->prio > r->prio) {
		l->right = treap_merge(l->right, r);
		extent_update(l);
		return l;
	}
	r->left = treap_merge(l, r->left);
	extent_update(r);
	return r;
}

/* The extent that `iova` is in, or the nearest one below; NULL when there is none. */
static struct iova_extent *treap_floor(struct iova_extent *t, uint64_t iova)
{
	struct iova_extent *best = NULL;

	while (t) {
		if (t->start <= iova) {
			best = t;
			t = t->right;
		} else {
			t = t->left;
		}
	}
	return best;
}

static struct iova_extent *own_pop(struct iova_space *space)
{
	struct iova_extent *e = space->spare;

	space->spare = e->right;
	space->nspare--;
	return e;
}

static void lent_unlink(struct iova_space *space, struct iova_extent *e)
{
	*(e->left ? &e->left->right : &space->lent) = e->right;
	if (e->right)
		e->right->left = e->left;
	space->nspare--;
}

static struct iova_extent *spare_pop(struct iova_space *space)
{
	struct iova_extent *e = space->lent;

	if (!e)
		return own_pop(space);
	lent_unlink(space, e);
	e->lent = IOVA_LENT_USED;
	return e;
}

static void spare_push(struct iova_space *space, struct iova_extent *e)
{
	space->nspare++;
	if (!e->lent) {
		e->right = space->spare;
		space->spare = e;
		return;
	}
	e->lent = IOVA_LENT_SPARE;
	e->left = NULL;
	e->right = space->lent;
	if (e->right)
		e->right->left = e;
	space->lent = e;
}

void iova_lend(struct iova_space *space, struct iova_extent *e)
{
	if (space->custom)
		return;
	e->lent = IOVA_LENT_SPARE;
	spare_push(space, e);
}

/* Put `to` into the tree in the place of `e`. */
static void treap_replace(struct iova_space *space, struct iova_extent *e, struct iova_extent *to)
{
	struct iova_extent **link = &space->root;
	enum iova_lent lent = to->lent;

	while (*link != e)
		link = e->start < (*link)->start ? &(*link)->left : &(*link)->right;
	*to = *e;
	to->lent = lent;
	*link = to;
}

void iova_take_back(struct iova_space *space, struct iova_extent *e)
{
	/* Not lent to this space: it is another one than the one that it was lent to. */
	if (!e->lent)
		return;
	/* There is one spare more than needed since what it was lent for is gone. */
	if (e->lent == IOVA_LENT_SPARE)
		lent_unlink(space, e);
	else
		treap_replace(space, e, spare_pop(space));
	e->lent = IOVA_NOT_LENT;
}

/*
 * Every extent that is taken can leave at most one more gap; with that many nodes at hand nothing
 * that follows can fail.
 */
static int spare_fill(struct iova_space *space, size_t live)
{
	while (space->nextents + space->nspare < space->nranges + live + 1) {
		struct iova_extent *e = calloc(1, sizeof(*e));

		if (!e)
			return -1;
		spare_push(space, e);
	}
	return 0;
}

static void treap_insert(struct iova_space *space, uint64_t start, uint64_t last)
{
	struct iova_extent *e = spare_pop(space), *l, *r;
	enum iova_lent lent = e->lent;
	uint64_t x = space->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	space->random = x;
	*e = (struct iova_extent){.start = start, .last = last, .prio = x, .lent = lent};
	extent_update(e);
	treap_split(space->root, start, &l, &r);
	space->root = treap_merge(treap_merge(l, e), r);
	space->nextents++;
}

static void treap_remove(struct iova_space *space, const struct iova_extent *gone)
{
	uint64_t start = gone->start;
	struct iova_extent *l, *m, *r;

	treap_split(space->root, start, &l, &r);
	if (start == UINT64_MAX)
		m = r, r = NULL;
	else
		treap_split(r, start + 1, &m, &r);
	space->root = treap_merge(l, r);
	spare_push(space, m);
	space->nextents--;
}

/* Take [start, last] out of the free extent `e` that it lies in. */
static void extent_carve(struct iova_space *space, const struct iova_extent *e, uint64_t start,
			 uint64_t last)
{
	uint64_t estart = e->start, elast = e->last;

	treap_remove(space, e);
	if (estart < start)
		treap_insert(space, estart, start - 1);
	if (last < elast)
		treap_insert(space, last + 1, elast);
}

/* Where in `e` `span` + 1 bytes fit at a multiple of `align`. */
static bool extent_fit(const struct iova_extent *e, uint64_t span, uint64_t align, bool top_down,
		       uint64_t *iova)
{
	uint64_t at;

	if (extent_span(e) < span)
		return false;
	if (top_down) {
		at = ALIGN_DOWN(e->last - span, align);
		if (at < e->start)
			return false;
	} else {
		at = ALIGN_UP(e->start, align);
		if (at < e->start || at > e->last - span)
			return false;
	}
	*iova = at;
	return true;
}

/*
 * The first extent from the bottom (or top) that fits. Large extents that do not fit for their
 * alignment make this look at more than one way down: `budget` bounds that.
 */
static struct iova_extent *treap_fit(struct iova_extent *t, uint64_t span, uint64_t align,
				     bool top_down, int *budget, uint64_t *iova)
{
	struct iova_extent *e;

	if (!t || t->max < span || *budget <= 0)
		return NULL;
	e = treap_fit(top_down ? t->right : t->left, span, align, top_down, budget, iova);
	if (e)
		return e;
	if (extent_span(t) >= span) {
		--*budget;
		if (extent_fit(t, span, align, top_down, iova))
			return t;
	}
	return treap_fit(top_down ? t->left : t->right, span, align, top_down, budget, iova);
}

int iova_alloc(struct iova_space *space, uint64_t len, bool top_down, uint64_t *iova)
{
	uint64_t aligns[] = {1ull << 30, 1ull << 21, space->page_size};
	struct iova_extent *e;

	if (!len) {
		errno = EINVAL;
		return -1;
	}
	if (space->custom) {
		if (space->custom->alloc(space->own, len, top_down ? IOMMU_MAP_EPHEMERAL : 0, iova))
			return -1;
		space->live++;
		return 0;
	}
	if (spare_fill(space, space->live + 1))
		return -1;
	for (size_t i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
		int budget = 64;

		if (len < aligns[i] && aligns[i] != space->page_size)
			continue;
		e = treap_fit(space->root, len - 1, aligns[i], top_down, &budget, iova);
		if (e) {
			extent_carve(space, e, *iova, *iova + (len - 1));
			space->live++;
			return 0;
		}
	}
	errno = ENOSPC;
	return -1;
}

int iova_reserve(struct iova_space *space, uint64_t iova, uint64_t len)
{
	struct iova_extent *e;

	if (!len || iova + (len - 1) < iova) {
		errno = EINVAL;
		return -1;
	}
	if (space->custom) {
		if (space->custom->reserve(space->own, iova, len))
			return -1;
		space->live++;
		return 0;
	}
	e = treap_floor(space->root, iova);
	if (!e || e->last < iova + (len - 1)) {
		errno = EADDRINUSE;
		return -1;
	}
	if (spare_fill(space, space->live + 1))
		return -1;
	extent_carve(space, e, iova, iova + (len - 1));
	space->live++;
	return 0;
}

void iova_release(struct iova_space *space, uint64_t iova, uint64_t len)
{
	uint64_t start = iova, last = iova + (len - 1);
	struct iova_extent *e;

	space->live--;
	if (space->custom) {
		space->custom->release(space->own, iova, len);
		return;
	}
	e = start ? treap_floor(space->root, start - 1) : NULL;
	if (e && e->last == start - 1) {
		start = e->start;
		treap_remove(space, e);
	}
	e = last < UINT64_MAX ? treap_floor(space->root, last + 1) : NULL;
	if (e && e->start == last + 1) {
		last = e->last;
		treap_remove(space, e);
	}
	treap_insert(space, start, last);
	/* Give back the memory of many mappings that are gone, but not for every single one. */
	while (space->spare && space->nspare > 64 &&
	       space->nextents + space->nspare > 2 * (space->nranges + space->live + 1))
		free(own_pop(space));
}

int iova_init_by(struct iova_space *space, const struct iommu_iova_range *ranges, size_t n,
		 uint64_t page_size, const struct iommu_allocator *custom, void *opaque)
{
	if (!custom)
		return iova_init(space, ranges, n, page_size);
	*space = (struct iova_space){.page_size = page_size, .nranges = n};
	space->own = custom->create(opaque, ranges, (int)n, page_size);
	if (!space->own)
		return -1;
	space->custom = custom;
	return 0;
}

int iova_init(struct iova_space *space, const struct iommu_iova_range *ranges, size_t n,
	      uint64_t page_size)
{
	*space = (struct iova_space){
		.page_size = page_size, .nranges = n, .random = 0x2545f4914f6cdd1du};
	if (spare_fill(space, 0)) {
		iova_clear(space);
		errno = ENOMEM;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t start = ranges[i].start, last = ranges[i].last;

		if (start < IOVA_FIRST)
			start = IOVA_FIRST;
		/* Whole pages only; one past the end may be 2^64. */
		if (start > UINT64_MAX - page_size)
			continue;
		start = ALIGN_UP(start, page_size);
		last = ALIGN_DOWN(last + 1, page_size) - 1;
		if (ranges[i].last >= start && last > start)
			treap_insert(space, start, last);
	}
	return 0;
}

static void treap_free(struct iova_extent *t)
{
	if (!t)
		return;
	treap_free(t->left);
	treap_free(t->right);
	if (!t->lent)
		free(t);
}

void iova_clear(struct iova_space *space)
{
	if (space->custom)
		space->custom->destroy(space->own);
	treap_free(space->root);
	while (space->spare)
		free(own_pop(space));
	memset(space, 0, sizeof(*space));
}

static uint64_t treap_bytes(const struct iova_extent *t)
{
	return t ? treap_bytes(t->left) + treap_bytes(t->right) + extent_span(t) + 1 : 0;
}

uint64_t iova_free_bytes(const struct iova_space *space)
{
	return treap_bytes(space->root);
}
