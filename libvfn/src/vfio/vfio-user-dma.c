/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfio-user-dma - serving a server that reads and writes the client's memory by messages
 *
 * It must where memory has no descriptor, and may anywhere (vfio-user, VFIO_USER_DMA_READ). What
 * it asks for is served by whoever reads the socket: a call that waits for its reply, else the
 * listener, a thread that is started when the first memory without a descriptor is mapped, or when
 * the server first asks. Programs whose servers do neither never have it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "iommu/access.h"
#include "support/fail.h"
#include "vfio/vfio-user-msg.h"

static int dma_reply(struct vfio_user_conn *conn, const struct vfio_user_header *asked,
		     const struct vfio_user_dma_io *io, void *data, size_t len, int err,
		     int64_t deadline)
{
	struct vfio_user_header h = {
		.id = asked->id,
		.command = asked->command,
		.size = (uint32_t)(sizeof(h) + (err ? 0 : sizeof(*io) + len)),
		.flags = VFIO_USER_TYPE_REPLY | (err ? VFIO_USER_FLAG_ERROR : 0),
		.error = (uint32_t)err,
	};
	struct iovec iov[] = {
		{.iov_base = &h, .iov_len = sizeof(h)},
		{.iov_base = (void *)(uintptr_t)io, .iov_len = sizeof(*io)},
		{.iov_base = data, .iov_len = len},
	};

	if (asked->flags & VFIO_USER_FLAG_NO_REPLY)
		return 0;
	return vfio_user_conn_send(conn, iov, err ? 1 : 3, NULL, 0, deadline);
}

int vfio_user_serve(struct vfio_user_conn *conn, const struct vfio_user_header *asked, size_t len,
		    int64_t deadline)
{
	bool is_write = asked->command == VFIO_USER_DMA_WRITE;
	struct vfio_user_dma_io io;
	void *data = NULL;
	int err = 0, rc;

	if (!is_write && asked->command != VFIO_USER_DMA_READ) {
		if (vfio_user_conn_skip(conn, len, deadline))
			return -1;
		return dma_reply(conn, asked, NULL, NULL, 0, ENOTSUP, deadline);
	}
	if (len < sizeof(io)) {
		if (vfio_user_conn_skip(conn, len, deadline))
			return -1;
		return dma_reply(conn, asked, NULL, NULL, 0, EINVAL, deadline);
	}
	if (vfio_user_conn_recv(conn, &io, sizeof(io), deadline))
		return -1;
	len -= sizeof(io);
	if (!io.count || io.count > VFIO_USER_MAX_DATA || len != (is_write ? io.count : 0))
		err = EINVAL;
	else if (!(data = malloc(io.count)))
		err = ENOMEM;
	if (err) {
		if (vfio_user_conn_skip(conn, len, deadline))
			return -1;
		return dma_reply(conn, asked, NULL, NULL, 0, err, deadline);
	}
	rc = is_write ? vfio_user_conn_recv(conn, data, len, deadline) : 0;
	if (!rc) {
		if (is_write ? iommu_write(conn->ctx, io.address, data, io.count)
			     : iommu_read(conn->ctx, io.address, data, io.count))
			err = errno;
		rc = dma_reply(conn, asked, &io, data, is_write ? 0 : io.count, err, deadline);
	}
	free(data);
	return rc;
}

static void *listener_run(void *arg)
{
	struct vfio_user_conn *conn = arg;
	struct pollfd p[] = {
		{.fd = conn->fd, .events = POLLIN},
		{.fd = conn->listener_wake, .events = POLLIN},
	};

	for (;;) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		if (p[0].revents && vfio_user_listen(conn))
			return NULL;
	}
}

int vfio_user_listener_start(struct vfio_user_conn *conn)
{
	sigset_t all, old;
	int err = 0;

	pthread_mutex_lock(&conn->listener_lock);
	if (conn->listening)
		goto out;
	conn->listener_wake = eventfd(0, EFD_CLOEXEC);
	if (conn->listener_wake < 0) {
		err = errno;
		goto out;
	}
	/* The program's signals are for the program's threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&conn->listener, NULL, listener_run, conn);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		close(conn->listener_wake);
	else
		conn->listening = true;
out:
	pthread_mutex_unlock(&conn->listener_lock);
	if (err)
		return vfn_fail(err, "vfio-user:%s: no thread to serve its server: %s", conn->name,
				strerror(err));
	return 0;
}

void vfio_user_listener_stop(struct vfio_user_conn *conn)
{
	bool was;

	pthread_mutex_lock(&conn->listener_lock);
	was = conn->listening;
	pthread_mutex_unlock(&conn->listener_lock);
	if (!was)
		return;
	eventfd_write(conn->listener_wake, 1);
	pthread_join(conn->listener, NULL);
	close(conn->listener_wake);
	conn->listening = false;
}
