/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue - the host's side of queues, and the commands that make and delete them (NVMe base, 5.4
 * to 5.7)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

/* So that no entry crosses a cache line. */
#define QUEUE_VADDR_ALIGN 64

static int invalid(const struct nvme_ctrl *ctrl, int err, const char *what, int qid)
{
	errno = err;
	vfn_error_set("%s: queue %d: %s", nvme_name(ctrl), qid, what);
	return -1;
}

struct nvme_queue_priv *nvme_queue_priv_new(struct nvme_ctrl *ctrl, int qid)
{
	struct nvme_queue_priv *priv = calloc(1, sizeof(*priv));

	if (!priv)
		invalid(ctrl, ENOMEM, "no memory", qid);
	else
		pthread_mutex_init(&priv->lock, NULL);
	return priv;
}

void nvme_queue_priv_free(struct nvme_queue_priv *priv)
{
	pthread_mutex_destroy(&priv->lock);
	free(priv->share);
	free(priv->slots);
	free(priv);
}

/*
 * Memory for a queue or its pages: the caller's `at`, which is described without a mapping so that
 * it is never given back here, or new memory. 0, or -1 with errno.
 */
static int mem_get(struct nvme_ctrl *ctrl, size_t size, const struct nvme_queue_mem *at,
		   struct nvme_mem *mem)
{
	if (!at)
		return nvme_mem_alloc(ctrl, size, mem);
	*mem = (struct nvme_mem){.vaddr = at->vaddr, .iova = at->iova};
	return 0;
}

/* Whether the controller can use the caller's memory for `size` bytes of the queue. */
static int mem_check(const struct nvme_ctrl *ctrl, int qid, size_t size,
		     const struct nvme_queue_mem *at)
{
	if (!at)
		return 0;
	if (!at->vaddr || (uintptr_t)at->vaddr % QUEUE_VADDR_ALIGN)
		return invalid(ctrl, EINVAL, "its memory must begin at a multiple of 64 bytes",
			       qid);
	if (!ALIGNED(at->iova, __mps_to_pagesize(ctrl->config.mps)))
		return invalid(ctrl, EINVAL, "its IOVA must begin at a page of the controller's",
			       qid);
	if (at->len < size)
		return invalid(ctrl, EINVAL, "its memory is too small", qid);
	if (at->iova + (size - 1) < at->iova || (uintptr_t)at->vaddr > UINTPTR_MAX - size)
		return invalid(ctrl, EINVAL, "its memory goes beyond the end", qid);
	return 0;
}

/* In aligned words, since it may be memory of a device, where not every kind of access is allowed.
 */
static void cq_clear(struct nvme_cq *cq)
{
	uint64_t *words = cq->vaddr;

	for (size_t i = 0; i < ((size_t)cq->qsize << NVME_CQES) / sizeof(*words); i++)
		STORE(words[i], 0);
}

int nvme_cq_setup(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
		  const struct nvme_queue_mem *at)
{
	struct nvme_queue_priv *priv = nvme_queue_priv_new(ctrl, qid);
	struct nvme_cq *cq = &ctrl->cq[qid];

	if (!priv)
		return -1;
	if (mem_get(ctrl, (size_t)qsize << NVME_CQES, at, &priv->mem)) {
		nvme_queue_priv_free(priv);
		return -1;
	}

	*cq = (struct nvme_cq){
		.vaddr = priv->mem.vaddr,
		.iova = priv->mem.iova,
		.id = qid,
		.qsize = qsize,
		.entry_size = 1 << NVME_CQES,
		.vector = vector,
		.ctrl = ctrl,
		.priv = priv,
	};
	if (at)
		cq_clear(cq);
	nvme_doorbell_attach_cq(ctrl, cq);
	if (cq->dbbuf.doorbell) {
		/* a queue of the same identifier that was deleted left its values there */
		STORE_PTR((leint32_t *)cq->dbbuf.doorbell, 0);
		STORE_PTR((leint32_t *)cq->dbbuf.eventidx, 0);
	}
	return 0;
}

