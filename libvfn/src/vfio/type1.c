/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport to a device that the kernel's VFIO gives out by group and container.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <vfn/pci/util.h>
#include <vfn/support/log.h>
#include <vfn/support/ticks.h>
#include "support/fail.h"
#include "vfio/transport.h"
#include "vfio/type1.h"

static int kernel_open(const char *path, int flags)
{
	return open(path, flags);
}

static int kernel_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	return ioctl(fd, request, arg);
}

static const struct type1_kernel real_kernel = {
	.open = kernel_open,
	.close = close,
	.ioctl = kernel_ioctl,
	.pread = pread,
	.pwrite = pwrite,
};

const struct type1_kernel *type1_kernel = &real_kernel;

static bool type1_match(const char *address, const char **rest)
{
	*rest = address;
	return pci_is_bdf(address);
}

static int type1_device_fd(const struct type1_group *g, const char *bdf)
{
	int fd = type1_ioctl(g->fd, VFIO_GROUP_GET_DEVICE_FD, bdf);

	if (fd >= 0)
		return fd;
	switch (errno) {
	case EACCES:
		return vfn_fail(
			EACCES,
			"%s: the kernel wants a token: it is a virtual function, or has some", bdf);
	case EBUSY:
		return vfn_fail(EBUSY, "%s is open already", bdf);
	default:
		return vfn_fail(errno, "%s: getting it out of group %s: %s", bdf, g->number,
				strerror(errno));
	}
}

static int type1_device_info(struct vfio_device *dev, const char *bdf)
{
	dev->device_info = (struct vfio_device_info){.argsz = sizeof(dev->device_info)};
	if (type1_ioctl(dev->fd, VFIO_DEVICE_GET_INFO, &dev->device_info))
		return vfn_fail(errno, "%s: asking what it has: %s", bdf, strerror(errno));
	if (!(dev->device_info.flags & VFIO_DEVICE_FLAGS_PCI))
		return vfn_fail(ENOTSUP, "%s is not a PCI device for VFIO", bdf);
	log_debug("%s: %u regions, %u kinds of interrupts, %s\n", bdf, dev->device_info.num_regions,
		  dev->device_info.num_irqs,
		  dev->device_info.flags & VFIO_DEVICE_FLAGS_RESET ? "can be reset" : "no reset");
	return 0;
}

static int type1_open(struct vfio_device *dev, const char *bdf, const struct vfio_takeover *from)
{
	struct type1 *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return vfn_fail(ENOMEM, "out of memory for %s", bdf);
	if (from && (from->device_fd < 0 || from->group_fd < 0 || from->container_fd < 0)) {
		free(t);
		return vfn_fail(EINVAL, "%s: a descriptor is missing in what was handed on", bdf);
	}
	t->group = type1_group_get(dev->ctx, bdf, from);
	if (!t->group) {
		free(t);
		return -1;
	}
	dev->fd = from ? from->device_fd : type1_device_fd(t->group, bdf);
	if (dev->fd < 0 || type1_device_info(dev, bdf))
		goto fail;
	if (from) {
		/* Descriptors of what another device brought already are not needed twice. */
		if (t->group->fd != from->group_fd)
			type1_kernel->close(from->group_fd);
		if (t->group->container->fd != from->container_fd)
			type1_kernel->close(from->container_fd);
	}
	dev->state->priv = t;
	return 0;

fail:
	err = errno;
	if (dev->fd >= 0 && !from)
		type1_kernel->close(dev->fd);
	type1_group_put(t->group, from);
	free(t);
	errno = err;
	return -1;
}

static void type1_close(struct vfio_device *dev, bool keep)
{
	struct type1 *t = dev->state->priv;

	if (!keep)
		type1_kernel->close(dev->fd);
	type1_group_put(t->group, keep);
	free(t);
}

static int type1_reset(struct vfio_device *dev)
{
	/* The kernel does not wait for others that change the device's configuration. */
	for (int tries = 0; type1_ioctl(dev->fd, VFIO_DEVICE_RESET, 0); tries++) {
		if (errno != EAGAIN || tries == 10)
			return vfn_fail(errno, "%s: reset: %s", dev->state->address,
					strerror(errno));
		__usleep(50000);
	}
	return 0;
}

