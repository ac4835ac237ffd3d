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
}

void vfio_user_conn_close(struct vfio_user_conn *conn, bool keep)
{
	if (!keep)
		close(conn->fd);
	conn->fd = -1;
	pthread_mutex_destroy(&conn->call_lock);
	pthread_mutex_destroy(&conn->send_lock);
	pthread_mutex_destroy(&conn->dead_lock);
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

static int conn_send(struct vfio_user_conn *conn, struct iovec *iov, int niov, const int *fds,
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

/* Read and forget `len` bytes. */
static int conn_skip(struct vfio_user_conn *conn, size_t len, int *fds, int *nfds, int64_t deadline)
{
	char buf[4096];

	while (len) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);

		if (vfio_user_recv(conn->fd, buf, n, fds, nfds, deadline))
			return -1;
		len -= n;
	}
	return 0;
}

/*
 * A server that asks for something (memory that is not shared with it) is told that it cannot have
 * it.
 */
static int conn_refuse(struct vfio_user_conn *conn, const struct vfio_user_header *asked,
		       int64_t deadline)
{
	struct vfio_user_header h = {
		.id = asked->id,
		.command = asked->command,
		.size = sizeof(h),
		.flags = VFIO_USER_TYPE_REPLY | VFIO_USER_FLAG_ERROR,
		.error = ENOTSUP,
	};
	struct iovec iov = {.iov_base = &h, .iov_len = sizeof(h)};

	if (asked->flags & VFIO_USER_FLAG_NO_REPLY)
		return 0;
	return conn_send(conn, &iov, 1, NULL, 0, deadline);
}

/* The reply's payload of `len` bytes, into the call's buffers. */
static int conn_payload(struct vfio_user_conn *conn, struct vfio_user_call *call, size_t len,
			int *fds, int *nfds, int64_t deadline)
{
	if (len < call->in_len || len > call->in_len + call->in_data_len)
		return vfio_user_kill(
			conn, EPROTO, "the reply to command %d has %zu bytes, %zu to %zu are right",
			call->command, len, call->in_len, call->in_len + call->in_data_len);
	call->in_data_got = len - call->in_len;
	if (vfio_user_recv(conn->fd, call->in, call->in_len, fds, nfds, deadline) ||
	    vfio_user_recv(conn->fd, call->in_data, call->in_data_got, fds, nfds, deadline))
		return conn_io_failed(conn, "receiving");
	return 0;
}

/* One message from the server. 1: it was another one, go on; else the outcome of the call. */
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
		if (conn_skip(conn, len, fds, nfds, deadline))
			return conn_io_failed(conn, "receiving");
		return conn_refuse(conn, &h, deadline) ? -1 : 1;
	}
	if ((h.id & POST_ID) && h.command == VFIO_USER_REGION_WRITE) {
		/* Some servers answer what wants no answer. */
		return conn_skip(conn, len, fds, nfds, deadline) ? conn_io_failed(conn, "receiving")
								 : 1;
	}
	if (h.id != id || h.command != call->command)
		return vfio_user_kill(
			conn, EPROTO,
			"a reply with id %u to command %u, expected id %u, command %d", h.id,
			h.command, id, call->command);
	if (h.flags & VFIO_USER_FLAG_ERROR) {
		int err = h.error && h.error < 4096 ? (int)h.error : EIO;

		if (conn_skip(conn, len, fds, nfds, deadline))
			return conn_io_failed(conn, "receiving");
		return vfn_fail(err, "vfio-user:%s: the server refused command %d: %s", conn->name,
				call->command, strerror(err));
	}
	return conn_payload(conn, call, len, fds, nfds, deadline);
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
	if (conn_send(conn, iov, 3, call->fds, call->nfds, deadline))
		return -1;
	do {
		nfds = 0;
		rc = conn_message(conn, call, id, fds, &nfds, deadline);
		if (!rc && call->fd && nfds)
			*call->fd = fds[--nfds];
		fds_close(fds, nfds);
	} while (rc == 1);
	return rc;
}

int vfio_user_call(struct vfio_user_conn *conn, struct vfio_user_call *call)
{
	int rc;

	if (call->fd)
		*call->fd = -1;
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
	if (!rc)
		return 0;
	/* Nothing has gone out: the stream is still whole, and the server just does not read. */
	if (errno == ETIMEDOUT && !sent)
		return vfn_fail(ETIMEDOUT, "vfio-user:%s: the server does not read", conn->name);
	return conn_io_failed(conn, "sending");
}
