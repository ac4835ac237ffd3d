/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * takeover - controllers and queues into plain data, and out of it again
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

static int inconsistent(const struct nvme_ctrl *ctrl, const char *what)
{
	errno = EINVAL;
	vfn_error_set("%s: saved state is not consistent: %s", nvme_name(ctrl), what);
	return -1;
}

int nvme_mem_save(const struct nvme_mem *mem, struct nvme_mem_saved *saved)
{
	off_t offset;
	int fd;

	memset(saved, 0, sizeof(*saved));
	saved->fd = UINT64_MAX;
	if (!mem->map)
		return 0;

	fd = pgmap_fd(mem->map, mem->map_len, &offset);
	if (fd < 0) {
		errno = EINVAL;
		return -1;
	}
	saved->iova = mem->map_iova;
	saved->len = mem->map_len;
	saved->offset = (uint64_t)offset;
	saved->fd = (uint64_t)fd;
	return 0;
}

int nvme_mem_restore(struct nvme_ctrl *ctrl, const struct nvme_mem_saved *saved, size_t size,
		     struct nvme_mem *mem)
{
	size_t align = nvme_page_alloc_size(ctrl);
	void *map;
	int err;

	memset(mem, 0, sizeof(*mem));
	if (saved->fd == UINT64_MAX)
		return 0;
	if (saved->fd > INT_MAX || saved->len > SSIZE_MAX || saved->offset > SSIZE_MAX ||
	    saved->iova + saved->len < saved->iova ||
	    !ALIGNED(saved->iova | saved->len | saved->offset, __VFN_PAGESIZE) ||
	    ALIGN_UP(saved->iova, align) - saved->iova > saved->len ||
	    saved->len - (ALIGN_UP(saved->iova, align) - saved->iova) < size)
		return inconsistent(ctrl, "a piece of memory");

	map = mmap(NULL, saved->len, PROT_READ | PROT_WRITE, MAP_SHARED, (int)saved->fd,
		   (off_t)saved->offset);
	if (map == MAP_FAILED) {
		vfn_error_set("%s: mapping saved memory: %s", nvme_name(ctrl), strerror(errno));
		return -1;
	}
	if (iommu_import(__iommu_ctx(ctrl), (int)saved->fd, (off_t)saved->offset, map, saved->len,
			 saved->iova))
		goto unmap;
	if (pgmap_adopt(map, (int)saved->fd, saved->len, (off_t)saved->offset))
		goto forget;

	mem->map = map;
	mem->map_len = saved->len;
	mem->map_iova = saved->iova;
	mem->iova = ALIGN_UP(saved->iova, align);
	mem->vaddr = (char *)map + (mem->iova - mem->map_iova);
	return 0;

forget:
	err = errno;
	iommu_unmap_vaddr(__iommu_ctx(ctrl), map, NULL);
	errno = err;
unmap:
	err = errno;
	munmap(map, saved->len);
	errno = err;
	return -1;
}

int nvme_ctrl_save(struct nvme_ctrl *ctrl, struct nvme_ctrl_saved *saved)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;
	static const struct nvme_mem none;
	bool shadow = ctrl->dbbuf.doorbells;

	if (!priv || !priv->enabled || priv->wait != READY_NONE) {
		errno = EINVAL;
		vfn_error_set("%s: only an enabled controller can be handed on", nvme_name(ctrl));
		return -1;
	}

	if (nvme_cmb_on(ctrl) || priv->hmb) {
		errno = ENOTSUP;
		vfn_error_set("%s: its memory buffers must be off to hand it on", nvme_name(ctrl));
		return -1;
	}

	*saved = (struct nvme_ctrl_saved){
		.version = NVME_SAVED_VERSION,
		.quirks = ctrl->opts.quirks,
		.nsqr = (uint32_t)ctrl->opts.nsqr,
		.ncqr = (uint32_t)ctrl->opts.ncqr,
		.nsqa = (uint32_t)ctrl->config.nsqa,
		.ncqa = (uint32_t)ctrl->config.ncqa,
		.mqes = (uint32_t)ctrl->config.mqes,
		.mps = (uint32_t)ctrl->config.mps,
		.mdts = (uint32_t)ctrl->config.mdts,
		.mpsmin = (uint32_t)ctrl->config.mpsmin,
		.dstrd = (uint32_t)ctrl->config.dstrd,
		.cntrltype = ctrl->config.cntrltype,
		.oacs = ctrl->config.oacs,
		.sgls = ctrl->config.sgls,
		.vs = priv->vs,
		.ready_ms = priv->ready_ms,
		.flags = ctrl->flags,
		.cap = priv->cap,
	};
	if (nvme_mem_save(shadow ? &priv->dbbuf : &none, &saved->dbbuf) ||
	    nvme_mem_save(shadow ? &priv->eventidx : &none, &saved->eventidx))
		return -1;
	return 0;
}

