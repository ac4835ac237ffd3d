/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histograms against the samples themselves, sorted; and what tallies count. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <vfn/support.h>

#include "daemon/data/tally.h"
#include "random.h"

#define SAMPLES 200000

static uint64_t samples[SAMPLES];
static struct histogram hist, other;

static void begin(void)
{
	memset(&hist, 0, sizeof(hist));
	memset(&other, 0, sizeof(other));
	histogram_init(&hist);
	histogram_init(&other);
}

static uint64_t unit(void)
{
	return 1ull << hist.shift;
}

/* Of any length up to 2^bits - 1, short ones as often as long ones. */
static uint64_t length(uint64_t *random, unsigned int bits)
{
	uint64_t value = (uint64_t)random_below(random, 1u << 30) << 30 | random_below(random, 1u << 30);

	return (value & ((1ull << bits) - 1)) >> random_below(random, bits);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

START_TEST(test_buckets)
{
	uint64_t random = 1;

	begin();
	/* a unit is 4 ns to 8, or a tick */
	ck_assert_uint_le(__vfn_ticks_freq / unit(), 250000000u);
	ck_assert(hist.shift == 0 || __vfn_ticks_freq / unit() > 125000000u - 1);
	for (unsigned int i = 1; i < HISTOGRAM_BUCKETS; i++)
		ck_assert_uint_lt(histogram_bound(&hist, i - 1), histogram_bound(&hist, i));
	ck_assert_uint_eq(histogram_bound(&hist, 0), unit() - 1);
	ck_assert_uint_eq(histogram_bound(&hist, HISTOGRAM_BUCKETS - 1), (1ull << HISTOGRAM_UNITS) * unit() - 1);
	for (unsigned int i = 0; i < 1000000; i++) {
		uint64_t value = length(&random, HISTOGRAM_UNITS + hist.shift);
		unsigned int bucket = (unsigned int)histogram_bucket(&hist, value);
		uint64_t width;

		ck_assert_uint_lt(bucket, HISTOGRAM_BUCKETS);
		ck_assert_uint_le(value, histogram_bound(&hist, bucket));
		width = histogram_bound(&hist, bucket) + 1 - (bucket ? histogram_bound(&hist, bucket - 1) + 1 : 0);
		if (bucket)
			ck_assert_uint_gt(value, histogram_bound(&hist, bucket - 1));
		ck_assert(width == unit() || width <= value / 32);
	}
}
END_TEST

START_TEST(test_sorted)
{
	static const double parts[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};
	uint64_t random = 2, sum = 0;

	begin();
	for (unsigned int i = 0; i < SAMPLES; i++) {
		samples[i] = length(&random, 34);
		sum += samples[i];
		histogram_add(&hist, samples[i]);
	}
	qsort(samples, SAMPLES, sizeof(samples[0]), compare);
	ck_assert_uint_eq(histogram_count(&hist), SAMPLES);
	ck_assert_uint_eq(hist.sum, sum);
	ck_assert_uint_eq(hist.max, samples[SAMPLES - 1]);
	for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		unsigned int rank = (unsigned int)(parts[i] * (SAMPLES - 1)), bucket = 0;
		uint64_t seen = hist.buckets[0], exact = samples[rank], found;

		while (seen <= rank)
			seen += hist.buckets[++bucket];
		found = histogram_bound(&hist, bucket);
		ck_assert_uint_ge(found, exact);
		ck_assert_uint_le(found - exact, exact / 32 > unit() ? exact / 32 : unit());
	}
}
END_TEST

START_TEST(test_ends)
{
	uint64_t far = 1ull << 60;

	begin();
	histogram_add(&hist, 0);
	histogram_add(&hist, 5 * unit());
	ck_assert_uint_eq(hist.max, 5 * unit());
	histogram_add(&hist, far);
	histogram_add(&hist, far - 1);
	/* not that it had come before it was sent, by another processor's counter */
	histogram_add(&hist, (uint64_t)-7);
	ck_assert_uint_eq(hist.max, far);
	ck_assert_uint_eq(hist.sum, 2 * far - 1 + 5 * unit());
	ck_assert_uint_eq(hist.buckets[0], 2);
	ck_assert_uint_eq(hist.buckets[5], 1);
	ck_assert_uint_eq(hist.buckets[HISTOGRAM_BUCKETS - 1], 2);
	ck_assert_uint_eq(histogram_bound(&hist, HISTOGRAM_BUCKETS - 1), far);
	ck_assert_uint_eq(histogram_count(&hist), 5);
	/* what follows is where it belongs still */
	histogram_add(&hist, 6 * unit());
	ck_assert_uint_eq(hist.buckets[6], 1);
	ck_assert_uint_eq(hist.max, far);
}
END_TEST

START_TEST(test_merge)
{
	static struct histogram all;
	uint64_t random = 3;

	begin();
	memset(&all, 0, sizeof(all));
	histogram_init(&all);
	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t value = length(&random, 60);

		histogram_add(i % 3 ? &hist : &other, value);
		histogram_add(&all, value);
	}
	histogram_merge(&hist, &other);
	ck_assert_mem_eq(hist.buckets, all.buckets, sizeof(all.buckets));
	ck_assert_uint_eq(hist.sum, all.sum);
	ck_assert_uint_eq(hist.max, all.max);
}
END_TEST

