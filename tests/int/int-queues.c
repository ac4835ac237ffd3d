/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queue pairs come and go, by the thousand. */
#include "int.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define QUEUES_TIMES   10000
#define QUEUES_MAKERS  2
#define QUEUES_AT_ONCE 4
#define QUEUES_SECONDS 15 /* where the machine is emulated, and LONG was not asked for */

struct maker {
	unsigned int number;
	int result; /* a pipe: how many were made */
};

static void queues_maker(void *arg)
{
	struct maker *m = arg;
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_buffer *buf = int_buffer(dev, 4096);
	size_t bs = int_namespace(dev, 1).block_size;
	uint64_t end = int_now_ms() + QUEUES_SECONDS * 1000;
	bool all = env.sim_control || env.longer;
	struct vfnc_queue *live[QUEUES_AT_ONCE] = {0};
	unsigned int n;

	for (n = 0; n < QUEUES_TIMES / QUEUES_MAKERS && (all || int_now_ms() < end); n++) {
		struct vfnc_queue **q = &live[int_random(QUEUES_AT_ONCE)];

		if (*q)
			OK(conn, vfnc_queue_delete(*q));
		*q = int_queue(dev, 2 + (uint32_t)int_random(63));
		if (n % 50 == 0)
			OK(conn, vfnc_read(*q, 1, n, 1, buf, 0, bs, NULL));
	}
	/* Some are deleted, some are left to the session's end. */
	OK(conn, vfnc_queue_delete(live[0]));
	CHECK(write(m->result, &n, sizeof(n)) == sizeof(n), "the result cannot be told");
	vfnc_disconnect(conn);
}

static void queues_many(void)
{
	struct maker m[QUEUES_MAKERS];
	pid_t pid[QUEUES_MAKERS];
	unsigned int n, total = 0;
	uint64_t start = int_now_ms(), ms;
	struct ledger before;
	int result[2];

	CHECK(pipe(result) == 0, "no pipe");
	ledger_take(&before);
	for (unsigned int i = 0; i < QUEUES_MAKERS; i++) {
		m[i] = (struct maker){.number = i, .result = result[1]};
		pid[i] = int_spawn(queues_maker, &m[i]);
	}
	for (unsigned int i = 0; i < QUEUES_MAKERS; i++)
		int_join(pid[i], 1000 * 1000);
	ms = int_now_ms() - start;
	for (unsigned int i = 0; i < QUEUES_MAKERS; i++) {
		CHECK(read(result[0], &n, sizeof(n)) == sizeof(n), "no result");
		total += n;
	}
	int_note("%u queue pairs in %llu ms", total, (unsigned long long)ms);
	ledger_await(&before, 4096);
	ledger_all_queues();
}

static void queues_sizes(void)
{
	struct vfnc_queue_opts opts = {.entries = 1};
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_device_info *info;
	struct vfnc_queue *q;

	OK(conn, vfnc_device_info(dev, &info));
	FAILS(conn, EINVAL, vfnc_queue_create(dev, &opts, &q));
	opts.entries = info->max_queue_entries + 1;
	FAILS(conn, EINVAL, vfnc_queue_create(dev, &opts, &q));
	opts.entries = UINT32_MAX;
	FAILS(conn, EINVAL, vfnc_queue_create(dev, &opts, &q));
	for (uint32_t i = 0; i < 3; i++) {
		const uint32_t entries[] = {0, 2, info->max_queue_entries};

		q = int_queue(dev, entries[i]);
		CHECK(entries[i] ? q->entries == entries[i] : q->entries > 2, "%u entries of %u",
		      q->entries, entries[i]);
		/* Round the ring, also the smallest. */
		for (unsigned int k = 0; k < 5; k++)
			OK(conn, vfnc_flush(q, 1, NULL));
		OK(conn, vfnc_queue_delete(q));
	}
	free(info);
	vfnc_disconnect(conn);
}

/* Deleting a queue ends what is outstanding on it with a status. */
static void queues_delete_busy(void)
{
	enum { N = 32 };
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_queue *q = int_queue(dev, 64);
	struct vfnc_buffer *buf = int_buffer(dev, N * 4096);
	size_t bs = int_namespace(dev, 1).block_size;
	struct vfnc_completion c;
	unsigned int aborted = 0;
	uint64_t ticket;

	if (env.sim_control)
		sim_tell(env.sim_control, "delay io 2 0 60000");
	for (unsigned int i = 0; i < N; i++) {
		struct vfnc_cmd cmd = int_rw(false, 1, i, 1, buf, i * 4096, bs);

		OK(conn, vfnc_submit(q, &cmd, &ticket));
	}
	OK(conn, vfnc_queue_delete(q));
	for (unsigned int i = 0; i < N; i++) {
		OK(conn, vfnc_wait_any(conn, &ticket, &c, INT_SOON_MS));
		CHECK(vfnc_ok(&c) || (c.status & 0x7ff) == 0x008, "status %#x", c.status);
		aborted += !vfnc_ok(&c);
	}
	if (env.sim_control) {
		sim_tell(env.sim_control, "clear");
		CHECK(aborted == N, "%u of %d were ended", aborted, N);
	}
	OK(conn, vfnc_buffer_free(buf));
	vfnc_disconnect(conn);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("queues of all sizes", queues_sizes),
		INT_CASE("a queue is deleted with commands outstanding", queues_delete_busy),
		INT_CASE("queue pairs are created and deleted, thousands of times", queues_many, .limit = 180),
		{0},
	};

	return int_main("queues", cases);
}
