/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "session.h"
#include "ctrl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSION_LATER 1024 /* commands kept while an answer is awaited */

int session_open(struct session *s, int fd)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->max_data = VFU_MAX_DATA;
	TAILQ_INIT(&s->later);
	TAILQ_INIT(&s->out);
	s->buf = malloc(VFU_MAX_MSG);
	if (!s->buf) {
		close(fd);
		s->fd = -1;
		return -ENOMEM;
	}
	return 0;
}

static void session_drop_fds(struct msg *m)
{
	for (unsigned int i = 0; i < m->nfds; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	}
	m->nfds = 0;
}

static void session_drop_later(struct session *s, struct msg *m)
{
	TAILQ_REMOVE(&s->later, m, link);
	s->nlater--;
	session_drop_fds(m);
	free(m->data);
	free(m);
}

static void session_drop_out(struct session *s, struct out *o)
{
	TAILQ_REMOVE(&s->out, o, link);
	if (o->fd >= 0)
		close(o->fd);
	free(o);
}

void session_close(struct session *s)
{
	session_drop_fds(&s->in);
	while (!TAILQ_EMPTY(&s->later))
		session_drop_later(s, TAILQ_FIRST(&s->later));
	while (!TAILQ_EMPTY(&s->out))
		session_drop_out(s, TAILQ_FIRST(&s->out));
	free(s->buf);
	s->buf = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* Takes the fds of a message's first byte; others belong to nothing and are closed. */
static void session_take_fds(struct session *s, struct msghdr *mh)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		size_t n;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
			if (!s->got && s->in.nfds < VFU_MAX_FDS)
				s->in.fds[s->in.nfds++] = fd;
			else
				close(fd);
		}
	}
}

/* Bytes read; 0: none now; negative: gone. */
static ssize_t session_recv(struct session *s, void *buf, size_t len, bool header)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(VFU_MAX_FDS * sizeof(int))];
	} ctl;
	struct iovec iov = {buf, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (header) {
		mh.msg_control = &ctl;
		mh.msg_controllen = sizeof(ctl);
	}
	do {
		n = recvmsg(s->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (header)
		session_take_fds(s, &mh);
	return n ? n : -ECONNRESET;
}

/* One message from the socket into s->in. */
static int session_receive(struct session *s)
{
	struct msg *m = &s->in;
	ssize_t n;

	while (s->got < sizeof(m->hdr)) {
		n = session_recv(s, (uint8_t *)&m->hdr + s->got, sizeof(m->hdr) - s->got, true);
		if (n <= 0)
			return n;
		s->got += n;
	}
	if (m->hdr.size < sizeof(m->hdr) || m->hdr.size > VFU_MAX_MSG) {
		/* Where the next message begins cannot be known any more. */
		session_reply(s, m, EINVAL, NULL, 0, -1);
		s->broken = true;
		return -EPROTO;
	}
	while (s->got < m->hdr.size) {
		n = session_recv(s, s->buf + (s->got - sizeof(m->hdr)), m->hdr.size - s->got,
				 false);
		if (n <= 0)
			return n;
		s->got += n;
	}
	m->data = s->buf;
	m->len = m->hdr.size - sizeof(m->hdr);
	s->got = 0;
	return 1;
}

int session_next(struct session *s, struct msg **m)
{
	struct msg *first = TAILQ_FIRST(&s->later);

	if (s->got == 0)
		session_drop_fds(&s->in);
	if (first && s->got == 0) {
		memcpy(s->buf, first->data, first->len);
		s->in.hdr = first->hdr;
		s->in.data = s->buf;
		s->in.len = first->len;
		s->in.nfds = first->nfds;
		memcpy(s->in.fds, first->fds, first->nfds * sizeof(int));
		first->nfds = 0;
		session_drop_later(s, first);
		*m = &s->in;
		return 1;
	}
	*m = &s->in;
	return session_receive(s);
}

/* Sends from o->sent on; true when all has gone. */
static bool session_push(struct session *s, struct out *o)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} ctl;

	while (o->sent < o->len) {
		struct iovec iov = {o->data + o->sent, o->len - o->sent};
		struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n;

		if (o->fd >= 0) {
			memset(&ctl, 0, sizeof(ctl));
			mh.msg_control = &ctl;
			mh.msg_controllen = sizeof(ctl);
			ctl.align.cmsg_level = SOL_SOCKET;
			ctl.align.cmsg_type = SCM_RIGHTS;
			ctl.align.cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(&ctl.align), &o->fd, sizeof(int));
		}
		n = sendmsg(s->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			s->dead = true;
			return false;
		}
		o->sent += n;
		if (o->fd >= 0)
			close(o->fd);
		o->fd = -1;
	}
	return true;
}

void session_flush(struct session *s)
{
	struct out *o;

	while ((o = TAILQ_FIRST(&s->out)) && session_push(s, o))
		session_drop_out(s, o);
}

