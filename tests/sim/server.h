/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server - the sockets and the loop: one thread serves device, client and control socket
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "ctrl.h"

/*
 * A listening unix socket at `path`. A dead server's socket is replaced; a live one, or anything
 * that is not a socket, is left alone. The fd, or -errno with the reason in `why`.
 */
int server_listen(const char *path, char *why, size_t room);

/*
 * From here on SIGTERM and SIGINT wait for server_run(): to be called before anybody can know that
 * there is a server, or its sockets would stay behind.
 */
void server_hold_signals(void);

/*
 * After server_hold_signals(). Serves until SIGTERM or SIGINT. `control_fd` may be -1; both fds are
 * closed. 0 or -errno.
 */
int server_run(struct ctrl *c, int listen_fd, int control_fd);

#endif
