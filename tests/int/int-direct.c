/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Direct queues: queue pairs of the controller that clients drive by themselves, alone and beside others. */
#include "client.h"
#include "int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfn/nvme.h>

#define DEPTH  32
#define LENGTH ((size_t)4096)

/* ---- data -------------------------------------------------------------------------------- */

static void verify(void)
{
	struct client c;

	client_open(&c, NULL, VFNC_QUEUE_DIRECT, 64, 1 << 20);
	CHECK(c.queue->mode == VFNC_QUEUE_DIRECT && c.queue->qid > 0, "it is another queue");
	int_seed(1);
	for (uint32_t i = 0; i < 200; i++)
		client_verify(&c, 1, i, 0, c.bs * (1 + int_random((256 << 10) / c.bs)));
	FAILS(c.conn, EINVAL, vfnc_io(c.queue, &(struct vfnc_cmd){.opcode = 0, .nsid = 1}, NULL));
	OK(c.conn, vfnc_queue_delete(c.queue));
	client_close(&c);
}

/* Many outstanding, and a client that now and then sleeps over it. */
static void pipelined(void)
{
	unsigned int sent = 0, done = 0, total = 20000;
	uint64_t until = int_now_ms() + (env.longer ? 10000 : 0);
	struct client c;

	client_open(&c, NULL, VFNC_QUEUE_DIRECT, DEPTH, DEPTH * LENGTH);
	int_seed(2);
	while (done < total) {
		if (sent == total && int_now_ms() < until)
			total += 1000;
		while (sent < total && sent - done < DEPTH - 1 && int_random(8)) {
			client_post(&c, sent & 1, sent % 512, LENGTH, sent % DEPTH * LENGTH);
			sent++;
		}
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

static void polled_fd(void)
{
	struct client c;

	client_open(&c, NULL, VFNC_QUEUE_DIRECT, 4, LENGTH);
	CHECK(vfnc_queue_wait(c.queue, 20) == 0, "a completion of nothing");
	for (unsigned int i = 0; i < 200; i++) {
		struct pollfd pfd = {.fd = vfnc_queue_fd(c.queue), .events = POLLIN};

		client_post(&c, false, i, LENGTH, 0);
		nvme_sq_update_tail(c.queue->sq);
		while (vfnc_queue_arm(c.queue) == 0) {
			CHECK(poll(&pfd, 1, INT_SOON_MS) == 1, "no interrupt of command %u", i);
			vfnc_queue_disarm(c.queue);
		}
		CHECK(client_take(&c) == 0, "command %u failed", i);
	}
	client_close(&c);
}

/* ---- who may, and how many --------------------------------------------------------------- */

static void refused(void)
{
	struct vfnc_queue_opts opts = {.mode = VFNC_QUEUE_DIRECT};
	struct vfnc_device *dev = int_open(int_connect(), env.device2);
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_queue *queue;

	FAILS_SAYING(conn, EPERM, "direct = yes", vfnc_queue_create(dev, &opts, &queue));
	vfnc_disconnect(conn);
}

static void all(void)
{
	struct vfnc_queue_opts opts = {.mode = VFNC_QUEUE_DIRECT, .entries = 4};
	struct vfnc_queue *queue[128], *one_more;
	struct ledger before;
	unsigned int n = 1;
	struct client c;

	ledger_settle();
	ledger_take(&before);
	client_open(&c, NULL, VFNC_QUEUE_DIRECT, 4, LENGTH);
	queue[0] = c.queue;
	while (n < 128 && vfnc_queue_create(c.dev, &opts, &queue[n]) == 0)
		n++;
	CHECK(n > 1, "there is but one queue: %s", vfnc_error(c.conn));
	if (n < 128)
		FAILS(c.conn, ENOSPC, vfnc_queue_create(c.dev, &opts, &one_more));
	for (unsigned int i = 0; i < 3 * n; i++) {
		c.queue = queue[i % n];
		client_rw(&c, false, i, LENGTH, 0);
	}
	/* One is deleted, and what takes its place has its interrupts. */
	OK(c.conn, vfnc_queue_delete(queue[1]));
	opts.mode = VFNC_QUEUE_REQUEST;
	OK(c.conn, vfnc_queue_create(c.dev, &opts, &queue[1]));
	c.queue = queue[1];
	OK(c.conn, vfnc_read(c.queue, 1, 0, (uint32_t)(LENGTH / c.bs), c.buf, 0, LENGTH, NULL));
	client_close(&c);
	ledger_await(&before, 8192);
}

/* Nobody can wait for its commands: what changes namespaces is refused, and says whose queue it is. */
static void excluded(void)
{
	struct vfnc_cmd format = {.opcode = 0x80, .nsid = 2, .timeout_ms = INT_SOON_MS};
	struct vfnc_cmd sanitize = {.opcode = 0x84, .cdw10 = 2};
	struct vfnc_cmd flush = {.opcode = 0, .nsid = 1};
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, env.device);
	struct vfnc_queue *queue = int_queue(dev, 4);
	struct vfnc_completion completion;
	uint8_t id_ns[4096];
	struct client c;
	char who[64];

	/* The format that it has: those who come later know its size. */
	OK(conn, vfnc_identify_ns(dev, 2, id_ns, NULL));
	format.cdw10 = (id_ns[26] & 0xf) | (uint32_t)(id_ns[26] & 0x10);
	client_open(&c, NULL, VFNC_QUEUE_DIRECT, 16, LENGTH);
	snprintf(who, sizeof(who), "session %llu has a direct queue (%u)", (unsigned long long)vfnc_session(c.conn),
		 c.queue->qid);
	FAILS_SAYING(conn, EBUSY, who, vfnc_admin(dev, &format, NULL));
	FAILS_SAYING(c.conn, EBUSY, who, vfnc_admin(c.dev, &sanitize, NULL));
	/* Others go on, as does what changes nothing. */
	OK(conn, vfnc_io(queue, &flush, NULL));
	client_rw(&c, false, 0, LENGTH, 0);
	OK(c.conn, vfnc_queue_delete(c.queue));
	OK(conn, vfnc_admin(dev, &format, &completion));
	CHECK(vfnc_ok(&completion) || !env.sim_control, "Format NVM: %#x", completion.status);
	client_close(&c);
	vfnc_disconnect(conn);
}

/* ---- ends -------------------------------------------------------------------------------- */

static void fill(struct client *c)
{
	for (unsigned int j = 0; j < 63; j++)
		client_post(c, j & 1, 100 + j, LENGTH, j * LENGTH);
	nvme_sq_update_tail(c->queue->sq);
}

static void deleted(void)
{
	struct ledger before;
	struct client c, other;

	ledger_settle();
	ledger_take(&before);
	client_open(&other, NULL, VFNC_QUEUE_DIRECT, 16, 1 << 16);
	for (uint32_t i = 0; i < 30; i++) {
		client_open(&c, NULL, VFNC_QUEUE_DIRECT, 64, 64 * LENGTH);
		fill(&c);
		if (i % 2) {
			OK(c.conn, vfnc_queue_delete(c.queue));
			OK(c.conn, vfnc_buffer_free(c.buf));
		}
		client_verify(&other, 1, i, 4096, LENGTH);
		client_close(&c);
	}
	client_close(&other);
	ledger_await(&before, 8192);
}

/* What a client keeps mapped of a queue that was deleted is empty: its memory was given back. */
static void kept(void)
{
	size_t page = (size_t)getpagesize();

	for (int i = 0; i < 2; i++) {
		enum vfnc_queue_mode mode = i ? VFNC_QUEUE_DIRECT : VFNC_QUEUE_SERVED;
		struct client c;
		uint8_t *copy;

		client_open(&c, NULL, mode, 16, 2 * LENGTH);
		client_rw(&c, false, 0, LENGTH, 0);
		copy = mremap(c.queue->sq->vaddr, 0, page, MREMAP_MAYMOVE);
		CHECK(copy != MAP_FAILED, "mremap: %s", strerror(errno));
		CHECK(copy[0] == 0x02, "%s: the command is not there", client_mode_name(mode));
		OK(c.conn, vfnc_queue_delete(c.queue));
		for (size_t at = 0; at < page; at++)
			CHECK(!copy[at], "%s: what was there still is", client_mode_name(mode));
		munmap(copy, page);
		client_close(&c);
	}
}

/* ---- a child that keeps what a killed client had ------------------------------------------ */

struct heir {
	int ready[2], stop[2]; /* pipes: to the test; to the child */
};

/*
 * It has all descriptors and all mappings but the connection, and writes to them: the queue's memory, and what wakes
 * whom. Doorbells it leaves alone: those of a number that has another queue by now are that queue's.
 */
static void heir_lives(struct client *c, const struct heir *h)
{
	struct pollfd stop = {.fd = h->stop[0], .events = POLLIN};
	struct nvme_sq *sq = c->queue->sq;
	struct nvme_cq *cq = c->queue->cq;

	close(vfnc_fd(c->conn));
	int_poke(h->ready[1]);
	while (poll(&stop, 1, 0) == 0) {
		memset(sq->vaddr, (int)int_random(256), 64 * 64);
		memset(cq->vaddr, (int)int_random(256), 64 * 16);
		memset(sq->pages.vaddr, (int)int_random(256), LENGTH);
		memset(c->buf->vaddr, (int)int_random(256), c->buf->size);
		for (unsigned int i = 0; i < 20 && sq->kick; i++)
			sq->kick(sq->kick_arg, 0, 0);
	}
	_exit(0);
}

static void heir_parent(void *arg)
{
	struct heir *h = arg;
	struct client c;
	pid_t pid;

	client_open(&c, NULL, VFNC_QUEUE_DIRECT, 64, 64 * LENGTH);
	fill(&c);
	pid = fork();
	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid == 0)
		heir_lives(&c, h);
	for (;;)
		pause();
}

