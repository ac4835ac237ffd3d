/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait - waiting for one completion among those of others
 *
 * Whoever waits for one command finds completions of other commands before its own. They are left
 * where they are, in the queue: the one that was waited for is taken out, and those before it move
 * up by one entry. So nothing is kept anywhere else, their owners find them by level one calls as
 * if nothing had happened, and what is saved for a take-over is the queue alone. A controller never
 * reads a completion queue, and writes no entry that it has not been given back, so the host may do
 * that.
 */
#include <errno.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

/* Between two looks whether the controller is still there. */
#define ALIVE_NS 200000000ull

enum verdict { MINE, OTHERS, STRAY };

/* An entry of the queue: `slot` counted from its start, and its phase tag if it were new. */
struct spot {
	int slot;
	int phase;
};

static struct spot spot_at(const struct nvme_cq *cq, int from_head)
{
	struct spot spot = {cq->head + from_head, !cq->phase};

	if (spot.slot >= cq->qsize) {
		spot.slot -= cq->qsize;
		spot.phase = cq->phase;
	}
	return spot;
}

static struct nvme_cqe *cqe_at(const struct nvme_cq *cq, int slot)
{
	return (struct nvme_cqe *)cq->vaddr + slot;
}

static bool is_new(const struct nvme_cq *cq, struct spot spot)
{
	return (le16_to_cpu(LOAD(cqe_at(cq, spot.slot)->sfp)) & 0x1) == spot.phase;
}

/* Take the entry `n` after the head out of the queue. */
static void cq_remove(struct nvme_cq *cq, int n)
{
	for (; n > 0; n--) {
		struct spot to = spot_at(cq, n), from = spot_at(cq, n - 1);
		struct nvme_cqe cqe = *cqe_at(cq, from.slot);

		cqe.sfp = cpu_to_le16((le16_to_cpu(cqe.sfp) & 0xfffe) | (uint16_t)to.phase);
		*cqe_at(cq, to.slot) = cqe;
	}

	if (++cq->head == cq->qsize) {
		cq->head = 0;
		cq->phase ^= 0x1;
	}
}

/* The submission queue that a completion names; NULL when it is none of `cq`. */
static struct nvme_sq *sq_of(struct nvme_cq *cq, struct nvme_sq *self, const struct nvme_cqe *cqe,
			     bool *known)
{
	uint16_t sqid = le16_to_cpu(cqe->sqid);
	struct nvme_sq *sq;

	*known = true;
	if (self && sqid == self->id)
		return self;

	/* without a controller nobody here knows what else feeds this queue */
	if (!cq->ctrl) {
		*known = false;
		return NULL;
	}

	if (sqid > cq->ctrl->opts.nsqr + 1)
		return NULL;

	sq = &cq->ctrl->sq[sqid];
	return sq->vaddr && sq->cq == cq ? sq : NULL;
}

/* Whether it is the tracker's identifier, with the bit of those that are requests for events. */
static bool is_cid_of(const struct nvme_rq *rq, uint16_t cid)
{
	uint16_t state = atomic_load_relaxed(&rq->state);

	if (cid == rq->cid)
		return true;
	return (cid ^ rq->cid) == NVME_CID_AER &&
	       (state == NVME_RQ_EVENT || state == NVME_RQ_ABORTED);
}

static enum verdict judge(struct nvme_cq *cq, struct nvme_sq *self, const struct nvme_rq *rq,
			  const struct nvme_cqe *cqe, struct nvme_rq **owner)
{
	uint16_t cid = cqe->cid & (uint16_t)~NVME_CID_AER;
	struct nvme_sq *sq;
	bool known;

	*owner = NULL;

	sq = sq_of(cq, self, cqe, &known);
	if (!sq)
		return known ? STRAY : OTHERS;
	if (rq && sq == rq->sq && is_cid_of(rq, cqe->cid))
		return MINE;

	/* beyond the trackers: a command whose identifier its owner chose alone */
	if (cid >= sq->qsize || !sq->rqs)
		return OTHERS;

	*owner = &sq->rqs[cid];
	return nvme_rq_waits(atomic_load_relaxed(&(*owner)->state)) ? OTHERS : STRAY;
}

static void drop(struct nvme_cq *cq, struct nvme_sq *self, struct nvme_cqe *cqe)
{
	struct nvme_rq *rq = NULL;
	struct nvme_sq *sq;
	bool known;

	sq = sq_of(cq, self, cqe, &known);
	if (sq)
		rq = &sq->rqs[cqe->cid & (uint16_t)~NVME_CID_AER];
	__nvme_rq_stray(rq, cqe);
}

/*
 * Look through what is new. True when `rq` (NULL: none) has completed, and its entry is taken out.
 * With `each` those of other trackers are taken out, too.
 */
static bool cq_look(struct nvme_cq *cq, struct nvme_sq *self, const struct nvme_rq *rq,
		    struct nvme_cqe *copy, nvme_cq_fn each, void *arg)
{
	bool found = false, removed = false;
	struct nvme_rq *owner;
	int n = 0;

