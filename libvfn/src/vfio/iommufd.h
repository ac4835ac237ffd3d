/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iommufd - what the files of the iommufd transport share
 *
 * The kernel's objects: an iommufd holds I/O address spaces (IOAS); here each has one, which is a
 * backend of one context. A device is a file of its own that is bound to an iommufd and attached
 * to an address space. There may be any number of devices in one.
 */
#ifndef VFN_SRC_VFIO_IOMMUFD_H
#define VFN_SRC_VFIO_IOMMUFD_H

#include <stdbool.h>
#include <stdint.h>
#include <vfn/vfio/takeover.h>
#include "iommu/context.h"

struct iommufd_space {
	struct iommu_backend backend;
	struct iommu_ctx *ctx;
	int fd; /* the iommufd */
	uint32_t ioas;
	bool by_address; /* the kernel does not map by file; under the context's map_lock */
	/* The following under the lock of iommufd-space.c. */
	bool attached; /* to the context */
	int refs;      /* devices */
	struct iommufd_space *next;
};

/*
 * The address space of `ctx`, made if it has none; with `from`, out of what is there. One
 * reference. NULL with errno: ENOENT the kernel has no iommufd; EACCES; EINVAL *from is of another
 * space than the context has.
 */
struct iommufd_space *iommufd_space_get(struct iommu_ctx *ctx, const struct vfio_takeover *from);

/* Give it back; the last one closes the iommufd, unless `keep`. Leaves errno alone. */
void iommufd_space_put(struct iommufd_space *space, bool keep);

/*
 * Attach the device `bdf`, bound already, whose file is `fd`, and narrow the context to what it
 * can reach; `imported`: it is attached already. 0, or -1 with errno, and it is not attached then.
 */
int iommufd_space_enter(struct iommufd_space *space, int fd, const char *bdf, bool imported);

/* Detach it again. Leaves errno alone. */
void iommufd_space_leave(int fd);

extern const struct iommu_backend_ops iommufd_backend_ops;

#endif
