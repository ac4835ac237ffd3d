/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/buffer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/rpc/rpc.h"

struct buffer_ticket {
	struct rpc_ticket ticket;
	bool give;	  /* the client gets a descriptor */
	unsigned int left; /* buffers that are being freed */
	int error;	  /* of one of them */
	char text[256];
};

static void buffer_made(void *arg, int error, const char *text, struct buffer *buffer)
{
	Vfnd__BufferAllocAnswer alloc = VFND__BUFFER_ALLOC_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct buffer_ticket *ticket = arg;
	struct fdset fds = FDSET_INIT;

	if (error == 0 && ticket->give)
		error = fdset_add_dup(&fds, buffer->memory->fd);
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

/* Where it is to be; -errno when the call was answered with an error. */
static int buffer_place_check(struct rpc_call *call, const struct opening *o, Vfnd__IovaPlace place, uint64_t iova,
			      struct buffer_spec *spec, const char *const fields[2])
{
	if (place > VFND__IOVA_PLACE__IOVA_PLACE_FIXED) {
		rpc_fail(call, -EINVAL, fields[0], "no such place: lowest 0, highest 1 and fixed 2 are known");
		return -EINVAL;
	}
	spec->place = (enum buffer_place)place;
	spec->iova = iova;
	if (spec->place != BUFFER_FIXED && iova) {
		rpc_fail(call, -EINVAL, fields[1], "an IOVA is chosen with place 2, fixed");
		return -EINVAL;
	}
	if (spec->place == BUFFER_FIXED && !o->device->settings.raw) {
		rpc_fail(call, -EPERM, fields[0], "raw = yes in [device %s] of vfnd.conf allows to choose an IOVA",
			 o->device->address);
		return -EPERM;
	}
	return 0;
}

/* The client's memory, or none; -errno when the call was answered with an error. */
static int buffer_own_check(struct rpc_call *call, const Vfnd__BufferAllocRequest *req, struct buffer_spec *spec)
{
	if (!req->own && call->fds->n) {
		rpc_fail(call, -EINVAL, "buffer_alloc.own", "a descriptor came, and `own` does not say so");
		return -EINVAL;
	}
	if (!req->own && req->offset) {
		rpc_fail(call, -EINVAL, "buffer_alloc.offset", "an offset goes with a memfd of one's own");
		return -EINVAL;
	}
	if (!req->own)
		return 0;
	if (req->page_size) {
		rpc_fail(call, -EINVAL, "buffer_alloc.page_size", "the memfd has pages of a size already");
		return -EINVAL;
	}
	spec->offset = req->offset;
	spec->fd = fdset_take(call->fds, 0);
	if (spec->fd >= 0)
		return 0;
	rpc_fail(call, -EINVAL, "buffer_alloc.own", "no descriptor came with the request");
	return -EINVAL;
}

static const char *buffer_alloc_text(const struct opening *o, int error)
{
	switch (error) {
	case -EDQUOT:
		if (!LIST_EMPTY(&o->kept))
			return "the user would have more than the configuration allows (buffers, buffer-bytes); "
			       "what was freed beside direct queues counts until they are deleted";
		return "the user would have more buffers than the configuration allows (buffers, buffer-bytes)";
	case -EINVAL:
		return "a size from 1 byte on is needed, of one's own memory whole pages; pages have a power of two of "
		       "bytes";
	case -EALREADY:
		return "the device has this memory already";
	default:
		return "";
	}
}

void rpc_buffer_alloc(struct rpc_call *call)
{
	static const char *const fields[] = {"buffer_alloc.place", "buffer_alloc.iova"};
	const Vfnd__BufferAllocRequest *req = call->request->buffer_alloc;
	struct opening *o = rpc_present(call, req->device, "buffer_alloc.device");
	struct buffer_spec spec = {.size = req->size, .page_size = req->page_size, .fd = -1};
	struct buffer_ticket *ticket;
	int ret;

	if (!o || buffer_place_check(call, o, req->place, req->iova, &spec, fields) < 0 ||
	    buffer_own_check(call, req, &spec) < 0)
		return;
	ticket = rpc_defer(call, sizeof(*ticket));
	if (ticket) {
		ticket->give = !req->own;
		ret = buffer_alloc(o, &spec, buffer_made, ticket);
		if (ret == 0)
			return;
		rpc_ticket_fail(ticket, ret, "buffer_alloc.size", buffer_alloc_text(o, ret));
	}
	if (spec.fd >= 0)
		fdset_drop_one(spec.fd);
}

static struct buffer *buffer_named(struct rpc_call *call, uint64_t handle, const char *field)
{
	struct buffer *b = buffer_find(call->session, handle);

	if (!b)
		rpc_fail(call, -ENOENT, field, "there is no buffer %" PRIu64, handle);
	return b;
}

void rpc_buffer_attach(struct rpc_call *call)
{
	static const char *const fields[] = {"buffer_attach.place", "buffer_attach.iova"};
	const Vfnd__BufferAttachRequest *req = call->request->buffer_attach;
	struct opening *o = rpc_ready(call, req->device, "buffer_attach.device");
	struct buffer *other = o ? buffer_named(call, req->buffer, "buffer_attach.buffer") : NULL;
	struct buffer_spec spec = {.fd = -1};
	struct buffer_ticket *ticket;
	int ret;

	if (!other || buffer_place_check(call, o, req->place, req->iova, &spec, fields) < 0)
		return;
	ticket = rpc_defer(call, sizeof(*ticket));
	if (!ticket)
		return;
	ret = buffer_attach(o, other, &spec, buffer_made, ticket);
	if (ret < 0)
		rpc_ticket_fail(ticket, ret, ret == -EALREADY ? "buffer_attach.device" : "buffer_attach.buffer",
				buffer_alloc_text(o, ret));
}

static void buffer_freed(void *arg, int error, const char *text, struct buffer *buffer)
{
	struct buffer_ticket *ticket = arg;

	if (error < 0) {
		ticket->error = error;
		snprintf(ticket->text, sizeof(ticket->text), "%s", text ? text : "");
	}
	if (--ticket->left > 0)
		return;
	if (ticket->error < 0)
		rpc_ticket_fail(ticket, ticket->error, NULL, ticket->text);
	else
		rpc_ticket_done(ticket);
}

void rpc_buffer_free(struct rpc_call *call)
{
	const Vfnd__BufferFreeRequest *req = call->request->buffer_free;
	struct buffer *b = buffer_named(call, req->buffer, "buffer_free.buffer");
	struct buffer_ticket *ticket;
	int n;

	if (!b)
		return;
	if (b->busy) {
		rpc_fail(call, -EBUSY, "buffer_free.buffer", "%u commands that use it are outstanding",
			 b->busy);
		return;
	}
	ticket = rpc_defer(call, sizeof(*ticket));
	if (!ticket)
		return;
	ticket->left = 1;
	n = req->everywhere ? buffer_free_everywhere(b, buffer_freed, ticket) : buffer_free(b, buffer_freed, ticket);
	if (n < 0)
		rpc_ticket_fail(ticket, -EBUSY, "buffer_free.buffer",
				"commands of served queues use it, or unchecked ones and their queues may");
	else if (req->everywhere)
		ticket->left = (unsigned int)n; /* none is done before the loop turns */
}
