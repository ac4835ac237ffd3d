/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kernel - what the transports through the kernel's VFIO have in common
 *
 * They differ in how a device and its address space are come by. The device's descriptor then
 * takes the same requests (<linux/vfio.h>), so that most operations of their tables are these.
 */
#ifndef VFN_SRC_VFIO_KERNEL_H
#define VFN_SRC_VFIO_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "vfio/transport.h"

/* What is asked of the kernel; a test plays it by putting other functions here. */
struct vfio_kernel {
	int (*open)(const char *path, int flags);
	int (*close)(int fd);
	int (*ioctl)(int fd, unsigned long request, uintptr_t arg);
	ssize_t (*pread)(int fd, void *buf, size_t len, off_t offset);
	ssize_t (*pwrite)(int fd, const void *buf, size_t len, off_t offset);
};
extern const struct vfio_kernel *vfio_kernel;

#define vfio_kernel_ioctl(fd, request, arg) vfio_kernel->ioctl(fd, request, (uintptr_t)(arg))

/* Whether `bdf` is there and bound to vfio-pci or one of its kind. 0, or -1: ENOENT. */
int vfio_kernel_check_driver(const char *bdf);

/* Ask what the device at dev->fd is, into dev->device_info. 0, or -1: ENOTSUP no PCI device. */
int vfio_kernel_device_info(struct vfio_device *dev, const char *bdf);

/* Operations as in struct vfio_transport, on dev->fd. */
bool vfio_kernel_match(const char *address, const char **rest);
int vfio_kernel_set_vf_token(struct vfio_device *dev, const uint8_t *token);
int vfio_kernel_reset(struct vfio_device *dev);
/*
 * The hot reset (hot-reset.c). A device of a group shows the group's descriptor and number, one of an iommufd has
 * -1 for it. 0, or -1: ENOTSUP there is no such reset; EBUSY it would take devices of others.
 */
int vfio_kernel_hot_reset(struct vfio_device *dev, int group_fd, uint32_t group);
int vfio_kernel_region_info(struct vfio_device *dev, struct vfio_region_info *info,
			    struct vfio_region_fds *fds);
int vfio_kernel_region_read(struct vfio_device *dev, unsigned int region, void *buf, size_t len,
			    uint64_t offset);
int vfio_kernel_region_write(struct vfio_device *dev, unsigned int region, const void *buf,
			     size_t len, uint64_t offset);
int vfio_kernel_region_post32(struct vfio_device *dev, unsigned int region, uint64_t offset,
			      leint32_t value);
int vfio_kernel_irq_info(struct vfio_device *dev, struct vfio_irq_info *info);
int vfio_kernel_irq_set(struct vfio_device *dev, unsigned int index, unsigned int start,
			const int *fds, unsigned int n);

int vfio_kernel_irq_unmask(struct vfio_device *dev, unsigned int index, unsigned int start,
			   unsigned int n);

#endif
