/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which submission queue is next: round robin, and weighted round robin with an urgent class, by the order seen. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <string.h>

#define DNR	0x4000
#define WRR	(1u << 11) /* CC.AMS */
#define ENTRIES 32
#define QUEUES	6

static struct srv srv;
static struct cl c;

/* QPRIO by queue. */
static const uint32_t classes[QUEUES + 1] = {0, 0, 0, 1, 1, 2, 3};

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M", "--queues", "8", "--wrr", NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static void enable(uint32_t cc)
{
	c.cc = cc;
	cl_enable(&c, 32);
}

static uint16_t set_arbitration(uint32_t value)
{
	struct tsqe e = {.opcode = 9, .cdw10 = 1, .cdw11 = value};

	return cl_exec(&c, 0, e, NULL);
}

/* Burst and weights are 2 to that power, and 0's based. */
static uint32_t arbitration(unsigned int burst, unsigned int high, unsigned int medium, unsigned int low)
{
	return (high - 1) << 24 | (medium - 1) << 16 | (low - 1) << 8 | burst;
}

static void make(const uint32_t *qprio)
{
	for (uint16_t qid = 1; qid <= QUEUES; qid++) {
		c.qprio = qprio[qid];
		cl_pair(&c, qid, ENTRIES, -1);
	}
}

static void post(unsigned int qid, unsigned int n)
{
	struct tsqe flush = {.opcode = 0, .nsid = 1};

	while (n--)
		cl_submit(&c, qid, flush);
}

static void reap(unsigned int qid, unsigned int n)
{
	struct tcqe cqe;

	while (n--) {
		ck_assert(cl_wait(&c, qid, &cqe, 5000));
		ck_assert_uint_eq(cqe.sfp >> 1, 0);
	}
}

static void order_is(const char *want)
{
	char got[1024];

	ck_assert(srv_tell(&srv, got, sizeof(got), "order"));
	got[strcspn(got, "\n")] = 0;
	ck_assert_str_eq(got + strlen("ok "), want);
}

/* All queues have their commands before the first is taken. */
static void run(const unsigned int *n, const char *want)
{
	srv_ok(&srv, "hold on");
	for (unsigned int qid = 1; qid <= QUEUES; qid++)
		post(qid, n[qid]);
	/* A command behind them, on the admin queue, is carried out all the same. */
	ck_assert_uint_eq(cl_exec(&c, 0, (struct tsqe){.opcode = 10, .cdw10 = 1}, NULL), 0);
	order_is("");
	srv_ok(&srv, "hold off");
	for (unsigned int qid = 1; qid <= QUEUES; qid++)
		reap(qid, n[qid]);
	order_is(want);
}

static const struct {
	uint32_t ams, csts;
} choices[] = {{0, 1}, {1, 1}, {2, 2}, {7, 2}};

START_TEST(test_offer)
{
	ck_assert_uint_eq(cl_reg64(&c, 0) >> 17 & 3, 1);
	for (unsigned int i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		cl_set32(&c, 0x14, 0);
		cl_set32(&c, 0x14, 6 << 16 | 4 << 20 | choices[i].ams << 11 | 1);
		ck_assert_uint_eq(cl_reg32(&c, 0x1c), choices[i].csts);
	}
	enable(WRR);
}
END_TEST

START_TEST(test_feature)
{
	struct tsqe get = {.opcode = 10, .cdw10 = 1};
	uint32_t dw0;

	ck_assert_uint_eq(cl_exec(&c, 0, get, &dw0), 0);
	ck_assert_uint_eq(dw0, 7);
	ck_assert_uint_eq(set_arbitration(8), DNR | 2);
	ck_assert_uint_eq(set_arbitration(0xff), DNR | 2);
	ck_assert_uint_eq(set_arbitration(0xfffefd05), 0);
	ck_assert_uint_eq(cl_exec(&c, 0, get, &dw0), 0);
	ck_assert_uint_eq(dw0, 0xfffefd05);
	enable(0);
	ck_assert_uint_eq(cl_exec(&c, 0, get, &dw0), 0);
	ck_assert_uint_eq(dw0, 7);
}
END_TEST

START_TEST(test_weighted)
{
	static const unsigned int each[] = {0, 8, 8, 8, 8, 8, 8}, few[] = {0, 0, 0, 12, 0, 12, 12},
				  late[] = {0, 3, 0, 0, 0, 0, 5};

	enable(WRR);
	make(classes);
	ck_assert_uint_eq(set_arbitration(arbitration(1, 4, 2, 1)), 0);
	run(each, "1*2 2*2 1*2 2*2 1*2 2*2 1*2 2*2 "
		  "3*2 4*2 5*2 6*1 3*2 4*2 5*2 6*1 3*2 4*2 5*2 6*1 3*2 4*2 5*2 6*5");
	run(late, "1*3 6*5");
	/* Without a limit a queue has all that its class may; the last of a credit is less than a burst. */
	ck_assert_uint_eq(set_arbitration(arbitration(7, 6, 3, 2)), 0);
	run(few, "3*6 5*3 6*2 3*6 5*3 6*2 5*3 6*2 5*3 6*6");
	ck_assert_uint_eq(set_arbitration(arbitration(2, 6, 3, 2)), 0);
	run(few, "3*6 5*3 6*2 3*6 5*3 6*2 5*3 6*2 5*3 6*6");
}
END_TEST

/* What there is no room for completions of does not hold others up, however urgent it is. */
START_TEST(test_urgent_without_room)
{
	static const uint32_t urgent = 0, medium = 2;

	enable(WRR);
	c.qprio = urgent;
	cl_pair(&c, 1, 4, -1);
	c.qprio = medium;
	cl_pair(&c, 2, ENTRIES, -1);
	srv_ok(&srv, "hold on");
	post(1, 3);
	srv_ok(&srv, "hold off");
	while (srv_stat(&srv, "io_commands") != 3)
		;
	post(1, 3);
	post(2, 8);
	reap(2, 8);
	order_is("1*3 2*8");
	reap(1, 6);
	order_is("1*3 2*8 1*3");
}
END_TEST

/* Then a queue's priority counts for nothing, here as where there is no choice. */
START_TEST(test_round_robin)
{
	static const unsigned int each[] = {0, 8, 8, 8, 8, 8, 8};

	make(classes);
	ck_assert_uint_eq(set_arbitration(arbitration(2, 4, 2, 1)), 0);
	run(each, "1*4 2*4 3*4 4*4 5*4 6*4 1*4 2*4 3*4 4*4 5*4 6*4");
	ck_assert_uint_eq(set_arbitration(arbitration(7, 4, 2, 1)), 0);
	run(each, "1*8 2*8 3*8 4*8 5*8 6*8");
}
END_TEST

START_TEST(test_bad_hold)
{
	char out[256];

	ck_assert(!srv_tell(&srv, out, sizeof(out), "hold"));
	ck_assert_ptr_nonnull(strstr(out, "hold on|off"));
	ck_assert(!srv_tell(&srv, out, sizeof(out), "hold perhaps"));
	ck_assert(!srv_tell(&srv, out, sizeof(out), "order 1"));
}
END_TEST

UNIT_MAIN("sim-arbiter", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_offer);
	tcase_add_test(tc, test_feature);
	tcase_add_test(tc, test_weighted);
	tcase_add_test(tc, test_urgent_without_room);
	tcase_add_test(tc, test_round_robin);
	tcase_add_test(tc, test_bad_hold);
})
