/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A controller is taken away: its sessions are told, the daemon and the other controller live on. */
#include "blocks.h"
#include "int.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define GONE_SESSIONS 3

struct session {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
	struct vfnc_subscription *sub;
	size_t bs;
};

static void session_open(struct session *s, const char *address)
{
	s->conn = int_connect();
	s->dev = int_open(s->conn, address);
	s->queue = int_queue(s->dev, 16);
	s->buf = int_buffer(s->dev, 65536);
	s->bs = int_namespace(s->dev, 1).block_size;
	OK(s->conn, vfnc_subscribe(s->dev, &s->sub));
}

static void expect_gone(struct session *s)
{
	struct vfnc_event event;

	OK(s->conn, vfnc_event_wait(s->conn, &event, INT_SOON_MS));
	CHECK(event.kind == VFNC_EVENT_GONE, "an event of kind %d", event.kind);
	CHECK(event.subscription == s->sub, "it is of another subscription");
	CHECK(*event.reason, "it has no reason");
}

static void refused(struct session *s, const char *what, int ret)
{
	CHECK(ret == -ENODEV || ret == -ENOENT, "%s: %d (%s)", what, ret, vfnc_error(s->conn));
}

static void told_as_failed(struct vfnc *conn)
{
	struct vfnc_device_entry *list;
	int n = vfnc_list(conn, &list);
	bool seen = false;

	CHECK(n == 2, "%d devices are listed", n);
	for (int i = 0; i < n; i++) {
		bool gone = strcmp(list[i].address, env.device2) == 0;

		CHECK(list[i].state == (gone ? VFNC_DEVICE_FAILED : VFNC_DEVICE_READY),
		      "%s is in state %d", list[i].address, list[i].state);
		CHECK(!gone || *list[i].reason, "no reason is told");
		seen |= gone;
	}
	CHECK(seen, "%s is not listed", env.device2);
	free(list);
}

/* Writes and reads back on the first controller. */
static void other_works(struct session *s, unsigned int round)
{
	size_t half = 8 * s->bs;

	blocks_fill(s->buf->vaddr, s->bs, 8, 9, round, 500);
	memset((char *)s->buf->vaddr + half, 0, half);
	OK(s->conn, vfnc_write(s->queue, 1, 500, 8, s->buf, 0, half, NULL));
	OK(s->conn, vfnc_read(s->queue, 1, 500, 8, s->buf, half, half, NULL));
	CHECK(memcmp(s->buf->vaddr, (char *)s->buf->vaddr + half, half) == 0,
	      "the other controller returned something else");
}

static void gone_second(void)
{
	struct vfnc_statistics before, after;
	struct session s[GONE_SESSIONS], other;
	struct vfnc_completion c;
	struct vfnc_device *dev;
	struct vfnc_buffer *buf;
	struct vfnc_queue *queue;
	uint64_t ticket = 0;
	int ret;

	for (int i = 0; i < GONE_SESSIONS; i++)
		session_open(&s[i], env.device2);
	session_open(&other, env.device);
	OK(other.conn, vfnc_statistics(other.conn, other.dev, &before));
	other_works(&other, 1);
	if (env.sim_control2) {
		struct vfnc_cmd cmd = int_rw(false, 1, 0, 1, s[0].buf, 4096, s[0].bs);

		sim_tell(env.sim_control2, "delay io 2 0 60000");
		OK(s[0].conn, vfnc_submit(s[0].queue, &cmd, &ticket));
		OK(s[0].conn, vfnc_statistics(s[0].conn, s[0].dev, &after));
		CHECK(after.session_outstanding == 1, "the command is not outstanding");
	}

	int_shell(env.take_away, "");

	if (ticket) {
		ret = vfnc_wait(s[0].conn, ticket, &c, INT_SOON_MS);
		CHECK(ret == -ENODEV, "the outstanding command: %d (%s)", ret,
		      vfnc_error(s[0].conn));
	}
	for (int i = 0; i < GONE_SESSIONS; i++)
		expect_gone(&s[i]);
	for (int i = 0; i < GONE_SESSIONS; i++) {
		refused(&s[i], "flush", vfnc_flush(s[i].queue, 1, &c));
		refused(&s[i], "buffer_alloc", vfnc_buffer_alloc(s[i].dev, 4096, &buf));
		refused(&s[i], "queue_create", vfnc_queue_create(s[i].dev, NULL, &queue));
	}
	/* The memory was given back, so what was in it may be gone; but it can be touched without harm. */
	memset(s[0].buf->vaddr, 1, s[0].buf->size);
	FAILS(other.conn, ENODEV, vfnc_open(other.conn, env.device2, &dev));
	told_as_failed(other.conn);
	other_works(&other, 2);
	/* What is left is given back; the sessions themselves live on and can use the other one. */
	OK(s[1].conn, vfnc_close(s[1].dev));
	dev = int_open(s[1].conn, env.device);
	queue = int_queue(dev, 4);
	OK(s[1].conn, vfnc_flush(queue, 1, NULL));
	for (int i = 0; i < GONE_SESSIONS; i++)
		vfnc_disconnect(s[i].conn);
	OK(other.conn, vfnc_statistics(other.conn, other.dev, &after));
	CHECK(after.buffers == before.buffers && after.fds < before.fds,
	      "%llu buffers, %llu descriptors", (unsigned long long)after.buffers,
	      (unsigned long long)after.fds);
	CHECK(kill(env.daemon, 0) == 0, "the daemon has ended");
	vfnc_disconnect(other.conn);
}

/* Nothing of the lost controller is left in the daemon. */
static void gone_nothing_left(void)
{
	struct ledger before;

	ledger_take(&before);
	for (int i = 0; i < 5; i++) {
		struct session s;

		session_open(&s, env.device);
		other_works(&s, (unsigned int)i);
		vfnc_disconnect(s.conn);
	}
	ledger_await(&before, 1024);
	ledger_all_queues();
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("a controller is taken away, and everybody is told", gone_second),
		INT_CASE("the other one goes on", gone_nothing_left),
		{0},
	};

	return int_main("gone", cases);
}
