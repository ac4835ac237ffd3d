/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resets of every kind under load: each command ends once, each session is told what it has lost. */
#include "blocks.h"
#include "int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RESET_SESSIONS 4
#define RESET_DEPTH    32u

struct session {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
	struct vfnc_subscription *sub;
	size_t bs;
	uint64_t tickets[RESET_DEPTH];
	unsigned int ended, cancelled;
};

static void session_open(struct session *s)
{
	*s = (struct session){.conn = int_connect()};
	s->dev = int_open(s->conn, env.device);
	s->queue = int_queue(s->dev, RESET_DEPTH + 1);
	s->buf = int_buffer(s->dev, 65536);
	s->bs = int_namespace(s->dev, 1).block_size;
	OK(s->conn, vfnc_subscribe(s->dev, &s->sub));
}

static void session_fill(struct session *s)
{
	for (unsigned int i = 0; i < RESET_DEPTH; i++) {
		struct vfnc_cmd cmd = int_rw(false, 1, i, 1, s->buf, 0, s->bs);

		OK(s->conn, vfnc_submit(s->queue, &cmd, &s->tickets[i]));
	}
}

/* Each ticket is answered; there is no other answer, which the library would end the connection for. */
static void session_drain(struct session *s)
{
	for (unsigned int i = 0; i < RESET_DEPTH; i++) {
		struct vfnc_completion c;
		int ret = vfnc_wait(s->conn, s->tickets[i], &c, INT_SOON_MS);

		CHECK(ret == 0 || ret == -ECANCELED, "command %u: %d (%s)", i, ret, vfnc_error(s->conn));
		s->ended++;
		s->cancelled += ret == -ECANCELED;
		FAILS(s->conn, ENOENT, vfnc_wait(s->conn, s->tickets[i], &c, 0));
	}
}

static void session_told(struct session *s, enum vfnc_reset_kind kind)
{
	struct vfnc_event event;

	do
		OK(s->conn, vfnc_event_wait(s->conn, &event, INT_SOON_MS));
	while (event.kind == VFNC_EVENT_ASYNC);
	CHECK(event.kind == VFNC_EVENT_RESET && event.info == (uint32_t)kind, "an event of kind %d, %u",
	      event.kind, event.info);
	CHECK(event.dw0 == s->cancelled && event.type == 1, "%u commands and %u queues lost, %u were cancelled",
	      event.dw0, event.type, s->cancelled);
	CHECK(int_contains(event.reason, "asked for by session"), "the reason is \"%s\"", event.reason);
}

static void session_goes_on(struct session *s, unsigned int round)
{
	size_t half = 8 * s->bs;

	OK(s->conn, vfnc_queue_delete(s->queue));
	s->queue = int_queue(s->dev, RESET_DEPTH + 1);
	blocks_fill(s->buf->vaddr, s->bs, 8, 11, round, 700);
	memset((char *)s->buf->vaddr + half, 0, half);
	OK(s->conn, vfnc_write(s->queue, 1, 700, 8, s->buf, 0, half, NULL));
	OK(s->conn, vfnc_read(s->queue, 1, 700, 8, s->buf, half, half, NULL));
	CHECK(memcmp(s->buf->vaddr, (char *)s->buf->vaddr + half, half) == 0, "something else was read");
}

