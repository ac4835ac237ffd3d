/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/private.h"

#include <errno.h>
#include <string.h>

static int check_part(struct vfnc_device *dev, const struct vfnc_buffer *buf, uint64_t offset,
		      uint64_t length)
{
	if (buf->device != dev)
		return cl_fail(dev->conn, -EINVAL, "the buffer belongs to another device");
	if (offset > buf->size || length > buf->size - offset)
		return cl_fail(dev->conn, -ERANGE,
			       "%llu bytes at %llu are not inside the buffer of %zu",
			       (unsigned long long)length, (unsigned long long)offset, buf->size);
	return 0;
}

static int set_data(struct vfnc_device *dev, const struct vfnc_cmd *cmd, Vfnd__CommandRequest *op)
{
	struct vfnc *conn = dev->conn;
	int ret;

	if (!!cmd->buffer + !!cmd->data_out + !!cmd->data_in > 1)
		return cl_fail(conn, -EINVAL, "data is in a buffer, or data_out, or data_in");
	if (cmd->buffer) {
		ret = check_part(dev, cmd->buffer, cmd->offset, cmd->length);
		if (ret < 0)
			return ret;
		op->buffer = cl_buffer_handle(cmd->buffer);
		op->offset = cmd->offset;
		op->length = cmd->length;
		return 0;
	}
	if (cmd->length && !cmd->data_out && !cmd->data_in)
		return cl_fail(conn, -EINVAL, "a length, but no place for data");
	if (cmd->length > conn->limits.max_inline)
		return cl_fail(conn, -EMSGSIZE,
			       "%llu bytes of inline data, %u are the most: use a buffer",
			       (unsigned long long)cmd->length, conn->limits.max_inline);
	if (cmd->data_out) {
		op->data.data = (uint8_t *)cmd->data_out;
		op->data.len = cmd->length;
	} else {
		op->length = cmd->length;
	}
	return 0;
}

static int set_command(struct vfnc_device *dev, const struct vfnc_cmd *cmd,
		       Vfnd__CommandRequest *op)
{
	int ret = set_data(dev, cmd, op);

	if (ret == 0 && cmd->meta_buffer) {
		ret = check_part(dev, cmd->meta_buffer, cmd->meta_offset, cmd->meta_length);
		if (ret == 0) {
			op->meta_buffer = cl_buffer_handle(cmd->meta_buffer);
			op->meta_offset = cmd->meta_offset;
			op->meta_length = cmd->meta_length;
		}
	}
	op->opcode = cmd->opcode;
	op->flags = cmd->flags;
	op->nsid = cmd->nsid;
	op->cdw2 = cmd->cdw2;
	op->cdw3 = cmd->cdw3;
	op->cdw10 = cmd->cdw10;
	op->cdw11 = cmd->cdw11;
	op->cdw12 = cmd->cdw12;
	op->cdw13 = cmd->cdw13;
	op->cdw14 = cmd->cdw14;
	op->cdw15 = cmd->cdw15;
	op->timeout_ms = cmd->timeout_ms;
	return ret;
}

static bool full(const struct vfnc *conn, const struct cl_queue *queue)
{
	return conn->inflight >= conn->limits.max_outstanding ||
	       (queue && queue->inflight >= queue->pub.entries - 1);
}

int cl_command_start(struct vfnc_device *dev, struct vfnc_queue *pub, const struct vfnc_cmd *cmd,
		     struct cl_call **callp)
{
	struct cl_queue *queue = (struct cl_queue *)pub;
	Vfnd__CommandRequest op = VFND__COMMAND_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_call *call;
	int ret = set_command(dev, cmd, &op);

	if (ret < 0)
		return ret;
	if (queue) {
		op.queue = queue->handle;
		req.op_case = VFND__REQUEST__OP_IO;
		req.io = &op;
	} else {
		op.device = dev->handle;
		req.op_case = VFND__REQUEST__OP_ADMIN;
		req.admin = &op;
	}
	ret = cl_request_start(dev, pub, &req, &call);
	if (ret < 0)
		return ret;
	call->data_in = cmd->data_in;
	call->length = cmd->length;
	if (cmd->data_in) {
		call->awaited += cmd->length;
		dev->conn->awaited += cmd->length;
	}
	*callp = call;
	return 0;
}

int cl_request_start(struct vfnc_device *dev, struct vfnc_queue *pub, Vfnd__Request *req,
		     struct cl_call **callp)
{
	struct cl_queue *queue = (struct cl_queue *)pub;
	struct vfnc *conn = dev->conn;
	struct cl_call *call;
	int ret;

	/* The daemon cuts off who sends and never reads. A look is a system call: not before each command. */
	if (conn->awaited >= CL_AWAITED_MAX || full(conn, queue)) {
		ret = cl_rpc_drain(conn);
		if (ret < 0)
			return ret;
	}
	if (full(conn, queue))
		return cl_fail(conn, -EAGAIN,
			       "as many commands outstanding as are allowed: wait for one");
	ret = cl_rpc_start(conn, req, VFND__ANSWER__BODY_COMMAND, &call);
	if (ret < 0)
		return ret;
	call->awaited = CL_ANSWER_MAX;
	conn->awaited += call->awaited;
	call->command = true;
	call->queue = pub;
	conn->inflight++;
	if (queue)
		queue->inflight++;
	*callp = call;
	return 0;
}

