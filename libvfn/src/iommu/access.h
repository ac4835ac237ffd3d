/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * access - reading and writing mapped memory by IOVA, on behalf of a device that cannot itself
 */
#ifndef VFN_SRC_IOMMU_ACCESS_H
#define VFN_SRC_IOMMU_ACCESS_H

#include <stddef.h>
#include <stdint.h>

struct iommu_ctx;

/*
 * Copy [iova, iova + len), which may span mappings that follow each other, into `buf`; or `buf`
 * there. All or nothing is copied. A write is seen in ascending order, by whole aligned quadwords:
 * what a device writes last, an entry's phase, must not be seen before the rest. 0, or -1: EFAULT
 * it is not all mapped, EACCES not for this. Once a mapping is gone it is not touched any more.
 */
int iommu_read(struct iommu_ctx *ctx, uint64_t iova, void *buf, size_t len);
int iommu_write(struct iommu_ctx *ctx, uint64_t iova, const void *buf, size_t len);

#endif
