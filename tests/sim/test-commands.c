/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identify, features, logs and I/O commands: what they answer, also to what is wrong. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DNR 0x4000

static struct srv srv;
static struct cl c;
static uint8_t *page;
static char file[] = "/tmp/vfnd-sim-ns-XXXXXX";

static void setup(void)
{
	const char *args[] = {"--ns", "16M", "--ns", file, "--mdts", "5", NULL};
	int fd;

	strcpy(file + sizeof(file) - 7, "XXXXXX");
	fd = mkstemp(file);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 8 << 20), 0);
	close(fd);
	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	page = cl_alloc(&c, 4096);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
	unlink(file);
}

static uint16_t identify(uint32_t nsid, uint32_t cns)
{
	struct tsqe e = {.opcode = 6, .nsid = nsid, .prp1 = cl_iova(&c, page), .cdw10 = cns};

	return cl_exec(&c, 0, e, NULL);
}

static uint16_t feature(uint8_t op, uint32_t nsid, uint32_t dw10, uint32_t dw11, uint32_t *dw0)
{
	struct tsqe e = {.opcode = op, .nsid = nsid, .prp1 = cl_iova(&c, page)};

	e.cdw10 = dw10;
	e.cdw11 = dw11;
	return cl_exec(&c, 0, e, dw0);
}

static uint16_t get_log(uint32_t nsid, uint8_t lid, uint32_t len, uint64_t off)
{
	struct tsqe e = {.opcode = 2, .nsid = nsid, .prp1 = cl_iova(&c, page)};

	e.cdw10 = lid | (len / 4 - 1) << 16;
	e.cdw11 = (len / 4 - 1) >> 16;
	e.cdw12 = off;
	e.cdw13 = off >> 32;
	return cl_exec(&c, 0, e, NULL);
}

START_TEST(test_identify)
{
	uint32_t *list = (uint32_t *)page;

	ck_assert_uint_eq(identify(0, 1), 0);
	ck_assert_uint_eq(page[77], 5);	 /* MDTS */
	ck_assert_uint_eq(page[111], 1); /* I/O controller */
	ck_assert_uint_eq(page[259], 3); /* AERL */
	ck_assert_uint_eq(page[512], 0x66);
	ck_assert_uint_eq(page[513], 0x44);
	ck_assert_int_eq(strncmp((char *)page + 768, "nqn.", 4), 0);
	ck_assert_uint_eq(identify(0, 0), DNR | 0xb);
	ck_assert_uint_eq(identify(UINT32_MAX, 0), 0); /* what all namespaces have in common */
	ck_assert_uint_eq(page[25], 7);
	ck_assert_uint_eq(page[0] | page[130], 9);
	ck_assert_uint_eq(identify(1, 2), 0);
	ck_assert_uint_eq(list[0], 2);
	ck_assert_uint_eq(list[1], 0);
	ck_assert_uint_eq(identify(0xfffffffe, 2), DNR | 0xb);
	ck_assert_uint_eq(identify(0xfffffffd, 2), 0);
	ck_assert_uint_eq(list[0], 0);
	ck_assert_uint_eq(identify(2, 3), 0);
	ck_assert_uint_eq(page[0], 1);
	ck_assert_uint_eq(page[1], 8);
	ck_assert_uint_eq(page[12], 2);
	ck_assert_uint_eq(page[13], 16);
	ck_assert_uint_eq(page[32], 3);
	ck_assert_uint_eq(page[33], 16);
	ck_assert_uint_eq(page[52], 4); /* CSI: the NVM command set */
	ck_assert_uint_eq(page[53], 1);
	ck_assert_uint_eq(page[56] | page[57] | page[58], 0);
	ck_assert_uint_eq(identify(3, 3), DNR | 0xb);
	ck_assert_uint_eq(identify(0, 0x77), DNR | 2);
}
END_TEST

START_TEST(test_admin_fields)
{
	struct tsqe e = {.opcode = 6, .cdw10 = 1};
	uint64_t iova = cl_iova(&c, page);

	e.prp1 = iova + 2;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 0x13);
	e.prp1 = iova + 512;
	e.prp2 = iova + 512; /* the rest of a page has no offset */
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 0x13);
	e.prp1 = 0x1000;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 4);
	e.prp1 = iova;
	e.flags = 0x40; /* SGL */
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 2);
	e.flags = 1; /* fused */
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 2);
	e.flags = 0;
	e.opcode = 0xc1;
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 1);
	e.opcode = 0x18; /* keep alive is not claimed */
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 1);
	ck_assert_uint_eq(get_log(0, 1, 64, 0), 0);
	ck_assert_uint_eq(*(uint64_t *)page, 7);
	ck_assert_uint_eq(page[12] | page[13] << 8, (DNR | 1) << 1);
}
END_TEST

