/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Those who trace and behave badly: they disturb nobody, and nothing is left of them. */
#include "int.h"
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/frame.h"
#include "proto/trace.h"

#define WORK 2000 /* commands */

/* Somebody else's work goes on, and is right. */
static void others_work(unsigned int n)
{
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, env.device);
	struct vfnc_queue *queue = int_queue(dev, 16);
	struct vfnc_buffer *buf = int_buffer(dev, 65536);
	size_t bs = int_namespace(dev, 1).block_size;

	memset(buf->vaddr, 0xc3, bs);
	OK(conn, vfnc_write(queue, 1, 900, 1, buf, 0, bs, NULL));
	for (unsigned int i = 0; i < n; i++)
		OK(conn, vfnc_read(queue, 1, 900, 1, buf, bs, bs, NULL));
	CHECK(memcmp(buf->vaddr, (char *)buf->vaddr + bs, bs) == 0, "something else was read");
	vfnc_disconnect(conn);
}

/* A trace of everything, with its descriptors: the answer as it comes. */
static uint64_t open_raw(int sock, uint64_t device, uint64_t *size, int fds[2])
{
	Vfnd__TraceOpenRequest op = VFND__TRACE_OPEN_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	static uint8_t packet[FRAME_MAX];
	struct fdset set = FDSET_INIT;
	Vfnd__Answer *answer;
	uint64_t handle;
	ssize_t n;

	op.device = device;
	op.scope = VFND__TRACE_SCOPE__TRACE_SCOPE_ALL;
	op.entries = 64;
	req.id = 1000;
	req.op_case = VFND__REQUEST__OP_TRACE_OPEN;
	req.trace_open = &op;
	CHECK(raw_request(sock, &req, NULL), "the connection has ended");
	n = frame_recv(sock, packet, sizeof(packet), &set, 0);
	CHECK(n > 0, "no answer: %zd", n);
	answer = vfnd__answer__unpack(NULL, (size_t)n, packet);
	CHECK(answer && answer->body_case == VFND__ANSWER__BODY_TRACE_OPEN, "no trace");
	CHECK(set.n == 2, "%d descriptors came", set.n);
	CHECK(answer->trace_open->entries == 64, "%u entries", answer->trace_open->entries);
	*size = answer->trace_open->size;
	handle = answer->trace_open->trace;
	vfnd__answer__free_unpacked(answer, NULL);
	fds[0] = fdset_take(&set, 0);
	fds[1] = fdset_take(&set, 1);
	return handle;
}

