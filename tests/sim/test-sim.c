/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfnd-sim as drivers use it: bring-up, Identify, queues, reads and writes, interrupts, events. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

static struct srv srv;

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M", "--ns", "8M", NULL};

	srv_start(&srv, args);
}

static void teardown(void)
{
	srv_stop(&srv);
}

static void fill(uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (i * 131 + seed * 29 + (i >> 9)) & 0xff;
}

static const enum ring rings[] = {RING_STORE, RING_MESSAGE, RING_SHADOW};

START_TEST(test_bring_up)
{
	struct cl c;
	uint8_t *id;
	uint64_t cap;
	struct tsqe e = {.opcode = 6, .cdw10 = 1};

	cl_up(&c, &srv, RING_MESSAGE, 32);
	cap = cl_reg64(&c, 0);
	ck_assert_uint_ge(cap & 0xffff, 1023);
	ck_assert_uint_eq(cap >> 32 & 0xf, 0);
	ck_assert_uint_eq(cap >> 37 & 1, 1);
	ck_assert_uint_eq(cap >> 48 & 0xf, 0);
	ck_assert_uint_eq(cl_reg32(&c, 8), 0x20000);
	id = cl_alloc(&c, 4096);
	e.prp1 = cl_iova(&c, id);
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_int_eq(memcmp(id + 4, "vfnd-sim-0001       ", 20), 0);
	ck_assert_uint_eq(id[516], 2);	   /* NN */
	ck_assert_uint_eq(id[257] & 1, 1); /* OACS bit 8: doorbell buffers */
	e.cdw10 = 0;
	e.nsid = 2;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_uint_eq(*(uint64_t *)id, (8u << 20) / 512);
	ck_assert_uint_eq(id[130], 9);
	e.nsid = 3;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0x400b);
	e.cdw10 = 2;
	e.nsid = 0;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_uint_eq(((uint32_t *)id)[0], 1);
	ck_assert_uint_eq(((uint32_t *)id)[1], 2);
	ck_assert_uint_eq(((uint32_t *)id)[2], 0);
	cl_close(&c);
}
END_TEST

START_TEST(test_io)
{
	const size_t len = 128 * 1024;
	struct cl c;
	uint8_t *data, *back;
	uint64_t *list, *list2;

	cl_up(&c, &srv, rings[_i], 32);
	if (rings[_i] == RING_SHADOW)
		cl_shadow(&c);
	cl_pair(&c, 1, 64, -1);
	data = cl_alloc(&c, len);
	back = cl_alloc(&c, len);
	list = cl_alloc(&c, 4096);
	list2 = cl_alloc(&c, 4096);
	for (unsigned int i = 0; i < 31; i++) {
		list[i] = cl_iova(&c, data + (i + 1) * 4096);
		list2[i] = cl_iova(&c, back + (i + 1) * 4096);
	}
	for (unsigned int round = 0; round < 200; round++) {
		fill(data, len, round);
		memset(back, 0, len);
		ck_assert_uint_eq(cl_io(&c, 1, 1, round * 256 % 32000, 256, cl_iova(&c, data),
					cl_iova(&c, list)),
				  0);
		ck_assert_uint_eq(cl_io(&c, 1, 2, round * 256 % 32000, 256, cl_iova(&c, back),
					cl_iova(&c, list2)),
				  0);
		ck_assert_int_eq(memcmp(data, back, len), 0);
	}
	if (rings[_i] == RING_SHADOW)
		ck_assert_int_eq(srv_stat(&srv, "shadow_doorbells"), 1);
	cl_close(&c);
}
END_TEST

START_TEST(test_interrupt)
{
	struct {
		uint32_t argsz, flags, index, start, count;
	} set = {20, 4 | 32, 2, 0, 3};
	int fds[3];
	struct cl c;
	uint8_t *data;

	cl_up(&c, &srv, RING_MESSAGE, 32);
	for (int i = 0; i < 3; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK);
	ck_assert_int_eq(cl_call_try(&c, 8, &set, sizeof(set), fds, 3, NULL, NULL), 0);
	cl_pair(&c, 1, 16, 2);
	data = cl_alloc(&c, 4096);
	for (int i = 0; i < 40; i++) {
		struct pollfd p = {fds[2], POLLIN, 0};
		uint64_t n;
		struct tcqe cqe;
		struct tsqe e = {.opcode = 2, .nsid = 1};

		e.prp1 = cl_iova(&c, data);
		cl_submit(&c, 1, e);
		ck_assert_int_eq(poll(&p, 1, 5000), 1);
		ck_assert_int_eq(read(fds[2], &n, 8), 8);
		ck_assert(cl_wait(&c, 1, &cqe, 0));
		ck_assert_uint_eq(cqe.sfp >> 1, 0);
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	cl_close(&c);
}
END_TEST

START_TEST(test_events)
{
	struct tsqe aer = {.opcode = 0xc}, log = {.opcode = 2}, cfg = {.opcode = 9};
	struct tcqe cqe;
	struct cl c;
	uint8_t *page;

	cl_up(&c, &srv, RING_STORE, 32);
	page = cl_alloc(&c, 4096);
	cfg.cdw10 = 0xb;
	cfg.cdw11 = 0xff;
	ck_assert_uint_eq(cl_exec(&c, 0, cfg, NULL), 0);
	for (int i = 0; i < 4; i++)
		cl_submit(&c, 0, aer);
	ck_assert_uint_eq(cl_exec(&c, 0, aer, NULL), 0x4105); /* a fifth is too many */
	srv_ok(&srv, "smart-warning 4");
	ck_assert(cl_wait(&c, 0, &cqe, 2000));
	ck_assert_uint_eq(cqe.dw0, 0x020001);
	/* No more of that type until the log has been read. */
	srv_ok(&srv, "smart-warning 5");
	ck_assert(!cl_wait(&c, 0, &cqe, 100));
	log.nsid = UINT32_MAX;
	log.prp1 = cl_iova(&c, page);
	log.cdw10 = 127 << 16 | 1 << 15 | 2; /* retained: no effect */
	ck_assert_uint_eq(cl_exec(&c, 0, log, NULL), 0);
	ck_assert_uint_eq(page[0], 5);
	ck_assert(!cl_wait(&c, 0, &cqe, 100));
	log.cdw10 = 127 << 16 | 2;
	cl_submit(&c, 0, log);
	ck_assert(cl_wait(&c, 0, &cqe, 2000));
	ck_assert(cl_wait(&c, 0, &cqe, 2000));
	cl_close(&c);
}
END_TEST

UNIT_MAIN("sim", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_bring_up);
	tcase_add_loop_test(tc, test_io, 0, 3);
	tcase_add_test(tc, test_interrupt);
	tcase_add_test(tc, test_events);
})
