/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfn/trace.h>
#include "support/fail.h"
#include "vfio/transport.h"
#include "vfio/vfio-user-msg.h"

/* Ids of commands that want no reply have this bit, others have not. */
#define POST_ID 0x8000u

/* A post that finds the server's socket full waits no longer than this. */
#define POST_TIMEOUT_MS 1000

_Static_assert(sizeof(struct vfio_user_header) == 16, "header");
_Static_assert(sizeof(struct vfio_user_dma_map) == 32, "DMA map");
_Static_assert(sizeof(struct vfio_user_dma_unmap) == 24, "DMA unmap");
_Static_assert(sizeof(struct vfio_user_region_io) == 16, "region read and write");

int vfio_user_call_timeout_ms = VFIO_CALL_TIMEOUT_MS;
int vfio_user_long_timeout_ms = VFIO_LONG_TIMEOUT_MS;

void vfio_user_conn_init(struct vfio_user_conn *conn, int fd, const char *name)
{
	*conn = (struct vfio_user_conn){
		.fd = fd,
		.name = name,
		.call_timeout_ms = vfio_user_call_timeout_ms,
		.long_timeout_ms = vfio_user_long_timeout_ms,
	};
	pthread_mutex_init(&conn->call_lock, NULL);
	pthread_mutex_init(&conn->send_lock, NULL);
	pthread_mutex_init(&conn->dead_lock, NULL);
	pthread_mutex_init(&conn->listener_lock, NULL);
}

void vfio_user_conn_close(struct vfio_user_conn *conn, bool keep)
{
	vfio_user_listener_stop(conn);
	if (!keep)
		close(conn->fd);
	conn->fd = -1;
	pthread_mutex_destroy(&conn->call_lock);
	pthread_mutex_destroy(&conn->send_lock);
	pthread_mutex_destroy(&conn->dead_lock);
	pthread_mutex_destroy(&conn->listener_lock);
}

bool vfio_user_dead(const struct vfio_user_conn *conn)
{
	return __atomic_load_n(&conn->dead, __ATOMIC_ACQUIRE);
}

int vfio_user_kill(struct vfio_user_conn *conn, int err, const char *fmt, ...)
{
	char why[sizeof(conn->why)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&conn->dead_lock);
	if (!conn->dead) {
		snprintf(conn->why, sizeof(conn->why), "%s", why);
		__atomic_store_n(&conn->dead, true, __ATOMIC_RELEASE);
		/*
		 * Whoever watches or waits on the socket learns it; the number stays ours until
		 * close.
		 */
		shutdown(conn->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&conn->dead_lock);
	return vfn_fail(err, "vfio-user:%s: %s", conn->name, why);
}

static int conn_gone(struct vfio_user_conn *conn)
{
	char why[sizeof(conn->why)];

	pthread_mutex_lock(&conn->dead_lock);
	snprintf(why, sizeof(why), "%s", conn->why);
	pthread_mutex_unlock(&conn->dead_lock);
	return vfn_fail(ENODEV, "vfio-user:%s: the device is gone (%s)", conn->name, why);
}

static int conn_io_failed(struct vfio_user_conn *conn, const char *doing)
{
	int err = errno;

	if (vfio_user_dead(conn))
		return conn_gone(conn);
	if (err == ENODEV)
		return vfio_user_kill(conn, err, "the server hung up while %s", doing);
	if (err == ETIMEDOUT)
		return vfio_user_kill(conn, err, "the server did not react in time while %s",
				      doing);
	return vfio_user_kill(conn, err, "%s: %s", doing, strerror(err));
}

int vfio_user_conn_send(struct vfio_user_conn *conn, struct iovec *iov, int niov, const int *fds,
			int nfds, int64_t deadline)
{
	size_t sent;
	int rc;

	pthread_mutex_lock(&conn->send_lock);
	rc = vfio_user_send(conn->fd, iov, niov, fds, nfds, deadline, &sent);
	pthread_mutex_unlock(&conn->send_lock);
	trace_guard(VFIO_USER_SEND)
	{
		trace_emit("%s: %zu bytes, %d descriptors\n", conn->name, sent, nfds);
	}
	return rc ? conn_io_failed(conn, "sending") : 0;
}

static void fds_close(const int *fds, int nfds)
{
	int err = errno;

	for (int i = 0; i < nfds; i++)
		close(fds[i]);
	errno = err;
}

int vfio_user_conn_recv(struct vfio_user_conn *conn, void *buf, size_t len, int64_t deadline)
{
	int fds[VFIO_USER_FDS_MAX], nfds = 0;
	int rc = vfio_user_recv(conn->fd, buf, len, fds, &nfds, deadline);

	/* Descriptors come with a message's first byte, if they are wanted. */
	fds_close(fds, nfds);
	return rc ? conn_io_failed(conn, "receiving") : 0;
}

int vfio_user_conn_skip(struct vfio_user_conn *conn, size_t len, int64_t deadline)
{
	char buf[4096];

	while (len) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);

		if (vfio_user_conn_recv(conn, buf, n, deadline))
			return -1;
		len -= n;
	}
	return 0;
}

