/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * share - completion queues that several threads wait on
 *
 * Whoever of them gets the lock takes all completions out of the queue and puts each into the slot of
 * its tracker, where its owner finds it without the lock. So a thread never waits for another one
 * that sleeps, and the queue has room whatever the owners do.
 *
 * A tracker's state tells whose it is: busy, whose completion the lock's holder keeps; kept, its
 * owner's, who makes it done; done, nobody's until it is released. So each completion is had once,
 * and what is outstanding is known at any time.
 */
#include <errno.h>
#include <stdlib.h>

#include "nvme/internal.h"

struct nvme_share {
	nvme_share_fn fn;
	void *arg;
};

struct nvme_slot *nvme_rq_slot(const struct nvme_rq *rq)
{
	struct nvme_queue_priv *priv = rq->sq->priv;
	struct nvme_slot *slots = priv ? atomic_load_acquire(&priv->slots) : NULL;

	return slots ? &slots[rq->cid] : NULL;
}

int nvme_slots_make(struct nvme_sq *sq)
{
	struct nvme_slot *none = NULL, *slots;

	if (atomic_load_acquire(&sq->priv->slots))
		return 0;

	slots = calloc((size_t)sq->nrqs, sizeof(*slots));
	if (!slots) {
		errno = ENOMEM;
		vfn_error_set("queue %d: no memory for %d completions", sq->id, sq->nrqs);
		return -1;
	}
	if (!atomic_cmpxchg(&sq->priv->slots, &none, slots))
		free(slots);
	return 0;
}

int nvme_slot_poll(struct nvme_rq *rq, struct nvme_slot *slot, struct nvme_cqe *cqe_copy)
{
	if (atomic_load_acquire(&slot->aborting)) {
		nvme_abort_settle(rq->sq->ctrl);
		if (atomic_load_acquire(&slot->aborting))
			return 0;
	}
	if (atomic_load_acquire(&rq->state) != NVME_RQ_KEPT)
		return -1;

	if (cqe_copy)
		*cqe_copy = slot->cqe;
	atomic_store_release(&rq->state,
			     nvme_cq_shared(rq->sq->cq) ? NVME_RQ_DONE : NVME_RQ_BUSY);
	return 1;
}

void nvme_rq_keep(struct nvme_rq *rq, const struct nvme_cqe *cqe)
{
	/* after whoever had the slot's last completion has read it */
	uint16_t state = atomic_load_acquire(&rq->state);

	nvme_rq_slot(rq)->cqe = *cqe;
	/* its owner may make it aborted at this moment */
	while (!atomic_cmpxchg(&rq->state, &state, NVME_RQ_KEPT))
		;
}

/* Give a completion to the function, if that may have it and wants it. */
static bool give_fn(const struct nvme_share *share, struct nvme_rq *rq, struct nvme_cqe *cqe,
		    uint16_t state)
{
	uint16_t was = state;

	if (!share->fn || state == NVME_RQ_ABORTED || nvme_aen_owns(rq))
		return false;

	/* first, since the function may release the tracker; unless its owner has just sent an Abort */
	if (!atomic_cmpxchg(&rq->state, &was, NVME_RQ_DONE))
		return false;
	if (share->fn(rq, cqe, share->arg))
		return true;
	atomic_store_relaxed(&rq->state, state);
	return false;
}

/* The tracker in use that a completion is of, or NULL. */
static struct nvme_rq *owner_of(struct nvme_cq *cq, const struct nvme_cqe *cqe, struct nvme_rq **any)
{
	uint16_t sqid = le16_to_cpu(cqe->sqid), cid = cqe->cid & (uint16_t)~NVME_CID_AER;
	struct nvme_sq *sq;

	*any = NULL;
	if (sqid > cq->ctrl->opts.nsqr + 1)
		return NULL;
	sq = &cq->ctrl->sq[sqid];
	if (!sq->vaddr || sq->cq != cq || cid >= sq->nrqs)
		return NULL;

	*any = &sq->rqs[cid];
	return nvme_rq_waits(atomic_load_relaxed(&(*any)->state)) ? *any : NULL;
}

/* With the lock. */
static int dispatch(struct nvme_cq *cq)
{
	const struct nvme_share *share = cq->priv->share;
	struct nvme_rq *rq, *any;
	struct nvme_cqe *entry, cqe;
	int n = 0;

	/* no more than the queue has: a controller that makes up completions must not keep anybody */
	while (n < cq->qsize && (entry = nvme_cq_get_cqe(cq))) {
		cqe = *entry;
		rq = owner_of(cq, &cqe, &any);
		if (!rq)
			__nvme_rq_stray(any, &cqe);
		else if (!give_fn(share, rq, &cqe, atomic_load_relaxed(&rq->state)))
			nvme_rq_keep(rq, &cqe);
		n++;
	}
	return n;
}

int nvme_cq_dispatch(struct nvme_cq *cq)
{
	int n;

	/* who waits in vain has no need of the lock, nor of its cache line */
	if (!nvme_cq_shared(cq) || pthread_mutex_trylock(&cq->priv->lock))
		return 0;
	n = dispatch(cq);
	if (n)
		nvme_cq_update_head(cq);
	pthread_mutex_unlock(&cq->priv->lock);
	return n;
}

