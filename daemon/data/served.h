/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * served - a client's queue in shared memory, forwarded to a queue pair of the controller
 *
 * Commands are copied out of the memory that the client can write, checked there (check.h), given
 * an identifier of the daemon's, and posted in the order in which the client queued them;
 * completions go back. No lock, no allocation and no system call on the way. The daemon reads three
 * words and the submission queue of the shared memory, each once for each use, and never its own
 * words there: what it knows it knows from its own.
 *
 * All of it belongs to the thread that runs the engine (engine.h).
 */
#ifndef VFND_DAEMON_DATA_SERVED_H
#define VFND_DAEMON_DATA_SERVED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <vfn/nvme.h>

#include "daemon/data/check.h"
#include "daemon/data/limit.h"
#include "daemon/data/map.h"
#include "daemon/data/tally.h"
#include "daemon/data/trace.h"
#include "proto/served.h"

#define SERVED_BURST 16 /* commands of one queue before the next one has its turn */

struct data_engine;
struct served;

/* Whose commands go first. */
enum served_priority {
	SERVED_URGENT,
	SERVED_HIGH,
	SERVED_MEDIUM,
	SERVED_LOW,
	SERVED_PRIORITIES,
};

/* A command that the controller has. */
struct data_cmd {
	struct served *served; /* NULL: it has none under this identifier */
	union {
		uint64_t length;       /* bytes that it transfers */
		struct data_cmd *next; /* the next free one */
	};
	uint64_t submitted; /* ticks, one look at the clock for each burst */
	struct data_refs refs;
	struct data_list list;
	uint16_t cid; /* the client's */
	uint16_t id;  /* the controller's: its place in the pair's */
	uint8_t opcode;
	uint8_t marks;
};

enum data_mark {
	DATA_NAMED = 1 << 0,  /* by an Abort: no other command gets the identifier before that has ended */
	DATA_TRACED = 1 << 1, /* somebody wants to know what becomes of it */
};

/*
 * A queue pair of the controller that only the daemon can see. The trackers of its submission queue lend their pages,
 * and are no more than names for Aborts: which identifiers are free is known from `free`.
 */
struct data_pair {
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	struct data_cmd *cmds; /* by identifier */
	struct data_cmd *free; /* of them, linked by `next` */
	union nvme_cmd *traced; /* by identifier: those that are traced, as they were sent; NULL: there was none */
	unsigned int ncmds;
	unsigned int inflight;
	unsigned int peak; /* the most that was in flight after a round, since its owner looked */
	unsigned int users; /* served queues */
};

enum served_state {
	SERVED_ASLEEP,	/* the event indices are set: a kick wakes it */
	SERVED_ACTIVE,	/* looked at in each round */
	SERVED_ASIDE,	/* waits for its session's limit: looked at again when that may let it go */
	SERVED_STOPPED, /* takes no more commands; what the controller has goes on */
};

struct served {
	struct data_engine *engine;
	struct data_pair *pair;
	struct data_map *map;

	/* shared with the client */
	struct served_control *control;
	const volatile uint8_t *sqes;
	volatile uint64_t *cqes; /* two words an entry */

