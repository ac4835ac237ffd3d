/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmb - the controller memory buffer: memory in BAR4 that clients map, and that the controller
 * finds at addresses of the host's choice in place of the host's memory
 *
 * It takes queues, lists and data. Of one command all data lies in it, or none (CMBLOC.CDMMMS is
 * 0), and all of a queue; a PRP list may be elsewhere than its command and its data.
 */
#ifndef SIM_CMB_H
#define SIM_CMB_H

#include "dma.h"
#include "pci.h"
#include "prp.h"

#define CMB_BAR	     4
#define CMB_SIZE_MAX (2ull << 30)

struct cmb {
	int fd;
	uint8_t *mem;
	uint64_t size; /* 0: there is none */
	bool old;      /* as before NVMe 1.4: always on, at the BAR's address */
	uint64_t msc;  /* CMBMSC */
	bool invalid;  /* CMBSTS.CBAI */
};

/* 0 or -errno. `size` is a power of two of 4 KiB to CMB_SIZE_MAX, or 0 for none. */
int cmb_init(struct cmb *cmb, uint64_t size, bool old);
void cmb_fini(struct cmb *cmb);

/* The registers from CMBLOC to CMBSTS, as dwords; those of others are 0, and not written. */
uint32_t cmb_read_reg(const struct cmb *cmb, uint32_t off);
void cmb_write_reg(struct cmb *cmb, uint32_t off, uint32_t v);

/* As after a function reset; contents stay. */
void cmb_reset(struct cmb *cmb);

/* Registers or BARs may have changed: put it where it now answers. */
void cmb_place(const struct cmb *cmb, const struct pci *pci, struct dma *dma);

/* Whether it answers somewhere. */
static inline bool cmb_on(const struct dma *dma)
{
	return dma->own.size;
}

/* BAR4 by message: 0 or -EINVAL. */
int cmb_access(const struct cmb *cmb, uint64_t off, void *buf, uint32_t len, bool write);

/* cmb_check() while there is one. */
uint16_t cmb_check_pieces(const struct dma *dma, const struct prp_seg *segs, unsigned int n);

/* Status of a command with this data: 0, or Invalid Use of Controller Memory Buffer. */
static inline uint16_t cmb_check(const struct dma *dma, const struct prp_seg *segs, unsigned int n)
{
	return cmb_on(dma) ? cmb_check_pieces(dma, segs, n) : 0;
}

#endif
