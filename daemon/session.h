/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session - one client's connection, with the credentials that the kernel gave for it
 *
 * The session owns its socket and what waits to be sent. It never waits for the client: what the
 * client does not read is kept up to a limit, then the session ends. A session that has ended stays
 * as a shell until the last reference is dropped (requests that are still under way hold one);
 * what is sent to it then is dropped. Loop thread only.
 */
#ifndef VFND_DAEMON_SESSION_H
#define VFND_DAEMON_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <protobuf-c/protobuf-c.h>

#include "daemon/lease.h"
#include "daemon/quota.h"
#include "proto/fdset.h"

struct config;
struct event_base;
struct opening;
struct session;
struct state_session;

LIST_HEAD(opening_list, opening);

/* How a session reaches the rest of the daemon. */
struct session_host {
	struct event_base *base;
	const struct config *config;
	void *arg;
	/* A packet came. `fds` is taken over by the caller of this function afterwards: take what is wanted. */
	void (*packet)(struct session *session, const uint8_t *buf, size_t len, struct fdset *fds);
	/* The session has ended: give back what it holds. It is not in the host's list any longer. */
	void (*ended)(void *arg, struct session *session);
	/* All that waited was sent, and there were events that had no room: session_send_event(). */
	void (*room)(struct session *session);
	/* The last request that was under way is finished. */
	void (*idle)(void *arg);
};

/*
 * Takes over `fd`, also on failure. 0; -EDQUOT where the user has too many sessions; -ENOMEM or
 * another -errno. The host's list of sessions holds one reference.
 */
int session_create(const struct session_host *host, int fd, uint64_t number, struct session **out);

struct session *session_ref(struct session *session);
void session_unref(struct session *session);

/* End the session, for a reason that is logged; harmless when it has ended. */
void session_end(struct session *session, const char *reason);

/* Stop taking requests; what is under way goes on. */
void session_pause(struct session *session, bool pause);

/*
 * Send a message with descriptors (NULL: none; closed here in any case). A client that does not read ends the
 * session. 0, or -errno when it was dropped: -EMSGSIZE does not fit a packet; -EPIPE the session has ended.
 */
int session_send(struct session *session, const ProtobufCMessage *msg, struct fdset *fds);

/*
 * Send an event. One that a client has no room for, as it does not read, is lost, and the session goes on: -ENOBUFS,
 * then host.room() is called when there is. `last`: there will be no other one, so it may have more room. Else as
 * session_send().
 */
int session_send_event(struct session *session, const ProtobufCMessage *msg, bool last);

/*
 * Note that a request is under way, until session_finish(); holds a reference. -EAGAIN or -EDQUOT when
 * the session or its user has too many.
 */
int session_begin(struct session *session);
void session_finish(struct session *session);

bool session_alive(const struct session *session);
uint64_t session_number(const struct session *session);
const struct ucred *session_cred(const struct session *session);
struct quota_user *session_user(const struct session *session);
struct lease_table *session_leases(struct session *session);
struct opening_list *session_openings(struct session *session);
unsigned int session_busy(const struct session *session); /* requests under way */
size_t session_unsent(const struct session *session);     /* bytes */

/* Hello was received: protocol version, and the program's name for the log. */
void session_greet(struct session *session, uint32_t version, const char *program);
uint32_t session_version(const struct session *session); /* 0 before Hello */
const char *session_program(const struct session *session);

struct session_stats {
	uint64_t submitted, completed, outstanding;
	uint64_t requests, refused; /* since the daemon's program was executed */
};
struct session_stats *session_stats(struct session *session);

struct session_link {
	TAILQ_ENTRY(session_link) link;
	struct session *session;
};
/* For the host's list. */
struct session_link *session_link(struct session *session);

/* Take-over: what a new image of the daemon needs; fds are made inheritable by the caller. */
void session_save(const struct session *session, struct state_session *saved);
int session_restore(const struct session_host *host, const struct state_session *saved,
		    struct session **out);

#endif
