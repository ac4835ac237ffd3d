/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport to a device that has a file of its own, which an iommufd does the mapping for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vfn/pci/sriov.h>
#include <vfn/pci/util.h>
#include <vfn/support/log.h>
#include "pci/sysfs.h"
#include "support/fail.h"
#include "vfio/iommufd-abi.h"
#include "vfio/iommufd.h"
#include "vfio/kernel.h"

static struct iommufd_space *space(const struct vfio_device *dev)
{
	return dev->state->priv;
}

/* The path of the device's file; -1: ENOENT. */
static int iommufd_path(char *path, size_t size, const char *bdf)
{
	char *id = pci_get_device_vfio_id(bdf);

	if (!id)
		return -1;
	snprintf(path, size, "%s/vfio/devices/%s", pci_dev_root, id);
	free(id);
	return 0;
}

static bool may_open(const char *path)
{
	return !faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS);
}

/* Both files are there and for this user: else type1 may be what was set up. */
static bool iommufd_usable(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/iommu", pci_dev_root);
	return may_open(path) && !iommufd_path(path, sizeof(path), bdf) && may_open(path);
}

static int iommufd_device_open(const char *bdf)
{
	char path[PATH_MAX];
	int fd;

	if (vfio_kernel_check_driver(bdf))
		return -1;
	if (iommufd_path(path, sizeof(path), bdf)) {
		if (errno == ENOENT)
			vfn_fail(ENOENT,
				 "%s has no VFIO device file: the kernel lacks them "
				 "(CONFIG_VFIO_DEVICE_CDEV), or the IOMMU is off; use the "
				 "transport type1",
				 bdf);
		return -1;
	}
	fd = vfio_kernel->open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case EACCES:
	case EPERM:
		return vfn_fail(errno, "%s: this user may not open it; give it to the user", path);
	case ENOENT:
		return vfn_fail(ENOENT, "%s: the file of %s is not there", path, bdf);
	default:
		return vfn_fail(errno, "%s: %s", path, strerror(errno));
	}
}

/*
 * Why the kernel refuses by `err`, EBUSY or EPERM: both may mean that somebody else has a device of
 * the group.
 */
static int iommufd_refused(const char *bdf, int err)
{
	char *group = pci_device_link(bdf, "iommu_group"), why[300];
	int n = group ? pci_group_offenders(group, why, sizeof(why)) : 0;

	if (n > 0) {
		vfn_fail(EBUSY, "group %s is not viable: %s; unbind %s or bind %s to vfio-pci",
			 group, why, n > 1 ? "them" : "it", n > 1 ? "them" : "it");
		err = EBUSY;
	} else if (err == EPERM && group && pci_group_devices(group) == 1) {
		vfn_fail(EPERM,
			 "the kernel refuses %s: interrupts are not remapped here, so that a "
			 "device could fake them (the parameter allow_unsafe_interrupts of iommufd "
			 "allows it)",
			 bdf);
	} else {
		vfn_fail(EBUSY,
			 "%s: another process uses it or a device that shares group %s with it, or "
			 "such a device is open in another IOMMU context: they have to be in the "
			 "same one",
			 bdf, group ? group : "(none)");
		err = EBUSY;
	}
	free(group);
	errno = err;
	return -1;
}

static int iommufd_bind(int fd, int iommufd, const char *bdf)
{
	struct iommufd_bind bind = {.size = IOMMUFD_BIND_SIZE_PLAIN, .iommufd = iommufd};

	if (!vfio_kernel_ioctl(fd, IOMMUFD_BIND, &bind)) {
		log_debug("%s is device %u of its iommufd\n", bdf, bind.out_device);
		return 0;
	}
	switch (errno) {
	case EBUSY:
	case EPERM:
		return iommufd_refused(bdf, errno);
	case EINVAL:
		/* All fields are right, so that this is what is left. */
		return vfn_fail(EBUSY, "%s is open already", bdf);
	case EACCES:
		return vfn_fail(EACCES,
				"%s: the kernel wants a token: it is a virtual function, or has "
				"some (%s,vf_token=UUID)",
				bdf, bdf);
	default:
		return vfn_fail(errno, "%s: binding it to an iommufd: %s", bdf, strerror(errno));
	}
}

