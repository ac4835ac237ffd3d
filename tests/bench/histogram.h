/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * histogram - times in buckets whose width is at most 1/64 of where they are
 *
 * Values below 64 have a bucket each; above, every power of two has 64.
 */
#ifndef VFND_BENCH_HISTOGRAM_H
#define VFND_BENCH_HISTOGRAM_H

#include <stdint.h>
#include <string.h>

#define HISTOGRAM_SUB	  6
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_SUB + 1) << HISTOGRAM_SUB)

struct histogram {
	uint64_t count, sum, min, max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline void histogram_clear(struct histogram *hist)
{
	memset(hist, 0, sizeof(*hist));
	hist->min = UINT64_MAX;
}

static inline unsigned int histogram_bucket(uint64_t value)
{
	unsigned int shift;

	if (value >> HISTOGRAM_SUB == 0)
		return (unsigned int)value;
	shift = 63 - (unsigned int)__builtin_clzll(value) - HISTOGRAM_SUB;
	return ((shift + 1) << HISTOGRAM_SUB) +
	       (unsigned int)((value >> shift) & ((1u << HISTOGRAM_SUB) - 1));
}

/* The largest value of a bucket. */
static inline uint64_t histogram_value(unsigned int bucket)
{
	unsigned int group = bucket >> HISTOGRAM_SUB;
	uint64_t sub = bucket & ((1u << HISTOGRAM_SUB) - 1);

	if (!group)
		return bucket;
	return ((sub + (1u << HISTOGRAM_SUB) + 1) << (group - 1)) - 1;
}

static inline void histogram_add(struct histogram *hist, uint64_t value)
{
	hist->count++;
	hist->sum += value;
	hist->min = value < hist->min ? value : hist->min;
	hist->max = value > hist->max ? value : hist->max;
	hist->buckets[histogram_bucket(value)]++;
}

/* The value that `percent` of all are not above, as near as buckets tell; 0 when there are none. */
static inline uint64_t histogram_percentile(const struct histogram *hist, double percent)
{
	double want = (double)hist->count * percent / 100;
	uint64_t seen = 0;

	for (unsigned int i = 0; hist->count && i < HISTOGRAM_BUCKETS; i++) {
		uint64_t value = histogram_value(i);

		seen += hist->buckets[i];
		if (seen && (double)seen >= want)
			return value < hist->max ? value : hist->max;
	}
	return hist->max;
}

#endif
