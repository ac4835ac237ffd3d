/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/private.h"

#include <errno.h>
#include <stdlib.h>

int vfnc_queue_create(struct vfnc_device *dev, uint32_t entries, struct vfnc_queue **queuep)
{
	Vfnd__QueueCreateRequest op = VFND__QUEUE_CREATE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	const Vfnd__QueueCreateAnswer *a;
	struct cl_queue *queue;
	struct cl_call *call;
	int ret;

	*queuep = NULL;
	if (entries == 1)
		return cl_fail(dev->conn, -EINVAL, "a queue has at least two slots");
	op.device = dev->handle;
	op.entries = entries;
	req.op_case = VFND__REQUEST__OP_QUEUE_CREATE;
	req.queue_create = &op;
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return cl_fail(dev->conn, -ENOMEM, "no memory");
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_QUEUE_CREATE, &call);
	if (ret < 0) {
		free(queue);
		return ret;
	}
	a = call->answer->queue_create;
	if (a->entries < 2) {
		ret = cl_fail(dev->conn, -EPROTO, "the daemon made a queue of %u slots", a->entries);
		cl_rpc_abandon(dev->conn, call);
		free(queue);
		return ret;
	}
	queue->handle = a->queue;
	queue->pub.qid = a->qid;
	queue->pub.entries = a->entries;
	queue->pub.device = dev;
	TAILQ_INSERT_TAIL(&dev->queues, queue, link);
	cl_rpc_free(dev->conn, call);
	*queuep = &queue->pub;
	return 0;
}

void cl_queue_free(struct vfnc_queue *pub)
{
	struct cl_queue *queue = (struct cl_queue *)pub;
	struct vfnc_device *dev = pub->device;
	struct cl_call *call;

	/* its commands may be answered later */
	for (int i = 0; i < CL_BUCKETS; i++)
		LIST_FOREACH (call, &dev->conn->calls[i], hash)
			if (call->queue == pub)
				call->queue = NULL;
	TAILQ_REMOVE(&dev->queues, queue, link);
	free(queue);
}

int vfnc_queue_delete(struct vfnc_queue *queue)
{
	Vfnd__QueueDeleteRequest op = VFND__QUEUE_DELETE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int ret;

	if (!queue)
		return 0;
	op.queue = ((struct cl_queue *)queue)->handle;
	req.op_case = VFND__REQUEST__OP_QUEUE_DELETE;
	req.queue_delete = &op;
	ret = cl_rpc_end(queue->device->conn, &req);
	if (ret == 0)
		cl_queue_free(queue);
	return ret;
}
