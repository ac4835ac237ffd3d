/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands on blocks that transfer none, and what tells about commands: effects, lists, command
 * sets. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DNR   0x4000
#define FIELD (DNR | 2)
#define RANGE (DNR | 0x80)

#define WRITE	     1
#define READ	     2
#define WRITE_ZEROES 8
#define DSM	     9
#define VERIFY	     0xc

struct range {
	uint32_t attributes, blocks;
	uint64_t slba;
};

static struct srv srv;
static struct cl c;
static uint8_t *page, *data;
static char file[] = "/tmp/vfnd-sim-ns-XXXXXX";

static void setup(void)
{
	const char *args[] = {"--ns", "16M", "--ns", file, NULL};
	int fd;

	strcpy(file + sizeof(file) - 7, "XXXXXX");
	fd = mkstemp(file);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 8 << 20), 0);
	close(fd);
	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	cl_pair(&c, 1, 16, -1);
	page = cl_alloc(&c, 4096);
	data = cl_alloc(&c, 65536);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
	unlink(file);
}

/* One command on 128 blocks or fewer, whose data is `data`. */
static uint16_t io(uint8_t op, uint32_t nsid, uint64_t slba, uint32_t dw12)
{
	uint64_t *list = (uint64_t *)page;
	struct tsqe e = {.opcode = op, .nsid = nsid, .cdw10 = slba, .cdw11 = slba >> 32};

	for (unsigned int i = 0; i < 15; i++)
		list[i] = cl_iova(&c, data) + (i + 1) * 4096;
	e.prp1 = cl_iova(&c, data);
	e.prp2 = (dw12 & 0xffff) < 16 ? list[0] : cl_iova(&c, page);
	e.cdw12 = dw12;
	return cl_exec(&c, 1, e, NULL);
}

static uint16_t dsm(uint32_t nsid, uint32_t dw10, uint32_t dw11, uint64_t prp1)
{
	struct tsqe e = {.opcode = DSM, .nsid = nsid, .prp1 = prp1, .cdw10 = dw10, .cdw11 = dw11};

	return cl_exec(&c, 1, e, NULL);
}

static void fill(uint32_t nsid)
{
	for (unsigned int i = 0; i < 65536; i++)
		data[i] = 1 + i % 251;
	ck_assert_uint_eq(io(WRITE, nsid, 0, 127), 0);
}

/* All but blocks [from, to) of the 128 is as fill() has left it, and those are zeroes. */
static void check_zeroes(uint32_t nsid, unsigned int from, unsigned int to)
{
	memset(data, 0xee, 65536);
	ck_assert_uint_eq(io(READ, nsid, 0, 127), 0);
	for (unsigned int i = 0; i < 65536; i++) {
		bool zero = i / 512 >= from && i / 512 < to;

		ck_assert_msg(data[i] == (zero ? 0 : 1 + i % 251), "byte %u: %u", i, data[i]);
	}
}

START_TEST(test_dsm)
{
	struct range *r = (struct range *)page;
	uint32_t nsid = _i + 1;

	fill(nsid);
	/* Hints alone change nothing. */
	r[0] = (struct range){5, 128, 0};
	ck_assert_uint_eq(dsm(nsid, 0, 3, cl_iova(&c, r)), 0);
	check_zeroes(nsid, 0, 0);
	/* A bad range behind good ones: nothing is done. */
	r[0] = (struct range){0, 16, 0};
	r[1] = (struct range){0, 0, 5};
	r[2] = (struct range){0, 2, (nsid == 1 ? 16 << 11 : 8 << 11) - 1};
	ck_assert_uint_eq(dsm(nsid, 2, 4, cl_iova(&c, r)), RANGE);
	r[2].slba = UINT64_MAX;
	ck_assert_uint_eq(dsm(nsid, 2, 4, cl_iova(&c, r)), RANGE);
	check_zeroes(nsid, 0, 0);
	/* Parts of pages and whole ones; the third range is not counted. */
	r[0] = (struct range){0, 20, 3};
	r[1] = (struct range){0, 41, 23};
	r[2] = (struct range){0, 5, 100};
	ck_assert_uint_eq(dsm(nsid, 1, 4, cl_iova(&c, r)), 0);
	check_zeroes(nsid, 3, 64);
	r[0] = (struct range){0, 2, 64};
	ck_assert_uint_eq(dsm(nsid, 0, 4, cl_iova(&c, r)), 0);
	check_zeroes(nsid, 3, 66);
}
END_TEST

