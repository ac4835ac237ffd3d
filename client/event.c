/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int vfnc_subscribe(struct vfnc_device *dev, struct vfnc_subscription **subp)
{
	Vfnd__SubscribeRequest op = VFND__SUBSCRIBE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct vfnc_subscription *sub;
	struct cl_call *call;
	int ret;

	*subp = NULL;
	op.device = dev->handle;
	req.op_case = VFND__REQUEST__OP_SUBSCRIBE;
	req.subscribe = &op;
	sub = calloc(1, sizeof(*sub));
	if (!sub)
		return cl_fail(dev->conn, -ENOMEM, "no memory");
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_SUBSCRIBE, &call);
	if (ret < 0) {
		free(sub);
		return ret;
	}
	sub->device = dev;
	sub->handle = call->answer->subscribe->subscription;
	TAILQ_INSERT_TAIL(&dev->subs, sub, link);
	cl_rpc_free(dev->conn, call);
	*subp = sub;
	return 0;
}

void cl_event_drop(struct vfnc *conn, struct cl_event *event)
{
	TAILQ_REMOVE(&conn->events, event, link);
	conn->n_events--;
	cl_answer_free(conn, event->message);
	free(event);
}

void cl_subscription_free(struct vfnc_subscription *sub)
{
	struct vfnc *conn = sub->device->conn;
	struct cl_event *event = TAILQ_FIRST(&conn->events);

	while (event) {
		struct cl_event *next = TAILQ_NEXT(event, link);

		if (event->message->event->subscription == sub->handle)
			cl_event_drop(conn, event);
		event = next;
	}
	TAILQ_REMOVE(&sub->device->subs, sub, link);
	free(sub);
}

int vfnc_unsubscribe(struct vfnc_subscription *sub)
{
	Vfnd__UnsubscribeRequest op = VFND__UNSUBSCRIBE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int ret;

	if (!sub)
		return 0;
	op.subscription = sub->handle;
	req.op_case = VFND__REQUEST__OP_UNSUBSCRIBE;
	req.unsubscribe = &op;
	ret = cl_rpc_end(sub->device->conn, &req);
	if (ret == 0)
		cl_subscription_free(sub);
	return ret;
}

/*
 * Only what vfnc_event_wait() can hand out is kept. The newest events are worth most (the device is
 * gone); the sequence tells that older ones are missing.
 */
void cl_event_put(struct vfnc *conn, Vfnd__Answer *message)
{
	struct cl_event *event = NULL;

	if (message->event->what_case != VFND__EVENT__WHAT__NOT_SET)
		event = calloc(1, sizeof(*event));
	if (!event) {
		cl_answer_free(conn, message);
		return;
	}
	if (conn->n_events == VFNC_EVENTS_MAX)
		cl_event_drop(conn, TAILQ_FIRST(&conn->events));
	event->message = message;
	TAILQ_INSERT_TAIL(&conn->events, event, link);
	conn->n_events++;
}

static struct vfnc_subscription *find_subscription(struct vfnc *conn, uint64_t handle)
{
	struct vfnc_subscription *sub;
	struct vfnc_device *dev;

	TAILQ_FOREACH (dev, &conn->devices, link)
		TAILQ_FOREACH (sub, &dev->subs, link)
			if (sub->handle == handle)
				return sub;
	return NULL;
}

static void fill_async(struct vfnc_event *event, const Vfnd__AsyncEvent *async)
{
	size_t len = async->log.len < sizeof(event->log) ? async->log.len : sizeof(event->log);

	event->kind = VFNC_EVENT_ASYNC;
	event->dw0 = async->dw0;
	event->type = async->type;
	event->info = async->info;
	event->log_page = async->log_page;
	event->log_length = (uint32_t)len;
	if (len)
		memcpy(event->log, async->log.data, len);
}

static bool fill(struct vfnc *conn, const Vfnd__Event *e, struct vfnc_event *event)
{
	struct vfnc_subscription *sub = find_subscription(conn, e->subscription);
	uint64_t before = sub ? sub->last_sequence : 0;

	if (!sub)
		return false;
	memset(event, 0, sizeof(*event));
	event->device = sub->device;
	event->subscription = sub;
	event->sequence = e->sequence;
	if (e->sequence > sub->last_sequence) {
		event->lost = e->sequence - sub->last_sequence - 1;
		sub->last_sequence = e->sequence;
	}
	switch ((int)e->what_case) {
	case VFND__EVENT__WHAT_ASYNC:
		fill_async(event, e->async);
		break;
	case VFND__EVENT__WHAT_GONE:
		event->kind = VFNC_EVENT_GONE;
		snprintf(event->reason, sizeof(event->reason), "%s", e->gone->reason);
		break;
	case VFND__EVENT__WHAT_COMPLETION:
		event->kind = VFNC_EVENT_COMPLETION;
		event->log_length = (uint32_t)(e->completion->cqe.len < 16 ? e->completion->cqe.len : 16);
		memcpy(event->log, e->completion->cqe.data, event->log_length);
		break;
	case VFND__EVENT__WHAT_GAP:
		event->kind = VFNC_EVENT_GAP;
		event->lost += e->sequence > before;
		break;
	case VFND__EVENT__WHAT_DISABLED:
		event->info = e->disabled->kind;
		event->dw0 = e->disabled->commands;
		event->type = e->disabled->queues;
		event->kind = VFNC_EVENT_DISABLED;
		snprintf(event->reason, sizeof(event->reason), "%s", e->disabled->reason);
		break;
	case VFND__EVENT__WHAT_ENABLED:
		event->dw0 = e->enabled->cc;
		event->kind = VFNC_EVENT_ENABLED;
		snprintf(event->reason, sizeof(event->reason), "%s", e->enabled->reason);
		break;
	default:
		event->info = e->reset->kind;
		event->dw0 = e->reset->commands;
		event->type = e->reset->queues;
		event->kind = VFNC_EVENT_RESET;
		snprintf(event->reason, sizeof(event->reason), "%s", e->reset->reason);
		break;
	}
	return true;
}

bool cl_event_take(struct vfnc *conn, struct vfnc_event *event)
{
	struct cl_event *first;

	while ((first = TAILQ_FIRST(&conn->events))) {
		bool known = fill(conn, first->message->event, event);

		cl_event_drop(conn, first);
		if (known)
			return true;
	}
	return false;
}

int vfnc_event_wait(struct vfnc *conn, struct vfnc_event *event, int timeout_ms)
{
	int64_t deadline = cl_deadline(timeout_ms);

	while (!cl_event_take(conn, event)) {
		int ret = cl_rpc_pump(conn, deadline, true);

		if (ret < 0)
			return ret;
	}
	return 0;
}
