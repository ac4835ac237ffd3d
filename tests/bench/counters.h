/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counters - system calls and sleeps of this process and of another one
 *
 * System calls are counted by the kernel (its tracepoint of every entry), without stopping anybody: what is measured
 * is not slowed down by it. That needs the right to count; without it they stay unknown.
 */
#ifndef VFND_BENCH_COUNTERS_H
#define VFND_BENCH_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define COUNTERS_THREADS 64

enum { COUNTERS_CALLS, COUNTERS_MEMORY, COUNTERS_KINDS };

struct counts {
	uint64_t calls;	 /* system calls */
	uint64_t memory; /* of these: mmap(), brk() and kin */
	uint64_t sleeps; /* switches to another process that this one wanted */
};

/* A process: this one, or the daemon. */
struct counters_of {
	pid_t pid;
	int fds[COUNTERS_THREADS * COUNTERS_KINDS]; /* some for each thread */
	unsigned int nfds;
	struct counts counts;
};

struct counters {
	struct counters_of client, daemon; /* daemon.pid 0: there is none */
	bool calls;			   /* system calls are counted */
};

/* `daemon` 0: none. Threads that come later are not counted. 0, or -1 with errno. */
int counters_open(struct counters *c, pid_t daemon);
void counters_close(struct counters *c);

/* From start to stop is what the counts tell; a few calls of the measuring itself are in the client's. */
void counters_start(struct counters *c);
void counters_stop(struct counters *c);

#endif
