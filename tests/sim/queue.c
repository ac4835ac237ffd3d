/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "queue.h"
#include "cmd.h"
#include "coalesce.h"
#include "doorbell.h"
#include "format.h"
#include "hook.h"

#include <stdlib.h>
#include <string.h>

/* Rounds of which each leaves work for the next, before there is an interrupt for what they have brought. */
#define QUEUE_ROUNDS 4

void queue_add_cq(struct ctrl *c, uint16_t qid, uint32_t size, uint64_t addr, bool ien,
		  uint16_t vector)
{
	struct cq *cq = &c->cq[qid];

	*cq = (struct cq){
		.live = true,
		.qid = qid,
		.size = size,
		.addr = addr,
		.ien = ien,
		.vector = vector,
		.phase = true,
		.mem_gen = c->dma.gen - 1,
	};
	doorbell_init(c, &cq->head, doorbell_cq_slot(c, qid));
	c->ncq++;
}

void queue_add_sq(struct ctrl *c, uint16_t qid, uint16_t cqid, uint32_t size, uint64_t addr, uint8_t class)
{
	struct sq *sq = &c->sq[qid];

	*sq = (struct sq){
		.live = true,
		.qid = qid,
		.cqid = cqid,
		.class = class,
		.size = size,
		.addr = addr,
		.mem_gen = c->dma.gen - 1,
	};
	doorbell_init(c, &sq->tail, doorbell_sq_slot(c, qid));
	c->cq[cqid].users++;
	c->live_sq[c->nsq++] = qid;
}

static uint32_t queue_cq_next(const struct cq *cq)
{
	return cq->tail + 1 == cq->size ? 0 : cq->tail + 1;
}

/* Room for one more entry; the head is looked at only when it seems that there is none. */
static bool queue_cq_look(struct ctrl *c, struct cq *cq)
{
	doorbell_update(c, &cq->head, doorbell_cq_slot(c, cq->qid), cq->size);
	cq->full = queue_cq_next(cq) == cq->head.value;
	return !cq->full;
}

static inline bool queue_cq_room(struct ctrl *c, struct cq *cq)
{
	return queue_cq_next(cq) != cq->head.value || queue_cq_look(c, cq);
}

static uint8_t *queue_cq_mem(struct ctrl *c, struct cq *cq)
{
	size_t len = (size_t)cq->size * sizeof(struct sim_cqe);

	if (cq->mem_gen != c->dma.gen) {
		cq->mem_gen = c->dma.gen;
		cq->mem = dma_ptr(&c->dma, cq->addr, &len, true);
		if (len < (size_t)cq->size * sizeof(struct sim_cqe))
			cq->mem = NULL;
	}
	return cq->mem;
}

static inline void queue_post(struct ctrl *c, struct cq *cq, const struct cmd *cmd)
{
	/* Put together in registers: a struct would be written in parts, and its reading wait for
	 * all. */
	uint64_t half[2] = {
		(uint64_t)cmd->dw1 << 32 | cmd->dw0,
		(uint64_t)(uint16_t)(cmd->status << 1 | cq->phase) << 48 |
			(uint64_t)cmd->sqe.cid << 32 | (uint32_t)cmd->sqid << 16 |
			(uint16_t)c->sq[cmd->sqid].head,
	};
	uint8_t *mem = queue_cq_mem(c, cq);
	int err = 0;

	if (mem) {
		uint64_t *at = (uint64_t *)(mem + (size_t)cq->tail * sizeof(half));

		/* The host takes the entry for complete as soon as the phase turns. */
		__atomic_store_n(&at[0], half[0], __ATOMIC_RELAXED);
		__atomic_store_n(&at[1], half[1], __ATOMIC_RELEASE);
		err = dma_check(&c->dma);
	} else {
		err = dma_write(&c->dma, cq->addr + (uint64_t)cq->tail * sizeof(half), half,
				sizeof(half));
	}
	if (err) {
		ctrl_fatal(c, "a completion queue is not in mapped memory");
		return;
	}
	cq->tail = queue_cq_next(cq);
	if (!cq->tail)
		cq->phase = !cq->phase;
	if (cq->ien) {
		cq->news++;
		c->posted = true;
	}
}

