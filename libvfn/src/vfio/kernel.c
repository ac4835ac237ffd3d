/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <vfn/pci/util.h>
#include <vfn/support/log.h>
#include <vfn/support/ticks.h>
#include "pci/sysfs.h"
#include "support/fail.h"
#include "vfio/kernel.h"

static int kernel_open(const char *path, int flags)
{
	return open(path, flags);
}

static int kernel_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	return ioctl(fd, request, arg);
}

static const struct vfio_kernel real_kernel = {
	.open = kernel_open,
	.close = close,
	.ioctl = kernel_ioctl,
	.pread = pread,
	.pwrite = pwrite,
};

const struct vfio_kernel *vfio_kernel = &real_kernel;

bool vfio_kernel_match(const char *address, const char **rest)
{
	*rest = address;
	return pci_is_bdf(address);
}

int vfio_kernel_check_driver(const char *bdf)
{
	char path[PATH_MAX], *driver;

	if (pci_device_path(path, sizeof(path), bdf, "")) {
		if (errno == ENODEV)
			errno = ENOENT;
		return -1;
	}
	driver = pci_get_driver(bdf);
	if (!driver) {
		if (errno == ENOENT)
			vfn_fail(ENOENT,
				 "%s has no driver: load the module vfio-pci and bind the device "
				 "to it (write vfio-pci to %s/driver_override, then %s to "
				 "%s/bus/pci/drivers_probe)",
				 bdf, path, bdf, pci_sysfs_root);
		return -1;
	}
	if (!pci_driver_is_vfio(driver)) {
		vfn_fail(
			ENOENT,
			"%s is bound to %s: make sure that nothing uses it, unbind it there (write "
			"%s to %s/driver/unbind) and bind it to vfio-pci",
			bdf, driver, bdf, path);
		free(driver);
		return -1;
	}
	free(driver);
	return 0;
}

int vfio_kernel_device_info(struct vfio_device *dev, const char *bdf)
{
	dev->device_info = (struct vfio_device_info){.argsz = sizeof(dev->device_info)};
	if (vfio_kernel_ioctl(dev->fd, VFIO_DEVICE_GET_INFO, &dev->device_info))
		return vfn_fail(errno, "%s: asking what it has: %s", bdf, strerror(errno));
	if (!(dev->device_info.flags & VFIO_DEVICE_FLAGS_PCI))
		return vfn_fail(ENOTSUP, "%s is not a PCI device for VFIO", bdf);
	log_debug("%s: %u regions, %u kinds of interrupts, %s\n", bdf, dev->device_info.num_regions,
		  dev->device_info.num_irqs,
		  dev->device_info.flags & VFIO_DEVICE_FLAGS_RESET ? "can be reset" : "no reset");
	return 0;
}

int vfio_kernel_reset(struct vfio_device *dev)
{
	/* The kernel does not wait for others that change the device's configuration. */
	for (int tries = 0; vfio_kernel_ioctl(dev->fd, VFIO_DEVICE_RESET, 0); tries++) {
		if (errno != EAGAIN || tries == 10)
			return vfn_fail(errno, "%s: reset: %s", dev->state->address,
					strerror(errno));
		__usleep(50000);
	}
	return 0;
}

int vfio_kernel_region_info(struct vfio_device *dev, struct vfio_region_info *info,
			    struct vfio_region_fds *fds)
{
	fds->n = 0;
	if (vfio_kernel_ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, info))
		return vfn_fail(errno, "%s: asking for region %u: %s", dev->state->address,
				info->index, strerror(errno));
	return 0;
}

static int kernel_io_failed(struct vfio_device *dev, const char *what, ssize_t n, size_t len,
			    unsigned int region, uint64_t offset)
{
	int err = n < 0 ? errno : EIO;

	return vfn_fail(err, "%s: %s of %zu bytes at 0x%llx of region %u: %s", dev->state->address,
			what, len, (unsigned long long)offset, region, strerror(err));
}

int vfio_kernel_region_read(struct vfio_device *dev, unsigned int region, void *buf, size_t len,
			    uint64_t offset)
{
	off_t at = (off_t)(dev->state->regions[region].info.offset + offset);

	for (size_t done = 0; done < len;) {
		ssize_t n = vfio_kernel->pread(dev->fd, (char *)buf + done, len - done,
					       at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return kernel_io_failed(dev, "read", n, len, region, offset);
		done += (size_t)n;
	}
	return 0;
}

int vfio_kernel_region_write(struct vfio_device *dev, unsigned int region, const void *buf,
			     size_t len, uint64_t offset)
{
	off_t at = (off_t)(dev->state->regions[region].info.offset + offset);

	for (size_t done = 0; done < len;) {
		ssize_t n = vfio_kernel->pwrite(dev->fd, (const char *)buf + done, len - done,
						at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return kernel_io_failed(dev, "write", n, len, region, offset);
		done += (size_t)n;
	}
	return 0;
}

int vfio_kernel_region_post32(struct vfio_device *dev, unsigned int region, uint64_t offset,
			      leint32_t value)
{
	return vfio_kernel_region_write(dev, region, &value, sizeof(value), offset);
}

int vfio_kernel_set_vf_token(struct vfio_device *dev, const uint8_t *token)
{
	union {
		struct vfio_device_feature feature;
		char bytes[sizeof(struct vfio_device_feature) + 16];
	} u = {.feature = {.argsz = sizeof(u),
			   .flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN}};

	memcpy(u.feature.data, token, 16);
	if (!vfio_kernel_ioctl(dev->fd, VFIO_DEVICE_FEATURE, &u))
		return 0;
	if (errno == ENOTTY)
		return vfn_fail(ENOTSUP,
				"%s: it is no physical function of virtual ones, or vfio-pci's "
				"parameter enable_sriov is not set",
				dev->state->address);
	return vfn_fail(errno, "%s: setting the token of its virtual functions: %s",
			dev->state->address, strerror(errno));
}

int vfio_kernel_irq_info(struct vfio_device *dev, struct vfio_irq_info *info)
{
	if (!vfio_kernel_ioctl(dev->fd, VFIO_DEVICE_GET_IRQ_INFO, info))
		return 0;
	/* The kernel says EINVAL for a kind that the device lacks (error interrupts need PCIe). */
	if (errno == EINVAL) {
		info->count = 0;
		return 0;
	}
	return vfn_fail(errno, "%s: asking for interrupts: %s", dev->state->address,
			strerror(errno));
}

int vfio_kernel_irq_set(struct vfio_device *dev, unsigned int index, unsigned int start,
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
	rc = vfio_kernel_ioctl(dev->fd, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	if (rc > 0)
		return vfn_fail(ENOSPC, "%s: the kernel can set up %d interrupt vectors, not %u",
				dev->state->address, rc, n);
	if (rc)
		return vfn_fail(errno, "%s: setting interrupt vectors %u to %u of kind %u: %s",
				dev->state->address, start, start + n - 1, index, strerror(errno));
	return 0;
}

int vfio_kernel_irq_unmask(struct vfio_device *dev, unsigned int index, unsigned int start,
			   unsigned int n)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE,
		.index = index,
		.start = start,
		.count = n,
	};

	if (vfio_kernel_ioctl(dev->fd, VFIO_DEVICE_SET_IRQS, &set))
		return vfn_fail(errno, "%s: unmasking interrupt vectors %u to %u of kind %u: %s",
				dev->state->address, start, start + n - 1, index, strerror(errno));
	return 0;
}
