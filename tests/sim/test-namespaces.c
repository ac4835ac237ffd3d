/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespaces that come, go and change: management, attachment, formats, and what is told about it.
 */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <string.h>

#define DNR    0x4000
#define FIELD  (DNR | 2)
#define BAD_NS (DNR | 0xb)

#define FORMAT_MS "60"

static struct srv srv;
static struct cl c;
static uint8_t *page, *data;

static void start(const char *const *args)
{
	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	cl_pair(&c, 1, 16, -1);
	page = cl_alloc(&c, 4096);
	data = cl_alloc(&c, 65536);
}

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M",      "--ns", "8M", "--capacity",
					   "64M",  "--max-ns", "5",    NULL};

	start(args);
}

static void setup_slow(void)
{
	static const char *const args[] = {
		"--ns", "4M", "--ns", "4M", "--time", "format=" FORMAT_MS, NULL};

	start(args);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static uint16_t admin(uint8_t op, uint32_t nsid, uint32_t dw10, uint32_t dw11, uint32_t *dw0)
{
	struct tsqe e = {.opcode = op, .nsid = nsid, .prp1 = cl_iova(&c, page), .cdw10 = dw10};

	e.cdw11 = dw11;
	return cl_exec(&c, 0, e, dw0);
}

static uint16_t identify(uint32_t nsid, uint32_t cns)
{
	memset(page, 0xee, 4096);
	return admin(6, nsid, cns, 0, NULL);
}

static uint16_t format(uint32_t nsid, uint32_t dw10)
{
	return admin(0x80, nsid, dw10, 0, NULL);
}

static uint64_t read64(unsigned int at)
{
	uint64_t v;

	memcpy(&v, page + at, sizeof(v));
	return v;
}

static uint16_t create(uint64_t nsze, uint64_t ncap, uint8_t flbas, uint8_t dps, uint32_t *nsid)
{
	memset(page, 0, 4096);
	memcpy(page, &nsze, 8);
	memcpy(page + 8, &ncap, 8);
	page[26] = flbas;
	page[29] = dps;
	return admin(0xd, 0, 0, 0, nsid);
}

/* SEL 0: attach, 1: detach; controllers: their number, and the first's identifier. */
static uint16_t attach(uint32_t nsid, uint32_t sel, uint16_t n, uint16_t id)
{
	memset(page, 0, 4096);
	memcpy(page, &n, 2);
	memcpy(page + 2, &id, 2);
	return admin(0x15, nsid, sel, 0, NULL);
}

static uint16_t read_block(uint32_t nsid, uint64_t slba)
{
	struct tsqe e = {.opcode = 2, .nsid = nsid, .prp1 = cl_iova(&c, data), .cdw10 = slba};

	return cl_exec(&c, 1, e, NULL);
}

/* A list of namespaces is exactly these, up to a 0. */
static void check_list(uint32_t cns, const uint32_t *want)
{
	ck_assert_uint_eq(identify(0, cns), 0);
	for (unsigned int i = 0;; i++) {
		uint32_t have;

		memcpy(&have, page + 4 * i, 4);
		ck_assert_msg(have == want[i], "list %x: entry %u is %u", cns, i, have);
		if (!have)
			return;
	}
}

START_TEST(test_create_and_delete)
{
	uint8_t nguid[16];
	uint32_t nsid = 0;

	ck_assert_uint_eq(identify(0, 1), 0);
	ck_assert_uint_eq(page[516], 5);
	ck_assert_uint_eq(page[256] & 8, 8);
	ck_assert_uint_eq(read64(280), 64 << 20);
	ck_assert_uint_eq(read64(296), 40 << 20);
	/* What is wrong is refused, and takes nothing. */
	ck_assert_uint_eq(create(0, 0, 0, 0, NULL), FIELD);
	ck_assert_uint_eq(create(8, 16, 0, 0, NULL), FIELD);
	ck_assert_uint_eq(create(8, 4, 0, 0, NULL), DNR | 0x11b); /* thin provisioning */
	ck_assert_uint_eq(create(8, 8, 9, 0, NULL), DNR | 0x10a);
	ck_assert_uint_eq(create(8, 8, 0x29, 0, NULL), DNR | 0x10a);
	ck_assert_uint_eq(create(8, 8, 0, 1, NULL), DNR | 0x10a); /* PI without metadata */
	ck_assert_uint_eq(create(8, 8, 0, 0x10, NULL), FIELD);
	ck_assert_uint_eq(admin(0xd, 0, 2, 0, NULL), FIELD);
	ck_assert_uint_eq(admin(0xd, 1, 0, 0, NULL), FIELD);
	ck_assert_uint_eq(admin(0xd, 0, 0, 2u << 24, NULL), DNR | 0x129);
	ck_assert_uint_eq(create((40 << 11) + 1, (40 << 11) + 1, 0, 0, NULL), DNR | 0x115);
	ck_assert_uint_eq(admin(2, 0, 15 << 16 | 1, 0, NULL), 0);
	ck_assert_uint_eq(read64(32), (40 << 20) + 512); /* how much it would take */
	ck_assert_uint_eq(create(UINT64_MAX, UINT64_MAX, 4, 0, NULL), DNR | 0x115);
	check_list(0x10, (uint32_t[]){1, 2, 0});
	/* The lowest identifier that is free. */
	ck_assert_uint_eq(create(1024, 1024, 4, 0, &nsid), 0);
	ck_assert_uint_eq(nsid, 3);
	ck_assert_uint_eq(identify(0, 1), 0);
	ck_assert_uint_eq(read64(296), 36 << 20);
	check_list(0x10, (uint32_t[]){1, 2, 3, 0});
	check_list(2, (uint32_t[]){1, 2, 0});
	ck_assert_uint_eq(identify(3, 0), 0); /* not active: zeroes */
	ck_assert_uint_eq(read64(0), 0);
	ck_assert_uint_eq(identify(3, 0x11), 0);
	ck_assert_uint_eq(read64(0), 1024);
	ck_assert_uint_eq(page[26], 4);
	ck_assert_uint_eq(read64(48), 4 << 20);
	memcpy(nguid, page + 104, 16);
	ck_assert_uint_eq(identify(3, 3), FIELD);
	ck_assert_uint_eq(identify(6, 3), BAD_NS);
	ck_assert_uint_eq(read_block(3, 0), FIELD);
	ck_assert_uint_eq(read_block(6, 0), BAD_NS);
	/* Deleted and created again, it is another. */
	ck_assert_uint_eq(admin(0xd, 3, 1, 0, NULL), 0);
	ck_assert_uint_eq(admin(0xd, 3, 1, 0, NULL), FIELD);
	ck_assert_uint_eq(admin(0xd, 6, 1, 0, NULL), BAD_NS);
	ck_assert_uint_eq(identify(3, 0x11), 0);
	ck_assert_uint_eq(read64(0), 0);
	ck_assert_uint_eq(create(1024, 1024, 4, 0, &nsid), 0);
	ck_assert_uint_eq(nsid, 3);
	ck_assert_uint_eq(identify(3, 0x11), 0);
	ck_assert_int_ne(memcmp(nguid, page + 104, 16), 0);
	/* Identifiers are used up before the capacity is; all go at once. */
	ck_assert_uint_eq(create(8, 8, 0, 0, &nsid), 0);
	ck_assert_uint_eq(create(8, 8, 0, 0, &nsid), 0);
	ck_assert_uint_eq(nsid, 5);
	ck_assert_uint_eq(create(8, 8, 0, 0, NULL), DNR | 0x116);
	ck_assert_uint_eq(admin(0xd, UINT32_MAX, 1, 0, NULL), 0);
	check_list(0x10, (uint32_t[]){0});
	check_list(2, (uint32_t[]){0});
	ck_assert_uint_eq(identify(0, 1), 0);
	ck_assert_uint_eq(read64(296), 64 << 20);
	ck_assert_uint_eq(create(64 << 8, 64 << 8, 4, 0, &nsid), 0);
	ck_assert_uint_eq(nsid, 1);
}
END_TEST

START_TEST(test_attach_and_detach)
{
	uint32_t nsid;

	ck_assert_uint_eq(create(2048, 2048, 0, 0, &nsid), 0);
	ck_assert_uint_eq(attach(3, 0, 0, 0), DNR | 0x11c);
	ck_assert_uint_eq(attach(3, 0, 1, 2), DNR | 0x11c);
	ck_assert_uint_eq(attach(3, 0, 2, 1), DNR | 0x11c);
	ck_assert_uint_eq(attach(3, 2, 1, 1), FIELD);
	ck_assert_uint_eq(attach(4, 0, 1, 1), FIELD); /* not allocated */
	ck_assert_uint_eq(attach(6, 0, 1, 1), BAD_NS);
	ck_assert_uint_eq(attach(3, 1, 1, 1), DNR | 0x11a);
	ck_assert_uint_eq(identify(3, 0x12), 0);
	ck_assert_uint_eq(page[0], 0);
	ck_assert_uint_eq(attach(3, 0, 1, 1), 0);
	ck_assert_uint_eq(attach(3, 0, 1, 1), DNR | 0x118);
	ck_assert_uint_eq(identify(3, 0x12), 0);
	ck_assert_uint_eq(page[0] | page[1] << 8 | page[2] << 16, 0x10001);
	ck_assert_uint_eq(identify(3, 2 << 16 | 0x12), 0); /* controllers from 2 on */
	ck_assert_uint_eq(page[0], 0);
	ck_assert_uint_eq(identify(0, 0x13), 0);
	ck_assert_uint_eq(page[0], 1);
	check_list(2, (uint32_t[]){1, 2, 3, 0});
	ck_assert_uint_eq(read_block(3, 2047), 0);
	ck_assert_uint_eq(read_block(3, 2048), DNR | 0x80);
	ck_assert_uint_eq(attach(3, 1, 1, 1), 0);
	ck_assert_uint_eq(read_block(3, 0), FIELD);
	ck_assert_uint_eq(admin(2, 3, 127 << 16 | 2, 0, NULL), FIELD);
	/* A controller that is reset, or another client, finds the same. */
	cl_enable(&c, 16);
	check_list(2, (uint32_t[]){1, 2, 0});
	check_list(0x10, (uint32_t[]){1, 2, 3, 0});
}
END_TEST

START_TEST(test_changes_are_told)
{
	struct tsqe aer = {.opcode = 0xc};
	struct tcqe cqe;

	ck_assert_uint_eq(admin(9, 0, 0xb, 0x100, NULL), 0);
	cl_submit(&c, 0, aer);
	ck_assert_uint_eq(attach(2, 1, 1, 1), 0);
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	ck_assert_uint_eq(cqe.dw0, 0x040002);
	/* More of them before the log is read are in it, but no more events. */
	cl_submit(&c, 0, aer);
	ck_assert_uint_eq(format(1, 0), 0);
	ck_assert_uint_eq(attach(2, 0, 1, 1), 0);
	ck_assert_uint_eq(admin(2, 0, 1023 << 16 | 1 << 15 | 4, 0, NULL), 0); /* retained */
	ck_assert_uint_eq(read64(0), 2ull << 32 | 1);
	ck_assert_uint_eq(admin(2, 0, 1023 << 16 | 4, 0, NULL), 0);
	ck_assert_uint_eq(read64(0), 2ull << 32 | 1);
	ck_assert_uint_eq(read64(8), 0);
	ck_assert_uint_eq(admin(2, 0, 1023 << 16 | 4, 0, NULL), 0);
	ck_assert_uint_eq(read64(0), 0);
	ck_assert_uint_eq(admin(0xd, 1, 1, 0, NULL), 0);
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	ck_assert_uint_eq(cqe.dw0, 0x040002);
}
END_TEST

START_TEST(test_format)
{
	static const struct {
		uint32_t block, metadata;
	} formats[] = {{512, 0},  {512, 8},  {512, 16},	 {512, 64},
		       {4096, 0}, {4096, 8}, {4096, 16}, {4096, 64}};
	struct tsqe e = {.opcode = 1, .nsid = 1, .prp1 = cl_iova(&c, data)};

	e.prp2 = e.prp1 + 4096;
	for (unsigned int i = 0; i < 16; i++) {
		uint32_t block = formats[i % 8].block, metadata = formats[i % 8].metadata;
		bool extended = i / 8;

		ck_assert_uint_eq(format(1, i % 8 | extended << 4), 0);
		ck_assert_uint_eq(identify(1, 0), 0);
		ck_assert_uint_eq(page[25], 7);
		ck_assert_uint_eq(page[26], i % 8 | (extended && metadata) << 4);
		ck_assert_uint_eq(page[27], 3);
		ck_assert_uint_eq(page[128 + 4 * (i % 8)], metadata);
		ck_assert_uint_eq(1u << page[128 + 4 * (i % 8) + 2], block);
		ck_assert_uint_eq(read64(0), (16u << 20) / (block + metadata));
		/* What was there has gone, its metadata too. */
		e.mptr = cl_iova(&c, data + 8192);
		e.cdw10 = read64(0) - 1;
		memset(data, 0x5a, 16384);
		e.opcode = 2;
		ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
		for (unsigned int k = 0; k < block; k++)
			ck_assert_uint_eq(data[k], 0);
		for (unsigned int k = 0; k < metadata; k++)
			ck_assert_uint_eq(data[extended ? block + k : 8192 + k], 0);
		ck_assert_uint_eq(data[8192 + (extended ? 0 : metadata)], 0x5a);
		memset(data, 0xa5, 16384);
		e.opcode = 1;
		ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	}
	ck_assert_uint_eq(format(1, 8), DNR | 0x10a);
	ck_assert_uint_eq(format(1, 1 << 12), DNR | 0x10a);
	ck_assert_uint_eq(format(1, 1 << 5), DNR | 0x10a); /* PI without metadata */
	ck_assert_uint_eq(format(1, 4 << 5), FIELD);
	ck_assert_uint_eq(format(1, 3 << 9), FIELD);
	ck_assert_uint_eq(format(0, 0), BAD_NS);
	ck_assert_uint_eq(format(3, 0), FIELD);
	ck_assert_uint_eq(format(6, 0), BAD_NS);
	/* All of them, with erasures. */
	ck_assert_uint_eq(format(UINT32_MAX, 2 << 9 | 4), 0);
	ck_assert_uint_eq(identify(2, 0), 0);
	ck_assert_uint_eq(page[26], 4);
	ck_assert_uint_eq(identify(1, 0), 0);
	ck_assert_uint_eq(page[26], 4);
	ck_assert_uint_eq(format(2, 1 << 9), 0);
	ck_assert_uint_eq(identify(0, 1), 0);
	ck_assert_uint_eq(page[524], 4); /* FNA: each on its own, all at once, and crypto erase */
	ck_assert_uint_eq(read64(296), 40 << 20);
}
END_TEST

START_TEST(test_format_takes_time)
{
	struct tsqe e = {.opcode = 0x80, .nsid = 1, .cdw10 = 4};
	uint16_t cid = cl_submit(&c, 0, e), seen = 0;
	struct tcqe cqe;

	ck_assert_uint_eq(identify(1, 0), 0);
	if (page[32] != 0x80) {
		ck_assert_uint_ge(page[32], 0x81);
		ck_assert_uint_le(page[32], 0x80 + 100);
		seen = read_block(1, 0);
		/* Nothing else of it can be had, but the other one can. */
		if (seen) {
			ck_assert_uint_eq(seen, 0x84);
			ck_assert_uint_eq(read_block(2, 0), 0);
		}
	}
	ck_assert(cl_wait(&c, 0, &cqe, 5000));
	ck_assert_uint_eq(cqe.cid, cid);
	ck_assert_uint_eq(cqe.sfp >> 1, 0);
	ck_assert_uint_eq(identify(1, 0), 0);
	ck_assert_uint_eq(page[32], 0x80);
	ck_assert_uint_eq(page[26], 4);
	ck_assert_uint_eq(read_block(1, 0), 0);
}
END_TEST

/* While it goes on nothing else changes the namespace; a reset ends the waiting, not the format. */
START_TEST(test_format_in_progress)
{
	static const char *const args[] = {"--ns",	     "4M", "--ns", "4M", "--time",
					   "format=3600000", NULL};
	struct tsqe e = {.opcode = 0x80, .nsid = 2, .cdw10 = 5};
	uint32_t dw0;
	uint16_t cid;

	teardown();
	start(args);
	cid = cl_submit(&c, 0, e);
	ck_assert_uint_eq(identify(2, 0), 0);
	ck_assert_uint_eq(page[26], 0);
	ck_assert_uint_ge(page[32], 0x80 + 90);
	ck_assert_uint_eq(read_block(2, 0), 0x84);
	ck_assert_uint_eq(read_block(1, 0), 0);
	ck_assert_uint_eq(format(2, 0), 0x84);
	ck_assert_uint_eq(format(UINT32_MAX, 0), 0x84);
	ck_assert_uint_eq(attach(2, 1, 1, 1), 0x84);
	ck_assert_uint_eq(admin(0xd, 2, 1, 0, NULL), 0x84);
	ck_assert_uint_eq(admin(0xd, UINT32_MAX, 1, 0, NULL), 0x84);
	ck_assert_uint_eq(admin(0x84, 0, 2, 0, NULL), 0x84); /* sanitize */
	ck_assert_uint_eq(admin(8, 0, (uint32_t)cid << 16, 0, &dw0), 0);
	ck_assert_uint_eq(dw0, 1); /* not aborted */
	cl_enable(&c, 16);
	ck_assert_uint_eq(identify(2, 0), 0);
	ck_assert_uint_eq(page[26], 5);
	ck_assert_uint_eq(page[32], 0x80);
	ck_assert_int_eq(srv_stat(&srv, "outstanding"), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim-namespaces");
	TCase *tc = tcase_create("quick"), *slow = tcase_create("slow");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_create_and_delete);
	tcase_add_test(tc, test_attach_and_detach);
	tcase_add_test(tc, test_changes_are_told);
	tcase_add_test(tc, test_format);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(slow, 60);
	tcase_add_checked_fixture(slow, setup_slow, teardown);
	tcase_add_test(slow, test_format_takes_time);
	tcase_add_test(slow, test_format_in_progress);
	suite_add_tcase(suite, slow);
	return unit_run(suite);
}
