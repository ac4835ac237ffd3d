/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/config.h"
#include "daemon/journal.h"
#include "daemon/state/state.h"
#include "proto/frame.h"

/* Packets read from one client before the others have their turn. */
#define SESSION_BURST 16

/* Of what may wait to be sent, events have one in so many bytes. */
#define SESSION_EVENTS_PART 4

/* Bytes that a user is charged for each descriptor that waits: of these the daemon has a limited number for all. */
#define SESSION_FD_BYTES 8192

struct packet {
	STAILQ_ENTRY(packet) link;
	struct fdset fds;
	unsigned int nfds;
	size_t len;
	uint8_t data[];
};

struct session {
	const struct session_host *host;
	unsigned int refs;
	uint64_t number;
	int fd; /* -1: ended */
	struct ucred cred;
	struct quota_user *user;
	struct event *readable, *writable;
	struct session_link entry;
	uint32_t version;
	char program[64];
	struct lease_table leases;
	struct opening_list openings;
	STAILQ_HEAD(, packet) unsent;
	size_t unsent_bytes;
	unsigned int unsent_fds;
	bool starved; /* an event had no room */
	unsigned int busy;
	const char *doom; /* why it ends as soon as its socket has been served; NULL: it does not */
	struct session_stats stats;
};

static uint8_t session_buf[FRAME_MAX];

static uint64_t session_charge(size_t len, unsigned int nfds)
{
	return len + (uint64_t)nfds * SESSION_FD_BYTES;
}

static void session_drop_packet(struct session *s, struct packet *p)
{
	STAILQ_REMOVE_HEAD(&s->unsent, link);
	s->unsent_bytes -= p->len;
	s->unsent_fds -= p->nfds;
	quota_release(s->user, QUOTA_SEND_BYTES, session_charge(p->len, p->nfds));
	fdset_close(&p->fds);
	free(p);
}

static void session_free(struct session *s)
{
	if (s->readable)
		event_free(s->readable);
	if (s->writable)
		event_free(s->writable);
	if (s->fd >= 0)
		frame_close(s->fd);
	quota_put(s->user);
	free(s);
}

struct session *session_ref(struct session *s)
{
	s->refs++;
	return s;
}

void session_unref(struct session *s)
{
	if (--s->refs == 0)
		session_free(s);
}

void session_end(struct session *s, const char *reason)
{
	struct packet *p;

	if (s->fd < 0)
		return;
	journal_info(NULL, s->number, "ended: %s", reason);
	event_del(s->readable);
	event_del(s->writable);
	frame_close(s->fd);
	s->fd = -1;
	while ((p = STAILQ_FIRST(&s->unsent)))
		session_drop_packet(s, p);
	quota_release(s->user, QUOTA_SESSIONS, 1);
	s->host->ended(s->host->arg, s);
	session_unref(s);
}

static void session_flush(struct session *s)
{
	struct packet *p;

	while ((p = STAILQ_FIRST(&s->unsent))) {
		int ret = frame_send(s->fd, p->data, p->len, &p->fds, MSG_DONTWAIT);

		if (ret == -EAGAIN) {
			event_add(s->writable, NULL);
			return;
		}
		session_drop_packet(s, p);
		if (ret < 0) {
			session_end(s, strerror(-ret));
			return;
		}
	}
	if (s->starved) {
		s->starved = false;
		s->host->room(s);
	}
}

static void session_writable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = session_ref(arg);

	session_flush(s);
	session_unref(s);
}

static void session_readable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = session_ref(arg);

	for (int i = 0; i < SESSION_BURST && s->fd >= 0 && !s->doom; i++) {
		struct fdset fds = FDSET_INIT;
		ssize_t n = frame_recv(s->fd, session_buf, sizeof(session_buf), &fds, MSG_DONTWAIT);

		if (n == -EAGAIN)
			break;
		if (n <= 0) {
			session_end(s, n == 0		       ? "closed by the client"
				       : n == -EMSGSIZE	       ? "a packet longer than 64 KiB"
				       : n == -ETOOMANYREFS    ? "a packet with too many descriptors"
							       : strerror((int)-n));
			break;
		}
		s->host->packet(s, session_buf, (size_t)n, &fds);
		fdset_drop(&fds);
		/* Who waits for each answer has sent no more: a look would be in vain. If it has, the loop tells. */
		if (s->busy < 2)
			break;
	}
	if (s->doom)
		session_end(s, s->doom);
	session_unref(s);
}

