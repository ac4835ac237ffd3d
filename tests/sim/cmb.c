/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmb.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <nvme/types.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int cmb_init(struct cmb *cmb, uint64_t size, bool old)
{
	void *mem;

	memset(cmb, 0, sizeof(*cmb));
	cmb->fd = -1;
	if (!size)
		return 0;
	cmb->fd = memfd_create("cmb", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* Sealed, so that no client takes it from under us. */
	if (cmb->fd < 0 || ftruncate(cmb->fd, size) < 0 ||
	    fcntl(cmb->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, cmb->fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	cmb->mem = mem;
	cmb->size = size;
	cmb->old = old;
	return 0;
}

void cmb_fini(struct cmb *cmb)
{
	if (cmb->mem)
		munmap(cmb->mem, cmb->size);
	if (cmb->fd >= 0)
		close(cmb->fd);
	cmb->mem = NULL;
	cmb->fd = -1;
}

uint32_t cmb_read_reg(const struct cmb *cmb, uint32_t off)
{
	bool told = cmb->size && (cmb->old || NVME_CMBMSC_CRE(cmb->msc));

	switch (off) {
	case NVME_REG_CMBLOC:
		return told ? CMB_BAR | 1u << NVME_CMBLOC_CDPLMS_SHIFT |
				       1u << NVME_CMBLOC_CDPCILS_SHIFT
			    : 0;
	case NVME_REG_CMBSZ: /* all kinds of use; units of 4 KiB */
		return told ? 0x1f | (uint32_t)(cmb->size >> 12) << NVME_CMBSZ_SZ_SHIFT : 0;
	case NVME_REG_CMBMSC:
		return cmb->msc;
	case NVME_REG_CMBMSC + 4:
		return cmb->msc >> 32;
	case NVME_REG_CMBSTS:
		return cmb->invalid;
	default:
		return 0;
	}
}

static uint64_t cmb_base(const struct cmb *cmb)
{
	return NVME_CMBMSC_CBA(cmb->msc) << NVME_CMBMSC_CBA_SHIFT;
}

void cmb_write_reg(struct cmb *cmb, uint32_t off, uint32_t v)
{
	if (!cmb->size || cmb->old)
		return;
	if (off == NVME_REG_CMBMSC)
		cmb->msc = (cmb->msc >> 32 << 32) | (v & 0xfffff003u);
	else if (off == NVME_REG_CMBMSC + 4)
		cmb->msc = (uint32_t)cmb->msc | (uint64_t)v << 32;
	else
		return;
	cmb->invalid =
		NVME_CMBMSC_CMSE(cmb->msc) && cmb_base(cmb) + (cmb->size - 1) < cmb_base(cmb);
}

void cmb_reset(struct cmb *cmb)
{
	cmb->msc = 0;
	cmb->invalid = false;
}

void cmb_place(const struct cmb *cmb, const struct pci *pci, struct dma *dma)
{
	uint64_t base = 0;
	bool on = false;

	if (cmb->old) {
		base = pci_bar4(pci);
		on = base != 0; /* nobody has placed it */
	} else if (cmb->size) {
		base = cmb_base(cmb);
		on = NVME_CMBMSC_CRE(cmb->msc) && NVME_CMBMSC_CMSE(cmb->msc) && !cmb->invalid;
	}
	dma_own(dma, base, on ? cmb->size : 0, cmb->mem);
}

int cmb_access(const struct cmb *cmb, uint64_t off, void *buf, uint32_t len, bool write)
{
	if (off > cmb->size || len > cmb->size - off || !len)
		return -EINVAL;
	if (write)
		memcpy(cmb->mem + off, buf, len);
	else
		memcpy(buf, cmb->mem + off, len);
	return 0;
}

uint16_t cmb_check_pieces(const struct dma *dma, const struct prp_seg *segs, unsigned int n)
{
	bool in = false, out = false;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t part;

		if (segs[i].iova == SEG_DISCARD)
			continue;
		part = dma_own_part(dma, segs[i].iova, segs[i].len);
		in |= part != 0;
		out |= part != segs[i].len;
	}
	return in && out ? NVME_SC_CMB_INVALID_USE | NVME_SC_DNR : 0;
}
