/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rq - request trackers: their making and end, and the pages that their lists take
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/internal.h"

int nvme_rq_setup(struct nvme_ctrl *ctrl, struct nvme_sq *sq, int nrqs)
{
	size_t page = nvme_page_alloc_size(ctrl);

	if (sq->id == NVME_AQ && nvme_admin_room(ctrl, nrqs))
		return -1;

	/* each in cache lines of its own */
	_Static_assert(sizeof(*sq->rqs) == 64, "a request tracker is a cache line");
	sq->rqs = aligned_alloc(64, ((size_t)nrqs + 1) * sizeof(*sq->rqs));
	if (!sq->rqs) {
		errno = ENOMEM;
		vfn_error_set("%s: no memory for %d request trackers", nvme_name(ctrl), nrqs);
		return -1;
	}

	memset(sq->rqs, 0, ((size_t)nrqs + 1) * sizeof(*sq->rqs));
	sq->nrqs = nrqs;
	for (int i = 0; i <= nrqs; i++) {
		struct nvme_rq *rq = &sq->rqs[i];

		rq->sq = sq;
		rq->cid = (uint16_t)i;
		rq->state = NVME_RQ_FREE;
		if (i == nrqs)
			break; /* nobody gets this one: __nvme_rq_from_cqe() */
		rq->page.vaddr = (char *)sq->pages.vaddr + (size_t)i * page;
		rq->page.iova = sq->pages.iova + (uint64_t)i * page;
		rq->rq_next = i + 1 < nrqs ? rq + 1 : NULL;
	}
	sq->rq_top = nrqs ? sq->rqs : NULL;
	sq->rq_atomic = 0;
	return 0;
}

struct nvme_rq *__nvme_rq_acquire_slow(struct nvme_sq *sq)
{
	if (!(uint32_t)atomic_load_relaxed(&sq->rq_atomic)) {
		errno = EBUSY;
		return NULL;
	}
	return nvme_rq_acquire_atomic(sq);
}

/*
 * Trackers begin on the plain stack, which is no place for several threads: they take turns. None
 * comes here twice for the same tracker, since an _atomic release puts it on the other stack.
 */
struct nvme_rq *__nvme_rq_acquire_atomic_slow(struct nvme_sq *sq)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct nvme_rq *rq;

	if (!atomic_load_relaxed(&sq->rq_top)) {
		errno = EBUSY;
		return NULL;
	}

	pthread_mutex_lock(&lock);
	rq = sq->rq_top;
	if (rq)
		atomic_store_relaxed(&sq->rq_top, rq->rq_next);
	pthread_mutex_unlock(&lock);
	/* Others took the last one meanwhile; what they may have released since is found again. */
	if (!rq)
		return nvme_rq_acquire_atomic(sq);

	atomic_store_relaxed(&rq->state, NVME_RQ_BUSY);
	return rq;
}

static bool take_plain(struct nvme_sq *sq, const struct nvme_rq *rq)
{
	for (struct nvme_rq **p = &sq->rq_top; *p; p = &(*p)->rq_next) {
		if (*p == rq) {
			*p = rq->rq_next;
			return true;
		}
	}
	return false;
}

static bool take_atomic(struct nvme_sq *sq, const struct nvme_rq *rq)
{
	uint32_t self = (uint32_t)(rq - sq->rqs) + 1, at = (uint32_t)sq->rq_atomic;

	if (at == self) {
		sq->rq_atomic = (sq->rq_atomic >> 32 << 32) | rq->below;
		return true;
	}
	while (at) {
		struct nvme_rq *above = __nvme_rq_of_atomic(sq, at);

		at = above->below;
		if (at == self) {
			above->below = rq->below;
			return true;
		}
	}
	return false;
}

struct nvme_rq *nvme_rq_acquire_cid(struct nvme_sq *sq, uint16_t cid)
{
	struct nvme_rq *rq;

	if (cid >= sq->nrqs) {
		errno = EINVAL;
		vfn_error_set("queue %d has no request tracker %u", sq->id, cid);
		return NULL;
	}

	rq = &sq->rqs[cid];
	if (!take_plain(sq, rq) && !take_atomic(sq, rq)) {
		errno = EBUSY;
		vfn_error_set("request tracker %u of queue %d is in use", cid, sq->id);
		return NULL;
	}

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

/*
 * Give up a tracker that nobody waits for, since its command has completed or its queue has ended.
 * To busy first, so that of two threads with the same completion just one frees it.
 */
static bool reclaim(struct nvme_rq *rq, bool *abort)
{
	uint16_t lost = NVME_RQ_LOST;

	if (!atomic_cmpxchg(&rq->state, &lost, NVME_RQ_BUSY))
		return false;
	*abort = nvme_abort_answered(rq);
	nvme_rq_free_bounce(rq);
	nvme_rq_release_atomic(rq);
	return true;
}

struct nvme_rq *__nvme_rq_stray(struct nvme_rq *rq, struct nvme_cqe *cqe)
{
	uint16_t state = rq ? atomic_load_relaxed(&rq->state) : NVME_RQ_FREE;
	bool event = cqe->cid & NVME_CID_AER, abort;

	if (state == NVME_RQ_EVENT && event) {
		atomic_store_relaxed(&rq->state, NVME_RQ_BUSY);
		return rq;
	}
	if (state == NVME_RQ_ABORTED) {
		nvme_rq_keep(rq, cqe);
		errno = EAGAIN;
		return NULL;
	}

	if (rq && reclaim(rq, &abort)) {
		if (!abort)
			log_info("command %#x on queue %u completed after its time limit\n",
				 cqe->cid, le16_to_cpu(cqe->sqid));
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

	if (cid >= (unsigned int)sq->qsize)
		return __nvme_rq_stray(NULL, cqe);
	if (!__nvme_rq_busy(&sq->rqs[cid]))
		return __nvme_rq_stray(&sq->rqs[cid], cqe);
	return &sq->rqs[cid];
}

void nvme_rq_forget_lost(struct nvme_sq *sq)
{
	bool abort;

	for (int i = 0; i < sq->nrqs; i++) {
		struct nvme_rq *rq = &sq->rqs[i];

		if (atomic_load_relaxed(&rq->state) == NVME_RQ_LOST)
			reclaim(rq, &abort);
	}
}
