/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "daemon/device/class.h"
#include "daemon/device/queue.h"
#include "daemon/rpc/rpc.h"

static void queue_tell_direct(Vfnd__DirectQueue *to, const struct queue_share_direct *from)
{
	to->cq_at = from->cq_at;
	to->cq_iova = from->cq_iova;
	to->sq_at = from->sq_at;
	to->sq_iova = from->sq_iova;
	to->pages_at = from->pages_at;
	to->pages_iova = from->pages_iova;
	to->interrupt = from->interrupt;
	to->doorbell_at = from->doorbell_at;
	to->doorbell_size = from->doorbell_size;
	to->sq_doorbell = from->sq_doorbell;
	to->cq_doorbell = from->cq_doorbell;
	to->shadow_at = from->shadow_at;
	to->event_at = from->event_at;
	to->shadow_size = from->shadow_size;
	to->sq_shadow = from->sq_shadow;
	to->cq_shadow = from->cq_shadow;
	to->kick = from->kick;
}

static void queue_created(void *ticket, int error, const char *text, struct queue *queue)
{
	Vfnd__QueueCreateAnswer create = VFND__QUEUE_CREATE_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	Vfnd__DirectQueue direct = VFND__DIRECT_QUEUE__INIT;
	struct queue_share share = {0};
	struct device_details details;
	struct fdset set = {0};
	bool by_controller;
	int ret;

	if (error < 0) {
		rpc_ticket_fail(ticket, error, error == -EINVAL ? "queue_create.entries" : NULL, text);
		return;
	}
	create.queue = queue_lease(queue)->handle;
	create.qid = queue_qid(queue);
	create.entries = queue_entries(queue);
	create.mode = (Vfnd__QueueMode)queue_mode(queue);
	create.priority = (Vfnd__QueuePriority)queue_priority(queue, &by_controller);
	create.by_controller = by_controller;
	ret = create.mode == VFND__QUEUE_MODE__QUEUE_MODE_REQUEST ||
			      create.mode == VFND__QUEUE_MODE__QUEUE_MODE_RAW
		      ? 0
		      : queue_opening(queue)->device->class->queue_share(queue, &share);
	if (ret < 0) {
		queue_opening(queue)->device->class->queue_delete(queue, NULL, NULL);
		rpc_ticket_fail(ticket, ret, NULL, "the queue's descriptors cannot be handed out");
		return;
	}
	queue_opening(queue)->device->class->details(queue_opening(queue)->device, &details);
	create.page_size = details.page_size;
	create.size = share.size;
	if (create.mode == VFND__QUEUE_MODE__QUEUE_MODE_DIRECT) {
		queue_tell_direct(&direct, &share.direct);
		create.direct = &direct;
	}
	for (unsigned int i = 0; i < share.nfds; i++)
		fdset_add(&set, share.fds[i]);
	answer.body_case = VFND__ANSWER__BODY_QUEUE_CREATE;
	answer.queue_create = &create;
	rpc_ticket_answer(ticket, &answer, share.nfds ? &set : NULL);
}

void rpc_queue_create(struct rpc_call *call)
{
	const Vfnd__QueueCreateRequest *req = call->request->queue_create;
	struct queue_spec spec = {.entries = req->entries, .weight = req->weight};
	struct opening *o = rpc_ready(call, req->device, "queue_create.device");
	void *ticket;

	if (!o)
		return;
	if (req->mode > VFND__QUEUE_MODE__QUEUE_MODE_DIRECT) {
		rpc_fail(call, -EINVAL, "queue_create.mode", "there is no mode %u", (unsigned int)req->mode);
		return;
	}
	spec.mode = (enum queue_mode)req->mode;
	if ((unsigned int)req->priority > VFND__QUEUE_PRIORITY__QUEUE_PRIORITY_LOW) {
		rpc_fail(call, -EINVAL, "queue_create.priority", "there is no priority %u",
			 (unsigned int)req->priority);
		return;
	}
	spec.priority = req->priority ? (enum queue_priority)req->priority : QUEUE_PRIORITY_MEDIUM;
	/* Others have what it leaves: not for everybody to say. Who has a direct queue can do worse. */
	if (spec.priority == QUEUE_PRIORITY_URGENT && spec.mode != QUEUE_DIRECT && !o->device->settings.raw) {
		rpc_fail(call, -EPERM, "queue_create.priority",
			 "urgent queues go before those of all others: 'raw = yes' in the device's section of "
			 "vfnd.conf lets clients have them");
		return;
	}
	ticket = rpc_defer(call, sizeof(struct rpc_ticket));
	if (ticket)
		o->device->class->queue_create(o, &spec, queue_created, ticket);
}

void rpc_raw_queue(struct rpc_call *call)
{
	struct opening *o = rpc_raw(call, call->request->raw_queue->device, "raw_queue.device");
	void *ticket = o ? rpc_defer(call, sizeof(struct rpc_ticket)) : NULL;

	if (ticket)
		o->device->class->raw_queue(o, queue_created, ticket);
}

static void queue_deleted(void *ticket, int error, const char *text)
{
	if (error < 0)
		rpc_ticket_fail(ticket, error, NULL, text);
	else
		rpc_ticket_done(ticket);
}

void rpc_queue_delete(struct rpc_call *call)
{
	uint64_t handle = call->request->queue_delete->queue;
	struct queue *q = queue_find(call->session, handle);
	struct opening *o;
	void *ticket;

	if (!q) {
		rpc_fail(call, -ENOENT, "queue_delete.queue", "there is no queue %" PRIu64, handle);
		return;
	}
	o = rpc_ready(call, queue_opening(q)->lease.handle, "queue_delete.queue");
	ticket = o ? rpc_defer(call, sizeof(struct rpc_ticket)) : NULL;
	if (ticket)
		o->device->class->queue_delete(q, queue_deleted, ticket);
}