/* The memory cannot be written, resized, or emptied by whoever has its descriptor. */
static void hostile_memory(void)
{
	int sock = raw_hello(), fds[2], seals, fd;
	uint64_t size, device = raw_open(sock, env.device), byte = 0;
	char path[64];
	void *mem;

	open_raw(sock, device, &size, fds);
	seals = fcntl(fds[0], F_GET_SEALS);
	CHECK((seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
	      "seals are %#x", seals);
	CHECK(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0) == MAP_FAILED && errno == EACCES,
	      "it can be mapped to be written");
	CHECK(write(fds[0], &byte, 8) < 0 && errno == EBADF, "it can be written");
	CHECK(pwrite(fds[0], &byte, 8, 4096) < 0 && errno == EBADF, "it can be written");
	CHECK(ftruncate(fds[0], 0) < 0, "it can be shortened");
	CHECK(fallocate(fds[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size) < 0,
	      "holes can be made");
	mem = mmap(NULL, size, PROT_READ, MAP_SHARED, fds[0], 0);
	CHECK(mem != MAP_FAILED, "it cannot be read: %s", strerror(errno));
	CHECK(mprotect(mem, size, PROT_READ | PROT_WRITE) < 0 && errno == EACCES, "it can be made writable");
	CHECK(madvise(mem, size, MADV_REMOVE) < 0, "it can be emptied");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	if (geteuid() != 0) {
		CHECK(open(path, O_RDWR | O_CLOEXEC) < 0, "it can be opened once more");
	} else {
		/* Nothing is forbidden to root, who can spoil what is root's own trace. */
		fd = open(path, O_RDWR | O_CLOEXEC);
		CHECK(fd >= 0, "%s: %s", path, strerror(errno));
		for (unsigned int i = 0; i < 20; i++) {
			for (uint64_t at = 0; at < size; at += 8)
				CHECK(pwrite(fd, &(uint64_t){UINT64_MAX}, 8, (off_t)at) == 8, "pwrite");
			others_work(10);
		}
		close(fd);
	}
	others_work(100);
	munmap(mem, size);
	close(fds[0]);
	close(fds[1]);
	close(sock);
	others_work(100);
}

/* Numbers and handles that make no sense. */
static void hostile_requests(void)
{
	Vfnd__TraceCloseRequest close_op = VFND__TRACE_CLOSE_REQUEST__INIT;
	Vfnd__TraceOpenRequest op = VFND__TRACE_OPEN_REQUEST__INIT;
	uint32_t statuses[64] = {0}, high[1] = {0x800};
	Vfnd__Request req = VFND__REQUEST__INIT;
	uint8_t opcodes[4096];
	int sock = raw_hello(), fds[2];
	uint64_t device = raw_open(sock, env.device), size, handle, buffer;

	buffer = raw_buffer(sock, device, 4096);
	for (unsigned int i = 0; i < sizeof(opcodes); i++)
		opcodes[i] = (uint8_t)i;
	req.op_case = VFND__REQUEST__OP_TRACE_OPEN;
	req.trace_open = &op;
	raw_refused(sock, &req, ENOENT, "trace_open.device");
	op.device = buffer;
	raw_refused(sock, &req, ENOENT, "trace_open.device");
	op.device = device;
	op.entries = TRACE_MAX_ENTRIES + 1;
	raw_refused(sock, &req, EINVAL, "trace_open.entries");
	op.entries = UINT32_MAX;
	raw_refused(sock, &req, EINVAL, "trace_open.entries");
	op.entries = 0;
	op.queue = 65536;
	raw_refused(sock, &req, EINVAL, "trace_open.queue");
	op.queue = 0;
	op.statuses = statuses;
	op.n_statuses = 17;
	raw_refused(sock, &req, EINVAL, "trace_open.statuses");
	op.statuses = high;
	op.n_statuses = 1;
	raw_refused(sock, &req, EINVAL, "trace_open.statuses");
	op.n_statuses = 0;
	op.scope = (Vfnd__TraceScope)77;
	raw_refused(sock, &req, EINVAL, "trace_open.scope");
	op.scope = VFND__TRACE_SCOPE__TRACE_SCOPE_SESSION;
	op.session = UINT64_MAX;
	raw_refused(sock, &req, EPERM, "trace_open.session");
	op.session = 0;
	op.opcodes.data = opcodes;
	op.opcodes.len = sizeof(opcodes);
	raw_free(raw_call(sock, &req));
	handle = open_raw(sock, device, &size, fds);
	req.op_case = VFND__REQUEST__OP_TRACE_CLOSE;
	req.trace_close = &close_op;
	raw_refused(sock, &req, ENOENT, "trace_close.trace");
	close_op.trace = device;
	raw_refused(sock, &req, ENOENT, "trace_close.trace");
	close_op.trace = handle;
	raw_free(raw_call(sock, &req));
	raw_refused(sock, &req, ENOENT, "trace_close.trace");
	close(fds[0]);
	close(fds[1]);
	close(sock);
}

static struct vfnc *trace_all(unsigned int entries)
{
	struct vfnc_trace_filter filter = {.scope = VFNC_TRACE_ALL, .entries = entries};
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, env.device);
	struct vfnc_trace *trace;

	OK(conn, vfnc_trace_open(dev, &filter, &trace));
	return conn;
}

