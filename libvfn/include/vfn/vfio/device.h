/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfio device - what every device that is reached through VFIO has
 *
 * Functions on one device may be called from several threads. vfn_error() tells more after each
 * failure. A device whose peer has gone answers ENODEV to everything, quickly.
 */
#ifndef VFN_VFIO_DEVICE_H
#define VFN_VFIO_DEVICE_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <vfn/iommu/context.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfio_device_state;

struct vfio_device {
	int fd;		       /* VFIO device, or socket of a vfio-user server; -1 if closed */
	struct iommu_ctx *ctx; /* set before opening to choose the context, or NULL */
	struct vfio_device_info device_info;
	struct vfio_irq_info irq_info;	 /* of the kind that vfio_set_irq() uses */
	struct vfio_device_state *state; /* the library's own */
};

/* The context of a device, given a pointer to anything that begins with a struct vfio_device. */
#define __iommu_ctx(x) (((struct vfio_device *)(x))->ctx)

/*
 * Let the interrupt vectors 0 to count - 1 signal the eventfds (-1: none), and no others. MSI-X is
 * used if the device has it, else MSI, else INTx (dev->irq_info tells; vfio_unmask_irq()). 0, or -1: EINVAL more than
 * the device has; ENOTSUP it has no interrupts; or the errno of the transport.
 */
int vfio_set_irq(struct vfio_device *dev, int *eventfds, int count);

/* Disable the interrupts that vfio_set_irq() has set. 0, or -1 with the errno of the transport. */
int vfio_disable_irq(struct vfio_device *dev);

/*
 * Let vectors of one kind of interrupt (VFIO_PCI_INTX_IRQ_INDEX, _MSI_, _MSIX_, _ERR_, _REQ_), from
 * vector `start` on, signal eventfds (-1: none); with `count` 0 (eventfds may be NULL) that kind is
 * disabled. Other vectors stay as they are. A call with `start` 0 and more vectors than are set up has
 * MSI and MSI-X set up afresh, and all stop for a moment then; from another `start` on the kernel does not
 * add vectors everywhere. 0, or -1: EINVAL no such vectors; ENOTSUP no such kind; or of the transport.
 */
int vfio_set_irq_index(struct vfio_device *dev, unsigned int irq_index, unsigned int start,
		       const int *eventfds, int count);

/*
 * Let a kind of interrupt signal again that masks itself with each one, as INTx does (irq_info has
 * VFIO_IRQ_INFO_AUTOMASKED): to be called once the reason of the interrupt is dealt with. Waits
 * for nothing. 0, or -1: EINVAL no vectors of it are set up; or of the transport.
 */
int vfio_unmask_irq(struct vfio_device *dev, unsigned int irq_index);

/*
 * What the device has of the kind `irq_index`, into *info; info->count is 0 for a kind that it
 * lacks, which is normal. 0, or -1 with the errno of the transport.
 */
int vfio_get_irq_info(struct vfio_device *dev, unsigned int irq_index, struct vfio_irq_info *info);

/*
 * Reset the function. May take a second. 0, or -1: ENOTSUP it cannot; ETIMEDOUT; of the transport.
 */
int vfio_reset(struct vfio_device *dev);

/*
 * Reset the bus or slot of the device `dev`, which takes all functions there: those of other groups have to be out of
 * the way, those of its own group are reset too, whoever in this process has them. What configuration space had is
 * restored by the kernel. May take a second.
 *
 * 0, or -1: ENOTSUP no bus and no slot to be reset, or the transport has no such reset (vfio-user); EBUSY the reset
 * would take a device that is not this process's, which vfn_error() names; of ioctl(2).
 */
int vfio_hot_reset(struct vfio_device *dev);

/*
 * A descriptor to watch for the device's going: poll it for hang-up (POLLRDHUP, EPOLLRDHUP,
 * libevent's EV_CLOSED), not for data, since answers arrive there, too. It also hangs up when the
 * library gave the device up. It must not be read or closed. -1 where the transport has none
 * (type1, iommufd).
 */
int vfio_device_fd_event(struct vfio_device *dev);

/* The name of the transport that the device is reached by: "iommufd", "type1" or "vfio-user". */
const char *vfio_transport_name(const struct vfio_device *dev);

#ifdef __cplusplus
}
#endif

#endif
