/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmb - the controller memory buffer (NVMe base 2.0, 8.5, and registers 3.1.3.12 to 3.1.3.16)
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "iommu/window.h"
#include "nvme/internal.h"
#include "nvme/regs.h"
#include "support/fail.h"
#include "support/skiplist.h"

struct nvme_cmb_state {
	bool on;
	bool fixed; /* before NVMe 1.4: it is always there, at its address in the BAR */
	struct nvme_cmb info;
	int bar;
	uint64_t offset;	     /* in the BAR */
	struct iommu_window *window; /* the addresses that are kept free for it */
	struct iova_space space;     /* pieces that are free, by IOVA */
	struct skiplist pieces;	     /* pieces that are not */
};

/* Where it is, and how large. 0, or -1: ENOTSUP there is none, or none that can be used. */
static int locate(struct nvme_ctrl *ctrl, struct nvme_cmb_state *cmb)
{
	uint32_t loc, sz;
	uint64_t unit, size, bar_size;

	if (nvme_reg_read32(ctrl, REG_CMBLOC, &loc) || nvme_reg_read32(ctrl, REG_CMBSZ, &sz))
		return -1;
	if (loc == REG_GONE32 && sz == REG_GONE32)
		return vfn_fail(ENODEV, "%s: registers read as all ones", nvme_name(ctrl));
	if (!CMBSZ_SZ(sz))
		return vfn_fail(ENOTSUP, "%s: there is no controller memory buffer",
				nvme_name(ctrl));
	if (CMBLOC_BIR(loc) > 5 || CMBLOC_BIR(loc) == 1 || CMBSZ_SZU(sz) > CMBSZ_SZU_MAX)
		return vfn_fail(ENOTSUP, "%s: CMBLOC %#x and CMBSZ %#x make no sense",
				nvme_name(ctrl), loc, sz);

	unit = 4096ull << (4 * CMBSZ_SZU(sz));
	size = unit * CMBSZ_SZ(sz);
	cmb->bar = (int)CMBLOC_BIR(loc);
	cmb->offset = unit * CMBLOC_OFST(loc);

	/* what goes beyond the BAR does not exist for the host (3.1.3.13) */
	bar_size = ctrl->pci.bar_region_info[cmb->bar].size;
	if (cmb->offset >= bar_size)
		return vfn_fail(ENOTSUP, "%s: the controller memory buffer lies beyond BAR %d",
				nvme_name(ctrl), cmb->bar);
	size = min_t(uint64_t, size, bar_size - cmb->offset);
	size = ALIGN_DOWN(size, (uint64_t)__VFN_PAGESIZE);
	if (!size)
		return vfn_fail(ENOTSUP, "%s: less than a page of controller memory buffer",
				nvme_name(ctrl));

	cmb->info = (struct nvme_cmb){
		.size = (size_t)size, .flags = sz & CMBSZ_FLAGS, .cmbloc = loc, .cmbsz = sz};
	return 0;
}

