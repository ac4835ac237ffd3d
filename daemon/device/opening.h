/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opening - a session's hold on a device, and all that it has there
 *
 * An opening owns buffers, queues and subscriptions of one session on one device. opening_end() is the
 * one function that gives them back, however the session came to its end, in this order: no new
 * commands; queues are deleted and commands aborted; once the controller is done with the memory it is
 * unmapped; then freed. The session itself need not wait for that: the opening lives on by itself
 * on the device's list. If the controller does not finish a command, the memory stays mapped and
 * counted as quarantined until it does or is reset. Loop thread only.
 */
#ifndef VFND_DAEMON_DEVICE_OPENING_H
#define VFND_DAEMON_DEVICE_OPENING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/data/limit.h"
#include "daemon/data/map.h"
#include "daemon/data/tally.h"
#include "daemon/device/keep.h"
#include "daemon/device/worker.h"
#include "daemon/lease.h"
#include "daemon/session.h"

struct buffer;
struct command;
struct device;
struct event;
struct interrupt;
struct queue;
struct subscription;
struct tracer;

LIST_HEAD(buffer_list, buffer);
LIST_HEAD(interrupt_list, interrupt);
LIST_HEAD(queue_list, queue);
LIST_HEAD(subscription_list, subscription);
LIST_HEAD(tracer_list, tracer);
TAILQ_HEAD(command_list, command);

struct opening {
	struct lease lease;
	LIST_ENTRY(opening) in_session, in_device;
	struct session *session; /* NULL once ending */
	uint64_t session_number;
	uint64_t number;              /* among all that the device has had */
	struct quota_user *user;
	struct device *device;
	struct buffer_list buffers;
	struct queue_list queues;
	struct interrupt_list interrupts;
	struct subscription_list subscriptions;
	struct tracer_list tracers;
	struct command_list commands; /* admin and I/O, sent and not over */
	unsigned int slots;           /* of inline payload in use */
	struct data_map map;          /* the buffers, for served queues; theirs while there are any */
	struct data_limit limit;      /* of I/O commands */
	struct command_list limited;  /* requests that wait for it, in order */
	struct event *limit_timer;    /* NULL before the first that had to */
	struct tally *admin;          /* commands on the admin queue; NULL: there was none */
	struct tally *gone;           /* queues that are no more; the same */
	uint64_t last_queue;          /* counts the queues */
	unsigned int nserved;         /* served queues that the engine knows */
	unsigned int last_number;     /* counts the numbers that they were given */
	unsigned int jobs;            /* of the worker that are about this opening */
	unsigned int nraw;            /* unchecked commands that are not over, and their queues: in any buffer */
	unsigned int lost_commands, lost_queues; /* by the last reset */
	unsigned int ndirect;         /* direct queues that the controller may know: they may name any memory */
	struct keep_list kept;        /* what was freed meanwhile */
	bool waits;                   /* ending: for direct queues on another device */
	bool wrote;                   /* to the device: who knows what it does with the buffers */
	bool tainted;                 /* the controller keeps memory that only a reset takes from it */
	bool ending, stepping, quarantined;
	uint64_t quarantined_bytes;
	struct event *grace;
	void (*ended)(void *arg);
	void *ended_arg;
};

/* 0 or -errno; the device is ready. */
int opening_create(struct session *session, struct device *device, struct opening **out);

/* As it was before a take-over. */
int opening_restore(struct session *session, struct device *device, uint64_t handle,
		    struct opening **out);

/* The opening that is known to the session under this handle, or NULL. */
struct opening *opening_find(struct session *session, uint64_t handle);

/* The session's opening of that device, or NULL. */
struct opening *opening_of(struct session *session, const struct device *device);

/* Give all back; `ended` (may be NULL) is called when it is done. Its handles are void at once. */
void opening_end(struct opening *opening, void (*ended)(void *arg), void *arg);

/* Something that the opening held is gone: go on if it is ending. May free it. */
void opening_step(struct opening *opening);

/* Add what it did so far; with or without latencies. */
void opening_tally(const struct opening *opening, struct tally *to, bool latency);

/* An asynchronous thing is about this opening, which stays until opening_release(). */
void opening_hold(struct opening *opening);
void opening_release(struct opening *opening);

/* Hold the opening for a job, and give that to the device's worker; its `done` ends with opening_release(). */
void opening_post(struct opening *opening, struct job *job);

#endif
