/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dma - memory that devices may reach, and at which address (IOVA)
 *
 * IOVAs are given from low addresses up, ephemeral ones from the top down, aligned to the page
 * size (to 2 MiB or 1 GiB for memory of at least that size, where it fits), and are used again
 * after they were unmapped. The first 64 KiB are never given: a device that follows a zero pointer
 * reaches nothing. All functions are thread safe.
 */
#ifndef VFN_IOMMU_DMA_H
#define VFN_IOMMU_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <vfn/iommu/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IOMMU_MAP_FIXED_IOVA (1UL << 0) /* at the IOVA that *iova holds */
#define IOMMU_MAP_EPHEMERAL  (1UL << 1) /* short-lived: an IOVA from the top down */
#define IOMMU_MAP_NOWRITE    (1UL << 2) /* the device may not write */
#define IOMMU_MAP_NOREAD     (1UL << 3) /* the device may not read */

/* A live mapping. */
struct iommu_mapping {
	void *vaddr;
	size_t len; /* bytes */
	uint64_t iova;
	unsigned long flags;
};

/*
 * Let the devices of `ctx` reach [vaddr, vaddr + len), multiples of the page size both. The IOVA
 * is put into *iova (which may be NULL unless IOMMU_MAP_FIXED_IOVA is given). Memory within an
 * existing mapping is not mapped again: its present IOVA is given, and it stays one mapping (with
 * IOMMU_MAP_FIXED_IOVA the present IOVA must be the wanted one, else EEXIST).
 *
 * A vfio-user server reads and writes memory from pgmap() and iommu_map_fd() by itself. Any other
 * memory it asks this process for, by messages: that takes a server that does (ENOTSUP), is slower,
 * and starts a thread of the library's that answers, until the device is closed. The memory must
 * stay mapped in the process for as long as it is mapped here.
 *
 * 0, or -1: EINVAL bad alignment, flags or length; EEXIST the memory is partly mapped; EADDRINUSE
 * the fixed IOVA is taken; ERANGE it is not usable; ENOSPC no IOVAs are left; ENOTSUP the
 * transport cannot share this memory; EFAULT this process cannot read or write it; ENODEV the
 * device is gone; or the errno of the transport.
 */
int iommu_map_vaddr(struct iommu_ctx *ctx, void *vaddr, size_t len, uint64_t *iova,
		    unsigned long flags);

/*
 * Map memory that is a shared mapping of `fd` at `offset` (a multiple of the page size), which need
 * not be from pgmap() then. The descriptor stays the caller's, and may be closed after the call.
 * Otherwise as iommu_map_vaddr(). 0, or -1 as there.
 */
int iommu_map_fd(struct iommu_ctx *ctx, int fd, off_t offset, void *vaddr, size_t len,
		 uint64_t *iova, unsigned long flags);

/*
 * Unmap the whole mapping that `vaddr` lies in; its length is put into *len (may be NULL). The
 * devices must be done with it. 0, or -1: ENOENT there is none; or the errno of the transport. The
 * mapping is forgotten also when a device that has died cannot answer any more.
 */
int iommu_unmap_vaddr(struct iommu_ctx *ctx, void *vaddr, size_t *len);

/* Unmap the mapping that is exactly [iova, iova + len). 0, or -1: ENOENT; or of the transport. */
int iommu_unmap_iova(struct iommu_ctx *ctx, uint64_t iova, size_t len);

/* Unmap everything. 0, or -1 with the errno of the first failure; goes on after failures. */
int iommu_unmap_all(struct iommu_ctx *ctx);

/* Put the IOVA of `vaddr` into *iova. False when it is not mapped. */
bool iommu_translate_vaddr(struct iommu_ctx *ctx, void *vaddr, uint64_t *iova);

/*
 * Record a mapping that the devices of `ctx` have already, after a take-over, without mapping it
 * again. `fd` (may be -1) and `offset` as for iommu_map_fd(). 0, or -1: EINVAL, EEXIST,
 * EADDRINUSE, ERANGE.
 */
int iommu_import(struct iommu_ctx *ctx, int fd, off_t offset, void *vaddr, size_t len,
		 uint64_t iova);

/* The number of live mappings. */
size_t iommu_mappings(struct iommu_ctx *ctx);

/*
 * Call `fn` for every mapping, in the order of their addresses, until it returns other than 0. `fn`
 * must not call back into this context. Returns what `fn` returned last; 0 without mappings.
 */
int iommu_for_each_mapping(struct iommu_ctx *ctx,
			   int (*fn)(const struct iommu_mapping *mapping, void *opaque),
			   void *opaque);

#ifdef __cplusplus
}
#endif

#endif
