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
 * trackers that were acquired by the other form, but not while another thread uses that one.
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
	uint16_t cid; /* its index in sq->rqs */

	struct {
		void *vaddr;
		uint64_t iova;
	} page; /* of the controller's page size */

	struct nvme_rq *rq_next; /* while it is free */

	uint32_t state; /* enum nvme_rq_state; the library's own, as is what follows */
	uint32_t nprps; /* entries at the start of the page that may be other than zero */
	struct nvme_rq_list *lists;  /* further list pages, for transfers beyond one page's list */
	struct nvme_rq_list *bounce; /* copy of data of nvme_sync(), until the command completes */
};

enum nvme_rq_state {
	NVME_RQ_FREE = 0,
	NVME_RQ_BUSY = 1, /* acquired: its command may be outstanding */
	NVME_RQ_LOST = 2, /* nobody waits for its command any more; free when that completes */
};

/*
 * A stack's top is the index of its first free tracker plus one (0: none) in the lower 32 bits; the
 * upper 32 are counted up by every change, so that a thread that was held up between its look at
 * the top and its exchange finds out when others have taken that tracker and brought it back (ABA).
 */
#define __NVME_RQ_TOP(tag, index) ((uint64_t)(tag) << 32 | (uint32_t)(index))

static inline struct nvme_rq *__nvme_rq_of_top(struct nvme_sq *sq, uint64_t top)
{
	return (uint32_t)top ? &sq->rqs[(uint32_t)top - 1] : NULL;
}

static inline uint32_t __nvme_rq_index(const struct nvme_sq *sq, const struct nvme_rq *rq)
{
	return rq ? (uint32_t)(rq - sq->rqs) + 1 : 0;
}

/* Forget the caller's pointer. */
static inline void nvme_rq_reset(struct nvme_rq *rq)
{
	rq->opaque = NULL;
}

/* A free tracker, or NULL with EBUSY when none is left. */
static inline struct nvme_rq *nvme_rq_acquire(struct nvme_sq *sq)
{
	struct nvme_rq *rq = __nvme_rq_of_top(sq, sq->rq_top);

	if (!rq) {
		errno = EBUSY;
		return NULL;
	}

	sq->rq_top = __NVME_RQ_TOP((sq->rq_top >> 32) + 1, __nvme_rq_index(sq, rq->rq_next));
	atomic_store_relaxed(&rq->state, NVME_RQ_BUSY);
	return rq;
}

/* Give a tracker back. Its command must have completed, or never been posted. */
static inline void nvme_rq_release(struct nvme_rq *rq)
{
	struct nvme_sq *sq = rq->sq;

	nvme_rq_reset(rq);
	atomic_store_relaxed(&rq->state, NVME_RQ_FREE);
	rq->rq_next = __nvme_rq_of_top(sq, sq->rq_top);
	sq->rq_top = __NVME_RQ_TOP((sq->rq_top >> 32) + 1, __nvme_rq_index(sq, rq));
}

/* As nvme_rq_acquire(), for any number of threads at once. */
static inline struct nvme_rq *nvme_rq_acquire_atomic(struct nvme_sq *sq)
{
	uint64_t top = atomic_load_acquire(&sq->rq_top);
	struct nvme_rq *rq, *next;

	do {
		rq = __nvme_rq_of_top(sq, top);
		if (!rq) {
			errno = EBUSY;
			return NULL;
		}

		/* may be out of date already; the tag tells then, and the exchange fails */
		next = atomic_load_relaxed(&rq->rq_next);
	} while (!atomic_cmpxchg(&sq->rq_top, &top,
				 __NVME_RQ_TOP((top >> 32) + 1, __nvme_rq_index(sq, next))));

	atomic_store_relaxed(&rq->state, NVME_RQ_BUSY);
	return rq;
}

