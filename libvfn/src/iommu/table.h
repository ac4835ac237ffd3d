/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table - a context's mappings by virtual address, or by IOVA
 *
 * A skip list whose nodes lie in the memory of the mappings, or a table of the program's
 * (vfn/iommu/replace.h). Not thread safe.
 */
#ifndef VFN_SRC_IOMMU_TABLE_H
#define VFN_SRC_IOMMU_TABLE_H

#include <stdbool.h>
#include <vfn/iommu/dma.h>
#include <vfn/iommu/replace.h>
#include "support/skiplist.h"

struct iommu_table {
	struct skiplist list;
	const struct iommu_lookup *lookup; /* the program's, or NULL */
	void *own;			   /* what its create() made */
	bool by_iova;
	size_t count;
};

void iommu_table_init(struct iommu_table *table, bool by_iova);

/* Be done with it; it is empty. */
void iommu_table_clear(struct iommu_table *table);

/* Levels of the node that the next insertion wants; 0: none. */
int iommu_table_levels(struct iommu_table *table);

/* Enter `m`, which overlaps nothing, by `node` (of that many levels). 0, or -1 with errno. */
int iommu_table_insert(struct iommu_table *table, struct iommu_mapping *m,
		       struct skiplist_node *node, int levels);
void iommu_table_remove(struct iommu_table *table, const struct iommu_mapping *m);

struct iommu_mapping *iommu_table_find(struct iommu_table *table, uint64_t number);
/* The first one that shares a number with [start, last], or NULL. */
struct iommu_mapping *iommu_table_overlap(struct iommu_table *table, uint64_t start, uint64_t last);

/* In ascending order: the first one, the one after `m`; NULL at the end. */
struct iommu_mapping *iommu_table_first(struct iommu_table *table);
struct iommu_mapping *iommu_table_after(struct iommu_table *table, const struct iommu_mapping *m);

/* Where `m` begins in this table. */
static inline uint64_t iommu_table_start(const struct iommu_table *table,
					 const struct iommu_mapping *m)
{
	return table->by_iova ? m->iova : (uint64_t)(uintptr_t)m->vaddr;
}

#endif
