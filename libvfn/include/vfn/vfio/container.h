/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfio container - the older names of IOMMU contexts, for programs of the previous interface
 */
#ifndef VFN_VFIO_CONTAINER_H
#define VFN_VFIO_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfio_container;

/* A new context; a device goes into it by dev.ctx = (struct iommu_ctx *)container. NULL: ENOMEM. */
struct vfio_container *vfio_new(void);

/* As iommu_map_vaddr() without flags, in the default context if `container` is NULL. */
int vfio_map_vaddr(struct vfio_container *container, void *vaddr, size_t len, uint64_t *iova);

/* As iommu_unmap_vaddr(). */
int vfio_unmap_vaddr(struct vfio_container *container, void *vaddr, size_t *len);

#ifdef __cplusplus
}
#endif

#endif
