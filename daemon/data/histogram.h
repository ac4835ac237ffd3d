/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * histogram - how long commands took, in ticks of <vfn/support/ticks.h>
 *
 * Buckets are log-linear: times are counted in units of 4 to 8 ns (or of a tick, where that is longer); below 64 units
 * each has a bucket, above, every power of two has 32. So a time is known to a 32nd of itself, or to one unit. What is
 * longer than 2^36 units, some minutes, is in the last bucket; the longest is known as it was.
 *
 * One thread adds, any may read (counter.h). All of one process have the same units; another process, which has
 * measured the counter's frequency for itself, may have others.
 */
#ifndef VFND_DAEMON_DATA_HISTOGRAM_H
#define VFND_DAEMON_DATA_HISTOGRAM_H

#include <stdint.h>

#include <vfn/support/compiler.h>

#include "daemon/data/counter.h"

#define HISTOGRAM_SUB	  5
#define HISTOGRAM_UNITS	  36 /* units that buckets tell apart, a power of two */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_UNITS - HISTOGRAM_SUB + 1) << HISTOGRAM_SUB)

struct histogram {
	unsigned int shift; /* a unit has so many ticks, a power of two */
	uint64_t floor;	    /* ticks: what is shorter than two of it is counted in units */
	uint64_t first;	    /* less the buckets that there would be below a unit */
	uint64_t top;	    /* longer ones need a closer look: new longest ones, and those beyond all units */
	uint64_t sum, max;  /* ticks */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Empty, of memory that is all zero. */
void histogram_init(struct histogram *h);

/* With units of so many ticks, a power of two. */
void histogram_init_units(struct histogram *h, unsigned int shift);

/* For histogram_add(): a time above h->top. As far as buckets tell it. */
uint64_t histogram_above(struct histogram *h, uint64_t ticks);

/* The bucket of a time, which is no longer than 2^HISTOGRAM_UNITS units. */
static inline uint64_t histogram_bucket(const struct histogram *h, uint64_t ticks)
{
	uint64_t shift = (63 ^ (unsigned int)__builtin_clzll(ticks | h->floor)) - HISTOGRAM_SUB;

	return (shift << HISTOGRAM_SUB) + (ticks >> shift) + h->first;
}

static inline void histogram_add(struct histogram *h, uint64_t ticks)
{
	if (unlikely(ticks > h->top))
		ticks = histogram_above(h, ticks);
	else
		counter_add(&h->sum, ticks);
	counter_add(&h->buckets[histogram_bucket(h, ticks)], 1);
}

/* Add what another one has counted so far. */
void histogram_merge(struct histogram *to, const struct histogram *from);

/* The longest time of a bucket, ticks; of the last one, as far as it is known. */
uint64_t histogram_bound(const struct histogram *h, unsigned int bucket);

uint64_t histogram_count(const struct histogram *h);

/* Nanoseconds of so many ticks. */
uint64_t histogram_ns(uint64_t ticks);

#endif