/*
 * A client is killed while a child of its lives on with copies of what it had. The daemon takes queue and memory back
 * from the controller all the same, and others, whose queues have the same numbers then, do not notice what the child
 * writes. (That it holds a device of the kernel's VFIO up, once the daemon gives that back, is documented.)
 */
static void inherited(void)
{
	struct heir h;
	struct ledger before;
	struct client c[2];
	pid_t pid;

	CHECK(pipe(h.ready) == 0 && pipe(h.stop) == 0, "no pipes");
	ledger_settle();
	ledger_take(&before);
	pid = int_spawn(heir_parent, &h);
	int_await_poke(h.ready[0], INT_SOON_MS);
	CHECK(kill(pid, SIGKILL) == 0, "kill: %s", strerror(errno));
	int_reap_killed(pid);
	ledger_await(&before, 8192);
	client_open(&c[0], NULL, VFNC_QUEUE_DIRECT, 64, 64 * LENGTH);
	client_open(&c[1], NULL, VFNC_QUEUE_REQUEST, 16, 2 * LENGTH);
	for (uint32_t i = 0; i < (env.longer ? 20000u : 300u); i++)
		client_verify(&c[i % 2], i, i, 8192, LENGTH);
	int_poke(h.stop[1]);
	client_close(&c[0]);
	client_close(&c[1]);
	ledger_await(&before, 8192);
}

