/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces: what is asked for, what is read, what was missed, and how they end. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "fake-trace.h"
#include "vfn/client.h"

static struct fake fake;
static struct fake_trace ring;
static struct vfnc *conn;
static struct vfnc_device *dev;
static Vfnd__TraceOpenRequest asked;
static uint8_t asked_opcodes[8];
static uint32_t asked_statuses[4];

static bool give(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case != VFND__REQUEST__OP_TRACE_OPEN)
		return false;
	asked = *req->trace_open;
	ck_assert_uint_le(asked.opcodes.len, sizeof(asked_opcodes));
	ck_assert_uint_le(asked.n_statuses, 4);
	if (asked.opcodes.len)
		memcpy(asked_opcodes, asked.opcodes.data, asked.opcodes.len);
	for (size_t i = 0; i < asked.n_statuses; i++)
		asked_statuses[i] = asked.statuses[i];
	fake_trace_send(f, req->id, &ring);
	return true;
}

static void begin(void)
{
	fake_trace_make(&ring);
	ck_assert_int_eq(vfnc_connect_fd(fake_start(&fake, give), &conn), 0);
	ck_assert_int_eq(vfnc_open(conn, NULL, &dev), 0);
}

static void end(void)
{
	vfnc_disconnect(conn);
	fake_stop(&fake);
	fake_trace_free(&ring);
}

static void put(enum trace_lane lane, uint64_t time)
{
	struct trace_entry e = {.completed = htole64(time), .session = htole64(100 + lane)};

	fake_trace_put(&ring, lane, &e);
}

START_TEST(test_filter)
{
	static const uint8_t opcodes[] = {2, 0xff};
	struct vfnc_trace_filter filter = {
		.scope = VFNC_TRACE_USER,
		.session = 17,
		.opcodes = opcodes,
		.n_opcodes = 2,
		.no_admin = true,
		.has_queue = true,
		.queue = 3,
		.failed = true,
		.n_statuses = 2,
		.statuses = {0x281, 0x7ff},
		.entries = 1000,
	};
	struct vfnc_trace *trace;

	begin();
	ck_assert_int_eq(vfnc_trace_open(dev, &filter, &trace), 0);
	ck_assert_int_eq(asked.scope, VFND__TRACE_SCOPE__TRACE_SCOPE_USER);
	ck_assert_uint_eq(asked.session, 17);
	ck_assert_uint_eq(asked.opcodes.len, 2);
	ck_assert_mem_eq(asked_opcodes, opcodes, 2);
	ck_assert(asked.no_admin && !asked.no_io && asked.has_queue && asked.failed);
	ck_assert_uint_eq(asked.queue, 3);
	ck_assert_uint_eq(asked.n_statuses, 2);
	ck_assert_uint_eq(asked_statuses[0], 0x281);
	ck_assert_uint_eq(asked_statuses[1], 0x7ff);
	ck_assert_uint_eq(asked.entries, 1000);
	ck_assert_int_eq(vfnc_trace_close(trace), 0);
	ck_assert_int_eq(fake.count[VFND__REQUEST__OP_TRACE_CLOSE], 1);
	ck_assert_int_eq(vfnc_trace_close(NULL), 0);
	filter.n_statuses = VFNC_TRACE_STATUSES + 1;
	ck_assert_int_eq(vfnc_trace_open(dev, &filter, &trace), -EINVAL);
	ck_assert_ptr_null(trace);
	end();
}
END_TEST

