/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "daemon/device/subscription.h"
#include "daemon/rpc/rpc.h"

void rpc_subscribe(struct rpc_call *call)
{
	struct opening *o = rpc_opening(call, call->request->subscribe->device, "subscribe.device");
	Vfnd__SubscribeAnswer subscribe = VFND__SUBSCRIBE_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct subscription *sub;
	int ret;

	if (!o)
		return;
	if (!LIST_EMPTY(&o->subscriptions)) {
		rpc_fail(call, -EALREADY, "subscribe.device",
			 "the session has a subscription of this device: %" PRIu64,
			 LIST_FIRST(&o->subscriptions)->lease.handle);
		return;
	}
	ret = subscription_create(o, &sub);
	if (ret < 0) {
		rpc_fail(call, ret, NULL, "the daemon is out of memory");
		return;
	}
	subscribe.subscription = sub->lease.handle;
	answer.body_case = VFND__ANSWER__BODY_SUBSCRIBE;
	answer.subscribe = &subscribe;
	rpc_answer(call, &answer, NULL);
}

void rpc_unsubscribe(struct rpc_call *call)
{
	uint64_t handle = call->request->unsubscribe->subscription;
	struct subscription *sub = subscription_find(call->session, handle);

	if (!sub) {
		rpc_fail(call, -ENOENT, "unsubscribe.subscription", "there is no subscription %" PRIu64,
			 handle);
		return;
	}
	subscription_free(sub);
	rpc_done(call);
}

int rpc_event(struct subscription *sub, const struct device_event *what)
{
	Vfnd__Event event = VFND__EVENT__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	Vfnd__AsyncEvent async = VFND__ASYNC_EVENT__INIT;
	Vfnd__DeviceGone gone = VFND__DEVICE_GONE__INIT;
	Vfnd__DeviceReset reset = VFND__DEVICE_RESET__INIT;
	Vfnd__EventGap gap = VFND__EVENT_GAP__INIT;
	Vfnd__DeviceDisabled disabled = VFND__DEVICE_DISABLED__INIT;
	Vfnd__DeviceEnabled enabled = VFND__DEVICE_ENABLED__INIT;
	Vfnd__StrayCompletion completion = VFND__STRAY_COMPLETION__INIT;

	event.subscription = sub->lease.handle;
	event.sequence = sub->sequence;
	switch (what->kind) {
	case DEVICE_EVENT_ASYNC:
		async.dw0 = what->dw0;
		async.type = what->dw0 & 7;
		async.info = what->dw0 >> 8 & 0xff;
		async.log_page = what->dw0 >> 16 & 0xff;
		async.log.data = (uint8_t *)what->log;
		async.log.len = what->log_length;
		event.what_case = VFND__EVENT__WHAT_ASYNC;
		event.async = &async;
		break;
	case DEVICE_EVENT_GONE:
		gone.reason = (char *)what->reason;
		event.what_case = VFND__EVENT__WHAT_GONE;
		event.gone = &gone;
		break;
	case DEVICE_EVENT_COMPLETION:
		completion.cqe.data = (uint8_t *)what->log;
		completion.cqe.len = what->log_length;
		event.what_case = VFND__EVENT__WHAT_COMPLETION;
		event.completion = &completion;
		break;
	case DEVICE_EVENT_GAP:
		gap.lost = sub->lost;
		event.what_case = VFND__EVENT__WHAT_GAP;
		event.gap = &gap;
		break;
	case DEVICE_EVENT_DISABLED:
		disabled.reason = (char *)what->reason;
		disabled.kind = (Vfnd__ResetKind)what->kind_of_reset;
		disabled.commands = what->commands;
		disabled.queues = what->queues;
		event.what_case = VFND__EVENT__WHAT_DISABLED;
		event.disabled = &disabled;
		break;
	case DEVICE_EVENT_ENABLED:
		enabled.reason = (char *)what->reason;
		enabled.cc = what->dw0;
		event.what_case = VFND__EVENT__WHAT_ENABLED;
		event.enabled = &enabled;
		break;
	case DEVICE_EVENT_RESET:
		reset.reason = (char *)what->reason;
		reset.kind = (Vfnd__ResetKind)what->kind_of_reset;
		reset.commands = what->commands;
		reset.queues = what->queues;
		event.what_case = VFND__EVENT__WHAT_RESET;
		event.reset = &reset;
		break;
	}
	answer.body_case = VFND__ANSWER__BODY_EVENT;
	answer.event = &event;
	return session_send_event(sub->opening->session, &answer.base, what->kind == DEVICE_EVENT_GONE || what->last);
}

void rpc_events_room(struct session *session)
{
	struct opening *o;

	LIST_FOREACH (o, session_openings(session), in_session)
		subscription_catch_up(o);
}
