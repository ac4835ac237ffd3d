/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rq - request trackers: their making and end, and the pages that their lists take
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/internal.h"

int nvme_rq_setup(struct nvme_ctrl *ctrl, struct nvme_sq *sq, int nrqs)
{
	size_t page = nvme_page_alloc_size(ctrl);

	/* each in cache lines of its own */
	_Static_assert(sizeof(*sq->rqs) == 64, "a request tracker is a cache line");
	sq->rqs = aligned_alloc(64, (size_t)nrqs * sizeof(*sq->rqs));
	if (!sq->rqs) {
		errno = ENOMEM;
		vfn_error_set("%s: no memory for %d request trackers", nvme_name(ctrl), nrqs);
		return -1;
	}

	memset(sq->rqs, 0, (size_t)nrqs * sizeof(*sq->rqs));
	sq->rq_bottom = (uintptr_t)sq->rqs - sizeof(*sq->rqs);
	sq->nrqs = nrqs;
	for (int i = 0; i < nrqs; i++) {
		struct nvme_rq *rq = &sq->rqs[i];

		rq->sq = sq;
		rq->cid = (uint16_t)i;
		rq->page.vaddr = (char *)sq->pages.vaddr + (size_t)i * page;
		rq->page.iova = sq->pages.iova + (uint64_t)i * page;
		rq->below = i + 1 < nrqs ? __nvme_rq_offset(sq, rq + 1) : 0;
	}
	sq->rq_top = sizeof(*sq->rqs);
	return 0;
}

struct nvme_rq *nvme_rq_acquire_cid(struct nvme_sq *sq, uint16_t cid)
{
	uint32_t offset = (uint32_t)sq->rq_top;
	struct nvme_rq *rq, *prev = NULL;

	if (cid >= sq->nrqs) {
		errno = EINVAL;
		vfn_error_set("queue %d has no request tracker %u", sq->id, cid);
		return NULL;
	}

	rq = &sq->rqs[cid];
	while (offset && offset != __nvme_rq_offset(sq, rq)) {
		prev = __nvme_rq_of_top(sq, offset);
		offset = prev->below;
	}
	if (!offset) {
		errno = EBUSY;
		vfn_error_set("request tracker %u of queue %d is in use", cid, sq->id);
		return NULL;
	}

	if (!prev)
		return nvme_rq_acquire(sq);
	prev->below = rq->below;
	atomic_store_relaxed(&rq->state, NVME_RQ_BUSY);
	return rq;
}

void nvme_rq_free_bounce(struct nvme_rq *rq)
{
	if (!rq->bounce)
		return;
	nvme_mem_free(rq->sq->ctrl, &rq->bounce->mem);
	free(rq->bounce);
	rq->bounce = NULL;
}

struct nvme_rq *__nvme_rq_stray(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	uint16_t lost = NVME_RQ_LOST;

	/* to busy first, so that of two threads with the same completion just one frees it */
	if (rq && atomic_cmpxchg(&rq->state, &lost, NVME_RQ_BUSY)) {
		log_info("command %#x on queue %u completed after its time limit\n", cqe->cid,
			 le16_to_cpu(cqe->sqid));
		nvme_rq_free_bounce(rq);
		nvme_rq_release_atomic(rq);
	} else {
		log_error("completion of a command that is not outstanding ignored: "
			  "command %#x on queue %u, status %#x\n",
			  cqe->cid, le16_to_cpu(cqe->sqid), le16_to_cpu(cqe->sfp) >> 1);
	}

	errno = EINVAL;
	return NULL;
}

struct nvme_rq *__nvme_rq_from_cqe_slow(struct nvme_sq *sq, struct nvme_cqe *cqe)
{
	unsigned int cid = cqe->cid & (NVME_CID_AER - 1u);

	if (cid >= (unsigned int)sq->nrqs)
		return __nvme_rq_stray(NULL, cqe);
	if (!__nvme_rq_busy(&sq->rqs[cid]))
		return __nvme_rq_stray(&sq->rqs[cid], cqe);
	return &sq->rqs[cid];
}

void nvme_rq_forget_lost(struct nvme_sq *sq)
{
	for (int i = 0; i < sq->nrqs; i++) {
		struct nvme_rq *rq = &sq->rqs[i];

		if (atomic_load_relaxed(&rq->state) != NVME_RQ_LOST)
			continue;
		nvme_rq_free_bounce(rq);
		nvme_rq_release_atomic(rq);
	}
}
