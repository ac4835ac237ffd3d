/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asynchronous events: masks by type, order, doubles, limits; without a client. */
#include "config.h"

#include "unit.h"

#include "cmd.h"
#include "queue.h"

#include <string.h>
#include <sys/mman.h>

static struct ctrl c;
static uint8_t *mem;

#define IOVA 0x100000ull

static void setup(void)
{
	static const struct ctrl_opts opts = {
		.serial = "s", .model = "m", .queues = 4, .mdts = 5};
	int fd = memfd_create("mem", 0);
	uint64_t v;
	uint32_t w;

	ck_assert_int_eq(ctrl_init(&c, &opts), 0);
	ck_assert_int_eq(ftruncate(fd, 65536), 0);
	mem = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_int_eq(dma_add(&c.dma, IOVA, 65536, 0, 3, fd), 0);
	w = 6;
	ck_assert_int_eq(ctrl_cfg_write(&c, 4, &w, 2), 0);
	v = IOVA;
	ck_assert_int_eq(ctrl_bar_write(&c, 0x28, &v, 8), 0);
	v = IOVA + 4096;
	ck_assert_int_eq(ctrl_bar_write(&c, 0x30, &v, 8), 0);
	w = 31 << 16 | 31;
	ck_assert_int_eq(ctrl_bar_write(&c, 0x24, &w, 4), 0);
	w = 6 << 16 | 4 << 20 | 1;
	ck_assert_int_eq(ctrl_bar_write(&c, 0x14, &w, 4), 0);
	ck_assert(ctrl_running(&c));
}

static void teardown(void)
{
	ctrl_fini(&c);
	munmap(mem, 65536);
}

static void request(void)
{
	struct sim_sqe *sq = (struct sim_sqe *)mem;
	uint32_t tail = (c.sq[0].head + 1) % 32;

	sq[c.sq[0].head] = (struct sim_sqe){.opcode = 0xc, .cid = c.sq[0].commands};
	ck_assert_int_eq(ctrl_bar_write(&c, 0x1000, &tail, 4), 0);
	ck_assert(queue_poll(&c));
}

/* The dword 0 of the `i`-th completion; UINT32_MAX: it has not come. */
static uint32_t told(unsigned int i)
{
	const struct sim_cqe *cq = (const struct sim_cqe *)(mem + 4096);

	queue_poll(&c);
	return cq[i].sfp & 1 ? cq[i].dw0 : UINT32_MAX;
}

START_TEST(test_masked_until_read)
{
	request();
	request();
	ck_assert_uint_eq(told(0), UINT32_MAX);
	aer_raise(&c, 1, 0, 2);
	ck_assert_uint_eq(told(0), 0x020001);
	aer_raise(&c, 1, 1, 2);
	ck_assert_uint_eq(told(1), UINT32_MAX);
	aer_log_read(&c, 1); /* another log */
	ck_assert_uint_eq(told(1), UINT32_MAX);
	aer_log_read(&c, 2);
	ck_assert_uint_eq(told(1), 0x020101);
}
END_TEST

START_TEST(test_before_requests)
{
	aer_raise(&c, 2, 0, 4);
	aer_raise(&c, 1, 0, 2);
	aer_raise(&c, 1, 0, 2); /* the same again */
	ck_assert_uint_eq(c.aer.n, 2);
	request();
	ck_assert_uint_eq(told(0), 0x040002); /* in their order */
	request();
	ck_assert_uint_eq(told(1), 0x020001);
	ck_assert_uint_eq(c.aer.n, 0);
}
END_TEST

START_TEST(test_limit)
{
	const struct sim_cqe *cq = (const struct sim_cqe *)(mem + 4096);

	for (int i = 0; i < 4; i++)
		request();
	ck_assert_uint_eq(told(0), UINT32_MAX);
	request();
	ck_assert_uint_ne(told(0), UINT32_MAX);
	ck_assert_uint_eq(cq[0].sfp >> 1, 0x4105);
	for (unsigned int i = 0; i < 200; i++)
		aer_raise(&c, 7, i, 0xc0);
	ck_assert_uint_le(c.aer.n, CTRL_EVENTS);
}
END_TEST

START_TEST(test_smart_needs_configuration)
{
	request();
	aer_smart(&c, 4);
	ck_assert_uint_eq(told(0), UINT32_MAX);
	ck_assert_uint_eq(c.critical_warning, 4);
}
END_TEST

UNIT_MAIN("sim-events", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_masked_until_read);
	tcase_add_test(tc, test_before_requests);
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_smart_needs_configuration);
})