static int no_queue(int id)
{
	errno = ENOENT;
	vfn_error_set("queue %d is not there", id);
	return -1;
}

static int foreign_memory(int id)
{
	errno = ENOTSUP;
	vfn_error_set("queue %d lies in memory of the caller's, which only he can hand on", id);
	return -1;
}

int nvme_cq_save(const struct nvme_cq *cq, struct nvme_queue_saved *saved)
{
	static const struct nvme_mem none;

	if (!cq->vaddr || !cq->priv)
		return no_queue(cq->id);
	if (!cq->priv->mem.map)
		return foreign_memory(cq->id);
	if (nvme_cq_shared(cq)) {
		errno = EBUSY;
		vfn_error_set("queue %d is shared: some of its completions are elsewhere", cq->id);
		return -1;
	}

	*saved = (struct nvme_queue_saved){
		.version = NVME_SAVED_VERSION,
		.id = (uint32_t)cq->id,
		.qsize = (uint32_t)cq->qsize,
		.head = cq->head,
		.phase = (uint32_t)cq->phase,
		.vector = (uint32_t)cq->vector,
	};
	if (nvme_mem_save(&cq->priv->mem, &saved->mem) || nvme_mem_save(&none, &saved->pages))
		return -1;
	return 0;
}

int nvme_sq_save(const struct nvme_sq *sq, struct nvme_queue_saved *saved)
{
	if (!sq->vaddr || !sq->priv)
		return no_queue(sq->id);
	if (!sq->priv->mem.map || !sq->priv->pages.map)
		return foreign_memory(sq->id);

	*saved = (struct nvme_queue_saved){
		.version = NVME_SAVED_VERSION,
		.id = (uint32_t)sq->id,
		.qsize = (uint32_t)sq->qsize,
		.tail = sq->tail,
		.ptail = sq->ptail,
		.cqid = (uint32_t)sq->cq->id,
		.nrqs = (uint32_t)sq->nrqs,
	};
	if (nvme_mem_save(&sq->priv->mem, &saved->mem) ||
	    nvme_mem_save(&sq->priv->pages, &saved->pages))
		return -1;
	return 0;
}

/* Is it the controller that was saved, and still at work? */
static int check_running(struct nvme_ctrl *ctrl, const struct nvme_ctrl_saved *saved)
{
	uint32_t cc, csts;

	if (nvme_reg_read32(ctrl, REG_CC, &cc) || nvme_reg_read32(ctrl, REG_CSTS, &csts))
		return -1;
	if (cc == REG_GONE32 || csts == REG_GONE32 || !(cc & CC_EN) || !(csts & CSTS_RDY) ||
	    (csts & CSTS_CFS)) {
		errno = ENODEV;
		vfn_error_set("%s: not at work any more: CC is %#x, CSTS is %#x", nvme_name(ctrl),
			      cc, csts);
		return -1;
	}
	if (ctrl->priv->cap != saved->cap || CC_MPS_GET(cc) != (int)saved->mps)
		return inconsistent(ctrl, "CAP or CC are others");
	return 0;
}

