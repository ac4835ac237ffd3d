/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * recover - the end of commands whose controller was reset
 */
#include <errno.h>

#include "nvme/internal.h"

struct nvme_cqe nvme_cqe_host_aborted(const struct nvme_rq *rq, uint16_t state)
{
	return (struct nvme_cqe){
		.sqid = cpu_to_le16((uint16_t)rq->sq->id),
		.cid = (uint16_t)(rq->cid | (state == NVME_RQ_EVENT ? NVME_CID_AER : 0)),
		.sfp = cpu_to_le16(NVME_STATUS_HOST_ABORTED << 1),
	};
}

int nvme_dead_poll(struct nvme_rq *rq, struct nvme_cqe *cqe_copy)
{
	struct nvme_queue_priv *priv = rq->sq->priv;

	if (!priv || !atomic_load_acquire(&priv->dead))
		return 0;

	if (cqe_copy)
		*cqe_copy = nvme_cqe_host_aborted(rq, atomic_load_relaxed(&rq->state));
	atomic_store_relaxed(&rq->state,
			     nvme_cq_shared(rq->sq->cq) ? NVME_RQ_DONE : NVME_RQ_BUSY);
	return 1;
}

static void keep(struct nvme_rq *rq, struct nvme_cqe *cqe, void *arg)
{
	int *n = arg;

	nvme_rq_keep(rq, cqe);
	++*n;
}

/* End a queue that is not shared: all completions are kept first, and handed out when it is known whose
 * they are. */
static int end_cq(struct nvme_cq *cq)
{
	struct nvme_ctrl *ctrl = cq->ctrl;
	int n = 0;

	nvme_cq_drain(cq, keep, &n);
	for (int i = 0; i <= ctrl->opts.nsqr + 1; i++) {
		struct nvme_sq *sq = &ctrl->sq[i];

		if (!sq->vaddr || !sq->priv || sq->cq != cq)
			continue;
		for (int k = 0; k < sq->nrqs; k++) {
			uint16_t state = atomic_load_relaxed(&sq->rqs[k].state);
			struct nvme_cqe cqe = nvme_cqe_host_aborted(&sq->rqs[k], state);

			if (nvme_rq_waits(state))
				keep(&sq->rqs[k], &cqe, &n);
		}
		atomic_store_release(&sq->priv->dead, 1);
	}
	return n;
}

static void hand_out(struct nvme_sq *sq, nvme_fail_fn fn, void *arg)
{
	for (int i = 0; i < sq->nrqs; i++) {
		struct nvme_rq *rq = &sq->rqs[i];
		struct nvme_cqe cqe;

		if (nvme_slot_poll(rq, nvme_rq_slot(rq), &cqe) == 1)
			fn(rq, &cqe, arg);
	}
}

int nvme_fail_outstanding(struct nvme_ctrl *ctrl, nvme_fail_fn fn, void *arg)
{
	int n = 0;

	if (!ctrl->priv || ctrl->priv->enabled) {
		errno = EBUSY;
		vfn_error_set("%s: its commands cannot be ended while it is enabled",
			      nvme_name(ctrl));
		return -1;
	}

	for (int i = 0; i <= ctrl->opts.nsqr + 1; i++) {
		if (ctrl->sq[i].vaddr && ctrl->sq[i].priv && nvme_slots_make(&ctrl->sq[i]))
			return -1;
	}

	for (int i = 0; i <= ctrl->opts.ncqr + 1; i++) {
		struct nvme_cq *cq = &ctrl->cq[i];

		if (cq->vaddr)
			n += nvme_cq_shared(cq) ? nvme_share_fail(cq) : end_cq(cq);
	}

	for (int i = 0; fn && i <= ctrl->opts.nsqr + 1; i++) {
		if (ctrl->sq[i].vaddr && ctrl->sq[i].priv && !nvme_cq_shared(ctrl->sq[i].cq))
			hand_out(&ctrl->sq[i], fn, arg);
	}
	return n;
}

int nvme_sq_busy(struct nvme_sq *sq)
{
	int n = 0;

	for (int i = 0; i < sq->nrqs; i++)
		n += atomic_load_acquire(&sq->rqs[i].state) != NVME_RQ_FREE;
	return n;
}