START_TEST(test_features)
{
	static const struct {
		uint8_t fid;
		uint32_t can, initial, set, bad;
	} f[] = {
		{1, 5, 7, 0x01020303, 8},   {2, 4, 0, 0, 1},
		{4, 4, 353, 400, 3 << 20},  {6, 5, 1, 0, 2},
		{8, 5, 0, 0x0102, 1 << 16}, {9, 4, 0, 0x10000, 65},
		{10, 5, 0, 1, 2},	    {11, 5, 0, 0x1ff, 1 << 20},
	};
	uint32_t v;

	for (unsigned int i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
		uint32_t back = f[i].fid == 9 ? 0x10000 : f[i].set;

		ck_assert_uint_eq(feature(10, 0, f[i].fid | 3 << 8, 0, &v), 0);
		ck_assert_uint_eq(v, f[i].can);
		ck_assert_uint_eq(feature(10, 0, f[i].fid, 0, &v), 0);
		ck_assert_msg(v == f[i].initial, "feature %u: %u", f[i].fid, v);
		ck_assert_uint_eq(feature(9, 0, f[i].fid, f[i].bad, NULL), DNR | 2);
		ck_assert_uint_eq(feature(9, 0, f[i].fid, f[i].set, NULL), 0);
		ck_assert_uint_eq(feature(10, 0, f[i].fid, 0, &v), 0);
		ck_assert_uint_eq(v, back);
		ck_assert_uint_eq(feature(10, 0, f[i].fid | 1 << 8, 0, &v), 0);
		ck_assert_uint_eq(v, f[i].initial);
		ck_assert_uint_eq(feature(10, 0, f[i].fid | 2 << 8, 0, &v), 0);
		ck_assert_uint_eq(v, f[i].initial);
		ck_assert_uint_eq(feature(9, 0, 1u << 31 | f[i].fid, f[i].set, NULL),
				  f[i].can & 1 ? 0 : DNR | 0x10d);
		ck_assert_uint_eq(feature(9, 1, f[i].fid, f[i].set, NULL), DNR | 0x10f);
		ck_assert_uint_eq(feature(9, 9, f[i].fid, f[i].set, NULL), DNR | 0xb);
	}
	ck_assert_uint_eq(feature(10, 0, 0x33, 0, NULL), DNR | 2);
	ck_assert_uint_eq(feature(9, 0, 0x33, 0, NULL), DNR | 2);
	ck_assert_uint_eq(feature(10, 0, 1 | 4 << 8, 0, NULL), DNR | 2);
	/* Saved values come back after a reset, others do not. */
	cl_enable(&c, 16);
	ck_assert_uint_eq(feature(10, 0, 1, 0, &v), 0);
	ck_assert_uint_eq(v, 0x01020303);
	ck_assert_uint_eq(feature(10, 0, 4, 0, &v), 0);
	ck_assert_uint_eq(v, 353);
}
END_TEST

START_TEST(test_more_features)
{
	uint32_t v;

	/* Error recovery belongs to a namespace. */
	ck_assert_uint_eq(feature(9, 1, 5, 77, NULL), 0);
	ck_assert_uint_eq(feature(10, 1, 5, 0, &v), 0);
	ck_assert_uint_eq(v, 77);
	ck_assert_uint_eq(feature(10, 2, 5, 0, &v), 0);
	ck_assert_uint_eq(v, 0);
	ck_assert_uint_eq(feature(9, UINT32_MAX, 5, 78, NULL), 0);
	ck_assert_uint_eq(feature(10, 2, 5, 0, &v), 0);
	ck_assert_uint_eq(v, 78);
	ck_assert_uint_eq(feature(9, 3, 5, 78, NULL), DNR | 0xb);
	/* Host identifier. */
	memcpy(page, "0123456789abcdef", 16);
	ck_assert_uint_eq(feature(9, 0, 0x81, 1, NULL), 0);
	memset(page, 0, 16);
	ck_assert_uint_eq(feature(10, 0, 0x81, 1, &v), 0);
	ck_assert_int_eq(memcmp(page, "0123456789abcdef", 16), 0);
	/* Interrupt vector configuration keeps each vector's. */
	ck_assert_uint_eq(feature(9, 0, 9, 0x10003, NULL), 0);
	ck_assert_uint_eq(feature(10, 0, 9, 3, &v), 0);
	ck_assert_uint_eq(v, 0x10003);
	ck_assert_uint_eq(feature(10, 0, 9, 4, &v), 0);
	ck_assert_uint_eq(v, 4);
}
END_TEST

