/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that die, take their memory away, or keep it to themselves. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DNR 0x4000

static struct srv srv;
static char file[] = "/tmp/vfnd-sim-ns-XXXXXX";

static void setup(void)
{
	const char *args[] = {"--ns", "16M", "--ns", file, NULL};
	int fd;

	strcpy(file + sizeof(file) - 7, "XXXXXX");
	fd = mkstemp(file);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	close(fd);
	srv_start(&srv, args);
}

static void teardown(void)
{
	srv_stop(&srv);
	unlink(file);
}

static void check_next_client(void)
{
	uint8_t *p;
	struct cl c;

	cl_up(&c, &srv, RING_STORE, 16);
	cl_pair(&c, 1, 16, -1);
	p = cl_alloc(&c, 4096);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, p), 0), 0);
	ck_assert_int_eq(srv_stat(&srv, "mappings"), 1);
	ck_assert_int_eq(srv_stat(&srv, "outstanding"), 0);
	ck_assert_int_eq(srv_stat(&srv, "vectors"), 0);
	cl_close(&c);
}

/* Killed with commands on their way, shadow doorbells on, interrupts wired. */
START_TEST(test_killed_clients)
{
	unsigned int before = 0;

	srv_ok(&srv, "delay io 1 0 50");
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			uint32_t set[5] = {20, 4 | 32, 2, 0, 3};
			int fds[3];
			struct cl c;

			cl_up(&c, &srv, i & 1 ? RING_SHADOW : RING_STORE, 64);
			if (i & 1)
				cl_shadow(&c);
			for (int k = 0; k < 3; k++)
				fds[k] = eventfd(0, 0);
			cl_call_try(&c, 8, set, sizeof(set), fds, 3, NULL, NULL);
			cl_pair(&c, 1, 64, 1);
			cl_pair(&c, 2, 64, 2);
			for (int k = 0; k < 60; k++) {
				struct tsqe e = {.opcode = 1 + (k & 1), .nsid = 1};

				e.prp1 = CL_IOVA;
				cl_submit(&c, 1 + (k & 1), e);
			}
			kill(getpid(), SIGKILL);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		check_next_client();
		usleep(5000);
		if (i == 1)
			before = srv_fds(&srv);
	}
	usleep(20000);
	srv_fds_back_to(&srv, before);
	ck_assert_int_eq(srv_stat(&srv, "mappings"), 0);
	ck_assert_int_eq(srv_stat(&srv, "io_sqs"), 0);
	ck_assert_int_eq(srv_stat(&srv, "mapped_bytes"), 0);
}
END_TEST

/* Data pages are gone: the command fails, everything else goes on. */
START_TEST(test_truncated_data)
{
	int fd = memfd_create("short", 0);
	struct cl c;
	struct tsqe e = {.opcode = 2, .prp1 = 0x100000, .cdw12 = 7};
	uint8_t *p;

	cl_up(&c, &srv, RING_MESSAGE, 16);
	cl_pair(&c, 1, 16, -1);
	p = cl_alloc(&c, 4096);
	ck_assert_int_eq(ftruncate(fd, 0x10000), 0);
	ck_assert_int_eq(cl_map_try(&c, 0x100000, 0x10000, 0, 3, fd), 0);
	for (e.nsid = 1; e.nsid <= 2; e.nsid++) {
		for (e.opcode = 1; e.opcode <= 2; e.opcode++) {
			/* A page that was lost once has been replaced: each command takes its own.
			 */
			e.prp1 += 0x1000;
			ck_assert_int_eq(ftruncate(fd, 0x10000), 0);
			ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
			ck_assert_int_eq(ftruncate(fd, 0), 0);
			ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), DNR | 4);
			ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, p), 0), 0);
		}
	}
	e.opcode = 5;
	e.nsid = 1;
	e.prp1 += 0x1000;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), DNR | 4);
	/* PRP lists too, and what Identify writes. */
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 24, cl_iova(&c, p), 0x10a000), DNR | 4);
	e = (struct tsqe){.opcode = 6, .prp1 = 0x10b000, .cdw10 = 1};
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), DNR | 4);
	ck_assert_int_gt(srv_stat(&srv, "dma_faults"), 0);
	cl_close(&c);
	close(fd);
	check_next_client();
}
END_TEST

/* Queues and shadow doorbells are gone: the controller fails, the server does not. */
START_TEST(test_truncated_queues)
{
	struct cl c;
	uint64_t until = cl_now_ms() + 3000;

	cl_up(&c, &srv, _i & 1 ? RING_SHADOW : RING_MESSAGE, 16);
	if (_i & 1)
		cl_shadow(&c);
	cl_pair(&c, 1, 16, -1);
	if (_i & 2)
		usleep(2000);
	ck_assert_int_eq(ftruncate(c.memfd, 0), 0);
	c.ring = RING_MESSAGE;
	c.shadow = NULL;
	cl_ring(&c, 2, 5);
	if (_i & 1) /* a ring alone counts for nothing there: any look at the shadow will do */
		cl_ring(&c, 0, 3);
	while (!(cl_reg32(&c, 0x1c) & 2))
		ck_assert_uint_lt(cl_now_ms(), until);
	/* New memory, a reset, and it works again. */
	ck_assert_int_eq(cl_unmap_try(&c, CL_IOVA, CL_MEM), 0);
	ck_assert_int_eq(ftruncate(c.memfd, CL_MEM), 0);
	ck_assert_int_eq(cl_map_try(&c, CL_IOVA, CL_MEM, 0, 3, c.memfd), 0);
	cl_enable(&c, 16);
	cl_pair(&c, 1, 16, -1);
	cl_close(&c);
	check_next_client();
}
END_TEST

