/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything of vfn/iommu/. */
#ifndef VFN_IOMMU_H
#define VFN_IOMMU_H

#include <vfn/iommu/context.h>
#include <vfn/iommu/dma.h>
#include <vfn/iommu/replace.h>
#include <vfn/support.h>

#endif