START_TEST(test_logs)
{
	ck_assert_uint_eq(get_log(UINT32_MAX, 2, 512, 0), 0);
	ck_assert_uint_eq(page[0], 0);
	ck_assert_uint_eq(page[1] | page[2] << 8, 313);
	ck_assert_uint_eq(page[3], 100);
	memset(page, 0xee, 4096);
	ck_assert_uint_eq(get_log(0, 2, 8, 0), 0); /* no more than asked for */
	ck_assert_uint_eq(page[8], 0xee);
	ck_assert_uint_eq(get_log(0, 2, 8, 4), 0); /* offset */
	ck_assert_uint_eq(page[0], 10);		   /* spare threshold */
	ck_assert_uint_eq(get_log(1, 2, 512, 0), DNR | 2);
	ck_assert_uint_eq(get_log(7, 2, 512, 0), DNR | 0xb);
	ck_assert_uint_eq(get_log(0, 2, 8, 2), DNR | 2);
	ck_assert_uint_eq(get_log(0, 2, 8, 516), DNR | 2);
	ck_assert_uint_eq(get_log(0, 2, 8, 1ull << 40), DNR | 2);
	ck_assert_uint_eq(get_log(0, 3, 512, 0), 0);
	ck_assert_uint_eq(page[0], 1);
	ck_assert_uint_eq(get_log(0, 4, 4096, 0), 0);
	ck_assert_uint_eq(*(uint32_t *)page, 0);
	ck_assert_uint_eq(get_log(0, 5, 4096, 0), 0);
	ck_assert_uint_eq(page[6 * 4] & 1, 1);	      /* Identify */
	ck_assert_uint_eq(page[0x18 * 4] & 1, 0);     /* Keep Alive is not there */
	ck_assert_uint_eq(page[1024 + 1 * 4] & 3, 3); /* Write changes data */
	ck_assert_uint_eq(get_log(0, 7, 512, 0), DNR | 0x109);
	ck_assert_uint_eq(get_log(0, 2, 1 << 20, 0), DNR | 2); /* beyond MDTS */
}
END_TEST

static void check_ns(uint32_t nsid, uint64_t blocks)
{
	const size_t len = 128 << 10;
	uint8_t *a = cl_alloc(&c, len), *b = cl_alloc(&c, len);
	uint64_t *la = cl_alloc(&c, 4096), *lb = cl_alloc(&c, 4096);
	struct tsqe e = {.opcode = 1, .nsid = nsid, .cdw12 = len / 512 - 1};

	for (unsigned int i = 0; i < 31; i++) {
		la[i] = cl_iova(&c, a + (i + 1) * 4096);
		lb[i] = cl_iova(&c, b + (i + 1) * 4096);
	}
	for (size_t i = 0; i < len; i++)
		a[i] = i * 11 + (i >> 8) + nsid;
	e.prp1 = cl_iova(&c, a);
	e.prp2 = cl_iova(&c, la);
	e.cdw10 = blocks - len / 512; /* the very end */
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	e.cdw10++;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), DNR | 0x80);
	e.cdw10--;
	e.opcode = 2;
	e.prp1 = cl_iova(&c, b);
	e.prp2 = cl_iova(&c, lb);
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	ck_assert_int_eq(memcmp(a, b, len), 0);
	e.opcode = 5; /* compare */
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	b[len - 1] ^= 1;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), DNR | 0x285);
	e.opcode = 8; /* write zeroes, all but the first and last block */
	e.cdw10++;
	e.cdw12 -= 2;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	e.opcode = 2;
	e.cdw10--;
	e.cdw12 += 2;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	ck_assert_int_eq(memcmp(a, b, 512), 0);
	ck_assert_int_eq(memcmp(a + len - 512, b + len - 512, 512), 0);
	for (size_t i = 512; i < len - 512; i++)
		ck_assert_uint_eq(b[i], 0);
	e.opcode = 0;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	e.opcode = 1; /* forced to the medium */
	e.cdw12 |= 1u << 30;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
}

