/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firmware, self-tests, sanitize, security: what goes on in the background, and what it forbids. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DNR   0x4000
#define FIELD (DNR | 2)

#define LONG_MS "60000"

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

/* Everything is over as soon as it has begun. */
static void setup(void)
{
	static const char *const args[] = {
		"--ns",	      "1M",	"--ns",	       "1M",	 "--time",
		"sanitize=1", "--time", "self-test=1", "--time", "extended-self-test=1",
		NULL};

	start(args);
}

/* Nothing ends while a test looks. */
static void setup_slow(void)
{
	static const char *const args[] = {"--ns",   "1M",
					   "--time", "sanitize=" LONG_MS,
					   "--time", "self-test=" LONG_MS,
					   "--time", "extended-self-test=" LONG_MS,
					   NULL};

	start(args);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static uint16_t admin(uint8_t op, uint32_t nsid, uint32_t dw10, uint32_t dw11)
{
	struct tsqe e = {.opcode = op, .nsid = nsid, .prp1 = cl_iova(&c, page), .cdw10 = dw10};

	e.cdw11 = dw11;
	return cl_exec(&c, 0, e, NULL);
}

static uint16_t get_log(uint8_t lid, uint32_t len)
{
	memset(page, 0xee, 4096);
	return admin(2, 0, (len / 4 - 1) << 16 | lid, 0);
}

static void identify(void)
{
	ck_assert_uint_eq(admin(6, 0, 1, 0), 0);
}

/* Downloads one page at `off` that begins with `text`. */
static uint16_t download(const char *text, uint32_t off)
{
	memset(page, 0, 4096);
	strcpy((char *)page, text);
	return admin(0x11, 0, 1023, off / 4);
}

/* Commit Action and slot. */
static uint16_t commit(unsigned int action, unsigned int slot)
{
	return admin(0x10, 0, action << 3 | slot, 0);
}

static void check_firmware(uint8_t afi, const char *running)
{
	char want[9];

	snprintf(want, sizeof(want), "%-8s", running);
	ck_assert_uint_eq(get_log(3, 512), 0);
	ck_assert_msg(page[0] == afi, "AFI is %x", page[0]);
	ck_assert_int_eq(memcmp(page + 8 * (afi & 7), want, 8), 0);
	identify();
	ck_assert_int_eq(memcmp(page + 64, want, 8), 0);
}

START_TEST(test_firmware)
{
	identify();
	ck_assert_uint_eq(page[260], 1 | 4 << 1 | 1 << 4);
	ck_assert_uint_eq(page[319], 1);
	/* Nothing was downloaded, or no image, or one with a gap. */
	ck_assert_uint_eq(commit(1, 2), DNR | 0x107);
	ck_assert_uint_eq(download("no such image\n", 0), 0);
	ck_assert_uint_eq(commit(1, 2), DNR | 0x107);
	ck_assert_uint_eq(download("vfnd-sim firmware 2.0\n", 0), 0);
	ck_assert_uint_eq(download("", 8192), 0);
	ck_assert_uint_eq(commit(1, 2), DNR | 0x107);
	ck_assert_uint_eq(download("vfnd-sim firmware 123456789\n", 0), 0);
	ck_assert_uint_eq(commit(1, 2), DNR | 0x107);
	ck_assert_uint_eq(download("vfnd-sim firmware 1 strange\n", 0), 0);
	ck_assert_uint_eq(commit(1, 2), DNR | 0x107);
	/* Pieces in any order, none twice. */
	ck_assert_uint_eq(download("", 4096), 0);
	ck_assert_uint_eq(download("", 4096), DNR | 0x114);
	ck_assert_uint_eq(admin(0x11, 0, 2047, 0), DNR | 0x114);
	ck_assert_uint_eq(admin(0x11, 0, 1023, 1), FIELD);
	ck_assert_uint_eq(admin(0x11, 0, UINT32_MAX, 0), FIELD);
	ck_assert_uint_eq(download("vfnd-sim firmware 2.0\n", 0), 0);
	ck_assert_uint_eq(commit(1, 1), DNR | 0x106); /* is read only */
	ck_assert_uint_eq(commit(1, 5), DNR | 0x106);
	ck_assert_uint_eq(commit(4, 2), FIELD);
	ck_assert_uint_eq(commit(2, 2), DNR | 0x107); /* nothing in there */
	ck_assert_uint_eq(commit(0, 2), 0);
	ck_assert_uint_eq(get_log(3, 512), 0);
	ck_assert_uint_eq(page[0], 1);
	ck_assert_int_eq(memcmp(page + 16, "2.0     ", 8), 0);
	ck_assert_uint_eq(page[24], 0);
	/* Activated by the next reset, and stays for other clients. */
	ck_assert_uint_eq(commit(2, 2), 0);
	ck_assert_uint_eq(get_log(3, 512), 0);
	ck_assert_uint_eq(page[0], 0x21);
	cl_enable(&c, 16);
	check_firmware(2, "2.0");
	/* The controller chooses a slot that is free. */
	ck_assert_uint_eq(download("vfnd-sim firmware 3.0\n", 0), 0);
	ck_assert_uint_eq(commit(1, 0), 0);
	ck_assert_uint_eq(get_log(3, 512), 0);
	ck_assert_uint_eq(page[0], 0x32);
	ck_assert_uint_eq(admin(0x84, 0, 2, 0), DNR | 0x111); /* sanitize waits for that */
	cl_enable(&c, 16);
	check_firmware(3, "3.0");
	/* What was downloaded is forgotten by a reset. */
	ck_assert_uint_eq(download("vfnd-sim firmware 4.0\n", 0), 0);
	cl_enable(&c, 16);
	ck_assert_uint_eq(commit(1, 2), DNR | 0x107);
	/* Back to the first one. */
	ck_assert_uint_eq(commit(3, 1), 0);
	ck_assert_uint_eq(get_log(3, 512), 0);
	ck_assert_uint_eq(page[0], 1);
}
END_TEST

START_TEST(test_firmware_at_once)
{
	struct tsqe aer = {.opcode = 0xc};
	struct tcqe cqe;

	ck_assert_uint_eq(admin(9, 0, 0xb, 0x200), 0);
	cl_submit(&c, 0, aer);
	ck_assert_uint_eq(download("vfnd-sim firmware now\n", 0), 0);
	ck_assert_uint_eq(commit(3, 4), 0);
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	ck_assert_uint_eq(cqe.dw0, 0x030102);
	check_firmware(4, "now");
}
END_TEST

START_TEST(test_firmware_resets)
{
	static const struct {
		const char *word;
		uint16_t now, later;
		bool controller; /* a controller reset is enough */
		uint8_t afi;	 /* after a commit that asks for activation at once */
	} images[] = {
		{"controller-reset", 0x111, 0, true, 0x21},
		{"subsystem-reset", 0x110, 0x110, false, 0x21},
		{"conventional-reset", 0x10b, 0x10b, false, 0x21},
		{"time", 0x112, 0, true, 1},
		{"prohibited", DNR | 0x113, DNR | 0x113, false, 1},
	};

	for (unsigned int i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		bool never = images[i].afi == 1 && images[i].later;
		char text[64];

		snprintf(text, sizeof(text), "vfnd-sim firmware v%u %s\n", i, images[i].word);
		ck_assert_uint_eq(download(text, 0), 0);
		ck_assert_uint_eq(commit(3, 2), images[i].now);
		ck_assert_uint_eq(get_log(3, 512), 0);
		ck_assert_uint_eq(page[0], images[i].afi);
		ck_assert_uint_eq(commit(2, 2), images[i].later);
		cl_enable(&c, 16);
		ck_assert_uint_eq(get_log(3, 512), 0);
		ck_assert_uint_eq(page[0], images[i].controller ? 2 : never ? 1 : 0x21);
		if (!images[i].controller) { /* a reset of the function */
			ck_assert_int_eq(cl_call_try(&c, 13, NULL, 0, NULL, 0, NULL, &(size_t){0}),
					 0);
			cl_enable(&c, 16);
			ck_assert_uint_eq(get_log(3, 512), 0);
			ck_assert_uint_eq(page[0], never ? 1 : images[i].now == 0x110 ? 0x21 : 2);
			/* the strongest one */
			ck_assert_uint_eq(cl_reg64(&c, 0) >> 36 & 1, 1);
			cl_set32(&c, 0x20, 0x4e564d65);
			ck_assert_uint_eq(cl_reg32(&c, 0x14), 0);
			ck_assert_uint_eq(cl_reg32(&c, 0x1c), 0x10);
			cl_enable(&c, 16);
			ck_assert_uint_eq(cl_reg32(&c, 0x1c), 0x11);
			cl_set32(&c, 0x1c, 0x10);
			ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1);
			ck_assert_uint_eq(get_log(3, 512), 0);
			ck_assert_uint_eq(page[0], never ? 1 : 2);
		}
		ck_assert_uint_eq(commit(3, 1), 0);
	}
}
END_TEST

