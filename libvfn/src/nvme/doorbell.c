/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doorbell - where the doorbells and shadow doorbells of queues are
 */
#include <string.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

/* The number of a doorbell: submission queue tails are even, completion queue heads odd
 * (3.1.4, 3.1.5). */
#define SQ_TAIL(qid) (2 * (size_t)(qid))
#define CQ_HEAD(qid) (2 * (size_t)(qid) + 1)

/* Shadow doorbells and event indices have the doorbells' own stride (B.5). */
static size_t stride(const struct nvme_ctrl *ctrl)
{
	return (size_t)4 << ctrl->config.dstrd;
}

void __nvme_sq_kick(struct nvme_sq *sq)
{
	sq->kick(sq->kick_arg, sq->kick_offset, sq->tail);
}

void __nvme_cq_kick(struct nvme_cq *cq)
{
	cq->kick(cq->kick_arg, cq->kick_offset, cq->head);
}

void __nvme_trace_post(struct nvme_sq *sq, const union nvme_cmd *cmd)
{
	trace_guard(NVME_SQ_POST)
	{
		trace_emit("sqid %d tail %d opcode %d cid %d\n", sq->id, sq->tail, cmd->opcode,
			   cmd->cid);
	}
}

static void trace_skip(int id, uint32_t value)
{
	trace_guard(NVME_SKIP_MMIO)
	{
		trace_emit("qid %d value %u\n", id, value);
	}
}

void __nvme_trace_tail(struct nvme_sq *sq)
{
	trace_guard(NVME_SQ_UPDATE_TAIL)
	{
		trace_emit("sqid %d tail %d\n", sq->id, sq->tail);
	}
	if (!__nvme_sq_ring(sq, sq->tail))
		trace_skip(sq->id, sq->tail);
}

void __nvme_trace_exec(struct nvme_sq *sq, const union nvme_cmd *cmd)
{
	nvme_sq_post(sq, cmd);
	nvme_sq_update_tail(sq);
}

void __nvme_trace_head(struct nvme_cq *cq)
{
	trace_guard(NVME_CQ_UPDATE_HEAD)
	{
		trace_emit("cqid %d head %d\n", cq->id, cq->head);
	}
	if (!__nvme_cq_ring(cq))
		trace_skip(cq->id, cq->head);
}

void __nvme_trace_get(struct nvme_cq *cq)
{
	trace_guard(NVME_CQ_GET_CQE)
	{
		trace_emit("cqid %d\n", cq->id);
	}
	if (!__nvme_cq_ready(cq))
		return;
	trace_guard(NVME_CQ_GOT_CQE)
	{
		dma_rmb();
		trace_emit("cqid %d cid %d\n", cq->id, nvme_cq_head(cq)->cid);
	}
}

static void kick_by_message(void *arg, uint32_t offset, uint32_t value)
{
	struct nvme_ctrl *ctrl = arg;

	/* a device that has gone is found out by whoever waits for it */
	if (vfio_region_post32(&ctrl->pci.dev, VFIO_PCI_BAR0_REGION_INDEX, offset, value))
		log_debug("%s: doorbell at %#x was not rung\n", nvme_name(ctrl), offset);
}

static void *mapped(const struct nvme_ctrl *ctrl, size_t offset)
{
	if (!ctrl->doorbells || offset + sizeof(uint32_t) > ctrl->priv->doorbells_len)
		return NULL;
	return (char *)ctrl->doorbells + offset;
}

/*
 * The admin queues' doorbells are always rung, whatever the event index says: there are controllers
 * that look at the shadow doorbells of I/O queues only, as there are hosts that write only those
 * (B.5 wants neither). So the event index that these queues compare with is one of our own, which
 * is the value last rung.
 */
static void kick_admin(void *arg, uint32_t offset, uint32_t value)
{
	struct nvme_ctrl *ctrl = arg;
	size_t at = offset - REG_DOORBELLS;

	if (ctrl->priv->by_message || !mapped(ctrl, at))
		kick_by_message(ctrl, offset, value);
	else
		mmio_write32(mapped(ctrl, at), cpu_to_le32(value));
	ctrl->priv->admin_rung[at / stride(ctrl)] = cpu_to_le32(value);
}

/*
 * Ring by a store where the doorbell is mapped and a store will do, else by message. It does not on
 * shadow doorbells, where a server that sleeps has asked to be woken; without them it has to look.
 * What the admin queue has is not worth its waiting until it looks.
 */
static nvme_kick_fn choose_kick(struct nvme_ctrl *ctrl, size_t number, const void *doorbell,
				const struct nvme_dbbuf *dbbuf)
{
	bool admin = number <= CQ_HEAD(NVME_AQ);

	if (admin && dbbuf->doorbell)
		return kick_admin;
	if (!doorbell || (ctrl->priv->by_message && (admin || dbbuf->doorbell)))
		return kick_by_message;
	return NULL;
}

