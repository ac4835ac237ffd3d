/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Containers: the kernel's IOMMU address spaces of type 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pci/sysfs.h"
#include "support/fail.h"
#include "vfio/kernel.h"
#include "vfio/type1.h"

#ifndef VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL
#define VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL 3
#endif

/* What kernels that do not tell their ranges can do at least (VT-d with 39 bits). */
static const struct iommu_iova_range range_untold = {IOVA_FIRST, (1ull << 39) - 1};

#define IOMMU_INFO_MAX 65536u

static struct type1_container *container_of_backend(struct iommu_backend *backend)
{
	return container_of(backend, struct type1_container, backend);
}

static int type1_dma_map(struct iommu_backend *backend, const struct iommu_request *req)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = (req->flags & IOMMU_MAP_NOREAD ? 0 : VFIO_DMA_MAP_FLAG_READ) |
			 (req->flags & IOMMU_MAP_NOWRITE ? 0 : VFIO_DMA_MAP_FLAG_WRITE),
		.vaddr = (uintptr_t)req->vaddr,
		.iova = req->iova,
		.size = req->len,
	};

	if (!vfio_kernel_ioctl(container_of_backend(backend)->fd, VFIO_IOMMU_MAP_DMA, &map))
		return 0;
	switch (errno) {
	case ENOMEM:
		return vfn_fail(ENOMEM,
				"mapping %zu bytes for DMA: no memory, or more than may be locked; "
				"raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)",
				req->len);
	case ENOSPC:
		return vfn_fail(
			ENOSPC,
			"mapping %zu bytes for DMA: the kernel allows no more mappings; raise "
			"the dma_entry_limit of the module vfio_iommu_type1",
			req->len);
	case EFAULT:
		return vfn_fail(EFAULT, "mapping %zu bytes for DMA: %p is not all memory", req->len,
				req->vaddr);
	default:
		return vfn_fail(errno, "mapping %zu bytes at %p for DMA at 0x%llx: %s", req->len,
				req->vaddr, (unsigned long long)req->iova, strerror(errno));
	}
}

static int type1_dma_unmap(struct iommu_backend *backend, uint64_t iova, size_t len)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = len};

	if (vfio_kernel_ioctl(container_of_backend(backend)->fd, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return vfn_fail(errno, "unmapping %zu bytes at IOVA 0x%llx: %s", len,
				(unsigned long long)iova, strerror(errno));
	/* The kernel tells how much it unmapped: nothing where nothing was mapped. */
	if (unmap.size != len)
		return vfn_fail(ENOENT, "unmapping %zu bytes at IOVA 0x%llx: %llu were mapped", len,
				(unsigned long long)iova, (unsigned long long)unmap.size);
	return 0;
}

const struct iommu_backend_ops type1_backend_ops = {
	.name = "type1",
	.map = type1_dma_map,
	.unmap = type1_dma_unmap,
};

static int container_open(void)
{
	char path[PATH_MAX];
	int fd, version;

	snprintf(path, sizeof(path), "%s/vfio/vfio", pci_dev_root);
	fd = vfio_kernel->open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENODEV))
		return vfn_fail(ENOENT, "%s: there is no VFIO: load the module vfio-pci", path);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return vfn_fail(errno, "%s: this user may not open it", path);
	if (fd < 0)
		return vfn_fail(errno, "%s: %s", path, strerror(errno));

	version = vfio_kernel_ioctl(fd, VFIO_GET_API_VERSION, 0);
	if (version != VFIO_API_VERSION) {
		vfio_kernel->close(fd);
		return vfn_fail(ENOTSUP, "%s: the kernel's VFIO has version %d, this library %d",
				path, version, VFIO_API_VERSION);
	}
	if (vfio_kernel_ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0) {
		vfio_kernel->close(fd);
		return vfn_fail(
			ENOTSUP,
			"%s: the kernel has no IOMMU of type 1 version 2 for VFIO: load the "
			"module vfio_iommu_type1, and see that the IOMMU is on",
			path);
	}
	return fd;
}

struct type1_container *type1_container_new(struct iommu_ctx *ctx, int fd)
{
	struct type1_container *c = calloc(1, sizeof(*c));

	if (!c) {
		vfn_fail(ENOMEM, "out of memory for a VFIO container");
		return NULL;
	}
	c->ctx = ctx;
	c->fd = fd >= 0 ? fd : container_open();
	if (c->fd < 0) {
		free(c);
		return NULL;
	}
	return c;
}