/* The reply's payload of `len` bytes, into the call's buffers. */
static int conn_payload(struct vfio_user_conn *conn, struct vfio_user_call *call, size_t len,
			int64_t deadline)
{
	size_t most = call->in_len + call->in_data_len, more = 0;

	if (len > most && call->trim) {
		more = len - most;
		len = most;
	}
	if (len < call->in_len || len > most)
		return vfio_user_kill(conn, EPROTO,
				      "the reply to command %d has %zu bytes, %zu to %zu are right",
				      call->command, len, call->in_len, most);
	call->in_data_got = len - call->in_len;
	if (vfio_user_conn_recv(conn, call->in, call->in_len, deadline) ||
	    vfio_user_conn_recv(conn, call->in_data, call->in_data_got, deadline))
		return -1;
	return vfio_user_conn_skip(conn, more, deadline);
}

/*
 * One message from the server; under call_lock. `call` NULL: nobody waits for one. 1: it was not
 * the reply to the call, go on; else the outcome of the call.
 */
static int conn_message(struct vfio_user_conn *conn, struct vfio_user_call *call, uint16_t id,
			int *fds, int *nfds, int64_t deadline)
{
	struct vfio_user_header h;
	uint32_t type;
	size_t len;

	if (vfio_user_recv(conn->fd, &h, sizeof(h), fds, nfds, deadline))
		return conn_io_failed(conn, "waiting for an answer");
	trace_guard(VFIO_USER_RECV)
	{
		trace_emit("%s: id %u command %u size %u flags 0x%x error %u\n", conn->name, h.id,
			   h.command, h.size, h.flags, h.error);
	}
	type = h.flags & VFIO_USER_TYPE_MASK;
	if (h.size < sizeof(h) || h.size > VFIO_USER_MAX_SIZE || type > VFIO_USER_TYPE_REPLY)
		return vfio_user_kill(conn, EPROTO,
				      "a header that makes no sense (size %u, flags 0x%x)", h.size,
				      h.flags);
	len = h.size - sizeof(h);
	if (type == VFIO_USER_TYPE_COMMAND) {
		/* A server that has asked once will ask while nobody calls, too. */
		vfio_user_listener_start(conn);
		return vfio_user_serve(conn, &h, len, deadline) ? -1 : 1;
	}
	/* Some servers answer what wants no answer. */
	if (h.id & POST_ID)
		return vfio_user_conn_skip(conn, len, deadline) ? -1 : 1;
	if (!call)
		return vfio_user_kill(conn, EPROTO, "a reply with id %u that nobody waits for",
				      h.id);
	if (h.id != id || h.command != call->command)
		return vfio_user_kill(
			conn, EPROTO,
			"a reply with id %u to command %u, expected id %u, command %d", h.id,
			h.command, id, call->command);
	if (h.flags & VFIO_USER_FLAG_ERROR) {
		int err = h.error && h.error < 4096 ? (int)h.error : EIO;
		const char *why = strerror(err);

		if (vfio_user_conn_skip(conn, len, deadline))
			return -1;
		/* What the server says must not be taken for the end of the connection. */
		if (err == ENODEV || err == ETIMEDOUT || err == EPROTO)
			err = EIO;
		return vfn_fail(err, "vfio-user:%s: the server refused command %d: %s", conn->name,
				call->command, why);
	}
	return conn_payload(conn, call, len, deadline);
}

int vfio_user_listen(struct vfio_user_conn *conn)
{
	int fds[VFIO_USER_FDS_MAX], nfds, rc = 1;

	pthread_mutex_lock(&conn->call_lock);
	while (rc == 1 && !vfio_user_dead(conn) && vfio_user_readable(conn->fd)) {
		nfds = 0;
		rc = conn_message(conn, NULL, 0, fds, &nfds,
				  vfio_user_now() + conn->call_timeout_ms);
		fds_close(fds, nfds);
	}
	pthread_mutex_unlock(&conn->call_lock);
	return rc < 0 || vfio_user_dead(conn) ? -1 : 0;
}

