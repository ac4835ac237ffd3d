/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci - configuration space: header, power management, PCI Express and MSI-X capabilities
 *
 * Plain bytes with a mask of the writable ones. Offsets and lengths are checked by the caller to
 * lie within the 4096 bytes.
 */
#ifndef SIM_PCI_H
#define SIM_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_SPACE 4096

#define PCI_SIM_VENDOR 0x1234
#define PCI_SIM_DEVICE 0x7653

struct pci {
	uint8_t cfg[PCI_SPACE];
	uint8_t wmask[PCI_SPACE];
	unsigned int vectors;
	uint32_t bar_size; /* of BAR0, a power of two */
	uint32_t msix_at;  /* offset of the MSI-X table there */
};

/* What a write may have asked for. */
#define PCI_DID_FLR  1u /* function level reset */
#define PCI_DID_INTR 2u /* INTx disable or MSI-X control may have changed */

/*
 * Power-on state with `vectors` MSI-X vectors, whose table is behind `doorbells` bytes of doorbells; 0:
 * without MSI-X. `pin`: there is INTx.
 */
void pci_init(struct pci *p, unsigned int vectors, bool pin, uint32_t doorbells);

/* Give it a BAR4 of 64 bits; `size` is a power of two. To be done again after pci_init(). */
void pci_add_bar4(struct pci *p, uint64_t size);

/* The address that the host has given to BAR4, or 0. */
uint64_t pci_bar4(const struct pci *p);

/* Returns PCI_DID_*. A function level reset is only reported; pci_init() carries it out. */
unsigned int pci_write(struct pci *p, unsigned int off, const void *buf, unsigned int len);

bool pci_bus_master(const struct pci *p);
bool pci_intx_disabled(const struct pci *p);
void pci_set_intx_status(struct pci *p, bool on);
bool pci_msix_enabled(const struct pci *p);
bool pci_msix_masked(const struct pci *p);

#endif
