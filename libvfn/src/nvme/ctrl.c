/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctrl - opening a controller, its admin queues, and closing it
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "iommu/context.h"
#include "nvme/internal.h"
#include "nvme/regs.h"
#include "vfio/transport.h"

/* Mass storage, non-volatile memory; the interface is NVMe's I/O or administrative one. */
#define CLASS_NVM 0x0108

/*
 * Programs choose a controller's context by setting its member before they initialise it; others
 * hand in memory that nobody has set.
 */
struct iommu_ctx *nvme_chosen_ctx(const struct nvme_ctrl *ctrl)
{
	return iommu_ctx_ref_if(ctrl->pci.dev.ctx);
}

static int pci_open(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const char *bdf)
{
	memset(ctrl, 0, sizeof(*ctrl));
	ctrl->pci.dev.fd = -1;
	ctrl->pci.dev.ctx = ctx;

	ctrl->priv = calloc(1, sizeof(*ctrl->priv));
	if (!ctrl->priv) {
		errno = ENOMEM;
		vfn_error_set("%s: no memory", bdf);
		return -1;
	}
	ctrl->priv->ctrl = ctrl;
	ctrl->priv->quiet = true;

	if (vfio_pci_open(&ctrl->pci, bdf)) {
		free(ctrl->priv);
		ctrl->priv = NULL;
		return -1;
	}
	ctrl->priv->open = true;

	if (ctrl->pci.classcode >> 8 != CLASS_NVM) {
		vfn_error_set("%s: class %06llx is no NVMe controller", bdf, ctrl->pci.classcode);
		nvme_close(ctrl);
		errno = ENODEV;
		return -1;
	}
	return 0;
}

int nvme_pci_init(struct nvme_ctrl *ctrl, const char *bdf)
{
	struct iommu_ctx *ctx = nvme_chosen_ctx(ctrl);
	int rc = pci_open(ctrl, ctx, bdf);

	iommu_put_context(ctx);
	return rc;
}

static int opts_check(const char *bdf, const struct nvme_ctrl_opts *opts)
{
	if (opts->nsqr < 0 || opts->nsqr > 65534 || opts->ncqr < 0 || opts->ncqr > 65534) {
		errno = EINVAL;
		vfn_error_set("%s: 0 to 65534 is the range of queue counts", bdf);
		return -1;
	}
	return 0;
}

static void map_registers(struct nvme_ctrl *ctrl)
{
	uint64_t size = ctrl->pci.bar_region_info[0].size;

	if (size < REG_DOORBELLS)
		return;

	ctrl->regs = vfio_pci_map_bar(&ctrl->pci, 0, REG_DOORBELLS, 0, PROT_READ | PROT_WRITE);
	if (ctrl->regs)
		ctrl->priv->regs_len = REG_DOORBELLS;
}

/* Map as many doorbells as the queues need, or as there are. Those that are not mapped are rung by
 * message. */
static void map_doorbells(struct nvme_ctrl *ctrl)
{
	int queues = (ctrl->opts.nsqr > ctrl->opts.ncqr ? ctrl->opts.nsqr : ctrl->opts.ncqr) + 2;
	size_t want = REG_DOORBELLS + (size_t)queues * 2 * ((size_t)4 << ctrl->config.dstrd);
	size_t ends[2] = {ALIGN_UP(want, __VFN_PAGESIZE),
			  ALIGN_UP(REG_DOORBELLS + 1, __VFN_PAGESIZE)};
	uint64_t size = ctrl->pci.bar_region_info[0].size;
	size_t lens[2];

	if (ends[0] > size)
		ends[0] = ALIGN_DOWN((size_t)size, __VFN_PAGESIZE);

	/* a page of the processor may hold both registers and doorbells */
	for (int i = 0; i < 2; i++)
		lens[i] = ends[i] > REG_DOORBELLS ? ends[i] - REG_DOORBELLS : 0;
	for (int i = 0; i < 2 && !ctrl->doorbells; i++) {
		if (!lens[i])
			continue;
		ctrl->doorbells = vfio_pci_map_bar(&ctrl->pci, 0, lens[i], REG_DOORBELLS,
						   PROT_READ | PROT_WRITE);
		if (ctrl->doorbells)
			ctrl->priv->doorbells_len = lens[i];
	}
}

