/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/command.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <vfn/support.h>

#include "daemon/device/buffer.h"
#include "daemon/device/class.h"
#include "daemon/device/queue.h"
#include "daemon/device/tracer.h"
#include "daemon/rpc/rpc.h"

static void command_over(void *ticket, const struct command_result *result)
{
	Vfnd__CommandAnswer command = VFND__COMMAND_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (result->error) {
		rpc_ticket_fail(ticket, result->error, NULL, result->text);
		return;
	}
	command.dw0 = le32_to_cpu(result->cqe.dw0);
	command.dw1 = le32_to_cpu(result->cqe.dw1);
	command.sqhd = le16_to_cpu(result->cqe.sqhd);
	command.sqid = le16_to_cpu(result->cqe.sqid);
	command.cid = result->cqe.cid;
	command.status = le16_to_cpu(result->cqe.sfp) >> 1;
	command.timed_out = result->timed_out;
	command.data.data = (uint8_t *)result->data;
	command.data.len = result->length;
	answer.body_case = VFND__ANSWER__BODY_COMMAND;
	answer.command = &command;
	rpc_ticket_answer(ticket, &answer, NULL);
}

static bool command_inside(const struct buffer *b, uint64_t offset, uint64_t length)
{
	return length <= b->size && offset <= b->size - length;
}

/* Data and metadata of the request; -errno when the call was answered with an error. */
static int command_data(struct rpc_call *call, const Vfnd__CommandRequest *req, struct command_spec *spec)
{
	spec->length = req->length;
	spec->offset = req->offset;
	if (req->buffer) {
		spec->data = buffer_find(call->session, req->buffer);
		if (!spec->data) {
			rpc_fail(call, -ENOENT, "command.buffer", "there is no buffer %" PRIu64,
				 req->buffer);
			return -ENOENT;
		}
		if (req->data.len) {
			rpc_fail(call, -EINVAL, "command.data", "either a buffer or inline data");
			return -EINVAL;
		}
		if (req->length == 0 || !command_inside(spec->data, req->offset, req->length)) {
			rpc_fail(call, -EINVAL, "command.length",
				 "%" PRIu64 " bytes at %" PRIu64 " are not inside the buffer's %" PRIu64,
				 req->length, req->offset, spec->data->size);
			return -EINVAL;
		}
	} else if (req->data.len) {
		spec->out = req->data.data;
		spec->length = req->data.len;
	}
	if (!req->buffer && spec->length > COMMAND_INLINE_MAX) {
		rpc_fail(call, -EMSGSIZE, req->data.len ? "command.data" : "command.length",
			 "inline data is at most %u bytes; use a buffer", COMMAND_INLINE_MAX);
		return -EMSGSIZE;
	}
	if (!req->meta_buffer)
		return 0;
	spec->meta = buffer_find(call->session, req->meta_buffer);
	spec->meta_offset = req->meta_offset;
	spec->meta_length = req->meta_length;
	if (!spec->meta) {
		rpc_fail(call, -ENOENT, "command.meta_buffer", "there is no buffer %" PRIu64,
			 req->meta_buffer);
		return -ENOENT;
	}
	if (!command_inside(spec->meta, req->meta_offset, req->meta_length)) {
		rpc_fail(call, -EINVAL, "command.meta_length", "not inside the buffer");
		return -EINVAL;
	}
	return 0;
}

static int command_fields(struct rpc_call *call, const Vfnd__CommandRequest *req, union nvme_cmd *sqe)
{
	*sqe = (union nvme_cmd){
		.opcode = (uint8_t)req->opcode,
		.flags = (uint8_t)req->flags,
		.nsid = cpu_to_le32(req->nsid),
		.cdw2 = cpu_to_le32(req->cdw2),
		.cdw3 = cpu_to_le32(req->cdw3),
		.cdw10 = cpu_to_le32(req->cdw10),
		.cdw11 = cpu_to_le32(req->cdw11),
		.cdw12 = cpu_to_le32(req->cdw12),
		.cdw13 = cpu_to_le32(req->cdw13),
		.cdw14 = cpu_to_le32(req->cdw14),
		.cdw15 = cpu_to_le32(req->cdw15),
	};
	if (req->opcode > 0xff) {
		rpc_fail(call, -EINVAL, "command.opcode", "an opcode is one byte");
		return -EINVAL;
	}
	if (req->flags) {
		rpc_fail(call, -EPERM, "command.flags", "FUSE and PSDT are the daemon's: 0 is needed");
		return -EPERM;
	}
	return 0;
}

