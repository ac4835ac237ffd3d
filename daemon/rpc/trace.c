/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/device/tracer.h"
#include "daemon/rpc/rpc.h"

/* Whose commands: 0, or -errno when the call was answered. */
static int trace_scope(struct rpc_call *call, const struct opening *o, struct trace_filter *filter)
{
	const Vfnd__TraceOpenRequest *req = call->request->trace_open;
	uint64_t own = session_number(call->session);

	filter->session = req->session;
	switch ((unsigned int)req->scope) {
	case VFND__TRACE_SCOPE__TRACE_SCOPE_SESSION:
		if (req->session && req->session != own) {
			rpc_fail(call, -EPERM, "trace_open.session",
				 "this scope has the session's own commands alone");
			return -EPERM;
		}
		filter->session = own;
		return 0;
	case VFND__TRACE_SCOPE__TRACE_SCOPE_USER:
		filter->user = o->user;
		return 0;
	case VFND__TRACE_SCOPE__TRACE_SCOPE_ALL:
		if (o->device->settings.raw)
			return 0;
		rpc_fail(call, -EPERM, "trace_open.scope",
			 "commands of other users are shown with raw = yes in [device %s] of vfnd.conf",
			 o->device->address);
		return -EPERM;
	default:
		rpc_fail(call, -EINVAL, "trace_open.scope", "there is no scope %u", (unsigned int)req->scope);
		return -EINVAL;
	}
}

static int trace_filter(struct rpc_call *call, const struct opening *o, struct trace_filter *filter)
{
	const Vfnd__TraceOpenRequest *req = call->request->trace_open;

	*filter = (struct trace_filter){
		.opcodes_set = req->opcodes.len > 0,
		.no_admin = req->no_admin,
		.no_io = req->no_io,
		.qid_set = req->has_queue,
		.qid = (uint16_t)req->queue,
		.failed = req->failed,
		.nstatuses = (unsigned int)req->n_statuses,
	};
	for (size_t i = 0; i < req->opcodes.len; i++)
		filter->opcodes[req->opcodes.data[i] / 64] |= UINT64_C(1) << req->opcodes.data[i] % 64;
	if (req->queue > UINT16_MAX) {
		rpc_fail(call, -EINVAL, "trace_open.queue", "queues are numbered up to %u", UINT16_MAX);
		return -EINVAL;
	}
	if (req->n_statuses > TRACE_STATUSES) {
		rpc_fail(call, -EINVAL, "trace_open.statuses", "at most %u can be named", TRACE_STATUSES);
		return -EINVAL;
	}
	for (size_t i = 0; i < req->n_statuses; i++) {
		if (req->statuses[i] > 0x7ff) {
			rpc_fail(call, -EINVAL, "trace_open.statuses", "a status and its type have 11 bits");
			return -EINVAL;
		}
		filter->statuses[i] = (uint16_t)req->statuses[i];
	}
	return trace_scope(call, o, filter);
}

static void trace_failed(struct rpc_call *call, int error)
{
	switch (error) {
	case -EINVAL:
		rpc_fail(call, error, "trace_open.entries", "a lane has at most %u entries", TRACE_MAX_ENTRIES);
		break;
	case -EDQUOT:
		rpc_fail(call, error, NULL,
			 "the user has as much memory as the configuration allows (buffer-bytes)");
		break;
	case -EMFILE:
		rpc_fail(call, error, NULL, "the session has %u traces of the device, and may not have more; close one",
			 TRACER_OPENING_MAX);
		break;
	case -ENOSPC:
		rpc_fail(call, error, NULL, "the device has %u traces, and cannot have more", TRACE_LIST_MAX);
		break;
	default:
		rpc_fail(call, error, NULL, "the trace's memory cannot be made: %s", strerror(-error));
		break;
	}
}

void rpc_trace_open(struct rpc_call *call)
{
	const Vfnd__TraceOpenRequest *req = call->request->trace_open;
	struct opening *o = rpc_ready(call, req->device, "trace_open.device");
	Vfnd__TraceOpenAnswer opened = VFND__TRACE_OPEN_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct fdset set = FDSET_INIT;
	struct trace_filter filter;
	struct tracer *t;
	int fds[2], ret;

	if (!o || trace_filter(call, o, &filter) < 0)
		return;
	ret = tracer_create(o, &filter, req->entries, fds, &t);
	if (ret < 0) {
		trace_failed(call, ret);
		return;
	}
	fdset_add(&set, fds[0]);
	fdset_add(&set, fds[1]);
	opened.trace = t->lease.handle;
	opened.size = t->size;
	opened.entries = t->trace.count;
	answer.body_case = VFND__ANSWER__BODY_TRACE_OPEN;
	answer.trace_open = &opened;
	rpc_answer(call, &answer, &set);
}

void rpc_trace_close(struct rpc_call *call)
{
	uint64_t handle = call->request->trace_close->trace;
	struct tracer *t = tracer_find(call->session, handle);

	if (!t) {
		rpc_fail(call, -ENOENT, "trace_close.trace", "there is no trace %" PRIu64, handle);
		return;
	}
	tracer_free(t);
	rpc_done(call);
}
