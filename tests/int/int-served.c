/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Served queues: libvfn's queues in memory that is shared with the daemon. */
#include "blocks.h"
#include "int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfn/nvme.h>

#include "proto/served.h"
#include "served.h"

#define DEPTH 32

/* ---- data -------------------------------------------------------------------------------- */

static void verify(void)
{
	struct client c;
	size_t half = 1 << 20;
	uint8_t *out, *in;

	client_open(&c, 64, 2 * half);
	out = c.buf->vaddr;
	in = out + half;
	int_seed(1);
	for (unsigned int i = 0; i < 200; i++) {
		uint32_t most = (uint32_t)((256 << 10) / c.bs),
			 blocks = 1 + (uint32_t)int_random(most);
		uint64_t slba = int_random(1000), at = 4 * int_random(1024);
		size_t len = (size_t)blocks * c.bs;

		for (size_t j = 0; j < len; j++)
			out[at + j] = (uint8_t)int_random(256);
		memset(in + at, 0, len);
		CHECK(client_do(&c, true, slba, blocks, at) == 0, "write");
		CHECK(client_do(&c, false, slba, blocks, half + at) == 0, "read");
		CHECK(!memcmp(out + at, in + at, len),
		      "round %u: what was read is not what was written", i);
	}
	/* pieces, by SGL or PRPs as the controller has them */
	for (unsigned int i = 0; i < 20; i++) {
		struct iovec iov[3] = {{in + 8192, 4096}, {in + 65536, 8192}, {in, 4096}};
		struct nvme_rq *rq = nvme_rq_acquire(c.queue->sq);
		union nvme_cmd cmd = {.rw = {.opcode = 2}};

		for (size_t j = 0; j < 16384; j++)
			out[j] = (uint8_t)int_random(256);
		CHECK(client_do(&c, true, 8, 16384 / c.bs, 0) == 0, "write");
		rq = rq ? rq : nvme_rq_acquire(c.queue->sq);
		cmd.rw.nsid = cpu_to_le32(1);
		cmd.rw.slba = cpu_to_le64(8);
		cmd.rw.nlb = cpu_to_le16((uint16_t)(16384 / c.bs - 1));
		CHECK(!nvme_rq_mapv(c.ctrl, rq, &cmd, iov, 3), "%s", vfn_error());
		nvme_rq_exec(rq, &cmd);
		CHECK(client_reap(&c) == 0, "read in pieces");
		CHECK(!memcmp(in + 8192, out, 4096) && !memcmp(in + 65536, out + 4096, 8192) &&
			      !memcmp(in, out + 12288, 4096),
		      "the pieces are not what was written");
	}
	client_close(&c);
}