/* Result, code and namespace of the newest self-test. */
static void check_test(uint8_t result, uint8_t code, uint32_t nsid)
{
	uint32_t told;

	ck_assert_uint_eq(get_log(6, 564), 0);
	ck_assert_uint_eq(page[0], 0);
	ck_assert_msg(page[4] == (code << 4 | result), "%x", page[4]);
	ck_assert_uint_eq(page[6] & 1, nsid != 0);
	memcpy(&told, page + 16, 4);
	ck_assert_uint_eq(told, nsid);
}

static void wait_test(void)
{
	uint64_t until = cl_now_ms() + 5000;

	do {
		ck_assert_uint_lt(cl_now_ms(), until);
		ck_assert_uint_eq(get_log(6, 564), 0);
	} while (page[0]);
}

START_TEST(test_self_test)
{
	ck_assert_uint_eq(get_log(6, 564), 0);
	ck_assert_uint_eq(page[0], 0);
	for (unsigned int i = 0; i < 20; i++)
		ck_assert_uint_eq(page[4 + 28 * i], 0xf);
	ck_assert_uint_eq(admin(0x14, 0, 1, 0), 0);
	wait_test();
	check_test(0, 1, 0);
	ck_assert_uint_eq(admin(0x14, 2, 2, 0), 0);
	wait_test();
	check_test(0, 2, 2);
	ck_assert_uint_eq(page[4 + 28], 0x10); /* the one before */
	srv_ok(&srv, "self-test-result 7 3");
	ck_assert_uint_eq(admin(0x14, UINT32_MAX, 1, 0), 0);
	wait_test();
	check_test(7, 1, UINT32_MAX);
	ck_assert_uint_eq(page[5], 3);
	srv_ok(&srv, "self-test-result 0");
	for (unsigned int i = 0; i < 21; i++) {
		ck_assert_uint_eq(admin(0x14, 0, 1, 0), 0);
		wait_test();
	}
	ck_assert_uint_eq(page[4 + 28 * 19], 0x10);
	ck_assert_uint_eq(admin(0x14, 0, 0, 0), FIELD);
	ck_assert_uint_eq(admin(0x14, 0, 3, 0), FIELD);
	ck_assert_uint_eq(admin(0x14, 0, 0xe, 0), FIELD);
	ck_assert_uint_eq(admin(0x14, 3, 1, 0), DNR | 0xb);
	ck_assert_uint_eq(admin(0x14, 0, 0xf, 0), 0); /* nothing to abort */
}
END_TEST

