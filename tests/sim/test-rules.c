/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that can be asked to go wrong, as a host sees it; files of it; runs that are repeated.
 */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DNR 0x4000

static struct srv srv;
static struct cl c;
static uint8_t *page;
static uint64_t iova;

static void up(const char *const *args)
{
	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	page = cl_alloc(&c, 4096);
	iova = cl_iova(&c, page);
	cl_pair(&c, 1, 16, -1);
}

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M", "--ns", "1M", NULL};

	up(args);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static uint16_t read_at(uint64_t slba, uint32_t blocks)
{
	return cl_io(&c, 1, 2, slba, blocks, iova, 0);
}

START_TEST(test_where)
{
	struct tsqe e = {.opcode = 2, .nsid = 2, .prp1 = iova};

	srv_ok(&srv, "status io any 0 2 0x81 nsid=1 lba=8-15");
	ck_assert_uint_eq(read_at(0, 8), 0);
	ck_assert_uint_eq(read_at(7, 2), 0x281);
	ck_assert_uint_eq(read_at(15, 1), 0x281);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 15, 1, iova, 0), 0x281);
	ck_assert_uint_eq(cl_io(&c, 1, 8, 10, 1, 0, 0), 0x281);
	ck_assert_uint_eq(read_at(16, 1), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 0, 0, 1, 0, 0), 0); /* Flush has no range */
	e.cdw10 = 8;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
}
END_TEST

START_TEST(test_twice)
{
	struct tsqe e = {.opcode = 2, .nsid = 1, .prp1 = iova};
	struct tcqe cqe;
	uint16_t cid;

	srv_ok(&srv, "twice io 2 1");
	cid = cl_submit(&c, 1, e);
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert(cl_wait(&c, 1, &cqe, 1000));
		ck_assert_uint_eq(cqe.cid, cid);
		ck_assert_uint_eq(cqe.sfp >> 1, 0);
	}
	ck_assert_uint_eq(read_at(0, 1), 0);
}
END_TEST

START_TEST(test_wrong_identifier)
{
	struct tsqe e = {.opcode = 2, .nsid = 1, .prp1 = iova};
	struct tcqe cqe;
	uint16_t cid;

	srv_ok(&srv, "cid io 2 1 0xbeef");
	srv_ok(&srv, "cid io 2 2");
	cl_submit(&c, 1, e);
	ck_assert(cl_wait(&c, 1, &cqe, 1000));
	ck_assert_uint_eq(cqe.cid, 0xbeef);
	cid = cl_submit(&c, 1, e);
	ck_assert(cl_wait(&c, 1, &cqe, 1000));
	ck_assert_uint_eq(cqe.cid, cid ^ 0x8000);
}
END_TEST

START_TEST(test_corrupt)
{
	struct tsqe id = {.opcode = 6, .cdw10 = 1, .prp1 = iova};
	unsigned int wrong = 0;

	memset(page, 0x40, 4096);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, iova, 0), 0);
	/* on its way to the host: the medium is as it was */
	srv_ok(&srv, "corrupt io 2 1 1000");
	ck_assert_uint_eq(read_at(0, 8), 0);
	for (unsigned int i = 0; i < 4096; i++)
		ck_assert_uint_eq(page[i], i == 1000 ? 0x41 : 0x40);
	ck_assert_uint_eq(read_at(0, 8), 0);
	ck_assert_uint_eq(page[1000], 0x40);
	/* on its way to the medium: Compare sees it */
	srv_ok(&srv, "corrupt io 1 1");
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, iova, 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 5, 0, 8, iova, 0), DNR | 0x285);
	ck_assert_uint_eq(read_at(0, 8), 0);
	for (unsigned int i = 0; i < 4096; i++)
		wrong += page[i] != 0x40;
	ck_assert_uint_eq(wrong, 1);
	/* what Identify says */
	ck_assert_uint_eq(cl_exec(&c, 0, id, NULL), 0);
	wrong = page[77];
	srv_ok(&srv, "corrupt admin 6 1 77");
	ck_assert_uint_eq(cl_exec(&c, 0, id, NULL), 0);
	ck_assert_uint_eq(page[77], wrong ^ 1);
}
END_TEST