/* What both opening and taking over need. */
int nvme_ctrl_attach(struct nvme_ctrl *ctrl, const struct nvme_ctrl_opts *opts)
{
	ctrl->opts = *opts;
	ctrl->sq = calloc((size_t)opts->nsqr + 2, sizeof(*ctrl->sq));
	ctrl->cq = calloc((size_t)opts->ncqr + 2, sizeof(*ctrl->cq));
	if (!ctrl->sq || !ctrl->cq) {
		errno = ENOMEM;
		vfn_error_set("%s: no memory", nvme_name(ctrl));
		return -1;
	}

	ctrl->priv->by_message = vfio_doorbell_by_message(&ctrl->pci.dev);
	map_registers(ctrl);
	if (nvme_cap_read(ctrl))
		return -1;
	map_doorbells(ctrl);
	return nvme_cmb_attach(ctrl);
}

int nvme_ctrl_open(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const char *bdf,
		   const struct nvme_ctrl_opts *opts)
{
	int saved;

	if (!opts)
		opts = &nvme_ctrl_opts_default;
	if (opts_check(bdf, opts) || pci_open(ctrl, ctx, bdf))
		return -1;

	/* until it is seen disabled, it may be at work for whoever had it before */
	ctrl->priv->quiet = false;
	if (nvme_ctrl_attach(ctrl, opts))
		goto fail;

	/* a controller memory buffer that was left on answers in place of memory at its addresses
	 * (8.5) */
	if (CAP_CMBS(ctrl->priv->cap) && nvme_reg_write64(ctrl, REG_CMBMSC, 0))
		goto fail;
	return 0;

fail:
	saved = errno;
	nvme_close(ctrl);
	errno = saved;
	return -1;
}

int nvme_ctrl_init_in(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const char *bdf,
		      const struct nvme_ctrl_opts *opts)
{
	int saved;

	if (nvme_ctrl_open(ctrl, ctx, bdf, opts))
		return -1;
	if (nvme_reset(ctrl)) {
		saved = errno;
		nvme_close(ctrl);
		errno = saved;
		return -1;
	}
	return 0;
}

int nvme_ctrl_init(struct nvme_ctrl *ctrl, const char *bdf, const struct nvme_ctrl_opts *opts)
{
	struct iommu_ctx *ctx = nvme_chosen_ctx(ctrl);
	int rc = nvme_ctrl_init_in(ctrl, ctx, bdf, opts);

	iommu_put_context(ctx);
	return rc;
}

/* Bring an admin queue's memory and indices back to their start. */
static void adminq_rewind(struct nvme_ctrl *ctrl)
{
	struct nvme_sq *sq = &ctrl->sq[NVME_AQ];
	struct nvme_cq *cq = &ctrl->cq[NVME_AQ];

	if (sq->priv)
		atomic_store_release(&sq->priv->dead, 0);
	sq->tail = sq->ptail = 0;
	cq->head = 0;
	cq->phase = 0;
	memset(sq->vaddr, 0, (size_t)sq->qsize << NVME_SQES);
	memset(cq->vaddr, 0, (size_t)cq->qsize << NVME_CQES);
	nvme_doorbell_attach_sq(ctrl, sq);
	nvme_doorbell_attach_cq(ctrl, cq);
}

