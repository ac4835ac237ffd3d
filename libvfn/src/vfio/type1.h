/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * type1 - what the files of the type1 transport share
 *
 * The kernel's objects: a container has one IOMMU address space (here: a backend of one context);
 * a group is the smallest set of devices that can be told apart by the IOMMU, and is in one
 * container; devices come out of groups.
 */
#ifndef VFN_SRC_VFIO_TYPE1_H
#define VFN_SRC_VFIO_TYPE1_H

#include <stdbool.h>
#include <vfn/vfio/takeover.h>
#include "iommu/context.h"

struct type1_container {
	struct iommu_backend backend;
	struct iommu_ctx *ctx;
	int fd;
	int refs; /* groups in it; under the lock of type1-group.c */
};

struct type1_group {
	char *number;
	struct type1_container *container;
	int fd;
	int refs; /* devices of it that are open */
	struct type1_group *next;
};

/* One device. */
struct type1 {
	struct type1_group *group;
};

/*
 * The group of `bdf`, opened and in the container of `ctx` (made if need be), each step with its
 * own explanation. With `from`, out of the descriptors there. NULL with errno.
 */
struct type1_group *type1_group_get(struct iommu_ctx *ctx, const char *bdf,
				    const struct vfio_takeover *from);

/* Give it back; the last one closes it, and its container with the last group, unless `keep`. */
void type1_group_put(struct type1_group *group, bool keep);

/*
 * Open a container for `ctx`, or take over `fd` if that is not -1; not attached yet. NULL with
 * errno.
 */
struct type1_container *type1_container_new(struct iommu_ctx *ctx, int fd);
void type1_container_free(struct type1_container *container, bool keep);

/*
 * Make the container (which has a group now) an IOMMU of type 1 version 2, unless it is one
 * (`imported`), learn its limits and attach it to its context. 0, or -1 with errno.
 */
int type1_container_start(struct type1_container *container, bool imported);

/*
 * Another group is in it: narrow its context to what both can reach. 0, or -1 with errno.
 */
int type1_container_grown(struct type1_container *container);

extern const struct iommu_backend_ops type1_backend_ops;

#endif
