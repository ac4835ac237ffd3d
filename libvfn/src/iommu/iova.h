/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iova - which IOVAs of an address space are free
 *
 * First fit from either end, in logarithmic time. Freeing cannot fail: the memory that it may need
 * is set aside when an IOVA is given out. Not thread safe. Numbers are bytes; lengths and IOVAs
 * are multiples of the page size.
 */
#ifndef VFN_SRC_IOMMU_IOVA_H
#define VFN_SRC_IOMMU_IOVA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vfn/iommu/context.h>

/* IOVAs below this are never given or taken. */
#define IOVA_FIRST 0x10000u

struct iova_extent;

struct iova_space {
	uint64_t page_size;
	struct iova_extent *root; /* the free extents */
	struct iova_extent *spare;
	size_t nextents; /* free extents */
	size_t nspare;
	size_t nranges; /* ranges that the space was made from */
	size_t live;	/* extents given out or reserved */
	uint64_t random;
};

/*
 * How addresses are given; a seam for allocators that programs bring. The functions behave as
 * those below.
 */
struct iova_allocator {
	int (*alloc)(struct iova_space *space, uint64_t len, bool top_down, uint64_t *iova);
	int (*reserve)(struct iova_space *space, uint64_t iova, uint64_t len);
	void (*release)(struct iova_space *space, uint64_t iova, uint64_t len);
};

extern const struct iova_allocator iova_first_fit;

/*
 * Make a space of `n` disjoint, ascending ranges; what lies below IOVA_FIRST is left out. -1:
 * ENOMEM.
 */
int iova_init(struct iova_space *space, const struct iommu_iova_range *ranges, size_t n,
	      uint64_t page_size);

/* Free everything; fine for a zeroed space. */
void iova_clear(struct iova_space *space);

/*
 * Take `len` bytes: the lowest ones that fit, or the highest ones if `top_down`. Memory of 2 MiB
 * or 1 GiB and more is aligned to that if that can be had. 0, or -1: ENOSPC; ENOMEM.
 */
int iova_alloc(struct iova_space *space, uint64_t len, bool top_down, uint64_t *iova);

/*
 * Take exactly [iova, iova + len). 0, or -1: EADDRINUSE a part is taken or was never there;
 * ENOMEM.
 */
int iova_reserve(struct iova_space *space, uint64_t iova, uint64_t len);

/* Give back what one call of the two above took. */
void iova_release(struct iova_space *space, uint64_t iova, uint64_t len);

/* Bytes that are free. */
uint64_t iova_free_bytes(const struct iova_space *space);

#endif