static int session_make(const struct session_host *host, int fd, uint64_t number, struct session **out)
{
	socklen_t len = sizeof(struct ucred);
	struct session *s = calloc(1, sizeof(*s));
	int ret = -ENOMEM;

	if (!s) {
		frame_close(fd);
		return -ENOMEM;
	}
	s->host = host;
	s->refs = 1;
	s->number = number;
	s->fd = fd;
	s->entry.session = s;
	LIST_INIT(&s->openings);
	STAILQ_INIT(&s->unsent);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &s->cred, &len) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		ret = -errno;
		goto fail;
	}
	s->user = quota_get(s->cred.uid, host->config->limits);
	s->readable = event_new(host->base, fd, EV_READ | EV_PERSIST, session_readable, s);
	s->writable = event_new(host->base, fd, EV_WRITE, session_writable, s);
	if (!s->user || !s->readable || !s->writable)
		goto fail;
	ret = quota_charge(s->user, QUOTA_SESSIONS, 1);
	if (ret < 0)
		goto fail;
	if (event_add(s->readable, NULL) < 0) {
		quota_release(s->user, QUOTA_SESSIONS, 1);
		ret = -ENOMEM;
		goto fail;
	}
	*out = s;
	return 0;
fail:
	session_free(s);
	return ret;
}

int session_create(const struct session_host *host, int fd, uint64_t number, struct session **out)
{
	int ret = session_make(host, fd, number, out);

	if (ret == 0)
		journal_debug(NULL, number, "pid %d, uid %u", (*out)->cred.pid, (*out)->cred.uid);
	return ret;
}

void session_pause(struct session *s, bool pause)
{
	if (s->fd < 0)
		return;
	if (pause)
		event_del(s->readable);
	else
		event_add(s->readable, NULL);
}

/* Ends the session from the loop: whoever is sending may be in the middle of walking its openings. */
static void session_doom(struct session *s, const char *why)
{
	s->doom = why;
	event_active(s->readable, EV_READ, 0);
}

/* 0; -EDQUOT it would be more than `most` bytes, or than the user may have; -ENOMEM. */
static int session_enqueue(struct session *s, const uint8_t *buf, size_t len, struct fdset *fds, size_t most)
{
	unsigned int nfds = fds ? (unsigned int)fds->n : 0;
	struct packet *p;

	/* Descriptors are no more than the answers that the session may wait for. */
	if (s->unsent_bytes + len > most || s->unsent_fds + nfds > s->host->config->session_commands ||
	    quota_charge(s->user, QUOTA_SEND_BYTES, session_charge(len, nfds)) < 0)
		return -EDQUOT;
	p = malloc(sizeof(*p) + len);
	if (!p) {
		quota_release(s->user, QUOTA_SEND_BYTES, session_charge(len, nfds));
		return -ENOMEM;
	}
	p->len = len;
	p->nfds = nfds;
	p->fds = fds ? *fds : (struct fdset)FDSET_INIT;
	if (fds)
		fds->n = 0;
	memcpy(p->data, buf, len);
	STAILQ_INSERT_TAIL(&s->unsent, p, link);
	s->unsent_bytes += len;
	s->unsent_fds += nfds;
	event_add(s->writable, NULL);
	return 0;
}

/* At once, as long as nothing waits before it. 0; -EAGAIN it cannot be; or what ends the session. */
static int session_send_now(struct session *s, const uint8_t *buf, size_t len, struct fdset *fds)
{
	int ret = STAILQ_EMPTY(&s->unsent) ? frame_send(s->fd, buf, len, fds, MSG_DONTWAIT) : -EAGAIN;

	if (ret < 0 && ret != -EAGAIN)
		session_doom(s, ret == -EPIPE || ret == -ECONNRESET ? "closed by the client"
								    : strerror(-ret));
	return ret;
}

static uint8_t session_packed[FRAME_MAX];

