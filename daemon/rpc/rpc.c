/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/rpc/rpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal.h"
#include "daemon/rpc/arena.h"

struct rpc_host rpc_host;

static const struct rpc_row *rpc_find(Vfnd__Request__OpCase op)
{
	for (const struct rpc_row *row = rpc_table; row->handler; row++)
		if (row->op == op)
			return row;
	return NULL;
}

static void rpc_send_error(struct session *s, uint64_t id, int code, const char *field, const char *text)
{
	Vfnd__Error error = VFND__ERROR__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	rpc_host.refused++;
	session_stats(s)->refused++;
	error.code = -code;
	error.text = (char *)text;
	error.field = (char *)(field ? field : "");
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_ERROR;
	answer.error = &error;
	journal_debug(NULL, session_number(s), "request %llu refused: %s%s%s",
		      (unsigned long long)id, field ? field : "", field ? ": " : "", text);
	session_send(s, &answer.base, NULL);
}

void rpc_fail(struct rpc_call *call, int code, const char *field, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rpc_send_error(call->session, call->id, code, field, text);
}

static void rpc_send(struct session *s, uint64_t id, Vfnd__Answer *answer, struct fdset *fds)
{
	answer->id = id;
	if (session_send(s, &answer->base, fds) == -EMSGSIZE)
		rpc_send_error(s, id, -EMSGSIZE, NULL, "the answer is longer than a packet may be");
}

void rpc_answer(struct rpc_call *call, Vfnd__Answer *answer, struct fdset *fds)
{
	rpc_send(call->session, call->id, answer, fds);
}

static void rpc_send_done(struct session *s, uint64_t id)
{
	Vfnd__EmptyAnswer done = VFND__EMPTY_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_DONE;
	answer.done = &done;
	session_send(s, &answer.base, NULL);
}

void rpc_done(struct rpc_call *call)
{
	rpc_send_done(call->session, call->id);
}

void *rpc_defer(struct rpc_call *call, size_t size)
{
	struct rpc_ticket *ticket;
	int ret = session_begin(call->session);

	if (ret < 0) {
		rpc_fail(call, ret, NULL, "too many requests are outstanding; wait for answers");
		return NULL;
	}
	ticket = calloc(1, size);
	if (!ticket) {
		session_finish(call->session);
		rpc_fail(call, -ENOMEM, NULL, "the daemon is out of memory");
		return NULL;
	}
	ticket->session = call->session;
	ticket->id = call->id;
	return ticket;
}

static void rpc_ticket_free(struct rpc_ticket *ticket)
{
	session_finish(ticket->session);
	free(ticket);
}

void rpc_ticket_answer(void *arg, Vfnd__Answer *answer, struct fdset *fds)
{
	struct rpc_ticket *ticket = arg;

	rpc_send(ticket->session, ticket->id, answer, fds);
	rpc_ticket_free(ticket);
}

void rpc_ticket_done(void *arg)
{
	struct rpc_ticket *ticket = arg;

	rpc_send_done(ticket->session, ticket->id);
	rpc_ticket_free(ticket);
}

void rpc_ticket_fail(void *arg, int code, const char *field, const char *text)
{
	struct rpc_ticket *ticket = arg;

	rpc_send_error(ticket->session, ticket->id, code, field, text && *text ? text : strerror(-code));
	rpc_ticket_free(ticket);
}

struct opening *rpc_opening(struct rpc_call *call, uint64_t handle, const char *field)
{
	struct opening *o = opening_find(call->session, handle);

	if (!o)
		rpc_fail(call, -ENOENT, field, "no device is open under handle %llu",
			 (unsigned long long)handle);
	return o;
}

static struct opening *rpc_usable(struct rpc_call *call, uint64_t handle, const char *field, bool disabled)
{
	struct opening *o = rpc_opening(call, handle, field);
	int ret = o ? device_usable(o->device) : 0;

	if (ret == 0 || (ret == -ESHUTDOWN && disabled))
		return o;
	rpc_fail(call, ret, field, "the device is %s%s", device_state_name(o->device),
		 ret == -EAGAIN	     ? "; try again"
		 : ret == -ESHUTDOWN ? ": the request `enable' brings it back"
				     : "");
	return NULL;
}

struct opening *rpc_ready(struct rpc_call *call, uint64_t handle, const char *field)
{
	return rpc_usable(call, handle, field, false);
}

struct opening *rpc_present(struct rpc_call *call, uint64_t handle, const char *field)
{
	return rpc_usable(call, handle, field, true);
}

struct opening *rpc_raw(struct rpc_call *call, uint64_t handle, const char *field)
{
	struct opening *o = rpc_opening(call, handle, field);

	if (o && !o->device->settings.raw) {
		rpc_fail(call, -EPERM, field, "raw = yes in [device %s] of vfnd.conf allows it",
			 o->device->address);
		return NULL;
	}
	return o ? rpc_ready(call, handle, field) : NULL;
}

static void rpc_broken(struct session *s, uint64_t id, const char *text)
{
	rpc_send_error(s, id, -EPROTO, NULL, text);
	session_end(s, text);
}

void rpc_packet(struct session *session, const uint8_t *buf, size_t len, struct fdset *fds)
{
	static struct arena arena;
	struct rpc_call call = {.session = session, .fds = fds};
	const struct rpc_row *row;

	rpc_host.requests++;
	session_stats(session)->requests++;
	arena_reset(&arena);
	call.request = vfnd__request__unpack(&arena.allocator, len, buf);
	if (!call.request) {
		rpc_broken(session, 0, "a packet that is no request message");
		return;
	}
	call.id = call.request->id;
	if (call.id == 0) {
		rpc_broken(session, 0, "a request with id 0");
		return;
	}
	row = rpc_find(call.request->op_case);
	if (!session_version(session) && (!row || row->op != VFND__REQUEST__OP_HELLO)) {
		rpc_broken(session, call.id, "the first request was not hello");
		return;
	}
	if (!row)
		rpc_fail(&call, -EOPNOTSUPP, NULL, "a request that this daemon does not know");
	else if (fds->n > row->max_fds)
		rpc_fail(&call, -EINVAL, row->name, "%d descriptors came with it, %d are allowed", fds->n,
			 row->max_fds);
	else
		row->handler(&call);
}
