/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iommu - an address space for DMA, shared by the devices that are in it
 *
 * A device comes into a context when it is opened: into the one that its dev.ctx names, if set,
 * else a vfio-user device into one of its own and all others into the default one. What is mapped
 * in a context is mapped for all of its devices; one that comes later gets the mappings that are
 * there. All functions are thread safe; mapping and unmapping of one context take turns.
 */
#ifndef VFN_IOMMU_CONTEXT_H
#define VFN_IOMMU_CONTEXT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iommu_ctx;

/* A range of IOVAs, both ends included. */
struct iommu_iova_range {
	uint64_t start;
	uint64_t last;
};

/*
 * The context called `name`, made if there is none; NULL and "default" name the default one. Each
 * call takes a reference. NULL with ENOMEM.
 */
struct iommu_ctx *iommu_get_context(const char *name);

/*
 * Give back a reference of iommu_get_context(). The context goes when nobody has one and no device
 * is in it; what is still mapped is unmapped then. NULL is fine.
 */
void iommu_put_context(struct iommu_ctx *ctx);

/*
 * The ranges of IOVAs that every device in the context can use, in ascending order, as an array
 * that the caller frees. The number of ranges, or -1 with ENOMEM.
 */
int iommu_get_iova_ranges(struct iommu_ctx *ctx, struct iommu_iova_range **ranges);

#ifdef __cplusplus
}
#endif

#endif