static void queue_unhold(struct ctrl *c, struct held *h)
{
	TAILQ_REMOVE(&c->held, h, link);
	c->nheld--;
	c->nheld_why[h->why]--;
	c->ntimed -= h->why == HELD_DELAYED || h->why == HELD_FORMAT;
	c->sq[h->cmd.sqid].held--;
	if (h->why == HELD_DONE)
		c->cq[c->sq[h->cmd.sqid].cqid].waiting--;
	if (h->why == HELD_EVENT)
		c->aer.waiting--;
	free(h);
}

struct held *queue_hold(struct ctrl *c, const struct cmd *cmd, enum held_why why, uint64_t when)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->why = why;
	h->cmd = *cmd;
	h->when = when;
	TAILQ_INSERT_TAIL(&c->held, h, link);
	c->nheld++;
	c->nheld_why[why]++;
	c->ntimed += why == HELD_DELAYED || why == HELD_FORMAT;
	c->sq[cmd->sqid].held++;
	if (why == HELD_DONE)
		c->cq[c->sq[cmd->sqid].cqid].waiting++;
	if (why == HELD_EVENT)
		c->aer.waiting++;
	return h;
}

static inline void queue_complete(struct ctrl *c, struct cmd *cmd)
{
	struct cq *cq = &c->cq[c->sq[cmd->sqid].cqid];

	if (cmd->status)
		log_error(c, cmd);
	if (cq->waiting || !queue_cq_room(c, cq)) {
		if (!queue_hold(c, cmd, HELD_DONE, 0))
			ctrl_fatal(c, "no memory to keep a completion");
		return;
	}
	queue_post(c, cq, cmd);
}

void queue_finish(struct ctrl *c, struct held *h, uint16_t status, uint32_t dw0)
{
	struct cmd cmd = h->cmd;

	queue_unhold(c, h);
	cmd.status = status;
	cmd.dw0 = dw0;
	queue_complete(c, &cmd);
}

/* Completes what waited for room. */
static bool queue_drain(struct ctrl *c)
{
	struct held *h, *next;
	bool did = false;

	for (h = TAILQ_FIRST(&c->held); h; h = next) {
		struct cq *cq = &c->cq[c->sq[h->cmd.sqid].cqid];

		next = TAILQ_NEXT(h, link);
		if (h->why != HELD_DONE || !queue_cq_room(c, cq))
			continue;
		queue_post(c, cq, &h->cmd);
		queue_unhold(c, h);
		did = true;
	}
	return did;
}

static inline void queue_exec(struct ctrl *c, struct cmd *cmd, bool resumed)
{
	enum hook hook = HOOK_GO;

	/* One that was delayed has been counted already. */
	if (c->faults.n && !resumed)
		hook = hook_before(c, cmd);
	if (hook == HOOK_TAKEN)
		return;
	if (hook == HOOK_GO) {
		if (cmd->sqid)
			io_exec(c, cmd);
		else if (!admin_exec(c, cmd))
			return;
	}
	if (c->faults.n) {
		hook = hook_after(c, cmd);
		if (hook == HOOK_TAKEN)
			return;
		if (hook == HOOK_TWICE)
			queue_complete(c, cmd);
	}
	queue_complete(c, cmd);
}

/* Begins delayed commands whose time has come. */
static bool queue_resume(struct ctrl *c)
{
	uint64_t now = ctrl_now();
	struct held *h, *next;
	bool did = false;

	for (h = TAILQ_FIRST(&c->held); h; h = next) {
		struct cmd cmd;

		next = TAILQ_NEXT(h, link);
		if ((h->why != HELD_DELAYED && h->why != HELD_FORMAT) || h->when > now)
			continue;
		cmd = h->cmd;
		if (h->why == HELD_FORMAT) {
			queue_unhold(c, h);
			format_finish(c, &cmd);
			queue_complete(c, &cmd);
		} else {
			queue_unhold(c, h);
			queue_exec(c, &cmd, true);
		}
		did = true;
		/* The command may have deleted a queue, and with it the next in the list. */
		next = TAILQ_FIRST(&c->held);
	}
	return did;
}