static void one_kind(enum vfnc_reset_kind kind)
{
	struct session s[RESET_SESSIONS];
	unsigned int cancelled = 0;
	struct vfnc_reset_result r;
	struct vfnc_statistics st;
	struct ledger ledger;
	int ret;

	ledger_take(&ledger);
	for (int i = 0; i < RESET_SESSIONS; i++)
		session_open(&s[i]);
	if (env.sim_control)
		sim_tell(env.sim_control, "delay io 2 0 60000");
	for (int i = 0; i < RESET_SESSIONS; i++)
		session_fill(&s[i]);
	/* All that was sent before is there when this is answered. */
	for (int i = 0; i < RESET_SESSIONS; i++)
		OK(s[i].conn, vfnc_statistics(s[i].conn, s[i].dev, &st));
	CHECK(!env.sim_control || st.outstanding == RESET_SESSIONS * RESET_DEPTH, "%llu are outstanding",
	      (unsigned long long)st.outstanding);
	ret = vfnc_reset(s[0].dev, kind, &r);
	if (env.sim_control)
		sim_tell(env.sim_control, "clear");
	if (ret == -ENOTSUP && kind == VFNC_RESET_SUBSYSTEM && !env.sim_control) {
		int_note("this controller has no subsystem reset");
		return;
	}
	OK(s[0].conn, ret);
	for (int i = 0; i < RESET_SESSIONS; i++) {
		session_drain(&s[i]);
		cancelled += s[i].cancelled;
	}
	CHECK(r.commands == cancelled && r.queues == RESET_SESSIONS, "%u commands and %u queues ended, not %u",
	      r.commands, r.queues, cancelled);
	CHECK(!env.sim_control || cancelled == RESET_SESSIONS * RESET_DEPTH, "%u were cancelled", cancelled);
	if (kind == VFNC_RESET_SHUTDOWN || kind == VFNC_RESET_ABRUPT)
		CHECK((r.csts >> 2 & 3) == 2, "CSTS was %#x: no shutdown", r.csts);
	for (int i = 0; i < RESET_SESSIONS; i++)
		session_told(&s[i], kind);
	for (int i = 0; i < RESET_SESSIONS; i++)
		session_goes_on(&s[i], (unsigned int)i);
	OK(s[0].conn, vfnc_statistics(s[0].conn, s[0].dev, &st));
	CHECK(st.outstanding == 0, "%llu are outstanding", (unsigned long long)st.outstanding);
	for (int i = 0; i < RESET_SESSIONS; i++)
		vfnc_disconnect(s[i].conn);
	ledger_await(&ledger, 2048);
	ledger_all_queues();
}

static void reset_controller(void)
{
	one_kind(VFNC_RESET_CONTROLLER);
}

static void reset_subsystem(void)
{
	one_kind(VFNC_RESET_SUBSYSTEM);
}

static void reset_function(void)
{
	one_kind(VFNC_RESET_FUNCTION);
}

static void reset_shutdown(void)
{
	one_kind(VFNC_RESET_SHUTDOWN);
}

static void reset_abrupt(void)
{
	one_kind(VFNC_RESET_ABRUPT);
}

/* The second device goes and comes back. */
static void reset_release(void)
{
	struct vfnc *conn = int_connect(), *user = int_connect();
	struct vfnc_device *dev = int_open(user, env.device2), *again;
	struct vfnc_subscription *sub;
	struct vfnc_device_entry *list;
	struct vfnc_event event;

	OK(user, vfnc_subscribe(dev, &sub));
	int_buffer(dev, 65536);
	int_queue(dev, 8);
	FAILS(conn, EALREADY, vfnc_claim(conn, env.device2));
	FAILS(conn, EINVAL, vfnc_claim(conn, "nonsense"));
	FAILS(conn, ENODEV, vfnc_release(conn, "0000:77:00.0"));
	FAILS(conn, ENODEV, vfnc_release(conn, ""));
	OK(conn, vfnc_release(conn, env.device2));
	OK(user, vfnc_event_wait(user, &event, INT_SOON_MS));
	CHECK(event.kind == VFNC_EVENT_GONE && int_contains(event.reason, "released by request"),
	      "an event of kind %d: %s", event.kind, event.reason);
	CHECK(vfnc_list(conn, &list) == 1, "it is listed");
	free(list);
	FAILS(conn, ENODEV, vfnc_open(conn, env.device2, &again));
	OK(conn, vfnc_claim(conn, env.device2));
	OK(user, vfnc_open(user, env.device2, &again));
	OK(user, vfnc_flush(int_queue(again, 8), 1, NULL));
	vfnc_disconnect(user);
	CHECK(vfnc_claim(conn, "vfio-user:/nowhere/at/all") < 0, "what is not there is claimed");
	OK(conn, vfnc_release(conn, "vfio-user:/nowhere/at/all"));
	vfnc_disconnect(conn);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("controller reset", reset_controller),
		INT_CASE("subsystem reset", reset_subsystem),
		INT_CASE("function reset", reset_function),
		INT_CASE("normal shutdown", reset_shutdown),
		INT_CASE("abrupt shutdown", reset_abrupt),
		INT_CASE("a device is released and claimed", reset_release),
		{0},
	};

	return int_main("reset", cases);
}
