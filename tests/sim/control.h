/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control - the control socket: a line asks, a line answers
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "ctrl.h"

#include <poll.h>

#define CONTROL_CLIENTS 16
#define CONTROL_LINE	1024

struct control_client {
	int fd; /* or -1 */
	size_t len;
	char line[CONTROL_LINE];
};

struct control {
	int fd; /* listening, or -1 */
	struct ctrl *c;
	const bool *connected; /* a client has the device */
	struct control_client client[CONTROL_CLIENTS];
};

/* Takes the listening socket `fd` (-1: none). */
void control_init(struct control *ctl, int fd, struct ctrl *c, const bool *connected);
void control_fini(struct control *ctl);

/* Fills at most 1 + CONTROL_CLIENTS entries and returns their number; then hands their events back.
 */
unsigned int control_poll_set(struct control *ctl, struct pollfd *p);
void control_handle(struct control *ctl, const struct pollfd *p, unsigned int n);

/*
 * Carries out the lines of a file, but for empty ones and those that begin with '#'. 0, or -EINVAL or what
 * opening says, with the reason, and the number of the line, in `why`.
 */
int control_script(struct control *ctl, const char *path, char *why, size_t room);

/* Carries out one line (changed while parsed); the answer, without newline, goes into `out`. */
void control_line(struct control *ctl, char *line, char *out, size_t room);

/* `--tell`: sends lines, prints the answers. Returns the exit status. */
int control_tell(const char *path, char *const *lines, int n);

#endif