/* Many outstanding, and a client that now and then sleeps over it. */
static void pipelined(void)
{
	struct client c;
	unsigned int sent = 0, done = 0, total = 20000;
	uint64_t until = int_now_ms() + (env.longer ? 10000 : 0);

	client_open(&c, DEPTH, DEPTH * 4096);
	int_seed(2);
	while (done < total) {
		bool any = false;

		if (sent == total && int_now_ms() < until)
			total += 1000;
		while (sent < total && sent - done < DEPTH - 1 && int_random(8)) {
			client_post(&c, sent & 1, sent % 512, 4096 / c.bs, sent % DEPTH * 4096);
			sent++;
			any = true;
		}
		if (any)
			nvme_sq_update_tail(c.queue->sq);
		if (int_random(500) == 0)
			usleep((useconds_t)int_random(2000));
		if (sent > done) {
			CHECK(client_reap(&c) == 0, "command %u failed", done);
			done++;
		}
	}
	client_close(&c);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void refused(void)
{
	struct client c, other;
	union nvme_cmd read = {.rw = {.opcode = 2}}, cmd;
	struct vfnc_buffer *gone;
	uint64_t gone_iova;

	client_open(&c, 16, 1 << 16);
	client_open(&other, 16, 1 << 16);
	read.rw.nsid = cpu_to_le32(1);
	read.dptr.prp1 = cpu_to_le64(c.buf->iova);
	CHECK(refused_by(&c, read) == 0, "a good command");
	cmd = read;
	cmd.dptr.prp1 = cpu_to_le64(c.buf->iova + c.buf->size - c.bs + 4);
	CHECK(refused_by(&c, cmd) == 0x04, "one dword outside");
	cmd.dptr.prp1 = cpu_to_le64(other.buf->iova);
	CHECK(refused_by(&c, cmd) == 0x04, "somebody else's buffer");
	gone = int_buffer(c.dev, 4096);
	gone_iova = gone->iova;
	cmd.dptr.prp1 = cpu_to_le64(gone_iova);
	CHECK(refused_by(&c, cmd) == 0, "a further buffer");
	OK(c.conn, vfnc_buffer_free(gone));
	CHECK(refused_by(&c, cmd) == 0x04, "a buffer that was freed");
	cmd = read;
	cmd.dptr.prp1 = cpu_to_le64(c.buf->iova + 2);
	CHECK(refused_by(&c, cmd) == 0x13, "an odd address");
	cmd = read;
	cmd.rw.nsid = cpu_to_le32(77);
	CHECK(refused_by(&c, cmd) == 0x0b, "a namespace that is not there");
	cmd = read;
	cmd.opcode = 0x93;
	CHECK(refused_by(&c, cmd) == 0x01, "a length that nobody knows");
	cmd = read;
	cmd.flags = 0xc0;
	CHECK(refused_by(&c, cmd) == 0x02, "a reserved PSDT");
	/* the controller's own word is handed on */
	cmd = read;
	cmd.rw.slba = cpu_to_le64(c.blocks);
	CHECK(refused_by(&c, cmd) == 0x80, "LBA out of range");
	FAILS(c.conn, EINVAL, vfnc_io(c.queue, &(struct vfnc_cmd){.opcode = 0, .nsid = 1}, NULL));
	client_close(&other);
	client_close(&c);
}

/* ---- queues ------------------------------------------------------------------------------ */

/*
 * More queues than the controller has: each works, also all at once, and after others have gone.
 * MANY_QUEUES on the software controller that the loop serves, FEWER_QUEUES elsewhere.
 */
enum { MANY_QUEUES = 1000, FEWER_QUEUES = 100 };

/* A command on each of the queues, all of them outstanding before the first is looked for. */
static void many_do(struct client *c, struct vfnc_queue **queues, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		c->queue = queues[i];
		client_post(c, false, i, 1, 0);
		nvme_sq_update_tail(c->queue->sq);
	}
	for (unsigned int i = 0; i < n; i++) {
		c->queue = queues[i];
		CHECK(client_reap(c) == 0, "queue %u of %u", i, n);
	}
}

static void many(void)
{
	bool all = !where && env.sim_control;
	unsigned int n = all ? MANY_QUEUES : FEWER_QUEUES;
	struct vfnc_queue *queues[MANY_QUEUES];
	struct ledger before;
	struct client c;

	/* Three descriptors of a queue are kept by either side, and one of the memory for its lists. */
	if (all && !int_files(5 * MANY_QUEUES)) {
		int_note("not all: as many files cannot be open here");
		n = FEWER_QUEUES;
	}
	ledger_take(&before);
	client_open(&c, 4, 4096);
	queues[0] = c.queue;
	for (unsigned int i = 1; i < n; i++)
		queues[i] = served_queue(c.dev, 4);
	many_do(&c, queues, n);
	for (unsigned int i = 0; i < n; i += 3) {
		OK(c.conn, vfnc_queue_delete(queues[i]));
		queues[i] = served_queue(c.dev, 4);
	}
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = i + 1; j < n; j++)
			CHECK(queues[i]->qid != queues[j]->qid, "two queues have the number %u",
			      queues[i]->qid);
	many_do(&c, queues, n);
	client_close(&c);
	ledger_await(&before, 65536);
}

/* Deleted while it has commands outstanding: buffers and queues are given back, and others go on.
 */
