/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/group.h"

#include <stdlib.h>

#include <vfn/iommu.h>
#include <vfn/pci.h>

struct iommu_ctx *group_context(const char *address)
{
	char *path = pci_is_bdf(address) ? pci_get_iommu_group(address) : NULL;
	struct iommu_ctx *ctx = iommu_get_context(path ? path : address);

	free(path);
	return ctx;
}