START_TEST(test_event_with_a_command)
{
	struct tsqe aer = {.opcode = 0xc};
	struct tcqe cqe;

	cl_submit(&c, 0, aer);
	srv_ok(&srv, "event io 2 2 1 1 2");
	ck_assert_uint_eq(read_at(0, 1), 0);
	ck_assert_int_eq(srv_stat(&srv, "event_requests"), 1);
	ck_assert_uint_eq(read_at(0, 1), 0);
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	ck_assert_uint_eq(cqe.dw0, 0x020101);
}
END_TEST

START_TEST(test_fatal)
{
	struct tsqe e = {.opcode = 2, .nsid = 1, .prp1 = iova};
	struct tcqe cqe;

	srv_ok(&srv, "cfs io 2 1");
	cl_submit(&c, 1, e);
	ck_assert(!cl_wait(&c, 1, &cqe, 50));
	ck_assert_uint_eq(cl_reg32(&c, 0x1c) & 2, 2);
	cl_enable(&c, 32);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1);
	srv_ok(&srv, "cfs");
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 3);
	cl_enable(&c, 32);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1);
}
END_TEST

START_TEST(test_ones)
{
	struct tsqe e = {.opcode = 2, .nsid = 1, .prp1 = iova};
	struct tcqe cqe;

	srv_ok(&srv, "ones io 2 1");
	cl_submit(&c, 1, e);
	ck_assert(!cl_wait(&c, 1, &cqe, 50));
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), UINT32_MAX);
	ck_assert_uint_eq(cl_reg64(&c, 0), UINT64_MAX);
	ck_assert_uint_eq(cl_reg32(&c, 0x2000), UINT32_MAX);
	cl_set32(&c, 0x14, 0);
	ck_assert_uint_ne(cl_cfg16(&c, 0), 0xffff); /* the function itself is there */
	ck_assert_int_eq(srv_stat(&srv, "lost"), 1);
	/* That command is lost, and so is the next one's doorbell, until it is rung again. */
	cl_submit(&c, 1, e);
	srv_ok(&srv, "ones off");
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1);
	ck_assert(!cl_wait(&c, 1, &cqe, 50));
	cl_submit(&c, 1, e);
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert(cl_wait(&c, 1, &cqe, 1000));
		ck_assert_uint_eq(cqe.sfp >> 1, 0);
	}
	srv_ok(&srv, "ones on");
	ck_assert_uint_eq(cl_reg32(&c, 8), UINT32_MAX);
	srv_ok(&srv, "ones off");
	ck_assert_uint_eq(cl_reg32(&c, 8), 0x20000);
}
END_TEST

START_TEST(test_link)
{
	struct {
		uint32_t argsz, flags, index, start, count;
	} irq = {20, 1 << 2 | 1 << 5, 3, 0, 1}; /* eventfd, trigger: the error interrupt */
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t n = 0;

	ck_assert_int_eq(cl_call_try(&c, 8, &irq, sizeof(irq), &fd, 1, NULL, NULL), 0);
	srv_ok(&srv, "link down");
	ck_assert_int_eq(read(fd, &n, sizeof(n)), 8);
	ck_assert_uint_eq(cl_cfg16(&c, 0), 0xffff);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), UINT32_MAX);
	cl_cfg_set16(&c, 4, 6);
	srv_ok(&srv, "link down");
	ck_assert_int_lt(read(fd, &n, sizeof(n)), 0); /* it was down already */
	srv_ok(&srv, "link up");
	/* As it is after power-on. */
	ck_assert_uint_eq(cl_cfg16(&c, 4), 0);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 0);
	ck_assert_uint_eq(cl_reg32(&c, 0x14), 0);
	cl_cfg_set16(&c, 4, 0x406);
	cl_enable(&c, 32);
	cl_pair(&c, 1, 16, -1);
	ck_assert_uint_eq(read_at(0, 1), 0);
	close(fd);
}
END_TEST

START_TEST(test_slow_ready)
{
	uint64_t begin;

	srv_ok(&srv, "slow-ready 50");
	begin = cl_now_ms();
	cl_enable(&c, 32);
	ck_assert_uint_ge(cl_now_ms() - begin, 49);
	/* once, and for so long that no driver waits for it */
	srv_ok(&srv, "slow-ready 86400000 0");
	cl_set32(&c, 0x14, 0);
	cl_set32(&c, 0x14, 6 << 16 | 4 << 20 | 1);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 0);
	srv_ok(&srv, "clear");
	cl_enable(&c, 32);
	ck_assert_uint_eq(cl_reg32(&c, 0x1c), 1);
}
END_TEST

