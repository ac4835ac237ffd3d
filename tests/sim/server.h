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

/* Serves until SIGTERM or SIGINT. `control_fd` may be -1; both fds are closed. 0 or -errno. */
int server_run(struct ctrl *c, int listen_fd, int control_fd);

#endif