int cl_command_finish(struct vfnc *conn, struct cl_call *call, struct vfnc_completion *cpl)
{
	const Vfnd__CommandAnswer *a;
	struct vfnc_completion own;
	int ret = cl_rpc_result(conn, call);

	if (ret == 0) {
		a = call->answer->command;
		if (!cpl)
			cpl = &own;
		*cpl = (struct vfnc_completion){
			.dw0 = a->dw0,
			.dw1 = a->dw1,
			.sqhd = (uint16_t)a->sqhd,
			.sqid = (uint16_t)a->sqid,
			.cid = (uint16_t)a->cid,
			.status = (uint16_t)a->status,
			.timed_out = a->timed_out,
		};
		if (a->data.len > (call->data_in ? call->length : 0))
			ret = cl_rpc_kill(conn, -EPROTO,
					  "the daemon sent %zu bytes of data, %llu were asked for",
					  a->data.len, (unsigned long long)call->length);
		else if (a->data.len) {
			memcpy(call->data_in, a->data.data, a->data.len);
			cpl->length = (uint32_t)a->data.len;
		}
		if (ret == 0 && cpl == &own && !vfnc_ok(cpl))
			ret = cl_fail(conn, -EIO, "the command failed with status 0x%x%s",
				      cpl->status, cpl->timed_out ? " after its time limit" : "");
	}
	cl_rpc_free(conn, call);
	return ret;
}

static int run(struct vfnc_device *dev, struct vfnc_queue *queue, const struct vfnc_cmd *cmd,
	       struct vfnc_completion *cpl)
{
	struct cl_call *call;
	int ret = cl_command_start(dev, queue, cmd, &call);

	return ret < 0 ? ret : cl_request_wait(dev->conn, call, cmd->timeout_ms, cpl);
}

int cl_request_wait(struct vfnc *conn, struct cl_call *call, uint32_t timeout_ms,
		    struct vfnc_completion *cpl)
{
	int64_t limit = conn->timeout_ms;
	int ret;

	/* its own time, and then the daemon's for aborting it and answering */
	if (limit > 0)
		limit += timeout_ms ? timeout_ms : VFNC_DEFAULT_TIMEOUT;
	ret = cl_rpc_wait(conn, call, cl_deadline(limit), false);
	if (ret < 0) {
		cl_rpc_abandon(conn, call);
		return ret;
	}
	return cl_command_finish(conn, call, cpl);
}

int vfnc_admin(struct vfnc_device *dev, const struct vfnc_cmd *cmd,
	       struct vfnc_completion *completion)
{
	return run(dev, NULL, cmd, completion);
}

int vfnc_io(struct vfnc_queue *queue, const struct vfnc_cmd *cmd,
	    struct vfnc_completion *completion)
{
	return run(queue->device, queue, cmd, completion);
}

static int submit(struct vfnc_device *dev, struct vfnc_queue *queue, const struct vfnc_cmd *cmd,
		  uint64_t *ticket)
{
	struct cl_call *call;
	int ret = cl_command_start(dev, queue, cmd, &call);

	*ticket = 0;
	if (ret < 0)
		return ret;
	*ticket = cl_request_ticket(dev->conn, call);
	return 0;
}

uint64_t cl_request_ticket(struct vfnc *conn, struct cl_call *call)
{
	call->ticket = true;
	conn->tickets++;
	return call->id;
}

int vfnc_submit_admin(struct vfnc_device *dev, const struct vfnc_cmd *cmd, uint64_t *ticket)
{
	return submit(dev, NULL, cmd, ticket);
}

int vfnc_submit(struct vfnc_queue *queue, const struct vfnc_cmd *cmd, uint64_t *ticket)
{
	return submit(queue->device, queue, cmd, ticket);
}

static struct cl_call *find_ticket(struct vfnc *conn, uint64_t ticket)
{
	struct cl_call *call = cl_rpc_find(conn, ticket);

	if (call && call->ticket)
		return call;
	cl_fail(conn, -ENOENT, "no command has ticket %llu", (unsigned long long)ticket);
	return NULL;
}

int vfnc_wait(struct vfnc *conn, uint64_t ticket, struct vfnc_completion *completion,
	      int timeout_ms)
{
	struct cl_call *call = find_ticket(conn, ticket);
	int ret;

	if (!call)
		return -ENOENT;
	ret = cl_rpc_wait(conn, call, cl_deadline(timeout_ms), true);
	if (ret == -ETIMEDOUT || ret == -EINTR)
		return ret;
	if (ret < 0) {
		cl_rpc_free(conn, call);
		return ret;
	}
	return cl_command_finish(conn, call, completion);
}

int vfnc_wait_any(struct vfnc *conn, uint64_t *ticket, struct vfnc_completion *completion,
		  int timeout_ms)
{
	int64_t deadline = cl_deadline(timeout_ms);
	struct cl_call *call;

	*ticket = 0;
	if (conn->tickets == 0)
		return cl_fail(conn, -ENOENT, "no command is outstanding");
	while (!(call = TAILQ_FIRST(&conn->done))) {
		int ret = cl_rpc_pump(conn, deadline, true);

		if (ret < 0)
			return ret;
	}
	*ticket = call->id;
	return cl_command_finish(conn, call, completion);
}

int vfnc_forget(struct vfnc *conn, uint64_t ticket)
{
	struct cl_call *call = cl_rpc_find(conn, ticket);

	if (!call || call->state == CL_ABANDONED || !call->fn)
		call = find_ticket(conn, ticket);
	if (!call)
		return -ENOENT;
	cl_rpc_abandon(conn, call);
	return 0;
}

unsigned int vfnc_outstanding(const struct vfnc *conn)
{
	return conn->tickets + conn->started;
}
