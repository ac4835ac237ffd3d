/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker - one thread a device, for calls that can take long
 *
 * A worker owns nothing: it is given a job, runs it, and posts it back to the loop. The jobs of
 * a worker run one after another, in the order in which they were given, and their `done` in that order too.
 */
#ifndef VFND_DAEMON_DEVICE_WORKER_H
#define VFND_DAEMON_DEVICE_WORKER_H

#include <sys/queue.h>

struct event_base;
struct worker;

/* Embedded in what the job is about. `run` is called on the worker, `done` on the loop. */
struct job {
	TAILQ_ENTRY(job) link;
	void (*run)(struct job *job);
	void (*done)(struct job *job);
	int error;      /* for `run` to leave: 0 or -errno */
	char text[256]; /* and why */
};

/* 0 or -errno. `name` is shown as the thread's name (15 characters). */
int worker_start(struct event_base *base, const char *name, struct worker **out);

/* Give a job to the worker. Loop thread only. */
void worker_post(struct worker *worker, struct job *job);

/*
 * Ends the thread after the jobs that it was given, runs their `done`, and frees the worker. Waits,
 * so only for a worker without long jobs: at the daemon's end.
 */
void worker_stop(struct worker *worker);

/* In `run`: note -errno and what libvfn says of the failure. */
void job_fail(struct job *job, int error);

#endif
