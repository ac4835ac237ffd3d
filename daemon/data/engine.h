/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine - serves the queues of one device, round after round
 *
 * One thread runs it: the loop, or a poller (poller.h). A round takes completions of all pairs,
 * then at most a burst of commands of each active queue. A queue that has had nothing to do for
 * some rounds goes to sleep, and costs nothing until its client kicks. While several queues are
 * active, each has at most its window in flight, so that none waits for more than a burst and a
 * window of each other. Beside busy queues of a higher priority the window is half as large for each step between the
 * two, also of one that is active alone: those have the greater part of the controller, and nobody has none.
 */
#ifndef VFND_DAEMON_DATA_ENGINE_H
#define VFND_DAEMON_DATA_ENGINE_H

#include <stdbool.h>

#include "daemon/data/check.h"
#include "daemon/data/served.h"
#include "daemon/data/trace.h"

struct data_engine {
	struct data_rules rules;
	struct data_pair **pairs;
	unsigned int npairs, pairs_room;
	struct served **active;
	unsigned int nactive, active_room;
	unsigned int first; /* whose turn it is to be first */
	unsigned int nserved;
	unsigned int nbusy[SERVED_PRIORITIES]; /* queues that are active, or have commands in flight */
	uint8_t step[SERVED_PRIORITIES];       /* how far each is below the highest that is busy */
	struct served *touched;
	TAILQ_HEAD(served_list, served) aside; /* they wait for a limit, in order */
	uint64_t due;			       /* when to look at them, ticks of */
	uint64_t (*clock)(void);
	uint32_t moved; /* commands and completions, so far */
	/* Moves for which a client that sleeps is not told while it has commands in flight; 0: it is told at once. */
	uint32_t hold;
	/* Looks in vain, at all queues together, before a queue that has nothing to do goes to
	 * sleep. */
	unsigned int patience;
	unsigned int inflight;			   /* on all pairs */
	struct trace_list traces;		   /* who is told of commands */
	bool paused;				   /* nothing is forwarded */
	bool halted;	       /* the pairs belong to somebody else: nothing is done */
	void (*quiet)(struct data_engine *engine); /* paused, and nothing in flight (any more) */
	void *owner;
};

/* 0, or -ENOMEM. */
int data_engine_add_pair(struct data_engine *engine, struct data_pair *pair);
void data_engine_remove_pair(struct data_engine *engine, struct data_pair *pair);

/* A queue joins, asleep. 0, or -ENOMEM. */
int data_engine_add(struct data_engine *engine, struct served *served);
/* And leaves: nothing of it is in flight. */
void data_engine_remove(struct data_engine *engine, struct served *served);

/* Not active, and nothing in flight (any more): it is busy no longer. */
void data_engine_rest(struct data_engine *engine, struct served *served);

/* Its client has kicked, or may have. */
void data_engine_kick(struct data_engine *engine, struct served *served);

/* Take no more commands of it; served->drained is called when nothing is in flight, possibly at
 * once. */
void data_engine_stop(struct data_engine *engine, struct served *served);

/*
 * Forward nothing until data_engine_resume(); engine->quiet is called when nothing is in flight,
 * possibly at once.
 */
void data_engine_pause(struct data_engine *engine);
void data_engine_resume(struct data_engine *engine);

/* What a pair has in flight ends with the status: its submission queue is gone. */
void data_engine_fail_pair(struct data_engine *engine, struct data_pair *pair, uint16_t status);

/* One round. How many commands and completions were moved. */
unsigned int data_engine_round(struct data_engine *engine);

/* Tell clients of all completions, though there may be more soon. */
void data_engine_tell(struct data_engine *engine);

/*
 * Tell all clients, and put all queues to sleep that have nothing to do now: true when the thread may sleep until a
 * client kicks or the controller interrupts. False: there is something to do.
 */
bool data_engine_settle(struct data_engine *engine);

/*
 * A queue waits for its session's limit: in so many ticks of engine->clock() there is something to do, though
 * nobody kicks. False: there is none.
 */
bool data_engine_due(const struct data_engine *engine, uint64_t *ticks);

/* The controller has forgotten all queues: everything in flight ends with the status. */
void data_engine_fail(struct data_engine *engine, uint16_t status);

static inline bool data_engine_busy(const struct data_engine *engine)
{
	return engine->nactive || engine->touched;
}

/* Free what it has allocated; it has no queue and no pair any more. */
void data_engine_clear(struct data_engine *engine);

#endif
