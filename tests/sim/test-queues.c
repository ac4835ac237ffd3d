/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enabling the controller, and creating and deleting queues with every way to do it wrong. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define DNR 0x4000

static struct srv srv;
static struct cl c;

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M", "--queues", "8", NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static uint16_t create_cq(uint16_t qid, uint32_t entries, uint32_t dw11, uint64_t addr)
{
	struct tsqe e = {.opcode = 5, .prp1 = addr, .cdw11 = dw11};

	e.cdw10 = (entries - 1) << 16 | qid;
	return cl_exec(&c, 0, e, NULL);
}

static uint16_t create_sq(uint16_t qid, uint32_t entries, uint32_t dw11, uint64_t addr)
{
	struct tsqe e = {.opcode = 1, .prp1 = addr, .cdw11 = dw11};

	e.cdw10 = (entries - 1) << 16 | qid;
	return cl_exec(&c, 0, e, NULL);
}

static uint16_t delete_q(uint8_t op, uint16_t qid)
{
	struct tsqe e = {.opcode = op, .cdw10 = qid};

	return cl_exec(&c, 0, e, NULL);
}

START_TEST(test_bad_cqs)
{
	uint64_t mem = cl_iova(&c, cl_alloc(&c, 65536)), end = CL_IOVA + CL_MEM;

	ck_assert_uint_eq(create_cq(0, 16, 1, mem), DNR | 0x101);
	ck_assert_uint_eq(create_cq(9, 16, 1, mem), DNR | 0x101);
	ck_assert_uint_eq(create_cq(0xffff, 16, 1, mem), DNR | 0x101);
	ck_assert_uint_eq(create_cq(1, 1, 1, mem), DNR | 0x102);
	ck_assert_uint_eq(create_cq(1, 4097, 1, mem), DNR | 0x102);
	ck_assert_uint_eq(create_cq(1, 16, 0, mem), DNR | 0x002); /* not contiguous */
	ck_assert_uint_eq(create_cq(1, 16, 1, mem + 8), DNR | 0x013);
	ck_assert_uint_eq(create_cq(1, 16, 3 | 9 << 16, mem), DNR | 0x108);
	ck_assert_uint_eq(create_cq(1, 16, 3 | 1 << 16, mem), DNR | 0x108); /* MSI-X is off */
	ck_assert_uint_eq(create_cq(1, 16, 1, 0x1000), DNR | 0x004);
	ck_assert_uint_eq(create_cq(1, 4096, 1, end - 4096), DNR | 0x004); /* half of it mapped */
	ck_assert_uint_eq(create_cq(1, 4096, 1, mem), 0);
	ck_assert_uint_eq(create_cq(1, 16, 1, mem), DNR | 0x101);
	ck_assert_int_eq(srv_stat(&srv, "io_cqs"), 1);
}
END_TEST

START_TEST(test_bad_sqs)
{
	uint64_t mem = cl_iova(&c, cl_alloc(&c, 65536));
	uint64_t mem2 = cl_iova(&c, cl_alloc(&c, 65536));

	ck_assert_uint_eq(create_cq(3, 16, 1, mem), 0);
	ck_assert_uint_eq(create_sq(0, 16, 1 | 3 << 16, mem2), DNR | 0x101);
	ck_assert_uint_eq(create_sq(9, 16, 1 | 3 << 16, mem2), DNR | 0x101);
	ck_assert_uint_eq(create_sq(1, 16, 1 | 1 << 16, mem2), DNR | 0x100); /* no such CQ */
	ck_assert_uint_eq(create_sq(1, 16, 1 | 0 << 16, mem2), DNR | 0x101);
	ck_assert_uint_eq(create_sq(1, 16, 1 | 9 << 16, mem2), DNR | 0x101);
	ck_assert_uint_eq(create_sq(1, 1, 1 | 3 << 16, mem2), DNR | 0x102);
	ck_assert_uint_eq(create_sq(1, 4097, 1 | 3 << 16, mem2), DNR | 0x102);
	ck_assert_uint_eq(create_sq(1, 16, 0 | 3 << 16, mem2), DNR | 0x002);
	ck_assert_uint_eq(create_sq(1, 16, 1 | 3 << 16, mem2 + 4), DNR | 0x013);
	ck_assert_uint_eq(create_sq(1, 16, 1 | 3 << 16, 0), DNR | 0x004);
	ck_assert_uint_eq(create_sq(1, 16, 1 | 3 << 16, mem2), 0);
	ck_assert_uint_eq(create_sq(1, 16, 1 | 3 << 16, mem2), DNR | 0x101);
	ck_assert_int_eq(srv_stat(&srv, "io_sqs"), 1);
}
END_TEST