static int type1_region_info(struct vfio_device *dev, struct vfio_region_info *info, int *fd)
{
	*fd = -1;
	if (type1_ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, info))
		return vfn_fail(errno, "%s: asking for region %u: %s", dev->state->address,
				info->index, strerror(errno));
	return 0;
}

static int type1_io_failed(struct vfio_device *dev, const char *what, ssize_t n, size_t len,
			   unsigned int region, uint64_t offset)
{
	int err = n < 0 ? errno : EIO;

	return vfn_fail(err, "%s: %s of %zu bytes at 0x%llx of region %u: %s", dev->state->address,
			what, len, (unsigned long long)offset, region, strerror(err));
}

static int type1_region_read(struct vfio_device *dev, unsigned int region, void *buf, size_t len,
			     uint64_t offset)
{
	off_t at = (off_t)(dev->state->regions[region].info.offset + offset);

	for (size_t done = 0; done < len;) {
		ssize_t n = type1_kernel->pread(dev->fd, (char *)buf + done, len - done,
						at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return type1_io_failed(dev, "read", n, len, region, offset);
		done += (size_t)n;
	}
	return 0;
}

static int type1_region_write(struct vfio_device *dev, unsigned int region, const void *buf,
			      size_t len, uint64_t offset)
{
	off_t at = (off_t)(dev->state->regions[region].info.offset + offset);

	for (size_t done = 0; done < len;) {
		ssize_t n = type1_kernel->pwrite(dev->fd, (const char *)buf + done, len - done,
						 at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return type1_io_failed(dev, "write", n, len, region, offset);
		done += (size_t)n;
	}
	return 0;
}

static int type1_region_post32(struct vfio_device *dev, unsigned int region, uint64_t offset,
			       uint32_t value)
{
	return type1_region_write(dev, region, &value, sizeof(value), offset);
}

static int type1_irq_info(struct vfio_device *dev, struct vfio_irq_info *info)
{
	if (!type1_ioctl(dev->fd, VFIO_DEVICE_GET_IRQ_INFO, info))
		return 0;
	/* The kernel says EINVAL for a kind that the device lacks (error interrupts need PCIe). */
	if (errno == EINVAL) {
		info->count = 0;
		return 0;
	}
	return vfn_fail(errno, "%s: asking for interrupts: %s", dev->state->address,
			strerror(errno));
}

static int type1_irq_set(struct vfio_device *dev, unsigned int index, unsigned int start,
			 const int *fds, unsigned int n)
{
	size_t len = sizeof(struct vfio_irq_set) + n * sizeof(int);
	struct vfio_irq_set *set = malloc(len);
	int rc;

	if (!set)
		return vfn_fail(ENOMEM, "out of memory for %u interrupt vectors", n);
	*set = (struct vfio_irq_set){
		.argsz = (uint32_t)len,
		.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
			 (n ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
		.index = index,
		.start = start,
		.count = n,
	};
	if (n)
		memcpy(set->data, fds, n * sizeof(int));
	rc = type1_ioctl(dev->fd, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	if (rc > 0)
		return vfn_fail(ENOSPC, "%s: the kernel can set up %d interrupt vectors, not %u",
				dev->state->address, rc, n);
	if (rc)
		return vfn_fail(errno, "%s: setting interrupt vectors %u to %u of kind %u: %s",
				dev->state->address, start, start + n - 1, index, strerror(errno));
	return 0;
}

static int type1_export(struct vfio_device *dev, struct vfio_takeover *to)
{
	struct type1 *t = dev->state->priv;

	to->device_fd = dev->fd;
	to->group_fd = t->group->fd;
	to->container_fd = t->group->container->fd;
	return 0;
}

const struct vfio_transport vfio_transport_type1 = {
	.name = "type1",
	.match = type1_match,
	.open = type1_open,
	.close = type1_close,
	.reset = type1_reset,
	.region_info = type1_region_info,
	.region_read = type1_region_read,
	.region_write = type1_region_write,
	.region_post32 = type1_region_post32,
	.irq_info = type1_irq_info,
	.irq_set = type1_irq_set,
	.export = type1_export,
};