static void session_send(struct session *s, const struct vfu_header *hdr, const void *a,
			 size_t alen, const void *b, size_t blen, int fd)
{
	struct out *o = malloc(sizeof(*o) + sizeof(*hdr) + alen + blen);

	if (!o) {
		s->dead = true;
		return;
	}
	o->len = sizeof(*hdr) + alen + blen;
	o->sent = 0;
	o->fd = fd < 0 ? -1 : dup(fd);
	memcpy(o->data, hdr, sizeof(*hdr));
	if (alen)
		memcpy(o->data + sizeof(*hdr), a, alen);
	if (blen)
		memcpy(o->data + sizeof(*hdr) + alen, b, blen);
	TAILQ_INSERT_TAIL(&s->out, o, link);
	session_flush(s);
}

void session_reply(struct session *s, const struct msg *m, int err, const void *data, size_t len,
		   int fd)
{
	struct vfu_header hdr = {
		.id = m->hdr.id,
		.cmd = m->hdr.cmd,
		.size = sizeof(hdr) + (err ? 0 : len),
		.flags = VFU_TYPE_REPLY | (err ? VFU_ERROR : 0),
		.error = err,
	};

	if ((m->hdr.flags & VFU_TYPE_MASK) != VFU_TYPE_COMMAND || (m->hdr.flags & VFU_NO_REPLY))
		return;
	session_send(s, &hdr, data, err ? 0 : len, NULL, 0, fd);
}

/* Puts a command aside until the awaited answer is there. */
static int session_keep(struct session *s)
{
	struct msg *m;

	if (s->nlater == SESSION_LATER)
		return -ENOBUFS;
	m = malloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = s->in;
	m->data = malloc(m->len + 1);
	if (!m->data) {
		free(m);
		return -ENOMEM;
	}
	memcpy(m->data, s->buf, m->len);
	s->in.nfds = 0;
	TAILQ_INSERT_TAIL(&s->later, m, link);
	s->nlater++;
	return 0;
}

/* Waits for the answer to `id`; then it is in s->in. */
static int session_await(struct session *s, uint16_t id, uint16_t cmd)
{
	uint64_t until = ctrl_now() + SESSION_PATIENCE_MS * 1000000ull;

	for (;;) {
		struct pollfd p = {s->fd, POLLIN, 0};
		uint64_t now = ctrl_now();
		int got;

		if (s->dead || now >= until)
			return -ETIMEDOUT;
		got = session_receive(s);
		if (got < 0)
			return got;
		if (!got) {
			if (session_blocked(s))
				p.events |= POLLOUT;
			(void)poll(&p, 1, (until - now) / 1000000 + 1);
			if (p.revents & POLLOUT)
				session_flush(s);
			continue;
		}
		if ((s->in.hdr.flags & VFU_TYPE_MASK) == VFU_TYPE_REPLY) {
			session_drop_fds(&s->in);
			if (s->in.hdr.id == id && s->in.hdr.cmd == cmd)
				return 0;
			continue;
		}
		got = session_keep(s);
		if (got < 0)
			return got;
	}
}

static int session_dma(struct session *s, uint16_t cmd, uint64_t iova, uint8_t *buf, size_t len)
{
	bool write = cmd == VFU_DMA_WRITE;

	while (len) {
		struct vfu_dma_io io = {iova, len < s->max_data ? len : s->max_data}, back;
		struct vfu_header hdr = {
			.id = s->next_id++,
			.cmd = cmd,
			.size = sizeof(hdr) + sizeof(io) + (write ? io.count : 0),
		};
		int err;

		if (s->dead || s->broken)
			return -EFAULT;
		session_send(s, &hdr, &io, sizeof(io), buf, write ? io.count : 0, -1);
		err = session_await(s, hdr.id, cmd);
		if (err) {
			/* An answer that comes after all would be taken for another's. */
			s->dead = true;
			return -EFAULT;
		}
		if (s->in.hdr.flags & VFU_ERROR)
			return -EFAULT;
		if (s->in.len < sizeof(back) + (write ? 0 : io.count))
			return -EFAULT;
		memcpy(&back, s->in.data, sizeof(back));
		if (back.addr != io.addr || back.count != io.count)
			return -EFAULT;
		if (!write)
			memcpy(buf, s->in.data + sizeof(back), io.count);
		iova += io.count;
		buf += io.count;
		len -= io.count;
	}
	return 0;
}

int session_dma_read(void *session, uint64_t iova, void *buf, size_t len)
{
	return session_dma(session, VFU_DMA_READ, iova, buf, len);
}

int session_dma_write(void *session, uint64_t iova, const void *buf, size_t len)
{
	/* session_dma() only reads from it in this direction. */
	return session_dma(session, VFU_DMA_WRITE, iova, (uint8_t *)(uintptr_t)buf, len);
}
