/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tracer - a session's trace of the commands of a device
 *
 * It owns the memory that the client reads (daemon/data/trace.h) and the socket that wakes it. Whoever completes
 * commands only writes entries; every few milliseconds the loop looks whether there are new ones, and sends a byte
 * if so: that is as often as a client is woken, however many commands there are. A client that does not
 * read, or has gone, costs no more than that. Loop thread only.
 */
#ifndef VFND_DAEMON_DEVICE_TRACER_H
#define VFND_DAEMON_DEVICE_TRACER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/data/trace.h"
#include "daemon/device/command.h"
#include "daemon/device/opening.h"
#include "daemon/lease.h"

#define TRACER_OPENING_MAX 4 /* traces of one session on one device */

struct event;
struct queue;

struct tracer {
	struct lease lease;
	LIST_ENTRY(tracer) link;
	struct opening *opening;
	struct quota_user *user; /* who is charged for the memory */
	struct trace trace;
	void *memory;
	uint64_t size;
	int wake_fd;
	uint64_t told[TRACE_LANES]; /* how far the lanes were when its client was last woken */
	unsigned int ms;	    /* until the next look */
	struct event *timer;
};

/*
 * Trace commands from now on. `entries` of each lane: rounded up to a power of two; 0: as many as useful. fds[0] is the
 * memory, to be read only, fds[1] the client's end of the socket: both are the caller's. 0; -EMFILE the session has as
 * many traces as it may, -ENOSPC the device, -EDQUOT the user's memory; -EINVAL entries; or another -errno.
 */
int tracer_create(struct opening *opening, const struct trace_filter *filter, unsigned int entries, int fds[2],
		  struct tracer **out);

/* Nothing more comes: its memory is emptied. */
void tracer_free(struct tracer *tracer);

struct tracer *tracer_find(struct session *session, uint64_t handle);

/* The opening ends. Where its device has gone, its client still has some time to read what is left. */
void tracer_end_all(struct opening *opening);
/* The device is about to go, before the opening ends: the same. */
void tracer_gone(struct opening *opening);
/* The daemon ends: that time is over. */
void tracers_discard(void);

/* Whose the opening's commands are; NULL: the daemon's own. */
struct trace_owner tracer_owner(const struct opening *opening);

/* A request's command (queue NULL: an admin command) was refused, for the reason `error`, -errno. */
void tracer_refused(struct opening *opening, const struct queue *queue, const union nvme_cmd *sqe, bool raw,
		    int error);

#endif