int nvme_sq_setup(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
		  const struct nvme_queue_mem *at, const struct nvme_queue_mem *pages)
{
	struct nvme_queue_priv *priv = nvme_queue_priv_new(ctrl, qid);
	struct nvme_sq *sq = &ctrl->sq[qid];

	if (!priv)
		return -1;
	if (mem_get(ctrl, (size_t)qsize << NVME_SQES, at, &priv->mem))
		goto free_priv;
	if (mem_get(ctrl, (size_t)(qsize - 1) * nvme_page_alloc_size(ctrl), pages, &priv->pages))
		goto free_mem;

	*sq = (struct nvme_sq){
		.cq = cq,
		.vaddr = priv->mem.vaddr,
		.iova = priv->mem.iova,
		.pages = {priv->pages.vaddr, priv->pages.iova},
		.id = qid,
		.qsize = qsize,
		.entry_size = 1 << NVME_SQES,
		.ctrl = ctrl,
		.priv = priv,
	};
	if (nvme_rq_setup(ctrl, sq, qsize - 1))
		goto free_pages;
	if (nvme_cq_shared(cq) && nvme_slots_make(sq)) {
		free(sq->rqs);
		goto free_pages;
	}

	/* what is in the caller's pages is unknown: a list must not end in it */
	for (int i = 0; pages && i < sq->nrqs; i++)
		sq->rqs[i].nprps = (uint32_t)(__mps_to_pagesize(ctrl->config.mps) / 8);

	nvme_doorbell_attach_sq(ctrl, sq);
	if (sq->dbbuf.doorbell) {
		STORE_PTR((leint32_t *)sq->dbbuf.doorbell, 0);
		STORE_PTR((leint32_t *)sq->dbbuf.eventidx, 0);
	}
	return 0;

free_pages:
	memset(sq, 0, sizeof(*sq));
	nvme_mem_free(ctrl, &priv->pages);
free_mem:
	nvme_mem_free(ctrl, &priv->mem);
free_priv:
	nvme_queue_priv_free(priv);
	return -1;
}

void nvme_discard_cq(struct nvme_ctrl *ctrl, struct nvme_cq *cq)
{
	if (!cq || !cq->vaddr)
		return;

	if (cq->priv) {
		nvme_mem_free(ctrl, &cq->priv->mem);
		nvme_queue_priv_free(cq->priv);
	}
	if (ctrl->adminq.cq == cq)
		ctrl->adminq.cq = NULL;
	memset(cq, 0, sizeof(*cq));
}

void nvme_discard_sq(struct nvme_ctrl *ctrl, struct nvme_sq *sq)
{
	if (!sq || !sq->vaddr)
		return;

	nvme_abort_forget(sq);
	for (int i = 0; i < sq->nrqs; i++) {
		nvme_rq_free_lists(ctrl, &sq->rqs[i]);
		nvme_rq_free_bounce(&sq->rqs[i]);
	}
	free(sq->rqs);
	if (sq->priv) {
		nvme_mem_free(ctrl, &sq->priv->pages);
		nvme_mem_free(ctrl, &sq->priv->mem);
		nvme_queue_priv_free(sq->priv);
	}
	if (ctrl->adminq.sq == sq)
		ctrl->adminq.sq = NULL;
	memset(sq, 0, sizeof(*sq));
}

static bool cq_known(const struct nvme_ctrl *ctrl, int qid)
{
	return qid >= 1 && qid <= ctrl->config.ncqa + 1 && qid <= ctrl->opts.ncqr + 1;
}

static bool sq_known(const struct nvme_ctrl *ctrl, int qid)
{
	return qid >= 1 && qid <= ctrl->config.nsqa + 1 && qid <= ctrl->opts.nsqr + 1;
}

static bool qsize_ok(const struct nvme_ctrl *ctrl, int qsize)
{
	return qsize >= 2 && qsize <= ctrl->config.mqes + 1;
}

