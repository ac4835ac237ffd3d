/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/lease.h"
#include "random.h"

#define TABLES 4
#define LEASES 512

/* What a table should know of each lease. */
struct model {
	struct lease lease;
	int table; /* -1: in none */
	uint64_t handle;
	enum lease_type type;
};

static struct lease_table tables[TABLES];
static struct model models[LEASES];

static void model_check(uint64_t *seed)
{
	uint64_t live = 0;

	for (int i = 0; i < LEASES; i++) {
		struct model *m = &models[i];

		if (m->table < 0) {
			ck_assert_uint_eq(m->lease.handle, 0);
			continue;
		}
		live++;
		ck_assert_ptr_eq(lease_find(&tables[m->table], m->handle, m->type), &m->lease);
		/* Under another type it is not found. */
		ck_assert_ptr_null(lease_find(&tables[m->table], m->handle,
					      (m->type + 1 + random_below(seed, 3)) % 4));
	}
	ck_assert_uint_eq(lease_count(), live);
}

static bool handle_is_live(int table, uint64_t handle)
{
	for (int i = 0; i < LEASES; i++)
		if (models[i].table == table && models[i].handle == handle)
			return true;
	return false;
}

static void step_restore(struct model *m, int t, uint64_t handle)
{
	int want = handle_is_live(t, handle) ? -EEXIST : 0;

	ck_assert_int_eq(lease_restore(&tables[t], &m->lease, m->type, handle), want);
	if (want < 0) {
		ck_assert_uint_eq(m->lease.handle, 0);
		return;
	}
	m->table = t;
	m->handle = handle;
}

START_TEST(test_against_model)
{
	uint64_t seed = 0x1ea5e, last[TABLES] = {0};

	for (int i = 0; i < LEASES; i++)
		models[i].table = -1;
	for (int n = 0; n < 200000; n++) {
		struct model *m = &models[random_below(&seed, LEASES)];
		int t = (int)random_below(&seed, TABLES);

		if (m->table >= 0) {
			lease_remove(&m->lease);
			ck_assert_ptr_null(lease_find(&tables[m->table], m->handle, m->type));
			m->table = -1;
		} else if (random_below(&seed, 16) == 0) {
			m->type = (enum lease_type)random_below(&seed, 4);
			step_restore(m, t, 1 + random_below(&seed, (uint32_t)last[t] + 64));
			if (m->table >= 0 && m->handle > last[t])
				last[t] = m->handle;
		} else {
			m->type = (enum lease_type)random_below(&seed, 4);
			ck_assert_int_eq(lease_add(&tables[t], &m->lease, m->type), 0);
			/* Never a number that was given out before. */
			ck_assert_uint_eq(m->lease.handle, last[t] + 1);
			last[t] = m->handle = m->lease.handle;
			m->table = t;
		}
		if (n % 1000 == 0)
			model_check(&seed);
	}
	model_check(&seed);
	for (int i = 0; i < LEASES; i++)
		lease_remove(&models[i].lease);
	ck_assert_uint_eq(lease_count(), 0);
}
END_TEST

START_TEST(test_remove_is_harmless_twice)
{
	struct lease_table table = {0};
	struct lease lease = {0};

	lease_remove(&lease);
	ck_assert_int_eq(lease_add(&table, &lease, LEASE_QUEUE), 0);
	lease_remove(&lease);
	lease_remove(&lease);
	ck_assert_uint_eq(lease_count(), 0);
	ck_assert_ptr_null(lease_find(&table, 1, LEASE_QUEUE));
	ck_assert_int_eq(lease_add(&table, &lease, LEASE_QUEUE), 0);
	ck_assert_uint_eq(lease.handle, 2);
	lease_remove(&lease);
}
END_TEST

START_TEST(test_unknown_handles)
{
	struct lease_table table = {0};
	struct lease lease = {0};

	ck_assert_ptr_null(lease_find(&table, 0, LEASE_OPENING));
	ck_assert_ptr_null(lease_find(&table, UINT64_MAX, LEASE_OPENING));
	ck_assert_int_eq(lease_add(&table, &lease, LEASE_OPENING), 0);
	ck_assert_ptr_null(lease_find(&table, 0, LEASE_OPENING));
	ck_assert_ptr_null(lease_find(&table, 2, LEASE_OPENING));
	lease_remove(&lease);
}
END_TEST

UNIT_MAIN("lease", tcase_add_test(tc, test_against_model);
	  tcase_add_test(tc, test_remove_is_harmless_twice);
	  tcase_add_test(tc, test_unknown_handles))
