/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/data/served.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <vfn/support.h>

#include "daemon/data/engine.h"

#define FUSE_MASK   0x3
#define FUSE_FIRST  0x1
#define FUSE_SECOND 0x2

static inline uint32_t word_load(const uint32_t *word)
{
	return le32toh(__atomic_load_n(word, __ATOMIC_ACQUIRE));
}

static inline void word_store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, htole32(value), __ATOMIC_RELEASE);
}

void served_start(struct served *q)
{
	q->state = SERVED_ASLEEP;
	q->phase = 1;
	q->room = q->entries - 1;
	word_store(&q->control->cq_wake, SERVED_AWAKE);
	word_store(&q->control->cq_event, 0);
	word_store(&q->control->sq_event, 0);
}

/* ---- completions ------------------------------------------------------------------------- */

static inline void served_touch(struct served *q)
{
	if (q->touched)
		return;
	q->touched = true;
	q->touched_at = q->engine->moved;
	q->next_touched = q->engine->touched;
	q->engine->touched = q;
}

/* Put a completion into the client's queue. There is room. */
static inline void served_put(struct served *q, uint16_t cid, uint64_t result, uint16_t status)
{
	volatile uint64_t *cqe = &q->cqes[2 * q->cq_tail];

	q->stats.completed++;
	cqe[0] = htole64(result);
	/* The phase tag is in the word that is written last: the client reads it first. */
	__atomic_store_n(&cqe[1],
			 htole64((uint64_t)q->sq_head | (uint64_t)q->qid << 16 |
				 (uint64_t)le16toh(cid) << 32 |
				 (uint64_t)((uint32_t)status << 1 | q->phase) << 48),
			 __ATOMIC_RELEASE);
	if (unlikely(++q->cq_tail == q->entries)) {
		q->cq_tail = 0;
		q->phase ^= 1;
	}
	served_touch(q);
}

static enum served_refusal served_refusal(uint16_t status)
{
	switch (status) {
	case DATA_INVALID_OPCODE:
		return SERVED_REFUSED_OPCODE;
	case DATA_TRANSFER_ERROR:
		return SERVED_REFUSED_MEMORY;
	case DATA_FAILED_FUSED:
	case DATA_MISSING_FUSED:
		return SERVED_REFUSED_FUSED;
	case DATA_INVALID_NAMESPACE:
		return SERVED_REFUSED_NAMESPACE;
	case DATA_INVALID_SGL_SEGMENT:
	case DATA_INVALID_SGL_COUNT:
	case DATA_SGL_LENGTH:
	case DATA_SGL_TYPE:
	case DATA_SGL_GRANULARITY:
		return SERVED_REFUSED_SGL;
	case DATA_PRP_OFFSET:
		return SERVED_REFUSED_PRP;
	default:
		return SERVED_REFUSED_FIELD;
	}
}

void served_stats_add(struct served_stats *to, const struct served_stats *stats)
{
	to->completed += stats->completed;
	to->failed += stats->failed;
	to->refused += stats->refused;
	to->bytes_read += stats->bytes_read;
	to->bytes_written += stats->bytes_written;
	to->kicks += stats->kicks;
	to->wakes += stats->wakes;
	for (unsigned int i = 0; i < SERVED_REFUSALS; i++)
		to->refused_by[i] += stats->refused_by[i];
}

/* A command that failed a check. */
static void served_refuse(struct served *q, uint16_t cid, uint16_t status)
{
	q->stats.refused++;
	q->stats.refused_by[served_refusal(status)]++;
	q->stats.failed++;
	q->room--;
	/* Do Not Retry: it would be refused again */
	served_put(q, cid, 0, (uint16_t)(status | 1u << 14));
}

