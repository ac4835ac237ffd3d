/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iova - which IOVAs of an address space are free
 *
 * First fit from either end, in logarithmic time. Freeing cannot fail: the memory that it may need
 * is set aside when an IOVA is given out, or lent by the caller. A program's own allocator
 * (vfn/iommu/replace.h) takes the place of that where one is given. Not thread safe. Numbers are
 * bytes; lengths and IOVAs are multiples of the page size.
 */
#ifndef VFN_SRC_IOMMU_IOVA_H
#define VFN_SRC_IOMMU_IOVA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vfn/iommu/replace.h>

/* IOVAs below this are never given or taken. */
#define IOVA_FIRST 0x10000u

enum iova_lent {
	IOVA_NOT_LENT = 0,
	IOVA_LENT_SPARE, /* to a space, which does not use it now */
	IOVA_LENT_USED,
};

/* A free extent; a caller only zeroes and lends it. */
struct iova_extent {
	uint64_t start, last;
	uint64_t max; /* largest length - 1 in this subtree: a whole 64-bit space does not overflow
		       */
	uint64_t prio;
	struct iova_extent *left, *right; /* spare ones: the previous and the next one */
	enum iova_lent lent;
};

struct iova_space {
	uint64_t page_size;
	struct iova_extent *root;  /* the free extents */
	struct iova_extent *spare; /* of the space's own memory, by `right` */
	struct iova_extent *lent;  /* spare ones of others' memory */
	size_t nextents;	   /* free extents */
	size_t nspare;
	size_t nranges; /* ranges that the space was made from */
	size_t live;	/* extents given out or reserved */
	uint64_t random;
	const struct iommu_allocator *custom; /* or NULL */
	void *own;			      /* what its create() made */
};

/*
 * Make a space of `n` disjoint, ascending ranges; what lies below IOVA_FIRST is left out. -1:
 * ENOMEM.
 */
int iova_init(struct iova_space *space, const struct iommu_iova_range *ranges, size_t n,
	      uint64_t page_size);

/* The same with an allocator of a program's; NULL: as above. -1 also with what its create() says.
 */
int iova_init_by(struct iova_space *space, const struct iommu_iova_range *ranges, size_t n,
		 uint64_t page_size, const struct iommu_allocator *custom, void *opaque);

/* Free everything that is not lent; fine for a zeroed space. */
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

/*
 * Lend memory before something is taken, so that taking it need not allocate any; and get it back
 * when that has been given back (or was not taken), whatever it is in use for.
 */
void iova_lend(struct iova_space *space, struct iova_extent *e);
void iova_take_back(struct iova_space *space, struct iova_extent *e);

/* Bytes that are free; not known of a program's allocator (0). */
uint64_t iova_free_bytes(const struct iova_space *space);

#endif
