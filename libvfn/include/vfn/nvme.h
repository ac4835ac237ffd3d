/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything of vfn/nvme/. */
#ifndef VFN_NVME_H
#define VFN_NVME_H

#include <vfn/nvme/types.h>
#include <vfn/nvme/queue.h>
#include <vfn/nvme/ctrl.h>
#include <vfn/nvme/aen.h>
#include <vfn/nvme/bringup.h>
#include <vfn/nvme/cmb.h>
#include <vfn/nvme/hmb.h>
#include <vfn/nvme/join.h>
#include <vfn/nvme/rq.h>
#include <vfn/nvme/data.h>
#include <vfn/nvme/recover.h>
#include <vfn/nvme/share.h>
#include <vfn/nvme/sriov.h>
#include <vfn/nvme/takeover.h>
#include <vfn/nvme/util.h>
#include <vfn/iommu.h>
#include <vfn/vfio.h>
#include <vfn/pci.h>
#include <vfn/support.h>

#endif