static void command_submit(struct rpc_call *call, const Vfnd__CommandRequest *req, struct opening *o,
			   struct queue *q)
{
	struct command_spec spec = {.timeout_ms = req->timeout_ms, .id = call->id};
	char text[256] = "";
	void *ticket = NULL;
	int ret;

	/* An answer that cannot be sent may end the session. */
	opening_hold(o);
	ret = command_fields(call, req, &spec.sqe);
	if (ret == 0)
		ret = command_data(call, req, &spec);
	if (ret == 0) {
		ticket = rpc_defer(call, sizeof(struct rpc_ticket));
		ret = ticket ? 0 : -EAGAIN;
	}
	if (ticket)
		ret = o->device->class->submit(o, q, &spec, command_over, ticket, text, sizeof(text));
	if (ret < 0)
		tracer_refused(o, q, &spec.sqe, false, ret);
	if (ret < 0 && o->device->class->refused)
		o->device->class->refused(o, q);
	if (ret < 0 && ticket)
		rpc_ticket_fail(ticket, ret, NULL, text);
	opening_release(o);
}

void rpc_admin(struct rpc_call *call)
{
	const Vfnd__CommandRequest *req = call->request->admin;
	struct opening *o = rpc_ready(call, req->device, "admin.device");

	if (o)
		command_submit(call, req, o, NULL);
}

void rpc_io(struct rpc_call *call)
{
	const Vfnd__CommandRequest *req = call->request->io;
	struct queue *q = queue_find(call->session, req->queue);

	if (!q) {
		rpc_fail(call, -ENOENT, "io.queue", "there is no queue %" PRIu64, req->queue);
		return;
	}
	command_submit(call, req, queue_opening(q), q);
}

void rpc_cancel(struct rpc_call *call)
{
	uint64_t id = call->request->cancel->request;
	struct opening *o;

	LIST_FOREACH (o, session_openings(call->session), in_session)
		if (o->device->class->cancel && o->device->class->cancel(o, id)) {
			rpc_done(call);
			return;
		}
	rpc_fail(call, -ENOENT, "cancel.request", "request %" PRIu64 " is no outstanding command", id);
}

void rpc_raw_command(struct rpc_call *call)
{
	const Vfnd__RawCommandRequest *req = call->request->raw_command;
	struct raw_spec spec = {.keep_cid = req->keep_cid, .timeout_ms = req->timeout_ms, .id = call->id};
	struct queue *q = req->queue ? queue_find(call->session, req->queue) : NULL;
	char text[256] = "";
	struct opening *o;
	void *ticket;
	int ret;

	if (req->queue && !q) {
		rpc_fail(call, -ENOENT, "raw_command.queue", "there is no queue %" PRIu64, req->queue);
		return;
	}
	o = rpc_raw(call, q ? queue_opening(q)->lease.handle : req->device, "raw_command.device");
	if (!o)
		return;
	if (req->sqe.len != sizeof(spec.sqe)) {
		rpc_fail(call, -EINVAL, "raw_command.sqe", "a command has %zu bytes", sizeof(spec.sqe));
		return;
	}
	memcpy(&spec.sqe, req->sqe.data, sizeof(spec.sqe));
	ticket = rpc_defer(call, sizeof(struct rpc_ticket));
	if (!ticket)
		return;
	ret = o->device->class->submit_raw(o, q, &spec, command_over, ticket, text, sizeof(text));
	if (ret < 0 && o->device->class->refused)
		o->device->class->refused(o, q);
	if (ret < 0) {
		tracer_refused(o, q, &spec.sqe, true, ret);
		rpc_ticket_fail(ticket, ret, NULL, text);
	}
}
