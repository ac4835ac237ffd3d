/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "support/fail.h"
#include "vfio/vfio-user-socket.h"

int64_t vfio_user_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait until `fd` is ready for `events`, or has hung up (the call that follows finds that out). */
static int socket_wait(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline - vfio_user_now();
		int n;

		if (left <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		n = poll(&p, 1, left > 1000000 ? 1000000 : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
	}
}

static int socket_lost(void)
{
	if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		errno = ENODEV;
	return -1;
}

int vfio_user_connect(const char *path, int64_t deadline)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(path) >= sizeof(sun.sun_path))
		return vfn_fail(ENAMETOOLONG, "%s: longer than a socket's path may be (%zu)", path,
				sizeof(sun.sun_path) - 1);
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return vfn_fail(errno, "socket: %s", strerror(errno));
	while (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		/*
		 * A unix socket whose backlog is full says so at once, and cannot be polled for
		 * room.
		 */
		if ((errno == EAGAIN || errno == EINTR) && vfio_user_now() < deadline) {
			poll(NULL, 0, 20);
			continue;
		}
		err = errno == EAGAIN ? ETIMEDOUT : errno;
		close(fd);
		if (err == ENOENT)
			return vfn_fail(err, "%s: no such socket; is the server running?", path);
		if (err == ECONNREFUSED)
			return vfn_fail(err, "%s: nobody listens; has the server gone?", path);
		return vfn_fail(err, "%s: connect: %s", path, strerror(err));
	}
	return fd;
}

int vfio_user_send(int fd, struct iovec *iov, int niov, const int *fds, int nfds, int64_t deadline,
		   size_t *sent)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(VFIO_USER_FDS_MAX * sizeof(int))];
	} control;

	*sent = 0;
	if (nfds > VFIO_USER_FDS_MAX) {
		errno = EINVAL;
		return -1;
	}
	while (niov) {
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)niov};
		ssize_t n;

		if (nfds) {
			struct cmsghdr *c;

			memset(&control, 0, sizeof(control));
			msg.msg_control = control.space;
			msg.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
			c = CMSG_FIRSTHDR(&msg);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
			memcpy(CMSG_DATA(c), fds, (size_t)nfds * sizeof(int));
		}
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (socket_wait(fd, POLLOUT, deadline))
				return -1;
			continue;
		}
		if (n < 0)
			return socket_lost();
		nfds = 0;
		*sent += (size_t)n;
		while (niov && (size_t)n >= iov->iov_len) {
			n -= (ssize_t)iov->iov_len;
			iov++;
			niov--;
		}
		if (niov) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

static void socket_take_fds(struct msghdr *msg, int *fds, int *nfds)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*nfds < VFIO_USER_FDS_MAX)
				fds[(*nfds)++] = fd;
			else
				close(fd);
		}
	}
}

int vfio_user_recv(int fd, void *buf, size_t len, int *fds, int *nfds, int64_t deadline)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(VFIO_USER_FDS_MAX * sizeof(int))];
	} control;
	char *at = buf;

	while (len) {
		struct iovec iov = {.iov_base = at, .iov_len = len};
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.space,
			.msg_controllen = sizeof(control.space),
		};
		ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (socket_wait(fd, POLLIN, deadline))
				return -1;
			continue;
		}
		if (n < 0)
			return socket_lost();
		socket_take_fds(&msg, fds, nfds);
		if (!n) {
			errno = ENODEV;
			return -1;
		}
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

bool vfio_user_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

bool vfio_user_peek(int fd, void *buf, size_t len)
{
	return recv(fd, buf, len, MSG_PEEK | MSG_DONTWAIT) == (ssize_t)len;
}

size_t vfio_user_queued(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) || n < 0 ? 0 : (size_t)n;
}