START_TEST(test_dsm_is_checked)
{
	ck_assert_uint_eq(dsm(0, 0, 4, cl_iova(&c, page)), DNR | 0xb);
	ck_assert_uint_eq(dsm(3, 0, 4, cl_iova(&c, page)), DNR | 0xb);
	ck_assert_uint_eq(dsm(UINT32_MAX, 0, 4, cl_iova(&c, page)), DNR | 0xb);
	ck_assert_uint_eq(dsm(1, 0, 4, 0x1000), DNR | 4);
	ck_assert_uint_eq(dsm(1, 0, 4, cl_iova(&c, page) + 1), DNR | 0x13);
	/* 256 ranges, the most there are */
	memset(page, 0, 4096);
	ck_assert_uint_eq(dsm(1, 255, 4, cl_iova(&c, page)), 0);
}
END_TEST

START_TEST(test_write_zeroes)
{
	const uint32_t deallocate = 1u << 25, fua = 1u << 30;
	uint32_t nsid = _i + 1;

	fill(nsid);
	ck_assert_uint_eq(io(WRITE_ZEROES, nsid, 1, 1), 0);
	check_zeroes(nsid, 1, 3);
	ck_assert_uint_eq(io(WRITE_ZEROES, nsid, 3, deallocate | 60), 0);
	check_zeroes(nsid, 1, 64);
	ck_assert_uint_eq(io(WRITE_ZEROES, nsid, 64, fua | 0), 0);
	check_zeroes(nsid, 1, 65);
	ck_assert_uint_eq(io(WRITE_ZEROES, nsid, (16 << 11) - 1, 1), RANGE);
	ck_assert_uint_eq(io(WRITE_ZEROES, 3, 0, 1), DNR | 0xb);
	/* No data is transferred, so the largest transfer does not count. */
	ck_assert_uint_eq(io(WRITE_ZEROES, nsid, 0, 8191), 0);
}
END_TEST

START_TEST(test_verify)
{
	ck_assert_uint_eq(io(VERIFY, 1, 0, 0xffff), RANGE);
	ck_assert_uint_eq(io(VERIFY, 1, 0, 32767), 0);
	ck_assert_uint_eq(io(VERIFY, 1, 1, 32767), RANGE);
	ck_assert_uint_eq(io(VERIFY, 2, 0, 16383), 0);
	ck_assert_uint_eq(io(VERIFY, 3, 0, 0), DNR | 0xb);
	/* The medium behind it has got shorter. */
	ck_assert_int_eq(truncate(file, 4 << 20), 0);
	ck_assert_uint_eq(io(VERIFY, 2, 0, 8191), 0);
	ck_assert_uint_eq(io(VERIFY, 2, 0, 8192), 0x281);
	ck_assert_uint_eq(io(READ, 2, 8192, 0), 0x281);
}
END_TEST

static uint16_t admin(uint8_t op, uint32_t nsid, uint32_t dw10, uint32_t dw11, uint32_t dw14)
{
	struct tsqe e = {.opcode = op, .nsid = nsid, .prp1 = cl_iova(&c, page), .cdw10 = dw10};

	e.cdw11 = dw11;
	e.cdw14 = dw14;
	memset(page, 0xee, 4096);
	return cl_exec(&c, 0, e, NULL);
}

static uint16_t get_log(uint8_t lid, uint32_t len)
{
	return admin(2, 0, (len / 4 - 1) << 16 | lid, 0, 0);
}

START_TEST(test_effects)
{
	uint32_t *dword = (uint32_t *)page;

	ck_assert_uint_eq(get_log(5, 4096), 0);
	ck_assert_uint_eq(dword[256 + READ], 1);
	ck_assert_uint_eq(dword[256 + VERIFY], 1);
	ck_assert_uint_eq(dword[256 + DSM], 3);
	ck_assert_uint_eq(dword[256 + 0x99], 0);
	ck_assert_uint_eq(dword[6], 1);
	/* What is said to be there is, and the rest is not. */
	for (unsigned int op = 0; op < 256; op++) {
		bool there;

		ck_assert_uint_eq(get_log(5, 4096), 0);
		there = dword[256 + op] & 1;
		ck_assert_msg((io(op, 1, 0, 0) == (DNR | 1)) != there, "opcode %x", op);
	}
	/* Of another command set than the NVM command set there is none. */
	ck_assert_uint_eq(admin(2, 0, 1023 << 16 | 5, 0, 2u << 24), FIELD);
}
END_TEST

