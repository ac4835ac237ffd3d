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

#define STAMP_PHASE (UINT64_C(1) << 48)

static inline void word_store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, htole32(value), __ATOMIC_RELEASE);
}

void served_start(struct served *q)
{
	q->state = SERVED_ASLEEP;
	tally_init(&q->stats);
	q->stamp = (uint64_t)q->qid << 16 | STAMP_PHASE;
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

	counter_add(&q->stats.completed, 1);
	cqe[0] = htole64(result);
	/* The phase tag is in the word that is written last: the client reads it first. */
	__atomic_store_n(&cqe[1],
			 htole64(q->stamp | q->sq_head | (uint64_t)le16toh(cid) << 32 |
				 (uint64_t)status << 49),
			 __ATOMIC_RELEASE);
	if (unlikely(++q->cq_tail == q->entries)) {
		q->cq_tail = 0;
		q->stamp ^= STAMP_PHASE;
	}
	served_touch(q);
}

static enum tally_refusal served_refusal(uint16_t status)
{
	switch (status) {
	case DATA_INVALID_OPCODE:
		return TALLY_REFUSED_OPCODE;
	case DATA_TRANSFER_ERROR:
		return TALLY_REFUSED_MEMORY;
	case DATA_FAILED_FUSED:
	case DATA_MISSING_FUSED:
		return TALLY_REFUSED_FUSED;
	case DATA_INVALID_NAMESPACE:
		return TALLY_REFUSED_NAMESPACE;
	case DATA_INVALID_SGL_SEGMENT:
	case DATA_INVALID_SGL_COUNT:
	case DATA_SGL_LENGTH:
	case DATA_SGL_TYPE:
	case DATA_SGL_GRANULARITY:
		return TALLY_REFUSED_SGL;
	case DATA_PRP_OFFSET:
		return TALLY_REFUSED_PRP;
	default:
		return TALLY_REFUSED_FIELD;
	}
}

/* ---- traces ------------------------------------------------------------------------------ */

static void served_trace(struct served *q, uint16_t cid, const union nvme_cmd *sqe, uint64_t length, uint64_t result,
			 uint16_t status, uint16_t flags, uint64_t submitted)
{
	struct trace_entry entry = {
		.length = htole64(length),
		.result = htole64(result),
		.qid = htole16((uint16_t)q->pair->sq->id),
		.cid = htole16(cid),
		.status = htole16(status),
		.flags = htole16((uint16_t)(TRACE_SERVED | flags)),
		.number_of_queue = htole16(q->qid),
	};

	memcpy(entry.sqe, sqe, sizeof(entry.sqe));
	trace_put(&q->engine->traces, TRACE_LANE_SERVED, &q->whose, &entry, submitted);
}

/* The last `n` commands, from the pair's tail on, which is not moved yet: those that somebody wants are kept. */
static void served_trace_posted(struct served *q, unsigned int n)
{
	struct data_pair *pair = q->pair;
	const union nvme_cmd *sqes = pair->sq->vaddr;

	for (unsigned int at = pair->sq->tail; n--; at = at + 1 == (unsigned int)pair->sq->qsize ? 0 : at + 1) {
		union nvme_cmd sqe = sqes[at];

		if (sqe.cid >= pair->ncmds || !trace_wants(&q->engine->traces, &q->whose, (uint16_t)pair->sq->id,
							   q->qid, sqe.opcode))
			continue;
		if (!pair->traced)
			pair->traced = calloc(pair->ncmds, sizeof(*pair->traced));
		if (!pair->traced)
			return;
		pair->traced[sqe.cid] = sqe;
		pair->cmds[sqe.cid].marks |= DATA_TRACED;
	}
}

/* A command that failed a check. */
static void served_refuse(struct served *q, const union nvme_cmd *sqe, uint16_t status)
{
	uint16_t cid = sqe->cid;

	if (q->engine->traces.n)
		served_trace(q, cid, sqe, 0, 0, (uint16_t)(status | 1u << 14), TRACE_REFUSED, 0);
	counter_add(&q->stats.refused, 1);
	counter_add(&q->stats.refused_by[served_refusal(status)], 1);
	tally_fail(&q->stats, status);
	q->room--;
	/* Do Not Retry: it would be refused again */
	served_put(q, cid, 0, (uint16_t)(status | 1u << 14));
}