START_TEST(test_deletion)
{
	uint64_t mem = cl_iova(&c, cl_alloc(&c, 4096)), mem2 = cl_iova(&c, cl_alloc(&c, 4096));

	ck_assert_uint_eq(delete_q(0, 0), DNR | 0x101);
	ck_assert_uint_eq(delete_q(4, 0), DNR | 0x101);
	ck_assert_uint_eq(delete_q(0, 1), DNR | 0x101);
	ck_assert_uint_eq(delete_q(4, 1), DNR | 0x101);
	ck_assert_uint_eq(delete_q(0, 0xffff), DNR | 0x101);
	ck_assert_uint_eq(delete_q(4, 0xffff), DNR | 0x101);
	for (int i = 0; i < 500; i++) {
		ck_assert_uint_eq(create_cq(1, 16, 1, mem), 0);
		ck_assert_uint_eq(create_sq(2, 16, 1 | 1 << 16, mem2), 0);
		ck_assert_uint_eq(delete_q(4, 1), DNR | 0x10c); /* a submission queue uses it */
		ck_assert_uint_eq(delete_q(0, 2), 0);
		ck_assert_uint_eq(delete_q(4, 1), 0);
	}
	ck_assert_uint_eq(delete_q(0, 2), DNR | 0x101);
	ck_assert_int_eq(srv_stat(&srv, "io_sqs"), 0);
	ck_assert_int_eq(srv_stat(&srv, "io_cqs"), 0);
}
END_TEST

START_TEST(test_number_of_queues)
{
	struct tsqe set = {.opcode = 9, .cdw10 = 7}, get = {.opcode = 10, .cdw10 = 7};
	uint64_t mem = cl_iova(&c, cl_alloc(&c, 4096));
	uint32_t dw0;

	set.cdw11 = 0xffff;
	ck_assert_uint_eq(cl_exec(&c, 0, set, NULL), DNR | 2);
	set.cdw11 = 0xffff0000;
	ck_assert_uint_eq(cl_exec(&c, 0, set, NULL), DNR | 2);
	set.cdw11 = 99 | 99 << 16;
	ck_assert_uint_eq(cl_exec(&c, 0, set, &dw0), 0);
	ck_assert_uint_eq(dw0, 7 | 7 << 16);
	set.cdw11 = 1 | 2 << 16;
	ck_assert_uint_eq(cl_exec(&c, 0, set, &dw0), 0);
	ck_assert_uint_eq(dw0, 1 | 2 << 16);
	ck_assert_uint_eq(cl_exec(&c, 0, get, &dw0), 0);
	ck_assert_uint_eq(dw0, 1 | 2 << 16);
	ck_assert_uint_eq(create_cq(4, 16, 1, mem), DNR | 0x101);
	ck_assert_uint_eq(create_cq(3, 16, 1, mem), 0);
	ck_assert_uint_eq(cl_exec(&c, 0, set, NULL), DNR | 0x00c); /* too late */
	/* A reset gives all back. */
	cl_enable(&c, 16);
	ck_assert_uint_eq(cl_exec(&c, 0, get, &dw0), 0);
	ck_assert_uint_eq(dw0, 7 | 7 << 16);
}
END_TEST

/* What a disabled controller answers to values of CC and the admin queue's registers. */
static const struct {
	uint32_t cc, aqa;
	uint64_t asq_off;
	bool fatal;
} enables[] = {
	{6 << 16 | 4 << 20 | 1, 31 << 16 | 31, 0, false},
	{6 << 16 | 4 << 20 | 1, 31 << 16 | 31, 64, true}, /* ASQ not aligned */
	{6 << 16 | 4 << 20 | 1, 31 << 16 | 0, 0, true},	  /* one entry */
	{6 << 16 | 4 << 20 | 1, 0 << 16 | 31, 0, true},
	{6 << 16 | 4 << 20 | 5 << 7 | 1, 31 << 16 | 31, 0, true},  /* MPS above MPSMAX */
	{6 << 16 | 4 << 20 | 1 << 4 | 1, 31 << 16 | 31, 0, true},  /* CSS */
	{6 << 16 | 4 << 20 | 1 << 11 | 1, 31 << 16 | 31, 0, true}, /* AMS */
};

