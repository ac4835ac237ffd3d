/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hot-reset - the reset of a bus or slot, which takes all functions there
 *
 * The kernel does it for whoever shows that all of them are his: by the group's descriptor, or, for devices that
 * an iommufd has, by that. Who they are is asked before, so that a refusal can name those in the way.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fail.h"
#include "vfio/kernel.h"

/* Later than some <linux/vfio.h>: the devices are told by what their iommufd calls them, not by group. */
#define FLAG_DEV_ID (1u << 0)
#define ID_FOREIGN  UINT32_MAX /* of another iommufd, or open by group */

#define AFFECTED_MAX 256 /* functions of a bus */

#define AFFECTED_SIZE \
	(sizeof(struct vfio_pci_hot_reset_info) + AFFECTED_MAX * sizeof(struct vfio_pci_dependent_device))

static int hot_reset_ask(struct vfio_device *dev, struct vfio_pci_hot_reset_info *info)
{
	info->argsz = AFFECTED_SIZE;
	if (!vfio_kernel_ioctl(dev->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info))
		return 0;
	if (errno == ENODEV)
		return vfn_fail(ENOTSUP, "%s: neither its bus nor its slot can be reset", dev->state->address);
	return vfn_fail(errno, "%s: asking whom a hot reset takes: %s", dev->state->address, strerror(errno));
}

int vfio_kernel_hot_reset(struct vfio_device *dev, int group_fd, uint32_t group)
{
	struct vfio_pci_hot_reset_info *info = calloc(1, AFFECTED_SIZE);
	union {
		struct vfio_pci_hot_reset head;
		char bytes[sizeof(struct vfio_pci_hot_reset) + sizeof(int32_t)];
	} u = {.head = {.argsz = sizeof(u), .count = group_fd >= 0}};
	int ret;

	if (!info)
		return vfn_fail(ENOMEM, "out of memory for whom a hot reset takes");
	ret = hot_reset_ask(dev, info);
	for (uint32_t i = 0; !ret && i < info->count && i < AFFECTED_MAX; i++) {
		const struct vfio_pci_dependent_device *d = &info->devices[i];
		bool foreign = info->flags & FLAG_DEV_ID ? d->group_id == ID_FOREIGN
							   : group_fd >= 0 && d->group_id != group;

		if (foreign)
			ret = vfn_fail(EBUSY,
				       "%s: a hot reset would take %04x:%02x:%02x.%x as well, which is not "
				       "this process's",
				       dev->state->address, d->segment, d->bus, d->devfn >> 3, d->devfn & 7);
	}
	free(info);
	if (ret)
		return -1;
	if (group_fd >= 0)
		memcpy(u.head.group_fds, &group_fd, sizeof(int32_t));
	if (!vfio_kernel_ioctl(dev->fd, VFIO_DEVICE_PCI_HOT_RESET, &u))
		return 0;
	return vfn_fail(errno, "%s: hot reset: %s", dev->state->address, strerror(errno));
}