/* ---- a client that does as it likes ------------------------------------------------------ */

#define MISUSED 256

/* The descriptors that a client has got: those that are not in `old`. */
static void misuse_fds(const bool *old)
{
	for (int fd = 3; fd < MISUSED; fd++)
		if (!old[fd] && fcntl(fd, F_GETFD) >= 0)
			fcntl(fd, F_SETFL, int_random(2) ? O_NONBLOCK : 0);
}

static void misuse_doorbell(void *doorbell, const struct nvme_dbbuf *dbbuf)
{
	leint32_t value = cpu_to_le32((uint32_t)int_random(int_random(8) ? 64 : UINT32_MAX));

	if (dbbuf->doorbell) {
		__atomic_store(&*(leint32_t *)dbbuf->doorbell, &value, __ATOMIC_RELAXED);
		value = cpu_to_le32((uint32_t)int_random(UINT32_MAX));
		__atomic_store(&*(leint32_t *)dbbuf->eventidx, &value, __ATOMIC_RELAXED);
	}
	if (doorbell && (!dbbuf->doorbell || int_random(2)))
		mmio_write32(doorbell, value);
}

/*
 * All that it shares but the submission entries, for those can name memory that is not mapped: that
 * would be the controller's fault, and is what direct queues are not checked for.
 */
static void misuse(void *arg)
{
	uint64_t until = int_now_ms() + (env.longer ? 20000 : 1500);
	bool old[MISUSED];
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	struct client c;

	for (int fd = 0; fd < MISUSED; fd++)
		old[fd] = fcntl(fd, F_GETFD) >= 0;
	int_seed(*(unsigned int *)arg);
	client_open(&c, NULL, VFNC_QUEUE_DIRECT, 64, 64 * LENGTH);
	sq = c.queue->sq;
	cq = c.queue->cq;
	fill(&c);
	while (int_now_ms() < until) {
		for (unsigned int i = 0; i < 100; i++) {
			((uint64_t *)cq->vaddr)[int_random(128)] = int_random(UINT64_MAX);
			((uint64_t *)sq->pages.vaddr)[int_random(512)] = int_random(UINT64_MAX);
		}
		misuse_doorbell(sq->doorbell, &sq->dbbuf);
		misuse_doorbell(cq->doorbell, &cq->dbbuf);
		for (unsigned int i = 0; i < 20 && sq->kick; i++) {
			sq->kick(sq->kick_arg, 0, 0);
			cq->kick(cq->kick_arg, 0, 0);
		}
		misuse_fds(old);
		if (int_random(50) == 0)
			madvise(cq->vaddr, (size_t)getpagesize(), MADV_REMOVE);
	}
	for (int fd = 3; fd < MISUSED; fd++)
		if (!old[fd])
			shutdown(fd, SHUT_RDWR);
	_exit(0);
}

