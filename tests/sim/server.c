/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "server.h"
#include "control.h"
#include "msg.h"
#include "queue.h"
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/*
 * While it looks, the sockets have their turn this often: at first, and at the longest when there
 * is work in memory while nothing comes from there. A turn costs as much as ten reads.
 */
#define SERVER_SOCKETS_NS     5000
#define SERVER_SOCKETS_MAX_NS 160000

/* Looks at the clock cost as much as looks at the queues: there is one for so many of these. */
#define SERVER_LOOKS	 16
#define SERVER_LOOK_WORK 4 /* what a look counts that has found work */

/* Stores to the doorbell page wake nobody; this is how late they are seen at most. */
#define SERVER_TIMER_NS 950000

/* Messages handled before the queues have their turn. */
#define SERVER_MESSAGES 64

#define SERVER_FIXED 4 /* signal, listener, client, INTx unmask */

struct server {
	struct ctrl *c;
	struct control control;
	struct session session;
	bool connected;
	int listen_fd;
	int signal_fd;
	bool stop;
};

static bool server_alive(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive = fd >= 0 && (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ||
				 errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return alive;
}

int server_listen(const char *path, char *why, size_t room)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct stat st;
	int fd, err;

	if (!*path || strlen(path) >= sizeof(sa.sun_path)) {
		snprintf(why, room, "a socket's path has 1 to %zu bytes", sizeof(sa.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(sa.sun_path, path);
	if (!lstat(path, &st)) {
		if (!S_ISSOCK(st.st_mode)) {
			snprintf(why, room, "exists and is not a socket");
			return -EEXIST;
		}
		if (server_alive(&sa)) {
			snprintf(why, room, "another server is listening there");
			return -EADDRINUSE;
		}
		(void)unlink(path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 16) < 0) {
		err = -errno;
		snprintf(why, room, "%s", strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	return fd;
}

static const struct dma_remote server_remote = {session_dma_read, session_dma_write};

static void server_accept(struct server *sv)
{
	int fd = accept4(sv->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 || session_open(&sv->session, fd) < 0)
		return;
	sv->connected = true;
	sv->c->stats.clients++;
	sv->c->dma.remote = &server_remote;
	sv->c->dma.remote_arg = &sv->session;
}

static void server_client_gone(struct server *sv)
{
	/* Before the session: a reset must not write to memory any more. */
	ctrl_client_gone(sv->c);
	sv->c->dma.remote = NULL;
	session_close(&sv->session);
	sv->connected = false;
}

static void server_messages(struct server *sv, short revents)
{
	struct session *s = &sv->session;
	struct msg *m;

	if (revents & POLLOUT)
		session_flush(s);
	for (int i = 0; i < SERVER_MESSAGES && !session_blocked(s) && !s->broken && !s->dead; i++) {
		int got = session_next(s, &m);

		if (got < 0 && !s->broken)
			s->dead = true;
		if (got <= 0)
			break;
		msg_dispatch(s, sv->c, m);
	}
	/* What it was to hear has been sent, as far as it reads at all. */
	if (s->broken)
		s->dead = true;
}

/*
 * One look at all descriptors, waiting for `wait` ns at most (UINT64_MAX: without end). True when
 * there was something.
 */
static bool server_sockets(struct server *sv, uint64_t wait)
{
	struct pollfd p[SERVER_FIXED + 1 + CONTROL_CLIENTS];
	struct timespec ts = {wait / 1000000000, wait % 1000000000};
	unsigned int n;
	struct signalfd_siginfo sig;

	p[0] = (struct pollfd){sv->signal_fd, POLLIN, 0};
	/* The next client waits in the queue of the listening socket. */
	p[1] = (struct pollfd){sv->connected ? -1 : sv->listen_fd, POLLIN, 0};
	p[2] = (struct pollfd){sv->connected ? sv->session.fd : -1, POLLIN, 0};
	if (sv->connected && session_blocked(&sv->session))
		p[2].events = POLLOUT;
	p[3] = (struct pollfd){sv->c->irq.intx_unmask_fd, POLLIN, 0};
	n = SERVER_FIXED + control_poll_set(&sv->control, p + SERVER_FIXED);
	if (sv->connected && sv->session.nlater)
		wait = ts.tv_sec = ts.tv_nsec = 0;
	if (ppoll(p, n, wait == UINT64_MAX ? NULL : &ts, NULL) <= 0 &&
	    !(sv->connected && sv->session.nlater))
		return false;
	if (p[0].revents) {
		(void)!read(sv->signal_fd, &sig, sizeof(sig));
		sv->stop = true;
	}
	if (p[1].revents)
		server_accept(sv);
	if (sv->connected && p[2].fd >= 0 && (p[2].revents || sv->session.nlater))
		server_messages(sv, p[2].revents);
	if (p[3].revents) {
		ctrl_update_intx(sv->c);
		irq_intx_unmask(&sv->c->irq);
	}
	control_handle(&sv->control, p + SERVER_FIXED, n - SERVER_FIXED);
	return true;
}

/* How long nothing can happen unless a descriptor says so; 0: something has. */
static uint64_t server_idle(struct server *sv, uint64_t now)
{
	uint64_t deadline, wait = UINT64_MAX;
	bool timer;

	if (!queue_arm(sv->c, &deadline, &timer))
		return 0;
	if (deadline != UINT64_MAX)
		wait = deadline > now ? deadline - now : 0;
	if (timer && sv->connected && sv->session.has_doorbells && wait > SERVER_TIMER_NS)
		wait = SERVER_TIMER_NS;
	sv->c->stats.sleeps++;
	return wait;
}

static void server_loop(struct server *sv)
{
	uint64_t busy = 0, looked = 0, pause = SERVER_SOCKETS_NS;
	uint64_t spin = (uint64_t)sv->c->opts.spin_us * 1000;
	unsigned int looks = 0;
	bool worked = false;

	while (!sv->stop) {
		uint64_t now;

		if (queue_poll(sv->c)) {
			worked = true;
			looks += SERVER_LOOK_WORK - 1;
		}
		if (++looks < SERVER_LOOKS)
			continue;
		looks = 0;
		now = ctrl_now();
		if (worked)
			busy = now;
		if (now - busy > spin) {
			server_sockets(sv, server_idle(sv, now));
			looked = ctrl_now();
			pause = SERVER_SOCKETS_NS;
		} else if (now - looked > pause) {
			bool heard = server_sockets(sv, 0);

			looked = now;
			if (heard || now - busy > SERVER_SOCKETS_NS)
				pause = SERVER_SOCKETS_NS;
			else if (pause < SERVER_SOCKETS_MAX_NS)
				pause *= 2;
		}
		worked = false;
		if (sv->connected && sv->session.dead)
			server_client_gone(sv);
	}
}

static sigset_t server_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return set;
}

void server_hold_signals(void)
{
	sigset_t set = server_signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int server_run(struct ctrl *c, int listen_fd, int control_fd)
{
	struct server sv = {.c = c, .listen_fd = listen_fd};
	sigset_t set = server_signals();
	int err = 0;

	control_init(&sv.control, control_fd, c, &sv.connected);
	sv.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sv.signal_fd < 0) {
		err = -errno;
	} else {
		server_loop(&sv);
		close(sv.signal_fd);
	}
	if (sv.connected)
		server_client_gone(&sv);
	control_fini(&sv.control);
	close(listen_fd);
	return err;
}