START_TEST(test_namespaces)
{
	cl_pair(&c, 1, 16, -1);
	check_ns(1, (16 << 20) / 512);
	check_ns(2, (8 << 20) / 512);
	ck_assert_uint_eq(get_log(0, 2, 512, 0), 0);
	ck_assert_uint_eq(*(uint64_t *)(page + 64), 2 * 4); /* reads, compares */
}
END_TEST

START_TEST(test_bad_io)
{
	uint64_t iova = cl_iova(&c, page), *list = cl_alloc(&c, 8192);
	uint64_t end = CL_IOVA + CL_MEM;
	struct tsqe e = {.opcode = 2, .nsid = 0, .prp1 = iova};

	cl_pair(&c, 1, 16, -1);
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), DNR | 0xb);
	e.nsid = 3;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), DNR | 0xb);
	e.nsid = UINT32_MAX;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), DNR | 0xb);
	e.opcode = 0;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0); /* Flush takes all */
	e.opcode = 0x7f;
	e.nsid = 1;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), DNR | 1);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 32768, 1, iova, 0), DNR | 0x80);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 32767, 2, iova, 0), DNR | 0x80);
	ck_assert_uint_eq(cl_io(&c, 1, 2, UINT64_MAX, 2, iova, 0), DNR | 0x80);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 257, iova, 0), DNR | 2); /* MDTS */
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 1, iova + 1, 0), DNR | 0x13);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 16, iova, iova + 8), DNR | 0x13);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 24, iova, cl_iova(&c, list) + 4), DNR | 0x13);
	list[0] = iova;
	list[1] = iova + 4;
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 24, iova, cl_iova(&c, list)), DNR | 0x13);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 24, iova, 0x2000), DNR | 4); /* list not mapped */
	list[1] = 0x3000;
	memset(page, 0x5a, 4096);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 24, iova, cl_iova(&c, list)), DNR | 4);
	ck_assert_uint_eq(page[0], 0x5a); /* nothing moved */
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 1, end - 256, 0), DNR | 4);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 1, UINT64_MAX - 3, 0), DNR | 4);
	e.opcode = 2;
	e.prp1 = iova;
	e.flags = 0xc0; /* neither PRPs nor an SGL */
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), DNR | 2);
}
END_TEST

/* Ranges the device may only read or only write, and ranges known by message alone. */
START_TEST(test_access_rights)
{
	int fd = memfd_create("m", 0);

	ck_assert_int_eq(ftruncate(fd, 65536), 0);
	cl_pair(&c, 1, 16, -1);
	ck_assert_int_eq(cl_map_try(&c, 0x100000, 4096, 0, 1, fd), 0);
	ck_assert_int_eq(cl_map_try(&c, 0x200000, 4096, 4096, 2, fd), 0);
	ck_assert_int_eq(cl_map_try(&c, 0x300000, 4096, 8192, 11, fd), 0); /* by file I/O */
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, 0x100000, 0), DNR | 4);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, 0x100000, 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, 0x200000, 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, 0x200000, 0), DNR | 4);
	ck_assert_int_eq(pwrite(fd, "by file", 8, 8192), 8);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, 0x300000, 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, page), 0), 0);
	ck_assert_int_eq(memcmp(page, "by file", 8), 0);
	memcpy(page, "to file", 8);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, cl_iova(&c, page), 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, 0x300000, 0), 0);
	ck_assert_int_eq(pread(fd, page, 8, 8192), 8);
	ck_assert_int_eq(memcmp(page, "to file", 8), 0);
	close(fd);
}
END_TEST

UNIT_MAIN("sim-commands", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_identify);
	tcase_add_test(tc, test_admin_fields);
	tcase_add_test(tc, test_features);
	tcase_add_test(tc, test_more_features);
	tcase_add_test(tc, test_logs);
	tcase_add_test(tc, test_namespaces);
	tcase_add_test(tc, test_bad_io);
	tcase_add_test(tc, test_access_rights);
})