START_TEST(test_supported_lists)
{
	uint32_t list[256], *dword = (uint32_t *)page;

	ck_assert_uint_eq(get_log(0, 1024), 0);
	memcpy(list, dword, sizeof(list));
	for (unsigned int lid = 0; lid < 256; lid++)
		ck_assert_msg((get_log(lid, 512) == (DNR | 0x109)) != (list[lid] & 1), "log %x",
			      lid);
	ck_assert_uint_eq(list[5], 1);
	ck_assert_uint_eq(get_log(0x12, 1024), 0);
	memcpy(list, dword, sizeof(list));
	for (unsigned int fid = 0; fid < 256; fid++)
		ck_assert_msg((admin(0xa, 1, fid, 0, 0) == FIELD) != (list[fid] & 1), "feature %x",
			      fid);
	ck_assert_uint_eq(list[7], 2u << 20 | 1); /* of the controller */
	ck_assert_uint_eq(list[5], 1u << 20 | 1); /* of a namespace */
}
END_TEST

START_TEST(test_command_sets)
{
	uint32_t *dword = (uint32_t *)page;

	ck_assert_uint_eq(cl_reg64(&c, 0) >> 37 & 0xff, 0x41);
	ck_assert_uint_eq(admin(6, 0, 0xffff001c, 0, 0), 0);
	ck_assert_uint_eq(dword[0], 1); /* one combination: the NVM command set */
	for (unsigned int i = 1; i < 1024; i++)
		ck_assert_uint_eq(dword[i], 0);
	ck_assert_uint_eq(admin(6, 0, 1 << 16 | 0x1c, 0, 0), 0);
	ck_assert_uint_eq(admin(6, 0, 7 << 16 | 0x1c, 0, 0), FIELD);
	ck_assert_uint_eq(admin(6, 1, 5, 0, 0), 0);
	ck_assert_uint_eq(dword[0], 0);
	ck_assert_uint_eq(admin(6, 1, 5, 2u << 24, 0), DNR | 0x12c);
	ck_assert_uint_eq(admin(6, 9, 5, 0, 0), DNR | 0xb);
	ck_assert_uint_eq(admin(6, 0, 6, 0, 0), 0);
	ck_assert_uint_eq(admin(6, 0, 6, 2u << 24, 0), DNR | 0x12c);
	ck_assert_uint_eq(admin(6, 0, 7, 0, 0), 0);
	ck_assert_uint_eq(dword[0], 1);
	ck_assert_uint_eq(dword[1], 2);
	ck_assert_uint_eq(dword[2], 0);
	ck_assert_uint_eq(admin(6, 0, 7, 2u << 24, 0), DNR | 0x12c);
	ck_assert_uint_eq(admin(6, 2, 8, 0, 0), 0);
	ck_assert_uint_eq(page[14], 1); /* ready */
	ck_assert_uint_eq(admin(6, 3, 8, 0, 0), DNR | 0xb);
	/* Which combination is in use. */
	ck_assert_uint_eq(admin(9, 0, 0x19, 0, 0), 0);
	ck_assert_uint_eq(admin(9, 0, 0x19, 1, 0), DNR | 0x12b);
	/* With all command sets enabled, and with one that is not there. */
	cl_set32(&c, 0x14, 0);
	cl_set32(&c, 0x14, 6 << 16 | 4 << 20 | 6 << 4 | 1);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1);
	cl_set32(&c, 0x14, 0);
	cl_set32(&c, 0x14, 6 << 16 | 4 << 20 | 7 << 4 | 1);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 2);
}
END_TEST

UNIT_MAIN("sim-blocks", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_dsm, 0, 2);
	tcase_add_test(tc, test_dsm_is_checked);
	tcase_add_loop_test(tc, test_write_zeroes, 0, 2);
	tcase_add_test(tc, test_verify);
	tcase_add_test(tc, test_effects);
	tcase_add_test(tc, test_supported_lists);
	tcase_add_test(tc, test_command_sets);
})
