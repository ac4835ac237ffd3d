/* SPDX-License-Identifier: GPL-2.0-or-later */
/* End-to-end protection: what is made, transferred, checked and refused, in each type and place. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define DNR   0x4000
#define FIELD (DNR | 2)

#define GUARD	0x282
#define APP	0x283
#define REF	0x284
#define INVALID (DNR | 0x181)

#define PRACT	  (1u << 29)
#define CHK_GUARD (1u << 28)
#define CHK_APP	  (1u << 27)
#define CHK_REF	  (1u << 26)

#define BLOCKS 3
#define SLBA   5

static struct srv srv;
static struct cl c;
static uint8_t *data, *meta;
static unsigned int size, extra; /* of a block, its metadata */
static bool extended;

static void setup(void)
{
	static const char *const args[] = {"--ns", "1M", NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	cl_pair(&c, 1, 16, -1);
	data = cl_alloc(&c, 16384);
	meta = cl_alloc(&c, 4096);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static uint16_t format(uint32_t lbaf, uint32_t ext, uint32_t pi, uint32_t first)
{
	struct tsqe e = {.opcode = 0x80, .nsid = 1};

	size = lbaf < 4 ? 512 : 4096;
	extra = ((const unsigned int[]){0, 8, 16, 64})[lbaf % 4];
	extended = ext;
	e.cdw10 = lbaf | ext << 4 | pi << 5 | first << 8;
	return cl_exec(&c, 0, e, NULL);
}

static uint16_t io(uint8_t op, uint32_t dw12, uint32_t ref, uint16_t app, uint16_t mask)
{
	uint64_t *list = (uint64_t *)(meta + 2048);
	struct tsqe e = {.opcode = op, .nsid = 1, .cdw10 = SLBA, .mptr = cl_iova(&c, meta)};

	for (unsigned int i = 0; i < 3; i++)
		list[i] = cl_iova(&c, data) + (i + 1) * 4096;
	e.prp1 = cl_iova(&c, data);
	e.prp2 = (size + extra) * BLOCKS > 8192 ? cl_iova(&c, list) : list[0];
	e.cdw12 = dw12 | (BLOCKS - 1);
	e.cdw14 = ref;
	e.cdw15 = (uint32_t)mask << 16 | app;
	return cl_exec(&c, 1, e, NULL);
}

/* Data of block `i` and its metadata, where a command without PRACT has them. */
static uint8_t *block_data(unsigned int i)
{
	return data + i * (size + (extended ? extra : 0));
}

static uint8_t *block_meta(unsigned int i)
{
	return extended ? block_data(i) + size : meta + i * extra;
}

/* CRC-16 of T10 bit by bit, over data and what precedes the PI. */
static uint16_t guard(unsigned int i, bool first)
{
	unsigned int n = size + (first ? 0 : extra - 8);
	uint16_t crc = 0;

	for (unsigned int k = 0; k < n; k++) {
		crc ^= (k < size ? block_data(i)[k] : block_meta(i)[k - size]) << 8;
		for (unsigned int b = 0; b < 8; b++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x8bb7 : crc << 1;
	}
	return crc;
}

static void put_pi(unsigned int i, bool first, uint16_t app, uint32_t ref)
{
	uint8_t *pi = block_meta(i) + (first ? 0 : extra - 8);
	uint16_t g = guard(i, first);

	pi[0] = g >> 8;
	pi[1] = g;
	pi[2] = app >> 8;
	pi[3] = app;
	for (unsigned int k = 0; k < 4; k++)
		pi[4 + k] = ref >> (24 - 8 * k);
}

static void check_pi(unsigned int i, bool first, uint16_t app, uint32_t ref)
{
	uint8_t *pi = block_meta(i) + (first ? 0 : extra - 8), have[8];

	memcpy(have, pi, 8);
	put_pi(i, first, app, ref);
	ck_assert_msg(!memcmp(have, pi, 8), "block %u: %02x%02x %02x%02x %02x%02x%02x%02x", i,
		      have[0], have[1], have[2], have[3], have[4], have[5], have[6], have[7]);
}

static void fill(void)
{
	for (unsigned int i = 0; i < 16384; i++)
		data[i] = i * 7 + (i >> 8);
	for (unsigned int i = 0; i < 2048; i++)
		meta[i] = 0xc0 | i;
}

static const struct {
	uint32_t lbaf, extended, type, first;
} ways[] = {
	{1, 0, 1, 0}, {1, 1, 1, 0}, {1, 0, 2, 0}, {1, 0, 3, 0}, {2, 0, 1, 0}, {2, 0, 1, 1},
	{2, 1, 2, 1}, {3, 1, 1, 0}, {5, 0, 1, 0}, {5, 1, 2, 0}, {6, 0, 3, 1}, {7, 1, 1, 0},
};

/* Made by the controller, read back in both ways. */
START_TEST(test_made)
{
	uint32_t type = ways[_i].type, all = CHK_GUARD | CHK_APP | (type == 3 ? 0 : CHK_REF);
	bool first = ways[_i].first;

	ck_assert_uint_eq(format(ways[_i].lbaf, ways[_i].extended, type, first), 0);
	/* Never written: all ones, and not checked. */
	ck_assert_uint_eq(io(2, all, SLBA, 0, 0xffff), 0);
	for (unsigned int i = 0; i < 8; i++)
		ck_assert_uint_eq(block_meta(1)[(first ? 0 : extra - 8) + i], 0xff);
	fill();
	ck_assert_uint_eq(io(1, PRACT | all, SLBA, 0x1234, 0), 0);
	memset(data, 0, 16384);
	memset(meta, 0x11, 2048);
	ck_assert_uint_eq(io(2, all, SLBA, 0x1234, 0xffff), 0);
	for (unsigned int i = 0; i < BLOCKS; i++)
		check_pi(i, first, 0x1234, type == 3 ? SLBA : SLBA + i);
	/* The other metadata is the host's. */
	if (extra > 8 && !extended)
		ck_assert_uint_eq(block_meta(0)[first ? 8 : 0], 0xc0 | (first ? 8 : 0));
	ck_assert_uint_eq(io(2, all, SLBA, 0x1235, 0xffff), APP);
	ck_assert_uint_eq(io(2, all, SLBA, 0x5634, 0x00ff), 0); /* what the mask leaves */
	if (type == 1)
		ck_assert_uint_eq(io(2, all, SLBA + 1, 0x1234, 0xffff), INVALID);
	if (type == 2)
		ck_assert_uint_eq(io(2, all, SLBA + 1, 0x1234, 0xffff), REF);
	if (type == 3)
		ck_assert_uint_eq(io(2, CHK_REF, SLBA, 0x1234, 0xffff), INVALID);
	/* Taken away: of eight bytes nothing is transferred. */
	if (extra == 8) {
		uint8_t want[512];

		memcpy(want, block_data(1), 512);
		memset(data, 0xee, 16384);
		memset(meta, 0xee, 2048);
		ck_assert_uint_eq(io(2, PRACT | all, SLBA, 0x1234, 0xffff), 0);
		ck_assert_int_eq(memcmp(data + size, want, 512), 0);
		ck_assert_uint_eq(data[size * BLOCKS], 0xee);
		ck_assert_uint_eq(meta[0], 0xee);
		ck_assert_uint_eq(io(2, PRACT | CHK_APP, SLBA, 0x1235, 0xffff), APP);
	}
	ck_assert_uint_eq(io(0xc, all, SLBA, 0x1234, 0xffff), 0);
	ck_assert_uint_eq(io(0xc, all, SLBA, 0x1235, 0xffff), APP);
	ck_assert_uint_eq(io(0xc, PRACT, SLBA, 0, 0), INVALID);
}
END_TEST

/* Made by the host, checked on its way in, and again when it is read. */
START_TEST(test_brought)
{
	uint32_t type = ways[_i].type, all = CHK_GUARD | CHK_APP | (type == 3 ? 0 : CHK_REF);
	bool first = ways[_i].first;

	ck_assert_uint_eq(format(ways[_i].lbaf, ways[_i].extended, type, first), 0);
	fill();
	for (unsigned int i = 0; i < BLOCKS; i++)
		put_pi(i, first, 0xabcd, SLBA + (type == 3 ? 0 : i));
	ck_assert_uint_eq(io(1, all, SLBA, 0xabcd, 0xffff), 0);
	ck_assert_uint_eq(io(5, all, SLBA, 0xabcd, 0xffff), 0);
	block_data(2)[100] ^= 1;
	ck_assert_uint_eq(io(5, 0, SLBA, 0, 0), DNR | 0x285);
	ck_assert_uint_eq(io(5, all, SLBA, 0xabcd, 0xffff), GUARD);
	ck_assert_uint_eq(io(5, PRACT, SLBA, 0, 0), INVALID);
	/* Refused as a whole: the block before the bad one is as it was. */
	block_data(0)[0] ^= 1;
	put_pi(0, first, 0xabcd, SLBA);
	ck_assert_uint_eq(io(1, all, SLBA, 0xabcd, 0xffff), GUARD);
	block_data(0)[0] ^= 1;
	put_pi(0, first, 0xabcd, SLBA);
	block_data(2)[100] ^= 1;
	ck_assert_uint_eq(io(5, all, SLBA, 0xabcd, 0xffff), 0);
	ck_assert_uint_eq(io(1, all, SLBA, 0xabce, 0xffff), APP);
	put_pi(1, first, 0xabcd, SLBA + 7);
	if (type != 3)
		ck_assert_uint_eq(io(1, all, SLBA, 0xabcd, 0xffff), REF);
	/* Unchecked it is taken as it is, and found by a read that checks. */
	block_data(1)[1] ^= 1;
	ck_assert_uint_eq(io(1, 0, SLBA, 0, 0), 0);
	ck_assert_uint_eq(io(2, CHK_GUARD, SLBA, 0, 0), GUARD);
	ck_assert_uint_eq(io(2, 0, SLBA, 0, 0), 0);
	/* Where the application tag says so nothing is checked. */
	for (unsigned int i = 0; i < BLOCKS; i++)
		memset(block_meta(i) + (first ? 0 : extra - 8), 0xff, 8);
	ck_assert_uint_eq(io(1, all, SLBA, 0xabcd, 0xffff), 0);
	ck_assert_uint_eq(io(2, all, SLBA, 0xabcd, 0xffff), 0);
}
END_TEST

START_TEST(test_zeroes)
{
	struct tsqe dsm = {.opcode = 9, .nsid = 1, .cdw11 = 4, .prp1 = cl_iova(&c, data)};
	uint32_t all = CHK_GUARD | CHK_APP | CHK_REF;

	ck_assert_uint_eq(format(2, _i, 1, 0), 0);
	fill();
	ck_assert_uint_eq(io(1, PRACT, SLBA, 1, 0), 0);
	ck_assert_uint_eq(io(8, all, SLBA, 2, 0), INVALID);
	ck_assert_uint_eq(io(8, PRACT, SLBA, 2, 0), 0);
	ck_assert_uint_eq(io(2, all, SLBA, 2, 0xffff), 0);
	for (unsigned int i = 0; i < BLOCKS; i++) {
		ck_assert_uint_eq(block_data(i)[511], 0);
		check_pi(i, false, 2, SLBA + i);
	}
	ck_assert_uint_eq(io(8, 0, SLBA, 0, 0), 0);
	ck_assert_uint_eq(io(2, 0, SLBA, 0, 0), 0);
	for (unsigned int i = 0; i < 16; i++)
		ck_assert_uint_eq(block_meta(0)[i], 0);
	ck_assert_uint_eq(io(2, CHK_REF, SLBA, 0, 0), REF);
	/* Deallocated, nothing is checked any more. */
	((uint32_t *)data)[0] = 0;
	((uint32_t *)data)[1] = BLOCKS;
	((uint64_t *)data)[1] = SLBA;
	ck_assert_uint_eq(cl_exec(&c, 1, dsm, NULL), 0);
	ck_assert_uint_eq(io(2, all, SLBA, 0, 0xffff), 0);
	ck_assert_uint_eq(block_meta(0)[15], 0xff);
	ck_assert_uint_eq(io(8, PRACT, SLBA, 2, 0), 0);
	ck_assert_uint_eq(io(8, 1u << 25, SLBA, 0, 0), 0); /* deallocates, too */
	ck_assert_uint_eq(io(2, all, SLBA, 0, 0xffff), 0);
	ck_assert_uint_eq(block_meta(2)[15], 0xff);
}
END_TEST

/* What went wrong on its way to the medium is found by the guard. */
START_TEST(test_corruption_is_found)
{
	ck_assert_uint_eq(format(1, 0, 1, 0), 0);
	fill();
	srv_ok(&srv, "corrupt io 1 1 513");
	ck_assert_uint_eq(io(1, PRACT, SLBA, 0, 0), 0);
	ck_assert_uint_eq(io(2, 0, SLBA, 0, 0), 0);
	ck_assert_uint_eq(io(2, CHK_GUARD, SLBA, 0, 0), GUARD);
	ck_assert_uint_eq(io(2, PRACT | CHK_GUARD, SLBA, 0, 0), GUARD);
	ck_assert_uint_eq(io(0xc, CHK_GUARD, SLBA, 0, 0), GUARD);
}
END_TEST

START_TEST(test_told)
{
	struct tsqe e = {.opcode = 6, .nsid = 1, .prp1 = cl_iova(&c, data)};

	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_uint_eq(data[28], 0x1f); /* DPC */
	ck_assert_uint_eq(data[29], 0);	   /* DPS */
	ck_assert_uint_eq(format(6, 0, 2, 1), 0);
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_uint_eq(data[26], 6);
	ck_assert_uint_eq(data[29], 0xa);
	ck_assert_uint_eq(format(0, 0, 1, 0), DNR | 0x10a);
	ck_assert_uint_eq(format(4, 1, 3, 0), DNR | 0x10a);
	ck_assert_uint_eq(format(1, 0, 4, 0), FIELD);
}
END_TEST

START_TEST(test_options)
{
	static const char *const args[] = {"--ns", "1M",      "--metadata", "8,extended",
					   "--pi", "2,first", NULL};
	static const char *const bad[] = {
		"--pi 0 --metadata 8", "--pi 4 --metadata 8",	   "--pi 1",
		"--pi 1 --metadata 7", "--pi 1,last --metadata 8", "--pi 1 --metadata 8 --null"};
	struct tsqe e = {.opcode = 6, .nsid = 1};
	const char *build = getenv("top_builddir");
	char line[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line),
			 "%s/tests/sim/vfnd-sim --socket /nowhere/s --ns 1M %s 2>/dev/null",
			 build ? build : ".", bad[i]);
		ck_assert_msg(WEXITSTATUS(system(line)) == 64, "%s", bad[i]);
	}
	teardown();
	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	data = cl_alloc(&c, 16384);
	e.prp1 = cl_iova(&c, data);
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_uint_eq(data[26], 0x11);
	ck_assert_uint_eq(data[29], 0xa);
}
END_TEST

UNIT_MAIN("sim-pi", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_made, 0, sizeof(ways) / sizeof(ways[0]));
	tcase_add_loop_test(tc, test_brought, 0, sizeof(ways) / sizeof(ways[0]));
	tcase_add_loop_test(tc, test_zeroes, 0, 2);
	tcase_add_test(tc, test_corruption_is_found);
	tcase_add_test(tc, test_told);
	tcase_add_test(tc, test_options);
})
