/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices are reset, claimed and released by request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/device/class.h"
#include "daemon/rpc/rpc.h"

static void control_was_reset(void *ticket, int error, const char *text, const struct reset_result *result)
{
	Vfnd__ResetAnswer reset = VFND__RESET_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (error < 0) {
		rpc_ticket_fail(ticket, error, NULL, text);
		return;
	}
	reset.csts = result->csts;
	reset.commands = result->commands;
	reset.queues = result->queues;
	answer.body_case = VFND__ANSWER__BODY_RESET;
	answer.reset = &reset;
	rpc_ticket_answer(ticket, &answer, NULL);
}

static void control_reset(struct rpc_call *call, struct opening *o, Vfnd__ResetKind kind, const char *field,
			  bool stay)
{
	char text[256] = "";
	void *ticket;
	int ret;

	if (!o)
		return;
	if (kind > VFND__RESET_KIND__RESET_KIND_HOT) {
		rpc_fail(call, -EINVAL, field, "there is no kind %u", (unsigned int)kind);
		return;
	}
	ticket = rpc_defer(call, sizeof(struct rpc_ticket));
	if (!ticket)
		return;
	ret = o->device->class->reset(o, (enum reset_kind)kind, stay, control_was_reset, ticket, text, sizeof(text));
	if (ret < 0)
		rpc_ticket_fail(ticket, ret, field, text);
}

void rpc_reset(struct rpc_call *call)
{
	const Vfnd__ResetRequest *req = call->request->reset;

	control_reset(call, rpc_ready(call, req->device, "reset.device"), req->kind, "reset.kind", false);
}

void rpc_disable(struct rpc_call *call)
{
	const Vfnd__DisableRequest *req = call->request->disable;

	control_reset(call, rpc_ready(call, req->device, "disable.device"), req->kind, "disable.kind", true);
}

static void control_enabled(void *ticket, int error, const char *text, const struct enable_result *result)
{
	Vfnd__EnableAnswer enable = VFND__ENABLE_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (error < 0) {
		rpc_ticket_fail(ticket, error, NULL, text);
		return;
	}
	enable.cc = result->cc;
	enable.csts = result->csts;
	enable.aqa = result->aqa;
	answer.body_case = VFND__ANSWER__BODY_ENABLE;
	answer.enable = &enable;
	rpc_ticket_answer(ticket, &answer, NULL);
}

void rpc_enable(struct rpc_call *call)
{
	const Vfnd__EnableRequest *req = call->request->enable;
	struct opening *o = rpc_present(call, req->device, "enable.device");
	struct enable_spec spec = {req->cc_mask, req->cc_value, req->admin_sq_entries, req->admin_cq_entries};
	char text[256] = "";
	void *ticket;
	int ret;

	if (!o)
		return;
	if (o->device->state != DEVICE_DISABLED) {
		if (o->device->state == DEVICE_READY && !o->device->class->enable)
			rpc_fail(call, -ENOTSUP, "enable.device", "a device of class %s has no controller to enable",
				 o->device->class->name);
		else
			rpc_fail(call, -EALREADY, "enable.device", "the controller is enabled: disable it first");
		return;
	}
	if (spec.cc_mask && !o->device->settings.raw) {
		rpc_fail(call, -EPERM, "enable.cc_mask", "raw = yes in [device %s] of vfnd.conf allows it",
			 o->device->address);
		return;
	}
	ticket = rpc_defer(call, sizeof(struct rpc_ticket));
	if (!ticket)
		return;
	ret = o->device->class->enable(o, &spec, control_enabled, ticket, text, sizeof(text));
	if (ret < 0)
		rpc_ticket_fail(ticket, ret, "enable", text);
}

static void control_claimed(void *ticket, int error, const char *text)
{
	if (error < 0)
		rpc_ticket_fail(ticket, error, "claim.address", text);
	else
		rpc_ticket_done(ticket);
}

void rpc_claim(struct rpc_call *call)
{
	const char *address = call->request->claim->address;
	struct device *dev = device_find(rpc_host.devices, address);
	void *ticket;
	int ret;

	if (*address && dev && dev->retiring) {
		rpc_fail(call, -EAGAIN, "claim.address", "the device is being released; try again");
		return;
	}
	if (!config_is_address(address)) {
		rpc_fail(call, -EINVAL, "claim.address", "an address like 0000:01:00.0 or vfio-user:/path is needed");
		return;
	}
	ticket = rpc_defer(call, sizeof(struct rpc_ticket));
	if (!ticket)
		return;
	ret = device_claim(rpc_host.devices, address);
	if (ret == -EEXIST)
		rpc_ticket_fail(ticket, -EALREADY, "claim.address", "the daemon has that device");
	else if (ret == -ENOSPC)
		rpc_ticket_fail(ticket, ret, "claim.address", "the daemon has as many devices as it may; release some, "
				"or those that have failed");
	else if (ret < 0)
		rpc_ticket_fail(ticket, ret, NULL, strerror(-ret));
	else
		device_await(device_find(rpc_host.devices, address), control_claimed, ticket);
}

static void control_released(void *ticket)
{
	rpc_ticket_done(ticket);
}

void rpc_release(struct rpc_call *call)
{
	const char *address = call->request->release->address;
	struct device *dev = *address ? device_find(rpc_host.devices, address) : NULL;
	void *ticket;
	int ret;

	if (!dev) {
		rpc_fail(call, -ENODEV, "release.address", "the daemon has no device %.200s; list tells what it has",
			 address);
		return;
	}
	ticket = rpc_defer(call, sizeof(struct rpc_ticket));
	if (!ticket)
		return;
	ret = device_retire(dev, "released by request", control_released, ticket);
	if (ret < 0)
		rpc_ticket_fail(ticket, ret, "release.address",
				ret == -EALREADY ? "the device is being released" : strerror(-ret));
}
