/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/rq.h - level two: request trackers
 *
 * Every submission queue has qsize - 1 request trackers: as many as it can hold commands. A tracker
 * gives its command an identifier, has a page for the command's PRP list (or for any use of the
 * caller's), and carries a pointer of the caller's from submission to completion.
 *
 * Free trackers of a queue are on a stack. nvme_rq_acquire() and nvme_rq_release() are for queues
 * that one thread uses; the _atomic forms may be called by any number of threads at once, also for
 * trackers that were acquired by the other form, but not while another thread uses that one. A
 * tracker itself is its owner's: who acquired it, until the completion is handed to somebody else.
 *
 * A queue may also be made by hand, out of zeroed structures: set cq, vaddr, qsize, id, doorbell
 * and rqs (as many entries as the queue has) of the queue and sq, cid and page of its trackers, and
 * either link them by rq_next from rq_top on, or use them without acquiring them.
 */
#ifndef VFN_NVME_RQ_H
#define VFN_NVME_RQ_H

#include <errno.h>
#include <sys/uio.h>

#include <vfn/nvme/ctrl.h>
#include <vfn/nvme/queue.h>
#include <vfn/support/atomic.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_rq_list;

struct nvme_rq {
	void *opaque; /* the caller's */
	struct nvme_sq *sq;

	union {
		uint16_t cid; /* its index in sq->rqs */

		struct { /* the library's own, in the gap before `page` */
			uint16_t __cid;
			uint16_t state; /* enum nvme_rq_state */
			uint32_t nprps; /* entries at the page's start that may be not zero */
		};
	};

	struct {
		void *vaddr;
		uint64_t iova;
	} page; /* of the controller's page size */

	union {
		/* The next free one on the stack, NULL at its end; the caller's while acquired. */
		struct nvme_rq *rq_next;
		uint32_t below; /* the library's own: the same on the stack of the _atomic forms */
	};

	/* the library's own */
	struct nvme_rq_list *lists;  /* further list pages, for transfers beyond one page's list */
	struct nvme_rq_list *bounce; /* copy of data of nvme_sync(), until the command completes */
};

enum nvme_rq_state {
	NVME_RQ_BUSY = 0, /* acquired, or made by the caller: its command may be outstanding */
	NVME_RQ_FREE = 1,
	NVME_RQ_LOST = 2, /* nobody waits for its command any more; free when that completes */
	NVME_RQ_EVENT = 3, /* its command is an Asynchronous Event Request */
	NVME_RQ_ABORTED = 4, /* nvme_rq_abort(): its completion is had by nvme_rq_poll() alone */
	NVME_RQ_KEPT = 5,    /* its completion is kept here until nvme_rq_poll() asks */
	NVME_RQ_DONE = 6,    /* of a shared completion queue: its completion has been handed out */
};

/*
 * There are two stacks. That of the plain forms, sq->rq_top, is linked by pointers. That of the
 * _atomic forms, sq->rq_atomic, has the index of the first one, plus 1 (0: none), in its lower 32
 * bits. The upper 32 are counted up by every release, so that a thread that was held up between its
 * look at the top and its exchange finds out when others have taken that tracker and brought it
 * back (ABA). Who finds one stack empty looks on the other, out of line.
 */

/* The tracker on top of the _atomic forms' stack `top`, which is not empty. */
static inline struct nvme_rq *__nvme_rq_of_atomic(const struct nvme_sq *sq, uint64_t top)
{
	return &sq->rqs[(uint32_t)top - 1];
}

/*
 * What nvme_rq_acquire() and nvme_rq_acquire_atomic() do when their own stack is empty. As these.
 */
struct nvme_rq *__nvme_rq_acquire_slow(struct nvme_sq *sq) __cold;
struct nvme_rq *__nvme_rq_acquire_atomic_slow(struct nvme_sq *sq) __cold;

/* Forget the caller's pointer. */
static inline void nvme_rq_reset(struct nvme_rq *rq)
{
	rq->opaque = NULL;
}

/* A free tracker, or NULL with EBUSY when none is left. */
static inline struct nvme_rq *nvme_rq_acquire(struct nvme_sq *sq)
{
	struct nvme_rq *rq = sq->rq_top;

	if (unlikely(!rq))
		return __nvme_rq_acquire_slow(sq);

	sq->rq_top = rq->rq_next;
	atomic_store_relaxed(&rq->state, NVME_RQ_BUSY);
	return rq;
}

/* Give a tracker back. Its command must have completed, or never been posted. */
static inline void nvme_rq_release(struct nvme_rq *rq)
{
	struct nvme_sq *sq = rq->sq;

	nvme_rq_reset(rq);
	atomic_store_relaxed(&rq->state, NVME_RQ_FREE);
	rq->rq_next = sq->rq_top;
	sq->rq_top = rq;
}