int session_send(struct session *s, const ProtobufCMessage *msg, struct fdset *fds)
{
	uint8_t *buf = session_packed;
	ssize_t len;
	int ret = -EPIPE;

	if (s->fd < 0 || s->doom)
		goto out;
	len = frame_pack(msg, buf, sizeof(session_packed));
	if (len < 0) {
		journal_error(NULL, s->number, "an answer longer than a packet was dropped");
		ret = (int)len;
		goto out;
	}
	ret = session_send_now(s, buf, (size_t)len, fds);
	if (ret == -EAGAIN) {
		ret = session_enqueue(s, buf, (size_t)len, fds, s->host->config->session_send_bytes);
		if (ret < 0)
			session_doom(s, ret == -ENOMEM ? "out of memory" : "it does not read its answers");
	}
out:
	if (fds)
		fdset_close(fds);
	return ret;
}

int session_send_event(struct session *s, const ProtobufCMessage *msg, bool last)
{
	size_t most = s->host->config->session_send_bytes;
	uint8_t *buf = session_packed;
	ssize_t len;
	int ret;

	if (s->fd < 0 || s->doom)
		return -EPIPE;
	len = frame_pack(msg, buf, sizeof(session_packed));
	if (len < 0)
		return (int)len;
	ret = session_send_now(s, buf, (size_t)len, NULL);
	if (ret != -EAGAIN)
		return ret;
	/* Answers are to have room beside events, and events must not end a session. */
	if (session_enqueue(s, buf, (size_t)len, NULL, last ? most : most / SESSION_EVENTS_PART) == 0)
		return 0;
	s->starved = true;
	event_add(s->writable, NULL);
	return -ENOBUFS;
}

int session_begin(struct session *s)
{
	int ret;

	if (s->busy >= s->host->config->session_commands)
		return -EAGAIN;
	ret = quota_charge(s->user, QUOTA_COMMANDS, 1);
	if (ret < 0)
		return ret;
	s->busy++;
	session_ref(s);
	return 0;
}

void session_finish(struct session *s)
{
	quota_release(s->user, QUOTA_COMMANDS, 1);
	s->busy--;
	if (s->busy == 0)
		s->host->idle(s->host->arg);
	session_unref(s);
}

bool session_alive(const struct session *s)
{
	return s->fd >= 0;
}

uint64_t session_number(const struct session *s)
{
	return s->number;
}

const struct ucred *session_cred(const struct session *s)
{
	return &s->cred;
}

struct quota_user *session_user(const struct session *s)
{
	return s->user;
}

struct lease_table *session_leases(struct session *s)
{
	return &s->leases;
}

struct opening_list *session_openings(struct session *s)
{
	return &s->openings;
}

unsigned int session_busy(const struct session *s)
{
	return s->busy;
}

size_t session_unsent(const struct session *s)
{
	return s->unsent_bytes;
}

struct session_stats *session_stats(struct session *s)
{
	return &s->stats;
}

struct session_link *session_link(struct session *s)
{
	return &s->entry;
}

void session_greet(struct session *s, uint32_t version, const char *program)
{
	s->version = version;
	snprintf(s->program, sizeof(s->program), "%s", program);
	for (char *c = s->program; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c == 0x7f)
			*c = '?';
	journal_info(NULL, s->number, "%s (pid %d, uid %u), protocol %u",
		     *s->program ? s->program : "a client", s->cred.pid, s->cred.uid, version);
}

uint32_t session_version(const struct session *s)
{
	return s->version;
}

const char *session_program(const struct session *s)
{
	return s->program;
}

void session_save(const struct session *s, struct state_session *saved)
{
	*saved = (struct state_session){
		.number = s->number,
		.fd = s->fd,
		.version = s->version,
		.last_handle = s->leases.last,
		.submitted = s->stats.submitted,
		.completed = s->stats.completed,
	};
	memcpy(saved->program, s->program, sizeof(saved->program));
}

int session_restore(const struct session_host *host, const struct state_session *saved,
		    struct session **out)
{
	int ret = session_make(host, saved->fd, saved->number, out);

	if (ret < 0)
		return ret;
	(*out)->version = saved->version;
	memcpy((*out)->program, saved->program, sizeof((*out)->program) - 1);
	(*out)->leases.last = saved->last_handle;
	(*out)->stats.submitted = saved->submitted;
	(*out)->stats.completed = saved->completed;
	return 0;
}
