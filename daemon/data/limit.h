/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * limit - commands and bytes a second, for all that one session does on one device
 *
 * Two buckets of tokens, each filled at its rate up to what flows in a tenth of a second. Who finds tokens may
 * go on and takes what it has cost afterwards, so that a command larger than the bucket goes, too, and what
 * follows pays for it. Any thread may call; nobody waits for another one: the loop has the session's
 * requests, and whoever runs the engine its served queues. Time is ticks of the caller's clock.
 */
#ifndef VFND_DAEMON_DATA_LIMIT_H
#define VFND_DAEMON_DATA_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct data_bucket {
	uint64_t rate; /* tokens a second; 0: as many as one likes */
	int64_t most;
	_Atomic int64_t level;
	_Atomic uint64_t filled; /* ticks up to which it was filled */
};

struct data_limit {
	struct data_bucket commands, bytes;
	uint64_t freq;		/* ticks a second */
	_Atomic uint32_t aside; /* served queues that wait: who comes now is behind them */
};

/* Full at `now`. */
void data_limit_init(struct data_limit *limit, uint64_t commands, uint64_t bytes, uint64_t freq,
		     uint64_t now);

/* There is a limit at all. */
static inline bool data_limit_set(const struct data_limit *limit)
{
	return limit->commands.rate || limit->bytes.rate;
}

/* How many commands may go now; one at a time where bytes are limited, since each may be the last. */
unsigned int data_limit_room(struct data_limit *limit, uint64_t now);

/* They have gone. */
void data_limit_charge(struct data_limit *limit, unsigned int commands, uint64_t bytes);

/*
 * Ticks from now until there is room, after there was none; a millisecond at least, since who is woken for each
 * single token has more to do with waking up.
 */
uint64_t data_limit_wait(struct data_limit *limit, uint64_t now);

#endif
