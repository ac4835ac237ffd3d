/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * replace - a program's own choice of IOVAs, and its own tables of mappings, in a context
 *
 * Both are put into a context in which nothing is mapped yet: before a device is opened in it.
 *
 *     ctx = iommu_get_context("mine");
 *     iommu_set_allocator(ctx, &my_allocator, &my_state);
 *     ctrl.pci.dev.ctx = ctx;
 *     nvme_init(&ctrl, bdf, NULL);
 *
 * The functions are called by whatever thread maps or unmaps, one at a time for each context, and
 * while it is locked: they must not call back into it. What they return on failure, with errno set,
 * is what the mapping function returns.
 */
#ifndef VFN_IOMMU_REPLACE_H
#define VFN_IOMMU_REPLACE_H

#include <stdint.h>
#include <vfn/iommu/context.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iommu_mapping;

struct iommu_allocator {
	/*
	 * A space of which these ranges (ascending, disjoint; copy them) can be used, with nothing
	 * taken, in pages of `page_size` bytes. When a device that comes into the context changes
	 * them a new space is made: what is mapped is reserved in it, then the old one destroyed.
	 * NULL with errno.
	 */
	void *(*create)(void *opaque, const struct iommu_iova_range *ranges, int nranges,
			uint64_t page_size);
	void (*destroy)(void *space);

	/*
	 * Choose an IOVA for `len` bytes, a multiple of the page size, whole pages within one
	 * range; the library holds it against the ranges and against what is mapped. `flags` is
	 * IOMMU_MAP_EPHEMERAL or 0. 0, or -1 with errno: ENOSPC.
	 */
	int (*alloc)(void *space, uint64_t len, unsigned long flags, uint64_t *iova);

	/* Take exactly these. 0, or -1: EADDRINUSE a part is taken. */
	int (*reserve)(void *space, uint64_t iova, uint64_t len);

	/* Give back what one call of the two above took. Must not fail. */
	void (*release)(void *space, uint64_t iova, uint64_t len);
};

/*
 * A table of mappings by intervals of numbers that do not overlap. A context has two of them: by
 * virtual address and by IOVA.
 */
struct iommu_lookup {
	/* An empty table. NULL with errno. */
	void *(*create)(void *opaque);
	void (*destroy)(void *table); /* it is empty */

	/* Enter `m` for the numbers start to last, both included. 0, or -1 with errno: ENOMEM. */
	int (*insert)(void *table, uint64_t start, uint64_t last, struct iommu_mapping *m);
	/* The interval that begins at `start`, which is there, goes. */
	void (*remove)(void *table, uint64_t start);

	/* The mapping in whose interval `number` is, or NULL. */
	struct iommu_mapping *(*find)(void *table, uint64_t number);
	/* The mapping of the first interval that begins at `number` or behind, or NULL. */
	struct iommu_mapping *(*next)(void *table, uint64_t number);
};

/*
 * Let `allocator`, which stays the caller's and must stay there, choose the IOVAs of `ctx`; NULL:
 * the library's own. 0, or -1: EBUSY something is mapped; EINVAL a function is missing; or of
 * its create(). The context is as it was then.
 */
int iommu_set_allocator(struct iommu_ctx *ctx, const struct iommu_allocator *allocator,
			void *opaque);

/* The same for its tables. */
int iommu_set_lookup(struct iommu_ctx *ctx, const struct iommu_lookup *lookup, void *opaque);

#ifdef __cplusplus
}
#endif

#endif