/*
 * Replies to posts must not fill the socket while nobody calls; nothing is waited for. What the
 * server asks for is the listener's.
 */
static void conn_sweep(struct vfio_user_conn *conn)
{
	struct vfio_user_header h;

	if (pthread_mutex_trylock(&conn->call_lock))
		return;
	while (vfio_user_peek(conn->fd, &h, sizeof(h))) {
		int fds[VFIO_USER_FDS_MAX], nfds = 0, rc;

		if ((h.flags & VFIO_USER_TYPE_MASK) == VFIO_USER_TYPE_COMMAND) {
			vfio_user_listener_start(conn);
			break;
		}
		if (h.size >= sizeof(h) && vfio_user_queued(conn->fd) < h.size)
			break;
		/* All of it is there: nothing is waited for, but a limit there must be. */
		rc = conn_message(conn, NULL, 0, fds, &nfds,
				  vfio_user_now() + conn->call_timeout_ms);
		fds_close(fds, nfds);
		if (rc != 1)
			break;
	}
	pthread_mutex_unlock(&conn->call_lock);
}

static int conn_call_locked(struct vfio_user_conn *conn, struct vfio_user_call *call)
{
	int64_t deadline =
		vfio_user_now() + (call->is_long ? conn->long_timeout_ms : conn->call_timeout_ms);
	uint16_t id = conn->call_id++ & (POST_ID - 1);
	struct vfio_user_header h = {
		.id = id,
		.command = (uint16_t)call->command,
		.size = (uint32_t)(sizeof(h) + call->out_len + call->out_data_len),
		.flags = VFIO_USER_TYPE_COMMAND,
	};
	struct iovec iov[] = {
		{.iov_base = &h, .iov_len = sizeof(h)},
		{.iov_base = (void *)(uintptr_t)call->out, .iov_len = call->out_len},
		{.iov_base = (void *)(uintptr_t)call->out_data, .iov_len = call->out_data_len},
	};
	int fds[VFIO_USER_FDS_MAX], nfds, rc;

	if (vfio_user_dead(conn))
		return conn_gone(conn);
	if (vfio_user_conn_send(conn, iov, 3, call->fds, call->nfds, deadline))
		return -1;
	do {
		nfds = 0;
		rc = conn_message(conn, call, id, fds, &nfds, deadline);
		for (int i = 0; !rc && i < nfds && call->in_nfds < call->in_fds_max; i++) {
			call->in_fds[call->in_nfds++] = fds[i];
			fds[i] = -1;
		}
		for (int i = 0; i < nfds; i++) {
			if (fds[i] >= 0)
				fds_close(&fds[i], 1);
		}
	} while (rc == 1);
	return rc;
}

int vfio_user_call(struct vfio_user_conn *conn, struct vfio_user_call *call)
{
	int rc;

	call->in_nfds = 0;
	pthread_mutex_lock(&conn->call_lock);
	rc = conn_call_locked(conn, call);
	pthread_mutex_unlock(&conn->call_lock);
	return rc;
}

int vfio_user_post(struct vfio_user_conn *conn, enum vfio_user_command command, const void *out,
		   size_t len)
{
	struct vfio_user_header h = {
		.command = (uint16_t)command,
		.size = (uint32_t)(sizeof(h) + len),
		.flags = VFIO_USER_TYPE_COMMAND | VFIO_USER_FLAG_NO_REPLY,
	};
	struct iovec iov[] = {
		{.iov_base = &h, .iov_len = sizeof(h)},
		{.iov_base = (void *)(uintptr_t)out, .iov_len = len},
	};
	size_t sent;
	int rc;

	if (vfio_user_dead(conn))
		return conn_gone(conn);
	pthread_mutex_lock(&conn->send_lock);
	h.id = (uint16_t)(conn->post_id++ | POST_ID);
	rc = vfio_user_send(conn->fd, iov, 2, NULL, 0, vfio_user_now() + POST_TIMEOUT_MS, &sent);
	pthread_mutex_unlock(&conn->send_lock);
	if (!rc) {
		conn_sweep(conn);
		return 0;
	}
	/* Nothing has gone out: the stream is still whole, and the server just does not read. */
	if (errno == ETIMEDOUT && !sent)
		return vfn_fail(ETIMEDOUT, "vfio-user:%s: the server does not read", conn->name);
	return conn_io_failed(conn, "sending");
}