static int restore_config(struct nvme_ctrl *ctrl, const struct nvme_ctrl_saved *saved)
{
	size_t page;

	ctrl->config.nsqa = (int)saved->nsqa;
	ctrl->config.ncqa = (int)saved->ncqa;
	ctrl->config.mps = (int)saved->mps;
	ctrl->config.mdts = (int)saved->mdts;
	ctrl->config.cntrltype = (uint8_t)saved->cntrltype;
	ctrl->config.oacs = (uint16_t)saved->oacs;
	ctrl->config.sgls = saved->sgls;
	ctrl->flags = (unsigned long)saved->flags;
	ctrl->priv->ready_ms = saved->ready_ms;

	page = __mps_to_pagesize(ctrl->config.mps);
	if (nvme_mem_restore(ctrl, &saved->dbbuf, page, &ctrl->priv->dbbuf) ||
	    nvme_mem_restore(ctrl, &saved->eventidx, page, &ctrl->priv->eventidx))
		return -1;
	if (!ctrl->priv->dbbuf.map != !ctrl->priv->eventidx.map)
		return inconsistent(ctrl, "half of the doorbell buffers");
	ctrl->dbbuf.doorbells = ctrl->priv->dbbuf.vaddr;
	ctrl->dbbuf.eventidxs = ctrl->priv->eventidx.vaddr;
	return 0;
}

/* The memfds of memory that was restored stay the caller's when the whole fails: let go of them. */
static void unown(struct nvme_ctrl *ctrl, struct nvme_mem *mem, const struct nvme_mem_saved *saved,
		  int *kept)
{
	*kept = mem->map ? dup((int)saved->fd) : -1;
	nvme_mem_free(ctrl, mem);
	if (*kept >= 0) {
		dup2(*kept, (int)saved->fd);
		close(*kept);
	}
}

int nvme_ctrl_restore_in(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const char *bdf,
			 const struct vfio_takeover *dev, const struct nvme_ctrl_saved *saved)
{
	struct nvme_ctrl_opts opts = {(int)saved->nsqr, (int)saved->ncqr, saved->quirks};
	int err, kept;

	memset(ctrl, 0, sizeof(*ctrl));
	ctrl->pci.dev.fd = -1;
	ctrl->pci.dev.ctx = ctx;
	if (saved->version != NVME_SAVED_VERSION || saved->nsqr > 65534 || saved->ncqr > 65534 ||
	    (int32_t)saved->nsqa < -1 || (int32_t)saved->nsqa > (int32_t)saved->nsqr ||
	    (int32_t)saved->ncqa < -1 || (int32_t)saved->ncqa > (int32_t)saved->ncqr ||
	    saved->mps > 15)
		return inconsistent(ctrl, "version or queue counts");

	ctrl->priv = calloc(1, sizeof(*ctrl->priv));
	if (!ctrl->priv) {
		errno = ENOMEM;
		return -1;
	}
	ctrl->priv->ctrl = ctrl;
	if (vfio_pci_import(&ctrl->pci, bdf, dev)) {
		free(ctrl->priv);
		ctrl->priv = NULL;
		return -1;
	}
	ctrl->priv->open = true;
	ctrl->priv->enabled = true;

	if (nvme_ctrl_attach(ctrl, &opts) || check_running(ctrl, saved) ||
	    restore_config(ctrl, saved)) {
		err = errno;
		if (nvme_reset(ctrl))
			log_info("%s: giving up a take-over: %s\n", nvme_name(ctrl), vfn_error());
		unown(ctrl, &ctrl->priv->dbbuf, &saved->dbbuf, &kept);
		unown(ctrl, &ctrl->priv->eventidx, &saved->eventidx, &kept);
		nvme_close(ctrl);
		errno = err;
		return -1;
	}
	return 0;
}

int nvme_ctrl_restore(struct nvme_ctrl *ctrl, const char *bdf, const struct vfio_takeover *dev,
		      const struct nvme_ctrl_saved *saved)
{
	return nvme_ctrl_restore_in(ctrl, NULL, bdf, dev, saved);
}

static int exists(const struct nvme_ctrl *ctrl, uint32_t id)
{
	errno = EEXIST;
	vfn_error_set("%s: queue %u is there already", nvme_name(ctrl), id);
	return -1;
}

