/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/closer.h"
#include "daemon/device/buffer.h"
#include "daemon/device/class.h"
#include "daemon/device/queue.h"
#include "daemon/device/subscription.h"
#include "daemon/journal.h"
#include "daemon/rpc/rpc.h"
#include "daemon/server.h"
#include "daemon/state/state.h"

static char takeover_path[4096];
static char **takeover_argv;
static int takeover_argc;

int takeover_init(char **argv)
{
	ssize_t n = readlink("/proc/self/exe", takeover_path, sizeof(takeover_path) - 1);

	if (n < 0)
		return -errno;
	takeover_argv = argv;
	while (argv[takeover_argc])
		takeover_argc++;
	return 0;
}

bool takeover_possible(const struct devices *devices)
{
	const struct device *dev;
	const struct opening *o;

	/* execve(2) waits for threads to end, and one that closes may not. */
	if (!server_idle(true) || closer_waiting())
		return false;
	TAILQ_FOREACH (dev, &devices->list, link) {
		if (dev->state == DEVICE_CLAIMING || dev->state == DEVICE_RESETTING ||
		    dev->state == DEVICE_DISABLED || dev->retiring || (dev->closing && !dev->released))
			return false;
		LIST_FOREACH (o, &dev->openings, in_device)
			if (o->ending || o->jobs || !TAILQ_EMPTY(&o->commands))
				return false;
	}
	return true;
}

static int takeover_save_opening(struct state *state, struct opening *o)
{
	struct state_opening *to = state_add(state, STATE_OPENING, sizeof(*to));
	uint64_t session = o->session_number, opening = o->lease.handle;
	struct subscription *sub;
	struct buffer *b;
	struct queue *q;

	if (!to)
		return -ENOSPC;
	to->session = session;
	to->handle = opening;
	snprintf(to->address, sizeof(to->address), "%s", o->device->address);
	state_commit(state, to);
	LIST_FOREACH (b, &o->buffers, link) {
		struct state_buffer *tb = state_add(state, STATE_BUFFER, sizeof(*tb));

		if (!tb)
			return -ENOSPC;
		buffer_save(b, tb);
		state_commit(state, tb);
	}
	for (q = LIST_FIRST(&o->queues); q; q = queue_next(q)) {
		struct state_queue *tq = state_add(state, STATE_QUEUE, sizeof(*tq));
		int ret = tq ? o->device->class->queue_save(q, tq) : -ENOSPC;

		if (ret < 0)
			return ret;
		tq->session = session;
		tq->opening = opening;
		state_commit(state, tq);
	}
	LIST_FOREACH (sub, &o->subscriptions, link) {
		struct state_subscription *ts = state_add(state, STATE_SUBSCRIPTION, sizeof(*ts));

		if (!ts)
			return -ENOSPC;
		*ts = (struct state_subscription){session, opening, sub->lease.handle, sub->sequence};
		state_commit(state, ts);
	}
	return 0;
}