static inline int queue_fetch(struct ctrl *c, struct sq *sq, struct sim_sqe *sqe)
{
	size_t len = (size_t)sq->size * sizeof(*sqe);

	if (sq->mem_gen != c->dma.gen) {
		sq->mem_gen = c->dma.gen;
		sq->mem = dma_ptr(&c->dma, sq->addr, &len, false);
		if (len < (size_t)sq->size * sizeof(*sqe))
			sq->mem = NULL;
	}
	if (!sq->mem)
		return dma_read(&c->dma, sq->addr + (uint64_t)sq->head * sizeof(*sqe), sqe,
				sizeof(*sqe));
	memcpy(sqe, sq->mem + (size_t)sq->head * sizeof(*sqe), sizeof(*sqe));
	return dma_check(&c->dma);
}

static bool queue_cid_taken(struct ctrl *c, const struct cmd *cmd)
{
	struct held *h;

	TAILQ_FOREACH (h, &c->held, link) {
		if (h->cmd.sqid == cmd->sqid && h->cmd.sqe.cid == cmd->sqe.cid)
			return true;
	}
	return false;
}

/* Out of line, to keep what that takes out of the rounds that find nothing. */
__attribute__((noinline)) unsigned int queue_serve(struct ctrl *c, struct sq *sq, unsigned int most)
{
	struct cq *cq = &c->cq[sq->cqid];
	uint16_t qid = sq->qid;
	unsigned int n;

	for (n = 0; n < most && sq->live && ctrl_running(c); n++) {
		struct cmd cmd;

		if (sq->head == sq->tail.value) {
			if (doorbell_update(c, &sq->tail, doorbell_sq_slot(c, qid), sq->size) ==
			    sq->head)
				break;
		}
		if (cq->waiting || !queue_cq_room(c, cq))
			break;
		if (!pci_bus_master(&c->pci)) {
			ctrl_fatal(c, "a doorbell was rung while bus mastering is off");
			break;
		}
		if (queue_fetch(c, sq, &cmd.sqe)) {
			ctrl_fatal(c, "a submission queue is not in mapped memory");
			break;
		}
		sq->head = sq->head + 1 == sq->size ? 0 : sq->head + 1;
		sq->commands++;
		cmd.sqid = qid;
		cmd.dw0 = cmd.dw1 = 0;
		cmd.status = 0;
		cmd.where = UINT16_MAX;
		cmd.kept = cmd.corrupt = false;
		cmd.info = 0;
		*(qid ? &c->stats.io_commands : &c->stats.admin_commands) += 1;
		if (sq->held && queue_cid_taken(c, &cmd)) {
			cmd_fail(&cmd, NVME_SC_CMDID_CONFLICT, 2, 0);
			queue_complete(c, &cmd);
		} else {
			queue_exec(c, &cmd, false);
		}
	}
	return n;
}

bool queue_ready(struct ctrl *c, struct sq *sq)
{
	struct cq *cq = &c->cq[sq->cqid];

	return doorbell_update(c, &sq->tail, doorbell_sq_slot(c, sq->qid), sq->size) != sq->head && !cq->waiting &&
	       queue_cq_room(c, cq);
}

bool queue_intx(struct ctrl *c)
{
	for (unsigned int i = 0, seen = 0; seen < c->ncq && i <= c->opts.queues; i++) {
		struct cq *cq = &c->cq[i];

		if (!cq->live)
			continue;
		seen++;
		if (!cq->ien || (c->intms & 1))
			continue;
		doorbell_update(c, &cq->head, doorbell_cq_slot(c, i), cq->size);
		if (cq->head.value != cq->tail)
			return true;
	}
	return false;
}

/* One interrupt for all entries that a round has brought to a queue. */
static void queue_interrupt(struct ctrl *c)
{
	bool msix = irq_uses_msix(&c->irq);

	c->posted = false;
	for (unsigned int i = 0, seen = 0; seen < c->ncq && i <= c->opts.queues; i++) {
		struct cq *cq = &c->cq[i];

		if (!cq->live)
			continue;
		seen++;
		if (!cq->news)
			continue;
		if (msix)
			coalesce_raise(c, cq);
		cq->news = 0;
	}
	if (!msix)
		ctrl_update_intx(c);
}