int nvme_cq_restore(struct nvme_ctrl *ctrl, const struct nvme_queue_saved *saved)
{
	struct nvme_queue_priv *priv;
	struct nvme_cq *cq;

	if (saved->version != NVME_SAVED_VERSION || saved->id > (uint32_t)ctrl->opts.ncqr + 1 ||
	    saved->qsize < 2 || saved->qsize > 65536 || saved->head >= saved->qsize ||
	    saved->phase > 1 || saved->mem.fd == UINT64_MAX)
		return inconsistent(ctrl, "a completion queue");

	cq = &ctrl->cq[saved->id];
	if (cq->vaddr)
		return exists(ctrl, saved->id);

	priv = nvme_queue_priv_new(ctrl, (int)saved->id);
	if (!priv)
		return -1;
	if (nvme_mem_restore(ctrl, &saved->mem, (size_t)saved->qsize << NVME_CQES, &priv->mem)) {
		nvme_queue_priv_free(priv);
		return -1;
	}

	*cq = (struct nvme_cq){
		.vaddr = priv->mem.vaddr,
		.iova = priv->mem.iova,
		.id = (int)saved->id,
		.head = (uint16_t)saved->head,
		.qsize = (int)saved->qsize,
		.entry_size = 1 << NVME_CQES,
		.phase = (int)saved->phase,
		.vector = (int)saved->vector,
		.ctrl = ctrl,
		.priv = priv,
	};
	nvme_doorbell_attach_cq(ctrl, cq);
	if (saved->id == NVME_AQ)
		ctrl->adminq.cq = cq;
	return 0;
}

int nvme_sq_restore(struct nvme_ctrl *ctrl, const struct nvme_queue_saved *saved)
{
	size_t page = nvme_page_alloc_size(ctrl);
	struct nvme_queue_priv *priv;
	struct nvme_sq *sq;
	int err, kept;

	if (saved->version != NVME_SAVED_VERSION || saved->id > (uint32_t)ctrl->opts.nsqr + 1 ||
	    saved->qsize < 2 || saved->qsize > 65536 || saved->tail >= saved->qsize ||
	    saved->ptail >= saved->qsize || saved->nrqs != saved->qsize - 1 ||
	    saved->cqid > (uint32_t)ctrl->opts.ncqr + 1 || !ctrl->cq[saved->cqid].vaddr ||
	    saved->mem.fd == UINT64_MAX || saved->pages.fd == UINT64_MAX)
		return inconsistent(ctrl, "a submission queue");

	sq = &ctrl->sq[saved->id];
	if (sq->vaddr)
		return exists(ctrl, saved->id);

	priv = nvme_queue_priv_new(ctrl, (int)saved->id);
	if (!priv)
		return -1;
	if (nvme_mem_restore(ctrl, &saved->mem, (size_t)saved->qsize << NVME_SQES, &priv->mem))
		goto free_priv;
	if (nvme_mem_restore(ctrl, &saved->pages, saved->nrqs * page, &priv->pages))
		goto free_mem;

	*sq = (struct nvme_sq){
		.cq = &ctrl->cq[saved->cqid],
		.vaddr = priv->mem.vaddr,
		.iova = priv->mem.iova,
		.pages = {priv->pages.vaddr, priv->pages.iova},
		.tail = (uint16_t)saved->tail,
		.ptail = (uint16_t)saved->ptail,
		.qsize = (int)saved->qsize,
		.id = (int)saved->id,
		.entry_size = 1 << NVME_SQES,
		.ctrl = ctrl,
		.priv = priv,
	};
	if (nvme_rq_setup(ctrl, sq, (int)saved->nrqs))
		goto free_pages;

	/* what lists the predecessor left in the trackers' pages is unknown here */
	for (int i = 0; i < sq->nrqs; i++)
		sq->rqs[i].nprps = (uint32_t)(__mps_to_pagesize(ctrl->config.mps) / 8);
	nvme_doorbell_attach_sq(ctrl, sq);
	if (saved->id == NVME_AQ)
		ctrl->adminq.sq = sq;
	return 0;

free_pages:
	err = errno;
	memset(sq, 0, sizeof(*sq));
	unown(ctrl, &priv->pages, &saved->pages, &kept);
	errno = err;
free_mem:
	err = errno;
	unown(ctrl, &priv->mem, &saved->mem, &kept);
	errno = err;
free_priv:
	nvme_queue_priv_free(priv);
	return -1;
}
