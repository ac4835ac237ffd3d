/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * takeover - hand an open device on to a successor of this process
 *
 * The predecessor exports the device into plain data, and lets the descriptors named there survive
 * (execve(2) with close-on-exec cleared, or passed through a socket). The successor imports it: no
 * reset, nothing opened, and the mappings that the IOMMU has stay. It tells the context of them by
 * iommu_import().
 */
#ifndef VFN_VFIO_TAKEOVER_H
#define VFN_VFIO_TAKEOVER_H

#include <vfn/vfio/pci.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VFIO_TAKEOVER_VERSION 1

/* All numbers in the processor's byte order; the layout only grows, with the version. */
struct vfio_takeover {
	uint32_t version;	     /* VFIO_TAKEOVER_VERSION */
	char transport[16];	     /* as vfio_transport_name() */
	char address[256];	     /* as given to vfio_pci_open() */
	int32_t device_fd;	     /* type1, iommufd; else -1 */
	int32_t group_fd;	     /* type1; else -1 */
	int32_t container_fd;	     /* type1: the container; iommufd: the iommufd; else -1 */
	int32_t socket_fd;	     /* vfio-user; else -1 */
	uint32_t max_msg_fds;	     /* vfio-user: what the server takes in a message */
	uint32_t ioas_id;	     /* iommufd: the I/O address space there; else 0 */
	uint64_t max_data_xfer_size; /* vfio-user: largest region access, in bytes */
};

/*
 * Describe an open device. The descriptors stay the device's own. 0, or -1: ENODEV it is closed or
 * has died; EBUSY a call is under way; ENAMETOOLONG; ENOTSUP a vfio-user server was given memory that only this
 * process has.
 */
int vfio_pci_export(struct vfio_pci_device *pci, struct vfio_takeover *to);

/*
 * Open the device `bdf` by the descriptors in *from; the device owns them from then on. It goes
 * into dev.ctx as vfio_pci_open() does; a device whose container or iommufd another imported
 * device of the same context has already shares it. Which transport is used is in *from, whatever
 * VFN_TRANSPORT says. 0, or -1: EINVAL *from is not of this device or version; or as
 * vfio_pci_open(); the descriptors stay the caller's then.
 */
int vfio_pci_import(struct vfio_pci_device *pci, const char *bdf, const struct vfio_takeover *from);

#ifdef __cplusplus
}
#endif

#endif