/* The bus address of the BAR that it lies in. */
static int bar_read(struct nvme_ctrl *ctrl, int bar, uint64_t *addr)
{
	leint32_t low, high = 0;
	off_t at = PCI_BASE_ADDRESS_0 + 4 * bar;

	if (vfio_pci_read_config(&ctrl->pci, &low, sizeof(low), at) < 0)
		return -1;
	if ((le32_to_cpu(low) & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64 &&
	    vfio_pci_read_config(&ctrl->pci, &high, sizeof(high), at + 4) < 0)
		return -1;
	*addr = (le32_to_cpu(low) & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK) |
		(uint64_t)le32_to_cpu(high) << 32;
	return 0;
}

/* Nobody has given the BAR an address (there is no firmware behind a vfio-user server): do it. */
static int bar_assign(struct nvme_ctrl *ctrl, int bar, uint64_t addr)
{
	leint32_t low = cpu_to_le32((uint32_t)addr), high = cpu_to_le32((uint32_t)(addr >> 32));
	off_t at = PCI_BASE_ADDRESS_0 + 4 * bar;
	leint32_t old;

	if (vfio_pci_read_config(&ctrl->pci, &old, sizeof(old), at) < 0 ||
	    vfio_pci_write_config(&ctrl->pci, &low, sizeof(low), at) < 0)
		return -1;
	if ((le32_to_cpu(old) & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64)
		return vfio_pci_write_config(&ctrl->pci, &high, sizeof(high), at + 4) < 0 ? -1 : 0;
	if (high)
		return vfn_fail(ENOSPC, "%s: BAR %d takes no address above 4 GiB", nvme_name(ctrl),
				bar);
	return 0;
}

/* Keep the addresses free that a buffer answers at that cannot be turned off. */
static int keep_fixed(struct nvme_ctrl *ctrl, struct nvme_cmb_state *cmb)
{
	uint64_t bar_size = 4096, addr;

	if (bar_read(ctrl, cmb->bar, &addr))
		return -1;
	if (addr) {
		cmb->window =
			iommu_window_add(__iommu_ctx(ctrl), addr + cmb->offset, cmb->info.size, 1);
		return cmb->window ? 0 : -1;
	}

	/* the whole BAR, so that the address is a multiple of its size */
	while (bar_size < ctrl->pci.bar_region_info[cmb->bar].size)
		bar_size *= 2;
	cmb->window = iommu_window_add(__iommu_ctx(ctrl), 0, bar_size, bar_size);
	if (!cmb->window)
		return -1;
	addr = iommu_window_iova(cmb->window);
	iommu_window_remove(__iommu_ctx(ctrl), cmb->window);
	cmb->window = iommu_window_add(__iommu_ctx(ctrl), addr + cmb->offset, cmb->info.size, 1);
	return cmb->window ? bar_assign(ctrl, cmb->bar, addr) : -1;
}

int nvme_cmb_attach(struct nvme_ctrl *ctrl)
{
	struct nvme_cmb_state *cmb;

	if (CAP_CMBS(ctrl->priv->cap) || ctrl->priv->vs < NVME_VERSION(1, 2, 0))
		return 0;
	cmb = calloc(1, sizeof(*cmb));
	if (!cmb)
		return vfn_fail(ENOMEM, "%s: no memory", nvme_name(ctrl));

	cmb->fixed = true;
	if (!locate(ctrl, cmb)) {
		ctrl->priv->cmb = cmb;
		return keep_fixed(ctrl, cmb);
	}
	free(cmb);
	return errno == ENOTSUP ? 0 : -1;
}

/*
 * The upper half first, since there are controllers that take the address when the lower one with
 * its enable bits is written.
 */
static int cmbmsc_write(struct nvme_ctrl *ctrl, uint64_t value)
{
	if (nvme_reg_write32(ctrl, REG_CMBMSC + 4, (uint32_t)(value >> 32)))
		return -1;
	return nvme_reg_write32(ctrl, REG_CMBMSC, (uint32_t)value);
}

/* 1 it answers at `window` now; 0 the controller cannot have it there; -1 with errno. */
static int answer_at(struct nvme_ctrl *ctrl, struct iommu_window *window)
{
	uint32_t sts;

	if (cmbmsc_write(ctrl, iommu_window_iova(window) | CMBMSC_CMSE | CMBMSC_CRE) ||
	    nvme_reg_read32(ctrl, REG_CMBSTS, &sts))
		return -1;
	if (sts == REG_GONE32)
		return vfn_fail(ENODEV, "%s: registers read as all ones", nvme_name(ctrl));
	return !(sts & CMBSTS_CBAI);
}

/*
 * Choose an address. That of the BAR is as good as any if it is free, and there are controllers
 * that answer there whatever they are told.
 */
static int place(struct nvme_ctrl *ctrl, struct nvme_cmb_state *cmb)
{
	struct iommu_ctx *ctx = __iommu_ctx(ctrl);
	uint64_t page = nvme_page_alloc_size(ctrl), addr;
	int r;

	if (bar_read(ctrl, cmb->bar, &addr))
		return -1;
	addr = addr ? addr + cmb->offset : 0;
	if (addr && ALIGNED(addr, page) && addr >= IOVA_FIRST)
		cmb->window = iommu_window_add(ctx, addr, cmb->info.size, 1);
	if (cmb->window) {
		r = answer_at(ctrl, cmb->window);
		if (r)
			return r < 0 ? -1 : 0;
		iommu_window_remove(ctx, cmb->window);
	}

	cmb->window = iommu_window_add(ctx, 0, cmb->info.size, page);
	if (!cmb->window)
		return -1;
	r = answer_at(ctrl, cmb->window);
	if (!r)
		return vfn_fail(
			EADDRNOTAVAIL, "%s: its memory buffer cannot be at %#llx (CMBSTS.CBAI)",
			nvme_name(ctrl), (unsigned long long)iommu_window_iova(cmb->window));
	return r < 0 ? -1 : 0;
}

/* What may be given out: whole pages of the controller's. */
static int pieces_init(struct nvme_ctrl *ctrl, struct nvme_cmb_state *cmb)
{
	struct iommu_iova_range range = {cmb->info.iova, cmb->info.iova + (cmb->info.size - 1)};

	skiplist_init(&cmb->pieces);
	if (iova_init(&cmb->space, &range, 1, __mps_to_pagesize(ctrl->config.mps)))
		return vfn_fail(ENOMEM, "%s: no memory", nvme_name(ctrl));
	return 0;
}

static int map(struct nvme_ctrl *ctrl, struct nvme_cmb_state *cmb)
{
	cmb->info.iova = iommu_window_iova(cmb->window);
	cmb->info.vaddr = vfio_pci_map_bar(&ctrl->pci, cmb->bar, cmb->info.size, cmb->offset,
					   PROT_READ | PROT_WRITE);
	if (!cmb->info.vaddr)
		return -1;
	if (pieces_init(ctrl, cmb)) {
		vfio_pci_unmap_bar(&ctrl->pci, cmb->bar, cmb->info.vaddr, cmb->info.size,
				   cmb->offset);
		cmb->info.vaddr = NULL;
		return -1;
	}
	iommu_window_show(__iommu_ctx(ctrl), cmb->window, cmb->info.vaddr);
	return 0;
}

/* Everything but the registers; a window that must stay does. */
static void forget(struct nvme_ctrl *ctrl, struct nvme_cmb_state *cmb)
{
	if (cmb->window)
		iommu_window_show(__iommu_ctx(ctrl), cmb->window, NULL);
	if (cmb->info.vaddr)
		vfio_pci_unmap_bar(&ctrl->pci, cmb->bar, cmb->info.vaddr, cmb->info.size,
				   cmb->offset);
	cmb->info.vaddr = NULL;
	skiplist_clear(&cmb->pieces);
	iova_clear(&cmb->space);
	cmb->on = false;
	if (cmb->fixed)
		return;
	iommu_window_remove(__iommu_ctx(ctrl), cmb->window);
	free(cmb);
	ctrl->priv->cmb = NULL;
}

int nvme_cmb_enable(struct nvme_ctrl *ctrl, struct nvme_cmb *out)
{
	struct nvme_cmb_state *cmb = ctrl->priv->cmb;
	int err;

	if (cmb && cmb->on)
		return vfn_fail(EBUSY, "%s: its memory buffer is on already", nvme_name(ctrl));
	if (!cmb && !CAP_CMBS(ctrl->priv->cap))
		return vfn_fail(ENOTSUP, "%s: there is no controller memory buffer",
				nvme_name(ctrl));

	if (!cmb) {
		cmb = ctrl->priv->cmb = calloc(1, sizeof(*cmb));
		if (!cmb)
			return vfn_fail(ENOMEM, "%s: no memory", nvme_name(ctrl));
		/* CMBLOC and CMBSZ say nothing before */
		if (cmbmsc_write(ctrl, CMBMSC_CRE) || locate(ctrl, cmb) || place(ctrl, cmb))
			goto fail;
	}
	if (map(ctrl, cmb))
		goto fail;
	cmb->on = true;
	if (out)
		*out = cmb->info;
	return 0;

fail:
	err = errno;
	if (!cmb->fixed && cmbmsc_write(ctrl, 0))
		log_debug("%s: its memory buffer may be on still\n", nvme_name(ctrl));
	forget(ctrl, cmb);
	errno = err;
	return -1;
}

static int turn_off(struct nvme_ctrl *ctrl)
{
	struct nvme_cmb_state *cmb = ctrl->priv->cmb;
	int r = cmb->fixed ? 0 : cmbmsc_write(ctrl, 0), err = errno;

	forget(ctrl, cmb);
	errno = err;
	return r;
}

int nvme_cmb_disable(struct nvme_ctrl *ctrl)
{
	struct nvme_cmb_state *cmb = ctrl->priv->cmb;

	if (!cmb || !cmb->on)
		return vfn_fail(EINVAL, "%s: its memory buffer is not on", nvme_name(ctrl));
	if (cmb->pieces.count)
		return vfn_fail(EBUSY, "%s: %zu pieces of its memory buffer are in use",
				nvme_name(ctrl), cmb->pieces.count);
	return turn_off(ctrl);
}

bool nvme_cmb_on(const struct nvme_ctrl *ctrl)
{
	return ctrl->priv->cmb && ctrl->priv->cmb->on;
}

int nvme_cmb_again(struct nvme_ctrl *ctrl)
{
	struct nvme_cmb_state *cmb = ctrl->priv->cmb;

	if (!nvme_cmb_on(ctrl) || cmb->fixed)
		return 0;
	return cmbmsc_write(ctrl, cmb->info.iova | CMBMSC_CMSE | CMBMSC_CRE);
}

void nvme_cmb_close(struct nvme_ctrl *ctrl)
{
	struct nvme_cmb_state *cmb = ctrl->priv->cmb;

	if (!cmb)
		return;
	if (turn_off(ctrl))
		log_debug("%s: its memory buffer may be on still\n", nvme_name(ctrl));
	cmb = ctrl->priv->cmb;
	if (!cmb)
		return;
	iommu_window_remove(__iommu_ctx(ctrl), cmb->window);
	free(cmb);
	ctrl->priv->cmb = NULL;
}

void *nvme_cmb_alloc(struct nvme_ctrl *ctrl, size_t len, uint64_t *iova)
{
	struct nvme_cmb_state *cmb = ctrl->priv->cmb;
	size_t page = __mps_to_pagesize(ctrl->config.mps);
	uint64_t at;

	if (!cmb || !cmb->on || !len) {
		vfn_fail(EINVAL, "%s: %s", nvme_name(ctrl),
			 len ? "its memory buffer is not on" : "no bytes wanted");
		return NULL;
	}
	if (len > cmb->info.size || iova_alloc(&cmb->space, ALIGN_UP(len, page), false, &at)) {
		vfn_fail(len > cmb->info.size ? ENOSPC : errno,
			 "%s: no %zu bytes left in its memory buffer", nvme_name(ctrl), len);
		return NULL;
	}
	if (skiplist_insert(&cmb->pieces, at, at + (ALIGN_UP(len, page) - 1), NULL)) {
		iova_release(&cmb->space, at, ALIGN_UP(len, page));
		vfn_fail(ENOMEM, "%s: no memory", nvme_name(ctrl));
		return NULL;
	}
	if (iova)
		*iova = at;
	return (char *)cmb->info.vaddr + (at - cmb->info.iova);
}

int nvme_cmb_free(struct nvme_ctrl *ctrl, void *vaddr)
{
	struct nvme_cmb_state *cmb = ctrl->priv ? ctrl->priv->cmb : NULL;
	struct skiplist_node *node;
	uint64_t at, last;

	if (!vaddr || !cmb || !cmb->on)
		return 0;
	at = cmb->info.iova + (uint64_t)((uintptr_t)vaddr - (uintptr_t)cmb->info.vaddr);
	node = skiplist_find(&cmb->pieces, at);
	if (!node || node->start != at)
		return vfn_fail(EINVAL, "%s: %p is no piece of its memory buffer", nvme_name(ctrl),
				vaddr);
	last = node->last;
	skiplist_remove(&cmb->pieces, at);
	iova_release(&cmb->space, at, last - at + 1);
	return 0;
}