/* The same by the device's token. */
static int iommufd_bind_token(struct vfio_device *dev, int iommufd, const char *bdf)
{
	uint8_t token[16];
	struct iommufd_bind bind = {.size = sizeof(bind),
				    .flags = IOMMUFD_BIND_TOKEN,
				    .iommufd = iommufd,
				    .token = (uint64_t)(uintptr_t)token};
	char *pf;

	if (token_bytes(dev->state->vf_token, token))
		return -1;
	if (!vfio_kernel_ioctl(dev->fd, IOMMUFD_BIND, &bind))
		return 0;
	if (errno == EACCES)
		return vfn_fail(EACCES, "%s: the kernel wants another token", bdf);
	/* Kernels before 6.18 know no token here; that of a physical function can be set after. */
	if (iommufd_bind(dev->fd, iommufd, bdf))
		return -1;
	pf = pci_sriov_pf(bdf);
	if (!pf)
		return vfio_kernel_set_vf_token(dev, token);
	free(pf);
	return vfn_fail(ENOTSUP,
			"%s: this kernel takes no token with device files: use the transport type1",
			bdf);
}

static int iommufd_open(struct vfio_device *dev, const char *bdf, const struct vfio_takeover *from)
{
	struct iommufd_space *s;
	bool entered = false;
	int err;

	if (from && (from->device_fd < 0 || from->container_fd < 0))
		return vfn_fail(EINVAL, "%s: a descriptor is missing in what was handed on", bdf);
	dev->fd = from ? from->device_fd : iommufd_device_open(bdf);
	if (dev->fd < 0)
		return -1;
	s = iommufd_space_get(dev->ctx, from);
	if (!s)
		goto fail;
	if (!from && (*dev->state->vf_token ? iommufd_bind_token(dev, s->fd, bdf)
					    : iommufd_bind(dev->fd, s->fd, bdf)))
		goto fail;
	if (iommufd_space_enter(s, dev->fd, bdf, from))
		goto fail;
	entered = true;
	if (vfio_kernel_device_info(dev, bdf))
		goto fail;
	/* An iommufd that another device brought already is not needed twice. */
	if (from && s->fd != from->container_fd)
		vfio_kernel->close(from->container_fd);
	dev->state->priv = s;
	return 0;

fail:
	err = errno;
	if (!from) {
		if (entered)
			iommufd_space_leave(dev->fd);
		vfio_kernel->close(dev->fd);
	}
	if (s)
		iommufd_space_put(s, from);
	errno = err;
	return -1;
}

static void iommufd_close(struct vfio_device *dev, bool keep)
{
	if (!keep) {
		iommufd_space_leave(dev->fd);
		vfio_kernel->close(dev->fd);
	}
	iommufd_space_put(space(dev), keep);
}

static int iommufd_hot_reset(struct vfio_device *dev)
{
	return vfio_kernel_hot_reset(dev, -1, 0);
}

static int iommufd_export(struct vfio_device *dev, struct vfio_takeover *to)
{
	to->device_fd = dev->fd;
	to->container_fd = space(dev)->fd;
	to->ioas_id = space(dev)->ioas;
	return 0;
}

const struct vfio_transport vfio_transport_iommufd = {
	.name = "iommufd",
	.match = vfio_kernel_match,
	.usable = iommufd_usable,
	.open = iommufd_open,
	.close = iommufd_close,
	.reset = vfio_kernel_reset,
	.hot_reset = iommufd_hot_reset,
	.region_info = vfio_kernel_region_info,
	.region_read = vfio_kernel_region_read,
	.region_write = vfio_kernel_region_write,
	.region_post32 = vfio_kernel_region_post32,
	.irq_info = vfio_kernel_irq_info,
	.irq_set = vfio_kernel_irq_set,
	.irq_unmask = vfio_kernel_irq_unmask,
	.set_vf_token = vfio_kernel_set_vf_token,
	.export = iommufd_export,
};