/* Memory unmapped under a running controller, all of it, and back. */
START_TEST(test_remap)
{
	struct cl c;
	uint8_t *p;

	cl_up(&c, &srv, RING_SHADOW, 16);
	cl_shadow(&c);
	cl_pair(&c, 1, 16, -1);
	p = cl_alloc(&c, 4096);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(cl_unmap_try(&c, CL_IOVA, CL_MEM), 0);
		if (i % 7 == 0)
			usleep(500);
		ck_assert_int_eq(cl_map_try(&c, CL_IOVA, CL_MEM, 0, 3, c.memfd), 0);
		ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, p), 0), 0);
	}
	cl_close(&c);
}
END_TEST

/* A client that keeps its memory: every access is a message to it. */
struct keeper {
	int fd;	     /* the server's end is the device */
	int to_test; /* replies go here */
	uint8_t *mem;
	atomic_uint reads, writes;
};

static void readn(int fd, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (uint8_t *)buf + got, len - got);

		if (n <= 0)
			pthread_exit(NULL);
		got += n;
	}
}

static void *keeper_run(void *arg)
{
	static uint8_t buf[16 + 16 + (1 << 20)];
	struct keeper *k = arg;

	for (;;) {
		uint32_t *h = (uint32_t *)buf;
		uint64_t *io = (uint64_t *)(buf + 16);
		uint32_t size;

		readn(k->fd, buf, 16);
		size = h[1];
		readn(k->fd, buf + 16, size - 16);
		if ((h[2] & 0xf) == 1) {
			if (write(k->to_test, buf, size) != (ssize_t)size)
				return NULL;
			continue;
		}
		h[2] = 1;
		h[3] = 0;
		if (io[0] < CL_IOVA || io[0] + io[1] > CL_IOVA + CL_MEM) {
			h[1] = 16;
			h[2] = 0x21;
			h[3] = EFAULT;
		} else if (h[0] >> 16 == 11) {
			atomic_fetch_add(&k->reads, 1);
			memcpy(buf + 32, k->mem + (io[0] - CL_IOVA), io[1]);
			h[1] = 32 + io[1];
		} else {
			atomic_fetch_add(&k->writes, 1);
			memcpy(k->mem + (io[0] - CL_IOVA), buf + 32, io[1]);
			h[1] = 32;
		}
		if (write(k->fd, buf, h[1]) != (ssize_t)h[1])
			return NULL;
	}
}

START_TEST(test_memory_by_message)
{
	struct keeper k = {0};
	pthread_t thread;
	int pair[2];
	uint8_t *data, *back;
	uint64_t *list;
	struct cl c;

	cl_connect(&c, &srv);
	cl_version(&c);
	c.mem = mmap(NULL, CL_MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	c.ring = RING_MESSAGE;
	ck_assert_int_eq(cl_map_try(&c, CL_IOVA, CL_MEM, 0, 3, -1), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	k.fd = dup(c.fd);
	k.to_test = pair[0];
	k.mem = c.mem;
	ck_assert_int_eq(pthread_create(&thread, NULL, keeper_run, &k), 0);
	/* From here on the test's own messages go out directly, and answers come by the thread. */
	c.reply_fd = pair[1];
	cl_cfg_set16(&c, 4, 0x406);
	cl_enable(&c, 16);
	cl_pair(&c, 1, 16, -1);
	data = cl_alloc(&c, 65536);
	back = cl_alloc(&c, 65536);
	list = cl_alloc(&c, 4096);
	for (int i = 0; i < 65536; i++)
		data[i] = i * 3 + (i >> 10);
	for (int i = 0; i < 15; i++)
		list[i] = cl_iova(&c, data + (i + 1) * 4096);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 128, cl_iova(&c, data), cl_iova(&c, list)), 0);
	for (int i = 0; i < 15; i++)
		list[i] = cl_iova(&c, back + (i + 1) * 4096);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 128, cl_iova(&c, back), cl_iova(&c, list)), 0);
	ck_assert_int_eq(memcmp(data, back, 65536), 0);
	ck_assert_uint_gt(atomic_load(&k.reads), 4);
	ck_assert_uint_gt(atomic_load(&k.writes), 4);
	shutdown(c.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(k.fd);
	close(pair[0]);
	close(pair[1]);
	cl_close(&c);
	check_next_client();
}
END_TEST

/* It was asked for memory by message and is gone. */
START_TEST(test_gone_while_asked)
{
	struct cl c;
	uint64_t d[4];
	uint32_t h[4];

	cl_connect(&c, &srv);
	cl_version(&c);
	ck_assert_int_eq(cl_map_try(&c, CL_IOVA, CL_MEM, 0, 3, -1), 0);
	c.ring = RING_MESSAGE;
	cl_cfg_set16(&c, 4, 0x406);
	cl_set64(&c, 0x28, CL_IOVA);
	cl_set64(&c, 0x30, CL_IOVA + 4096);
	cl_set32(&c, 0x24, 0xf000f);
	cl_set32(&c, 0x14, 6 << 16 | 4 << 20 | 1);
	cl_ring(&c, 0, 1);
	ck_assert_int_eq(read(c.fd, h, 16), 16);
	ck_assert_int_eq(read(c.fd, d, 16), 16);
	ck_assert_uint_eq(h[0] >> 16, 11);
	ck_assert_uint_eq(d[0], CL_IOVA);
	ck_assert_uint_eq(d[1], 64);
	cl_close(&c);
	check_next_client();
}
END_TEST

UNIT_MAIN("sim-survive", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_killed_clients);
	tcase_add_test(tc, test_truncated_data);
	tcase_add_loop_test(tc, test_truncated_queues, 0, 4);
	tcase_add_test(tc, test_remap);
	tcase_add_test(tc, test_memory_by_message);
	tcase_add_test(tc, test_gone_while_asked);
})