static void queue_disarm(struct ctrl *c)
{
	c->armed = false;
	if (!c->event)
		return;
	for (unsigned int i = 0; i < c->nsq; i++)
		doorbell_want(c, doorbell_sq_slot(c, c->live_sq[i]), DOORBELL_NO_RING);
}

static inline void queue_round_ends(struct ctrl *c, bool did, bool more)
{
	if (did && c->armed)
		queue_disarm(c);
	if (c->posted && !(more && did && ++c->full < QUEUE_ROUNDS)) {
		c->full = 0;
		queue_interrupt(c);
	}
	if (c->shadow && dma_check(&c->dma))
		ctrl_fatal(c, "the shadow doorbells' memory has gone");
}

/* Out of line: rounds that find nothing are counted in instructions. */
static __attribute__((noinline)) bool queue_chosen(struct ctrl *c, bool did)
{
	bool more = false;

	did |= arbiter_round(c, &more);
	queue_round_ends(c, did, more);
	return did;
}

bool queue_poll(struct ctrl *c)
{
	bool did = false, more = false;

	if (c->work != UINT64_MAX)
		ctrl_work(c);
	if (c->ready != UINT64_MAX)
		ctrl_get_ready(c);
	if (!ctrl_running(c))
		return false;
	if (c->irq.due != UINT64_MAX)
		coalesce_poll(c);
	doorbell_find_shadow(c);
	if (c->aer.fresh)
		aer_deliver(c);
	if (c->nheld_why[HELD_DONE])
		did = queue_drain(c);
	if (c->ntimed)
		did |= queue_resume(c);
	if (c->arbiter.chooses)
		return queue_chosen(c, did);
	for (unsigned int i = 0; i < c->nsq && ctrl_running(c); i++) {
		struct sq *sq = &c->sq[c->live_sq[i]];

		if (sq->head != sq->tail.value ||
		    doorbell_news(c, &sq->tail, doorbell_sq_slot(c, sq->qid))) {
			did |= queue_serve(c, sq, c->arbiter.most) != 0;
			more |= sq->live && sq->head != sq->tail.value;
		}
	}
	queue_round_ends(c, did, more);
	return did;
}

bool queue_arm(struct ctrl *c, uint64_t *deadline, bool *timer)
{
	struct held *h;

	*deadline = c->work < c->ready ? c->work : c->ready;
	if (c->irq.due < *deadline)
		*deadline = c->irq.due;
	*timer = false;
	if (!ctrl_running(c))
		return true;
	if (c->posted || c->aer.fresh)
		return false;
	doorbell_find_shadow(c);
	TAILQ_FOREACH (h, &c->held, link) {
		if ((h->why == HELD_DELAYED || h->why == HELD_FORMAT) && h->when < *deadline)
			*deadline = h->when;
	}
	for (unsigned int i = 0; i < c->nsq; i++) {
		struct sq *sq = &c->sq[c->live_sq[i]];
		struct cq *cq = &c->cq[sq->cqid];

		doorbell_want(c, doorbell_sq_slot(c, sq->qid), sq->tail.value);
		doorbell_want(c, doorbell_cq_slot(c, cq->qid),
			      cq->full || cq->waiting ? cq->head.value : DOORBELL_NO_RING);
		/* The admin queue may be left out of the shadow buffer, I/O queues may not. */
		if (!doorbell_shadowed(c, doorbell_cq_slot(c, sq->qid)) ||
		    (!sq->qid && !sq->tail.by_shadow))
			*timer = true;
	}
	c->armed = true;
	/* The event indices must be out before the last look, or a ring can be lost. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < c->nsq; i++) {
		struct sq *sq = &c->sq[c->live_sq[i]];
		struct cq *cq = &c->cq[sq->cqid];
		bool blocked = (c->arbiter.hold && sq->qid) || cq->waiting || !queue_cq_room(c, cq);
		uint32_t tail =
			doorbell_update(c, &sq->tail, doorbell_sq_slot(c, sq->qid), sq->size);

		if (!blocked && tail != sq->head)
			return false;
		if (cq->waiting && queue_cq_room(c, cq))
			return false;
	}
	if (c->event && dma_check(&c->dma))
		ctrl_fatal(c, "the shadow doorbells' memory has gone");
	return true;
}

void queue_del_sq(struct ctrl *c, uint16_t qid)
{
	struct sq *sq = &c->sq[qid];
	struct held *h, *next;
	unsigned int i;

	for (h = TAILQ_FIRST(&c->held); h; h = next) {
		struct cmd cmd = h->cmd;
		bool done = h->why == HELD_DONE;

		next = TAILQ_NEXT(h, link);
		if (cmd.sqid != qid)
			continue;
		queue_unhold(c, h);
		if (!done)
			cmd.status = NVME_SC_ABORT_QUEUE;
		/* Completions that find no room are dropped, as the specification allows. */
		if (queue_cq_room(c, &c->cq[sq->cqid]))
			queue_post(c, &c->cq[sq->cqid], &cmd);
	}
	c->cq[sq->cqid].users--;
	sq->live = false;
	for (i = 0; c->live_sq[i] != qid; i++)
		;
	c->nsq--;
	memmove(&c->live_sq[i], &c->live_sq[i + 1], (c->nsq - i) * sizeof(c->live_sq[0]));
}

