/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stack of free trackers under threads, and against ABA: a thread is held up between its look at
 * the top and its exchange, others take that tracker, the one below it, and bring the first back.
 *
 * The library's own functions run here with an exchange that can stop in between, and that can
 * forget about the tag: that makes the naive stack, which must fail all that the real one passes.
 */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <vfn/support/atomic.h>

static _Thread_local void (*between)(void); /* called once, between look and exchange */
static bool naive;
static bool crowded; /* others run between look and exchange, now and then */

static bool exchange64(uint64_t *ptr, uint64_t *expected, uint64_t v)
{
	static _Thread_local unsigned int calls;
	void (*call)(void) = between;
	uint64_t seen;

	between = NULL;
	if (call)
		call();
	if (crowded && ++calls % 64 == 0)
		sched_yield();
	if (naive) {
		/* only what is on top counts */
		seen = __atomic_load_n(ptr, __ATOMIC_SEQ_CST);
		if ((uint32_t)seen == (uint32_t)*expected)
			*expected = seen;
		else {
			*expected = seen;
			return false;
		}
	}
	return __atomic_compare_exchange_n(ptr, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static bool exchange16(uint16_t *ptr, uint16_t *expected, uint16_t v)
{
	return __atomic_compare_exchange_n(ptr, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#undef atomic_cmpxchg
#define atomic_cmpxchg(ptr, expected, v)                                                           \
	_Generic((ptr), uint64_t *: exchange64, uint16_t *: exchange16)(ptr, expected, v)

#include "fake-queue.h"

static struct fake fake;
static struct nvme_rq *first, *second;

/* Five trackers on the stack of the _atomic forms, where they are once they have been released so. */
static void make(void)
{
	struct nvme_rq *rqs[5];

	fake_init(&fake, 6);
	for (int i = 0; i < 5; i++)
		rqs[i] = nvme_rq_acquire_atomic(fake.sq);
	for (int i = 0; i < 5; i++)
		nvme_rq_release_atomic(rqs[i]);
}

static void setup(void)
{
	logv_set(VFN_LOG_NONE);
	naive = crowded = false;
	between = NULL;
	make();
}

static void teardown(void)
{
	fake_free(&fake);
}

/* Take two, and give the first of them back: it is on top again, over another one than before. */
static void take_and_return(void)
{
	first = nvme_rq_acquire_atomic(fake.sq);
	second = nvme_rq_acquire_atomic(fake.sq);
	nvme_rq_release_atomic(first);
}

/* How many trackers are had twice, with `held` of them had already. */
static int count_twice(void)
{
	int owners[5] = {0}, twice = 0;
	struct nvme_rq *rq;

	owners[second->cid]++;
	for (int i = 0; i < 10 && (rq = nvme_rq_acquire_atomic(fake.sq)); i++)
		owners[rq->cid]++;
	for (int i = 0; i < 5; i++)
		twice += owners[i] > 1;
	return twice;
}

START_TEST(test_held_up)
{
	struct nvme_rq *mine;

	naive = _i;
	between = take_and_return;
	mine = nvme_rq_acquire_atomic(fake.sq);
	ck_assert_ptr_nonnull(mine);
	ck_assert_ptr_nonnull(second);
	ck_assert_ptr_eq(mine, first);
	if (naive)
		ck_assert_int_gt(count_twice(), 0);
	else
		ck_assert_int_eq(count_twice(), 0);
}
END_TEST

/* A release that is held up must not bring back what was below before. */
static void take_two(void)
{
	first = nvme_rq_acquire_atomic(fake.sq);
	second = nvme_rq_acquire_atomic(fake.sq);
}

START_TEST(test_release_held_up)
{
	struct nvme_rq *mine = nvme_rq_acquire_atomic(fake.sq);
	int n = 0;

	between = take_two;
	nvme_rq_release_atomic(mine);
	while (nvme_rq_acquire_atomic(fake.sq))
		n++;
	ck_assert_int_eq(n, 3);
}
END_TEST

#define THREADS 8

static int rounds;
static unsigned long bad;
static bool stop;

/* Take up to three, mark them as one's own, and give them back in another order. */
static void *stress(void *arg)
{
	struct nvme_rq *held[3];

	for (int round = 0; round < rounds && !__atomic_load_n(&stop, __ATOMIC_RELAXED); round++) {
		int n = 0;

		while (n < 1 + round % 3 && (held[n] = nvme_rq_acquire_atomic(fake.sq))) {
			/* two owners of one tracker find each other's mark */
			if (held[n]->opaque)
				__atomic_store_n(&bad, 1, __ATOMIC_RELAXED);
			held[n++]->opaque = held;
		}
		for (int i = 0; i < n; i++) {
			if (held[i]->opaque != held)
				__atomic_store_n(&bad, 1, __ATOMIC_RELAXED);
		}
		for (int i = 0; i < n; i++)
			nvme_rq_release_atomic(held[n == 3 ? (i + 1) % 3 : i]);
		if (__atomic_load_n(&bad, __ATOMIC_RELAXED))
			__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	}
	return arg;
}

static void run(void)
{
	pthread_t threads[THREADS];

	bad = 0;
	stop = false;
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, stress, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

START_TEST(test_stress)
{
	time_t end = 0;
	int n = 0;

	/*
	 * Few trackers, so that the same ones come and go all the time. Once from new, when threads get
	 * them from where they begin.
	 */
	crowded = _i;
	if (!crowded) {
		fake_free(&fake);
		fake_init(&fake, 6);
	}
	rounds = crowded ? 20000 : 60000;
	do {
		run();
		ck_assert_uint_eq(bad, 0);
	} while (unit_again(&end, 15));
	while (nvme_rq_acquire_atomic(fake.sq))
		n++;
	ck_assert_int_eq(n, 5);
}
END_TEST

/* The stress finds what is wrong with a stack without a tag. */
START_TEST(test_stress_finds)
{
#ifdef __SANITIZE_THREAD__
	printf("# the naive stack is not run where its races are reported\n");
#else
	time_t end = time(NULL) + 60;

	naive = crowded = true;
	rounds = 100000;
	do {
		fake_free(&fake);
		make();
		run();
	} while (!bad && time(NULL) < end);
	ck_assert_uint_ne(bad, 0);
#endif
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-stack");
	TCase *tc = tcase_create("nvme-stack");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_held_up, 0, 2);
	tcase_add_test(tc, test_release_held_up);
	tcase_add_loop_test(tc, test_stress, 0, 2);
	tcase_add_test(tc, test_stress_finds);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
