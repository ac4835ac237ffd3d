/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * abort - the Abort command (NVMe base, 5.1)
 *
 * An Abort names a command by its submission queue and identifier, and takes effect whenever the
 * controller comes to it. So an identifier is kept until the Abort has been answered, also if the
 * command completes before: that completion waits in the tracker's slot, and the tracker with it.
 */
#include <errno.h>
#include <string.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

/* Of all that is said of Aborts in struct nvme_ctrl_priv. They are rare, and so is this lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int refuse(const struct nvme_rq *rq, int err, const char *why)
{
	errno = err;
	vfn_error_set("command %#x on queue %d: not aborted: %s", rq->cid, rq->sq->id, why);
	return -1;
}

void nvme_abort_settle(struct nvme_ctrl *ctrl)
{
	if (atomic_load_relaxed(&ctrl->priv->naborts) && ctrl->adminq.sq)
		nvme_cq_sweep(ctrl->adminq.sq);
}

bool nvme_abort_answered(struct nvme_rq *rq)
{
	struct nvme_ctrl *ctrl = rq->sq->ctrl;
	struct nvme_abort *abort;
	bool sent;

	if (!ctrl || !ctrl->priv || rq->sq->id != NVME_AQ || rq->cid >= ctrl->priv->nslots)
		return false;

	pthread_mutex_lock(&lock);
	abort = &ctrl->priv->slots[rq->cid].abort;
	sent = abort->sent;
	if (sent) {
		if (abort->rq)
			atomic_store_release(&nvme_rq_slot(abort->rq)->aborting, 0);
		memset(abort, 0, sizeof(*abort));
		atomic_store_relaxed(&ctrl->priv->naborts, ctrl->priv->naborts - 1);
	}
	pthread_mutex_unlock(&lock);
	return sent;
}

void nvme_abort_forget(struct nvme_sq *sq)
{
	struct nvme_ctrl *ctrl = sq->ctrl;

	if (!ctrl || !ctrl->priv)
		return;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < ctrl->priv->nslots; i++) {
		struct nvme_abort *abort = &ctrl->priv->slots[i].abort;

		if (abort->sent && abort->rq && abort->rq->sq == sq)
			abort->rq = NULL;
		/* the Abort itself is a command of this queue, and nobody is left to answer it */
		if (abort->sent && sq->id == NVME_AQ) {
			memset(abort, 0, sizeof(*abort));
			atomic_store_relaxed(&ctrl->priv->naborts, ctrl->priv->naborts - 1);
		}
	}
	pthread_mutex_unlock(&lock);
}

bool nvme_abort_pending(struct nvme_ctrl *ctrl, int sqid)
{
	bool found = false;

	nvme_abort_settle(ctrl);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < ctrl->priv->nslots; i++)
		found |= ctrl->priv->slots[i].abort.sent && ctrl->priv->slots[i].abort.sqid == sqid;
	pthread_mutex_unlock(&lock);
	return found;
}

/* Have the right to send one more, by the admin queue's tracker `via`. */
static bool note(struct nvme_ctrl *ctrl, const struct nvme_rq *via, struct nvme_rq *rq)
{
	bool may;

	pthread_mutex_lock(&lock);
	may = ctrl->priv->naborts <= ctrl->config.acl;
	if (may) {
		ctrl->priv->slots[via->cid].abort =
			(struct nvme_abort){true, (uint16_t)rq->sq->id, rq};
		atomic_store_relaxed(&ctrl->priv->naborts, ctrl->priv->naborts + 1);
		atomic_store_release(&nvme_rq_slot(rq)->aborting, 1);
	}
	pthread_mutex_unlock(&lock);
	return may;
}

int nvme_rq_abort(struct nvme_rq *rq)
{
	struct nvme_ctrl *ctrl = rq->sq->ctrl;
	uint16_t state = atomic_load_relaxed(&rq->state), cid = rq->cid;
	union nvme_cmd cmd = {.opcode = OPC_ABORT};
	struct nvme_rq *via;

	if (!ctrl || !ctrl->priv || !ctrl->adminq.sq || !rq->sq->priv)
		return refuse(rq, EINVAL, "it is of no controller that has an admin queue");
	if (state == NVME_RQ_KEPT)
		return 0;
	if (!nvme_rq_waits(state))
		return refuse(rq, EINVAL, "it is not outstanding");
	if (!atomic_load_relaxed(&ctrl->priv->enabled))
		return refuse(rq, ECANCELED, "the controller is disabled");
	if (nvme_slots_make(rq->sq))
		return -1;

	nvme_abort_settle(ctrl);
	if (atomic_load_acquire(&nvme_rq_slot(rq)->aborting))
		return 0;

	via = nvme_rq_acquire_atomic(ctrl->adminq.sq);
	if (!via)
		return refuse(rq, EAGAIN, "all admin commands are outstanding");
	if (!note(ctrl, via, rq)) {
		nvme_rq_release_atomic(via);
		return refuse(rq, EAGAIN, "the controller takes no more Aborts at a time");
	}

	if (state == NVME_RQ_EVENT)
		cid |= NVME_CID_AER;
	/* on a shared queue it may just have completed */
	if (!atomic_cmpxchg(&rq->state, &state, NVME_RQ_ABORTED)) {
		nvme_abort_answered(via);
		nvme_rq_release_atomic(via);
		return state == NVME_RQ_KEPT ? 0 : refuse(rq, EINVAL, "it has completed");
	}

	cmd.cdw10 = cpu_to_le32((uint32_t)cid << 16 | (uint32_t)rq->sq->id);
	if (nvme_submit_lost(ctrl, via, &cmd)) {
		/* ended by a reset, and so is the command */
		atomic_store_relaxed(&via->state, NVME_RQ_BUSY);
		nvme_abort_answered(via);
		nvme_rq_release_atomic(via);
		return -1;
	}
	return 0;
}