void queue_del_cq(struct ctrl *c, uint16_t qid)
{
	c->cq[qid].live = false;
	c->ncq--;
}

void queue_reset(struct ctrl *c)
{
	while (!TAILQ_EMPTY(&c->held)) {
		struct held *h = TAILQ_FIRST(&c->held);

		/* A format is carried out, though nobody is told. */
		if (h->why == HELD_FORMAT)
			format_finish(c, &h->cmd);
		queue_unhold(c, h);
	}
	for (unsigned int i = 0; i <= SIM_MAX_PAIRS; i++) {
		c->sq[i].live = false;
		c->cq[i].live = false;
	}
	coalesce_reset(c);
	c->nsq = c->ncq = 0;
	c->dbbuf = c->armed = c->posted = false;
	c->full = 0;
	c->shadow = c->event = NULL;
	c->shadow_words = 0;
	memset((void *)(uintptr_t)c->doorbells, 0, c->doorbells_len);
}

void queue_dbbuf(struct ctrl *c, uint64_t shadow, uint64_t event)
{
	c->dbbuf = true;
	c->dbbuf_shadow = shadow;
	c->dbbuf_event = event;
	c->dbbuf_gen = c->dma.gen - 1;
	doorbell_find_shadow(c);
	if (!c->shadow)
		return;
	for (unsigned int i = 0; i < c->nsq; i++) {
		struct sq *sq = &c->sq[c->live_sq[i]];
		struct cq *cq = &c->cq[sq->cqid];
		unsigned int s = doorbell_sq_slot(c, sq->qid), q = doorbell_cq_slot(c, cq->qid);

		/* Queues that exist begin where their registers stand. */
		if (!doorbell_shadowed(c, q))
			continue;
		c->shadow[s] = sq->tail.shadow = sq->tail.value;
		c->shadow[q] = cq->head.shadow = doorbell_update(c, &cq->head, q, cq->size);
		doorbell_want(c, s, sq->tail.value);
		doorbell_want(c, q, DOORBELL_NO_RING);
	}
}

void queue_ring(struct ctrl *c, unsigned int idx, uint32_t value)
{
	unsigned int slot = idx >> c->opts.dstrd, qid = slot / 2;
	bool known = idx == slot << c->opts.dstrd && qid <= c->opts.queues &&
		     (slot % 2 ? c->cq[qid].live : c->sq[qid].live);

	c->stats.doorbell_messages++;
	if (!known) {
		/*
		 * With shadow doorbells a message only wakes: it may come after the queue was
		 * deleted by a command that was found in memory. A store to a real register could
		 * not be overtaken.
		 */
		if (ctrl_running(c) && !c->dbbuf)
			aer_raise(c, NVME_AER_ERROR, NVME_AER_ERROR_INVALID_DB_REG,
				  NVME_LOG_LID_ERROR);
		return;
	}
	__atomic_store_n(&c->doorbells[idx], value, __ATOMIC_RELEASE);
	if (slot % 2)
		ctrl_update_intx(c);
}
