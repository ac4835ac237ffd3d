/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress - what takes long: shown on a terminal, and interrupted without leaving a mess
 *
 * Between progress_begin() and progress_end() SIGINT and SIGTERM do not end the program: they are
 * noticed where it waits. Progress is a line on stderr, if that is a terminal, which is rewritten.
 */
#ifndef VFNCTL_PROGRESS_H
#define VFNCTL_PROGRESS_H

#include "client/vfnctl/vfnctl.h"

void progress_begin(void);
void progress_end(void);

/* Whether a signal came. */
bool progress_interrupted(void);

/* Show this in place of what was shown. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Take away what is shown, before other output. */
void progress_clear(void);

/* The time now, milliseconds of CLOCK_MONOTONIC. */
int64_t progress_now_ms(void);

/* Sleep so long. false: interrupted. */
bool progress_sleep(unsigned int ms);

/*
 * Whether to try again what the daemon has answered with `ret`, begun at `start`: it has said so, and not for long.
 * That is while namespaces are identified anew after a command that may have changed them, or the controller is reset.
 */
bool progress_again(int ret, int64_t start);

/*
 * Send an admin command and wait. `tick` (or NULL) is called at first and from time to time, with
 * the seconds gone by. Returns EXIT_*; all but an interruption has been said.
 */
int progress_command(struct tool *tool, const struct vfnc_cmd *cmd, struct vfnc_completion *cpl,
		     void (*tick)(struct tool *tool, void *arg, unsigned int seconds), void *arg);

#endif
