/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An idle vfnd-sim uses no CPU, and whoever rings while it falls asleep is heard. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <stdlib.h>
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

/*
 * How often the server wakes up in a second in which nobody wants anything. How long that takes is
 * the machine's business, but a server that does not sleep takes all of it.
 */
static unsigned long idle_second(void)
{
	uint64_t cpu;
	long sleeps;

	usleep(50000);
	cpu = srv_cpu(&srv);
	sleeps = srv_stat(&srv, "sleeps");
	usleep(1000000);
	sleeps = srv_stat(&srv, "sleeps") - sleeps;
	ck_assert_uint_lt(srv_cpu(&srv) - cpu, 300000);
	return (unsigned long)sleeps;
}

/* Those who ask how often are served, too. */
#define ASKING 10

START_TEST(test_nobody)
{
	ck_assert_uint_lt(idle_second(), ASKING);
}
END_TEST

START_TEST(test_shadow)
{
	struct cl c;

	cl_up(&c, &srv, RING_SHADOW, 32);
	cl_shadow(&c);
	cl_pair(&c, 1, 32, -1);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, cl_alloc(&c, 4096)), 0), 0);
	ck_assert_uint_lt(idle_second(), ASKING);
	cl_close(&c);
}
END_TEST

/* Stores to the doorbell page are looked for once in a millisecond, and no more often than is promised. */
START_TEST(test_timer)
{
	struct cl c;
	unsigned long wakes;

	cl_up(&c, &srv, RING_STORE, 32);
	cl_pair(&c, 1, 32, -1);
	wakes = idle_second();
	ck_assert_uint_gt(wakes, 10);
	ck_assert_uint_lt(wakes, 2000);
	cl_set32(&c, 0x14, 0);
	ck_assert_uint_lt(idle_second(), ASKING);
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