void served_wake(struct served *q)
{
	q->asked = false;
	/* Awake again, it looks for itself before it sleeps. */
	if (served_load(&q->control->cq_wake) == SERVED_AWAKE)
		return;
	counter_add(&q->stats.wakes, 1);
	/* Full, it has been woken already; gone, nobody waits. */
	(void)!send(q->wake_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static inline void pair_give(struct data_pair *pair, struct data_cmd *cmd)
{
	cmd->next = pair->free;
	pair->free = cmd;
}

/* It is traced, or its identifier is not to be used yet. */
static void pair_end_marked(struct data_pair *pair, struct data_cmd *cmd, struct served *q, uint64_t result,
			    uint16_t status)
{
	if (cmd->marks & DATA_TRACED)
		served_trace(q, cmd->cid, &pair->traced[cmd->id], cmd->length, result, status, 0, cmd->submitted);
	cmd->marks &= (uint8_t)~DATA_TRACED;
	if (!cmd->marks)
		pair_give(pair, cmd);
}

/* A command has ended, as was seen at `now`, ticks; it is for the caller to count it on pair and engine. */
static inline void pair_end(struct data_pair *pair, struct data_cmd *cmd, uint64_t result,
			    uint16_t status, uint64_t now)
{
	struct served *q = cmd->served;

	data_refs_drop(q->map, &cmd->refs);
	q->inflight--;
	if (likely(!status)) {
		if (cmd->opcode & 1)
			counter_add(&q->stats.bytes_written, cmd->length);
		else
			counter_add(&q->stats.bytes_read, cmd->length);
	} else {
		tally_fail(&q->stats, status);
	}
	histogram_add(&q->stats.latency, now - cmd->submitted);
	served_put(q, cmd->cid, result, status);
	cmd->served = NULL;
	if (likely(!cmd->marks))
		pair_give(pair, cmd);
	else
		pair_end_marked(pair, cmd, q, result, status);
	if (q->inflight || q->state == SERVED_ACTIVE)
		return;
	data_engine_rest(q->engine, q);
	if (unlikely(q->state == SERVED_STOPPED) && q->drained)
		q->drained(q);
}

static void pair_ended(struct data_engine *engine, struct data_pair *pair, unsigned int n)
{
	pair->inflight -= n;
	engine->inflight -= n;
}

void data_pair_fail(struct data_engine *engine, struct data_pair *pair, uint16_t status)
{
	for (unsigned int id = 0; id < pair->ncmds && pair->inflight; id++) {
		if (!pair->cmds[id].served)
			continue;
		pair_end(pair, &pair->cmds[id], 0, status, get_ticks());
		pair_ended(engine, pair, 1);
	}
}

unsigned int data_pair_name(struct served *q, struct nvme_rq **rqs, unsigned int most)
{
	struct data_pair *pair = q->pair;
	unsigned int n = 0;

	for (unsigned int id = 0; id < pair->ncmds && n < most; id++) {
		struct data_cmd *cmd = &pair->cmds[id];

		if (cmd->served != q || cmd->marks & DATA_NAMED)
			continue;
		cmd->marks |= DATA_NAMED;
		rqs[n++] = &pair->sq->rqs[id];
	}
	return n;
}

void data_pair_unname(struct data_pair *pair, struct nvme_rq *rq)
{
	struct data_cmd *cmd = &pair->cmds[rq->cid];

	cmd->marks &= (uint8_t)~DATA_NAMED;
	if (!cmd->served)
		pair_give(pair, cmd);
}

unsigned int data_pair_reap(struct data_engine *engine, struct data_pair *pair)
{
	struct nvme_cq *cq = pair->cq;
	const struct nvme_cqe *cqes = cq->vaddr;
	unsigned int size = (unsigned int)cq->qsize, head = cq->head, left = size, strays = 0, n;
	uint16_t phase = (uint16_t)cq->phase;
	uint64_t now;

	if ((le16_to_cpu(LOAD(cqes[head].sfp)) & 1) == phase)
		return 0;
	now = get_ticks();
	/* No more than there can be: a controller that makes up completions must not keep the thread. */
	do {
		const struct nvme_cqe *cqe = &cqes[head];
		uint16_t sfp = le16_to_cpu(LOAD(cqe->sfp));
		unsigned int id;

		if ((sfp & 1) == phase)
			break;
		/* the phase tag before the rest of the entry */
		dma_rmb();
		id = cqe->cid;
		if (likely(id < pair->ncmds && pair->cmds[id].served))
			pair_end(pair, &pair->cmds[id], le64_to_cpu(cqe->qw0), sfp >> 1, now);
		else
			strays++;
		if (unlikely(++head == size)) {
			head = 0;
			phase ^= 1;
		}
	} while (--left);
	n = size - left;
	cq->head = (uint16_t)head;
	cq->phase = phase;
	pair_ended(engine, pair, n - strays);
	nvme_cq_update_head(cq);
	return n;
}

/* ---- commands ---------------------------------------------------------------------------- */

/* Look how far the client has read. False when there is no room still. */
static bool served_make_room(struct served *q)
{
	uint32_t head = served_load(&q->control->cq_head), used;

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

/* What the client has written is read once: what is checked is this copy. */
static inline void served_copy(const struct served *q, uint32_t at, union nvme_cmd *sqe)
{
	memcpy(sqe, (const void *)(q->sqes + (size_t)at * sizeof(*sqe)), sizeof(*sqe));
	/* the compiler must not load the client's once more */
	barrier();
}

static inline union nvme_cmd *pair_sqe(const struct data_pair *pair, uint32_t at)
{
	return (union nvme_cmd *)pair->sq->vaddr + at;
}

static inline uint32_t pair_after(const struct data_pair *pair, uint32_t at)
{
	return unlikely(at + 1 == (uint32_t)pair->sq->qsize) ? 0 : at + 1;
}

static inline uint32_t served_after(const struct served *q, uint32_t at)
{
	return unlikely(at + 1 == q->entries) ? 0 : at + 1;
}

/* The command, which is in the pair's queue, has passed; counting it is for the caller. */
static inline void served_pass(struct served *q, struct data_cmd *cmd, union nvme_cmd *sqe,
			       uint64_t length, uint64_t now)
{
	cmd->served = q;
	cmd->length = length;
	cmd->submitted = now;
	cmd->opcode = sqe->opcode;
	cmd->cid = sqe->cid;
	sqe->cid = cmd->id;
}

static inline void served_posted(struct served *q, unsigned int n, uint32_t tail)
{
	if (unlikely(q->engine->traces.n))
		served_trace_posted(q, n);
	q->pair->sq->tail = (uint16_t)tail;
	q->pair->inflight += n;
	q->engine->inflight += n;
	q->inflight += n;
	q->room -= n;
}

/*
 * The command at the head has FUSE bits: a first and a second one go together or not at all. How
 * many were taken; 0 when the second one is not there yet, or has no place.
 */
static unsigned int served_fused(struct served *q, uint32_t tail)
{
	struct data_engine *e = q->engine;
	struct data_pair *pair = q->pair;
	struct data_cmd *cmd = pair->free, *cmd2 = cmd->next;
	uint32_t next = served_after(q, q->sq_head), at = pair->sq->tail, at2 = pair_after(pair, at);
	union nvme_cmd *first = pair_sqe(pair, at), *second = pair_sqe(pair, at2);
	uint64_t len_first, len_second, now = get_ticks();
	uint16_t bad_first, bad_second;

	if ((first->flags & FUSE_MASK) != FUSE_FIRST) {
		uint16_t status = (first->flags & FUSE_MASK) == FUSE_SECOND ? DATA_MISSING_FUSED
									    : DATA_INVALID_FIELD;

		q->sq_head = next;
		served_refuse(q, first, status);
		return 1;
	}
	if (next == tail)
		return 0;
	if (q->room < 2 && (!served_make_room(q) || q->room < 2)) {
		q->starved = true;
		return 0;
	}
	if (!cmd2) {
		q->blocked = true;
		return 0;
	}
	served_copy(q, next, second);
	q->sq_head = next;
	if ((second->flags & FUSE_MASK) != FUSE_SECOND) {
		served_refuse(q, first, DATA_MISSING_FUSED);
		return 1;
	}
	q->sq_head = served_after(q, next);
	bad_first = data_check(&e->rules, q->map, first, &cmd->list, &cmd->refs, &len_first);
	bad_second = data_check(&e->rules, q->map, second, &cmd2->list, &cmd2->refs, &len_second);
	if (bad_first || bad_second) {
		if (!bad_first)
			data_refs_drop(q->map, &cmd->refs);
		if (!bad_second)
			data_refs_drop(q->map, &cmd2->refs);
		served_refuse(q, first, bad_first ? bad_first : DATA_FAILED_FUSED);
		served_refuse(q, second, bad_second ? bad_second : DATA_FAILED_FUSED);
		return 2;
	}
	pair->free = cmd2->next;
	served_pass(q, cmd, first, len_first, now);
	served_pass(q, cmd2, second, len_second, now);
	q->spent += len_first + len_second;
	served_posted(q, 2, pair_after(pair, at2));
	return 2;
}

bool served_pending(struct served *q)
{
	if (served_load(&q->control->sq_tail) != q->sq_head && !q->broken)
		return true;
	q->blocked = false;
	q->starved = false;
	q->sq_seen = q->sq_head;
	return false;
}

/* How many of the commands up to `tail` may be looked at. 0: the queue is blocked or starved. */
static inline unsigned int served_budget(struct served *q, unsigned int burst, uint32_t tail)
{
	unsigned int n = tail - q->sq_head, active = q->engine->nactive, step = q->engine->step[q->priority];

	if (unlikely(tail < q->sq_head))
		n += q->entries;
	n = n < burst ? n : burst;
	if (active > 1 || step) {
		/* A part of what the pair holds, too: nobody finds all of it taken by those before.
		 */
		unsigned int window = q->pair->ncmds / active;

		window = window > q->window ? q->window : window;
		window >>= step;
		window = window ? window : 1;
		if (q->inflight >= window) {
			q->blocked = true;
			return 0;
		}
		n = n < window - q->inflight ? n : window - q->inflight;
	}
	if (unlikely(q->room < n)) {
		if (!served_make_room(q)) {
			q->starved = true;
			return 0;
		}
		n = n < q->room ? n : q->room;
	}
	return n;
}

/* Forward `n` commands. How many were taken; fewer before one with FUSE bits, and where the pair is full. */
static inline unsigned int served_run(struct served *q, unsigned int n, bool *fused)
{
	struct data_engine *e = q->engine;
	struct data_pair *pair = q->pair;
	struct data_cmd *cmd = pair->free;
	uint32_t at = pair->sq->tail;
	unsigned int posted = 0, taken = 0;
	uint64_t spent = 0, now = get_ticks();

	do {
		union nvme_cmd *sqe = pair_sqe(pair, at);
		uint64_t length;
		uint16_t status;

		if (unlikely(!cmd)) {
			q->blocked = true;
			break;
		}
		served_copy(q, q->sq_head, sqe);
		if (unlikely(sqe->flags) && sqe->flags & FUSE_MASK) {
			*fused = true;
			break;
		}
		status = data_check(&e->rules, q->map, sqe, &cmd->list, &cmd->refs, &length);
		q->sq_head = served_after(q, q->sq_head);
		taken++;
		if (unlikely(status)) {
			served_refuse(q, sqe, status);
			continue;
		}
		pair->free = cmd->next;
		served_pass(q, cmd, sqe, length, now);
		cmd = pair->free;
		at = pair_after(pair, at);
		spent += length;
		posted++;
	} while (taken < n);
	q->spent += spent;
	served_posted(q, posted, at);
	return taken;
}

unsigned int served_forward_to(struct served *q, unsigned int burst, uint32_t tail)
{
	unsigned int n = 0;

	if (unlikely(q->broken)) {
		q->sq_seen = q->sq_head;
		return 0;
	}
	if (unlikely(tail >= q->entries)) {
		q->broken = true;
		q->sq_seen = q->sq_head;
		return 0;
	}
	q->sq_seen = tail;
	do {
		unsigned int most = served_budget(q, burst - n, tail), taken;
		bool fused = false;

		if (!most)
			break;
		n += served_run(q, most, &fused);
		if (likely(!fused))
			break;
		taken = served_fused(q, tail);
		n += taken;
		if (!taken)
			break;
	} while (n < burst && q->sq_head != tail);
	counter_add(&q->stats.submitted, n);
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
	if (served_load(&q->control->sq_tail) == q->sq_seen &&
	    (!q->starved || served_load(&q->control->cq_head) == q->cq_head))
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
	*pair = (struct data_pair){.sq = sq, .cq = cq, .ncmds = (unsigned int)sq->nrqs};
	pair->cmds = calloc(pair->ncmds, sizeof(*pair->cmds));
	if (!pair->cmds)
		return -ENOMEM;
	for (unsigned int id = pair->ncmds; id-- > 0;) {
		pair->cmds[id].id = (uint16_t)id;
		pair->cmds[id].list = (struct data_list){
			.entries = sq->rqs[id].page.vaddr,
			.iova = sq->rqs[id].page.iova,
		};
		pair_give(pair, &pair->cmds[id]);
	}
	return 0;
}

void data_pair_fini(struct data_pair *pair)
{
	free(pair->cmds);
	free(pair->traced);
	memset(pair, 0, sizeof(*pair));
}
