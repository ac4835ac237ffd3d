/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * driver - runs an engine: on the loop, or on a polling thread of its own
 *
 * The engine, and all that is in it, belongs to whoever runs it. The loop changes it by calls
 * that are messages to a polling
 * thread, which answers between two rounds; what the engine has to tell goes to the loop as a message. On
 * the loop a driver works when there is a kick or an interrupt, and lets others have their turn after a while. A
 * polling driver spins while there is something to do and for a configured time after, then
 * sleeps as well. Of a device that has no interrupts it looks at the pairs every millisecond while a
 * command is in flight. There is no lock in the path of a command.
 */
#ifndef VFND_DAEMON_DATA_DRIVER_H
#define VFND_DAEMON_DATA_DRIVER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "daemon/data/engine.h"

struct data_driver;
struct event;
struct event_base;

/* From the engine to the loop. */
struct data_msg {
	TAILQ_ENTRY(data_msg) link;
	void (*done)(struct data_msg *msg);
	bool sent; /* and `done` not called yet */
};

/* A descriptor whose becoming readable means something to the engine. It is never read. */
struct data_watch {
	struct data_driver *driver;
	int fd;
	struct served *served; /* who is kicked; NULL: an interrupt */
	struct event *event;
	uint64_t count; /* how often */
};

struct data_driver_opts {
	bool poll;	      /* a thread of its own */
	bool no_irq;	      /* pairs complete without a sign: nobody sleeps for long meanwhile */
	unsigned int spin_us; /* that it spins without anything to do before it sleeps */
	int cpu;	      /* that it is pinned to, or -1 */
	const char *name;     /* of the thread, 15 characters */
};

/* 0 or -errno. `owner` is the engine's. */
int data_driver_start(struct event_base *base, const struct data_driver_opts *opts, void *owner,
		      struct data_driver **out);

/*
 * LOOP. Ends the thread and frees the driver; messages that were on their way are delivered. The
 * engine has no queue and no pair
 * any more.
 */
void data_driver_stop(struct data_driver *driver);

/* LOOP: have `fn` called where the engine is run, and wait for that: no longer than for a round. */
void data_driver_call(struct data_driver *driver, void (*fn)(struct data_engine *engine, void *arg),
		      void *arg);

/* Where the engine is run: have `done` called on the loop, later. Once, while it is on its way. */
void data_driver_notify(struct data_driver *driver, struct data_msg *msg);

/* LOOP: forget a message that may be on its way. */
void data_driver_forget(struct data_driver *driver, struct data_msg *msg);

/* LOOP: watch->fd and ->served are set. 0 or -errno. */
int data_driver_watch(struct data_driver *driver, struct data_watch *watch);
/* LOOP: before watch->served goes. After it nobody looks at the watch any more. */
void data_driver_unwatch(struct data_watch *watch);

/* LOOP: the engine may have something to do (an interrupt that is not watched). */
void data_driver_wake(struct data_driver *driver);

/* LOOP: how long it spins without anything to do from now on, microseconds. */
void data_driver_set_spin(struct data_driver *driver, unsigned int spin_us);

/* A thread of its own runs it. */
bool data_driver_polls(const struct data_driver *driver);

struct data_driver_stats {
	uint64_t rounds, sleeps;
};
struct data_driver_stats data_driver_stats(const struct data_driver *driver);

#endif
