/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvfnclient - devices that the daemon does not drive (class pci): interrupts, mapped BARs, capabilities
 *
 * A part of <vfn/client.h>, which includes it. Results, threads and lifetimes are as said there. Registers are read and
 * written with vfnc_bar_read() and vfnc_bar_write(), memory for the device is made with
 * vfnc_buffer_alloc(), and vfnc_reset() resets the function (VFNC_RESET_FUNCTION). Capabilities can be asked of
 * devices of every class.
 */
#ifndef VFN_CLIENT_PCI_H
#define VFN_CLIENT_PCI_H

#include <vfn/client.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vfnc_interrupt_kind {
	VFNC_INTERRUPT_INTX = 0,
	VFNC_INTERRUPT_MSI = 1,
	VFNC_INTERRUPT_MSIX = 2,
};

/* An interrupt vector that the session has to itself. Made by the library; to be read only. */
struct vfnc_interrupt {
	int fd; /* an eventfd, for poll(2) and the like; each interrupt adds 1. It must not be closed */
	uint32_t vector;
	enum vfnc_interrupt_kind kind;
	bool automasked; /* it masks itself each time: vfnc_interrupt_mask() with false lets it come again */
	struct vfnc_device *device;
};

/*
 * Have vector `vector` (0 to vfnc_device_info: vectors - 1) signal *interrupt from now on. 0, or -EINVAL: there is
 * none; -EBUSY: somebody has it; -EOPNOTSUPP: the device has no interrupts, or is not of class pci; -ENOTSUP: the
 * daemon knows of no such devices.
 */
int vfnc_interrupt_create(struct vfnc_device *dev, uint32_t vector, struct vfnc_interrupt **interrupt);

/*
 * Wait for interrupts. Returns 1 with the number that came since the last call in *count (which may be NULL); 0: none
 * came within `timeout_ms` (-1: no limit); or -EINTR. Any one thread at a time, which need not be the connection's.
 */
int vfnc_interrupt_wait(struct vfnc_interrupt *interrupt, int timeout_ms, uint64_t *count);

/*
 * Mask the vector, or unmask it. What came while it was masked is not counted by `fd`: unmasking tells how many these
 * were in *missed (which may be NULL). At the moment of the change itself the device's interrupt may be lost,
 * where its interrupts are edges (MSI without a mask of its own): look at the device after it. 0, or -EAGAIN: another
 * request about it is under way.
 */
int vfnc_interrupt_mask(struct vfnc_interrupt *interrupt, bool mask, uint64_t *missed);

/* Give the vector back; `fd` is closed. NULL is ignored. 0, or -EAGAIN as above. */
int vfnc_interrupt_free(struct vfnc_interrupt *interrupt);

/*
 * Map `length` bytes at `offset` of a BAR, whole pages both; *mem is to be given to munmap(2). It stays mapped
 * until then, whatever becomes of the session. Accesses are the program's own: as wide as the device wants them.
 * The device's configuration must have raw = yes and direct = yes. 0, or -EPERM: it has not; -EOPNOTSUPP: this
 * part cannot be mapped, or the device is not of class pci: use vfnc_bar_read(); -EINVAL: not within the BAR;
 * -ENOTSUP: the daemon knows of no such devices.
 */
int vfnc_bar_map(struct vfnc_device *dev, unsigned int bar, uint64_t offset, size_t length, void **mem);

/* A capability in configuration space. */
struct vfnc_capability {
	uint16_t id;	 /* as PCI_CAP_ID_* and PCI_EXT_CAP_ID_* of <linux/pci_regs.h> */
	bool extended;	 /* it is one of PCI Express, from byte 256 on */
	uint8_t version; /* of an extended one */
	uint32_t offset; /* of its first byte */
};

/*
 * The device's capabilities: standard ones in the order of their list, then extended ones. Returns their number;
 * *caps is an array of so many, to be given to free(3) (NULL for none). A list that leads astray is followed no
 * further.
 */
int vfnc_capabilities(struct vfnc_device *dev, struct vfnc_capability **caps);

#ifdef __cplusplus
}
#endif

#endif