int nvme_prep_create_iocq_at(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			     const struct nvme_queue_mem *mem, union nvme_cmd *cmd)
{
	if (!cq_known(ctrl, qid))
		return invalid(ctrl, EINVAL, "no such completion queue identifier", qid);
	if (!qsize_ok(ctrl, qsize))
		return invalid(ctrl, EINVAL, "2 to CAP.MQES + 1 entries are possible", qid);
	if (vector < -1 || vector > UINT16_MAX ||
	    (vector >= 0 && (unsigned int)vector >= ctrl->pci.dev.irq_info.count))
		return invalid(ctrl, EINVAL, "the device has no such interrupt vector", qid);
	if (ctrl->cq[qid].vaddr)
		return invalid(ctrl, EEXIST, "the completion queue is there already", qid);

	if (mem_check(ctrl, qid, (size_t)qsize << NVME_CQES, mem) ||
	    nvme_cq_setup(ctrl, qid, qsize, vector, mem))
		return -1;

	memset(cmd, 0, sizeof(*cmd));
	cmd->create_cq.opcode = OPC_CREATE_CQ;
	cmd->create_cq.prp1 = cpu_to_le64(ctrl->cq[qid].iova);
	cmd->create_cq.qid = cpu_to_le16((uint16_t)qid);
	cmd->create_cq.qsize = cpu_to_le16((uint16_t)(qsize - 1));
	cmd->create_cq.qflags = cpu_to_le16(NVME_Q_PC | (vector >= 0 ? NVME_CQ_IEN : 0));
	cmd->create_cq.iv = cpu_to_le16((uint16_t)(vector >= 0 ? vector : 0));
	return 0;
}

int nvme_prep_create_iosq_at(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
			     unsigned long flags, const struct nvme_queue_mem *mem,
			     const struct nvme_queue_mem *pages, union nvme_cmd *cmd)
{
	if (!sq_known(ctrl, qid))
		return invalid(ctrl, EINVAL, "no such submission queue identifier", qid);
	if (!qsize_ok(ctrl, qsize))
		return invalid(ctrl, EINVAL, "2 to CAP.MQES + 1 entries are possible", qid);
	if (flags & ~(unsigned long)NVME_SQ_QPRIO_LOW)
		return invalid(ctrl, EINVAL, "flags other than its priority", qid);
	if (!cq || !cq->vaddr || cq->ctrl != ctrl || cq->id == NVME_AQ)
		return invalid(ctrl, EINVAL, "no I/O completion queue for it", qid);
	if (ctrl->sq[qid].vaddr)
		return invalid(ctrl, EEXIST, "the submission queue is there already", qid);
	if (nvme_abort_pending(ctrl, qid))
		return invalid(ctrl, EBUSY, "an Abort for the former one is outstanding", qid);

	if (mem_check(ctrl, qid, (size_t)qsize << NVME_SQES, mem) ||
	    mem_check(ctrl, qid, (size_t)(qsize - 1) * nvme_page_alloc_size(ctrl), pages) ||
	    nvme_sq_setup(ctrl, qid, qsize, cq, mem, pages))
		return -1;

	memset(cmd, 0, sizeof(*cmd));
	cmd->create_sq.opcode = OPC_CREATE_SQ;
	cmd->create_sq.prp1 = cpu_to_le64(ctrl->sq[qid].iova);
	cmd->create_sq.qid = cpu_to_le16((uint16_t)qid);
	cmd->create_sq.qsize = cpu_to_le16((uint16_t)(qsize - 1));
	cmd->create_sq.qflags = cpu_to_le16((uint16_t)(NVME_Q_PC | flags));
	cmd->create_sq.cqid = cpu_to_le16((uint16_t)cq->id);
	return 0;
}

int nvme_prep_create_iocq(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			  union nvme_cmd *cmd)
{
	return nvme_prep_create_iocq_at(ctrl, qid, qsize, vector, NULL, cmd);
}

int nvme_prep_create_iosq(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
			  unsigned long flags, union nvme_cmd *cmd)
{
	return nvme_prep_create_iosq_at(ctrl, qid, qsize, cq, flags, NULL, NULL, cmd);
}

static void prep_delete(union nvme_cmd *cmd, uint8_t opcode, int qid)
{
	memset(cmd, 0, sizeof(*cmd));
	cmd->delete_q.opcode = opcode;
	cmd->delete_q.qid = cpu_to_le16((uint16_t)qid);
}

