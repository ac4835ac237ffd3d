/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * I/O address spaces: the kernel's, one for each context that has devices of this transport.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/support/log.h>
#include "pci/sysfs.h"
#include "support/fail.h"
#include "vfio/iommufd-abi.h"
#include "vfio/iommufd.h"
#include "vfio/kernel.h"

/* More ranges than that are not believed. */
#define RANGES_MAX 4096u

static pthread_mutex_t spaces_lock = PTHREAD_MUTEX_INITIALIZER;
static struct iommufd_space *spaces;

static struct iommufd_space *space_of(struct iommu_backend *backend)
{
	return container_of(backend, struct iommufd_space, backend);
}

static uint32_t map_flags(const struct iommu_request *req)
{
	return IOMMUFD_MAP_FIXED_IOVA | (req->flags & IOMMU_MAP_NOREAD ? 0 : IOMMUFD_MAP_READABLE) |
	       (req->flags & IOMMU_MAP_NOWRITE ? 0 : IOMMUFD_MAP_WRITEABLE);
}

/*
 * Memory that is mapped by file stays reachable for devices that come later, also when the process
 * that mapped it is gone. True when it worked; why it did not is told by mapping by address, which
 * all memory can be tried with.
 */
static bool space_map_file(struct iommufd_space *s, const struct iommu_request *req)
{
	struct iommufd_ioas_map_file map = {
		.size = sizeof(map),
		.flags = map_flags(req),
		.ioas = s->ioas,
		.fd = req->fd,
		.start = (uint64_t)req->offset,
		.length = req->len,
		.iova = req->iova,
	};

	if (req->fd < 0 || s->by_address)
		return false;
	if (!vfio_kernel_ioctl(s->fd, IOMMUFD_IOAS_MAP_FILE, &map))
		return true;
	if (errno == ENOTTY) {
		log_debug("the kernel's iommufd does not map by file\n");
		s->by_address = true;
	}
	return false;
}

static int space_map(struct iommu_backend *backend, const struct iommu_request *req)
{
	struct iommufd_space *s = space_of(backend);
	struct iommufd_ioas_map map = {
		.size = sizeof(map),
		.flags = map_flags(req),
		.ioas = s->ioas,
		.vaddr = (uintptr_t)req->vaddr,
		.length = req->len,
		.iova = req->iova,
	};

	if (space_map_file(s, req) || !vfio_kernel_ioctl(s->fd, IOMMUFD_IOAS_MAP, &map))
		return 0;
	switch (errno) {
	case ENOMEM:
		return vfn_fail(ENOMEM,
				"mapping %zu bytes for DMA: no memory, or more than this user may "
				"lock; raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)",
				req->len);
	case EFAULT:
		return vfn_fail(EFAULT, "mapping %zu bytes for DMA: %p is not all memory", req->len,
				req->vaddr);
	default:
		return vfn_fail(errno, "mapping %zu bytes at %p for DMA at 0x%llx: %s", req->len,
				req->vaddr, (unsigned long long)req->iova, strerror(errno));
	}
}

static int space_unmap(struct iommu_backend *backend, uint64_t iova, size_t len)
{
	struct iommufd_space *s = space_of(backend);
	struct iommufd_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas = s->ioas, .iova = iova, .length = len};

	if (vfio_kernel_ioctl(s->fd, IOMMUFD_IOAS_UNMAP, &unmap))
		return vfn_fail(errno, "unmapping %zu bytes at IOVA 0x%llx: %s", len,
				(unsigned long long)iova, strerror(errno));
	if (unmap.length != len)
		return vfn_fail(ENOENT, "unmapping %zu bytes at IOVA 0x%llx: %llu were mapped", len,
				(unsigned long long)iova, (unsigned long long)unmap.length);
	return 0;
}

const struct iommu_backend_ops iommufd_backend_ops = {
	.name = "iommufd",
	.map = space_map,
	.unmap = space_unmap,
};

static int space_open(void)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/iommu", pci_dev_root);
	fd = vfio_kernel->open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case ENOENT:
	case ENODEV:
		return vfn_fail(ENOENT,
				"%s: there is no iommufd: load the module iommufd, or use the "
				"transport type1 on a kernel without it",
				path);
	case EACCES:
	case EPERM:
		return vfn_fail(errno, "%s: this user may not open it; give it to the user", path);
	default:
		return vfn_fail(errno, "%s: %s", path, strerror(errno));
	}
}

static void space_free(struct iommufd_space *s, bool keep)
{
	int err = errno;

	/* The kernel unmaps everything with the iommufd. */
	if (s->fd >= 0 && !keep)
		vfio_kernel->close(s->fd);
	free(s->backend.ranges);
	free(s);
	errno = err;
}

static struct iommufd_space *space_new(struct iommu_ctx *ctx, const struct vfio_takeover *from)
{
	struct iommufd_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommufd_space *s = calloc(1, sizeof(*s));

	if (!s) {
		vfn_fail(ENOMEM, "out of memory for an I/O address space");
		return NULL;
	}
	s->ctx = ctx;
	s->backend.ops = &iommufd_backend_ops;
	s->fd = from ? from->container_fd : space_open();
	if (s->fd < 0)
		goto fail;
	if (from) {
		s->ioas = from->ioas_id;
	} else if (vfio_kernel_ioctl(s->fd, IOMMUFD_IOAS_ALLOC, &alloc)) {
		vfn_fail(errno, "making an I/O address space: %s", strerror(errno));
		goto fail;
	} else {
		s->ioas = alloc.out_ioas;
	}
	return s;

fail:
	space_free(s, from);
	return NULL;
}