START_TEST(test_self_test_ends)
{
	ck_assert_uint_eq(admin(0x14, 1, 1, 0), 0);
	ck_assert_uint_eq(get_log(6, 564), 0);
	ck_assert_uint_eq(page[0], 1);
	ck_assert_uint_le(page[1], 100);
	ck_assert_uint_eq(admin(0x14, 1, 2, 0), DNR | 0x11d);
	ck_assert_uint_eq(admin(0x14, 1, 0xf, 0), 0);
	check_test(1, 1, 1);
	ck_assert_uint_eq(admin(0x14, 0, 1, 0), 0);
	cl_enable(&c, 32);
	check_test(2, 1, 0);
	/* The extended one goes on. */
	ck_assert_uint_eq(admin(0x14, 0, 2, 0), 0);
	cl_enable(&c, 32);
	ck_assert_uint_eq(get_log(6, 564), 0);
	ck_assert_uint_eq(page[0], 2);
	ck_assert_uint_eq(admin(0x80, 1, 0, 0), 0); /* format */
	check_test(4, 2, 0);
	ck_assert_uint_eq(admin(0x14, 1, 2, 0), 0);
	ck_assert_uint_eq(admin(0xd, 1, 1, 0), 0); /* its namespace is deleted */
	check_test(3, 2, 1);
	ck_assert_uint_eq(admin(0x14, 0, 2, 0), 0);
	ck_assert_uint_eq(admin(0x84, 0, 2, 0), 0); /* sanitize */
	ck_assert_uint_eq(get_log(6, 564), 0x1d);
}
END_TEST

static uint16_t io(uint8_t op)
{
	struct tsqe e = {.opcode = op, .nsid = 1, .prp1 = cl_iova(&c, data), .cdw12 = 7};

	return cl_exec(&c, 1, e, NULL);
}

/* The status log's fields. */
static uint16_t sanitize_status(uint16_t *progress)
{
	ck_assert_uint_eq(get_log(0x81, 512), 0);
	if (progress)
		*progress = page[0] | page[1] << 8;
	return page[2] | page[3] << 8;
}

