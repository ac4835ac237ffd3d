/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asynchronous events reach everybody who asked for them. */
#include "int.h"

#include <errno.h>
#include <string.h>

#define EVENT_SESSIONS 4
#define EVENT_WARNING  "4" /* NVM subsystem reliability is degraded */

struct subscriber {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_subscription *sub;
};

static void subscribe_all(struct subscriber *s)
{
	for (int i = 0; i < EVENT_SESSIONS; i++) {
		s[i].dev = int_open_new();
		s[i].conn = vfnc_device_connection(s[i].dev);
		OK(s[i].conn, vfnc_subscribe(s[i].dev, &s[i].sub));
	}
}

static void expect_warning(struct subscriber *s, uint64_t sequence)
{
	struct vfnc_event event;

	OK(s->conn, vfnc_event_wait(s->conn, &event, INT_SOON_MS));
	CHECK(event.kind == VFNC_EVENT_ASYNC, "an event of kind %d", event.kind);
	CHECK(event.subscription == s->sub && event.device == s->dev,
	      "it is of another subscription");
	CHECK(event.sequence == sequence && event.lost == 0, "it is number %llu, %llu were lost",
	      (unsigned long long)event.sequence, (unsigned long long)event.lost);
	CHECK(event.type == 1 && event.log_page == 2, "type %u, log page %u", event.type,
	      event.log_page);
	CHECK(event.dw0 == (event.type | event.info << 8 | event.log_page << 16),
	      "the parts of %#x differ", event.dw0);
	CHECK(event.log_length >= 512, "%u bytes of log", event.log_length);
	CHECK(event.log[0] & 4, "the log does not have the warning: %#x", event.log[0]);
}

static void expect_nothing(struct subscriber *s)
{
	struct vfnc_statistics stats;
	struct vfnc_event event;

	/* What was sent before the answer has come when the answer has. */
	OK(s->conn, vfnc_statistics(s->conn, NULL, &stats));
	FAILS(s->conn, ETIMEDOUT, vfnc_event_wait(s->conn, &event, 0));
}

static void events_warning(void)
{
	struct vfnc_statistics before, after;
	struct subscriber s[EVENT_SESSIONS], bystander = {0};
	struct vfnc_subscription *again;

	int_shell(env.inject_smart, "0");
	bystander.dev = int_open_new();
	bystander.conn = vfnc_device_connection(bystander.dev);
	subscribe_all(s);
	FAILS(s[0].conn, EALREADY, vfnc_subscribe(s[0].dev, &again));
	OK(bystander.conn, vfnc_statistics(bystander.conn, bystander.dev, &before));
	for (uint64_t n = 1; n <= 5; n++) {
		int_shell(env.inject_smart, EVENT_WARNING);
		for (int i = 0; i < EVENT_SESSIONS; i++)
			expect_warning(&s[i], n);
		int_shell(env.inject_smart, "0");
	}
	for (int i = 0; i < EVENT_SESSIONS; i++)
		expect_nothing(&s[i]);
	expect_nothing(&bystander);
	OK(bystander.conn, vfnc_statistics(bystander.conn, bystander.dev, &after));
	CHECK(after.events == before.events + 5, "%llu events are counted",
	      (unsigned long long)(after.events - before.events));

	/* Who has given up hears nothing more; who asks again counts from 1. */
	OK(s[0].conn, vfnc_unsubscribe(s[0].sub));
	vfnc_disconnect(s[1].conn);
	int_shell(env.inject_smart, EVENT_WARNING);
	expect_warning(&s[2], 6);
	expect_warning(&s[3], 6);
	expect_nothing(&s[0]);
	OK(s[0].conn, vfnc_subscribe(s[0].dev, &s[0].sub));
	int_shell(env.inject_smart, "0");
	int_shell(env.inject_smart, EVENT_WARNING);
	expect_warning(&s[0], 1);
	expect_warning(&s[2], 7);
	expect_warning(&s[3], 7);
	int_shell(env.inject_smart, "0");
	vfnc_disconnect(s[0].conn);
	vfnc_disconnect(s[2].conn);
	vfnc_disconnect(s[3].conn);
	vfnc_disconnect(bystander.conn);
}

