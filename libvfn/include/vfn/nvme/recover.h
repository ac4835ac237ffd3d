/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/recover.h - commands that do not complete: Abort, then a reset
 *
 *     if (nvme_rq_wait(rq, &cqe, &limit) && errno == ETIMEDOUT) {
 *             nvme_rq_abort(rq);
 *             if (nvme_rq_wait(rq, &cqe, &limit) && errno == ETIMEDOUT)
 *                     nvme_reset(ctrl);
 *                     nvme_fail_outstanding(ctrl, fn, arg);
 *                     ... discard the I/O queues once nobody uses them (nvme_sq_busy())
 *                     nvme_reinit(ctrl);
 *     }
 *
 * A command completes exactly once, whatever comes first: by the controller, in time or late, or by
 * nvme_fail_outstanding(). Until then its identifier is not used again.
 */
#ifndef VFN_NVME_RECOVER_H
#define VFN_NVME_RECOVER_H

#include <vfn/nvme/ctrl.h>
#include <vfn/nvme/rq.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Status of a completion that nvme_fail_outstanding() has made up: Command Aborted By Host, a path
 * related status (NVMe base, 3.3.3.2.1), which no PCIe controller sends. Waits give ECANCELED.
 */
#define NVME_STATUS_HOST_ABORTED 0x371

/*
 * Ask the controller to abort the tracker's command (NVMe base, 5.1), without waiting for either.
 * It need not do so: the command may complete as if nothing had been asked, be aborted (status code
 * 07h, Command Abort Requested), or stay outstanding.
 *
 * From now on the command's completion is had by nvme_rq_poll(), nvme_rq_wait() or nvme_rq_spin(),
 * and no more by nvme_rq_from_cqe(), which gives NULL with EAGAIN for it; and only when the
 * controller has answered the Abort, too. Otherwise the Abort might find another command under the
 * same identifier. The call reads the admin queue's completions for that, leaving those of others.
 *
 * Called by the tracker's owner, who must also be the one to use the admin queue, unless that is
 * shared (vfn/nvme/share.h). 0, also when the Abort was sent before; -1: EINVAL the tracker is not
 * acquired, or not of a controller; EAGAIN the controller has as many Aborts as it takes at a time
 * (Identify Controller, ACL), or the admin queue is full: call again; ENOMEM; ECANCELED the
 * controller is disabled.
 */
int nvme_rq_abort(struct nvme_rq *rq);

/* What ends a command that nvme_fail_outstanding() found. It may release the tracker. */
typedef void (*nvme_fail_fn)(struct nvme_rq *rq, struct nvme_cqe *cqe, void *arg);

/*
 * End every command of a controller that has been disabled (nvme_reset()): with its own completion
 * where that is in a completion queue and nobody has taken it yet, else with one that is made up,
 * NVME_STATUS_HOST_ABORTED. Every tracker that is acquired counts, whether or not its command was
 * posted. Requests for events that vfn/nvme/aen.h has sent are the library's, and just end.
 *
 *  - Shared completion queues: whoever waits, or is to wait, for the tracker gets its completion,
 *    by nvme_rq_wait() as ECANCELED; or the queue's function does.
 *  - Others: `fn` is called. Where it is NULL the owner gets the completion by nvme_rq_poll(),
 *    nvme_rq_wait() or nvme_rq_spin().
 *
 * Called by the thread that has called nvme_reset(). Other threads must not submit commands meanwhile,
 * and must not use queues that are not shared. Queues made by hand are left out.
 *
 * The number of commands that there were, or -1: EBUSY the
 * controller is enabled; ENOMEM, and nothing was done.
 */
int nvme_fail_outstanding(struct nvme_ctrl *ctrl, nvme_fail_fn fn, void *arg);

/* The number of a queue's trackers that are acquired: with 0 nobody uses it, and it may be discarded. */
int nvme_sq_busy(struct nvme_sq *sq);

#ifdef __cplusplus
}
#endif

#endif