void type1_container_free(struct type1_container *container, bool keep)
{
	int err = errno;

	if (!keep)
		vfio_kernel->close(container->fd);
	free(container->backend.ranges);
	free(container);
	errno = err;
}

/* The ranges in the capability at `cap`, of which `len` bytes are there. */
static int container_ranges(struct type1_container *c, const void *cap, size_t len)
{
	const struct vfio_iommu_type1_info_cap_iova_range *r = cap;
	int n = 0;

	if (len < sizeof(*r) || r->nr_iovas > (len - sizeof(*r)) / sizeof(r->iova_ranges[0]))
		return vfn_fail(EPROTO, "the kernel's list of IOVA ranges is cut off");
	free(c->backend.ranges);
	c->backend.ranges = calloc(r->nr_iovas + 1, sizeof(*c->backend.ranges));
	if (!c->backend.ranges)
		return vfn_fail(ENOMEM, "out of memory for IOVA ranges");
	for (uint32_t i = 0; i < r->nr_iovas; i++)
		c->backend.ranges[n++] =
			(struct iommu_iova_range){r->iova_ranges[i].start, r->iova_ranges[i].end};
	c->backend.nranges = n;
	return 0;
}

/* Page sizes, ranges and the number of mappings, as the kernel tells them. */
static int container_info(struct type1_container *c)
{
	struct vfio_iommu_type1_info *info = NULL, *more;
	uint32_t len = sizeof(*info);
	int rc = -1;

	for (int i = 0; i < 2; i++) {
		more = realloc(info, len);
		if (!more) {
			vfn_fail(ENOMEM, "out of memory for the IOMMU's description");
			goto out;
		}
		info = more;
		memset(info, 0, len);
		info->argsz = len;
		if (vfio_kernel_ioctl(c->fd, VFIO_IOMMU_GET_INFO, info)) {
			vfn_fail(errno, "asking for the IOMMU's limits: %s", strerror(errno));
			goto out;
		}
		if (info->argsz <= len || info->argsz > IOMMU_INFO_MAX)
			break;
		len = info->argsz;
	}
	c->backend.page_size = 4096;
	if ((info->flags & VFIO_IOMMU_INFO_PGSIZES) && info->iova_pgsizes)
		c->backend.page_size = info->iova_pgsizes & -info->iova_pgsizes;
	free(c->backend.ranges);
	c->backend.ranges = malloc(sizeof(range_untold));
	if (!c->backend.ranges) {
		c->backend.nranges = 0;
		vfn_fail(ENOMEM, "out of memory for IOVA ranges");
		goto out;
	}
	c->backend.ranges[0] = range_untold;
	c->backend.nranges = 1;
	if (info->flags & VFIO_IOMMU_INFO_CAPS) {
		size_t at = info->cap_offset, next;

		for (; at >= sizeof(*info) && at + sizeof(struct vfio_info_cap_header) <= len;
		     at = next) {
			const struct vfio_info_cap_header *cap =
				(const void *)((const char *)info + at);

			next = cap->next > at ? cap->next : 0;
			if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE &&
			    container_ranges(c, cap, len - at))
				goto out;
			if (cap->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL &&
			    at + sizeof(struct vfio_info_cap_header) + 4 <= len) {
				uint32_t avail;

				memcpy(&avail, cap + 1, sizeof(avail));
				c->backend.max_mappings = avail;
			}
		}
	}
	rc = 0;
out:
	free(info);
	return rc;
}

int type1_container_grown(struct type1_container *c)
{
	size_t max_mappings = c->backend.max_mappings;

	if (container_info(c))
		return -1;
	/* What is told now is how many are left. */
	c->backend.max_mappings = max_mappings;
	return iommu_narrow(c->ctx, &c->backend);
}

int type1_container_start(struct type1_container *c, bool imported)
{
	c->backend.ops = &type1_backend_ops;
	if (!imported && vfio_kernel_ioctl(c->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) {
		if (errno == EPERM)
			return vfn_fail(EPERM,
					"the kernel refuses the IOMMU: interrupts are not remapped "
					"here, so that a device could fake them (the parameter "
					"allow_unsafe_interrupts of vfio_iommu_type1 allows it)");
		return vfn_fail(errno, "setting the container's IOMMU: %s", strerror(errno));
	}
	if (container_info(c))
		return -1;
	/* The number that a predecessor's mappings have left is not a limit for all of them. */
	if (imported)
		c->backend.max_mappings = 0;
	return iommu_attach(c->ctx, &c->backend, imported);
}
