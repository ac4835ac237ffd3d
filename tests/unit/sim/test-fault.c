/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsing faults, and when they hit. */
#include "config.h"

#include "unit.h"

#include "fault.h"

#include <errno.h>
#include <string.h>

static char why[160];

static int parse(struct fault *f, const char *text)
{
	static char line[256];
	char *words[16], *save = NULL;
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
	ck_assert(!f.io);
	ck_assert_uint_eq(f.times, 1);
	ck_assert_uint_eq(f.opcode, 6);
	ck_assert_uint_eq(f.left, 3);
	ck_assert_uint_eq(f.status, 0x410c);
	ck_assert_int_eq(parse(&f, "status io 017 0 7 255"), 0);
	ck_assert(f.io);
	ck_assert_uint_eq(f.times, 0);
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
		"twice io 2 1 1",
		"cfs io 2",
		"ones",
		"link up io 1",
		"cid io 2 1 65536",
		"cid io 2 1 1 1",
		"corrupt io 2 1 x",
		"event io 2 1 8 0 0",
		"event io 2 1 0 256 0",
		"event io 2 1 0 0",
		"drop io every 1",
		"drop io 2 1 nsid=0",
		"drop io 2 1 nsid=x",
		"drop io 2 1 lba=5-4",
		"drop io 2 1 lba=",
		"drop io 2 1 lba=1-",
		"drop io 2 1 lba=111111111111111111111111111111",
		"drop io 2 1 times=0",
		"drop io 2 1 chance=0",
		"drop io 2 1 chance=1.1",
		"drop io 2 1 chance=nan",
		"drop io 2 1 chance=-1",
		"drop io 2 1 seed=x",
		"drop io 2 1 size=4",
		"nsid=1 io 2 1",
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fault f;

		ck_assert_msg(parse(&f, bad[i]) == -EINVAL, "%s", bad[i]);
		ck_assert_msg(why[0] != 0, "%s", bad[i]);
	}
}
END_TEST

/* Options may be anywhere; what is printed can be parsed again, and says the same. */
START_TEST(test_options)
{
	static const char *const good[] = {
		"status io 2 1 2 129 dnr nsid=3 lba=10-19 times=4",
		"delay admin any 7 1500",
		"drop io 2 0 stuck chance=0.25 seed=77",
		"twice io any 1",
		"cid io 1 1 17",
		"cid io 1 1",
		"corrupt io 2 3 511 times=2",
		"event admin 6 1 2 0 4",
		"cfs io 2 5",
		"ones admin 9 1",
		"link io any 1 nsid=1",
	};

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char line[256];
		struct fault f;

		ck_assert_msg(parse(&f, good[i]) == 0, "%s: %s", good[i], why);
		fault_print(&f, line, sizeof(line));
		ck_assert_str_eq(line, good[i]);
	}
	{
		struct fault f;

		ck_assert_int_eq(parse(&f, "status lba=5 io nsid=2 1 2 2 times=3 0x81"), 0);
		ck_assert_uint_eq(f.status, 0x281);
		ck_assert_uint_eq(f.nsid, 2);
		ck_assert_uint_eq(f.first, 5);
		ck_assert_uint_eq(f.last, 5);
		ck_assert_uint_eq(f.times, 3);
		ck_assert_uint_eq(f.left, 2);
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
	ck_assert_int_eq(fault_before(&fs, &(struct fault_cmd){.io = true, .opcode = 2}, &f),
			 FAULT_NONE);
	ck_assert_int_eq(fault_after(&fs, &(struct fault_cmd){.io = true, .opcode = 2}, &f),
			 FAULT_NONE);
	ck_assert_int_eq(fault_before(&fs, &(struct fault_cmd){.io = true, .opcode = 1}, &f),
			 FAULT_NONE);
	ck_assert_int_eq(fault_before(&fs, &(struct fault_cmd){.io = true, .opcode = 2}, &f),
			 FAULT_STATUS);
	ck_assert_uint_eq(f.status, 6);
	ck_assert_int_eq(fault_after(&fs, &(struct fault_cmd){.io = true, .opcode = 2}, &f),
			 FAULT_NONE);
	ck_assert_int_eq(fault_before(&fs, &(struct fault_cmd){.io = true, .opcode = 2}, &f),
			 FAULT_NONE);
	ck_assert_int_eq(fault_after(&fs, &(struct fault_cmd){.io = true, .opcode = 2}, &f),
			 FAULT_DROP);
	ck_assert_int_eq(fault_after(&fs, &(struct fault_cmd){.io = true, .opcode = 2}, &f),
			 FAULT_NONE);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(
			fault_before(&fs, &(struct fault_cmd){.io = false, .opcode = 2}, &f),
			FAULT_DELAY);
	ck_assert_uint_eq(fs.n, 1);
	ck_assert_uint_eq(fs.hits, 12);
	fault_clear(&fs);
	ck_assert_int_eq(fault_before(&fs, &(struct fault_cmd){.io = false, .opcode = 2}, &f),
			 FAULT_NONE);
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
	ck_assert_int_eq(fault_before(&fs, &(struct fault_cmd){.io = true, .opcode = 1}, &f),
			 FAULT_STATUS);
	ck_assert_uint_eq(f.status, 1);
	ck_assert_int_eq(fault_before(&fs, &(struct fault_cmd){.io = true, .opcode = 1}, &f),
			 FAULT_STATUS);
	ck_assert_uint_eq(f.status, 2);
	ck_assert_int_eq(fault_before(&fs, &(struct fault_cmd){.io = true, .opcode = 1}, &f),
			 FAULT_STATUS);
	ck_assert_uint_eq(f.status, 3);
	ck_assert_int_eq(fault_before(&fs, &(struct fault_cmd){.io = true, .opcode = 1}, &f),
			 FAULT_NONE);
}
END_TEST