static void attach_shadow(struct nvme_ctrl *ctrl, size_t number, struct nvme_dbbuf *dbbuf)
{
	size_t offset = number * stride(ctrl);

	memset(dbbuf, 0, sizeof(*dbbuf));

	/* the buffer is one page of the controller's, so not every queue need have a place there */
	if (!ctrl->dbbuf.doorbells ||
	    offset + sizeof(uint32_t) > __mps_to_pagesize(ctrl->config.mps))
		return;
	dbbuf->doorbell = (char *)ctrl->dbbuf.doorbells + offset;
	dbbuf->eventidx = (char *)ctrl->dbbuf.eventidxs + offset;
	if (number > CQ_HEAD(NVME_AQ))
		return;
	ctrl->priv->admin_rung[number] = LOAD_PTR((leint32_t *)dbbuf->doorbell);
	dbbuf->eventidx = &ctrl->priv->admin_rung[number];
}

void nvme_doorbell_attach_sq(struct nvme_ctrl *ctrl, struct nvme_sq *sq)
{
	size_t number = SQ_TAIL(sq->id), offset = number * stride(ctrl);

	attach_shadow(ctrl, number, &sq->dbbuf);
	sq->doorbell = mapped(ctrl, offset);
	sq->kick = choose_kick(ctrl, number, sq->doorbell, &sq->dbbuf);
	sq->kick_arg = ctrl;
	sq->kick_offset = (uint32_t)(REG_DOORBELLS + offset);
}

void nvme_doorbell_attach_cq(struct nvme_ctrl *ctrl, struct nvme_cq *cq)
{
	size_t number = CQ_HEAD(cq->id), offset = number * stride(ctrl);

	attach_shadow(ctrl, number, &cq->dbbuf);
	cq->doorbell = mapped(ctrl, offset);
	cq->kick = choose_kick(ctrl, number, cq->doorbell, &cq->dbbuf);
	cq->kick_arg = ctrl;
	cq->kick_offset = (uint32_t)(REG_DOORBELLS + offset);
}

int nvme_dbbuf_alloc(struct nvme_ctrl *ctrl)
{
	size_t size = __mps_to_pagesize(ctrl->config.mps);

	if (!ctrl->priv->dbbuf.map && nvme_mem_alloc(ctrl, size, &ctrl->priv->dbbuf))
		return -1;
	if (!ctrl->priv->eventidx.map && nvme_mem_alloc(ctrl, size, &ctrl->priv->eventidx))
		return -1;

	memset(ctrl->priv->dbbuf.vaddr, 0, size);
	memset(ctrl->priv->eventidx.vaddr, 0, size);
	return 0;
}

/* Put the present value of a queue made before the shadow doorbells into its new one. */
static void seed(struct nvme_ctrl *ctrl, size_t number, uint16_t value)
{
	size_t offset = number * stride(ctrl);

	if (offset + sizeof(uint32_t) <= __mps_to_pagesize(ctrl->config.mps))
		STORE_PTR((leint32_t *)((char *)ctrl->dbbuf.doorbells + offset),
			  cpu_to_le32(value));
}

void nvme_dbbuf_on(struct nvme_ctrl *ctrl)
{
	nvme_share_hold(ctrl);
	ctrl->dbbuf.doorbells = ctrl->priv->dbbuf.vaddr;
	ctrl->dbbuf.eventidxs = ctrl->priv->eventidx.vaddr;

	for (int i = 0; i <= ctrl->opts.nsqr + 1; i++) {
		struct nvme_sq *sq = &ctrl->sq[i];

		if (!sq->vaddr)
			continue;
		seed(ctrl, SQ_TAIL(i), sq->ptail);
		nvme_doorbell_attach_sq(ctrl, sq);
	}
	for (int i = 0; i <= ctrl->opts.ncqr + 1; i++) {
		struct nvme_cq *cq = &ctrl->cq[i];

		if (!cq->vaddr)
			continue;
		seed(ctrl, CQ_HEAD(i), cq->head);
		nvme_doorbell_attach_cq(ctrl, cq);
	}
	nvme_share_resume(ctrl);
}

void nvme_dbbuf_off(struct nvme_ctrl *ctrl)
{
	ctrl->dbbuf.doorbells = NULL;
	ctrl->dbbuf.eventidxs = NULL;

	for (int i = 0; i <= ctrl->opts.nsqr + 1; i++) {
		if (ctrl->sq[i].vaddr)
			nvme_doorbell_attach_sq(ctrl, &ctrl->sq[i]);
	}
	for (int i = 0; i <= ctrl->opts.ncqr + 1; i++) {
		if (ctrl->cq[i].vaddr)
			nvme_doorbell_attach_cq(ctrl, &ctrl->cq[i]);
	}
}

void nvme_dbbuf_free(struct nvme_ctrl *ctrl)
{
	nvme_mem_free(ctrl, &ctrl->priv->dbbuf);
	nvme_mem_free(ctrl, &ctrl->priv->eventidx);
}
