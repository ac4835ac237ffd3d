/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/queue.h - level one: submission and completion queues, command by command
 *
 * The caller builds whole commands, chooses their identifiers, and looks at every completion. All
 * of this is inline, makes no system call, and does not lock: one thread at a time may use a queue,
 * and a submission queue shares the thread with its completion queue only where a function takes
 * both. Many threads on one completion queue: vfn/nvme/share.h.
 *
 * How a doorbell is rung (nvme_sq_update_tail(), nvme_cq_update_head()):
 *  - With shadow doorbells (`dbbuf` set; NVMe base, 5.8 and Annex B.5) the new value goes to
 * memory, and the doorbell itself is only rung when the value passes the index that the controller
 * asked for.
 *  - The doorbell itself is a store to the mapped register, or a call of `kick` where that is set:
 *    on a device whose sleeping server must be woken by a message, or on a queue whose other
 *    end is a process that wants a byte in an eventfd.
 *
 * Interrupts (vfio_set_irq(); an eventfd a vector, for poll(2) and its kin) are messages, each sent
 * once, after the completion that it is for. So: wake, read the eventfd, get completions until there
 * are none, update the head, sleep. What comes after the last look has its interrupt after the read,
 * and wakes again, if only to find nothing. The other way round, with the eventfd read after the last
 * look, that interrupt is read away, and nothing wakes any more. There is nothing to arm, and shadow
 * doorbells change none of this.
 */
#ifndef VFN_NVME_QUEUE_H
#define VFN_NVME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <vfn/nvme/types.h>
#include <vfn/support/barrier.h>
#include <vfn/support/compiler.h>
#include <vfn/support/mmio.h>
#include <vfn/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NVME_AQ	  0 /* the admin queues' identifier */
#define NVME_SQES 6 /* log2 of a submission queue entry's bytes */
#define NVME_CQES 4 /* log2 of a completion queue entry's bytes */

/* Set in the command identifiers of Asynchronous Event Requests by nvme_aer(). */
#define NVME_CID_AER (1 << 15)

struct nvme_ctrl;
struct nvme_rq;
struct nvme_queue_priv;

/* The shadow doorbell and the event index of one queue; both NULL where there are none. */
struct nvme_dbbuf {
	void *doorbell;
	void *eventidx;
};

/*
 * What rings a doorbell that is not a mapped register: `value` is the new tail or head. Called by
 * whoever updates the queue; must not block.
 */
typedef void (*nvme_kick_fn)(void *arg, uint32_t offset, uint32_t value);

struct nvme_cq {
	void *vaddr; /* the entries; NULL: no such queue */
	uint64_t iova;
	int id;
	uint16_t head;	/* the next entry to look at */
	int qsize;	/* entries */
	int entry_size; /* bytes */
	void *doorbell; /* the mapped register, or NULL */
	struct nvme_dbbuf dbbuf;
	int phase;  /* phase tag of entries that were consumed in this round: 0 at first */
	int vector; /* interrupt vector, -1 for none */

	nvme_kick_fn kick; /* when set, called in place of a store to `doorbell` */
	void *kick_arg;
	uint32_t kick_offset; /* offset of the doorbell within BAR0 */

	struct nvme_ctrl *ctrl;	      /* the controller it belongs to, or NULL */
	struct nvme_queue_priv *priv; /* the library's own */
};

struct nvme_sq {
	struct nvme_cq *cq; /* where its completions go */
	void *vaddr;	    /* the entries; NULL: no such queue */
	uint64_t iova;

	struct {
		void *vaddr;
		uint64_t iova;
	} pages; /* one page for each request tracker, in the order of `rqs` */

	uint16_t tail;	/* where the next command goes */
	uint16_t ptail; /* the tail that the controller was told */
	int qsize;	/* entries */
	int id;
	int entry_size; /* bytes */
	void *doorbell; /* the mapped register, or NULL */
	struct nvme_dbbuf dbbuf;

	struct nvme_rq *rqs;	/* qsize - 1 request trackers, or NULL (vfn/nvme/rq.h) */
	struct nvme_rq *rq_top; /* the stack of free ones: see vfn/nvme/rq.h */
	uint64_t rq_atomic;	/* the library's own: those that an _atomic function released */
	int nrqs;		/* the library's own */

	nvme_kick_fn kick; /* when set, called in place of a store to `doorbell` */
	void *kick_arg;
	uint32_t kick_offset; /* offset of the doorbell within BAR0 */

