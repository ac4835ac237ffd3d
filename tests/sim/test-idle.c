/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An idle vfnd-sim uses no CPU, and whoever rings while it falls asleep is heard. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct srv srv;

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M", NULL};

	srv_start(&srv, args);
}

static void teardown(void)
{
	srv_stop(&srv);
}

/* CPU time of one second, in microseconds. */
static uint64_t idle_second(void)
{
	uint64_t before;

	usleep(50000);
	before = srv_cpu(&srv);
	usleep(1000000);
	return srv_cpu(&srv) - before;
}

START_TEST(test_nobody)
{
	ck_assert_uint_lt(idle_second(), 1000);
}
END_TEST

START_TEST(test_shadow)
{
	struct cl c;
	uint64_t used;

	cl_up(&c, &srv, RING_SHADOW, 32);
	cl_shadow(&c);
	cl_pair(&c, 1, 32, -1);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, cl_alloc(&c, 4096)), 0), 0);
	used = idle_second();
	ck_assert_msg(used < 2000, "%lu us", (unsigned long)used);
	cl_close(&c);
}
END_TEST

/* What sleeping for as long as the server does costs by itself here, for a second's worth. */
static uint64_t bare_second(void)
{
	struct timespec ts = {0, 950000};
	struct srv self = {.pid = getpid()};
	uint64_t before = srv_cpu(&self), until = cl_now_ms() + 1000;

	while (cl_now_ms() < until)
		nanosleep(&ts, NULL);
	return srv_cpu(&self) - before;
}

/*
 * Stores to the doorbell page: 1 % of a core, or half as much again as the timer alone costs on a
 * machine that is slow at that (some virtual ones). Ten times that where every access is checked.
 */
START_TEST(test_timer)
{
#ifdef __SANITIZE_ADDRESS__
	const uint64_t times = 10;
#else
	const uint64_t times = 1;
#endif
	uint64_t bare = bare_second() * 3 / 2, most = (bare > 10000 ? bare : 10000) * times;
	struct cl c;
	uint64_t used;

	cl_up(&c, &srv, RING_STORE, 32);
	cl_pair(&c, 1, 32, -1);
	used = idle_second();
	ck_assert_msg(used < most, "%lu us, at most %lu", (unsigned long)used, (unsigned long)most);
	cl_set32(&c, 0x14, 0);
	used = idle_second();
	ck_assert_msg(used < 2000, "disabled: %lu us", (unsigned long)used);
	cl_close(&c);
}
END_TEST

/* Pauses of all lengths around the one after which the server goes to sleep. */
START_TEST(test_no_ring_is_lost)
{
	struct cl c;
	uint64_t rings;
	uint64_t iova;

	cl_up(&c, &srv, RING_SHADOW, 32);
	cl_shadow(&c);
	cl_pair(&c, 1, 32, -1);
	iova = cl_iova(&c, cl_alloc(&c, 4096));
	srand(1);
	rings = c.rings;
	for (int i = 0; i < 4000; i++) {
		ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, iova, 0), 0);
		for (volatile int spin = rand() % 60000; spin > 0; spin--)
			;
	}
	/* Some were rung and some were not, or this has shown nothing. */
	ck_assert_uint_gt(c.rings - rings, 10);
	ck_assert_uint_lt(c.rings - rings, 7900);
	cl_close(&c);
}
END_TEST

UNIT_MAIN("sim-idle", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_nobody);
	tcase_add_test(tc, test_shadow);
	tcase_add_test(tc, test_timer);
	tcase_add_test(tc, test_no_ring_is_lost);
})