/* The log that a client reads is the same as the one that the daemon has read for the event. */
static void events_log(void)
{
	struct subscriber s[EVENT_SESSIONS];
	uint8_t log[512];

	subscribe_all(s);
	int_shell(env.inject_smart, EVENT_WARNING);
	expect_warning(&s[0], 1);
	OK(s[0].conn, vfnc_smart_log(s[0].dev, UINT32_MAX, log, NULL));
	CHECK(log[0] & 4, "the log does not have the warning: %#x", log[0]);
	int_shell(env.inject_smart, "0");
	OK(s[0].conn, vfnc_smart_log(s[0].dev, UINT32_MAX, log, NULL));
	CHECK((log[0] & 4) == 0, "the warning is still there");
	for (int i = 0; i < EVENT_SESSIONS; i++)
		vfnc_disconnect(s[i].conn);
}

#define EVENT_FLOOD 3500 /* more than the daemon keeps of them for a session */

/* What a session does not read it loses, which it is told; others lose nothing. */
static void events_gap(void)
{
	uint64_t next = 1, lost = 0, gaps = 0;
	struct subscriber fast, slow;
	struct vfnc_event event;
	uint8_t log[512];

	slow.dev = int_open_new();
	slow.conn = vfnc_device_connection(slow.dev);
	OK(slow.conn, vfnc_subscribe(slow.dev, &slow.sub));
	fast.dev = int_open_new();
	fast.conn = vfnc_device_connection(fast.dev);
	OK(fast.conn, vfnc_subscribe(fast.dev, &fast.sub));
	for (uint64_t n = 1; n <= EVENT_FLOOD; n++) {
		sim_tell(env.sim_control, "smart-warning %s", EVENT_WARNING);
		expect_warning(&fast, n);
		sim_tell(env.sim_control, "smart-warning 0");
	}
	while (next <= EVENT_FLOOD) {
		OK(slow.conn, vfnc_event_wait(slow.conn, &event, INT_SOON_MS));
		if (event.kind == VFNC_EVENT_GAP) {
			gaps++;
			lost += event.lost;
			next += event.lost;
			CHECK(event.lost && event.sequence == next - 1, "a gap of %llu up to %llu, not %llu",
			      (unsigned long long)event.lost, (unsigned long long)event.sequence,
			      (unsigned long long)next - 1);
			continue;
		}
		CHECK(event.kind == VFNC_EVENT_ASYNC && event.sequence == next && !event.lost,
		      "an event of kind %d, number %llu, not %llu, %llu lost", event.kind,
		      (unsigned long long)event.sequence, (unsigned long long)next, (unsigned long long)event.lost);
		next++;
	}
	int_note("%llu of %d events were lost, told by %llu gaps", (unsigned long long)lost, EVENT_FLOOD,
		 (unsigned long long)gaps);
	CHECK(gaps == 1 && lost < EVENT_FLOOD, "%llu gaps, %llu lost", (unsigned long long)gaps,
	      (unsigned long long)lost);
	/* It is a session as before. */
	OK(slow.conn, vfnc_smart_log(slow.dev, UINT32_MAX, log, NULL));
	sim_tell(env.sim_control, "smart-warning %s", EVENT_WARNING);
	expect_warning(&slow, EVENT_FLOOD + 1);
	expect_warning(&fast, EVENT_FLOOD + 1);
	sim_tell(env.sim_control, "smart-warning 0");
	vfnc_disconnect(slow.conn);
	vfnc_disconnect(fast.conn);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("a SMART warning reaches every subscriber, with its log", events_warning),
		INT_CASE("the log can still be read by anybody", events_log),
		INT_CASE("events that are not read are lost, and that is told", events_gap, .limit = 180,
			 .faults = true),
		{0},
	};

	return int_main("events", cases);
}
