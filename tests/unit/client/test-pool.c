/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory for calls and answers: what is kept, and what is not. */
#include "config.h"

#include "unit.h"

#include <stdint.h>
#include <string.h>

#include "client/pool.h"

#define LARGEST ((size_t)CL_POOL_SMALLEST << (CL_POOL_SIZES - 1))

static unsigned int kept(const struct cl_pool *pool)
{
	unsigned int n = 0;

	for (int i = 0; i < CL_POOL_SIZES; i++)
		n += pool->sizes[i].n;
	return n;
}

START_TEST(test_reuse)
{
	static const size_t bytes[] = {0, 1, 64, 65, 128, 300, 1024, LARGEST};
	struct cl_pool pool;

	cl_pool_init(&pool);
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		uint8_t *p = cl_pool_alloc(&pool, bytes[i]), *again;

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		memset(p, 0xff, bytes[i]);
		cl_pool_free(&pool, p);
		again = cl_pool_alloc(&pool, bytes[i]);
		ck_assert_ptr_eq(again, p);
		for (size_t j = 0; j < bytes[i]; j++)
			ck_assert_uint_eq(again[j], 0);
		cl_pool_free(&pool, again);
	}
	cl_pool_free(&pool, NULL);
	cl_pool_clear(&pool);
	ck_assert_uint_eq(kept(&pool), 0);
}
END_TEST

START_TEST(test_sizes_apart)
{
	struct cl_pool pool;
	void *small, *large;

	cl_pool_init(&pool);
	small = cl_pool_alloc(&pool, CL_POOL_SMALLEST);
	cl_pool_free(&pool, small);
	large = cl_pool_alloc(&pool, CL_POOL_SMALLEST + 1);
	ck_assert_ptr_ne(small, large);
	memset(large, 1, CL_POOL_SMALLEST + 1);
	cl_pool_free(&pool, large);
	ck_assert_uint_eq(kept(&pool), 2);
	cl_pool_clear(&pool);
}
END_TEST

START_TEST(test_bounded)
{
	void *p[2 * CL_POOL_KEPT];
	struct cl_pool pool;

	cl_pool_init(&pool);
	for (int i = 0; i < 2 * CL_POOL_KEPT; i++)
		p[i] = pool.allocator.alloc(pool.allocator.allocator_data, 100);
	for (int i = 0; i < 2 * CL_POOL_KEPT; i++)
		pool.allocator.free(pool.allocator.allocator_data, p[i]);
	ck_assert_uint_eq(kept(&pool), CL_POOL_KEPT);
	p[0] = cl_pool_alloc(&pool, LARGEST + 1);
	ck_assert_ptr_nonnull(p[0]);
	cl_pool_free(&pool, p[0]);
	ck_assert_uint_eq(kept(&pool), CL_POOL_KEPT);
	ck_assert_ptr_null(pool.allocator.alloc(pool.allocator.allocator_data, SIZE_MAX - 8));
	cl_pool_clear(&pool);
}
END_TEST

UNIT_MAIN("client-pool", {
	tcase_add_test(tc, test_reuse);
	tcase_add_test(tc, test_sizes_apart);
	tcase_add_test(tc, test_bounded);
})
