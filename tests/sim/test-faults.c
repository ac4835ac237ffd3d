/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Faults and events by the control socket; Abort; what deletion and reset do to kept commands. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DNR 0x4000

static struct srv srv;
static struct cl c;
static uint64_t iova;

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M", NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	iova = cl_iova(&c, cl_alloc(&c, 4096));
	cl_pair(&c, 1, 16, -1);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static uint16_t read_block(void)
{
	return cl_io(&c, 1, 2, 0, 8, iova, 0);
}

static uint16_t post_read(void)
{
	struct tsqe e = {.opcode = 2, .nsid = 1, .prp1 = iova, .cdw12 = 7};

	return cl_submit(&c, 1, e);
}

static uint16_t abort_cmd(uint16_t sqid, uint16_t cid, uint32_t *dw0)
{
	struct tsqe e = {.opcode = 8, .cdw10 = sqid | (uint32_t)cid << 16};

	return cl_exec(&c, 0, e, dw0);
}

START_TEST(test_status)
{
	struct tsqe e = {.opcode = 6, .cdw10 = 1, .prp1 = iova};

	srv_ok(&srv, "status io 0x02 3 2 0x81");
	srv_ok(&srv, "status io 2 1 0 06 dnr");
	ck_assert_int_eq(srv_stat(&srv, "faults"), 2);
	ck_assert_uint_eq(read_block(), DNR | 6);
	ck_assert_uint_eq(read_block(), 0);
	ck_assert_uint_eq(read_block(), 0x281);
	ck_assert_uint_eq(read_block(), 0);
	ck_assert_int_eq(srv_stat(&srv, "faults"), 0);
	ck_assert_int_eq(srv_stat(&srv, "fault_hits"), 2);
	srv_ok(&srv, "status admin 6 0 0 6");
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 6);
	ck_assert_uint_eq(read_block(), 0); /* opcode 6 of the admin queue alone */
	srv_ok(&srv, "clear");
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
}
END_TEST

START_TEST(test_delay)
{
	struct tcqe cqe;
	uint64_t begin = cl_now_ms();
	uint16_t slow, fast;

	srv_ok(&srv, "delay io 2 1 300");
	slow = post_read();
	fast = post_read();
	ck_assert(cl_wait(&c, 1, &cqe, 200));
	ck_assert_uint_eq(cqe.cid, fast);
	ck_assert_int_eq(srv_stat(&srv, "outstanding"), 1);
	ck_assert(cl_wait(&c, 1, &cqe, 2000));
	ck_assert_uint_eq(cqe.cid, slow);
	ck_assert_uint_eq(cqe.sfp >> 1, 0);
	ck_assert_uint_ge(cl_now_ms() - begin, 299);
	ck_assert_uint_lt(cl_now_ms() - begin, 1000);
}
END_TEST

START_TEST(test_abort_delayed)
{
	struct tcqe cqe;
	uint32_t dw0;
	uint16_t cid;

	srv_ok(&srv, "delay io 2 1 60000");
	cid = post_read();
	ck_assert(!cl_wait(&c, 1, &cqe, 50));
	ck_assert_uint_eq(abort_cmd(1, cid, &dw0), 0);
	ck_assert_uint_eq(dw0, 0);
	ck_assert(cl_wait(&c, 1, &cqe, 1000));
	ck_assert_uint_eq(cqe.cid, cid);
	ck_assert_uint_eq(cqe.sfp >> 1, 7);
	ck_assert_uint_eq(abort_cmd(1, cid, &dw0), 0); /* it is not there any more */
	ck_assert_uint_eq(dw0, 1);
	ck_assert_uint_eq(abort_cmd(9, 1, &dw0), 0);
	ck_assert_uint_eq(dw0, 1);
}
END_TEST

START_TEST(test_drop)
{
	struct tcqe cqe;
	uint32_t dw0;
	uint16_t cid;

	srv_ok(&srv, "drop io 2 1");
	cid = post_read();
	ck_assert(!cl_wait(&c, 1, &cqe, 100));
	ck_assert_uint_eq(read_block(), 0);
	ck_assert_uint_eq(abort_cmd(1, cid, &dw0), 0);
	ck_assert_uint_eq(dw0, 0);
	ck_assert(cl_wait(&c, 1, &cqe, 1000));
	ck_assert_uint_eq(cqe.sfp >> 1, 7);
	srv_ok(&srv, "drop io 2 1 stuck");
	cid = post_read();
	ck_assert(!cl_wait(&c, 1, &cqe, 100));
	ck_assert_uint_eq(abort_cmd(1, cid, &dw0), 0);
	ck_assert_uint_eq(dw0, 1);
	ck_assert(!cl_wait(&c, 1, &cqe, 100));
	/* A reset is what helps. */
	cl_enable(&c, 16);
	ck_assert_int_eq(srv_stat(&srv, "outstanding"), 0);
}
END_TEST