/* As nvme_rq_acquire(), for any number of threads at once. */
static inline struct nvme_rq *nvme_rq_acquire_atomic(struct nvme_sq *sq)
{
	uint64_t top = atomic_load_acquire(&sq->rq_atomic);
	struct nvme_rq *rq;
	uint32_t below;

	do {
		if (unlikely(!(uint32_t)top))
			return __nvme_rq_acquire_atomic_slow(sq);

		/* may be out of date already; the tag tells then, and the exchange fails */
		rq = __nvme_rq_of_atomic(sq, top);
		below = atomic_load_relaxed(&rq->below);
	} while (!atomic_cmpxchg(&sq->rq_atomic, &top, (top >> 32 << 32) | below));

	atomic_store_relaxed(&rq->state, NVME_RQ_BUSY);
	return rq;
}

/* As nvme_rq_release(), for any number of threads at once. */
static inline void nvme_rq_release_atomic(struct nvme_rq *rq)
{
	struct nvme_sq *sq = rq->sq;
	uint64_t top = atomic_load_relaxed(&sq->rq_atomic);
	uint32_t self = (uint32_t)(rq - sq->rqs) + 1;

	nvme_rq_reset(rq);
	atomic_store_relaxed(&rq->state, NVME_RQ_FREE);
	do {
		atomic_store_relaxed(&rq->below, (uint32_t)top);
	} while (!atomic_cmpxchg(&sq->rq_atomic, &top, ((top >> 32) + 1) << 32 | self));
}

/*
 * The tracker `cid` itself, whether or not it is on top: for commands that are outstanding already
 * when a queue is taken over. Not for several threads. NULL with EINVAL (no such tracker) or EBUSY.
 */
struct nvme_rq *nvme_rq_acquire_cid(struct nvme_sq *sq, uint16_t cid);

/*
 * For the functions below: what to do with a completion whose tracker is not busy. Frees a lost
 * one. NULL with EINVAL or EAGAIN; or the tracker, if its completion may be had this way.
 */
struct nvme_rq *__nvme_rq_stray(struct nvme_rq *rq, struct nvme_cqe *cqe) __cold;

/* What __nvme_rq_from_cqe() does with an identifier that is not a tracker's alone. As that. */
struct nvme_rq *__nvme_rq_from_cqe_slow(struct nvme_sq *sq, struct nvme_cqe *cqe) __cold;

/*
 * The tracker's state, for its owner, or for who has its completion: what a healthy controller
 * sends is ordered after the submission.
 */
static inline bool __nvme_rq_busy(const struct nvme_rq *rq)
{
#ifdef __SANITIZE_THREAD__
	return atomic_load_relaxed(&rq->state) == NVME_RQ_BUSY;
#else
	return rq->state == NVME_RQ_BUSY;
#endif
}

/*
 * The tracker of a completion of `sq`, also of one under NVME_CID_AER | cid. NULL with EINVAL when
 * no command with that identifier is outstanding: ignore such a completion. NULL with EAGAIN when it
 * is one that nvme_rq_poll() will give (nvme_rq_abort()): ignore it as well.
 */
static inline struct nvme_rq *__nvme_rq_from_cqe(struct nvme_sq *sq, struct nvme_cqe *cqe)
{
	size_t cid = cqe->cid;
	struct nvme_rq *rq;

	/* there is one tracker more than are ever acquired, so that this will do */
	if (unlikely((uint32_t)cid >= (uint32_t)sq->qsize))
		return __nvme_rq_from_cqe_slow(sq, cqe);

	__vfn_hide(cid);
	rq = &sq->rqs[cid];
	if (unlikely(!__nvme_rq_busy(rq)))
		return __nvme_rq_stray(rq, cqe);

	__vfn_assume(rq);
	return rq;
}

/*
 * The tracker of a completion whose queue is looked up by its sqid, else as __nvme_rq_from_cqe().
 * NULL also for a queue that is not there.
 */
static inline struct nvme_rq *nvme_rq_from_cqe(struct nvme_ctrl *ctrl, struct nvme_cqe *cqe)
{
	uint16_t sqid = le16_to_cpu(cqe->sqid);

	if (unlikely(sqid > ctrl->opts.nsqr + 1))
		return __nvme_rq_stray(NULL, cqe);

	return __nvme_rq_from_cqe(&ctrl->sq[sqid], cqe);
}

/* Put the tracker's identifier into the command. */
static inline void nvme_rq_prep_cmd(struct nvme_rq *rq, union nvme_cmd *cmd)
{
	cmd->cid = rq->cid;
}

/* Copy the command into the tracker's queue, under its identifier, without telling the controller.
 */
static inline void nvme_rq_post(struct nvme_rq *rq, union nvme_cmd *cmd)
{
	nvme_rq_prep_cmd(rq, cmd);
	nvme_sq_post(rq->sq, cmd);
}

/* Post the command under the tracker's identifier, and tell the controller. */
static inline void nvme_rq_exec(struct nvme_rq *rq, union nvme_cmd *cmd)
{
	struct nvme_sq *sq = rq->sq;

	nvme_rq_prep_cmd(rq, cmd);
	nvme_sq_exec(sq, cmd);
}