int nvme_configure_adminq(struct nvme_ctrl *ctrl, unsigned long sq_flags)
{
	struct nvme_sq *sq = &ctrl->sq[NVME_AQ];
	struct nvme_cq *cq = &ctrl->cq[NVME_AQ];
	int sqsize = ctrl->priv->admin_sq ? ctrl->priv->admin_sq : ADMIN_QSIZE;
	int cqsize = ctrl->priv->admin_cq ? ctrl->priv->admin_cq : ADMIN_QSIZE;
	uint32_t aqa;

	if (sq_flags) {
		errno = EINVAL;
		vfn_error_set("%s: the admin queue has no flags", nvme_name(ctrl));
		return -1;
	}
	if (ctrl->priv->enabled) {
		errno = EBUSY;
		vfn_error_set("%s: its admin queue cannot change while it is enabled",
			      nvme_name(ctrl));
		return -1;
	}

	if (!cq->vaddr && nvme_cq_setup(ctrl, NVME_AQ, cqsize, 0, NULL))
		return -1;
	ctrl->adminq.cq = cq;
	if (!sq->vaddr && nvme_sq_setup(ctrl, NVME_AQ, sqsize, cq, NULL, NULL))
		return -1;
	ctrl->adminq.sq = sq;
	nvme_share_hold(ctrl);
	adminq_rewind(ctrl);
	nvme_share_resume(ctrl);

	aqa = (uint32_t)(cq->qsize - 1) << 16 | (uint32_t)(sq->qsize - 1);
	if (nvme_reg_write32(ctrl, REG_AQA, aqa) || nvme_reg_write64(ctrl, REG_ASQ, sq->iova) ||
	    nvme_reg_write64(ctrl, REG_ACQ, cq->iova))
		return -1;
	return 0;
}

void nvme_free_all(struct nvme_ctrl *ctrl)
{
	for (int i = 0; ctrl->sq && i <= ctrl->opts.nsqr + 1; i++)
		nvme_discard_sq(ctrl, &ctrl->sq[i]);
	for (int i = 0; ctrl->cq && i <= ctrl->opts.ncqr + 1; i++)
		nvme_discard_cq(ctrl, &ctrl->cq[i]);
	nvme_dbbuf_free(ctrl);
	nvme_hmb_free(ctrl);
	nvme_mem_free(ctrl, &ctrl->priv->identify);
	ctrl->dbbuf.doorbells = NULL;
	ctrl->dbbuf.eventidxs = NULL;
}

/*
 * The controller does not get disabled: cut it off from memory by other means. A reset of the
 * device may leave CC and CSTS as they were.
 */
static void cut_off(struct nvme_ctrl *ctrl)
{
	bool reset = !vfio_reset(&ctrl->pci.dev);

	if (vfio_config_command(&ctrl->pci.dev, 0, PCI_COMMAND_MASTER) && !reset)
		log_error("%s: neither disabled nor cut off from memory\n", nvme_name(ctrl));
}

void nvme_close(struct nvme_ctrl *ctrl)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;

	if (!priv)
		return;

	if (priv->open) {
		/* a controller that was not looked at closely enough to know its limit gets the
		 * least one */
		if (!priv->ready_ms)
			priv->ready_ms = 500;
		if (!priv->quiet && nvme_reset(ctrl)) {
			log_info("%s: closing: %s\n", nvme_name(ctrl), vfn_error());
			cut_off(ctrl);
		}
		nvme_free_all(ctrl);
		nvme_cmb_close(ctrl);
		if (ctrl->doorbells)
			vfio_pci_unmap_bar(&ctrl->pci, 0, ctrl->doorbells, priv->doorbells_len,
					   REG_DOORBELLS);
		if (ctrl->regs)
			vfio_pci_unmap_bar(&ctrl->pci, 0, ctrl->regs, priv->regs_len, 0);
		vfio_pci_close(&ctrl->pci);
	}

	free(ctrl->sq);
	free(ctrl->cq);
	free(priv->slots);
	free(priv->event_cid);
	free(priv);
	memset(ctrl, 0, sizeof(*ctrl));
	ctrl->pci.dev.fd = -1;
}