int nvme_prep_delete_iocq(struct nvme_ctrl *ctrl, int qid, union nvme_cmd *cmd)
{
	if (!cq_known(ctrl, qid))
		return invalid(ctrl, EINVAL, "no such completion queue identifier", qid);
	if (!ctrl->cq[qid].vaddr)
		return invalid(ctrl, ENOENT, "there is no such completion queue", qid);
	prep_delete(cmd, OPC_DELETE_CQ, qid);
	return 0;
}

int nvme_prep_delete_iosq(struct nvme_ctrl *ctrl, int qid, union nvme_cmd *cmd)
{
	if (!sq_known(ctrl, qid))
		return invalid(ctrl, EINVAL, "no such submission queue identifier", qid);
	if (!ctrl->sq[qid].vaddr)
		return invalid(ctrl, ENOENT, "there is no such submission queue", qid);
	prep_delete(cmd, OPC_DELETE_SQ, qid);
	return 0;
}

/* Execute a command that makes a queue. True when the queue must be discarded: it is not there. */
static bool create_failed(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, int *r)
{
	*r = nvme_admin(ctrl, cmd, NULL, 0, NULL);

	/* without an answer the queue may come to be at any time */
	return *r && errno != ETIMEDOUT && errno != ENODEV;
}

int nvme_create_iocq_at(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			const struct nvme_queue_mem *mem)
{
	union nvme_cmd cmd;
	int r, saved;

	if (nvme_prep_create_iocq_at(ctrl, qid, qsize, vector, mem, &cmd))
		return -1;
	if (create_failed(ctrl, &cmd, &r)) {
		saved = errno;
		nvme_discard_cq(ctrl, &ctrl->cq[qid]);
		errno = saved;
	}
	return r;
}

int nvme_create_iosq_at(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
			unsigned long flags, const struct nvme_queue_mem *mem,
			const struct nvme_queue_mem *pages)
{
	union nvme_cmd cmd;
	int r, saved;

	if (nvme_prep_create_iosq_at(ctrl, qid, qsize, cq, flags, mem, pages, &cmd))
		return -1;
	if (create_failed(ctrl, &cmd, &r)) {
		saved = errno;
		nvme_discard_sq(ctrl, &ctrl->sq[qid]);
		errno = saved;
	}
	return r;
}

int nvme_create_iocq(struct nvme_ctrl *ctrl, int qid, int qsize, int vector)
{
	return nvme_create_iocq_at(ctrl, qid, qsize, vector, NULL);
}

int nvme_create_iosq(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
		     unsigned long flags)
{
	return nvme_create_iosq_at(ctrl, qid, qsize, cq, flags, NULL, NULL);
}

int nvme_delete_iocq(struct nvme_ctrl *ctrl, int qid)
{
	union nvme_cmd cmd;

	if (nvme_prep_delete_iocq(ctrl, qid, &cmd) || nvme_admin(ctrl, &cmd, NULL, 0, NULL))
		return -1;
	nvme_discard_cq(ctrl, &ctrl->cq[qid]);
	return 0;
}

int nvme_delete_iosq(struct nvme_ctrl *ctrl, int qid)
{
	union nvme_cmd cmd;

	if (nvme_prep_delete_iosq(ctrl, qid, &cmd) || nvme_admin(ctrl, &cmd, NULL, 0, NULL))
		return -1;
	nvme_discard_sq(ctrl, &ctrl->sq[qid]);
	return 0;
}

int nvme_create_ioqpair(struct nvme_ctrl *ctrl, int qid, int qsize, int vector, unsigned long flags)
{
	char reason[VFN_ERROR_MAX];
	int saved;

	if (nvme_create_iocq(ctrl, qid, qsize, vector))
		return -1;
	if (!nvme_create_iosq(ctrl, qid, qsize, &ctrl->cq[qid], flags))
		return 0;

	/* a submission queue that may yet come to be needs its completion queue */
	saved = errno;
	if (saved != ETIMEDOUT && saved != ENODEV) {
		snprintf(reason, sizeof(reason), "%s", vfn_error());
		nvme_delete_iocq(ctrl, qid);
		vfn_error_set("%s", reason);
	}
	errno = saved;
	return -1;
}

int nvme_delete_ioqpair(struct nvme_ctrl *ctrl, int qid)
{
	if (nvme_delete_iosq(ctrl, qid))
		return -1;
	return nvme_delete_iocq(ctrl, qid);
}