static uint16_t wait_sanitize(void)
{
	uint64_t until = cl_now_ms() + 5000;
	uint16_t status;

	do {
		ck_assert_uint_lt(cl_now_ms(), until);
		status = sanitize_status(NULL);
	} while ((status & 7) == 2);
	return status;
}

START_TEST(test_sanitize)
{
	struct tsqe aer = {.opcode = 0xc};
	struct tcqe cqe;

	identify();
	ck_assert_uint_eq(page[328] & 7, 7);
	ck_assert_uint_eq(sanitize_status(NULL), 0x100); /* never, and nothing was written */
	memset(data, 0x77, 4096);
	ck_assert_uint_eq(io(1), 0);
	ck_assert_uint_eq(sanitize_status(NULL), 0);
	ck_assert_uint_eq(admin(0x84, 0, 0, 0), FIELD);
	ck_assert_uint_eq(admin(0x84, 0, 5, 0), FIELD);
	ck_assert_uint_eq(admin(0x84, 0, 1, 0), 0); /* nothing has failed */
	cl_submit(&c, 0, aer);
	ck_assert_uint_eq(admin(0x84, 0, 2, 0), 0);
	ck_assert(cl_wait(&c, 0, &cqe, 5000));
	ck_assert_uint_eq(cqe.dw0, 0x810106);
	ck_assert_uint_eq(sanitize_status(NULL), 0x101);
	ck_assert_uint_eq(page[4], 2);
	ck_assert_uint_eq(io(2), 0);
	for (unsigned int i = 0; i < 4096; i++)
		ck_assert_uint_eq(data[i], 0);
	/* Three passes of a pattern that stays. */
	ck_assert_uint_eq(admin(0x84, 0, 3 | 3 << 4 | 1 << 9, 0x12345678), 0);
	ck_assert_uint_eq(wait_sanitize(), 0x101 | 3 << 3);
	ck_assert_uint_eq(io(2), 0);
	for (unsigned int i = 0; i < 1024; i++)
		ck_assert_uint_eq(((uint32_t *)data)[i], 0x12345678);
	ck_assert_uint_eq(admin(0x84, 0, 4 | 1 << 9, 0), 0); /* the key is lost */
	ck_assert_uint_eq(wait_sanitize(), 0x101);
	ck_assert_uint_eq(io(2), 0);
	ck_assert_uint_ne(((uint32_t *)data)[5], 0x12345678);
	ck_assert_uint_ne(((uint32_t *)data)[5], 0);
}
END_TEST

START_TEST(test_sanitize_fails)
{
	/* Restricted: nothing but a sanitize that succeeds helps. */
	srv_ok(&srv, "sanitize-fails");
	ck_assert_uint_eq(admin(0x84, 0, 2, 0), 0);
	ck_assert_uint_eq(wait_sanitize() & 7, 3);
	ck_assert_uint_eq(io(2), 0x1c);
	ck_assert_uint_eq(admin(0x80, 1, 0, 0), 0x1c);
	ck_assert_uint_eq(admin(0x84, 0, 1, 0), DNR | 0x1c);
	ck_assert_uint_eq(admin(0x84, 0, 2 | 8, 0), DNR | 0x1c);
	cl_enable(&c, 32);
	cl_pair(&c, 1, 16, -1);
	ck_assert_uint_eq(io(2), 0x1c);
	ck_assert_uint_eq(admin(0x84, 0, 2, 0), 0);
	ck_assert_uint_eq(wait_sanitize() & 7, 1);
	ck_assert_uint_eq(io(2), 0);
	/* Unrestricted: it can be left as it is. */
	srv_ok(&srv, "sanitize-fails");
	ck_assert_uint_eq(admin(0x84, 0, 2 | 8, 0), 0);
	ck_assert_uint_eq(wait_sanitize() & 7, 3);
	ck_assert_uint_eq(io(2), 0x1c);
	ck_assert_uint_eq(admin(0x84, 0, 1, 0), 0);
	ck_assert_uint_eq(io(2), 0);
	ck_assert_uint_eq(sanitize_status(NULL) & 7, 3);
}
END_TEST