	while (!found && n < cq->qsize - 1 && is_new(cq, spot_at(cq, n))) {
		struct nvme_cqe cqe;

		/* the phase tag, which the controller writes last, before the rest of the entry */
		dma_rmb();
		cqe = *cqe_at(cq, spot_at(cq, n).slot);

		switch (judge(cq, self, rq, &cqe, &owner)) {
		case OTHERS:
			if (!each || !owner) {
				n++;
				continue;
			}
			each(owner, &cqe, arg);
			break;
		case STRAY:
			drop(cq, self, &cqe);
			break;
		case MINE:
			if (copy)
				*copy = cqe;
			found = true;
			break;
		}

		cq_remove(cq, n);
		removed = true;
	}

	/* a disabled controller is not told */
	if (removed && !each)
		nvme_cq_update_head(cq);
	return found;
}

void nvme_cq_sweep(struct nvme_sq *sq)
{
	if (nvme_cq_shared(sq->cq))
		nvme_cq_dispatch(sq->cq);
	else
		cq_look(sq->cq, sq, NULL, NULL, NULL, NULL);
}

void nvme_cq_drain(struct nvme_cq *cq, nvme_cq_fn fn, void *arg)
{
	cq_look(cq, NULL, NULL, NULL, fn, arg);
}

int nvme_rq_poll(struct nvme_rq *rq, struct nvme_cqe *cqe_copy)
{
	struct nvme_sq *sq = rq->sq;
	struct nvme_slot *slot;
	int r = -1;

	if (nvme_cq_shared(sq->cq))
		return nvme_share_poll(rq, cqe_copy);

	slot = nvme_rq_slot(rq);
	if (slot)
		r = nvme_slot_poll(rq, slot, cqe_copy);
	if (r >= 0)
		return r;

	if (cq_look(sq->cq, sq, rq, cqe_copy, NULL, NULL)) {
		if (atomic_load_relaxed(&rq->state) != NVME_RQ_BUSY)
			atomic_store_relaxed(&rq->state, NVME_RQ_BUSY);
		return 1;
	}
	return nvme_dead_poll(rq, cqe_copy);
}

/* A controller that has died completes nothing; find that out before the limit of the command. */
static int check_alive(struct nvme_ctrl *ctrl)
{
	uint32_t csts;

	if (!ctrl || !ctrl->priv || !ctrl->priv->open)
		return 0;
	if (nvme_reg_read32(ctrl, REG_CSTS, &csts)) {
		errno = ENODEV;
		return -1;
	}
	if (csts == REG_GONE32 || (csts & CSTS_CFS)) {
		errno = ENODEV;
		vfn_error_set("%s: %s (CSTS is %#x)", nvme_name(ctrl),
			      csts == REG_GONE32 ? "the device has gone" : "fatal status", csts);
		return -1;
	}
	return 0;
}

int nvme_rq_wait_until(struct nvme_rq *rq, struct nvme_cqe *cqe_copy, uint64_t deadline, bool sleep)
{
	uint64_t now = nvme_now(), check = now + ALIVE_NS;
	unsigned int looks = 0;

	/* the clock is looked at before the last look at the queue, not after it */
	while (!nvme_rq_poll(rq, cqe_copy)) {
		if (now >= deadline) {
			errno = ETIMEDOUT;
			vfn_error_set("command %#x on queue %d did not complete in time", rq->cid,
				      rq->sq->id);
			return -1;
		}
		if (now >= check) {
			if (check_alive(rq->sq->ctrl))
				return -1;
			check = now + ALIVE_NS;
		}
		nvme_relax(looks++, sleep);
		now = nvme_now();
	}
	return 0;
}

static int rq_finish(struct nvme_rq *rq, struct nvme_cqe *cqe_copy, uint64_t deadline, bool sleep)
{
	struct nvme_cqe cqe;

	if (nvme_rq_wait_until(rq, &cqe, deadline, sleep))
		return -1;
	if (cqe_copy)
		*cqe_copy = cqe;
	return nvme_set_errno_from_cqe(&cqe);
}

int nvme_rq_spin(struct nvme_rq *rq, struct nvme_cqe *cqe_copy)
{
	return rq_finish(rq, cqe_copy, nvme_now() + COMMAND_LIMIT_NS, false);
}

int nvme_rq_wait(struct nvme_rq *rq, struct nvme_cqe *cqe_copy, struct timespec *ts)
{
	uint64_t deadline;

	if (nvme_deadline(ts, &deadline))
		return -1;
	return rq_finish(rq, cqe_copy, deadline, true);
}

int nvme_cq_wait_cqes(struct nvme_cq *cq, struct nvme_cqe *cqes, int n, struct timespec *ts)
{
	unsigned int looks = 0;
	uint64_t deadline;
	int have = 0;

	if (n < 1 || n >= cq->qsize) {
		errno = EINVAL;
		vfn_error_set("queue %d of %d entries never holds %d completions", cq->id,
			      cq->qsize, n);
		return -1;
	}
	if (nvme_deadline(ts, &deadline))
		return -1;

	for (;;) {
		bool late = nvme_now() >= deadline;

		while (have < n && is_new(cq, spot_at(cq, have)))
			have++;
		if (have == n)
			break;
		if (late) {
			errno = ETIMEDOUT;
			vfn_error_set("queue %d: %d of %d completions came in time", cq->id, have,
				      n);
			return -1;
		}
		nvme_relax(looks++, true);
	}

	nvme_cq_get_cqes(cq, cqes, n);
	return n;
}