START_TEST(test_entry)
{
	struct trace_entry e = {
		.submitted = htole64(11),
		.completed = htole64(22),
		.session = htole64(33),
		.length = htole64(44),
		.result = htole64(0x5555555566666666),
		.qid = htole16(77),
		.cid = htole16(88),
		.status = htole16(0x4281),
		.flags = htole16(TRACE_SERVED | TRACE_LATE),
		.error = htole32(99),
		.number_of_queue = htole16(111),
	};
	struct vfnc_trace_entry got;
	struct vfnc_trace *trace;

	memset(e.sqe, 0xa5, sizeof(e.sqe));
	begin();
	ck_assert_int_eq(vfnc_trace_open(dev, NULL, &trace), 0);
	ck_assert_int_eq(asked.scope, VFND__TRACE_SCOPE__TRACE_SCOPE_SESSION);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), -ETIMEDOUT);
	fake_trace_put(&ring, TRACE_LANE_SERVED, &e);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 10000), 0);
	ck_assert_uint_eq(got.lost, 0);
	ck_assert_uint_eq(got.submitted, 11);
	ck_assert_uint_eq(got.completed, 22);
	ck_assert_uint_eq(got.session, 33);
	ck_assert_uint_eq(got.length, 44);
	ck_assert_uint_eq(got.dw0, 0x66666666);
	ck_assert_uint_eq(got.dw1, 0x55555555);
	ck_assert_uint_eq(got.qid, 77);
	ck_assert_uint_eq(got.cid, 88);
	ck_assert_uint_eq(got.status, 0x4281);
	ck_assert_uint_eq(got.flags, VFNC_TRACE_SERVED | VFNC_TRACE_LATE);
	ck_assert_uint_eq(got.error, 99);
	ck_assert_uint_eq(got.served, 111);
	ck_assert_mem_eq(got.sqe, e.sqe, sizeof(e.sqe));
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 10), -ETIMEDOUT);
	end();
}
END_TEST

/* Both lanes, by time; what is overwritten is counted, and told with the next one of the lane. */
START_TEST(test_lanes)
{
	struct vfnc_trace_entry got;
	struct vfnc_trace *trace;

	begin();
	ck_assert_int_eq(vfnc_trace_open(dev, NULL, &trace), 0);
	put(TRACE_LANE_LOOP, 10);
	put(TRACE_LANE_LOOP, 30);
	put(TRACE_LANE_SERVED, 20);
	put(TRACE_LANE_SERVED, 40);
	for (uint64_t i = 1; i <= 4; i++) {
		ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), 0);
		ck_assert_uint_eq(got.completed, 10 * i);
		ck_assert_uint_eq(got.session, i % 2 ? 100 : 101);
	}
	for (uint64_t i = 0; i < FAKE_TRACE_ENTRIES + 5; i++)
		put(TRACE_LANE_LOOP, 100 + i);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), 0);
	ck_assert_uint_eq(got.completed, 105);
	ck_assert_uint_eq(got.lost, 5);
	ck_assert_uint_eq(vfnc_trace_lost(trace), 5);
	for (uint64_t i = 1; i < FAKE_TRACE_ENTRIES; i++)
		ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), 0);
	ck_assert_uint_eq(got.lost, 0);
	fake_trace_skip(&ring, TRACE_LANE_SERVED, 3);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), -ETIMEDOUT);
	ck_assert_uint_eq(vfnc_trace_lost(trace), 8);
	put(TRACE_LANE_LOOP, 500);
	put(TRACE_LANE_SERVED, 501);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), 0);
	ck_assert_uint_eq(got.lost, 0);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), 0);
	ck_assert_uint_eq(got.lost, 3);
	ck_assert_uint_eq(vfnc_trace_lost(trace), 8);
	end();
}
END_TEST

START_TEST(test_poll)
{
	struct vfnc_trace_entry got;
	struct vfnc_trace *trace;
	struct pollfd pfd = {.events = POLLIN};

	begin();
	ck_assert_int_eq(vfnc_trace_open(dev, NULL, &trace), 0);
	pfd.fd = vfnc_trace_fd(trace);
	ck_assert_int_eq(poll(&pfd, 1, 0), 0);
	put(TRACE_LANE_LOOP, 1);
	put(TRACE_LANE_LOOP, 2);
	ck_assert_int_eq(poll(&pfd, 1, 10000), 1);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), 0);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), 0);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), -ETIMEDOUT);
	ck_assert_int_eq(poll(&pfd, 1, 0), 0);
	end();
}
END_TEST

/* What is left is read before the end is told. */
static void ends(uint32_t error, int expected)
{
	struct vfnc_trace_entry got;
	struct vfnc_trace *trace;

	begin();
	ck_assert_int_eq(vfnc_trace_open(dev, NULL, &trace), 0);
	put(TRACE_LANE_LOOP, 1);
	fake_trace_end(&ring, error);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, -1), 0);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, -1), expected);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), expected);
	/* emptied, as it is some time later */
	memset(ring.control, 0, ring.size);
	ck_assert_int_eq(vfnc_trace_read(trace, &got, 0), -ECONNRESET);
	end();
}

