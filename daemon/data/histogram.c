/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/data/histogram.h"

#include <vfn/support/ticks.h>

_Static_assert(HISTOGRAM_BUCKETS == 1024, "the largest number of units is in the last bucket");

void histogram_init_units(struct histogram *h, unsigned int shift)
{
	h->shift = shift;
	h->floor = (1ull << HISTOGRAM_SUB) << shift;
	h->first = -((uint64_t)shift << HISTOGRAM_SUB);
}

void histogram_init(struct histogram *h)
{
	unsigned int shift = 0;

	/* Units of 4 ns or more: finer ones would cost range, and tell nothing of a device. */
	while (__vfn_ticks_freq >> shift > 250000000u)
		shift++;
	histogram_init_units(h, shift);
}

static uint64_t histogram_limit(const struct histogram *h)
{
	return (1ull << (HISTOGRAM_UNITS + h->shift)) - 1;
}

uint64_t histogram_above(struct histogram *h, uint64_t ticks)
{
	uint64_t limit = histogram_limit(h);

	/* Counters of two processors may be apart by less than it takes to get from one to the other. */
	if ((int64_t)ticks < 0)
		ticks = 0;
	counter_add(&h->sum, ticks);
	if (ticks > h->max)
		counter_set(&h->max, ticks);
	h->top = h->max < limit ? h->max : limit;
	return ticks < limit ? ticks : limit;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
	uint64_t max = counter_get(&from->max), limit = histogram_limit(to);

	counter_add(&to->sum, counter_get(&from->sum));
	if (max > to->max)
		counter_set(&to->max, max);
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t n = counter_get(&from->buckets[i]);
		uint64_t at = i;

		if (!n)
			continue;
		if (unlikely(to->shift != from->shift)) {
			uint64_t bound = histogram_bound(from, i);

			at = histogram_bucket(to, bound < limit ? bound : limit);
		}
		counter_add(&to->buckets[at], n);
	}
}

uint64_t histogram_bound(const struct histogram *h, unsigned int bucket)
{
	uint64_t max = counter_get(&h->max), units = bucket, bound;
	unsigned int shift = bucket >> HISTOGRAM_SUB;

	if (shift > 0) {
		shift--;
		units = (((bucket & ((1u << HISTOGRAM_SUB) - 1)) + (1ull << HISTOGRAM_SUB) + 1) << shift) - 1;
	}
	bound = (units << h->shift) | ((1u << h->shift) - 1);
	return bucket == HISTOGRAM_BUCKETS - 1 && max > bound ? max : bound;
}

uint64_t histogram_count(const struct histogram *h)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += counter_get(&h->buckets[i]);
	return n;
}

uint64_t histogram_ns(uint64_t ticks)
{
	return ticks / __vfn_ticks_freq * 1000000000u + ticks % __vfn_ticks_freq * 1000000000u / __vfn_ticks_freq;
}