static void deleted(void)
{
	struct ledger before;
	struct client c, other;

	ledger_settle();
	ledger_take(&before);
	client_open(&other, 16, 4096);
	for (unsigned int i = 0; i < (env.sim_control ? 50 : 15); i++) {
		client_open(&c, 64, 64 * 4096);
		for (unsigned int j = 0; j < 63; j++)
			client_post(&c, j & 1, j, 4096 / c.bs, j * 4096);
		nvme_sq_update_tail(c.queue->sq);
		if (i % 2)
			OK(c.conn, vfnc_queue_delete(c.queue));
		CHECK(client_do(&other, false, 1, 1, 0) == 0, "another client's");
		if (i % 2)
			OK(c.conn, vfnc_buffer_free(c.buf));
		client_close(&c);
	}
	client_close(&other);
	ledger_await(&before, 8192);
}

/*
 * Two sessions' queues on one pair. One is deleted with a command outstanding, which completes while its
 * Abort is under way: the other one's next command is not aborted in its place.
 */
static void late_abort(void)
{
	enum { MANY = 200, EACH = 128 };
	const char *control = where ? env.sim_control2 : env.sim_control;
	struct vfnc_statistics before, after;
	struct vfnc_queue *queues[EACH];
	struct client a, b;

	client_open(&a, 4, 4096);
	client_open(&b, 4, 4096);
	/* more than there are pairs, and of each pair's queues one is b's at least */
	for (unsigned int i = 0; i < MANY; i++)
		served_queue(a.dev, 4);
	for (unsigned int i = 0; i < EACH; i++)
		queues[i] = served_queue(b.dev, 4);
	sim_tell(control, "delay admin 8 1 600");
	sim_tell(control, "delay io 2 1 300");
	a.queue = served_queue(a.dev, 4);
	client_post(&a, false, 0, 1, 0);
	nvme_sq_update_tail(a.queue->sq);
	usleep(20000);
	OK(a.conn, vfnc_statistics(a.conn, a.dev, &before));
	OK(a.conn, vfnc_queue_delete(a.queue));
	OK(a.conn, vfnc_statistics(a.conn, a.dev, &after));
	CHECK(after.aborts == before.aborts + 1, "%llu Aborts were sent",
	      (unsigned long long)(after.aborts - before.aborts));
	sim_tell(control, "delay io 2 0 800");
	for (unsigned int i = 0; i < EACH; i++) {
		b.queue = queues[i];
		client_post(&b, false, 0, 1, 0);
		nvme_sq_update_tail(b.queue->sq);
	}
	for (unsigned int i = 0; i < EACH; i++) {
		uint16_t status;

		b.queue = queues[i];
		status = client_reap(&b);
		CHECK(status == 0, "queue %u: status %#x", i, status);
	}
	sim_tell(control, "clear");
	client_close(&b);
	client_close(&a);
}

static void killed_client(void *arg)
{
	struct client c;
	int ready = *(int *)arg;

	client_open(&c, 64, 64 * 4096);
	for (unsigned int n = 0;; n++) {
		for (unsigned int j = 0; j < 63; j++)
			client_post(&c, j & 1, 1024 + j, 4096 / c.bs, j * 4096);
		nvme_sq_update_tail(c.queue->sq);
		if (n == 0)
			int_poke(ready);
		for (unsigned int j = 0; j < 63; j++)
			client_reap(&c);
	}
}

static void killed(void)
{
	unsigned int times = env.sim_control ? 100 : 15;
	uint64_t until = int_now_ms() + (env.longer ? 20000 : 0);
	struct ledger before;
	struct client c;
	int fds[2];

	ledger_settle();
	ledger_take(&before);
	CHECK(pipe2(fds, O_CLOEXEC) == 0, "pipe");
	client_open(&c, 16, 2 * 4096);
	for (unsigned int i = 0; i < times || int_now_ms() < until; i++) {
		pid_t pid = int_spawn(killed_client, &fds[1]);

		int_await_poke(fds[0], INT_SOON_MS);
		usleep((useconds_t)int_random(1000));
		kill(pid, SIGKILL);
		memset(c.buf->vaddr, (int)i, 4096);
		CHECK(client_do(&c, true, 5, 4096 / c.bs, 0) == 0, "write");
		CHECK(client_do(&c, false, 5, 4096 / c.bs, 4096) == 0, "read");
		CHECK(!memcmp(c.buf->vaddr, (uint8_t *)c.buf->vaddr + 4096, 4096), "data");
		int_reap_killed(pid);
	}
	client_close(&c);
	close(fds[0]);
	close(fds[1]);
	ledger_await(&before, 8192);
}