START_TEST(test_enable)
{
	uint32_t csts;

	cl_set32(&c, 0x14, 0);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 0);
	cl_set64(&c, 0x28, cl_iova(&c, c.q[0].sq) + enables[_i].asq_off);
	cl_set32(&c, 0x24, enables[_i].aqa);
	cl_set32(&c, 0x14, enables[_i].cc);
	csts = cl_reg32(&c, 0x1c);
	ck_assert_uint_eq(csts, enables[_i].fatal ? 2 : 1);
	cl_set32(&c, 0x14, 0);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 0);
	cl_enable(&c, 16);
}
END_TEST

START_TEST(test_shutdown)
{
	struct tcqe cqe;
	struct tsqe e = {.opcode = 10, .cdw10 = 7};

	cl_set32(&c, 0x14, 6 << 16 | 4 << 20 | 1 << 14 | 1);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1 | 2 << 2);
	/* Shut down is shut down, until the controller is reset. */
	cl_submit(&c, 0, e);
	ck_assert(!cl_wait(&c, 0, &cqe, 100));
	cl_enable(&c, 16);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1);
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
}
END_TEST

START_TEST(test_reset_keeps_admin_registers)
{
	uint64_t asq = cl_reg64(&c, 0x28);

	cl_pair(&c, 1, 16, -1);
	cl_set32(&c, 0x14, 0);
	ck_assert_uint_eq(cl_reg64(&c, 0x28), asq);
	ck_assert_int_eq(srv_stat(&srv, "io_sqs"), 0);
	/* The function's reset does not. */
	ck_assert_int_eq(cl_call_try(&c, 13, NULL, 0, NULL, 0, NULL, NULL), 0);
	ck_assert_uint_eq(cl_reg64(&c, 0x28), 0);
	ck_assert_uint_eq(cl_cfg16(&c, 4), 0x406);
	cl_enable(&c, 16);
	cl_pair(&c, 1, 16, -1);
}
END_TEST

START_TEST(test_no_bus_master)
{
	struct tsqe e = {.opcode = 10, .cdw10 = 7};
	uint64_t until = cl_now_ms() + 2000;

	cl_cfg_set16(&c, 4, 0x402);
	cl_submit(&c, 0, e);
	while (!(cl_reg32(&c, 0x1c) & 2))
		ck_assert_uint_lt(cl_now_ms(), until);
}
END_TEST

/* More commands than the completion queue has room for: none is lost, none overwritten. */
START_TEST(test_full_completion_queue)
{
	struct tsqe e = {.opcode = 0, .nsid = 1};
	struct tcqe cqe;

	if (_i)
		cl_shadow(&c), c.ring = RING_SHADOW;
	cl_pair(&c, 1, 64, -1);
	ck_assert_uint_eq(create_cq(2, 4, 1, cl_iova(&c, cl_alloc(&c, 4096))), 0);
	ck_assert_uint_eq(delete_q(0, 1), 0);
	ck_assert_uint_eq(delete_q(4, 1), 0);
	memset((void *)(uintptr_t)c.q[1].cq, 0, 4096);
	ck_assert_uint_eq(create_cq(1, 4, 1, cl_iova(&c, (void *)(uintptr_t)c.q[1].cq)), 0);
	if (_i)
		c.shadow[2] = c.shadow[3] = 0;
	ck_assert_uint_eq(create_sq(1, 64, 1 | 1 << 16, cl_iova(&c, c.q[1].sq)), 0);
	c.q[1].tail = 0;
	for (int round = 0; round < 20; round++) {
		uint16_t first = c.cid;
		struct tq *q = &c.q[1];

		for (int i = 0; i < 40; i++) {
			q->size = 64;
			cl_submit(&c, 1, e);
		}
		usleep(1000);
		for (int i = 0; i < 40; i++) {
			q->size = 4;
			ck_assert(cl_wait(&c, 1, &cqe, 2000));
			ck_assert_uint_eq(cqe.cid, (uint16_t)(first + i));
			ck_assert_uint_eq(cqe.sfp >> 1, 0);
		}
	}
}
END_TEST

START_TEST(test_bad_doorbells)
{
	struct tsqe aer = {.opcode = 0xc}, log = {.opcode = 2};
	struct tcqe cqe;
	uint8_t *page = cl_alloc(&c, 4096);
	uint32_t tail;

	cl_submit(&c, 0, aer);
	cl_submit(&c, 0, aer);
	cl_ring(&c, 2 * 5, 1); /* no such queue */
	ck_assert(cl_wait(&c, 0, &cqe, 2000));
	ck_assert_uint_eq(cqe.dw0, 0x010000);
	log.nsid = UINT32_MAX;
	log.prp1 = cl_iova(&c, page);
	log.cdw10 = 15 << 16 | 1;
	ck_assert_uint_eq(cl_exec(&c, 0, log, NULL), 0);
	cl_pair(&c, 1, 16, -1);
	cl_ring(&c, 2, 16); /* behind the end */
	ck_assert(cl_wait(&c, 0, &cqe, 2000));
	ck_assert_uint_eq(cqe.dw0, 0x010100);
	/* The queue goes on with a value that makes sense. */
	tail = c.q[1].tail;
	ck_assert_uint_eq(tail, 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, page), 0), 0);
}
END_TEST