struct iommufd_space *iommufd_space_get(struct iommu_ctx *ctx, const struct vfio_takeover *from)
{
	struct iommufd_space *s;

	pthread_mutex_lock(&spaces_lock);
	for (s = spaces; s && s->ctx != ctx; s = s->next)
		;
	if (s && from && from->ioas_id != s->ioas) {
		vfn_fail(EINVAL,
			 "%.255s was in address space %u, the others of this context are in %u",
			 from->address, from->ioas_id, s->ioas);
		s = NULL;
	} else if (s) {
		s->refs++;
	} else {
		s = space_new(ctx, from);
		if (s) {
			s->refs = 1;
			s->next = spaces;
			spaces = s;
		}
	}
	pthread_mutex_unlock(&spaces_lock);
	return s;
}

void iommufd_space_put(struct iommufd_space *space, bool keep)
{
	pthread_mutex_lock(&spaces_lock);
	if (!--space->refs) {
		for (struct iommufd_space **p = &spaces; *p; p = &(*p)->next) {
			if (*p == space) {
				*p = space->next;
				break;
			}
		}
		if (space->attached)
			iommu_detach(space->ctx, &space->backend, false);
		space_free(space, keep);
	}
	pthread_mutex_unlock(&spaces_lock);
}

/* Page size and ranges, as the kernel tells them, into the backend. */
static int space_learn(struct iommufd_space *s)
{
	struct iommufd_ioas_ranges ask = {.size = sizeof(ask), .ioas = s->ioas};
	struct iommufd_range *ranges = NULL, *more;
	struct iommu_iova_range *copy;
	uint32_t room = 0;
	int rc;

	/* Once for their number, and once for all of them. */
	for (int i = 0; i < 2; i++) {
		rc = vfio_kernel_ioctl(s->fd, IOMMUFD_IOAS_RANGES, &ask);
		if (rc && errno != EMSGSIZE) {
			vfn_fail(errno, "asking for the IOVAs that can be used: %s",
				 strerror(errno));
			goto out;
		}
		if (ask.nranges > RANGES_MAX) {
			rc = vfn_fail(EPROTO, "the kernel tells of %u ranges of IOVAs",
				      ask.nranges);
			goto out;
		}
		if (ask.nranges <= room)
			break;
		room = ask.nranges;
		more = realloc(ranges, room * sizeof(*ranges));
		if (!more) {
			rc = vfn_fail(ENOMEM, "out of memory for IOVA ranges");
			goto out;
		}
		ranges = more;
		ask.ranges = (uintptr_t)ranges;
	}
	if (ask.nranges > room || rc) {
		rc = vfn_fail(EPROTO, "the kernel's list of IOVA ranges is cut off");
		goto out;
	}
	copy = calloc(ask.nranges + 1, sizeof(*copy));
	if (!copy) {
		rc = vfn_fail(ENOMEM, "out of memory for IOVA ranges");
		goto out;
	}
	for (uint32_t i = 0; i < ask.nranges; i++)
		copy[i] = (struct iommu_iova_range){ranges[i].start, ranges[i].last};
	free(s->backend.ranges);
	s->backend.ranges = copy;
	s->backend.nranges = (int)ask.nranges;
	s->backend.page_size = ask.out_alignment > 4096 ? ask.out_alignment : 4096;
out:
	free(ranges);
	return rc;
}

static int space_attach(struct iommufd_space *s, int fd, const char *bdf)
{
	struct iommufd_attach attach = {.size = sizeof(attach), .ioas = s->ioas};

	if (!vfio_kernel_ioctl(fd, IOMMUFD_ATTACH, &attach))
		return 0;
	switch (errno) {
	case EADDRINUSE:
		return vfn_fail(ERANGE,
				"%s cannot go into this context: something is mapped where the "
				"device cannot reach",
				bdf);
	case EINVAL:
		return vfn_fail(EINVAL,
				"%s cannot go into this context's address space: its IOMMU does "
				"not fit, or a device of its group is in another one",
				bdf);
	case EPERM:
		return vfn_fail(EPERM,
				"the kernel refuses %s: interrupts are not remapped here, so that "
				"a device could fake them (the parameter allow_unsafe_interrupts "
				"of iommufd allows it)",
				bdf);
	case ENOMEM:
		return vfn_fail(ENOMEM,
				"%s cannot go into this context: no memory, or what is mapped is "
				"more than this user may lock; raise RLIMIT_MEMLOCK",
				bdf);
	default:
		return vfn_fail(errno, "%s: attaching it to an I/O address space: %s", bdf,
				strerror(errno));
	}
}

int iommufd_space_enter(struct iommufd_space *space, int fd, const char *bdf, bool imported)
{
	int rc;

	pthread_mutex_lock(&spaces_lock);
	rc = imported ? 0 : space_attach(space, fd, bdf);
	if (rc)
		goto out;
	/* What can be reached is known once there is a device, and less with each one. */
	rc = space_learn(space);
	if (!rc && space->attached)
		rc = iommu_narrow(space->ctx, &space->backend);
	else if (!rc)
		rc = iommu_attach(space->ctx, &space->backend, imported);
	if (!rc)
		space->attached = true;
	else if (!imported)
		iommufd_space_leave(fd);
out:
	pthread_mutex_unlock(&spaces_lock);
	return rc;
}

void iommufd_space_leave(int fd)
{
	struct iommufd_detach detach = {.size = sizeof(detach)};
	int err = errno;

	/* Closing the device, which comes next, does it too. */
	vfio_kernel_ioctl(fd, IOMMUFD_DETACH, &detach);
	errno = err;
}
