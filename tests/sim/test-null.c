/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A controller that keeps nothing: no data moves, all else is as ever. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <string.h>

#define DNR 0x4000

static struct srv srv;
static struct cl c;

static void setup(void)
{
	const char *args[] = {"--null", NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_STORE, 32);
	cl_pair(&c, 1, 16, -1);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

START_TEST(test_nothing_moves)
{
	uint8_t *a = cl_alloc(&c, 4096), *b = cl_alloc(&c, 4096);

	memset(a, 0xa5, 4096);
	memset(b, 0x5a, 4096);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 7, 8, cl_iova(&c, a), 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 7, 8, cl_iova(&c, b), 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 5, 7, 8, cl_iova(&c, b), 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 8, 7, 8, 0, 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 0, 0, 0, 0, 0), 0);
	for (unsigned int i = 0; i < 4096; i++) {
		ck_assert_uint_eq(a[i], 0xa5);
		ck_assert_uint_eq(b[i], 0x5a);
	}
	ck_assert_int_eq(srv_stat(&srv, "reads"), 2);
	ck_assert_int_eq(srv_stat(&srv, "writes"), 2);
	ck_assert_int_eq(srv_stat(&srv, "io_commands"), 5);
}
END_TEST

START_TEST(test_all_is_checked)
{
	uint8_t *mem = cl_alloc(&c, 4096);
	uint64_t blocks = 1ull << 31;

	ck_assert_uint_eq(cl_io(&c, 1, 2, blocks - 8, 8, cl_iova(&c, mem), 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, blocks - 7, 8, cl_iova(&c, mem), 0), DNR | 0x80);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, 0x1000, 0), DNR | 4);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, 0x1000, 0), DNR | 4);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 16, cl_iova(&c, mem), 8), DNR | 0x13);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 1, cl_iova(&c, mem) + 1, 0), DNR | 0x13);
}
END_TEST

START_TEST(test_faults_hit)
{
	uint8_t *mem = cl_alloc(&c, 4096);

	srv_ok(&srv, "status io 2 2 2 0x81");
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, mem), 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, mem), 0), 0x281);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, mem), 0), 0);
}
END_TEST

UNIT_MAIN("sim-null", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_nothing_moves);
	tcase_add_test(tc, test_all_is_checked);
	tcase_add_test(tc, test_faults_hit);
})
