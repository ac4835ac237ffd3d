/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <vfn/iommu/dma.h>
#include <vfn/vfio/container.h>
#include "iommu/context.h"

/* A container of the previous interface is a context under another name. */
static struct iommu_ctx *container_ctx(struct vfio_container *container)
{
	static struct iommu_ctx *default_ctx;
	struct iommu_ctx *ctx, *none = NULL;

	if (container)
		return (struct iommu_ctx *)container;
	ctx = __atomic_load_n(&default_ctx, __ATOMIC_ACQUIRE);
	if (ctx)
		return ctx;
	/* That interface has nothing to give a reference back with: one is kept for good. */
	ctx = iommu_get_context(NULL);
	if (ctx && !__atomic_compare_exchange_n(&default_ctx, &none, ctx, 0, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
		iommu_put_context(ctx);
	return ctx;
}

struct vfio_container *vfio_new(void)
{
	return (struct vfio_container *)iommu_ctx_new();
}

int vfio_map_vaddr(struct vfio_container *container, void *vaddr, size_t len, uint64_t *iova)
{
	struct iommu_ctx *ctx = container_ctx(container);

	return ctx ? iommu_map_vaddr(ctx, vaddr, len, iova, 0) : -1;
}

int vfio_unmap_vaddr(struct vfio_container *container, void *vaddr, size_t *len)
{
	struct iommu_ctx *ctx = container_ctx(container);

	return ctx ? iommu_unmap_vaddr(ctx, vaddr, len) : -1;
}
