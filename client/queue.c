/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/private.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <vfn/support.h>

/* Of programs that knew the weight as a number of 32 bits. */
_Static_assert(sizeof(struct vfnc_queue_opts) == 16 && offsetof(struct vfnc_queue_opts, weight) == 8 &&
		       offsetof(struct vfnc_queue_opts, spin_us) == 12,
	       "the layout stays");

int vfnc_queue_create(struct vfnc_device *dev, const struct vfnc_queue_opts *opts,
		      struct vfnc_queue **queuep)
{
	static const struct vfnc_queue_opts defaults;
	Vfnd__QueueCreateRequest op = VFND__QUEUE_CREATE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	const Vfnd__QueueCreateAnswer *a;
	struct cl_queue *queue;
	struct cl_call *call;
	int ret;

	*queuep = NULL;
	if (!opts)
		opts = &defaults;
	if (opts->mode > VFNC_QUEUE_DIRECT)
		return cl_fail(dev->conn, -EINVAL, "there is no mode %u of queues", opts->mode);
	if (opts->priority > VFNC_PRIORITY_LOW)
		return cl_fail(dev->conn, -EINVAL, "there is no priority %u of queues", opts->priority);
	if (opts->rsvd)
		return cl_fail(dev->conn, -EINVAL, "a reserved byte of the queue's options is not 0");
	if (opts->entries == 1)
		return cl_fail(dev->conn, -EINVAL, "a queue has at least two slots");
	op.device = dev->handle;
	op.entries = opts->entries;
	op.mode = (Vfnd__QueueMode)opts->mode;
	op.weight = opts->weight;
	op.priority = (Vfnd__QueuePriority)opts->priority;
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
	/* a daemon that does not know of modes has made a queue of requests */
	if ((uint32_t)a->mode != opts->mode) {
		ret = cl_fail(dev->conn, -ENOTSUP, "this daemon has no such queues");
		cl_rpc_abandon(dev->conn, call);
		free(queue);
		return ret;
	}
	queue->handle = a->queue;
	queue->pub.qid = a->qid;
	queue->pub.entries = a->entries;
	queue->pub.device = dev;
	queue->pub.mode = opts->mode;
	queue->pub.priority = (uint32_t)a->priority <= VFNC_PRIORITY_LOW ? (uint8_t)a->priority : VFNC_PRIORITY_NONE;
	queue->pub.by_controller = a->by_controller;
	queue->spin_ticks = (uint64_t)opts->spin_us * __vfn_ticks_freq / 1000000;
	ret = opts->mode == VFNC_QUEUE_REQUEST ? 0 : cl_shell_page(dev, a->page_size);
	if (ret == 0 && opts->mode == VFNC_QUEUE_SERVED)
		ret = cl_served_take(queue, a, &call->fds);
	else if (ret == 0 && opts->mode == VFNC_QUEUE_DIRECT)
		ret = cl_direct_take(queue, a, &call->fds);
	if (ret < 0) {
		cl_rpc_abandon(dev->conn, call);
		free(queue);
		return ret;
	}
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
	cl_served_free(queue);
	cl_direct_free(queue);
	free(queue);
}

int vfnc_queue_delete(struct vfnc_queue *queue)
{
	Vfnd__QueueDeleteRequest op = VFND__QUEUE_DELETE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct vfnc_device *dev;
	struct vfnc_buffer *lists;
	int ret;

	if (!queue)
		return 0;
	dev = queue->device;
	lists = cl_served_lists((struct cl_queue *)queue);
	op.queue = ((struct cl_queue *)queue)->handle;
	req.op_case = VFND__REQUEST__OP_QUEUE_DELETE;
	req.queue_delete = &op;
	ret = cl_rpc_end(dev->conn, &req);
	if (ret < 0)
		return ret;
	cl_queue_free(queue);
	/* With the connection lost it goes with the device. */
	if (lists && !dev->conn->dead)
		vfnc_buffer_free(lists);
	return 0;
}
