/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buckets hold what they say, and percentiles are those of the sorted values. */
#include "unit.h"

#include "tests/bench/histogram.h"

#define VALUES 20000

static struct histogram hist;

START_TEST(test_buckets)
{
	uint64_t last = 0;

	/* each bucket ends where it says, and the next begins there */
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t value = histogram_value(i);

		ck_assert_uint_eq(histogram_bucket(value), i);
		if (i) {
			ck_assert_uint_gt(value, last);
			ck_assert_uint_eq(histogram_bucket(last + 1), i);
			/* no wider than 1/64 of where it begins */
			ck_assert_uint_le(value - last - 1, (last + 1) / 64);
		}
		last = value;
	}
	ck_assert_uint_eq(last, UINT64_MAX);
	ck_assert_uint_eq(histogram_bucket(0), 0);
}
END_TEST

START_TEST(test_empty)
{
	histogram_clear(&hist);
	ck_assert_uint_eq(histogram_percentile(&hist, 50), 0);
	ck_assert_uint_eq(histogram_percentile(&hist, 100), 0);
	histogram_add(&hist, 12345);
	ck_assert_uint_eq(histogram_percentile(&hist, 0), 12345);
	ck_assert_uint_eq(histogram_percentile(&hist, 50), 12345);
	ck_assert_uint_eq(histogram_percentile(&hist, 100), 12345);
	ck_assert_uint_eq(hist.min, 12345);
	ck_assert_uint_eq(hist.max, 12345);
	histogram_clear(&hist);
	ck_assert_uint_eq(hist.count, 0);
	ck_assert_uint_eq(histogram_percentile(&hist, 99), 0);
}
END_TEST

/* Small values have a bucket each: percentiles are exact, by the nearest rank. */
START_TEST(test_exact)
{
	histogram_clear(&hist);
	for (uint64_t i = 1; i <= 50; i++) {
		histogram_add(&hist, i);
		histogram_add(&hist, i);
	}
	ck_assert_uint_eq(hist.count, 100);
	ck_assert_uint_eq(hist.sum, 2550);
	ck_assert_uint_eq(histogram_percentile(&hist, 0), 1);
	ck_assert_uint_eq(histogram_percentile(&hist, 1), 1);
	ck_assert_uint_eq(histogram_percentile(&hist, 2), 1);
	ck_assert_uint_eq(histogram_percentile(&hist, 3), 2);
	ck_assert_uint_eq(histogram_percentile(&hist, 50), 25);
	ck_assert_uint_eq(histogram_percentile(&hist, 90), 45);
	ck_assert_uint_eq(histogram_percentile(&hist, 99), 50);
	ck_assert_uint_eq(histogram_percentile(&hist, 100), 50);
}
END_TEST

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Against a sorted list of values of every magnitude: never below it, and at most 1/64 above. */
START_TEST(test_sorted)
{
	static const double percents[] = {1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100};
	static uint64_t values[VALUES];
	uint64_t x = 88172645463325252ull, sum = 0;

	histogram_clear(&hist);
	for (unsigned int i = 0; i < VALUES; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		values[i] = x >> (20 + x % 40);
		sum += values[i];
		histogram_add(&hist, values[i]);
	}
	qsort(values, VALUES, sizeof(values[0]), compare);
	ck_assert_uint_eq(hist.count, VALUES);
	ck_assert_uint_eq(hist.sum, sum);
	ck_assert_uint_eq(hist.min, values[0]);
	ck_assert_uint_eq(hist.max, values[VALUES - 1]);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		double rank = VALUES * percents[i] / 100;
		size_t at = (size_t)rank - ((double)(size_t)rank == rank);
		uint64_t got = histogram_percentile(&hist, percents[i]);

		ck_assert_uint_ge(got, values[at]);
		ck_assert_uint_le(got, values[at] + values[at] / 64);
	}
	ck_assert_uint_eq(histogram_percentile(&hist, 100), hist.max);
}
END_TEST

UNIT_MAIN("bench-histogram", tcase_add_test(tc, test_buckets); tcase_add_test(tc, test_empty);
	  tcase_add_test(tc, test_exact); tcase_add_test(tc, test_sorted))