static int takeover_save_session(struct session *s, void *arg)
{
	struct state *state = arg;
	struct state_session *to = state_add(state, STATE_SESSION, sizeof(*to));
	struct opening *o;
	int ret;

	if (!to)
		return -ENOSPC;
	session_save(s, to);
	state_commit(state, to);
	LIST_FOREACH (o, session_openings(s), in_session) {
		ret = takeover_save_opening(state, o);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int takeover_save_tally(struct state *state, const struct device *dev)
{
	struct state_tally *to = state_add(state, STATE_TALLY, sizeof(*to));

	if (!to)
		return -ENOSPC;
	snprintf(to->address, sizeof(to->address), "%s", dev->address);
	to->size = sizeof(to->tally);
	tally_init(&to->tally);
	device_tally(dev, &to->tally, true);
	state_commit(state, to);
	return 0;
}

/* Sessions count anew: what they did before is among that of those which have ended. */
static void takeover_take_tally(struct state *state, struct device *dev)
{
	const struct state_tally *from = NULL;

	while ((from = state_next(state, STATE_TALLY, sizeof(*from), from)))
		if (from->size == sizeof(from->tally) && from->tally.latency.shift < 32 &&
		    strcmp(from->address, dev->address) == 0)
			tally_merge(&dev->ended, &from->tally, true);
}

static int takeover_save(struct state *state, struct devices *devices)
{
	struct state_daemon *to = state_add(state, STATE_DAEMON, sizeof(*to));
	struct device *dev;
	int ret;

	if (!to)
		return -ENOSPC;
	*to = (struct state_daemon){
		.listen_fd = server_fd(),
		.activated = server_activated(),
		.sessions_total = server_sessions_total(),
		.requests = rpc_host.requests,
		.refused = rpc_host.refused,
		.started_ns = rpc_host.started_ns,
	};
	state_commit(state, to);
	TAILQ_FOREACH (dev, &devices->list, link) {
		struct state_device *td;

		if (dev->state != DEVICE_READY)
			continue; /* the new image tries to claim it afresh */
		td = state_add(state, STATE_DEVICE, sizeof(*td));
		ret = td ? dev->class->save(dev, td) : -ENOSPC;
		if (ret < 0)
			return ret;
		state_commit(state, td);
		ret = takeover_save_tally(state, dev);
		if (ret < 0)
			return ret;
	}
	return server_for_each(takeover_save_session, state);
}

/* Every descriptor in the state, by `fn`. */
static void takeover_each_fd(struct state *state, void (*fn)(int fd))
{
	struct state_daemon *d = NULL;
	struct state_device *dev = NULL;
	struct state_session *s = NULL;
	struct state_buffer *b = NULL;
	struct state_queue *q = NULL;

	while ((d = state_next(state, STATE_DAEMON, sizeof(*d), d)))
		fn(d->listen_fd);
	while ((s = state_next(state, STATE_SESSION, sizeof(*s), s)))
		fn(s->fd);
	while ((b = state_next(state, STATE_BUFFER, sizeof(*b), b)))
		fn(b->fd);
	while ((q = state_next(state, STATE_QUEUE, sizeof(*q), q))) {
		fn((int)q->cq.mem.fd);
		fn((int)q->sq.mem.fd);
		fn((int)q->sq.pages.fd);
	}
	while ((dev = state_next(state, STATE_DEVICE, sizeof(*dev), dev))) {
		const int fds[] = {
			dev->pci.device_fd, dev->pci.group_fd, dev->pci.container_fd,
			dev->pci.socket_fd, dev->slots_fd, dev->notice_fd[0], dev->notice_fd[1],
			(int)dev->ctrl.dbbuf.fd, (int)dev->ctrl.eventidx.fd,
			(int)dev->admin_cq.mem.fd, (int)dev->admin_sq.mem.fd,
			(int)dev->admin_sq.pages.fd,
		};

		for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
			fn(fds[i]);
		for (uint32_t i = 0; i < dev->nvectors && i < STATE_MAX_VECTORS; i++)
			fn(dev->vector_fd[i]);
	}
}

static void takeover_keep(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, 0);
}

static void takeover_hide(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void takeover_signals(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR2);
	sigprocmask(how, &signals, NULL);
}

int takeover_execute(struct devices *devices)
{
	char option[32], **argv;
	struct state *state;
	int ret = state_create(&state), n = 0;

	if (ret < 0)
		return ret;
	ret = takeover_save(state, devices);
	argv = calloc((size_t)takeover_argc + 2, sizeof(*argv));
	if (ret == 0 && !argv)
		ret = -ENOMEM;
	if (ret < 0)
		goto out;
	for (int i = 0; i < takeover_argc; i++)
		if (strncmp(takeover_argv[i], "--takeover=", 11) != 0)
			argv[n++] = takeover_argv[i];
	snprintf(option, sizeof(option), "--takeover=%d", state_fd(state));
	argv[n] = option;
	takeover_each_fd(state, takeover_keep);
	takeover_keep(state_fd(state));
	journal_info(NULL, 0, "executing the program anew");
	/* One that came before the new image has handlers would end it: it unblocks them then. */
	takeover_signals(SIG_BLOCK);
	execv(takeover_path, argv);
	ret = -errno;
	takeover_signals(SIG_UNBLOCK);
	takeover_each_fd(state, takeover_hide);
out:
	free(argv);
	state_free(state);
	return ret;
}

int takeover_open(int fd, struct state **state, struct takeover_server *server)
{
	const struct state_daemon *d;
	int ret = state_open(fd, state);

	if (ret < 0)
		return ret;
	takeover_each_fd(*state, takeover_hide);
	d = state_next(*state, STATE_DAEMON, sizeof(*d), NULL);
	if (!d) {
		state_free(*state);
		return -EPROTO;
	}
	*server = (struct takeover_server){
		.listen_fd = d->listen_fd,
		.activated = d->activated,
		.sessions_total = d->sessions_total,
	};
	rpc_host.requests = d->requests;
	rpc_host.refused = d->refused;
	rpc_host.started_ns = d->started_ns;
	return 0;
}

static int takeover_take_opening(struct state *state, struct opening *o)
{
	uint64_t session = o->session_number, handle = o->lease.handle;
	const struct state_subscription *sub = NULL;
	const struct state_buffer *b = NULL;
	const struct state_queue *q = NULL;
	int ret = 0;

	while (ret == 0 && (b = state_next(state, STATE_BUFFER, sizeof(*b), b)))
		if (b->session == session && b->opening == handle)
			ret = buffer_restore(o, b);
	while (ret == 0 && (q = state_next(state, STATE_QUEUE, sizeof(*q), q)))
		if (q->session == session && q->opening == handle)
			ret = o->device->class->queue_restore(o, q);
	while (ret == 0 && (sub = state_next(state, STATE_SUBSCRIPTION, sizeof(*sub), sub)))
		if (sub->session == session && sub->opening == handle)
			ret = subscription_restore(o, sub->handle, sub->sequence);
	return ret;
}

static int takeover_take_session(struct state *state, struct devices *devices,
				 const struct state_session *saved)
{
	const struct state_opening *so = NULL;
	struct session *s;
	int ret = server_restore(saved, &s);

	if (ret < 0)
		return ret;
	while ((so = state_next(state, STATE_OPENING, sizeof(*so), so))) {
		struct device *dev;
		struct opening *o;

		if (so->session != saved->number)
			continue;
		dev = device_find(devices, so->address);
		ret = dev && dev->state == DEVICE_READY
			      ? opening_restore(s, dev, so->handle, &o) : -ENODEV;
		if (ret == 0)
			ret = takeover_take_opening(state, o);
		if (ret < 0) {
			session_end(s, "what it holds could not be taken over");
			return ret;
		}
	}
	return 0;
}

void takeover_resume(struct state *state, struct devices *devices)
{
	const struct state_device *saved = NULL;
	const struct state_session *ss = NULL;
	unsigned int ndevices = 0, nsessions = 0;
	struct device *dev;
	int ret;

	while ((saved = state_next(state, STATE_DEVICE, sizeof(*saved), saved))) {
		ret = device_restore(devices, saved, &dev);
		if (ret < 0) {
			journal_error(saved->address, 0, "could not be taken over: %s", strerror(-ret));
			continue;
		}
		takeover_take_tally(state, dev);
		ndevices++;
	}
	while ((ss = state_next(state, STATE_SESSION, sizeof(*ss), ss))) {
		ret = takeover_take_session(state, devices, ss);
		if (ret < 0)
			journal_error(NULL, ss->number, "could not be taken over: %s", strerror(-ret));
		else
			nsessions++;
	}
	journal_info(NULL, 0, "took over %u devices and %u sessions", ndevices, nsessions);
}