START_TEST(test_sanitize_in_progress)
{
	static const uint8_t refused[] = {0xd, 0x10, 0x11, 0x14, 0x15, 0x80, 0x81, 0x82, 0x84};
	uint16_t progress;

	ck_assert_uint_eq(admin(0x84, 0, 3 | 2 << 4, 0), 0);
	ck_assert_uint_eq(sanitize_status(&progress) & 7, 2);
	ck_assert_uint_lt(progress, 65535);
	for (unsigned int i = 0; i < sizeof(refused); i++)
		ck_assert_msg(admin(refused[i], 1, 1, 0) == 0x1d, "%x", refused[i]);
	ck_assert_uint_eq(admin(0x99, 1, 1, 0), DNR | 1);
	for (uint8_t op = 0; op < 0x10; op++)
		ck_assert_uint_eq(io(op), 0x1d);
	ck_assert_uint_eq(get_log(1, 64), 0);
	ck_assert_uint_eq(*(uint64_t *)(page + 16), 0); /* no LBA is told */
	ck_assert_uint_eq(get_log(2, 512), 0);
	ck_assert_uint_eq(get_log(4, 512), 0);
	ck_assert_uint_eq(get_log(5, 512), 0x1d);
	identify();
	/* No reset ends it, nor does another client. */
	cl_close(&c);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	cl_pair(&c, 1, 16, -1);
	page = cl_alloc(&c, 4096);
	data = cl_alloc(&c, 4096);
	ck_assert_uint_eq(sanitize_status(NULL) & 7, 2);
	ck_assert_uint_eq(io(2), 0x1d);
}
END_TEST

START_TEST(test_security)
{
	memset(page, 0xee, 4096);
	ck_assert_uint_eq(admin(0x82, 0, 0, 512), 0);
	for (unsigned int i = 0; i < 9; i++)
		ck_assert_uint_eq(page[i], i == 7);
	ck_assert_uint_eq(page[9], 0xee);
	memset(page, 0xee, 4096);
	ck_assert_uint_eq(admin(0x82, 0, 0, 8), 0);
	ck_assert_uint_eq(page[7], 1);
	ck_assert_uint_eq(page[8], 0xee);
	ck_assert_uint_eq(admin(0x82, 0, 0, 0), 0);
	ck_assert_uint_eq(admin(0x82, 0, 1 << 8, 512), 0); /* no certificate */
	ck_assert_uint_eq(page[0] | page[1] | page[2] | page[3], 0);
	ck_assert_uint_eq(admin(0x82, 0, 2 << 8, 512), FIELD);
	ck_assert_uint_eq(admin(0x82, 0, 1u << 24, 512), FIELD);
	ck_assert_uint_eq(admin(0x82, 0, 0, UINT32_MAX), FIELD);
	ck_assert_uint_eq(admin(0x81, 0, 0, 512), FIELD);
}
END_TEST

START_TEST(test_slow_ready)
{
	static const char *const args[] = {"--ns", "1M", "--time", "ready=40", NULL};
	uint64_t begin = cl_now_ms();
	struct tsqe e = {.opcode = 6, .cdw10 = 1};

	teardown();
	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	ck_assert_uint_ge(cl_now_ms() - begin, 39);
	/* A command that comes before is carried out after. */
	page = cl_alloc(&c, 4096);
	e.prp1 = cl_iova(&c, page);
	cl_set32(&c, 0x14, 0);
	c.q[0].tail = c.q[0].head = 0;
	c.q[0].phase = true;
	memset((void *)(uintptr_t)c.q[0].cq, 0, 32 * 16);
	cl_set32(&c, 0x14, 6 << 16 | 4 << 20 | 1);
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1);
}
END_TEST

/* The options that say how long it takes. */
START_TEST(test_options)
{
	static const char *const bad[] = {"--time sanitize", "--time sanitize=0", "--time format=x",
					  "--time lunch=60", "--capacity 64",	  "--capacity no",
					  "--max-ns 0",	     "--max-ns 33"};
	const char *build = getenv("top_builddir");
	char line[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line),
			 "%s/tests/sim/vfnd-sim --socket %s/x --ns 1M %s 2>/dev/null",
			 build ? build : ".", srv.dir, bad[i]);
		ck_assert_msg(system(line) != 0, "%s", bad[i]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim-manage");
	TCase *tc = tcase_create("quick"), *slow = tcase_create("slow");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_firmware);
	tcase_add_test(tc, test_firmware_at_once);
	tcase_add_test(tc, test_firmware_resets);
	tcase_add_test(tc, test_self_test);
	tcase_add_test(tc, test_sanitize);
	tcase_add_test(tc, test_sanitize_fails);
	tcase_add_test(tc, test_security);
	tcase_add_test(tc, test_slow_ready);
	tcase_add_test(tc, test_options);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(slow, 60);
	tcase_add_checked_fixture(slow, setup_slow, teardown);
	tcase_add_test(slow, test_self_test_ends);
	tcase_add_test(slow, test_sanitize_in_progress);
	suite_add_tcase(suite, slow);
	return unit_run(suite);
}
