/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/frame.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Most that Linux lets one packet carry (SCM_MAX_FD). */
#define FRAME_MAX_FDS 253

/* Packets looked at when a connection is dropped; more do not fit a socket's buffers. */
#define FRAME_DROP_MAX 1024

/* Room for all: what the kernel could not hand over it would close itself, and wait for. */
union frame_control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * FRAME_MAX_FDS)];
};

ssize_t frame_pack(const ProtobufCMessage *msg, uint8_t *buf, size_t cap)
{
	size_t len = protobuf_c_message_get_packed_size(msg);

	if (len > cap)
		return -EMSGSIZE;
	return (ssize_t)protobuf_c_message_pack(msg, buf);
}

int frame_send(int sock, const void *buf, size_t len, const struct fdset *fds, int flags)
{
	union frame_control control;
	struct iovec iov = {(void *)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (len == 0 || len > FRAME_MAX)
		return -EMSGSIZE;
	if (fds && fds->n > 0) {
		size_t size = sizeof(int) * (size_t)fds->n;
		struct cmsghdr *cmsg;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(size);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(cmsg), fds->fd, size);
	}
	do
		n = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Everything that came goes into the set, even what will be dropped: the set closes it. */
static int frame_take_fds(struct msghdr *msg, struct fdset *fds)
{
	int ret = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fdset_add(fds, fd) < 0) {
				fdset_drop_one(fd);
				ret = -ETOOMANYREFS;
			}
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		ret = -ETOOMANYREFS;
	return ret;
}

ssize_t frame_recv(int sock, void *buf, size_t cap, struct fdset *fds, int flags)
{
	union frame_control control;
	struct iovec iov = {buf, cap};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n;
	int ret;

	do
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR && (flags & MSG_DONTWAIT));
	if (n < 0)
		return -errno;
	ret = frame_take_fds(&msg, fds);
	if (ret == 0 && (msg.msg_flags & MSG_TRUNC))
		ret = -EMSGSIZE;
	if (ret < 0 || n == 0)
		fdset_drop(fds);
	return ret < 0 ? ret : n;
}

/* Takes one packet, whatever it is, and closes what came with it; false when there is none. */
static bool frame_drop(int sock)
{
	union frame_control control;
	struct fdset fds = FDSET_INIT;
	char c;
	struct iovec iov = {&c, sizeof(c)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return false;
	frame_take_fds(&msg, &fds);
	fdset_drop(&fds);
	/* An empty packet comes with its sender's credentials, too; the end comes with nothing. */
	return n > 0 || msg.msg_controllen > 0 || (msg.msg_flags & MSG_CTRUNC);
}

void frame_close(int sock)
{
	int saved = errno, on = 1;

	shutdown(sock, SHUT_RD);
	setsockopt(sock, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	for (int i = 0; i < FRAME_DROP_MAX && frame_drop(sock); i++)
		;
	close(sock);
	errno = saved;
}