START_TEST(test_deletion_ends_commands)
{
	struct tsqe del = {.opcode = 0, .cdw10 = 1};
	struct tcqe cqe;
	uint16_t first, second;

	srv_ok(&srv, "delay io 2 1 60000");
	srv_ok(&srv, "drop io 2 1");
	first = post_read();
	second = post_read();
	ck_assert(!cl_wait(&c, 1, &cqe, 50));
	ck_assert_uint_eq(cl_exec(&c, 0, del, NULL), 0);
	/* Their completions are there before that of the deletion. */
	ck_assert(cl_wait(&c, 1, &cqe, 0));
	ck_assert_uint_eq(cqe.cid, first);
	ck_assert_uint_eq(cqe.sfp >> 1, 8);
	ck_assert(cl_wait(&c, 1, &cqe, 0));
	ck_assert_uint_eq(cqe.cid, second);
	ck_assert_int_eq(srv_stat(&srv, "outstanding"), 0);
}
END_TEST

START_TEST(test_cid_conflict)
{
	struct tcqe cqe;
	uint16_t cid;

	srv_ok(&srv, "drop io 2 1");
	cid = post_read();
	ck_assert(!cl_wait(&c, 1, &cqe, 50));
	c.cid = cid;
	ck_assert_uint_eq(read_block(), DNR | 3);
}
END_TEST

START_TEST(test_events)
{
	struct tsqe aer = {.opcode = 0xc}, log = {.opcode = 2, .nsid = UINT32_MAX};
	struct tsqe cfg = {.opcode = 9, .cdw10 = 0xb};
	struct tcqe cqe;
	uint32_t dw0;

	log.prp1 = iova;
	srv_ok(&srv, "smart-warning 2"); /* not enabled yet */
	cl_submit(&c, 0, aer);
	ck_assert(!cl_wait(&c, 0, &cqe, 50));
	/* Enabled while it is there: told at once. */
	cfg.cdw11 = 2;
	cl_submit(&c, 0, cfg);
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	ck_assert_uint_eq(cqe.dw0, 0x020101);
	/* Other types are not held up by that one. */
	srv_ok(&srv, "event 2 0 4");
	srv_ok(&srv, "event 2 0 4");
	srv_ok(&srv, "event 2 1 3");
	srv_ok(&srv, "event 7 0x42 0xc5");
	ck_assert_int_eq(srv_stat(&srv, "events_queued"), 3);
	cl_submit(&c, 0, aer);
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	ck_assert_uint_eq(cqe.dw0, 0x040002);
	cl_submit(&c, 0, aer);
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	ck_assert_uint_eq(cqe.dw0, 0xc54207);
	cl_submit(&c, 0, aer);
	ck_assert(!cl_wait(&c, 0, &cqe, 50));
	log.cdw10 = 15 << 16 | 4;
	cl_submit(&c, 0, log);
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	ck_assert(cl_wait(&c, 0, &cqe, 1000));
	/* An event request can be aborted. */
	dw0 = cl_submit(&c, 0, aer);
	{
		struct tsqe ab = {.opcode = 8, .cdw10 = dw0 << 16};
		uint16_t cid = cl_submit(&c, 0, ab);

		ck_assert(cl_wait(&c, 0, &cqe, 1000));
		ck_assert_uint_eq(cqe.cid, dw0);
		ck_assert_uint_eq(cqe.sfp >> 1, 7);
		ck_assert(cl_wait(&c, 0, &cqe, 1000));
		ck_assert_uint_eq(cqe.cid, cid);
		ck_assert_uint_eq(cqe.dw0, 0);
	}
	/* A reset forgets what was not told; the warning itself stays. */
	srv_ok(&srv, "event 2 1 3");
	cl_enable(&c, 16);
	ck_assert_int_eq(srv_stat(&srv, "events_queued"), 0);
	ck_assert_uint_eq(cl_exec(&c, 0,
				  (struct tsqe){.opcode = 2,
						.nsid = UINT32_MAX,
						.prp1 = iova,
						.cdw10 = 127 << 16 | 2},
				  NULL),
			  0);
	ck_assert_uint_eq(c.mem[iova - CL_IOVA], 2);
}
END_TEST