/* Shadow doorbells, and an admin queue that goes on with its register. */
START_TEST(test_shadow_admin_by_register)
{
	struct tsqe e = {.opcode = 10, .cdw10 = 7}, dbbuf = {.opcode = 0x7c};

	dbbuf.prp1 = cl_iova(&c, cl_alloc(&c, 4096));
	dbbuf.prp2 = cl_iova(&c, cl_alloc(&c, 4096));
	ck_assert_uint_eq(cl_exec(&c, 0, dbbuf, NULL), 0);
	for (int i = 0; i < 100; i++) {
		c.ring = i & 1 ? RING_MESSAGE : RING_STORE;
		ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	}
}
END_TEST

START_TEST(test_bad_shadow)
{
	struct tsqe e = {.opcode = 0x7c};
	uint64_t mem = cl_iova(&c, cl_alloc(&c, 8192));

	e.prp1 = mem;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 2);
	e.prp2 = mem + 4096 + 4;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 2);
	e.prp2 = mem + 4096;
	e.prp1 = mem + 512;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 2);
	e.prp1 = 0x10000;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 4);
	e.prp1 = mem;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
}
END_TEST

/* Memory pages of 4 KiB to 64 KiB. */
START_TEST(test_page_sizes)
{
	size_t page = 4096ull << _i;
	uint64_t base;
	uint8_t *data, *back;

	cl_set32(&c, 0x14, 0);
	c.used = (c.used + 65535) & ~65535ull;
	c.q[0].sq = cl_alloc(&c, 65536);
	c.q[0].cq = cl_alloc(&c, 65536);
	c.q[0].tail = c.q[0].head = 0;
	c.q[0].phase = true;
	cl_set64(&c, 0x28, cl_iova(&c, c.q[0].sq));
	cl_set64(&c, 0x30, cl_iova(&c, (void *)(uintptr_t)c.q[0].cq));
	cl_set32(&c, 0x14, 6 << 16 | 4 << 20 | _i << 7 | 1);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1);
	c.used = (c.used + 65535) & ~65535ull;
	c.q[1].size = 16;
	c.q[1].cq = cl_alloc(&c, 65536);
	c.q[1].sq = cl_alloc(&c, 65536);
	c.q[1].phase = true;
	base = cl_iova(&c, c.q[1].sq);
	if (_i)
		ck_assert_uint_eq(create_cq(1, 16, 1, base + 4096), DNR | 0x13);
	ck_assert_uint_eq(create_cq(1, 16, 1, cl_iova(&c, (void *)(uintptr_t)c.q[1].cq)), 0);
	ck_assert_uint_eq(create_sq(1, 16, 1 | 1 << 16, base), 0);
	data = cl_alloc(&c, 2 * 65536);
	back = cl_alloc(&c, 2 * 65536);
	for (size_t i = 0; i < 2 * page; i++)
		data[i] = i * 7 + (i >> 12);
	ck_assert_uint_eq(
		cl_io(&c, 1, 1, 0, 2 * page / 512, cl_iova(&c, data), cl_iova(&c, data + page)), 0);
	ck_assert_uint_eq(
		cl_io(&c, 1, 2, 0, 2 * page / 512, cl_iova(&c, back), cl_iova(&c, back + page)), 0);
	ck_assert_int_eq(memcmp(data, back, 2 * page), 0);
}
END_TEST

UNIT_MAIN("sim-queues", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_bad_cqs);
	tcase_add_test(tc, test_bad_sqs);
	tcase_add_test(tc, test_deletion);
	tcase_add_test(tc, test_number_of_queues);
	tcase_add_loop_test(tc, test_enable, 0, sizeof(enables) / sizeof(enables[0]));
	tcase_add_test(tc, test_shutdown);
	tcase_add_test(tc, test_reset_keeps_admin_registers);
	tcase_add_test(tc, test_no_bus_master);
	tcase_add_loop_test(tc, test_full_completion_queue, 0, 2);
	tcase_add_test(tc, test_bad_doorbells);
	tcase_add_test(tc, test_shadow_admin_by_register);
	tcase_add_test(tc, test_bad_shadow);
	tcase_add_loop_test(tc, test_page_sizes, 0, 5);
})