/* Saved by a process that found another frequency of the counter. */
START_TEST(test_merge_units)
{
	uint64_t random = 4;

	for (int by = -1; by <= 1; by += 2) {
		begin();
		histogram_init_units(&other, hist.shift + 4);
		histogram_init_units(&hist, (unsigned int)((int)other.shift + by));
		for (unsigned int i = 0; i < 10000; i++)
			histogram_add(&other, length(&random, 40));
		histogram_merge(&hist, &other);
		ck_assert_uint_eq(histogram_count(&hist), 10000);
		ck_assert_uint_eq(hist.max, other.max);
		for (unsigned int i = 0, k = 0; i < HISTOGRAM_BUCKETS && k < HISTOGRAM_BUCKETS; i++) {
			uint64_t bound = histogram_bound(&other, i);

			if (!other.buckets[i])
				continue;
			while (k < HISTOGRAM_BUCKETS && histogram_bound(&hist, k) < bound)
				k++;
			ck_assert_uint_gt(hist.buckets[k], 0);
		}
	}
}
END_TEST

START_TEST(test_ns)
{
	ck_assert_uint_eq(histogram_ns(0), 0);
	ck_assert_uint_eq(histogram_ns(__vfn_ticks_freq), 1000000000u);
	ck_assert_uint_eq(histogram_ns(1000 * __vfn_ticks_freq + __vfn_ticks_freq / 2),
			  1000500000000u - (__vfn_ticks_freq % 2 ? 1 : 0));
}
END_TEST

static uint64_t failed_with(const struct tally *t, uint16_t status)
{
	for (unsigned int i = 0; i < TALLY_STATUSES; i++)
		if (t->status[i].used == (TALLY_USED | status))
			return t->status[i].count;
	return 0;
}

START_TEST(test_statuses)
{
	static struct tally a, b;

	tally_init(&a);
	tally_init(&b);
	for (unsigned int i = 0; i < 3; i++)
		tally_fail(&a, 0x80);
	/* whether to try again, and when, makes no difference */
	tally_fail(&a, 0x4000 | 0x1800 | 0x80);
	tally_fail(&a, 0x281);
	tally_fail(&b, 0x281);
	for (uint16_t status = 1; status <= TALLY_STATUSES + 5; status++)
		tally_fail(&b, status);
	ck_assert_uint_eq(failed_with(&a, 0x80), 4);
	ck_assert_uint_eq(failed_with(&a, 0x281), 1);
	ck_assert_uint_eq(a.failed, 5);
	ck_assert_uint_eq(a.other, 0);
	ck_assert_uint_eq(b.other, 6);
	tally_merge(&a, &b, true);
	ck_assert_uint_eq(failed_with(&a, 0x80), 4);
	ck_assert_uint_eq(failed_with(&a, 0x281), 2);
	ck_assert_uint_eq(failed_with(&a, 1), 1);
	/* 30 places for 31 statuses that are new */
	ck_assert_uint_eq(a.other, 7);
	ck_assert_uint_eq(a.failed, 5 + 1 + TALLY_STATUSES + 5);
}
END_TEST

START_TEST(test_counters)
{
	static struct tally a, b;

	tally_init(&a);
	tally_init(&b);
	a = (struct tally){
		.submitted = 1, .completed = 2, .failed = 3, .lost = 4, .refused = 5, .bytes_read = 6,
		.bytes_written = 7, .kicks = 8, .wakes = 9, .interrupts = 10,
		.refused_by = {11, 12, 13, 14, 15, 16, 17}, .other = 18,
	};
	histogram_init(&a.latency);
	histogram_add(&a.latency, 19);
	for (unsigned int i = 0; i < 3; i++)
		tally_merge(&b, &a, false);
	ck_assert_uint_eq(b.submitted, 3);
	ck_assert_uint_eq(b.completed, 6);
	ck_assert_uint_eq(b.failed, 9);
	ck_assert_uint_eq(b.lost, 12);
	ck_assert_uint_eq(b.refused, 15);
	ck_assert_uint_eq(b.bytes_read, 18);
	ck_assert_uint_eq(b.bytes_written, 21);
	ck_assert_uint_eq(b.kicks, 24);
	ck_assert_uint_eq(b.wakes, 27);
	ck_assert_uint_eq(b.interrupts, 30);
	for (unsigned int i = 0; i < TALLY_REFUSALS; i++)
		ck_assert_uint_eq(b.refused_by[i], 3 * (11 + i));
	ck_assert_uint_eq(b.other, 54);
	ck_assert_uint_eq(histogram_count(&b.latency), 0);
	tally_merge(&b, &a, true);
	ck_assert_uint_eq(histogram_count(&b.latency), 1);
	ck_assert_uint_eq(b.submitted, 4);
}
END_TEST

UNIT_MAIN("histogram", {
	tcase_add_test(tc, test_buckets);
	tcase_add_test(tc, test_sorted);
	tcase_add_test(tc, test_ends);
	tcase_add_test(tc, test_merge);
	tcase_add_test(tc, test_merge_units);
	tcase_add_test(tc, test_ns);
	tcase_add_test(tc, test_statuses);
	tcase_add_test(tc, test_counters);
})
