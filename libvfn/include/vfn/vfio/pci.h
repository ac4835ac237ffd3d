/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfio pci - a PCI device reached through VFIO
 *
 * Devices are named by address (0000:01:00.0: the kernel's VFIO), or vfio-user:/path/to/socket.
 * Those with an address are reached by the transport "iommufd" where they have a VFIO device file
 * and this process may open that and /dev/iommu, else by "type1"; vfio_force_transport(), or else
 * the environment variable VFN_TRANSPORT, forces one.
 *
 * A virtual function whose physical function is VFIO's, too, is opened by the token of the latter,
 * a UUID: 0000:01:00.1,vf_token=83f2a7f0-6d44-4b3e-9c62-0f1c2d3e4a5b. For a physical function the
 * same sets the token, or must be the one that it has, when virtual functions are open.
 */
#ifndef VFN_VFIO_PCI_H
#define VFN_VFIO_PCI_H

#include <stddef.h>
#include <sys/types.h>
#include <vfn/vfio/device.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfio_pci_device {
	struct vfio_device dev;
	unsigned long long classcode; /* base class, subclass, interface: 0x010802 for NVMe */
	const char *bdf;	      /* the library's copy of the name */
	struct vfio_region_info config_region_info;
	struct vfio_region_info bar_region_info[6];
};

/*
 * Reach devices that are opened from now on by the transport "iommufd" or "type1" where their names
 * let it, whatever there is and VFN_TRANSPORT says; NULL: as if never called. Thread safe. 0, or
 * -1 with EINVAL: there is no such transport.
 */
int vfio_force_transport(const char *name);

/*
 * Open a PCI device by its name: everything of *pci is set, but dev.ctx, which the caller sets to a
 * context or (usually) NULL. The device is reset where it can be, its bus mastering enabled, its
 * interrupts disabled. 0, or -1, and nothing is left behind then: EINVAL bad name, or dev.ctx is no
 * context, or a token for a device without; EACCES the token is missing or wrong; ENOTSUP the
 * kernel takes no token with device files (transport iommufd before Linux 6.18), but by type1;
 * ENOENT no such device or socket, or not bound to vfio-pci; EBUSY somebody else has it, or its
 * group is not viable; EACCES; ENOTSUP; EPROTO, ETIMEDOUT, ENODEV: the vfio-user server.
 */
int vfio_pci_open(struct vfio_pci_device *pci, const char *bdf);

/*
 * Give back everything: interrupts and bus mastering are disabled, what was mapped by
 * vfio_pci_map_bar() is unmapped, and the device leaves its context. A context made for it goes
 * with all its mappings. Fine after a failed open, and twice.
 */
void vfio_pci_close(struct vfio_pci_device *pci);

/*
 * Set the token (a UUID as text) that whoever opens a virtual function of this device must know. As
 * long as none is set it is one that nobody knows. 0, or -1: EINVAL no UUID; ENOTSUP the device is
 * no physical function, or is reached by vfio-user; or of the transport.
 */
int vfio_pci_set_vf_token(struct vfio_pci_device *pci, const char *uuid);

/*
 * Map `len` bytes at `offset` of BAR `idx` with `prot` as for mmap(2); what lies with them in pages
 * of the processor's can be reached then, too. NULL: EINVAL no such BAR or
 * beyond it; ENOTSUP not mappable (of a vfio-user device its doorbells may be all that is): use
 * vfio_region_read(); or the errno of mmap(2).
 */
void *vfio_pci_map_bar(struct vfio_pci_device *pci, int idx, size_t len, uint64_t offset, int prot);

/* Undo vfio_pci_map_bar(), with the same arguments. */
void vfio_pci_unmap_bar(struct vfio_pci_device *pci, int idx, void *mem, size_t len,
			uint64_t offset);

/* Read and write configuration space. `len`, or -1 as vfio_region_read(). */
ssize_t vfio_pci_read_config(struct vfio_pci_device *pci, void *buf, size_t len, off_t offset);
ssize_t vfio_pci_write_config(struct vfio_pci_device *pci, const void *buf, size_t len,
			      off_t offset);

#ifdef __cplusplus
}
#endif

#endif
