/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeover - a new image of the daemon in the same process
 *
 * The idle daemon writes down what it has (daemon/state), and executes itself; the new image goes on with
 * devices, sessions and all they hold. Controllers and clients notice nothing. Loop thread only.
 */
#ifndef VFND_DAEMON_TAKEOVER_H
#define VFND_DAEMON_TAKEOVER_H

#include "daemon/device/device.h"

/* Remember what is to be executed: this program's file and `argv`. 0 or -errno. To be called first. */
int takeover_init(char **argv);

/* True when nothing is under way that a new image could not go on with. */
bool takeover_possible(const struct devices *devices);

/* Execute the new image. Returns -errno only when that failed: then everything is as before. */
int takeover_execute(struct devices *devices);

/* In the new image: take up what is in the state `fd`. 0 or -errno. */
struct takeover_server {
	int listen_fd;
	bool activated;
	uint64_t sessions_total;
};
struct state;
int takeover_open(int fd, struct state **state, struct takeover_server *server);
/* Once the server listens: devices, and sessions with what they hold. One that fails is logged. */
void takeover_resume(struct state *state, struct devices *devices);

/* Block or unblock (as for sigprocmask(2)) the signals that the daemon handles. */
void takeover_signals(int how);

#endif
