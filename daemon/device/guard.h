/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard - what sessions must not write to on a PCI function, lest the daemon loses it
 *
 * The memory space that registers are mapped from, bus mastering, the power state, resets that the daemon would not
 * know of, and where interrupts go. PCI Local Bus 3.0, 6.2 and 6.8; PCI Express Base 5.0, 7.5.3.
 */
#ifndef VFND_DAEMON_DEVICE_GUARD_H
#define VFND_DAEMON_DEVICE_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include <vfn/vfio/pci.h>

/* WORKER: `length` bytes at `offset` of configuration space. 0, or -EPERM with a text; -errno of a read. */
int guard_config(struct vfio_pci_device *pci, uint32_t offset, const uint8_t *data, size_t length,
		 char *text, size_t size);

/* WORKER: the same for a BAR. */
int guard_bar(struct vfio_pci_device *pci, unsigned int bar, uint64_t offset, size_t length, char *text,
	      size_t size);

#endif
