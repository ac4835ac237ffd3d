/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/guard.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include <vfn/support.h>

#define GUARD_SPACE 256 /* what is guarded is in there */
#define GUARD_CAPS  48  /* of a chain: no more fit */

static uint32_t guard_get(const uint8_t *space, unsigned int at, unsigned int bytes)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < bytes && at + i < GUARD_SPACE; i++)
		v |= (uint32_t)space[at + i] << 8 * i;
	return v;
}

/* Where a capability is, or 0. */
static unsigned int guard_find(const uint8_t *space, uint8_t id)
{
	unsigned int at = space[PCI_CAPABILITY_LIST] & 0xfc;

	if (!(space[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return 0;
	for (int i = 0; i < GUARD_CAPS && at >= PCI_STD_HEADER_SIZEOF; i++) {
		if (space[at] == id)
			return at;
		at = space[at + 1] & 0xfc;
	}
	return 0;
}

static int guard_read(struct vfio_pci_device *pci, uint8_t *space)
{
	vfn_error_set("%s", "");
	memset(space, 0, GUARD_SPACE);
	return vfio_pci_read_config(pci, space, GUARD_SPACE, 0) < 0 ? -errno : 0;
}

static int guard_refuse(char *text, size_t size, const char *what)
{
	snprintf(text, size, "%s", what);
	return -EPERM;
}

static bool guard_touches(uint64_t offset, size_t length, uint64_t at, uint64_t n)
{
	return n && offset < at + n && at < offset + length;
}

/* Bytes of a capability of message signalled interrupts, the largest forms. */
static unsigned int guard_msi_size(const uint8_t *space, unsigned int at)
{
	return at ? (space[at + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_64BIT ? 24 : 20) : 0;
}

int guard_config(struct vfio_pci_device *pci, uint32_t offset, const uint8_t *data, size_t length,
		 char *text, size_t size)
{
	uint8_t old[GUARD_SPACE], new[GUARD_SPACE];
	unsigned int msi, msix, pm, exp, af;
	int ret = guard_read(pci, old);

	if (ret < 0) {
		snprintf(text, size, "%s", vfn_error());
		return ret;
	}
	memcpy(new, old, sizeof(new));
	for (size_t i = 0; i < length && offset + i < GUARD_SPACE; i++)
		new[offset + i] = data[i];
	msi = guard_find(old, PCI_CAP_ID_MSI);
	msix = guard_find(old, PCI_CAP_ID_MSIX);
	pm = guard_find(old, PCI_CAP_ID_PM);
	exp = guard_find(old, PCI_CAP_ID_EXP);
	af = guard_find(old, PCI_CAP_ID_AF);
	if (~guard_get(new, PCI_COMMAND, 2) & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER))
		return guard_refuse(text, size, "bits 1 and 2 of the command register stay set: without "
						"memory space and bus mastering the daemon loses the device");
	if (guard_touches(offset, length, PCI_BASE_ADDRESS_0, 24))
		return guard_refuse(text, size, "where the BARs are is not to be changed");
	if (guard_touches(offset, length, msi, guard_msi_size(old, msi)) ||
	    guard_touches(offset, length, msix, msix ? PCI_CAP_MSIX_SIZEOF : 0))
		return guard_refuse(text, size, "interrupts are the daemon's");
	if (pm && guard_get(new, pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK)
		return guard_refuse(text, size, "the device stays in power state D0");
	if ((exp && guard_get(new, exp + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_BCR_FLR) ||
	    (af && guard_get(new, af + PCI_AF_CTRL, 1) & PCI_AF_CTRL_FLR))
		return guard_refuse(text, size, "a function level reset is a request of its own");
	return 0;
}

int guard_bar(struct vfio_pci_device *pci, unsigned int bar, uint64_t offset, size_t length, char *text,
	      size_t size)
{
	uint8_t space[GUARD_SPACE];
	unsigned int msix, vectors;
	uint32_t table, pba;
	int ret = guard_read(pci, space);

	if (ret < 0) {
		snprintf(text, size, "%s", vfn_error());
		return ret;
	}
	msix = guard_find(space, PCI_CAP_ID_MSIX);
	if (!msix)
		return 0;
	vectors = (guard_get(space, msix + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	table = guard_get(space, msix + PCI_MSIX_TABLE, 4);
	pba = guard_get(space, msix + PCI_MSIX_PBA, 4);
	if (((table & PCI_MSIX_TABLE_BIR) == bar &&
	     guard_touches(offset, length, table & PCI_MSIX_TABLE_OFFSET, 16ull * vectors)) ||
	    ((pba & PCI_MSIX_PBA_BIR) == bar &&
	     guard_touches(offset, length, pba & PCI_MSIX_PBA_OFFSET, (vectors + 63) / 64 * 8ull)))
		return guard_refuse(text, size, "the MSI-X table and its pending bits are the daemon's");
	return 0;
}
