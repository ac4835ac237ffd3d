/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/private.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t cl_deadline(int64_t timeout_ms)
{
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

int cl_left(int64_t deadline)
{
	int64_t left = deadline < 0 ? -1 : deadline - now_ms();

	if (deadline >= 0 && left < 0)
		return 0;
	return left > 3600 * 1000 ? 3600 * 1000 : (int)left;
}

int cl_rpc_kill(struct vfnc *conn, int code, const char *format, ...)
{
	va_list ap;

	if (conn->dead)
		return conn->dead;
	va_start(ap, format);
	vsnprintf(conn->why_dead, sizeof(conn->why_dead), format, ap);
	va_end(ap);
	conn->dead = code;
	shutdown(conn->fd, SHUT_RDWR);
	return cl_fail(conn, code, "%s", conn->why_dead);
}

static int dead(struct vfnc *conn)
{
	return cl_fail(conn, conn->dead, "%s", conn->why_dead);
}

struct cl_call *cl_rpc_find(struct vfnc *conn, uint64_t id)
{
	struct cl_call *call;

	LIST_FOREACH (call, &conn->calls[id % CL_BUCKETS], hash)
		if (call->id == id)
			return call;
	return NULL;
}

/* The command is not the daemon's any more: the slot in session and queue is free again. */
static void command_answered(struct vfnc *conn, struct cl_call *call)
{
	if (!call->command || call->state == CL_DONE)
		return;
	conn->inflight--;
	conn->awaited -= call->awaited;
	if (call->queue)
		((struct cl_queue *)call->queue)->inflight--;
}

void cl_answer_free(struct vfnc *conn, Vfnd__Answer *answer)
{
	vfnd__answer__free_unpacked(answer, &conn->pool.allocator);
}

void cl_rpc_free(struct vfnc *conn, struct cl_call *call)
{
	if (!call)
		return;
	command_answered(conn, call);
	if (call->ticket) {
		conn->tickets--;
		if (call->state == CL_DONE)
			TAILQ_REMOVE(&conn->done, call, done);
	}
	if (call->fn) {
		conn->started--;
		if (call->state == CL_DONE)
			TAILQ_REMOVE(&conn->due, call, done);
	}
	LIST_REMOVE(call, hash);
	if (call->answer)
		cl_answer_free(conn, call->answer);
	fdset_close(&call->fds);
	cl_pool_free(&conn->pool, call);
}

void cl_rpc_abandon(struct vfnc *conn, struct cl_call *call)
{
	if (call->state == CL_DONE) {
		cl_rpc_give_back(conn, call->answer);
		cl_rpc_free(conn, call);
		return;
	}
	if (call->ticket) {
		conn->tickets--;
		call->ticket = false;
	}
	if (call->fn) {
		conn->started--;
		call->fn = NULL;
	}
	call->state = CL_ABANDONED;
}

static struct cl_call *call_new(struct vfnc *conn, Vfnd__Answer__BodyCase expected)
{
	struct cl_call *call = cl_pool_alloc(&conn->pool, sizeof(*call));

	if (!call)
		return NULL;
	call->id = ++conn->last_id;
	call->expected = expected;
	LIST_INSERT_HEAD(&conn->calls[call->id % CL_BUCKETS], call, hash);
	return call;
}

/*
 * The request is small and nobody waits: when it cannot be sent now, the session's end will give
 * the handle back.
 */
static void release(struct vfnc *conn, Vfnd__Request *req)
{
	struct cl_call *call;
	uint8_t buf[64];
	ssize_t len;

	if (conn->dead)
		return;
	call = call_new(conn, VFND__ANSWER__BODY_DONE);
	if (!call)
		return;
	call->state = CL_ABANDONED;
	req->id = call->id;
	len = frame_pack(&req->base, buf, sizeof(buf));
	if (len < 0 || frame_send(conn->fd, buf, (size_t)len, NULL, MSG_DONTWAIT) < 0)
		cl_rpc_free(conn, call);
}

void cl_rpc_give_back(struct vfnc *conn, const Vfnd__Answer *answer)
{
	Vfnd__Request req = VFND__REQUEST__INIT;
	Vfnd__CloseRequest close = VFND__CLOSE_REQUEST__INIT;
	Vfnd__BufferFreeRequest buffer = VFND__BUFFER_FREE_REQUEST__INIT;
	Vfnd__QueueDeleteRequest queue = VFND__QUEUE_DELETE_REQUEST__INIT;
	Vfnd__UnsubscribeRequest sub = VFND__UNSUBSCRIBE_REQUEST__INIT;
	Vfnd__TraceCloseRequest trace = VFND__TRACE_CLOSE_REQUEST__INIT;
	Vfnd__InterruptFreeRequest interrupt = VFND__INTERRUPT_FREE_REQUEST__INIT;

	switch ((int)answer->body_case) {
	case VFND__ANSWER__BODY_OPEN:
		close.device = answer->open->device;
		req.op_case = VFND__REQUEST__OP_CLOSE;
		req.close = &close;
		break;
	case VFND__ANSWER__BODY_BUFFER_ALLOC:
		buffer.buffer = answer->buffer_alloc->buffer;
		req.op_case = VFND__REQUEST__OP_BUFFER_FREE;
		req.buffer_free = &buffer;
		break;
	case VFND__ANSWER__BODY_QUEUE_CREATE:
		queue.queue = answer->queue_create->queue;
		req.op_case = VFND__REQUEST__OP_QUEUE_DELETE;
		req.queue_delete = &queue;
		break;
	case VFND__ANSWER__BODY_INTERRUPT_CREATE:
		interrupt.interrupt = answer->interrupt_create->interrupt;
		req.op_case = VFND__REQUEST__OP_INTERRUPT_FREE;
		req.interrupt_free = &interrupt;
		break;
	case VFND__ANSWER__BODY_SUBSCRIBE:
		sub.subscription = answer->subscribe->subscription;
		req.op_case = VFND__REQUEST__OP_UNSUBSCRIBE;
		req.unsubscribe = &sub;
		break;
	case VFND__ANSWER__BODY_TRACE_OPEN:
		trace.trace = answer->trace_open->trace;
		req.op_case = VFND__REQUEST__OP_TRACE_CLOSE;
		req.trace_close = &trace;
		break;
	default:
		return;
	}
	release(conn, &req);
}

static int unasked(struct vfnc *conn, Vfnd__Answer *answer)
{
	int ret = 0;

	if (answer->body_case == VFND__ANSWER__BODY_EVENT) {
		cl_event_put(conn, answer);
		return 0;
	}
	/* An error is the daemon's last word; other kinds of message this version does not know. */
	if (answer->body_case == VFND__ANSWER__BODY_ERROR)
		ret = cl_rpc_kill(conn, -EPROTO, "the daemon ends the connection: %s",
				  answer->error->text);
	cl_answer_free(conn, answer);
	return ret;
}

/* Both are the function's own from here. */
static int dispatch(struct vfnc *conn, Vfnd__Answer *answer, struct fdset *fds)
{
	struct cl_call *call;

	if (answer->id == 0) {
		fdset_close(fds);
		return unasked(conn, answer);
	}
	call = cl_rpc_find(conn, answer->id);
	if (!call || call->state == CL_DONE ||
	    (answer->body_case != call->expected &&
	     answer->body_case != VFND__ANSWER__BODY_ERROR)) {
		int ret = cl_rpc_kill(conn, -EPROTO,
				      call ? "the daemon gave a wrong kind of answer to request %llu"
					   : "the daemon answered request %llu, which is not open",
				      (unsigned long long)answer->id);

		fdset_close(fds);
		cl_answer_free(conn, answer);
		return ret;
	}
	command_answered(conn, call);
	if (call->state == CL_ABANDONED) {
		call->command = false;
		fdset_close(fds);
		cl_rpc_give_back(conn, answer);
		cl_answer_free(conn, answer);
		cl_rpc_free(conn, call);
		return 0;
	}
	call->state = CL_DONE;
	call->answer = answer;
	call->fds = *fds;
	if (call->ticket)
		TAILQ_INSERT_TAIL(&conn->done, call, done);
	if (call->fn)
		TAILQ_INSERT_TAIL(&conn->due, call, done);
	return 0;
}

/* One message. MSG_DONTWAIT: that is there, else -EAGAIN; 0: as the socket waits, -EAGAIN or -EINTR. */
static int receive(struct vfnc *conn, int flags)
{
	struct fdset fds = FDSET_INIT;
	Vfnd__Answer *answer;
	ssize_t n;

	if (conn->dead)
		return dead(conn);
	n = frame_recv(conn->fd, conn->rx, sizeof(conn->rx), &fds, flags);
	switch (n) {
	case -EAGAIN:
	case -EINTR:
		return (int)n;
	case 0:
		return cl_rpc_kill(conn, -ECONNRESET, "the daemon has closed the connection");
	case -EMSGSIZE:
		return cl_rpc_kill(conn, -EPROTO, "the daemon sent a message that is too long");
	case -ETOOMANYREFS:
		return cl_rpc_kill(conn, -EMFILE,
				   "no room for the descriptors that the daemon sent: raise the "
				   "limit of open files");
	default:
		if (n < 0)
			return cl_rpc_kill(conn, (int)n, "cannot receive from the daemon: %s",
					   strerror((int)-n));
	}
	answer = vfnd__answer__unpack(&conn->pool.allocator, (size_t)n, conn->rx);
	if (!answer) {
		fdset_close(&fds);
		return cl_rpc_kill(conn, -EPROTO, "the daemon sent a message that cannot be read");
	}
	return dispatch(conn, answer, &fds);
}

/* 0: ready, -ETIMEDOUT, -EINTR. A dead peer counts as ready. */
static int wait_socket(struct vfnc *conn, short events, int64_t deadline, short *revents)
{
	struct pollfd pfd = {.fd = conn->fd, .events = events};
	int n = poll(&pfd, 1, cl_left(deadline));

	if (n < 0)
		return errno == EINTR ? -EINTR : cl_fail(conn, -errno, "poll: %s", strerror(errno));
	if (n == 0)
		return deadline >= 0 && now_ms() >= deadline ? -ETIMEDOUT : -EINTR;
	if (revents)
		*revents = pfd.revents;
	return 0;
}

int cl_rpc_drain(struct vfnc *conn)
{
	int ret;

	do
		ret = receive(conn, MSG_DONTWAIT);
	while (ret == 0);
	return ret == -EAGAIN ? 0 : ret;
}

int cl_rpc_pump(struct vfnc *conn, int64_t deadline, bool interruptible)
{
	for (;;) {
		int64_t before = deadline >= 0 ? now_ms() : 0;
		/* Most answers come soon: one call takes them, where a look, a sleep and a look are three. */
		bool waits = conn->waits && (deadline < 0 || deadline - before > CL_WAIT_MS);
		int ret = receive(conn, waits ? 0 : MSG_DONTWAIT);

		if (ret != -EAGAIN && ret != -EINTR)
			return ret;
		if (deadline >= 0 && before >= deadline)
			return cl_fail(conn, -ETIMEDOUT, "nothing came from the daemon in time");
		if (ret == -EAGAIN)
			ret = wait_socket(conn, POLLIN, deadline, NULL);
		if (ret == -EINTR && interruptible)
			return cl_fail(conn, -EINTR, "interrupted by a signal");
		if (ret < 0 && ret != -EINTR && ret != -ETIMEDOUT)
			return ret;
	}
}

/*
 * A full socket means that the daemon does not read; it may be waiting for us to read. So take what
 * has come while waiting, else both sides stand still until the daemon cuts us off.
 */
static int send_waiting(struct vfnc *conn, size_t len, int64_t deadline)
{
	for (;;) {
		short revents = 0;
		int ret = frame_send(conn->fd, conn->tx, len, conn->tx_fds, MSG_DONTWAIT);

		if (ret == 0)
			return 0;
		if (ret != -EAGAIN) {
			/* the daemon may have said why before it closed */
			cl_rpc_drain(conn);
			return cl_rpc_kill(conn, ret == -ECONNRESET ? ret : -EPIPE,
					   "cannot send to the daemon: %s", strerror(-ret));
		}
		ret = wait_socket(conn, POLLIN | POLLOUT, deadline, &revents);
		if (ret == -ETIMEDOUT)
			return cl_fail(conn, ret, "the daemon does not read its requests");
		if (ret < 0 && ret != -EINTR)
			return ret;
		if (revents & (POLLIN | POLLHUP)) {
			ret = receive(conn, MSG_DONTWAIT);
			if (ret < 0 && ret != -EAGAIN)
				return ret;
		}
	}
}

int cl_rpc_start(struct vfnc *conn, Vfnd__Request *req, Vfnd__Answer__BodyCase expected,
		 struct cl_call **callp)
{
	struct cl_call *call;
	ssize_t len;
	int ret;

	*callp = NULL;
	if (conn->dead)
		return dead(conn);
	call = call_new(conn, expected);
	if (!call)
		return cl_fail(conn, -ENOMEM, "no memory");
	req->id = call->id;
	len = frame_pack(&req->base, conn->tx, conn->limits.max_message);
	if (len < 0)
		ret = cl_fail(conn, (int)len, "the request is longer than the daemon takes (%u)",
			      conn->limits.max_message);
	else
		ret = send_waiting(conn, (size_t)len, cl_deadline(conn->timeout_ms));
	if (ret < 0) {
		cl_rpc_free(conn, call);
		return ret;
	}
	*callp = call;
	return 0;
}

int cl_rpc_wait(struct vfnc *conn, struct cl_call *call, int64_t deadline, bool interruptible)
{
	while (call->state != CL_DONE) {
		int ret = cl_rpc_pump(conn, deadline, interruptible);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int cl_rpc_result(struct vfnc *conn, const struct cl_call *call)
{
	const Vfnd__Error *e;

	if (call->answer->body_case != VFND__ANSWER__BODY_ERROR)
		return 0;
	e = call->answer->error;
	if (e->code <= 0 || e->code > 4095)
		return cl_rpc_kill(conn, -EPROTO, "the daemon answered with error number %d",
				   e->code);
	return cl_fail(conn, -e->code, "%s%s%s%s", *e->text ? e->text : strerror(e->code),
		       *e->field ? " (" : "", e->field, *e->field ? ")" : "");
}

/* Wait for what was started, and look at the result; on failure *callp is NULL. */
static int cl_rpc_complete(struct vfnc *conn, struct cl_call **callp)
{
	struct cl_call *call = *callp;
	int ret;

	*callp = NULL;
	ret = cl_rpc_wait(conn, call, cl_deadline(conn->timeout_ms), false);
	if (ret < 0) {
		cl_rpc_abandon(conn, call);
		return ret;
	}
	ret = cl_rpc_result(conn, call);
	if (ret < 0) {
		cl_rpc_free(conn, call);
		return ret;
	}
	*callp = call;
	return 0;
}

int cl_rpc_call(struct vfnc *conn, Vfnd__Request *req, Vfnd__Answer__BodyCase expected,
		struct cl_call **callp)
{
	int ret = cl_rpc_start(conn, req, expected, callp);

	return ret < 0 ? ret : cl_rpc_complete(conn, callp);
}

int cl_rpc_call_fd(struct vfnc *conn, Vfnd__Request *req, Vfnd__Answer__BodyCase expected, int fd,
		   struct cl_call **callp)
{
	struct fdset fds = FDSET_INIT;
	int ret;

	if (fdset_add(&fds, fd) == 0)
		conn->tx_fds = &fds;
	ret = cl_rpc_start(conn, req, expected, callp);
	conn->tx_fds = NULL;
	return ret < 0 ? ret : cl_rpc_complete(conn, callp);
}

int cl_rpc_done(struct vfnc *conn, Vfnd__Request *req)
{
	struct cl_call *call;
	int ret = cl_rpc_call(conn, req, VFND__ANSWER__BODY_DONE, &call);

	cl_rpc_free(conn, call);
	return ret;
}

int cl_rpc_end(struct vfnc *conn, Vfnd__Request *req)
{
	int ret = cl_rpc_done(conn, req);

	return ret == -EBADF || ret == -ENOENT || conn->dead ? 0 : ret;
}