	struct nvme_ctrl *ctrl;	      /* the controller it belongs to, or NULL */
	struct nvme_queue_priv *priv; /* the library's own */
};

/* Call `kick`. Out of line, to keep what that takes out of the path of a store to a register. */
void __nvme_sq_kick(struct nvme_sq *sq) __cold;
void __nvme_cq_kick(struct nvme_cq *cq) __cold;

/* What the inline functions below tell a tracer, while there is one. */
void __nvme_trace_post(struct nvme_sq *sq, const union nvme_cmd *cmd) __cold;
void __nvme_trace_get(struct nvme_cq *cq) __cold;

/* nvme_sq_exec(), nvme_sq_update_tail() and nvme_cq_update_head() in full, while there is a tracer.
 */
void __nvme_trace_exec(struct nvme_sq *sq, const union nvme_cmd *cmd) __cold;
void __nvme_trace_tail(struct nvme_sq *sq) __cold;
void __nvme_trace_head(struct nvme_cq *cq) __cold;

/*
 * True when moving a shadow doorbell from `old` to `value` passes `eventidx` (NVMe base, B.5): the
 * controller then wants the doorbell itself to be rung. An index of all ones is a controller that
 * polls.
 */
static inline bool __nvme_dbbuf_need_event(uint32_t eventidx, uint32_t value, uint32_t old)
{
	return unlikely(eventidx != UINT32_MAX) &&
	       (uint16_t)(value - eventidx - 1) < (uint16_t)(value - old);
}

/* Move a shadow doorbell from `old` to `value`. True when the doorbell itself must be rung too. */
static inline bool __nvme_dbbuf_update(const struct nvme_dbbuf *dbbuf, uint32_t value, uint32_t old)
{
	/* the queue's entries before the doorbell that tells of them */
	dma_wmb();

	STORE_PTR((leint32_t *)dbbuf->doorbell, cpu_to_le32(value));

	/*
	 * The controller writes its event index, then looks at the doorbell once more before it
	 * sleeps. A load that overtook the store above would see the index of before, and the
	 * controller the doorbell of before: nobody would ring.
	 */
	mb();

	return __nvme_dbbuf_need_event(le32_to_cpu(LOAD_PTR((leint32_t *)dbbuf->eventidx)), value,
				       old);
}

/* A queue's entry, which callers may look at as what they like. */
typedef struct {
	uint64_t qw[8];
} __attribute__((may_alias)) __nvme_sqe;

/* nvme_sq_post() without its tracepoint. Returns the new tail. */
static inline uint32_t __nvme_sq_post(struct nvme_sq *sq, const union nvme_cmd *cmd)
{
	uint32_t tail = sq->tail;

	/* what memcpy() does, but for its insisting on addresses in registers */
	((__nvme_sqe *)sq->vaddr)[tail] = *(const __nvme_sqe *)(const void *)cmd;

	tail++;
	__vfn_hide(tail);
	if (unlikely(tail == (uint32_t)sq->qsize))
		tail = 0;
	__vfn_hide(tail);
	sq->tail = (uint16_t)tail;
	return tail;
}

/* Copy a command into the queue. The controller sees it with the next nvme_sq_update_tail(). */
static inline void nvme_sq_post(struct nvme_sq *sq, const union nvme_cmd *cmd)
{
	if (trace_active(NVME_SQ_POST))
		__nvme_trace_post(sq, cmd);
	__nvme_sq_post(sq, cmd);
}

/*
 * Tell the controller of the tail `tail`, which it does not know yet. False when the shadow
 * doorbell was enough.
 */
static inline bool __nvme_sq_ring(struct nvme_sq *sq, uint32_t tail)
{
	bool ring = true;

	if (unlikely(sq->dbbuf.doorbell))
		ring = __nvme_dbbuf_update(&sq->dbbuf, tail, sq->ptail);

	if (ring) {
		/* the queue's entries before the doorbell that tells of them */
		dma_wmb();
		if (unlikely(sq->kick))
			__nvme_sq_kick(sq);
		else
			mmio_write32(sq->doorbell, cpu_to_le32(tail));
	}
	sq->ptail = (uint16_t)tail;
	return ring;
}

/* Tell the controller of the commands that were posted, if there are any that it does not know. */
static inline void nvme_sq_update_tail(struct nvme_sq *sq)
{
	if (sq->tail == sq->ptail)
		return;
	/* or NVME_SKIP_MMIO */
	if (trace_active2(NVME_SQ_UPDATE_TAIL)) {
		__nvme_trace_tail(sq);
		return;
	}
	__nvme_sq_ring(sq, sq->tail);
}

