/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport to a device that the kernel's VFIO gives out by group and container.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fail.h"
#include "vfio/kernel.h"
#include "vfio/transport.h"
#include "vfio/type1.h"

static int type1_device_fd(const struct type1_group *g, const char *bdf, const char *token)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s%s%s", bdf, *token ? " vf_token=" : "", token);
	fd = vfio_kernel_ioctl(g->fd, VFIO_GROUP_GET_DEVICE_FD, name);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case EACCES:
		return vfn_fail(
			EACCES,
			"%s: the kernel wants %s token: it is a virtual function, or has some "
			"(%s,vf_token=UUID)",
			bdf, *token ? "another" : "a", bdf);
	case EINVAL:
		if (*token)
			return vfn_fail(EINVAL, "%s: it has no use for a token", bdf);
		break;
	case EBUSY:
		return vfn_fail(EBUSY, "%s is open already", bdf);
	default:
		break;
	}
	return vfn_fail(errno, "%s: getting it out of group %s: %s", bdf, g->number,
			strerror(errno));
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
	dev->fd = from ? from->device_fd : type1_device_fd(t->group, bdf, dev->state->vf_token);
	if (dev->fd < 0 || vfio_kernel_device_info(dev, bdf))
		goto fail;
	if (from) {
		/* Descriptors of what another device brought already are not needed twice. */
		if (t->group->fd != from->group_fd)
			vfio_kernel->close(from->group_fd);
		if (t->group->container->fd != from->container_fd)
			vfio_kernel->close(from->container_fd);
	}
	dev->state->priv = t;
	return 0;

fail:
	err = errno;
	if (dev->fd >= 0 && !from)
		vfio_kernel->close(dev->fd);
	type1_group_put(t->group, from);
	free(t);
	errno = err;
	return -1;
}

static void type1_close(struct vfio_device *dev, bool keep)
{
	struct type1 *t = dev->state->priv;

	if (!keep)
		vfio_kernel->close(dev->fd);
	type1_group_put(t->group, keep);
	free(t);
}

static int type1_export(struct vfio_device *dev, struct vfio_takeover *to)
{
	struct type1 *t = dev->state->priv;

	to->device_fd = dev->fd;
	to->group_fd = t->group->fd;
	to->container_fd = t->group->container->fd;
	return 0;
}

static int type1_hot_reset(struct vfio_device *dev)
{
	struct type1 *t = dev->state->priv;

	return vfio_kernel_hot_reset(dev, t->group->fd, (uint32_t)strtoul(t->group->number, NULL, 10));
}

const struct vfio_transport vfio_transport_type1 = {
	.name = "type1",
	.match = vfio_kernel_match,
	.open = type1_open,
	.close = type1_close,
	.reset = vfio_kernel_reset,
	.hot_reset = type1_hot_reset,
	.region_info = vfio_kernel_region_info,
	.region_read = vfio_kernel_region_read,
	.region_write = vfio_kernel_region_write,
	.region_post32 = vfio_kernel_region_post32,
	.irq_info = vfio_kernel_irq_info,
	.irq_set = vfio_kernel_irq_set,
	.irq_unmask = vfio_kernel_irq_unmask,
	.set_vf_token = vfio_kernel_set_vf_token,
	.export = type1_export,
};