bool served_asked(struct served *q)
{
	uint32_t wake, old = q->cq_told;

	if (q->cq_tail == old)
		return q->asked;
	q->cq_told = q->cq_tail;
	/* The completions before the look at the index: the client does it the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wake = word_load(&q->control->cq_wake);
	if (unlikely(wake != SERVED_AWAKE))
		q->asked |= (uint16_t)(q->cq_tail - wake - 1) < (uint16_t)(q->cq_tail - old);
	return q->asked;
}

void served_wake(struct served *q)
{
	if (likely(!q->asked))
		return;
	q->asked = false;
	/* Awake again, it looks for itself before it sleeps. */
	if (word_load(&q->control->cq_wake) == SERVED_AWAKE)
		return;
	q->stats.wakes++;
	/* Full, it has been woken already; gone, nobody waits. */
	(void)!send(q->wake_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static inline void pair_end(struct data_engine *engine, struct data_pair *pair, struct nvme_rq *rq,
			    uint64_t result, uint16_t status)
{
	struct data_cmd *cmd = &pair->cmds[rq->cid];
	struct served *q = cmd->served;

	data_refs_drop(q->map, &cmd->refs);
	q->inflight--;
	pair->inflight--;
	engine->inflight--;
	if (likely(!status)) {
		if (cmd->opcode & 1)
			q->stats.bytes_written += cmd->length;
		else
			q->stats.bytes_read += cmd->length;
	} else {
		q->stats.failed++;
	}
	served_put(q, cmd->cid, result, status);
	if (likely(!cmd->named))
		nvme_rq_release(rq);
	else
		atomic_store_relaxed(&rq->state, NVME_RQ_FREE); /* but on no stack */
	if (unlikely(q->state == SERVED_STOPPED) && !q->inflight && q->drained)
		q->drained(q);
}

void data_pair_end(struct data_engine *engine, struct data_pair *pair, struct nvme_rq *rq,
		   uint64_t result, uint16_t status)
{
	pair_end(engine, pair, rq, result, status);
}

unsigned int data_pair_name(struct served *q, struct nvme_rq **rqs, unsigned int most)
{
	struct data_pair *pair = q->pair;
	unsigned int n = 0;

	for (int cid = 0; cid < pair->sq->nrqs && n < most; cid++) {
		struct data_cmd *cmd = &pair->cmds[cid];

		if (!__nvme_rq_busy(&pair->sq->rqs[cid]) || cmd->served != q || cmd->named)
			continue;
		cmd->named = true;
		rqs[n++] = &pair->sq->rqs[cid];
	}
	return n;
}

void data_pair_unname(struct data_pair *pair, struct nvme_rq *rq)
{
	pair->cmds[rq->cid].named = false;
	if (!__nvme_rq_busy(rq))
		nvme_rq_release(rq);
}

unsigned int data_pair_reap(struct data_engine *engine, struct data_pair *pair)
{
	struct nvme_cqe *cqe;
	unsigned int n = 0;

	while ((cqe = nvme_cq_get_cqe(pair->cq))) {
		struct nvme_rq *rq = __nvme_rq_from_cqe(pair->sq, cqe);

		n++;
		if (likely(rq))
			pair_end(engine, pair, rq, le64_to_cpu(cqe->qw0),
				 le16_to_cpu(cqe->sfp) >> 1);
	}
	if (n)
		nvme_cq_update_head(pair->cq);
	return n;
}

/* ---- commands ---------------------------------------------------------------------------- */

/* Look how far the client has read. False when there is no room still. */
static bool served_make_room(struct served *q)
{
	uint32_t head = word_load(&q->control->cq_head), used;

	if (head >= q->entries) {
		q->broken = true;
		return false;
	}
	q->cq_head = head;
	used = q->cq_tail >= head ? q->cq_tail - head : q->cq_tail + q->entries - head;
	/* A head that has overtaken the tail claims fewer entries used than are: the client's loss
	 * alone. */
	q->room = used + q->inflight < q->entries - 1 ? q->entries - 1 - used - q->inflight : 0;
	return q->room > 0;
}

/* Copy the command at `at` to where the pair's next one goes, `ahead` places further on. */
static inline union nvme_cmd *served_copy(struct served *q, uint32_t at, unsigned int ahead)
{
	struct nvme_sq *sq = q->pair->sq;
	unsigned int to = sq->tail + ahead;
	union nvme_cmd *sqe;

	if (unlikely(to >= (unsigned int)sq->qsize))
		to -= (unsigned int)sq->qsize;
	sqe = (union nvme_cmd *)sq->vaddr + to;
	memcpy(sqe, (const void *)(q->sqes + (size_t)at * sizeof(*sqe)), sizeof(*sqe));
	/* What is checked is this copy: the compiler must not load the client's once more. */
	barrier();
	return sqe;
}

static inline void served_post(struct served *q, struct nvme_rq *rq, union nvme_cmd *sqe,
			       uint64_t length)
{
	struct nvme_sq *sq = q->pair->sq;
	struct data_cmd *cmd = &q->pair->cmds[rq->cid];
	unsigned int tail = sq->tail + 1u;

	cmd->served = q;
	cmd->length = length;
	cmd->opcode = sqe->opcode;
	cmd->cid = sqe->cid;
	sqe->cid = rq->cid;
	sq->tail = (uint16_t)(unlikely(tail == (unsigned int)sq->qsize) ? 0 : tail);
	q->spent += length;
	q->inflight++;
	q->room--;
	q->pair->inflight++;
	q->engine->inflight++;
}

static inline uint32_t served_after(const struct served *q, uint32_t at)
{
	return unlikely(at + 1 == q->entries) ? 0 : at + 1;
}

/*
 * The command at the head has FUSE bits: a first and a second one go together or not at all. How
 * many were taken; 0 when the second one is not there yet, or has no place.
 */
static unsigned int served_fused(struct served *q, union nvme_cmd *first, struct nvme_rq *rq,
				 uint32_t tail)
{
	struct data_engine *e = q->engine;
	uint32_t next = served_after(q, q->sq_head);
	uint64_t len_first, len_second;
	struct data_cmd *cmd, *cmd2;
	uint16_t bad_first, bad_second;
	union nvme_cmd *second;
	struct nvme_rq *rq2;

	if ((first->flags & FUSE_MASK) != FUSE_FIRST) {
		uint16_t status = (first->flags & FUSE_MASK) == FUSE_SECOND ? DATA_MISSING_FUSED
									    : DATA_INVALID_FIELD;

		nvme_rq_release(rq);
		q->sq_head = next;
		served_refuse(q, first->cid, status);
		return 1;
	}
	if (next == tail) {
		nvme_rq_release(rq);
		return 0;
	}
	if (q->room < 2 && (!served_make_room(q) || q->room < 2)) {
		q->starved = true;
		nvme_rq_release(rq);
		return 0;
	}
	rq2 = nvme_rq_acquire(q->pair->sq);
	if (!rq2) {
		q->blocked = true;
		nvme_rq_release(rq);
		return 0;
	}
	second = served_copy(q, next, 1);
	q->sq_head = next;
	if ((second->flags & FUSE_MASK) != FUSE_SECOND) {
		nvme_rq_release(rq2);
		nvme_rq_release(rq);
		served_refuse(q, first->cid, DATA_MISSING_FUSED);
		return 1;
	}
	q->sq_head = served_after(q, next);
	cmd = &q->pair->cmds[rq->cid];
	cmd2 = &q->pair->cmds[rq2->cid];
	bad_first = data_check(&e->rules, q->map, first, &cmd->list, &cmd->refs, &len_first);
	bad_second = data_check(&e->rules, q->map, second, &cmd2->list, &cmd2->refs, &len_second);
	if (bad_first || bad_second) {
		if (!bad_first)
			data_refs_drop(q->map, &cmd->refs);
		if (!bad_second)
			data_refs_drop(q->map, &cmd2->refs);
		nvme_rq_release(rq2);
		nvme_rq_release(rq);
		served_refuse(q, first->cid, bad_first ? bad_first : DATA_FAILED_FUSED);
		served_refuse(q, second->cid, bad_second ? bad_second : DATA_FAILED_FUSED);
		return 2;
	}
	served_post(q, rq, first, len_first);
	served_post(q, rq2, second, len_second);
	return 2;
}

bool served_pending(struct served *q)
{
	if (word_load(&q->control->sq_tail) != q->sq_head && !q->broken)
		return true;
	q->blocked = false;
	q->starved = false;
	q->sq_seen = q->sq_head;
	return false;
}

unsigned int served_forward(struct served *q, unsigned int burst)
{
	struct data_engine *e = q->engine;
	struct data_pair *pair = q->pair;
	uint32_t tail = word_load(&q->control->sq_tail);
	uint32_t window = UINT32_MAX;
	unsigned int n = 0;

	q->blocked = false;
	q->starved = false;
	if (tail == q->sq_head || unlikely(q->broken)) {
		q->sq_seen = q->sq_head;
		return 0;
	}
	if (unlikely(tail >= q->entries)) {
		q->broken = true;
		q->sq_seen = q->sq_head;
		return 0;
	}
	q->sq_seen = tail;
	if (e->nactive > 1) {
		/* A part of what the pair holds, too: nobody finds all of it taken by those before.
		 */
		window = (uint32_t)pair->sq->nrqs / e->nactive;
		window = window > q->window ? q->window : window ? window : 1;
	}
	do {
		struct data_cmd *cmd;
		union nvme_cmd *sqe;
		struct nvme_rq *rq;
		uint64_t length;
		uint16_t status;

		if (q->inflight >= window) {
			q->blocked = true;
			break;
		}
		if (unlikely(!q->room) && !served_make_room(q)) {
			q->starved = true;
			break;
		}
		rq = nvme_rq_acquire(pair->sq);
		if (unlikely(!rq)) {
			q->blocked = true;
			break;
		}
		sqe = served_copy(q, q->sq_head, 0);
		if (unlikely(sqe->flags & FUSE_MASK)) {
			unsigned int taken = served_fused(q, sqe, rq, tail);

			if (!taken)
				break;
			n += taken;
			continue;
		}
		cmd = &pair->cmds[rq->cid];
		status = data_check(&e->rules, q->map, sqe, &cmd->list, &cmd->refs, &length);
		q->sq_head = served_after(q, q->sq_head);
		n++;
		if (likely(!status)) {
			served_post(q, rq, sqe, length);
		} else {
			nvme_rq_release(rq);
			served_refuse(q, sqe->cid, status);
		}
	} while (q->sq_head != tail && n < burst);
	return n;
}

/* ---- sleep ------------------------------------------------------------------------------- */

bool served_arm(struct served *q)
{
	word_store(&q->control->cq_event, q->starved ? q->cq_head : SERVED_AWAKE);
	word_store(&q->control->sq_event, q->sq_seen);
	/* The indices before the look at tail and head: the client does it the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->broken)
		return true;
	if (word_load(&q->control->sq_tail) == q->sq_seen &&
	    (!q->starved || word_load(&q->control->cq_head) == q->cq_head))
		return true;
	served_disarm(q);
	return false;
}

void served_disarm(struct served *q)
{
	word_store(&q->control->cq_event, SERVED_AWAKE);
	word_store(&q->control->sq_event, SERVED_AWAKE);
}

/* ---- pairs ------------------------------------------------------------------------------- */

int data_pair_init(struct data_pair *pair, struct nvme_sq *sq, struct nvme_cq *cq)
{
	*pair = (struct data_pair){.sq = sq, .cq = cq};
	pair->cmds = calloc((size_t)sq->nrqs, sizeof(*pair->cmds));
	if (!pair->cmds)
		return -ENOMEM;
	for (int i = 0; i < sq->nrqs; i++)
		pair->cmds[i].list = (struct data_list){
			.entries = sq->rqs[i].page.vaddr,
			.iova = sq->rqs[i].page.iova,
		};
	return 0;
}

void data_pair_fini(struct data_pair *pair)
{
	free(pair->cmds);
	memset(pair, 0, sizeof(*pair));
}
