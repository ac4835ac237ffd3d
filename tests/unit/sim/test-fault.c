/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsing faults, and when they hit. */
#include "config.h"

#include "unit.h"

#include "fault.h"

#include <errno.h>
#include <string.h>

static char why[128];

static int parse(struct fault *f, const char *text)
{
	static char line[256];
	char *words[12], *save = NULL;
	unsigned int n = 0;

	strcpy(line, text);
	for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	why[0] = 0;
	return fault_parse(f, words, n, why, sizeof(why));
}

START_TEST(test_good)
{
	struct fault f;

	ck_assert_int_eq(parse(&f, "status admin 0x06 3 1 0x0C dnr"), 0);
	ck_assert_int_eq(f.kind, FAULT_STATUS);
	ck_assert(!f.io && !f.every);
	ck_assert_uint_eq(f.opcode, 6);
	ck_assert_uint_eq(f.left, 3);
	ck_assert_uint_eq(f.status, 0x410c);
	ck_assert_int_eq(parse(&f, "status io 017 0 7 255"), 0);
	ck_assert(f.io && f.every);
	ck_assert_uint_eq(f.opcode, 15);
	ck_assert_uint_eq(f.status, 0x7ff);
	ck_assert_int_eq(parse(&f, "delay io 2 1 0"), 0);
	ck_assert_int_eq(f.kind, FAULT_DELAY);
	ck_assert_int_eq(parse(&f, "drop io 2 1"), 0);
	ck_assert(!f.stuck);
	ck_assert_int_eq(parse(&f, "drop io 2 1 stuck"), 0);
	ck_assert(f.stuck);
}
END_TEST

START_TEST(test_bad)
{
	static const char *const bad[] = {
		"",
		"stat io 1 1 1",
		"status",
		"status io",
		"status io 2",
		"status io 2 1",
		"status io 2 1 1",
		"status io 2 1 8 1",
		"status io 2 1 1 256",
		"status io 2 1 1 1 no",
		"status io 2 1 1 1 dnr dnr",
		"status both 2 1 1 1",
		"status io 256 1 1 1",
		"status io -1 1 1 1",
		"status io 0x 1 1 1",
		"status io 2 4294967296 1 1",
		"delay io 2 1",
		"delay io 2 1 1s",
		"delay io 2 1 86400001",
		"delay io 2 1 5 5",
		"drop io 2 1 dnr",
		"drop io 2 1 stuck stuck",
		"drop io 99999999999999999999 1",
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fault f;

		ck_assert_msg(parse(&f, bad[i]) == -EINVAL, "%s", bad[i]);
		ck_assert_msg(why[0] != 0, "%s", bad[i]);
	}
}
END_TEST

static void add(struct faults *fs, const char *text)
{
	struct fault f;

	ck_assert_int_eq(parse(&f, text), 0);
	ck_assert_int_eq(fault_add(fs, &f), 0);
}

START_TEST(test_when)
{
	struct faults fs = {0};
	struct fault f;

	add(&fs, "status io 2 2 0 6");
	add(&fs, "drop io 2 3");
	add(&fs, "delay admin 2 0 9");
	ck_assert_int_eq(fault_before(&fs, true, 2, &f), FAULT_NONE);
	ck_assert_int_eq(fault_after(&fs, true, 2, &f), FAULT_NONE);
	ck_assert_int_eq(fault_before(&fs, true, 1, &f), FAULT_NONE);
	ck_assert_int_eq(fault_before(&fs, true, 2, &f), FAULT_STATUS);
	ck_assert_uint_eq(f.status, 6);
	ck_assert_int_eq(fault_after(&fs, true, 2, &f), FAULT_NONE);
	ck_assert_int_eq(fault_before(&fs, true, 2, &f), FAULT_NONE);
	ck_assert_int_eq(fault_after(&fs, true, 2, &f), FAULT_DROP);
	ck_assert_int_eq(fault_after(&fs, true, 2, &f), FAULT_NONE);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(fault_before(&fs, false, 2, &f), FAULT_DELAY);
	ck_assert_uint_eq(fs.n, 1);
	ck_assert_uint_eq(fs.hits, 12);
	fault_clear(&fs);
	ck_assert_int_eq(fault_before(&fs, false, 2, &f), FAULT_NONE);
}
END_TEST

/* Two rules for one opcode: each counts every command, and the earlier one wins a draw. */
START_TEST(test_two_rules)
{
	struct faults fs = {0};
	struct fault f;

	add(&fs, "status io 1 1 0 1");
	add(&fs, "status io 1 2 0 2");
	add(&fs, "status io 1 1 0 3");
	ck_assert_int_eq(fault_before(&fs, true, 1, &f), FAULT_STATUS);
	ck_assert_uint_eq(f.status, 1);
	ck_assert_int_eq(fault_before(&fs, true, 1, &f), FAULT_STATUS);
	ck_assert_uint_eq(f.status, 2);
	ck_assert_int_eq(fault_before(&fs, true, 1, &f), FAULT_STATUS);
	ck_assert_uint_eq(f.status, 3);
	ck_assert_int_eq(fault_before(&fs, true, 1, &f), FAULT_NONE);
}
END_TEST

START_TEST(test_full)
{
	struct faults fs = {0};
	struct fault f;

	ck_assert_int_eq(parse(&f, "drop io 1 1"), 0);
	for (int i = 0; i < FAULT_MAX; i++)
		ck_assert_int_eq(fault_add(&fs, &f), 0);
	ck_assert_int_eq(fault_add(&fs, &f), -ENOSPC);
}
END_TEST

UNIT_MAIN("sim-fault", {
	tcase_add_test(tc, test_good);
	tcase_add_test(tc, test_bad);
	tcase_add_test(tc, test_when);
	tcase_add_test(tc, test_two_rules);
	tcase_add_test(tc, test_full);
})