START_TEST(test_control_errors)
{
	static const char *const bad[] = {
		"",
		"nonsense",
		"status",
		"status io 2 1 0",
		"status io 256 1 0 0",
		"status net 2 1 0 0",
		"status io 2 1 8 0",
		"status io 2 1 0 0 please",
		"delay io 2 1",
		"delay io 2 1 -5",
		"drop io 2 1 glued",
		"drop io",
		"event 8 0 0",
		"event 1",
		"smart-warning 256",
		"smart-warning",
		"clear all",
		"status io 2x 1 0 0",
	};
	char out[65536];

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!srv_tell(&srv, out, sizeof(out), "%s", bad[i]), "%s: %s", bad[i],
			      out);
		ck_assert_int_eq(strncmp(out, "error: ", 7), 0);
	}
	ck_assert(srv_tell(&srv, out, sizeof(out), "help"));
	for (int i = 0; i < 64; i++)
		srv_ok(&srv, "drop io 0x99 1");
	ck_assert(!srv_tell(&srv, out, sizeof(out), "drop io 0x99 1"));
	srv_ok(&srv, "clear");
	cl_set32(&c, 0x14, 0);
	ck_assert(!srv_tell(&srv, out, sizeof(out), "event 2 0 4"));
}
END_TEST

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *fmt, ...)
{
	const char *build = getenv("top_builddir");
	char line[1024], args[512];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s/tests/sim/vfnd-sim %s >%s/out 2>&1", build ? build : ".",
		 args, srv.dir);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool said(const char *text)
{
	char path[128], out[8192];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/out", srv.dir);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	fclose(f);
	unlink(path);
	out[n] = 0;
	return strstr(out, text) != NULL;
}

START_TEST(test_tell)
{
	ck_assert_int_eq(run("--tell %s 'drop io 2 1' stats", srv.control), 0);
	ck_assert(said("\"faults\":1"));
	ck_assert_int_eq(run("--tell %s 'smart-warning x' clear", srv.control), 1);
	ck_assert(said("error: smart-warning"));
	ck_assert_int_eq(run("--tell %s 'release x'", srv.control), 1);
	ck_assert(said("error: release takes no argument"));
	ck_assert_int_eq(srv_stat(&srv, "faults"), 1);
	ck_assert_int_eq(run("--tell %s/none help", srv.dir), 1);
	ck_assert(said("/none"));
	ck_assert_int_ne(run("--tell %s", srv.control), 0);
	ck_assert(said("COMMAND"));
}
END_TEST

START_TEST(test_wrong_options)
{
	static const struct {
		const char *args, *says;
	} bad[] = {
		{"", "--socket"},
		{"--socket x", "--ns"},
		{"--socket x --ns 5Q", "--ns 5Q"},
		{"--socket x --ns 0", "--ns 0"},
		{"--socket x --ns 100", "--ns 100"},
		{"--socket x --ns /no/such/file", "/no/such/file"},
		{"--socket x --ns /dev/null", "/dev/null"},
		{"--socket x --ns 1M --queues 0", "--queues"},
		{"--socket x --ns 1M --queues 512", "--queues"},
		{"--socket x --ns 1M --mdts 17", "--mdts"},
		{"--socket x --ns 1M --mdts -1", "--mdts"},
		{"--socket x --ns 1M --block-size 520", "520"},
		{"--socket x --ns 1M --serial 123456789012345678901", "--serial"},
		{"--socket x --ns 1M --model ''", "--model"},
		{"--socket x --ns 1M status", "status"},
		{"--socket /no/such/folder/x --ns 1M", "/no/such/folder/x"},
		{"--socket x --ns 1M --what", "--what"},
		{"--tell x --socket y help", "--tell"},
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(run("%s", bad[i].args) > 0, "%s", bad[i].args);
		ck_assert_msg(said(bad[i].says), "%s does not say %s", bad[i].args, bad[i].says);
	}
	/* A server that lives keeps its sockets; what is no socket is not touched. */
	ck_assert_int_eq(run("--socket %s --ns 1M", srv.socket), 1);
	ck_assert(said("another server"));
	ck_assert_int_eq(run("--socket %s/x --control %s --ns 1M", srv.dir, srv.control), 1);
	ck_assert(said("another server"));
	ck_assert_int_eq(run("--socket /etc/hostname --ns 1M"), 1);
	ck_assert(said("not a socket"));
	ck_assert_int_eq(access("/etc/hostname", F_OK), 0);
	ck_assert_uint_eq(read_block(), 0);
}
END_TEST

UNIT_MAIN("sim-faults", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_status);
	tcase_add_test(tc, test_delay);
	tcase_add_test(tc, test_abort_delayed);
	tcase_add_test(tc, test_drop);
	tcase_add_test(tc, test_deletion_ends_commands);
	tcase_add_test(tc, test_cid_conflict);
	tcase_add_test(tc, test_events);
	tcase_add_test(tc, test_control_errors);
	tcase_add_test(tc, test_tell);
	tcase_add_test(tc, test_wrong_options);
})
