/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/share.h - one completion queue for the submission queues of many threads
 *
 * Two ways:
 *
 * By hand, with the calls of level one and two: one thread gets the completions, finds their
 * trackers (nvme_rq_from_cqe()), and gives these back by nvme_rq_release_atomic(); the threads that
 * submit use nvme_rq_acquire_atomic(), each on submission queues of its own. What a thread writes
 * before nvme_rq_exec() is seen by the one that gets the completion. Nothing needs to be set up,
 * and nothing locks; but no thread can wait for a command of its own.
 *
 * Shared: after nvme_cq_share() any number of threads may wait for their commands (nvme_rq_wait(),
 * nvme_rq_spin(), nvme_rq_poll()), and execute them one at a time (nvme_sync(), on a shared admin
 * queue nvme_admin(), nvme_rq_abort() and what is made of them:
 * queues are created and deleted one at a time, though). At any time one of those who wait gets the
 * completions for all and hands each to its tracker; a thread may also do nothing else
 * (nvme_cq_dispatch()). Submitting does not lock: a submission queue is used by one thread at a
 * time, but for nvme_sync(), which takes a lock that nvme_sq_lock() takes, too.
 *
 * On a shared queue
 *  - trackers are acquired and released by the _atomic forms if several threads use a submission
 *    queue, and each command has its own: acquire, execute, wait, release;
 *  - completions are got in none of the other ways (nvme_cq_get_cqe() and its kin);
 *  - commands without a tracker are not supported: their completions are dropped with a message.
 */
#ifndef VFN_NVME_SHARE_H
#define VFN_NVME_SHARE_H

#include <stdbool.h>

#include <vfn/nvme/queue.h>
#include <vfn/nvme/rq.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A completion of a shared queue, for a program that has more to do than to wake a thread: `rq` is
 * the tracker, with its `opaque`; true when that was all, false to keep the completion for who waits
 * for it. Called by whichever thread gets the completion, one at a time. It may release the tracker
 * (nvme_rq_release_atomic()) and submit commands, but not wait for one on the same queue.
 */
typedef bool (*nvme_share_fn)(struct nvme_rq *rq, struct nvme_cqe *cqe, void *arg);

/*
 * Share a completion queue of a controller, with all submission queues that it has and will have;
 * `fn` may be NULL. Before any of them is used by a second thread, and with no command outstanding.
 * It ends with the queue. 0, or -1: EBUSY it is shared already, or a tracker is in use; EINVAL it is no queue
 * of a controller; ENOMEM.
 */
int nvme_cq_share(struct nvme_cq *cq, nvme_share_fn fn, void *arg);

/*
 * Hand the completions that are there to their trackers. Any thread; does not wait, neither for
 * completions nor for a thread that is doing this already. The number of them; 0 also for a queue that is not
 * shared.
 */
int nvme_cq_dispatch(struct nvme_cq *cq);

/*
 * The lock of a submission queue of a shared completion queue, for threads that post on the same
 * one, or beside nvme_sync(): from nvme_rq_post() or nvme_rq_exec() to the doorbell. Not to be held
 * while waiting.
 */
void nvme_sq_lock(struct nvme_sq *sq);
void nvme_sq_unlock(struct nvme_sq *sq);

#ifdef __cplusplus
}
#endif

#endif