int nvme_share_poll(struct nvme_rq *rq, struct nvme_cqe *cqe_copy)
{
	struct nvme_slot *slot = nvme_rq_slot(rq);
	int r;

	r = nvme_slot_poll(rq, slot, cqe_copy);
	if (r >= 0)
		return r;

	nvme_cq_dispatch(rq->sq->cq);
	r = nvme_slot_poll(rq, slot, cqe_copy);
	if (r >= 0)
		return r;

	return nvme_dead_poll(rq, cqe_copy);
}

bool nvme_share_lose(struct nvme_rq *rq, struct nvme_cqe *cqe_copy)
{
	struct nvme_cq *cq = rq->sq->cq;
	bool lost;

	pthread_mutex_lock(&cq->priv->lock);
	lost = atomic_load_relaxed(&rq->state) != NVME_RQ_KEPT;
	if (lost)
		atomic_store_relaxed(&rq->state, NVME_RQ_LOST);
	pthread_mutex_unlock(&cq->priv->lock);
	return lost || nvme_slot_poll(rq, nvme_rq_slot(rq), cqe_copy) != 1;
}

int nvme_share_fail(struct nvme_cq *cq)
{
	const struct nvme_share *share = cq->priv->share;
	struct nvme_ctrl *ctrl = cq->ctrl;
	int n;

	pthread_mutex_lock(&cq->priv->lock);
	n = dispatch(cq);
	for (int i = 0; i <= ctrl->opts.nsqr + 1; i++) {
		struct nvme_sq *sq = &ctrl->sq[i];

		if (!sq->vaddr || sq->cq != cq)
			continue;
		for (int k = 0; k < sq->nrqs; k++) {
			struct nvme_rq *rq = &sq->rqs[k];
			uint16_t state = atomic_load_relaxed(&rq->state);
			struct nvme_cqe cqe = nvme_cqe_host_aborted(rq, state);

			if (!nvme_rq_waits(state))
				continue;
			if (!give_fn(share, rq, &cqe, state))
				nvme_rq_keep(rq, &cqe);
			n++;
		}
		atomic_store_release(&sq->priv->dead, 1);
	}
	pthread_mutex_unlock(&cq->priv->lock);
	return n;
}

static bool in_use(struct nvme_cq *cq)
{
	struct nvme_ctrl *ctrl = cq->ctrl;

	for (int i = 0; i <= ctrl->opts.nsqr + 1; i++) {
		if (ctrl->sq[i].vaddr && ctrl->sq[i].cq == cq && nvme_sq_busy(&ctrl->sq[i]))
			return true;
	}
	return false;
}

int nvme_cq_share(struct nvme_cq *cq, nvme_share_fn fn, void *arg)
{
	struct nvme_share *share;

	if (!cq->vaddr || !cq->ctrl || !cq->priv) {
		errno = EINVAL;
		vfn_error_set("no completion queue of a controller");
		return -1;
	}
	if (cq->priv->share || in_use(cq)) {
		errno = EBUSY;
		vfn_error_set("%s: queue %d is %s", nvme_name(cq->ctrl), cq->id,
			      cq->priv->share ? "shared already" : "in use");
		return -1;
	}

	for (int i = 0; i <= cq->ctrl->opts.nsqr + 1; i++) {
		struct nvme_sq *sq = &cq->ctrl->sq[i];

		if (sq->vaddr && sq->cq == cq && nvme_slots_make(sq))
			return -1;
	}

	share = malloc(sizeof(*share));
	if (!share) {
		errno = ENOMEM;
		vfn_error_set("%s: no memory", nvme_name(cq->ctrl));
		return -1;
	}
	*share = (struct nvme_share){fn, arg};
	cq->priv->share = share;
	return 0;
}

void nvme_sq_lock(struct nvme_sq *sq)
{
	if (nvme_cq_shared(sq->cq))
		pthread_mutex_lock(&sq->priv->lock);
}

void nvme_sq_unlock(struct nvme_sq *sq)
{
	if (nvme_cq_shared(sq->cq))
		pthread_mutex_unlock(&sq->priv->lock);
}

static void hold(struct nvme_ctrl *ctrl, int (*change)(pthread_mutex_t *))
{
	for (int i = 0; i <= ctrl->opts.ncqr + 1; i++) {
		if (ctrl->cq[i].vaddr && nvme_cq_shared(&ctrl->cq[i]))
			change(&ctrl->cq[i].priv->lock);
	}
	for (int i = 0; i <= ctrl->opts.nsqr + 1; i++) {
		if (ctrl->sq[i].vaddr && nvme_cq_shared(ctrl->sq[i].cq))
			change(&ctrl->sq[i].priv->lock);
	}
}

void nvme_share_hold(struct nvme_ctrl *ctrl)
{
	hold(ctrl, pthread_mutex_lock);
}

void nvme_share_resume(struct nvme_ctrl *ctrl)
{
	hold(ctrl, pthread_mutex_unlock);
}