/* Nobody waits for those who never read. */
static void hostile_never_reads(void)
{
	struct vfnc *conn[3];
	struct ledger ledger;

	ledger_take(&ledger);
	for (int i = 0; i < 3; i++)
		conn[i] = trace_all(64);
	others_work(env.brief ? WORK / 10 : WORK);
	for (int i = 0; i < 3; i++)
		vfnc_disconnect(conn[i]);
	ledger_await(&ledger, 2048);
}

static void tracer(void *arg)
{
	struct vfnc_trace_filter filter = {.scope = VFNC_TRACE_ALL};
	struct vfnc_device *dev = int_open(int_connect(), env.device);
	struct vfnc_trace_entry e;
	struct vfnc_trace *trace;

	OK(vfnc_device_connection(dev), vfnc_trace_open(dev, &filter, &trace));
	int_poke(*(int *)arg);
	while (vfnc_trace_read(trace, &e, -1) == 0)
		;
}

/* Who is killed in the midst of it leaves nothing. */
static void hostile_killed(void)
{
	struct ledger ledger;
	int poke[2];

	ledger_take(&ledger);
	CHECK(pipe2(poke, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	for (unsigned int i = 0; i < 10; i++) {
		pid_t pid = int_spawn(tracer, &poke[1]);

		int_await_poke(poke[0], INT_SOON_MS);
		others_work(50);
		CHECK(kill(pid, SIGKILL) == 0, "kill: %s", strerror(errno));
		int_reap_killed(pid);
		others_work(10);
	}
	close(poke[0]);
	close(poke[1]);
	ledger_await(&ledger, 2048);
}

/* What a client keeps of a trace that it has closed is empty, and counts no more for anybody. */
static void hostile_kept(void)
{
	Vfnd__TraceCloseRequest op = VFND__TRACE_CLOSE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int sock = raw_hello(), fds[2];
	uint64_t size, device = raw_open(sock, env.device);
	const uint64_t *mem;

	op.trace = open_raw(sock, device, &size, fds);
	mem = mmap(NULL, size, PROT_READ, MAP_SHARED, fds[0], 0);
	CHECK(mem != MAP_FAILED, "it cannot be read: %s", strerror(errno));
	others_work(10);
	CHECK(mem[0], "it is empty");
	req.op_case = VFND__REQUEST__OP_TRACE_CLOSE;
	req.trace_close = &op;
	raw_free(raw_call(sock, &req));
	others_work(10);
	for (uint64_t i = 0; i < size / 8; i++)
		CHECK(!mem[i], "it is not empty");
	munmap((void *)mem, size);
	close(fds[0]);
	close(fds[1]);
	close(sock);
}

/* No more than a device can have. */
static void hostile_many(void)
{
	struct vfnc_trace_filter filter = {.entries = 64};
	struct vfnc *conn[20];
	struct ledger ledger;
	unsigned int n = 0;
	int ret = 0;

	ledger_take(&ledger);
	while (ret == 0) {
		struct vfnc_device *dev;
		struct vfnc_trace *trace;

		CHECK(n < 20, "%u sessions have traces of one device", n);
		conn[n] = int_connect();
		dev = int_open(conn[n], env.device);
		ret = vfnc_trace_open(dev, &filter, &trace);
		n++;
	}
	CHECK(ret == -ENOSPC && n == 17, "trace %u: %d (%s)", n, ret, vfnc_error(conn[n - 1]));
	others_work(50);
	while (n)
		vfnc_disconnect(conn[--n]);
	ledger_await(&ledger, 2048);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("a trace's memory can only be read", hostile_memory),
		INT_CASE("requests that make no sense are refused", hostile_requests),
		INT_CASE("nobody waits for those who never read", hostile_never_reads),
		INT_CASE("who is killed leaves nothing", hostile_killed),
		INT_CASE("what is kept of a closed trace is empty", hostile_kept),
		INT_CASE("a device has no more traces than it may", hostile_many),
		{0},
	};

	return int_main("trace-hostile", cases);
}
