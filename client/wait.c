/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for completions in queues that the client has in its memory.
 */
#include "client/private.h"

#include <errno.h>
#include <poll.h>

#include <vfn/nvme.h>

static struct cl_queue *wait_queue(const struct vfnc_queue *queue)
{
	return (struct cl_queue *)(uintptr_t)queue;
}

int vfnc_queue_fd(const struct vfnc_queue *queue)
{
	const struct cl_queue *q = wait_queue(queue);
	int fds[2];

	if (q->direct)
		return cl_direct_fd(q);
	if (!q->served)
		return -EINVAL;
	cl_served_fds(q, fds);
	return fds[0];
}

int vfnc_queue_arm(struct vfnc_queue *queue)
{
	struct cl_queue *q = wait_queue(queue);

	if (q->direct)
		return cl_direct_arm(q);
	return q->served ? cl_served_arm(q) : -EINVAL;
}

void vfnc_queue_disarm(struct vfnc_queue *queue)
{
	struct cl_queue *q = wait_queue(queue);

	if (q->direct)
		cl_direct_disarm(q);
	else if (q->served)
		cl_served_disarm(q);
}

static bool wait_spin(const struct cl_queue *q)
{
	uint64_t start = q->spin_ticks ? get_ticks() : 0;

	while (q->spin_ticks && get_ticks() - start < q->spin_ticks)
		if (__nvme_cq_ready(q->pub.cq))
			return true;
	return false;
}

/* Until something is there to look at: 0, or -EINTR, -ETIMEDOUT, -ECONNRESET. */
static int wait_sleep(struct cl_queue *q, int64_t deadline)
{
	struct pollfd pfd[2] = {{.events = POLLIN}, {.events = POLLIN}};
	int n, fds[2], nfds = q->direct ? cl_direct_fds(q, fds) : cl_served_fds(q, fds);
	int64_t left = -1;

	for (int i = 0; i < nfds; i++)
		pfd[i].fd = fds[i];
	if (deadline >= 0) {
		left = deadline - cl_deadline(0);
		if (left <= 0)
			return -ETIMEDOUT;
	}
	n = poll(pfd, (nfds_t)nfds, left > INT32_MAX ? INT32_MAX : (int)left);
	if (n < 0)
		return -errno;
	if (n > 0 && (pfd[nfds - 1].revents & POLLHUP) && !__nvme_cq_ready(q->pub.cq))
		return -ECONNRESET;
	if (n > 0 && q->served)
		cl_served_woken(q);
	else if (n > 0)
		cl_direct_disarm(q);
	return 0;
}

int vfnc_queue_wait(struct vfnc_queue *queue, int timeout_ms)
{
	struct cl_queue *q = wait_queue(queue);
	int64_t deadline;
	int ret;

	if (!q->served && !q->direct)
		return -EINVAL;
	if (__nvme_cq_ready(queue->cq))
		return 1;
	if (timeout_ms == 0)
		return 0;
	if (wait_spin(q))
		return 1;
	deadline = cl_deadline(timeout_ms);
	while (!(ret = vfnc_queue_arm(queue))) {
		ret = wait_sleep(q, deadline);
		if (ret < 0)
			break;
	}
	if (q->served)
		cl_served_awake(q);
	return ret == -ETIMEDOUT ? 0 : ret;
}

/* The daemon has closed its end, the last of the descriptors. */
static bool wait_let_go(const struct cl_queue *q)
{
	int fds[2], nfds = q->direct ? cl_direct_fds(q, fds) : cl_served_fds(q, fds);
	struct pollfd pfd = {.fd = fds[nfds - 1]};

	return poll(&pfd, 1, 0) == 1 && pfd.revents & (POLLHUP | POLLERR);
}

int vfnc_queue_end(struct vfnc_queue *queue, vfnc_queue_end_fn fn, void *arg)
{
	struct cl_queue *q = wait_queue(queue);
	struct nvme_sq *sq = queue->sq;
	struct nvme_cqe *cqe, made;
	int n = 0;

	if (!q->served && !q->direct)
		return -EINVAL;
	if (!wait_let_go(q))
		return -EBUSY;
	/* What has completed did so by itself, and nothing is written to the queue any more. */
	while ((cqe = nvme_cq_get_cqe(queue->cq))) {
		struct nvme_rq *rq = __nvme_rq_from_cqe(sq, cqe);

		if (!rq || !__nvme_rq_busy(rq))
			continue;
		made = *cqe;
		fn(queue, rq, &made, arg);
		nvme_rq_release(rq);
		n++;
	}
	for (int i = 0; i < sq->nrqs; i++) {
		struct nvme_rq *rq = &sq->rqs[i];

		if (!__nvme_rq_busy(rq))
			continue;
		made = (struct nvme_cqe){
			.sqid = cpu_to_le16((uint16_t)queue->qid),
			.cid = rq->cid,
			.sfp = cpu_to_le16(NVME_STATUS_HOST_ABORTED << 1),
		};
		fn(queue, rq, &made, arg);
		nvme_rq_release(rq);
		n++;
	}
	return n;
}