	uint32_t entries;
	uint32_t sq_head; /* the next command to copy */
	uint32_t sq_seen; /* the client's tail, when that was last looked at */
	uint32_t cq_tail; /* the next completion's place */
	uint32_t cq_head; /* how far the client has read, when that was last looked at */
	uint32_t cq_told; /* cq_tail, when the wake index was last looked at */
	uint64_t stamp;	  /* what the next completion's last word has of queue and phase */
	uint32_t room;	  /* completions that are sure to have a place, beside those in flight */
	uint32_t inflight;
	uint32_t window; /* most in flight while others want the controller as well, none of a higher priority */
	enum served_priority priority;
	bool busy; /* in engine->nbusy */
	uint32_t idle;	 /* rounds without anything to do */
	uint16_t qid;	 /* the client's number for it */
	bool blocked;	 /* commands wait for the controller to complete others */
	bool starved;	 /* commands wait for the client to read completions */
	bool broken;	 /* the client has written a tail or head that is beyond the queue */
	enum served_state state;
	unsigned int slot; /* in the engine's list of active queues */
	bool touched;	   /* in the list of those with new completions */
	uint32_t touched_at; /* engine->moved, then */
	bool asked;	   /* the client is to be woken */
	struct served *next_touched;
	struct data_limit *limit; /* of its session, or NULL */
	struct trace_owner whose;
	uint64_t spent;		  /* bytes of all commands that were posted */
	TAILQ_ENTRY(served) aside;
	int wake_fd; /* a socket */
	struct tally stats;
	void (*drained)(struct served *served); /* stopped, and nothing in flight */
	void *owner;
};

/*
 * Begin to serve: the members from `engine` to `map`, `control` to `entries`, `qid`, `window`,
 * `priority` and `wake_fd` are set and all others zero. The queue is asleep, and its words in the shared memory
 * say so.
 */
void served_start(struct served *q);

static inline uint32_t served_load(const uint32_t *word)
{
	return le32toh(__atomic_load_n(word, __ATOMIC_ACQUIRE));
}

/* Forward at most `burst` commands; how many were taken from the queue. Its client's tail is `tail`. */
unsigned int served_forward_to(struct served *q, unsigned int burst, uint32_t tail);

/* The same, when it has looked at that. */
static inline unsigned int served_forward(struct served *q, unsigned int burst)
{
	uint32_t tail = served_load(&q->control->sq_tail);

	q->blocked = q->starved = false;
	if (tail == q->sq_head) {
		q->sq_seen = tail;
		return 0;
	}
	return served_forward_to(q, burst, tail);
}

/* There are commands to forward. False: it can go to sleep. */
bool served_pending(struct served *q);

/* Whether the client has asked to be woken by what has been completed since it last was. */
static inline bool served_asked(struct served *q)
{
	uint32_t wake, old = q->cq_told;

	if (q->cq_tail == old)
		return q->asked;
	q->cq_told = q->cq_tail;
	/* The completions before the look at the index: the client does it the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wake = served_load(&q->control->cq_wake);
	if (__builtin_expect(wake != SERVED_AWAKE, 0))
		q->asked |= (uint16_t)(q->cq_tail - wake - 1) < (uint16_t)(q->cq_tail - old);
	return q->asked;
}

/* Wake the client, which has asked for it, unless it has looked for itself meanwhile. */
void served_wake(struct served *q);

/*
 * Go to sleep: true unless the client has moved a word since it was looked at. Not for one that is
 * blocked: nobody would wake it.
 */
bool served_arm(struct served *q);

/* The opposite: no kicks are needed. */
void served_disarm(struct served *q);

/* All commands of the pair end with the status: clients are told, and what they held is given back. */
void data_pair_fail(struct data_engine *engine, struct data_pair *pair, uint16_t status);

/*
 * At most `most` commands of the queue that the controller has are going to be aborted, and were not
 * before; how many, and the trackers of their identifiers. Each is unnamed again when its Abort has ended, or could
 * not be sent.
 */
unsigned int data_pair_name(struct served *q, struct nvme_rq **rqs, unsigned int most);
void data_pair_unname(struct data_pair *pair, struct nvme_rq *rq);

/* Take what the controller has completed on a pair; how many. */
unsigned int data_pair_reap(struct data_engine *engine, struct data_pair *pair);

/*
 * Make a pair of two queues whose trackers nobody else uses. 0 or -ENOMEM; and give it back when
 * nothing is in flight.
 */
int data_pair_init(struct data_pair *pair, struct nvme_sq *sq, struct nvme_cq *cq);
void data_pair_fini(struct data_pair *pair);

#endif
