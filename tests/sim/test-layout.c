/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Doorbell strides, and memory pages of other sizes. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define DNR    0x4000
#define FIELD  (DNR | 2)
#define OFFSET (DNR | 0x13)

static struct srv srv;
static struct cl c;

static void up(enum ring ring, const char *option, const char *value, const char *queues)
{
	const char *args[] = {"--ns", "4M", "--queues", queues, option, value, NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, ring, 32);
}

static void down(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

/* Some rounds of a small queue on pair `qid`, so that head and tail wrap. */
static void use(uint16_t qid)
{
	uint8_t *a = cl_alloc(&c, 4096), *b = cl_alloc(&c, 4096);

	for (unsigned int i = 0; i < 20; i++) {
		memset(a, i + qid, 4096);
		ck_assert_uint_eq(cl_io(&c, qid, 1, 8 * i, 8, cl_iova(&c, a), 0), 0);
		ck_assert_uint_eq(cl_io(&c, qid, 2, 8 * i, 8, cl_iova(&c, b), 0), 0);
		ck_assert_int_eq(memcmp(a, b, 4096), 0);
	}
}

static const struct {
	const char *dstrd;
	enum ring ring;
} strides[] = {
	{"1", RING_STORE},  {"1", RING_MESSAGE},  {"1", RING_SHADOW},
	{"4", RING_STORE},  {"4", RING_MESSAGE},  {"4", RING_SHADOW},
	{"12", RING_STORE}, {"12", RING_MESSAGE}, {"15", RING_STORE},
};

START_TEST(test_stride)
{
	up(strides[_i].ring, "--dstrd", strides[_i].dstrd, "3");
	ck_assert_uint_eq(c.dstrd, strtoul(strides[_i].dstrd, NULL, 0));
	ck_assert_uint_ge(c.db_len, 8ull * 4 << c.dstrd);
	if (c.ring == RING_SHADOW)
		cl_shadow(&c);
	cl_pair(&c, 1, 4, -1);
	cl_pair(&c, 3, 4, -1);
	use(1);
	use(3);
	down();
}
END_TEST

/* The shadow buffer is a page, and has no room for most doorbells: those stay in the registers. */
START_TEST(test_stride_beyond_shadow)
{
	struct tsqe e = {.opcode = 0x7c};

	up(RING_STORE, "--dstrd", "9", "3");
	e.prp1 = cl_iova(&c, cl_alloc(&c, 4096));
	e.prp2 = cl_iova(&c, cl_alloc(&c, 4096));
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	cl_pair(&c, 1, 4, -1);
	cl_pair(&c, 2, 4, -1);
	use(1);
	use(2);
	down();
}
END_TEST

START_TEST(test_stride_layout)
{
	uint32_t bar = UINT32_MAX, table = 0, pba = 0;

	up(RING_MESSAGE, "--dstrd", "6", "64");
	/* As everybody asks for its size. */
	ck_assert_int_eq(cl_write_try(&c, 7, 0x10, &bar, 4), 0);
	ck_assert_int_eq(cl_read_try(&c, 7, 0x10, &bar, 4), 0);
	bar = -(bar & ~0xfu);
	ck_assert_uint_ge(bar, 0x1000 + c.db_len + 65 * 16);
	/* Where MSI-X is, and that it is there. */
	ck_assert_int_eq(cl_read_try(&c, 7, 0xa4, &table, 4), 0);
	ck_assert_int_eq(cl_read_try(&c, 7, 0xa8, &pba, 4), 0);
	ck_assert_uint_eq(table, 0x1000 + c.db_len);
	ck_assert_uint_gt(pba, table);
	ck_assert_uint_lt(pba, bar);
	cl_set32(&c, table + 16 * 64, 0xfee00000);
	ck_assert_uint_eq(cl_reg32(&c, table + 16 * 64), 0xfee00000);
	ck_assert_uint_eq(cl_reg32(&c, pba), 0);
	ck_assert_int_ne(cl_read_try(&c, 0, bar, &table, 4), 0);
	/* Between two doorbells there is none. */
	ck_assert_int_eq(srv_stat(&srv, "events_queued"), 0);
	cl_set32(&c, 0x1004, 1);
	ck_assert_int_eq(srv_stat(&srv, "events_queued"), 1);
	down();
}
END_TEST

START_TEST(test_page_sizes)
{
	uint64_t *list, iova;
	uint8_t *data;

	up(RING_STORE, "--mpsmin", "1", "3");
	ck_assert_uint_eq(cl_reg64(&c, 0) >> 48 & 0xff, 0x41);
	cl_pair(&c, 1, 4, -1);
	use(1);
	data = cl_alloc(&c, 65536);
	list = cl_alloc(&c, 8192);
	iova = cl_iova(&c, data);
	for (unsigned int i = 0; i < 4; i++)
		list[i] = iova + 8192 * (i + 1);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 16, iova, 0), 0); /* a page */
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 16, iova + 4096, iova + 8192), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 16, iova + 4096, iova + 4096), OFFSET);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 48, iova, cl_iova(&c, list)), 0);
	list[1] += 4096;
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 48, iova, cl_iova(&c, list)), OFFSET);
	/* A queue begins where a page does. */
	ck_assert_uint_eq(
		cl_exec(&c, 0,
			(struct tsqe){
				.opcode = 5, .cdw10 = 2 | 3 << 16, .cdw11 = 1, .prp1 = iova + 4096},
			NULL),
		OFFSET);
	/* Sizes that are not among those told. */
	for (unsigned int mps = 0; mps < 16; mps++) {
		cl_set32(&c, 0x14, 0);
		cl_set32(&c, 0x28, 0);
		cl_set32(&c, 0x30, 0);
		cl_set32(&c, 0x14, 6 << 16 | 4 << 20 | mps << 7 | 1);
		ck_assert_uint_eq(cl_reg32(&c, 0x1c), mps < 1 || mps > 4 ? 2 : 1);
	}
	down();
}
END_TEST

/* The largest transfer is counted in the smallest pages. */
START_TEST(test_mdts)
{
	static const char *const args[] = {"--ns", "4M",     "--mpsmin", "2", "--mpsmax",
					   "2",	   "--mdts", "1",	 NULL};
	uint64_t iova;

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_STORE, 32);
	cl_pair(&c, 1, 4, -1);
	iova = cl_iova(&c, cl_alloc(&c, 65536));
	ck_assert_uint_eq(cl_reg64(&c, 0) >> 48 & 0xff, 0x22);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 64, iova, iova + 16384), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 65, iova, iova + 16384), FIELD);
	down();
}
END_TEST

START_TEST(test_options)
{
	static const char *const bad[] = {
		"--dstrd 16", "--dstrd -1", "--mpsmin 16", "--mpsmax 16", "--mpsmin 3 --mpsmax 2",
		"--mpsmax x"};
	const char *build = getenv("top_builddir");
	char line[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line),
			 "%s/tests/sim/vfnd-sim --socket /nowhere/s --ns 1M %s 2>/dev/null",
			 build ? build : ".", bad[i]);
		ck_assert_msg(WEXITSTATUS(system(line)) == 64, "%s", bad[i]);
	}
}
END_TEST

UNIT_MAIN("sim-layout", {
	tcase_add_loop_test(tc, test_stride, 0, sizeof(strides) / sizeof(strides[0]));
	tcase_add_test(tc, test_stride_beyond_shadow);
	tcase_add_test(tc, test_stride_layout);
	tcase_add_test(tc, test_page_sizes);
	tcase_add_test(tc, test_mdts);
	tcase_add_test(tc, test_options);
})
