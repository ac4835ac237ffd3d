/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The skip list against a plain array as the reference. */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "support/skiplist.h"

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* The reference: which interval each of a thousand numbers is in. 0: none. */
#define NUMBERS 1000

static uint64_t owner[NUMBERS];
static uint64_t first[100000], last[100000];

static bool reference_free(uint64_t a, uint64_t b)
{
	for (uint64_t i = a; i <= b; i++) {
		if (owner[i])
			return false;
	}
	return true;
}

static void check_all(struct skiplist *list)
{
	struct skiplist_node *node = skiplist_first(list);
	size_t count = 0;

	for (uint64_t i = 0; i < NUMBERS; i++) {
		struct skiplist_node *found = skiplist_find(list, i);

		if (!owner[i]) {
			ck_assert_ptr_null(found);
			continue;
		}
		ck_assert_ptr_nonnull(found);
		ck_assert_uint_eq((uintptr_t)found->value, owner[i]);
		if (!i || owner[i - 1] != owner[i]) {
			count++;
			ck_assert_ptr_eq(node, found);
			ck_assert_uint_eq(node->start, i);
			ck_assert_uint_eq(node->last, last[owner[i]]);
			node = skiplist_next(node);
		}
	}
	ck_assert_ptr_null(node);
	ck_assert_uint_eq(list->count, count);
}

START_TEST(test_random)
{
	struct skiplist list;
	uint64_t id = 0;

	skiplist_init(&list);
	for (int step = 0; step < 20000; step++) {
		uint64_t a = rnd(NUMBERS), b = a + rnd(step % 100 < 90 ? 8 : 200);

		if (b >= NUMBERS)
			b = NUMBERS - 1;
		switch (rnd(5)) {
		case 0:
		case 1: {
			bool fits = reference_free(a, b);

			id++;
			ck_assert_int_eq(skiplist_insert(&list, a, b, (void *)(uintptr_t)id),
					 fits ? 0 : -1);
			if (!fits) {
				ck_assert_int_eq(errno, EEXIST);
				break;
			}
			first[id] = a;
			last[id] = b;
			for (uint64_t i = a; i <= b; i++)
				owner[i] = id;
			break;
		}
		case 2:
		case 3: {
			uint64_t gone = owner[a] && first[owner[a]] == a ? owner[a] : 0;

			ck_assert_uint_eq((uintptr_t)skiplist_remove(&list, a), gone);
			for (uint64_t i = a; gone && i <= last[gone]; i++)
				owner[i] = 0;
			break;
		}
		default: {
			struct skiplist_node *node = skiplist_overlap(&list, a, b);
			uint64_t i = a;

			while (i <= b && !owner[i])
				i++;
			if (i > b) {
				ck_assert_ptr_null(node);
			} else {
				ck_assert_ptr_nonnull(node);
				ck_assert_uint_eq((uintptr_t)node->value, owner[i]);
			}
		}
		}
		if (step % 500 == 0)
			check_all(&list);
	}
	check_all(&list);
	skiplist_clear(&list);
	ck_assert_uint_eq(list.count, 0);
	ck_assert_ptr_null(skiplist_find(&list, 1));
}
END_TEST

START_TEST(test_ends)
{
	struct skiplist list;
	int v;

	skiplist_init(&list);
	ck_assert_ptr_null(skiplist_find(&list, 0));
	ck_assert_ptr_null(skiplist_remove(&list, 0));
	ck_assert_ptr_null(skiplist_overlap(&list, 0, UINT64_MAX));
	ck_assert_int_eq(skiplist_insert(&list, 2, 1, &v), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(skiplist_insert(&list, 0, 0, &v), 0);
	ck_assert_int_eq(skiplist_insert(&list, UINT64_MAX, UINT64_MAX, &v), 0);
	ck_assert_int_eq(skiplist_insert(&list, 1, UINT64_MAX - 1, &v), 0);
	ck_assert_uint_eq(skiplist_find(&list, UINT64_MAX)->start, UINT64_MAX);
	ck_assert_uint_eq(skiplist_find(&list, UINT64_MAX - 1)->start, 1);
	ck_assert_uint_eq(skiplist_overlap(&list, 0, UINT64_MAX)->start, 0);
	skiplist_clear(&list);
}
END_TEST

/* A million intervals, put in in no order: few comparisons for a find, hit or miss. */
START_TEST(test_million)
{
	const uint64_t n = 1000000, odd = 0x9e3779b1;
	struct skiplist list;
	uint64_t wrong = 0;

	skiplist_init(&list);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t k = i * odd % n;

		wrong += skiplist_insert(&list, k * 16, k * 16 + 7, &list) != 0;
	}
	ck_assert_uint_eq(list.count, n);
	list.compares = 0;
	for (uint64_t i = 0; i < n; i++)
		wrong += !skiplist_find(&list, rnd(n) * 16 + rnd(8));
	printf("# %.1f comparisons a hit\n", (double)list.compares / (double)n);
	ck_assert_uint_le(list.compares, 32 * n);
	list.compares = 0;
	for (uint64_t i = 0; i < n; i++)
		wrong += skiplist_find(&list, rnd(n) * 16 + 8 + rnd(8)) != NULL;
	printf("# %.1f comparisons a miss\n", (double)list.compares / (double)n);
	fflush(stdout);
	ck_assert_uint_le(list.compares, 32 * n);
	for (uint64_t i = 0; i < n; i++)
		wrong += skiplist_remove(&list, i * odd % n * 16) != &list;
	ck_assert_uint_eq(list.count, 0);
	ck_assert_int_eq(list.levels, 0);
	/* One check for all: a million of them would take minutes. */
	ck_assert_uint_eq(wrong, 0);
	skiplist_clear(&list);
}
END_TEST

UNIT_MAIN("skiplist", tcase_add_test(tc, test_random); tcase_add_test(tc, test_ends);
	  tcase_add_test(tc, test_million))
