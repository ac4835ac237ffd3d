/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands as they are given, and identifiers for queues that they make. */
#include "client/private.h"

#include <errno.h>
#include <stdlib.h>

static int start_raw(struct vfnc_device *dev, struct vfnc_queue *queue, const void *sqe,
		     const struct vfnc_raw_opts *opts, struct cl_call **call)
{
	Vfnd__RawCommandRequest op = VFND__RAW_COMMAND_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;

	if (queue && queue->mode != VFNC_QUEUE_REQUEST)
		return cl_fail(dev->conn, -EINVAL, "commands of this queue go into its memory");
	op.device = dev->handle;
	op.queue = queue ? ((struct cl_queue *)queue)->handle : 0;
	op.sqe.data = (uint8_t *)sqe;
	op.sqe.len = 64;
	op.keep_cid = opts && opts->keep_cid;
	op.timeout_ms = opts ? opts->timeout_ms : 0;
	req.op_case = VFND__REQUEST__OP_RAW_COMMAND;
	req.raw_command = &op;
	return cl_request_start(dev, queue, &req, call);
}

int vfnc_raw(struct vfnc_device *dev, struct vfnc_queue *queue, const void *sqe,
	     const struct vfnc_raw_opts *opts, struct vfnc_completion *completion)
{
	struct cl_call *call;
	int ret = start_raw(dev, queue, sqe, opts, &call);

	return ret < 0 ? ret : cl_request_wait(dev->conn, call, opts ? opts->timeout_ms : 0, completion);
}

int vfnc_submit_raw(struct vfnc_device *dev, struct vfnc_queue *queue, const void *sqe,
		    const struct vfnc_raw_opts *opts, uint64_t *ticket)
{
	struct cl_call *call;
	int ret = start_raw(dev, queue, sqe, opts, &call);

	*ticket = ret < 0 ? 0 : cl_request_ticket(dev->conn, call);
	return ret;
}

int vfnc_raw_queue(struct vfnc_device *dev, struct vfnc_queue **queuep)
{
	Vfnd__RawQueueRequest op = VFND__RAW_QUEUE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_queue *queue = calloc(1, sizeof(*queue));
	struct cl_call *call;
	int ret;

	*queuep = NULL;
	if (!queue)
		return cl_fail(dev->conn, -ENOMEM, "no memory");
	op.device = dev->handle;
	req.op_case = VFND__REQUEST__OP_RAW_QUEUE;
	req.raw_queue = &op;
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_QUEUE_CREATE, &call);
	if (ret < 0) {
		free(queue);
		return ret;
	}
	queue->handle = call->answer->queue_create->queue;
	queue->pub.qid = call->answer->queue_create->qid;
	queue->pub.device = dev;
	queue->pub.mode = VFNC_QUEUE_RAW;
	TAILQ_INSERT_TAIL(&dev->queues, queue, link);
	cl_rpc_free(dev->conn, call);
	*queuep = &queue->pub;
	return 0;
}