/* Post one command and tell the controller. */
static inline void nvme_sq_exec(struct nvme_sq *sq, const union nvme_cmd *cmd)
{
	/* or NVME_SQ_UPDATE_TAIL, or NVME_SKIP_MMIO; the fourth is of no matter here */
	if (trace_active4(NVME_SQ_POST)) {
		__nvme_trace_exec(sq, cmd);
		return;
	}

	__nvme_sq_ring(sq, __nvme_sq_post(sq, cmd));
}

/* The entry at the head of the queue, be it new or not. */
static inline struct nvme_cqe *nvme_cq_head(struct nvme_cq *cq)
{
	return (struct nvme_cqe *)((char *)cq->vaddr + ((size_t)cq->head << NVME_CQES));
}

/* nvme_cq_update_head() without its tracepoints. False when the shadow doorbell was enough. */
static inline bool __nvme_cq_ring(struct nvme_cq *cq)
{
	uint32_t head = cq->head;

	/* the loads of entries before the store that lets the controller overwrite them */
	dma_rmb();

	if (unlikely(cq->dbbuf.doorbell)) {
		uint32_t old;

		/* keeps the compiler from loading the pointer where there is none */
		barrier();
		old = le32_to_cpu(LOAD_PTR((leint32_t *)cq->dbbuf.doorbell));
		if (old == head || !__nvme_dbbuf_update(&cq->dbbuf, head, old))
			return false;
	}

	if (unlikely(cq->kick))
		__nvme_cq_kick(cq);
	else
		mmio_write32(cq->doorbell, cpu_to_le32(head));
	return true;
}

/* Tell the controller how far completions were consumed, so that it can use their entries again. */
static inline void nvme_cq_update_head(struct nvme_cq *cq)
{
	/* or NVME_CQ_UPDATE_HEAD */
	if (trace_active2(NVME_SKIP_MMIO)) {
		__nvme_trace_head(cq);
		return;
	}
	__nvme_cq_ring(cq);
}

/* True when the entry at the head of the queue is new. */
static inline bool __nvme_cq_ready(struct nvme_cq *cq)
{
	return (le16_to_cpu(LOAD(nvme_cq_head(cq)->sfp)) & 0x1) != cq->phase;
}

/* Wait, without a limit and without sleeping, until there is a completion. */
static inline void nvme_cq_spin(struct nvme_cq *cq)
{
	trace_guard(NVME_CQ_SPIN)
	{
		trace_emit("cqid %d\n", cq->id);
	}

	while (!__nvme_cq_ready(cq))
		;
}

/*
 * The next completion, or NULL. The entry stays valid until the controller is told of the new head
 * by nvme_cq_update_head().
 */
static inline struct nvme_cqe *nvme_cq_get_cqe(struct nvme_cq *cq)
{
	uint32_t head = cq->head;
	struct nvme_cqe *cqe = nvme_cq_head(cq);

	if (trace_active2(NVME_CQ_GET_CQE))
		__nvme_trace_get(cq);

	if ((le16_to_cpu(LOAD(cqe->sfp)) & 0x1) == cq->phase)
		return NULL;

	/* the phase tag, which the controller writes last, before the rest of the entry */
	dma_rmb();

	head++;
	__vfn_hide(head);
	if (unlikely(head == (uint32_t)cq->qsize)) {
		head = 0;
		cq->phase ^= 0x1;
	}
	cq->head = (uint16_t)head;

	__vfn_assume(cqe);
	return cqe;
}

/* Consume exactly `n` completions into `cqes` (may be NULL), waiting for them without a limit. */
static inline void nvme_cq_get_cqes(struct nvme_cq *cq, struct nvme_cqe *cqes, int n)
{
	while (n-- > 0) {
		struct nvme_cqe *cqe;

		nvme_cq_spin(cq);
		cqe = nvme_cq_get_cqe(cq);
		if (cqes)
			*cqes++ = *cqe;
	}
}

/*
 * Consume exactly `n` completions (1 to qsize - 1) into `cqes` (may be NULL) within the time `ts`;
 * NULL is 60 seconds. Consumes none when it cannot have all. `n`, or -1: EINVAL `n` or `ts` is out
 * of range; ETIMEDOUT.
 */
int nvme_cq_wait_cqes(struct nvme_cq *cq, struct nvme_cqe *cqes, int n, struct timespec *ts);

#ifdef __cplusplus
}
#endif

#endif
