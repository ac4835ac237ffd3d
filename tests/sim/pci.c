/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "pci.h"
#include "spec.h"

#include <linux/pci_regs.h>
#include <string.h>

#define PCI_AT_PM   0x40
#define PCI_AT_EXP  0x50
#define PCI_AT_MSIX 0xa0

static void pci_put16(uint8_t *at, uint16_t v)
{
	memcpy(at, &v, sizeof(v));
}

static void pci_put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, sizeof(v));
}

static uint16_t pci_get16(const struct pci *p, unsigned int off)
{
	uint16_t v;

	memcpy(&v, p->cfg + off, sizeof(v));
	return v;
}

static void pci_init_header(struct pci *p)
{
	uint8_t *c = p->cfg, *w = p->wmask;

	pci_put16(c + PCI_VENDOR_ID, PCI_SIM_VENDOR);
	pci_put16(c + PCI_DEVICE_ID, PCI_SIM_DEVICE);
	pci_put16(w + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
					   PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	pci_put16(c + PCI_STATUS, PCI_STATUS_CAP_LIST);
	c[PCI_REVISION_ID] = 1;
	c[PCI_CLASS_PROG] = 0x02;
	c[PCI_CLASS_DEVICE] = 0x08;
	c[PCI_CLASS_DEVICE + 1] = 0x01;
	w[PCI_CACHE_LINE_SIZE] = 0xff;
	pci_put32(c + PCI_BASE_ADDRESS_0,
		  PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64);
	pci_put32(w + PCI_BASE_ADDRESS_0, ~(p->bar_size - 1));
	pci_put32(w + PCI_BASE_ADDRESS_1, UINT32_MAX);
	pci_put16(c + PCI_SUBSYSTEM_VENDOR_ID, PCI_SIM_VENDOR);
	pci_put16(c + PCI_SUBSYSTEM_ID, PCI_SIM_DEVICE);
	c[PCI_CAPABILITY_LIST] = PCI_AT_PM;
	w[PCI_INTERRUPT_LINE] = 0xff;
	c[PCI_INTERRUPT_PIN] = 1;
}

void pci_add_bar4(struct pci *p, uint64_t size)
{
	pci_put32(p->cfg + PCI_BASE_ADDRESS_4, PCI_BASE_ADDRESS_SPACE_MEMORY |
						       PCI_BASE_ADDRESS_MEM_TYPE_64 |
						       PCI_BASE_ADDRESS_MEM_PREFETCH);
	pci_put32(p->wmask + PCI_BASE_ADDRESS_4, ~(size - 1));
	pci_put32(p->wmask + PCI_BASE_ADDRESS_5, ~(size - 1) >> 32);
}

uint64_t pci_bar4(const struct pci *p)
{
	uint32_t low, high;

	memcpy(&low, p->cfg + PCI_BASE_ADDRESS_4, sizeof(low));
	memcpy(&high, p->cfg + PCI_BASE_ADDRESS_5, sizeof(high));
	return (low & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK) | (uint64_t)high << 32;
}

void pci_init(struct pci *p, unsigned int vectors, bool pin, uint32_t doorbells)
{
	uint8_t *c = p->cfg, *w = p->wmask;

	memset(p, 0, sizeof(*p));
	p->vectors = vectors;
	p->msix_at = SIM_BAR_DOORBELLS + doorbells;
	p->bar_size = 0x8000;
	while (p->bar_size < p->msix_at + SIM_BAR_END)
		p->bar_size *= 2;
	pci_init_header(p);

	c[PCI_AT_PM] = PCI_CAP_ID_PM;
	c[PCI_AT_PM + 1] = PCI_AT_EXP;
	pci_put16(c + PCI_AT_PM + PCI_PM_PMC, 3);
	pci_put16(c + PCI_AT_PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	pci_put16(w + PCI_AT_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);

	c[PCI_AT_EXP] = PCI_CAP_ID_EXP;
	c[PCI_AT_EXP + 1] = PCI_AT_MSIX;
	pci_put16(c + PCI_AT_EXP + PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	pci_put32(c + PCI_AT_EXP + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER);
	pci_put16(c + PCI_AT_EXP + PCI_EXP_DEVCTL,
		  PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN);
	pci_put16(w + PCI_AT_EXP + PCI_EXP_DEVCTL, 0x7fff);
	pci_put32(c + PCI_AT_EXP + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_8_0GB | 4 << 4);
	pci_put16(w + PCI_AT_EXP + PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_CCC);
	pci_put16(c + PCI_AT_EXP + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_8_0GB | 4 << 4);
	pci_put32(c + PCI_AT_EXP + PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS);
	pci_put16(w + PCI_AT_EXP + PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);

	if (!pin)
		c[PCI_INTERRUPT_PIN] = 0;
	if (!vectors) {
		c[PCI_AT_EXP + 1] = 0;
		return;
	}
	c[PCI_AT_MSIX] = PCI_CAP_ID_MSIX;
	pci_put16(c + PCI_AT_MSIX + PCI_MSIX_FLAGS, vectors - 1);
	pci_put16(w + PCI_AT_MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_put32(c + PCI_AT_MSIX + PCI_MSIX_TABLE, p->msix_at);
	pci_put32(c + PCI_AT_MSIX + PCI_MSIX_PBA, p->msix_at + SIM_BAR_PBA);
}

static bool pci_touches(unsigned int off, unsigned int len, unsigned int at, unsigned int n)
{
	return off < at + n && at < off + len;
}

unsigned int pci_write(struct pci *p, unsigned int off, const void *buf, unsigned int len)
{
	unsigned int flr = PCI_AT_EXP + PCI_EXP_DEVCTL + 1, did = 0;
	const uint8_t *in = buf;

	for (unsigned int i = 0; i < len; i++) {
		uint8_t mask = p->wmask[off + i];

		p->cfg[off + i] = (p->cfg[off + i] & ~mask) | (in[i] & mask);
	}
	/* Bit 15 of device control starts the reset and always reads as zero. */
	if (pci_touches(off, len, flr, 1) && (in[flr - off] & (PCI_EXP_DEVCTL_BCR_FLR >> 8)))
		did |= PCI_DID_FLR;
	if (pci_touches(off, len, PCI_COMMAND, 2) ||
	    pci_touches(off, len, PCI_AT_MSIX + PCI_MSIX_FLAGS, 2))
		did |= PCI_DID_INTR;
	return did;
}

bool pci_bus_master(const struct pci *p)
{
	return pci_get16(p, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

bool pci_intx_disabled(const struct pci *p)
{
	return pci_get16(p, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
}

void pci_set_intx_status(struct pci *p, bool on)
{
	uint16_t v = pci_get16(p, PCI_STATUS) & ~PCI_STATUS_INTERRUPT;

	pci_put16(p->cfg + PCI_STATUS, on ? v | PCI_STATUS_INTERRUPT : v);
}

bool pci_msix_enabled(const struct pci *p)
{
	return pci_get16(p, PCI_AT_MSIX + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE;
}

bool pci_msix_masked(const struct pci *p)
{
	return pci_get16(p, PCI_AT_MSIX + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_MASKALL;
}