START_TEST(test_end)
{
	ends(ENODEV, -ENODEV);
	ends(ECANCELED, -ECANCELED);
	ends(0, -ECONNRESET);
}
END_TEST

static int variant;

static bool give_badly(struct fake *f, const Vfnd__Request *req)
{
	struct trace_control *c = ring.control;

	if (req->op_case != VFND__REQUEST__OP_TRACE_OPEN)
		return false;
	switch (variant) {
	case 0:
		c->magic = 0;
		break;
	case 1:
		c->version = htole32(2);
		break;
	case 2:
		c->entries = htole32(2 * FAKE_TRACE_ENTRIES);
		break;
	case 3:
		c->entries = htole32(63);
		break;
	case 4:
		c->entries = 0;
		break;
	case 5:
		c->entry_size = htole32(64);
		break;
	case 6:
		c->offset = htole64(UINT64_MAX - 7);
		break;
	case 7:
		c->lanes = htole32(3);
		break;
	case 8:
		ring.size -= 4096;
		break;
	case 9:
		close(ring.client_fd);
		ring.client_fd = -1;
		break;
	default:
		close(ring.fd);
		close(ring.client_fd);
		ring.fd = ring.client_fd = -1;
		break;
	}
	fake_trace_send(f, req->id, &ring);
	return true;
}

START_TEST(test_bad)
{
	struct vfnc_trace *trace;
	int closed = 0;
	uint64_t value;

	for (variant = 0; variant < 11; variant++) {
		fake_trace_make(&ring);
		ck_assert_int_eq(vfnc_connect_fd(fake_start(&fake, give_badly), &conn), 0);
		ck_assert_int_eq(vfnc_open(conn, NULL, &dev), 0);
		ck_assert_int_eq(vfnc_trace_open(dev, NULL, &trace), -EPROTO);
		ck_assert_ptr_null(trace);
		/* the handle is given back */
		ck_assert_int_eq(vfnc_register_read(dev, "cap", &value), 0);
		closed += fake.count[VFND__REQUEST__OP_TRACE_CLOSE];
		end();
	}
	ck_assert_int_eq(closed, 11);
}
END_TEST

static bool hello_without(struct fake *f, const Vfnd__Request *req)
{
	Vfnd__HelloAnswer a = VFND__HELLO_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (req->op_case == VFND__REQUEST__OP_TRACE_OPEN) {
		fake_error(f, req->id, EPERM, "raw = yes is needed", "trace_open.scope");
		return true;
	}
	if (req->op_case != VFND__REQUEST__OP_HELLO || variant)
		return false;
	a.version = 1;
	a.max_message = FRAME_MAX;
	a.max_outstanding = 1;
	answer.id = req->id;
	answer.body_case = VFND__ANSWER__BODY_HELLO;
	answer.hello = &a;
	fake_send(f, &answer, NULL);
	return true;
}

START_TEST(test_refused)
{
	struct vfnc_trace *trace;

	for (variant = 0; variant < 2; variant++) {
		ck_assert_int_eq(vfnc_connect_fd(fake_start(&fake, hello_without), &conn), 0);
		ck_assert_int_eq(vfnc_open(conn, NULL, &dev), 0);
		ck_assert_int_eq(vfnc_trace_open(dev, NULL, &trace), variant ? -EPERM : -ENOTSUP);
		ck_assert_int_eq(fake.count[VFND__REQUEST__OP_TRACE_OPEN], variant);
		vfnc_disconnect(conn);
		fake_stop(&fake);
	}
}
END_TEST

UNIT_MAIN("client-trace", tcase_add_test(tc, test_filter); tcase_add_test(tc, test_entry);
	  tcase_add_test(tc, test_lanes); tcase_add_test(tc, test_poll); tcase_add_test(tc, test_end);
	  tcase_add_test(tc, test_bad); tcase_add_test(tc, test_refused))