/*
 * Look, without waiting, for the completion of the tracker's command, and copy it to `cqe_copy`
 * (may be NULL). What nvme_rq_wait() does with other completions, this does too. 1 when it has
 * completed, with whatever status, 0 when it has not.
 */
int nvme_rq_poll(struct nvme_rq *rq, struct nvme_cqe *cqe_copy);

/*
 * Wait for the completion of the tracker's command, and copy it to `cqe_copy` (may be NULL).
 * Completions of other commands stay in the queue, in their order, for whoever asks next (as does
 * room for new ones as long as they leave any). Completions of commands that nobody has posted are
 * dropped with a message: those of free trackers, and of queues that do not exist.
 *
 * nvme_rq_spin() waits at most 60 seconds, nvme_rq_wait() as long as `ts` says (NULL: 60 seconds).
 * 0 when the command succeeded; -1 with EIO when it failed (the status is in *cqe_copy). -1 with
 * ETIMEDOUT when it did not complete, ENODEV when the controller has gone or reports CSTS.CFS: the
 * command is outstanding still, so the tracker must not be released, nor its memory be used again,
 * before it completes, its queue is deleted or the controller disabled. EINVAL: `ts` is out of
 * range.
 *
 * ECANCELED: nvme_fail_outstanding() has ended it, and *cqe_copy is made up. For what to do about
 * ETIMEDOUT see vfn/nvme/recover.h.
 *
 * To be called by the thread that uses the completion queue, or by any if that is shared
 * (vfn/nvme/share.h); each tracker by one at a time.
 */
int nvme_rq_spin(struct nvme_rq *rq, struct nvme_cqe *cqe_copy);
int nvme_rq_wait(struct nvme_rq *rq, struct nvme_cqe *cqe_copy, struct timespec *ts);

/* What nvme_rq_map_prp() does with data beyond one page, and with what is no data. */
int __nvme_rq_map_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		      uint64_t iova, size_t len) __cold;

/*
 * Point the command's dptr at `len` bytes at `iova`, by PRPs (NVMe base, 4.1.1), with the list in
 * the tracker's page where one is needed, and for very long transfers (over 2 MiB with pages of 4
 * KiB) in more pages that are allocated then and kept. Whatever follows the list's last entry is
 * zero. `iova` is a multiple of 4.
 *
 * 0, or -1 and the command is as before: EINVAL `iova` is not aligned, `len` is 0, or their sum
 * overflows; ENOMEM, or the errno of iommu_map_vaddr(): no memory for the list.
 */
static inline int nvme_rq_map_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
				  uint64_t iova, size_t len)
{
	/* no controller has pages smaller than this, so one entry does and there is no list */
	if (unlikely(!len || (iova & 0x3) || (iova ^ (iova + len - 1)) >> 12))
		return __nvme_rq_map_prp(ctrl, rq, cmd, iova, len);

	cmd->flags &= (uint8_t) ~(NVME_CMD_FLAGS_PSDT_MASK << NVME_CMD_FLAGS_PSDT_SHIFT);
	cmd->dptr.prp1 = cpu_to_le64(iova);
	cmd->dptr.prp2 = 0;
	return 0;
}

/*
 * Point the command's dptr, by PRPs, at `niov` pieces of memory at virtual addresses that are
 * mapped in the controller's IOMMU context. PRPs can describe them if each but the first starts at
 * a page boundary and each but the last ends at one, as IOVAs; pieces that follow each other as
 * IOVAs count as one. Empty pieces are skipped.
 *
 * 0, or -1 as nvme_rq_map_prp(); EINVAL for what PRPs cannot describe, EFAULT for memory that is
 * not mapped.
 */
int nvme_rq_mapv_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov);

/*
 * Point the command's dptr, by an SGL (NVMe base, 4.1.2), at pieces of memory as nvme_rq_mapv_prp()
 * takes them: a data block where one describes everything, else segments of descriptors in the
 * tracker's page and in further ones. Pieces may begin and end anywhere, but where the controller
 * wants dwords (NVME_CTRL_F_SGLS_DWORD_ALIGNMENT). How much data the pieces have must be what the
 * command transfers, neither less nor (as far as Identify's SGLS bit 18 does not allow it) more.
 *
 * 0, or -1 as nvme_rq_mapv_prp(); ENOTSUP when the controller has no SGLs; EINVAL where it wants
 * dwords and a piece is not made of them. See vfn/nvme/data.h for IOVAs, data to discard, and
 * metadata.
 */
int nvme_rq_mapv_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov);

/*
 * Point the command's dptr at pieces of memory: by an SGL where the controller has them and the
 * queue is not the admin queue (whose commands have PRPs only), else by PRPs. Also by PRPs what
 * SGLs of dwords cannot describe, if those can. 0, or -1 as nvme_rq_mapv_sgl() or
 * nvme_rq_mapv_prp().
 */
int nvme_rq_mapv(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, struct iovec *iov,
		 int niov);

#ifdef __cplusplus
}
#endif

#endif