static bool hits(struct faults *fs, uint8_t opcode, uint32_t nsid, uint64_t slba, uint32_t blocks)
{
	struct fault_cmd cmd = {true, opcode, nsid, slba, blocks};
	struct fault f;

	return fault_before(fs, &cmd, &f) != FAULT_NONE;
}

START_TEST(test_where)
{
	struct faults fs = {0};

	add(&fs, "status io any 0 0 6 nsid=2 lba=100-109");
	ck_assert(!hits(&fs, 2, 1, 100, 1));
	ck_assert(!hits(&fs, 2, 2, 99, 1));
	ck_assert(hits(&fs, 2, 2, 99, 2));
	ck_assert(hits(&fs, 1, 2, 109, 1));
	ck_assert(hits(&fs, 1, 2, 0, 65536));
	ck_assert(!hits(&fs, 2, 2, 110, 1));
	ck_assert(!hits(&fs, 0, 2, 100, 0)); /* touches no blocks */
	fault_clear(&fs);
	add(&fs, "status io 2 0 0 6 lba=0-0xffffffffffffffff");
	ck_assert(hits(&fs, 2, 1, UINT64_MAX, 1));
	ck_assert(!hits(&fs, 1, 1, 0, 1));
}
END_TEST

START_TEST(test_times)
{
	struct faults fs = {0};
	unsigned int n = 0;

	add(&fs, "status io 2 3 0 6 times=2");
	for (unsigned int i = 1; i <= 10; i++)
		ck_assert_int_eq(hits(&fs, 2, 1, 0, 1), i == 3 || i == 4);
	ck_assert_uint_eq(fs.n, 0);
	add(&fs, "status io 2 0 0 6 times=5");
	for (unsigned int i = 0; i < 10; i++)
		n += hits(&fs, 2, 1, 0, 1);
	ck_assert_uint_eq(n, 5);
	/* By its number one can be taken out. */
	add(&fs, "status io 2 0 0 6");
	add(&fs, "status io 3 0 0 6");
	ck_assert_int_eq(fault_remove(&fs, 3), 0);
	ck_assert_int_eq(fault_remove(&fs, 3), -ENOENT);
	ck_assert(!hits(&fs, 2, 1, 0, 1));
	ck_assert(hits(&fs, 3, 1, 0, 1));
	ck_assert_uint_eq(fs.list[0].hits, 1);
}
END_TEST

/* The same seed has the same faults, another one has others; about as many as were asked for. */
START_TEST(test_chance)
{
	struct faults a = {0}, b = {0}, d = {0};
	unsigned int n = 0, other = 0;

	add(&a, "status io 2 0 0 6 chance=0.25 seed=5");
	add(&b, "status io 2 0 0 6 chance=0.25 seed=5");
	add(&d, "status io 2 0 0 6 chance=0.25 seed=6");
	for (unsigned int i = 0; i < 4000; i++) {
		bool hit = hits(&a, 2, 1, 0, 1);

		ck_assert_int_eq(hits(&b, 2, 1, 0, 1), hit);
		other += hits(&d, 2, 1, 0, 1) != hit;
		n += hit;
	}
	ck_assert_uint_ge(n, 900);
	ck_assert_uint_le(n, 1100);
	ck_assert_uint_ge(other, 1000);
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
	tcase_add_test(tc, test_options);
	tcase_add_test(tc, test_when);
	tcase_add_test(tc, test_where);
	tcase_add_test(tc, test_times);
	tcase_add_test(tc, test_chance);
	tcase_add_test(tc, test_two_rules);
	tcase_add_test(tc, test_full);
})
