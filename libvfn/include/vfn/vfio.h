/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything of vfn/vfio/. */
#ifndef VFN_VFIO_H
#define VFN_VFIO_H

#include <vfn/vfio/container.h>
#include <vfn/vfio/device.h>
#include <vfn/vfio/pci.h>
#include <vfn/vfio/region.h>
#include <vfn/vfio/takeover.h>
#include <vfn/iommu.h>
#include <vfn/pci.h>
#include <vfn/support.h>

#endif