/* As nvme_rq_release(), for any number of threads at once. */
static inline void nvme_rq_release_atomic(struct nvme_rq *rq)
{
	struct nvme_sq *sq = rq->sq;
	uint64_t top = atomic_load_relaxed(&sq->rq_top);

	nvme_rq_reset(rq);
	atomic_store_relaxed(&rq->state, NVME_RQ_FREE);
	do {
		atomic_store_relaxed(&rq->rq_next, __nvme_rq_of_top(sq, top));
	} while (!atomic_cmpxchg(&sq->rq_top, &top,
				 __NVME_RQ_TOP((top >> 32) + 1, __nvme_rq_index(sq, rq))));
}

/*
 * The tracker `cid` itself, whether or not it is on top: for commands that are outstanding already
 * when a queue is taken over. Not for several threads. NULL with EINVAL (no such tracker) or EBUSY.
 */
struct nvme_rq *nvme_rq_acquire_cid(struct nvme_sq *sq, uint16_t cid);

/*
 * For the functions below: what to do with a completion whose tracker is not busy. Frees a lost
 * one. Always NULL, with EINVAL.
 */
struct nvme_rq *__nvme_rq_stray(struct nvme_rq *rq, struct nvme_cqe *cqe);

/*
 * The tracker of a completion of `sq`, also of one under NVME_CID_AER | cid. NULL with EINVAL when
 * no command with that identifier is outstanding: ignore such a completion.
 */
static inline struct nvme_rq *__nvme_rq_from_cqe(struct nvme_sq *sq, struct nvme_cqe *cqe)
{
	uint16_t cid = cqe->cid & (uint16_t)~NVME_CID_AER;
	struct nvme_rq *rq;

	if (unlikely(cid >= sq->nrqs))
		return __nvme_rq_stray(NULL, cqe);

	rq = &sq->rqs[cid];
	if (unlikely(atomic_load_relaxed(&rq->state) != NVME_RQ_BUSY))
		return __nvme_rq_stray(rq, cqe);

	return rq;
}

/* The same, with the queue looked up by the completion's sqid. NULL also for a queue that is not
 * there. */
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
	nvme_rq_post(rq, cmd);
	nvme_sq_update_tail(rq->sq);
}

/*
 * Look, without waiting, for the completion of the tracker's command, and copy it to `cqe_copy`
 * (may be NULL): 1 when it has completed, with whatever status, 0 when it has not. What
 * nvme_rq_wait() does with other completions, this does too.
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
 * To be called by the thread that uses the completion queue.
 */
int nvme_rq_spin(struct nvme_rq *rq, struct nvme_cqe *cqe_copy);
int nvme_rq_wait(struct nvme_rq *rq, struct nvme_cqe *cqe_copy, struct timespec *ts);

/*
 * Point the command's dptr at `len` bytes at `iova`, by PRPs (NVMe base, 4.1.1), with the list in
 * the tracker's page where one is needed, and for very long transfers (over 2 MiB with pages of 4
 * KiB) in more pages that are allocated then and kept. Whatever follows the list's last entry is
 * zero. `iova` is a multiple of 4.
 *
 * 0, or -1 and the command is as before: EINVAL `iova` is not aligned, `len` is 0, or their sum
 * overflows; ENOMEM, or the errno of iommu_map_vaddr(): no memory for the list.
 */
int nvme_rq_map_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, uint64_t iova,
		    size_t len);

/*
 * The same for `niov` pieces of memory at virtual addresses that are mapped in the controller's
 * IOMMU context. PRPs can describe them if each but the first starts at a page boundary and each
 * but the last ends at one, as IOVAs; pieces that follow each other as IOVAs count as one. Empty
 * pieces are skipped.
 *
 * 0, or -1 as above; EINVAL for what PRPs cannot describe, EFAULT for memory that is not mapped.
 */
int nvme_rq_mapv_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov);

/*
 * The same by an SGL (NVMe base, 4.1.2): a data block where one describes everything, else segments
 * of descriptors in the tracker's page and in further ones. ENOTSUP when the controller has no
 * SGLs; EINVAL where it wants dwords and a piece is not made of them, or one is longer than 4 GiB.
 */
int nvme_rq_mapv_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov);

/* By an SGL where the controller has them and the queue is not the admin queue, else by PRPs. */
int nvme_rq_mapv(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, struct iovec *iov,
		 int niov);

#ifdef __cplusplus
}
#endif

#endif
