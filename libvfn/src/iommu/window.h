/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * window - memory that a device itself has at addresses of its address space
 *
 * What a device finds at such an address never reaches the IOMMU, so nothing is mapped there; but
 * the addresses are taken, for every device of the context, and iommu_translate_vaddr() knows them.
 */
#ifndef VFN_SRC_IOMMU_WINDOW_H
#define VFN_SRC_IOMMU_WINDOW_H

#include "iommu/context.h"

/*
 * Keep [iova, iova + len) free of mappings; with `iova` 0, choose it, aligned to `align` (a power
 * of two). At a given place what lies outside the context's ranges is fine: nothing is mapped there
 * anyway. The window, to be removed before its device leaves the context; or NULL: EADDRINUSE
 * something is mapped there; ENOSPC; ENOMEM.
 */
struct iommu_window *iommu_window_add(struct iommu_ctx *ctx, uint64_t iova, uint64_t len,
				      uint64_t align);

uint64_t iommu_window_iova(const struct iommu_window *window);

/* The window is mapped into this process at `vaddr` (all of it), or not any more (NULL). */
void iommu_window_show(struct iommu_ctx *ctx, struct iommu_window *window, void *vaddr);

/* NULL is fine. */
void iommu_window_remove(struct iommu_ctx *ctx, struct iommu_window *window);

/*
 * For the other files of this folder, which hold the context's lock. The IOVA of `vaddr`, if that
 * lies in a window, and the bytes from there to its end; keep all windows free in `space`, which is
 * made of `ranges`: 0, or -1 with errno.
 */
bool iommu_window_translate(const struct iommu_ctx *ctx, uint64_t vaddr, uint64_t *iova,
			    uint64_t *len);
int iommu_window_reserve_all(const struct iommu_ctx *ctx, struct iova_space *space,
			     const struct iommu_iova_range *ranges, int nranges);

#endif
