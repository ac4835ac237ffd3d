/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/join.h - use queues of a controller that another process drives
 *
 * That process has brought the controller up, made the queues and mapped memory for it, and
 * shares the queues' memory and
 * what rings their doorbells with this one. Here a controller is made that is nothing but the place where such queues
 * are: levels one and two work on them as on one's own, and nothing of the device can be reached through it.
 */
#ifndef VFN_NVME_JOIN_H
#define VFN_NVME_JOIN_H

#include <stdint.h>

#include <vfn/iommu/context.h>
#include <vfn/nvme/ctrl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of the controller. */
struct nvme_join_ctrl {
	int mps;       /* page size: 2^(12 + mps) bytes (CC.MPS) */
	int max_qid;   /* highest identifier of a queue: 1 to 65535 */
	uint32_t sgls; /* Identify Controller: SGL support */
};

/*
 * Make *ctrl, which is overwritten, a controller for queues to join. `ctx` holds the mappings that data are
 * looked up in (iommu_import()); a reference stays the caller's, until nvme_ctrl_leave().
 * Nothing may be mapped there by
 * others than the process that drives the controller: a PRP list of more than one page, too, needs such a mapping,
 * and is not possible. 0, or -1: EINVAL, ENOMEM.
 */
int nvme_ctrl_join(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const struct nvme_join_ctrl *what);

/* Forget the controller and all its queues; the memory stays as it is. */
void nvme_ctrl_leave(struct nvme_ctrl *ctrl);

/* A queue's memory, and what rings its doorbell: see struct nvme_sq. */
struct nvme_join_queue {
	void *vaddr;
	uint64_t iova;
	int qsize; /* entries, 2 or more */
	void *doorbell;
	struct nvme_dbbuf dbbuf;
	nvme_kick_fn kick;
	void *kick_arg;
	uint32_t kick_offset;
	/* submission queue: a page of the controller's size for each of qsize - 1 trackers, zeroed */
	void *pages;
	uint64_t pages_iova;
};

/*
 * Take a queue as it is when it was just made (tail and head 0, no phase seen). It is
 * ctrl->cq[qid], ctrl->sq[qid] then,
 * until nvme_discard_cq(), nvme_discard_sq(). 0, or -1: EINVAL; EEXIST there is one; ENOMEM.
 */
int nvme_cq_join(struct nvme_ctrl *ctrl, int qid, const struct nvme_join_queue *what);
int nvme_sq_join(struct nvme_ctrl *ctrl, int qid, struct nvme_cq *cq,
		 const struct nvme_join_queue *what);

#ifdef __cplusplus
}
#endif

#endif
