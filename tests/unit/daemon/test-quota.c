/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/quota.h"
#include "random.h"

#define USERS 8

static const uint64_t limits[QUOTA_KINDS] = {
	[QUOTA_SESSIONS] = 16,
	[QUOTA_BUFFERS] = UINT64_MAX,
	[QUOTA_BUFFER_BYTES] = UINT64_MAX,
	[QUOTA_QUEUES] = 0,
	[QUOTA_COMMANDS] = 1000,
	[QUOTA_SEND_BYTES] = 1 << 20,
};

struct model {
	struct quota_user *user;
	unsigned int refs;
	uint64_t used[QUOTA_KINDS];
};

static uint64_t amount(uint64_t *seed, uint64_t limit)
{
	switch (random_below(seed, 8)) {
	case 0:
		return 0;
	case 1:
		return limit;
	case 2:
		return UINT64_MAX;
	case 3:
		return random_next(seed);
	default:
		return random_next(seed) % (limit / 4 + 2);
	}
}

static void charge(uint64_t *seed, struct model *m)
{
	int kind = (int)random_below(seed, QUOTA_KINDS);
	uint64_t n = amount(seed, limits[kind]);
	/* The sum in more bits than it has, so that the model does not wrap around either. */
	bool fits = (unsigned __int128)m->used[kind] + n <= limits[kind];

	ck_assert_int_eq(quota_charge(m->user, kind, n), fits ? 0 : -EDQUOT);
	if (fits)
		m->used[kind] += n;
}

static void release(uint64_t *seed, struct model *m)
{
	int kind = (int)random_below(seed, QUOTA_KINDS);
	uint64_t n = m->used[kind];

	if (n && random_below(seed, 2))
		n = random_next(seed) % n;
	quota_release(m->user, kind, n);
	m->used[kind] -= n;
}

static void drop(struct model *m)
{
	if (m->refs == 1) {
		for (int k = 0; k < QUOTA_KINDS; k++)
			quota_release(m->user, k, m->used[k]);
		memset(m->used, 0, sizeof(m->used));
	}
	m->refs--;
	quota_put(m->user);
}

START_TEST(test_against_model)
{
	struct model models[USERS] = {0};
	uint64_t seed = 0x907a;

	for (int n = 0; n < 200000; n++) {
		uid_t uid = random_below(&seed, USERS);
		struct model *m = &models[uid];

		if (m->refs == 0 || random_below(&seed, 16) == 0) {
			struct quota_user *user = quota_get(uid, limits);

			ck_assert_ptr_nonnull(user);
			/* One account a user. */
			ck_assert(m->refs == 0 || user == m->user);
			m->user = user;
			m->refs++;
		} else if (random_below(&seed, 14) == 0) {
			drop(m);
			continue;
		} else if (random_below(&seed, 5) < 3) {
			charge(&seed, m);
		} else {
			release(&seed, m);
		}
		for (int k = 0; k < QUOTA_KINDS; k++)
			ck_assert_uint_eq(quota_used(m->user, k), m->used[k]);
	}
	for (int i = 0; i < USERS; i++)
		while (models[i].refs)
			drop(&models[i]);
}
END_TEST

START_TEST(test_users_are_apart)
{
	struct quota_user *one = quota_get(1, limits), *two = quota_get(2, limits);

	ck_assert_ptr_ne(one, two);
	ck_assert_int_eq(quota_charge(one, QUOTA_SESSIONS, 16), 0);
	ck_assert_int_eq(quota_charge(one, QUOTA_SESSIONS, 1), -EDQUOT);
	ck_assert_int_eq(quota_charge(two, QUOTA_SESSIONS, 1), 0);
	quota_release(one, QUOTA_SESSIONS, 16);
	quota_release(two, QUOTA_SESSIONS, 1);
	quota_put(one);
	quota_put(two);
}
END_TEST

START_TEST(test_a_refused_charge_takes_nothing)
{
	struct quota_user *user = quota_get(7, limits);

	ck_assert_int_eq(quota_charge(user, QUOTA_COMMANDS, 999), 0);
	ck_assert_int_eq(quota_charge(user, QUOTA_COMMANDS, 2), -EDQUOT);
	ck_assert_int_eq(quota_charge(user, QUOTA_COMMANDS, UINT64_MAX), -EDQUOT);
	ck_assert_uint_eq(quota_used(user, QUOTA_COMMANDS), 999);
	ck_assert_int_eq(quota_charge(user, QUOTA_COMMANDS, 1), 0);
	ck_assert_int_eq(quota_charge(user, QUOTA_QUEUES, 1), -EDQUOT);
	quota_release(user, QUOTA_COMMANDS, 1000);
	quota_put(user);
	quota_put(NULL);
}
END_TEST

/* An account lives as long as anybody refers to it, and forgets nothing until then. */
START_TEST(test_references)
{
	struct quota_user *user = quota_get(9, limits);

	ck_assert_ptr_eq(quota_ref(user), user);
	ck_assert_int_eq(quota_charge(user, QUOTA_SESSIONS, 3), 0);
	quota_put(user);
	ck_assert_ptr_eq(quota_get(9, limits), user);
	ck_assert_uint_eq(quota_used(user, QUOTA_SESSIONS), 3);
	quota_release(user, QUOTA_SESSIONS, 3);
	quota_put(user);
	quota_put(user);
	user = quota_get(9, limits);
	ck_assert_uint_eq(quota_used(user, QUOTA_SESSIONS), 0);
	quota_put(user);
}
END_TEST

START_TEST(test_giving_back_too_much_is_seen)
{
	quota_release(quota_get(3, limits), QUOTA_COMMANDS, 1);
}
END_TEST

START_TEST(test_names)
{
	for (int i = 0; i < QUOTA_KINDS; i++) {
		ck_assert_ptr_nonnull(quota_name(i));
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(quota_name(i), quota_name(j));
	}
}
END_TEST

UNIT_MAIN("quota", tcase_add_test(tc, test_against_model);
	  tcase_add_test(tc, test_users_are_apart);
	  tcase_add_test(tc, test_a_refused_charge_takes_nothing);
	  tcase_add_test(tc, test_references);
	  tcase_add_test_raise_signal(tc, test_giving_back_too_much_is_seen, SIGABRT);
	  tcase_add_test(tc, test_names))