/* ---- a client that does as it likes ------------------------------------------------------ */

static void scribble(void *arg)
{
	struct client c;
	struct served_control *control;
	size_t size;

	client_open(&c, 64, 16 * 4096);
	int_seed(*(unsigned int *)arg);
	/* the shared memory, found by where the queue lies */
	control = (struct served_control *)((uint8_t *)c.queue->sq->vaddr -
					    served_sq_offset((uint64_t)getpagesize()));
	size = served_size(64, (uint64_t)getpagesize());
	for (;;) {
		for (unsigned int i = 0; i < 200; i++) {
			uint64_t value = int_random(UINT64_MAX);
			size_t at = int_random(3) ? int_random(size - 8) : 64 + 4 * int_random(3);

			if (int_random(3))
				value %= 64;
			if (at >= served_sq_offset((uint64_t)getpagesize()) && int_random(2))
				value = c.buf->iova + (value << 12) % 0x20000;
			memcpy((uint8_t *)control + at, &value, int_random(2) ? 4 : 8);
			memcpy((uint8_t *)c.buf->vaddr + int_random(c.buf->size - 8), &value, 8);
		}
		if (int_random(50) == 0)
			madvise((uint8_t *)control + 4096 * int_random(size / 4096), 4096,
				MADV_REMOVE);
		/* the descriptors are the client's to play with */
		fcntl(vfnc_queue_fd(c.queue), F_SETFL, int_random(2) ? O_NONBLOCK : 0);
		c.queue->sq->kick(c.queue->sq->kick_arg, 0, 0);
	}
}

static void hostile(void)
{
	unsigned int seeds[4] = {11, 12, 13, 14};
	struct ledger before;
	struct client c;
	pid_t pids[4];
	unsigned int rounds = 0;
	uint64_t until;

	ledger_settle();
	ledger_take(&before);
	client_open(&c, 16, 2 * 4096);
	for (unsigned int i = 0; i < 4; i++)
		pids[i] = int_spawn(scribble, &seeds[i]);
	until = int_now_ms() + (env.longer ? 21000 : 1800);
	/* However long it takes: a busy machine is none of theirs. */
	while (int_now_ms() < until || rounds < (env.sim_control ? 100 : 20)) {
		memset(c.buf->vaddr, (int)rounds, 4096);
		CHECK(client_do(&c, true, 2000, 4096 / c.bs, 0) == 0, "write");
		CHECK(client_do(&c, false, 2000, 4096 / c.bs, 4096) == 0, "read");
		rounds++;
	}
	for (unsigned int i = 0; i < 4; i++) {
		kill(pids[i], SIGKILL);
		int_reap_killed(pids[i]);
	}
	int_note("%u rounds beside them", rounds);
	client_close(&c);
	ledger_await(&before, 8192);
}

static void verify_polled(void)
{
	where = env.device2;
	verify();
	settle_polled();
}

static void pipelined_polled(void)
{
	where = env.device2;
	pipelined();
	settle_polled();
}

static void many_polled(void)
{
	where = env.device2;
	many();
	settle_polled();
}

static void late_abort_polled(void)
{
	where = env.device2;
	late_abort();
	settle_polled();
}

static const struct int_case cases[] = {
	INT_CASE("data of every length and place come back as they were written", verify),
	INT_CASE("thousands of commands, with sleeps between them", pipelined),
	INT_CASE("what a command may not name is refused, as a controller would", refused),
	INT_CASE("more queues than the controller has", many),
	INT_CASE("queues with outstanding commands are deleted", deleted, .limit = 120),
	INT_CASE("an Abort that comes late hits no other queue's command", late_abort, .faults = true),
	INT_CASE("killed clients are cleared away while others verify", killed, .limit = 120),
	INT_CASE("clients that scribble over what they share disturb nobody", hostile,
		 .limit = 120),
	INT_CASE("by a polling thread: data", verify_polled),
	INT_CASE("by a polling thread: thousands of commands", pipelined_polled),
	INT_CASE("by a polling thread: more queues than the controller has", many_polled),
	INT_CASE("by a polling thread: an Abort that comes late", late_abort_polled, .faults = true),
	{0},
};

int main(void)
{
	return int_main("served", cases);
}