static void hostile(void)
{
	unsigned int seeds[3] = {11, 12, 13}, rounds = 0;
	uint64_t until = int_now_ms() + (env.longer ? 21000 : 1800);
	struct ledger before;
	struct client c[3];
	pid_t pids[3];

	ledger_settle();
	ledger_take(&before);
	for (unsigned int i = 0; i < 3; i++)
		pids[i] = int_spawn(misuse, &seeds[i]);
	for (unsigned int i = 0; i < 3; i++)
		client_open(&c[i], NULL, (enum vfnc_queue_mode)i, 16, 2 * LENGTH);
	do {
		client_verify(&c[rounds % 3], 1 + rounds % 3, rounds, 8192, LENGTH);
		rounds++;
	} while (int_now_ms() < until || rounds < 30);
	for (unsigned int i = 0; i < 3; i++)
		int_join(pids[i], INT_SOON_MS);
	int_note("%u writes read back beside them", rounds);
	for (unsigned int i = 0; i < 3; i++)
		client_close(&c[i]);
	ledger_await(&before, 8192);
}

/* ---- resets ------------------------------------------------------------------------------ */

/* A queue that a reset has taken away says so to whoever sleeps on it, and a new one works. */
static void reset(void)
{
	struct client c, other;
	struct vfnc_queue_opts opts = {.mode = VFNC_QUEUE_DIRECT};
	struct vfnc_queue *again;
	int ret;

	client_open(&c, NULL, VFNC_QUEUE_DIRECT, 16, 1 << 16);
	client_open(&other, NULL, VFNC_QUEUE_REQUEST, 16, 1 << 16);
	/* A queue that cannot be deleted has the controller reset. */
	sim_tell(env.sim_control, "delay io 2 0 60000");
	client_post(&c, false, 0, LENGTH, 0);
	nvme_sq_update_tail(c.queue->sq);
	sim_tell(env.sim_control, "status admin 0 1 0 6");
	ret = vfnc_queue_delete(other.queue);
	CHECK(ret == 0 || ret == -ECANCELED, "queue_delete: %d", ret);
	sim_tell(env.sim_control, "clear");
	ret = vfnc_queue_wait(c.queue, INT_SOON_MS);
	CHECK(ret == -ECONNRESET, "the wait for a queue that is gone: %d", ret);
	OK(c.conn, vfnc_queue_delete(c.queue));
	for (int i = 0; (ret = vfnc_queue_create(c.dev, &opts, &again)) == -EAGAIN && i < 2000; i++)
		int_pause();
	OK(c.conn, ret);
	c.queue = again;
	client_verify(&c, 1, 1, 0, LENGTH);
	client_close(&other);
	client_close(&c);
}

static const struct int_case cases[] = {
	INT_CASE("data of every length and place come back as they were written", verify),
	INT_CASE("thousands of commands, with sleeps between them", pipelined),
	INT_CASE("a descriptor tells of completions", polled_fd),
	INT_CASE("no direct queues where the configuration does not say so", refused),
	INT_CASE("all queues of the controller, and others in their place", all),
	INT_CASE("formats and the like are refused beside them", excluded),
	INT_CASE("queues with outstanding commands are deleted", deleted, .limit = 120),
	INT_CASE("what is kept of a deleted queue is empty", kept),
	INT_CASE("a child that keeps what a killed client had harms nobody", inherited),
	INT_CASE("clients that misuse what they are given disturb nobody else", hostile, .limit = 120),
	INT_CASE("a reset ends a direct queue, which its client is told", reset, .limit = 120, .faults = true),
	{0},
};

/* Where there are few queue pairs, and less vectors than that. */
static const struct int_case few_cases[] = {
	INT_CASE("all queues of the controller, some of which share a vector", all),
	{0},
};

int main(void)
{
	const char *brief = getenv("INT_BRIEF");

	return int_main("direct", brief && atoi(brief) ? few_cases : cases);
}
