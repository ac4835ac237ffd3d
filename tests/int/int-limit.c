/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session's limits of commands and bytes a second: what has gone is counted against what the time that has
 * passed allows. test-limit.sh has configured LIMIT_COMMANDS and LIMIT_BYTES on both devices.
 */
#include "int.h"

#include <stdlib.h>
#include <time.h>

#include <vfn/nvme.h>

#define DEPTH  64
#define QUEUES 3

static const char *where;
static uint64_t commands, bytes;

struct client {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *served[QUEUES], *request;
	struct vfnc_buffer *buf;
	unsigned int busy[QUEUES], requests;
	uint32_t bs;
	uint64_t began, done, moved; /* ns; commands; bytes */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void client_open(struct client *c)
{
	struct vfnc_queue_opts opts = {.mode = VFNC_QUEUE_SERVED, .entries = DEPTH};

	*c = (struct client){.dev = int_open(int_connect(), where)};
	c->conn = vfnc_device_connection(c->dev);
	c->bs = int_namespace(c->dev, 1).block_size;
	for (unsigned int i = 0; i < QUEUES; i++)
		OK(c->conn, vfnc_queue_create(c->dev, &opts, &c->served[i]));
	c->request = int_queue(c->dev, DEPTH);
	c->buf = int_buffer(c->dev, 1 << 20);
	c->began = now_ns();
}

/* No more than the bucket and what has flowed since; clocks agree to a hundredth. */
static void client_check(const struct client *c)
{
	uint64_t passed = now_ns() - c->began;
	double seconds = 1.01 * (double)passed / 1e9 + 0.1;

	CHECK((double)c->done <= seconds * (double)commands + 1, "%llu commands in %llu us",
	      (unsigned long long)c->done, (unsigned long long)passed / 1000);
	CHECK((double)c->moved <= seconds * (double)bytes + (256 << 10), "%llu bytes in %llu us",
	      (unsigned long long)c->moved, (unsigned long long)passed / 1000);
}

static void client_reap(struct client *c, unsigned int at, uint32_t length)
{
	struct vfnc_queue *q = c->served[at];
	struct nvme_cqe *cqe;

	while ((cqe = nvme_cq_get_cqe(q->cq))) {
		struct nvme_rq *rq = nvme_rq_from_cqe(vfnc_device_ctrl(c->dev), cqe);

		CHECK(rq && nvme_cqe_ok(cqe), "status %#x", le16_to_cpu(cqe->sfp) >> 1);
		nvme_rq_release(rq);
		c->busy[at]--;
		c->done++;
		c->moved += length;
		client_check(c);
	}
	nvme_cq_update_head(q->cq);
}

static void client_fill(struct client *c, unsigned int at, uint32_t length)
{
	struct vfnc_queue *q = c->served[at];
	struct nvme_rq *rq;

	while ((rq = nvme_rq_acquire(q->sq))) {
		union nvme_cmd cmd = {.rw = {.opcode = 2}};

		cmd.rw.nsid = cpu_to_le32(1);
		cmd.rw.nlb = cpu_to_le16((uint16_t)(length / c->bs - 1));
		CHECK(!nvme_rq_map_prp(vfnc_device_ctrl(c->dev), rq, &cmd, c->buf->iova, length), "%s",
		      vfn_error());
		nvme_rq_post(rq, &cmd);
		c->busy[at]++;
	}
	nvme_sq_update_tail(q->sq);
}

static void client_requests(struct client *c, uint32_t length, bool more)
{
	struct vfnc_cmd cmd = int_rw(false, 1, 0, length / c->bs, c->buf, 0, length);
	struct vfnc_completion completion;
	uint64_t ticket;

	while (more && c->requests < DEPTH - 1) {
		OK(c->conn, vfnc_submit(c->request, &cmd, &ticket));
		c->requests++;
	}
	while (c->requests && vfnc_wait_any(c->conn, &ticket, &completion, more ? 0 : INT_SOON_MS) == 0) {
		CHECK(completion.status == 0, "status %#x", completion.status);
		c->requests--;
		c->done++;
		c->moved += length;
		client_check(c);
	}
}

/* All that can be queued is, until so many have gone; then what is left comes, too. */
static void run(struct client *c, uint64_t total, uint32_t length, bool served, bool requests)
{
	uint64_t until = int_now_ms() + INT_SOON_MS;

	for (unsigned int turn = 0; c->done < total; turn++) {
		for (unsigned int i = 0; served && i < QUEUES; i++) {
			client_fill(c, i, length);
			client_reap(c, i, length);
		}
		if (requests)
			client_requests(c, length, true);
		/* asleep as a client is, on one queue after the other */
		if (served)
			vfnc_queue_wait(c->served[turn % QUEUES], 5);
		CHECK(int_now_ms() < until, "only %llu of %llu commands in time",
		      (unsigned long long)c->done, (unsigned long long)total);
	}
	for (unsigned int i = 0; i < QUEUES; i++) {
		while (c->busy[i]) {
			CHECK(vfnc_queue_wait(c->served[i], INT_SOON_MS) == 1, "%u do not end", c->busy[i]);
			client_reap(c, i, length);
		}
	}
	client_requests(c, length, false);
}

static void limited(uint64_t total, uint32_t length, bool served, bool requests)
{
	struct client c;

	client_open(&c);
	run(&c, total, length, served, requests);
	int_note("%llu commands, %llu bytes in %llu ms", (unsigned long long)c.done,
		 (unsigned long long)c.moved, (unsigned long long)(now_ns() - c.began) / 1000000);
	vfnc_disconnect(c.conn);
}

static void served_commands(void)
{
	limited(commands / 4, 512, true, false);
}

static void request_commands(void)
{
	limited(commands / 4, 512, false, true);
}

static void both_commands(void)
{
	limited(commands / 4, 512, true, true);
}

static void both_bytes(void)
{
	limited(bytes / 4 / (64 << 10), 64 << 10, true, true);
}

/* Reads of 32 KiB, with a PRP list of the session's own. */
static void unchecked_bytes(void)
{
	struct client c;
	uint64_t total, *list;
	uint32_t length = 32 << 10;

	client_open(&c);
	list = (uint64_t *)c.buf->vaddr;
	for (unsigned int i = 0; i < length / 4096 - 1; i++)
		list[i] = (uint64_t)cpu_to_le64(c.buf->iova + (i + 2) * 4096u);
	total = bytes / 4 / length;
	for (uint64_t sent = 0; c.done < total;) {
		union nvme_cmd cmd = {.rw = {.opcode = 2, .nsid = cpu_to_le32(1)}};
		struct vfnc_completion completion;
		uint64_t ticket;

		cmd.rw.nlb = cpu_to_le16((uint16_t)(length / c.bs - 1));
		cmd.dptr.prp1 = cpu_to_le64(c.buf->iova + 4096);
		cmd.dptr.prp2 = cpu_to_le64(c.buf->iova);
		for (; sent < total && sent - c.done < DEPTH - 1; sent++)
			OK(c.conn, vfnc_submit_raw(c.dev, c.request, &cmd, NULL, &ticket));
		OK(c.conn, vfnc_wait_any(c.conn, &ticket, &completion, INT_SOON_MS));
		CHECK(completion.status == 0, "status %#x", completion.status);
		c.done++;
		c.moved += length;
		client_check(&c);
	}
	int_note("%llu commands, %llu bytes in %llu ms", (unsigned long long)c.done, (unsigned long long)c.moved,
		 (unsigned long long)(now_ns() - c.began) / 1000000);
	vfnc_disconnect(c.conn);
}

/* Each session has its own; and one that goes with commands waiting leaves nothing. */
static void sessions(void)
{
	struct ledger before;
	struct client a, b;

	ledger_settle();
	ledger_take(&before);
	client_open(&a);
	client_open(&b);
	for (unsigned int i = 0; i < QUEUES; i++)
		client_fill(&a, i, 512);
	client_requests(&a, 512, true);
	run(&b, commands / 10, 512, true, true);
	vfnc_disconnect(a.conn);
	vfnc_disconnect(b.conn);
	ledger_await(&before, 4096);
}

static void polled(void)
{
	where = env.device2;
	both_commands();
}

static void polled_bytes(void)
{
	where = env.device2;
	both_bytes();
}

static const struct int_case cases[] = {
	INT_CASE("served queues have their commands a second", served_commands),
	INT_CASE("requests have theirs", request_commands),
	INT_CASE("both together have no more", both_commands),
	INT_CASE("and no more bytes", both_bytes),
	INT_CASE("unchecked commands have theirs of bytes", unchecked_bytes),
	INT_CASE("sessions have a limit each", sessions),
	INT_CASE("by a polling thread: commands", polled),
	INT_CASE("by a polling thread: bytes", polled_bytes),
	{0},
};

int main(void)
{
	commands = strtoull(getenv("LIMIT_COMMANDS"), NULL, 10);
	bytes = strtoull(getenv("LIMIT_BYTES"), NULL, 10);
	return int_main("limit", cases);
}