START_TEST(test_list)
{
	char out[4096];

	srv_ok(&srv, "drop io 2 0 nsid=2 stuck");
	srv_ok(&srv, "status io 2 0 2 129 times=3");
	ck_assert_uint_eq(read_at(0, 1), 0x281);
	ck_assert(srv_tell(&srv, out, sizeof(out), "list"));
	ck_assert_str_eq(out, "ok [{\"id\":1,\"rule\":\"drop io 2 0 stuck nsid=2\",\"hits\":0},"
			      "{\"id\":2,\"rule\":\"status io 2 1 2 129 times=2\",\"hits\":1}]");
	srv_ok(&srv, "clear 2");
	ck_assert(!srv_tell(&srv, out, sizeof(out), "clear 2"));
	ck_assert(!srv_tell(&srv, out, sizeof(out), "clear x"));
	ck_assert(!srv_tell(&srv, out, sizeof(out), "ones"));
	ck_assert(!srv_tell(&srv, out, sizeof(out), "ones up"));
	ck_assert(!srv_tell(&srv, out, sizeof(out), "link off"));
	ck_assert(!srv_tell(&srv, out, sizeof(out), "slow-ready"));
	ck_assert(!srv_tell(&srv, out, sizeof(out), "slow-ready x"));
	ck_assert(!srv_tell(&srv, out, sizeof(out), "cfs now"));
	ck_assert_uint_eq(read_at(0, 1), 0);
	ck_assert_int_eq(srv_stat(&srv, "faults"), 1);
}
END_TEST

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

/* Two runs with one file have the same faults. */
START_TEST(test_file)
{
	char path[] = "/tmp/vfnd-sim-faults-XXXXXX";
	const char *args[] = {"--ns", "1M", "--faults", path, NULL};
	uint16_t status[2][64];
	bool good = false, bad = false;

	teardown();
	close(mkstemp(path));
	write_file(path, "# some reads fail\n\n  status io 2 0 2 0x81 chance=0.5 seed=42\n");
	for (unsigned int run = 0; run < 2; run++) {
		up(args);
		for (unsigned int i = 0; i < 64; i++) {
			status[run][i] = read_at(0, 1);
			good |= !status[run][i];
			bad |= status[run][i] == 0x281;
		}
		if (!run)
			teardown();
	}
	ck_assert(good && bad);
	ck_assert_int_eq(memcmp(status[0], status[1], sizeof(status[0])), 0);
	unlink(path);
}
END_TEST

START_TEST(test_bad_file)
{
	char path[] = "/tmp/vfnd-sim-faults-XXXXXX", line[600], want[64], out[256];
	const char *build = getenv("top_builddir");
	FILE *f;

	close(mkstemp(path));
	write_file(path, "drop io 2 1\n\nstatus io\n");
	snprintf(line, sizeof(line), "%s/tests/sim/vfnd-sim --socket %s/x --ns 1M --faults %s 2>&1",
		 build ? build : ".", srv.dir, path);
	snprintf(want, sizeof(want), "%s:3: error: ", path);
	f = popen(line, "r");
	ck_assert_ptr_nonnull(fgets(out, sizeof(out), f));
	ck_assert_msg(strstr(out, want) != NULL, "%s", out);
	ck_assert_int_ne(pclose(f), 0);
	unlink(path);
	f = popen(line, "r");
	ck_assert_ptr_nonnull(fgets(out, sizeof(out), f));
	ck_assert_msg(strstr(out, "No such file") != NULL, "%s", out);
	ck_assert_int_ne(pclose(f), 0);
}
END_TEST

UNIT_MAIN("sim-rules", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_where);
	tcase_add_test(tc, test_twice);
	tcase_add_test(tc, test_wrong_identifier);
	tcase_add_test(tc, test_corrupt);
	tcase_add_test(tc, test_event_with_a_command);
	tcase_add_test(tc, test_fatal);
	tcase_add_test(tc, test_ones);
	tcase_add_test(tc, test_link);
	tcase_add_test(tc, test_slow_ready);
	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_file);
	tcase_add_test(tc, test_bad_file);
})
