/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server - the socket that clients connect to, and the sessions there are. Loop thread only.
 */
#ifndef VFND_DAEMON_SERVER_H
#define VFND_DAEMON_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/session.h"

struct config;
struct event_base;
struct state_session;

/* A session that has come to its end, and: no session has a request under way. */
struct server_hooks {
	void (*ended)(struct session *session);
	void (*idle)(void);
};

/*
 * Listen on config->socket (mode 0660, config->group), or on the socket that systemd has passed. A socket that nobody
 * listens on is replaced. 0, or -errno with a text for the log.
 */
int server_start(struct event_base *base, const struct config *config,
		 const struct server_hooks *hooks, char *error, size_t size);

/* Go on listening on `fd`, after a take-over. */
int server_resume(struct event_base *base, const struct config *config,
		  const struct server_hooks *hooks, int fd, bool activated, uint64_t total);

/* A session as it was before a take-over. 0 or -errno. */
int server_restore(const struct state_session *saved, struct session **out);

/* No new sessions, no new requests; and again. */
void server_pause(bool pause);

/* No session has a request under way, or an answer to be read. */
bool server_idle(bool unsent_too);

/* End every session. */
void server_end_all(const char *reason);

/* Stop listening; the socket file goes, unless it is systemd's. */
void server_stop(void);

uint64_t server_sessions(void);
uint64_t server_sessions_total(void);
int server_fd(void);
bool server_activated(void);

/* Calls `fn` for every session until it returns other than 0, which is returned. */
int server_for_each(int (*fn)(struct session *session, void *arg), void *arg);

#endif
