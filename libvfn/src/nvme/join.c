/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * join - queues of a controller that another process drives
 */
#include <vfn/nvme/join.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/internal.h"

static int join_fail(int err, const char *what)
{
	errno = err;
	vfn_error_set("%s", what);
	return -1;
}

int nvme_ctrl_join(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const struct nvme_join_ctrl *what)
{
	size_t n;

	if (what->mps < 0 || what->mps > 15 || what->max_qid < 1 || what->max_qid > 65535 || !ctx)
		return join_fail(EINVAL, "no controller has such pages or so many queues");
	memset(ctrl, 0, sizeof(*ctrl));
	n = (size_t)what->max_qid + 1;
	ctrl->sq = calloc(n, sizeof(*ctrl->sq));
	ctrl->cq = calloc(n, sizeof(*ctrl->cq));
	if (!ctrl->sq || !ctrl->cq) {
		nvme_ctrl_leave(ctrl);
		return join_fail(ENOMEM, "no memory for a controller's queues");
	}
	ctrl->pci.dev.fd = -1;
	ctrl->pci.dev.ctx = ctx;
	ctrl->opts.nsqr = ctrl->opts.ncqr = what->max_qid - 1;
	ctrl->config.nsqa = ctrl->config.ncqa = what->max_qid - 1;
	ctrl->config.mps = what->mps;
	ctrl->config.sgls = what->sgls;
	if (what->sgls & 3)
		ctrl->flags |= NVME_CTRL_F_SGLS_SUPPORTED;
	if ((what->sgls & 3) == 2)
		ctrl->flags |= NVME_CTRL_F_SGLS_DWORD_ALIGNMENT;
	return 0;
}

void nvme_ctrl_leave(struct nvme_ctrl *ctrl)
{
	for (int qid = 0; ctrl->sq && ctrl->cq && qid <= ctrl->opts.nsqr + 1; qid++) {
		nvme_discard_sq(ctrl, &ctrl->sq[qid]);
		nvme_discard_cq(ctrl, &ctrl->cq[qid]);
	}
	free(ctrl->sq);
	free(ctrl->cq);
	memset(ctrl, 0, sizeof(*ctrl));
	ctrl->pci.dev.fd = -1;
}

static int join_check(const struct nvme_ctrl *ctrl, int qid, const struct nvme_join_queue *what,
		      const void *present)
{
	if (qid < 1 || qid > ctrl->opts.nsqr + 1 || what->qsize < 2 || what->qsize > 65536 ||
	    !what->vaddr || (!what->doorbell && !what->kick))
		return join_fail(EINVAL, "no queue is like that");
	if (present)
		return join_fail(EEXIST, "there is such a queue already");
	return 0;
}

int nvme_cq_join(struct nvme_ctrl *ctrl, int qid, const struct nvme_join_queue *what)
{
	if (join_check(ctrl, qid, what, ctrl->cq[qid].vaddr))
		return -1;
	ctrl->cq[qid] = (struct nvme_cq){
		.vaddr = what->vaddr,
		.iova = what->iova,
		.id = qid,
		.qsize = what->qsize,
		.entry_size = 1 << NVME_CQES,
		.doorbell = what->doorbell,
		.dbbuf = what->dbbuf,
		.vector = -1,
		.kick = what->kick,
		.kick_arg = what->kick_arg,
		.kick_offset = what->kick_offset,
		.ctrl = ctrl,
	};
	return 0;
}

int nvme_sq_join(struct nvme_ctrl *ctrl, int qid, struct nvme_cq *cq,
		 const struct nvme_join_queue *what)
{
	struct nvme_sq *sq = &ctrl->sq[qid];

	if (join_check(ctrl, qid, what, sq->vaddr))
		return -1;
	if (!cq || !cq->vaddr || !what->pages)
		return join_fail(EINVAL, "a submission queue needs a completion queue and pages");
	*sq = (struct nvme_sq){
		.cq = cq,
		.vaddr = what->vaddr,
		.iova = what->iova,
		.pages = {what->pages, what->pages_iova},
		.id = qid,
		.qsize = what->qsize,
		.entry_size = 1 << NVME_SQES,
		.doorbell = what->doorbell,
		.dbbuf = what->dbbuf,
		.kick = what->kick,
		.kick_arg = what->kick_arg,
		.kick_offset = what->kick_offset,
		.ctrl = ctrl,
	};
	if (nvme_rq_setup(ctrl, sq, what->qsize - 1)) {
		memset(sq, 0, sizeof(*sq));
		return -1;
	}
	return 0;
}
