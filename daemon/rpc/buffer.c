/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/buffer.h"

#include <errno.h>
#include <inttypes.h>

#include "daemon/rpc/rpc.h"

static void buffer_allocated(void *ticket, int error, const char *text, struct buffer *buffer)
{
	Vfnd__BufferAllocAnswer alloc = VFND__BUFFER_ALLOC_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct fdset fds = FDSET_INIT;

	if (error == 0)
		error = fdset_add_dup(&fds, buffer->fd);
	if (error < 0) {
		rpc_ticket_fail(ticket, error, NULL, text);
		if (buffer)
			buffer_free(buffer, NULL, NULL);
		return;
	}
	alloc.buffer = buffer->lease.handle;
	alloc.size = buffer->size;
	alloc.iova = buffer->iova;
	answer.body_case = VFND__ANSWER__BODY_BUFFER_ALLOC;
	answer.buffer_alloc = &alloc;
	rpc_ticket_answer(ticket, &answer, &fds);
}

void rpc_buffer_alloc(struct rpc_call *call)
{
	const Vfnd__BufferAllocRequest *req = call->request->buffer_alloc;
	struct opening *o = rpc_ready(call, req->device, "buffer_alloc.device");
	struct rpc_ticket *ticket;
	int ret;

	if (!o)
		return;
	ticket = rpc_defer(call, sizeof(*ticket));
	if (!ticket)
		return;
	ret = buffer_alloc(o, req->size, buffer_allocated, ticket);
	if (ret < 0)
		rpc_ticket_fail(ticket, ret, "buffer_alloc.size",
				ret == -EDQUOT ? "the user would have more buffers than the "
						 "configuration allows (buffers, buffer-bytes)"
				: ret == -EINVAL ? "a size from 1 byte on is needed"
						 : "");
}

static void buffer_freed(void *ticket, int error, const char *text, struct buffer *buffer)
{
	if (error < 0)
		rpc_ticket_fail(ticket, error, NULL, text);
	else
		rpc_ticket_done(ticket);
}

void rpc_buffer_free(struct rpc_call *call)
{
	uint64_t handle = call->request->buffer_free->buffer;
	struct buffer *b = buffer_find(call->session, handle);
	void *ticket;

	if (!b) {
		rpc_fail(call, -ENOENT, "buffer_free.buffer", "there is no buffer %" PRIu64, handle);
		return;
	}
	if (b->busy) {
		rpc_fail(call, -EBUSY, "buffer_free.buffer", "%u commands that use it are outstanding",
			 b->busy);
		return;
	}
	ticket = rpc_defer(call, sizeof(struct rpc_ticket));
	if (ticket && buffer_free(b, buffer_freed, ticket) < 0)
		rpc_ticket_fail(ticket, -EBUSY, "buffer_free.buffer",
				"commands of served queues use it, or unchecked ones and their queues may");
}
