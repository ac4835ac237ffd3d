/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/data/limit.h"

#include <limits.h>

#define LIMIT_BUCKET_PARTS 10 /* of a second that fill a bucket */

static void bucket_init(struct data_bucket *b, uint64_t rate, uint64_t now)
{
	uint64_t most = rate / LIMIT_BUCKET_PARTS;

	b->rate = rate;
	b->most = most > INT64_MAX / 2 ? INT64_MAX / 2 : most ? (int64_t)most : 1;
	atomic_init(&b->level, b->most);
	atomic_init(&b->filled, now);
}

void data_limit_init(struct data_limit *limit, uint64_t commands, uint64_t bytes, uint64_t freq,
		     uint64_t now)
{
	limit->freq = freq;
	atomic_init(&limit->aside, 0);
	bucket_init(&limit->commands, commands, now);
	bucket_init(&limit->bytes, bytes, now);
}

/* One of those who come at a time fills it; the others have what there is. */
static void bucket_fill(struct data_bucket *b, uint64_t freq, uint64_t now)
{
	uint64_t filled = atomic_load_explicit(&b->filled, memory_order_relaxed);
	uint64_t passed = now - filled, next = now;
	unsigned __int128 more;
	int64_t level, full;

	/* clocks of two processors may differ a little */
	if ((int64_t)passed <= 0)
		return;
	more = (unsigned __int128)passed * b->rate / freq;
	if (!more)
		return;
	level = atomic_load_explicit(&b->level, memory_order_relaxed);
	if (more < (unsigned __int128)(b->most - level))
		/* the time that whole tokens took, rounded up: never more than the rate */
		next = filled + (uint64_t)((more * freq + b->rate - 1) / b->rate);
	else
		more = (unsigned __int128)(b->most - level);
	if (!atomic_compare_exchange_strong(&b->filled, &filled, next))
		return;
	level = atomic_fetch_add(&b->level, (int64_t)more) + (int64_t)more;
	full = b->most;
	/* somebody else may have filled it meanwhile */
	while (level > full && !atomic_compare_exchange_weak(&b->level, &level, full))
		;
}

static int64_t bucket_level(struct data_bucket *b, uint64_t freq, uint64_t now)
{
	if (!b->rate)
		return INT64_MAX;
	bucket_fill(b, freq, now);
	return atomic_load_explicit(&b->level, memory_order_relaxed);
}

unsigned int data_limit_room(struct data_limit *limit, uint64_t now)
{
	int64_t commands = bucket_level(&limit->commands, limit->freq, now);

	if (commands <= 0 || bucket_level(&limit->bytes, limit->freq, now) <= 0)
		return 0;
	if (limit->bytes.rate)
		return 1;
	return commands < INT_MAX ? (unsigned int)commands : INT_MAX;
}

void data_limit_charge(struct data_limit *limit, unsigned int commands, uint64_t bytes)
{
	if (limit->commands.rate)
		atomic_fetch_sub(&limit->commands.level, (int64_t)commands);
	if (limit->bytes.rate)
		atomic_fetch_sub(&limit->bytes.level, (int64_t)bytes);
}

static uint64_t bucket_wait(struct data_bucket *b, uint64_t freq, uint64_t now)
{
	int64_t level = atomic_load_explicit(&b->level, memory_order_relaxed);
	uint64_t filled = atomic_load_explicit(&b->filled, memory_order_relaxed), need;

	if (!b->rate || level > 0)
		return 0;
	need = (uint64_t)(((unsigned __int128)(1 - level) * freq + b->rate - 1) / b->rate);
	return (int64_t)(filled + need - now) > 0 ? filled + need - now : 0;
}

uint64_t data_limit_wait(struct data_limit *limit, uint64_t now)
{
	uint64_t commands = bucket_wait(&limit->commands, limit->freq, now);
	uint64_t bytes = bucket_wait(&limit->bytes, limit->freq, now);
	uint64_t least = limit->freq / 1000, wait = commands > bytes ? commands : bytes;

	return wait > least ? wait : least;
}
