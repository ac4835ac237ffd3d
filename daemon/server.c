/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/server.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

#include "daemon/config.h"
#include "daemon/journal.h"
#include "daemon/rpc/rpc.h"

static struct {
	struct event_base *base;
	const struct config *config;
	const struct server_hooks *hooks;
	int fd;
	bool activated, paused;
	struct event *acceptable, *retry;
	TAILQ_HEAD(, session_link) sessions;
	uint64_t count, total;
	struct session_host host;
} server = {.fd = -1};

static void server_ended(void *arg, struct session *s)
{
	TAILQ_REMOVE(&server.sessions, session_link(s), link);
	server.count--;
	server.hooks->ended(s);
}

static void server_session_idle(void *arg)
{
	server.hooks->idle();
}

static void server_add(struct session *s)
{
	TAILQ_INSERT_TAIL(&server.sessions, session_link(s), link);
	server.count++;
}

/* Out of descriptors: without a pause the loop would spin on a connection that cannot be taken. */
static void server_rest(void)
{
	struct timeval tv = {.tv_usec = 100 * 1000};

	event_del(server.acceptable);
	evtimer_add(server.retry, &tv);
}

static void server_retry(evutil_socket_t fd, short what, void *arg)
{
	if (!server.paused)
		event_add(server.acceptable, NULL);
}

static void server_accept(evutil_socket_t fd, short what, void *arg)
{
	struct session *s;
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), ret;

	if (conn < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			journal_error(NULL, 0, "a client cannot be accepted: %s", strerror(errno));
			server_rest();
		}
		return;
	}
	ret = session_create(&server.host, conn, server.total + 1, &s);
	if (ret < 0) {
		journal_warn(NULL, 0, "a client was turned away: %s", strerror(-ret));
		return;
	}
	server.total++;
	server_add(s);
}

static int server_watch(struct event_base *base, const struct config *config,
			const struct server_hooks *hooks)
{
	server.base = base;
	server.config = config;
	server.hooks = hooks;
	TAILQ_INIT(&server.sessions);
	server.host = (struct session_host){
		.base = base,
		.config = config,
		.packet = rpc_packet,
		.room = rpc_events_room,
		.ended = server_ended,
		.idle = server_session_idle,
	};
	server.acceptable = event_new(base, server.fd, EV_READ | EV_PERSIST, server_accept, NULL);
	server.retry = evtimer_new(base, server_retry, NULL);
	if (!server.acceptable || !server.retry || event_add(server.acceptable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

/* A socket file that nobody listens on any more is in the way; one that somebody does is theirs. */
static int server_clear_stale(const struct sockaddr_un *addr, char *error, size_t size)
{
	struct stat st;
	int fd, ret;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(error, size, "%s is there and is no socket", addr->sun_path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	if (ret < 0)
		ret = -errno;
	close(fd);
	if (ret != -ECONNREFUSED) {
		snprintf(error, size, "another process listens on %s", addr->sun_path);
		return -EADDRINUSE;
	}
	return unlink(addr->sun_path) < 0 ? -errno : 0;
}

static int server_set_group(const char *path, const char *group, char *error, size_t size)
{
	struct group *gr;

	if (!group)
		return 0;
	gr = getgrnam(group);
	if (!gr) {
		snprintf(error, size, "there is no group %s", group);
		return -ENOENT;
	}
	if (chown(path, (uid_t)-1, gr->gr_gid) < 0) {
		snprintf(error, size, "%s cannot be given to group %s: %s", path, group, strerror(errno));
		return -errno;
	}
	return 0;
}

static int server_bind(const struct config *config, char *error, size_t size)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t old;
	int fd, ret;

	if (strlen(config->socket) >= sizeof(addr.sun_path)) {
		snprintf(error, size, "the socket's path is longer than %zu bytes",
			 sizeof(addr.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(addr.sun_path, config->socket);
	ret = server_clear_stale(&addr, error, size);
	if (ret < 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	old = umask(0117);
	ret = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	umask(old);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	ret = server_set_group(config->socket, config->group, error, size);
	if (ret == 0 && listen(fd, SOMAXCONN) < 0)
		ret = -errno;
	if (ret < 0) {
		unlink(config->socket);
		close(fd);
		return ret;
	}
	server.fd = fd;
	return 0;
}

/* 1: there is a socket of systemd's; 0: none. */
static int server_take_passed(char *error, size_t size)
{
	int n = sd_listen_fds(1);

	if (n <= 0)
		return n;
	if (n > 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) <= 0) {
		snprintf(error, size, "what was passed is not one listening SOCK_SEQPACKET socket "
			 "(ListenSequentialPacket=)");
		return -EINVAL;
	}
	server.fd = SD_LISTEN_FDS_START;
	server.activated = true;
	fcntl(server.fd, F_SETFL, fcntl(server.fd, F_GETFL) | O_NONBLOCK);
	return 1;
}

int server_start(struct event_base *base, const struct config *config,
		 const struct server_hooks *hooks, char *error, size_t size)
{
	int ret;

	*error = '\0';
	ret = server_take_passed(error, size);
	if (ret == 0)
		ret = server_bind(config, error, size);
	if (ret >= 0)
		ret = server_watch(base, config, hooks);
	if (ret < 0 && !*error)
		snprintf(error, size, "%s: %s", config->socket, strerror(-ret));
	return ret;
}

int server_resume(struct event_base *base, const struct config *config,
		  const struct server_hooks *hooks, int fd, bool activated, uint64_t total)
{
	server.fd = fd;
	server.activated = activated;
	server.total = total;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return server_watch(base, config, hooks);
}

int server_restore(const struct state_session *saved, struct session **out)
{
	int ret = session_restore(&server.host, saved, out);

	if (ret == 0)
		server_add(*out);
	return ret;
}

void server_pause(bool pause)
{
	struct session_link *entry;

	server.paused = pause;
	if (pause)
		event_del(server.acceptable);
	else
		event_add(server.acceptable, NULL);
	TAILQ_FOREACH (entry, &server.sessions, link)
		session_pause(entry->session, pause);
}

bool server_idle(bool unsent_too)
{
	struct session_link *entry;

	TAILQ_FOREACH (entry, &server.sessions, link)
		if (session_busy(entry->session) || (unsent_too && session_unsent(entry->session)))
			return false;
	return true;
}

void server_end_all(const char *reason)
{
	struct session_link *entry;

	while ((entry = TAILQ_FIRST(&server.sessions)))
		session_end(entry->session, reason);
}

void server_stop(void)
{
	if (server.fd < 0)
		return;
	if (server.acceptable)
		event_free(server.acceptable);
	if (server.retry)
		event_free(server.retry);
	server.acceptable = server.retry = NULL;
	close(server.fd);
	server.fd = -1;
	if (!server.activated)
		unlink(server.config->socket);
}

uint64_t server_sessions(void)
{
	return server.count;
}

uint64_t server_sessions_total(void)
{
	return server.total;
}

int server_fd(void)
{
	return server.fd;
}

bool server_activated(void)
{
	return server.activated;
}

int server_for_each(int (*fn)(struct session *session, void *arg), void *arg)
{
	struct session_link *entry;
	int ret = 0;

	TAILQ_FOREACH (entry, &server.sessions, link) {
		ret = fn(entry->session, arg);
		if (ret)
			break;
	}
	return ret;
}
