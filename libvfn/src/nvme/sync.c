/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sync - one command, start to end
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

/*
 * Point the command at a copy of the data: in the tracker's page where they fit (they need no PRP
 * list then), else in memory made for it.
 */
static int bounce(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, const void *buf,
		  size_t len, void **copy)
{
	size_t page = __mps_to_pagesize(ctrl->config.mps);

	if (len <= page) {
		*copy = rq->page.vaddr;
		memcpy(*copy, buf, len);
		rq->nprps = (uint32_t)(page / sizeof(leint64_t));
		return nvme_rq_map_prp(ctrl, rq, cmd, rq->page.iova, len);
	}

	rq->bounce = calloc(1, sizeof(*rq->bounce));
	if (!rq->bounce) {
		errno = ENOMEM;
		vfn_error_set("%s: no memory", nvme_name(ctrl));
		return -1;
	}
	if (nvme_mem_alloc(ctrl, len, &rq->bounce->mem))
		return -1;

	*copy = rq->bounce->mem.vaddr;
	memcpy(*copy, buf, len);
	return nvme_rq_map_prp(ctrl, rq, cmd, rq->bounce->mem.iova, len);
}

static int map_data(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, void *buf,
		    size_t len, void **copy)
{
	struct iovec iov = {buf, len};

	*copy = NULL;
	if (!len)
		return 0;
	if (!buf) {
		errno = EINVAL;
		vfn_error_set("%s: %zu bytes of data at no address", nvme_name(ctrl), len);
		return -1;
	}
	if (!nvme_rq_mapv_prp(ctrl, rq, cmd, &iov, 1))
		return 0;
	if (errno != EFAULT && errno != EINVAL)
		return -1;
	return bounce(ctrl, rq, cmd, buf, len, copy);
}

/* Submit, at the same time as others where the queue is shared. 0, or -1 with ECANCELED. */
static int submit(struct nvme_ctrl *ctrl, struct nvme_sq *sq, union nvme_cmd *cmd)
{
	int r = 0;

	nvme_sq_lock(sq);
	if (sq->priv && atomic_load_acquire(&sq->priv->dead)) {
		errno = ECANCELED;
		vfn_error_set("%s: queue %d has ended with a reset", nvme_name(ctrl), sq->id);
		r = -1;
	} else {
		nvme_sq_exec(sq, cmd);
	}
	nvme_sq_unlock(sq);
	return r;
}

/* Within its time, or nobody waits for it any more: 0, or -1. */
static int complete(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	if (!nvme_rq_wait_until(rq, cqe, nvme_now() + COMMAND_LIMIT_NS, true))
		return 0;
	if (nvme_cq_shared(rq->sq->cq))
		return nvme_share_lose(rq, cqe) ? -1 : 0;
	atomic_store_release(&rq->state, NVME_RQ_LOST);
	return -1;
}

int nvme_sync(struct nvme_ctrl *ctrl, struct nvme_sq *sq, union nvme_cmd *cmd, void *buf,
	      size_t len, struct nvme_cqe *cqe_copy)
{
	struct nvme_cqe cqe;
	struct nvme_rq *rq;
	void *copy;
	int r, saved;

	if (!sq || !sq->vaddr) {
		errno = EINVAL;
		vfn_error_set("%s: no such submission queue", nvme_name(ctrl));
		return -1;
	}

	nvme_cq_sweep(sq);
	rq = nvme_rq_acquire_atomic(sq);
	if (!rq) {
		vfn_error_set("%s: all %d commands of queue %d are outstanding", nvme_name(ctrl),
			      sq->nrqs, sq->id);
		return -1;
	}

	r = map_data(ctrl, rq, cmd, buf, len, &copy);
	if (!r) {
		nvme_rq_prep_cmd(rq, cmd);
		r = submit(ctrl, sq, cmd);
	}
	if (!r) {
		if (complete(rq, &cqe))
			return -1;
		if (cqe_copy)
			*cqe_copy = cqe;
		r = nvme_set_errno_from_cqe(&cqe);
		if (copy && (cmd->opcode & 0x2))
			memcpy(buf, copy, len);
	}

	saved = errno;
	nvme_rq_free_bounce(rq);
	nvme_rq_release_atomic(rq);
	errno = saved;
	return r;
}

int nvme_admin(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, void *buf, size_t len,
	       struct nvme_cqe *cqe_copy)
{
	return nvme_sync(ctrl, ctrl->adminq.sq, cmd, buf, len, cqe_copy);
}

int nvme_submit_lost(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd)
{
	nvme_rq_prep_cmd(rq, cmd);
	atomic_store_release(&rq->state, NVME_RQ_LOST);
	return submit(ctrl, rq->sq, cmd);
}

int nvme_aer_send(struct nvme_ctrl *ctrl, struct nvme_rq *rq)
{
	union nvme_cmd cmd = {.opcode = OPC_AER};

	cmd.cid = (uint16_t)(rq->cid | NVME_CID_AER);
	atomic_store_release(&rq->state, NVME_RQ_EVENT);
	return submit(ctrl, rq->sq, &cmd);
}

int nvme_aer(struct nvme_ctrl *ctrl, void *opaque)
{
	struct nvme_sq *sq = ctrl->adminq.sq;
	struct nvme_rq *rq;
	int saved;

	if (!sq) {
		errno = EINVAL;
		vfn_error_set("%s: no admin queue", nvme_name(ctrl));
		return -1;
	}

	rq = nvme_rq_acquire_atomic(sq);
	if (!rq) {
		vfn_error_set("%s: all %d admin commands are outstanding", nvme_name(ctrl),
			      sq->nrqs);
		return -1;
	}

	rq->opaque = opaque;
	if (nvme_aer_send(ctrl, rq)) {
		saved = errno;
		nvme_rq_release_atomic(rq);
		errno = saved;
		return -1;
	}
	return 0;
}
