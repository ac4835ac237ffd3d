/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces: what is shown of requests and of whom, what is filtered, what is lost, and how they end. */
#include "client.h"
#include "int.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <vfn/support.h>

#define OPCODE_IDENTIFY	 0x06
#define OPCODE_CREATE_SQ 0x01
#define OPCODE_READ	 0x02
#define OPCODE_WRITE	 0x01
#define STATUS_LBA_RANGE 0x80

struct set {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
	size_t bs;
	uint64_t session;
};

static struct set set_up(const char *address)
{
	struct set s = {.conn = int_connect()};

	s.dev = int_open(s.conn, address);
	s.session = vfnc_session(s.conn);
	return s;
}

static void with_queue(struct set *s)
{
	s->queue = int_queue(s->dev, 16);
	s->buf = int_buffer(s->dev, 65536);
	s->bs = int_namespace(s->dev, 1).block_size;
}

static struct vfnc_trace *trace_of(struct set *s, const struct vfnc_trace_filter *filter)
{
	struct vfnc_trace *trace;

	OK(s->conn, vfnc_trace_open(s->dev, filter, &trace));
	return trace;
}

/* The next entry, which is there or comes. */
static struct vfnc_trace_entry next(struct set *s, struct vfnc_trace *trace)
{
	struct vfnc_trace_entry e;

	OK(s->conn, vfnc_trace_read(trace, &e, INT_SOON_MS));
	CHECK(e.completed >= e.submitted, "completed at %llu, submitted at %llu", (unsigned long long)e.completed,
	      (unsigned long long)e.submitted);
	return e;
}

static void nothing_more(struct set *s, struct vfnc_trace *trace)
{
	struct vfnc_trace_entry e;
	int ret = vfnc_trace_read(trace, &e, 0);

	CHECK(ret == -ETIMEDOUT, "%d: opcode %02x of session %llu (%s)", ret, e.sqe[0],
	      (unsigned long long)e.session, vfnc_error(s->conn));
}

static uint64_t sqe64(const struct vfnc_trace_entry *e, unsigned int at)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < 8; i++)
		v |= (uint64_t)e->sqe[at + i] << 8 * i;
	return v;
}

/* A session's own commands, whole, in order, and with what became of them. */
static void trace_own(void)
{
	struct set s = set_up(env.device), other = set_up(env.device);
	struct vfnc_trace *trace;
	struct vfnc_trace_entry e;
	struct vfnc_completion c;
	uint64_t last;
	uint8_t id[4096];

	with_queue(&s);
	trace = trace_of(&s, NULL);
	OK(other.conn, vfnc_identify_ctrl(other.dev, id, NULL));
	OK(s.conn, vfnc_identify_ctrl(s.dev, id, NULL));
	OK(s.conn, vfnc_write(s.queue, 1, 77, 2, s.buf, 0, 2 * s.bs, NULL));
	OK(s.conn, vfnc_read(s.queue, 1, UINT64_C(1) << 40, 1, s.buf, 0, s.bs, &c));
	CHECK(!vfnc_ok(&c), "a read beyond the end succeeded");

	e = next(&s, trace);
	CHECK(e.sqe[0] == OPCODE_IDENTIFY && e.qid == 0 && e.session == s.session, "opcode %02x, queue %u", e.sqe[0],
	      e.qid);
	CHECK(e.sqe[40] == 1 && e.length == 4096 && !e.status && !e.error && !e.flags, "status %#x, error %u",
	      e.status, e.error);
	CHECK(e.submitted && e.completed - e.submitted < UINT64_C(1000000) * INT_SOON_MS, "it took %llu ns",
	      (unsigned long long)(e.completed - e.submitted));
	last = e.completed;
	e = next(&s, trace);
	CHECK(e.sqe[0] == OPCODE_WRITE && e.qid == s.queue->qid, "opcode %02x, queue %u", e.sqe[0], e.qid);
	CHECK(e.sqe[4] == 1 && sqe64(&e, 40) == 77 && e.sqe[48] == 1 && e.length == 2 * s.bs, "other fields");
	CHECK(sqe64(&e, 24) == s.buf->iova, "PRP 1 is %#llx", (unsigned long long)sqe64(&e, 24));
	CHECK(e.cid == (e.sqe[2] | e.sqe[3] << 8), "identifier %u", e.cid);
	CHECK(e.completed >= last && !e.lost, "entries are not in order");
	e = next(&s, trace);
	CHECK(e.sqe[0] == OPCODE_READ && e.status == c.status && e.cid == c.cid, "status %#x, command %u", e.status,
	      e.cid);
	nothing_more(&s, trace);
	CHECK(vfnc_trace_lost(trace) == 0, "%llu are lost", (unsigned long long)vfnc_trace_lost(trace));
	OK(s.conn, vfnc_trace_close(trace));
	vfnc_disconnect(s.conn);
	vfnc_disconnect(other.conn);
}

/* Everybody's and the daemon's, where the device is raw. */
static void trace_everybody(void)
{
	struct vfnc_trace_filter all = {.scope = VFNC_TRACE_ALL};
	struct set s = set_up(env.device), other = set_up(env.device);
	struct vfnc_trace *trace = trace_of(&s, &all);
	bool made = false, identified = false, aborted = false;
	struct vfnc_trace_entry e;
	uint8_t id[4096];

	other.queue = int_queue(other.dev, 16);
	OK(other.conn, vfnc_identify_ctrl(other.dev, id, NULL));
	OK(other.conn, vfnc_queue_delete(other.queue));
	while (!aborted) {
		e = next(&s, trace);
		CHECK(!(e.flags & VFNC_TRACE_DAEMON) == !!e.session, "session %llu, flags %#x",
		      (unsigned long long)e.session, e.flags);
		made |= e.sqe[0] == OPCODE_CREATE_SQ && !e.qid && !e.session;
		identified |= e.sqe[0] == OPCODE_IDENTIFY && e.session == other.session;
		aborted |= e.sqe[0] == 0x04 && !e.qid && !e.session; /* Delete I/O Completion Queue */
	}
	CHECK(made && identified, "made %d, identified %d", made, identified);
	vfnc_disconnect(s.conn);
	vfnc_disconnect(other.conn);
}

/* A session of another user; the calls are this process's, and only the kernel's word counts. */
static struct set set_up_as(uid_t uid, const char *address)
{
	struct set s = {0};

	CHECK(setresuid(0, uid, 0) == 0, "setresuid: %s", strerror(errno));
	setfsuid(0); /* the socket is root's */
	s.conn = int_connect();
	CHECK(setresuid(0, 0, 0) == 0, "setresuid: %s", strerror(errno));
	s.dev = int_open(s.conn, address);
	s.session = vfnc_session(s.conn);
	return s;
}

/* Of the second device, which is not raw, a user sees the own sessions alone. */
static void trace_rights(void)
{
	struct vfnc_trace_filter all = {.scope = VFNC_TRACE_ALL}, user = {.scope = VFNC_TRACE_USER},
				 nobody = {.scope = (enum vfnc_trace_scope)3};
	struct set s = set_up(env.device2), same = set_up(env.device2), stranger = {0};
	struct vfnc_trace_filter theirs = {.session = same.session};
	struct vfnc_trace *trace, *refused;
	struct vfnc_trace_entry e;
	uint8_t id[4096];

	FAILS_SAYING(s.conn, EPERM, "raw = yes", vfnc_trace_open(s.dev, &all, &refused));
	FAILS(s.conn, EPERM, vfnc_trace_open(s.dev, &theirs, &refused));
	FAILS(s.conn, EINVAL, vfnc_trace_open(s.dev, &nobody, &refused));
	trace = trace_of(&s, &user);
	if (geteuid() == 0) {
		stranger = set_up_as(65534, env.device2);
		OK(stranger.conn, vfnc_identify_ctrl(stranger.dev, id, NULL));
	} else {
		int_note("who is not root cannot be another user, too");
	}
	same.queue = int_queue(same.dev, 4); /* the daemon's commands are not shown */
	OK(same.conn, vfnc_identify_ctrl(same.dev, id, NULL));
	e = next(&s, trace);
	CHECK(e.session == same.session, "a command of session %llu is shown", (unsigned long long)e.session);
	nothing_more(&s, trace);
	if (stranger.conn) {
		/* And the stranger sees none of ours, even by our numbers. */
		user.session = same.session;
		trace = trace_of(&stranger, &user);
		OK(same.conn, vfnc_identify_ctrl(same.dev, id, NULL));
		nothing_more(&stranger, trace);
		vfnc_disconnect(stranger.conn);
	}
	vfnc_disconnect(s.conn);
	vfnc_disconnect(same.conn);
}

/* Several at a time, each with its filter. */
static void trace_filters(void)
{
	static const uint8_t read = OPCODE_READ;
	struct vfnc_trace_filter opcode = {.opcodes = &read, .n_opcodes = 1}, admin = {.no_io = true},
				 io = {.no_admin = true}, failed = {.failed = true},
				 status = {.n_statuses = 1, .statuses = {STATUS_LBA_RANGE}},
				 queue = {.has_queue = true};
	struct set s = set_up(env.device), t = set_up(env.device);
	struct vfnc_trace *traces[4], *second;
	struct vfnc_trace_entry e;
	struct vfnc_completion c;
	uint8_t id[4096];

	with_queue(&s);
	queue.queue = (uint16_t)s.queue->qid;
	queue.scope = status.scope = VFNC_TRACE_USER;
	traces[0] = trace_of(&s, &opcode);
	traces[1] = trace_of(&s, &admin);
	traces[2] = trace_of(&s, &io);
	traces[3] = trace_of(&s, &failed);
	FAILS_SAYING(s.conn, EMFILE, "close one", vfnc_trace_open(s.dev, NULL, &second));
	second = trace_of(&t, &status);
	OK(s.conn, vfnc_write(s.queue, 1, 0, 1, s.buf, 0, s.bs, NULL));
	OK(s.conn, vfnc_identify_ctrl(s.dev, id, NULL));
	OK(s.conn, vfnc_read(s.queue, 1, UINT64_C(1) << 40, 1, s.buf, 0, s.bs, &c));
	CHECK((c.status & 0x7ff) == STATUS_LBA_RANGE, "status %#x", c.status);
	OK(s.conn, vfnc_read(s.queue, 1, 0, 1, s.buf, 0, s.bs, NULL));

	CHECK(next(&s, traces[0]).status == c.status, "another command");
	e = next(&s, traces[0]);
	CHECK(e.sqe[0] == OPCODE_READ && !e.status, "another command");
	CHECK(next(&s, traces[1]).sqe[0] == OPCODE_IDENTIFY, "another command");
	CHECK(next(&s, traces[2]).sqe[0] == OPCODE_WRITE, "another command");
	CHECK(next(&s, traces[2]).status == c.status, "another command");
	CHECK(next(&s, traces[2]).sqe[0] == OPCODE_READ, "another command");
	CHECK(next(&s, traces[3]).status == c.status, "another command");
	CHECK(next(&t, second).status == c.status, "another command");
	for (int i = 0; i < 4; i++)
		nothing_more(&s, traces[i]);
	nothing_more(&t, second);
	OK(t.conn, vfnc_trace_close(second));
	second = trace_of(&t, &queue);
	OK(s.conn, vfnc_identify_ctrl(s.dev, id, NULL));
	OK(s.conn, vfnc_flush(s.queue, 1, NULL));
	e = next(&t, second);
	CHECK(e.sqe[0] == 0 && e.qid == s.queue->qid, "opcode %02x of queue %u", e.sqe[0], e.qid);
	nothing_more(&t, second);
	vfnc_disconnect(s.conn);
	vfnc_disconnect(t.conn);
}

/* What a check has refused is shown, and that it was. */
static void trace_refused(void)
{
	struct vfnc_cmd create = {.opcode = OPCODE_CREATE_SQ, .cdw10 = 0x00010001}, fused = {.opcode = 0, .nsid = 1};
	struct set s = set_up(env.device);
	struct vfnc_trace_entry e;
	struct vfnc_trace *trace;
	struct vfnc_completion c;
	struct vfnc_raw_opts opts = {0};
	uint8_t sqe[64] = {0x0c};

	with_queue(&s);
	trace = trace_of(&s, NULL);
	FAILS(s.conn, EPERM, vfnc_admin(s.dev, &create, &c));
	e = next(&s, trace);
	CHECK(e.flags == VFNC_TRACE_REFUSED && e.error == EPERM && !e.submitted, "flags %#x, error %u", e.flags,
	      e.error);
	CHECK(e.sqe[0] == OPCODE_CREATE_SQ && e.sqe[40] == 1 && e.sqe[42] == 1, "other fields");
	fused.nsid = 1;
	fused.opcode = 0x83; /* reserved, with data */
	FAILS(s.conn, EPERM, vfnc_io(s.queue, &fused, &c));
	e = next(&s, trace);
	CHECK(e.flags == VFNC_TRACE_REFUSED && e.error == EPERM && e.qid == s.queue->qid, "flags %#x, error %u",
	      e.flags, e.error);
	sqe[60] = 0x5a;
	FAILS(s.conn, EPERM, vfnc_raw(s.dev, NULL, sqe, &opts, &c));
	e = next(&s, trace);
	CHECK(e.flags == (VFNC_TRACE_REFUSED | VFNC_TRACE_RAW) && memcmp(e.sqe, sqe, 64) == 0, "flags %#x", e.flags);
	/* a raw one that is not */
	sqe[0] = OPCODE_IDENTIFY;
	OK(s.conn, vfnc_raw(s.dev, NULL, sqe, &opts, &c));
	e = next(&s, trace);
	CHECK(e.flags == VFNC_TRACE_RAW && e.status == c.status && e.submitted && e.sqe[60] == 0x5a, "flags %#x",
	      e.flags);
	nothing_more(&s, trace);
	vfnc_disconnect(s.conn);
}

/* Who reads too late has the newest, and knows of each that is lost. */
static void trace_overrun(void)
{
	struct vfnc_trace_filter small = {.entries = 1, .no_admin = true};
	struct set s = set_up(env.device);
	struct vfnc_trace_entry e;
	struct vfnc_trace *trace;
	unsigned int read = 0;

	with_queue(&s);
	trace = trace_of(&s, &small);
	for (unsigned int i = 0; i < 300; i++)
		OK(s.conn, vfnc_read(s.queue, 1, i, 1, s.buf, 0, s.bs, NULL));
	e = next(&s, trace);
	CHECK(e.lost == 300 - 64, "%llu are lost", (unsigned long long)e.lost);
	CHECK(sqe64(&e, 40) == 300 - 64, "block %llu", (unsigned long long)sqe64(&e, 40));
	for (read = 1; vfnc_trace_read(trace, &e, 0) == 0; read++)
		CHECK(!e.lost && sqe64(&e, 40) == 300 - 64 + read, "block %llu", (unsigned long long)sqe64(&e, 40));
	CHECK(read == 64 && vfnc_trace_lost(trace) == 300 - 64, "%u read", read);
	vfnc_disconnect(s.conn);
}

static void trace_reset(void)
{
	struct vfnc_trace_filter filter = {.no_admin = true};
	struct set s = set_up(env.device);
	struct vfnc_reset_result r;
	struct vfnc_completion c;
	struct vfnc_trace_entry e;
	struct vfnc_trace *trace;
	struct vfnc_cmd cmd;
	uint64_t ticket;

	with_queue(&s);
	trace = trace_of(&s, &filter);
	sim_tell(env.sim_control, "delay io 2 0 60000");
	cmd = int_rw(false, 1, 5, 1, s.buf, 0, s.bs);
	OK(s.conn, vfnc_submit(s.queue, &cmd, &ticket));
	OK(s.conn, vfnc_reset(s.dev, VFNC_RESET_CONTROLLER, &r));
	sim_tell(env.sim_control, "clear");
	FAILS(s.conn, ECANCELED, vfnc_wait(s.conn, ticket, &c, INT_SOON_MS));
	e = next(&s, trace);
	CHECK(e.error == ECANCELED && e.sqe[0] == OPCODE_READ && e.submitted && !e.flags, "error %u, flags %#x",
	      e.error, e.flags);
	nothing_more(&s, trace);
	/* and it goes on */
	OK(s.conn, vfnc_queue_delete(s.queue));
	s.queue = int_queue(s.dev, 16);
	OK(s.conn, vfnc_read(s.queue, 1, 6, 1, s.buf, 0, s.bs, NULL));
	e = next(&s, trace);
	CHECK(sqe64(&e, 40) == 6 && !e.status && !e.error, "block %llu", (unsigned long long)sqe64(&e, 40));
	vfnc_disconnect(s.conn);
}

/* A time limit that passes: what the Abort did is shown; else that nothing came, and later what did after all. */
static void trace_timed_out(void)
{
	struct vfnc_trace_filter filter = {.no_admin = true};
	struct set s = set_up(env.device);
	struct vfnc_trace_entry e, late;
	uint64_t apart;
	struct vfnc_completion c;
	struct vfnc_trace *trace;
	struct vfnc_cmd cmd;

	with_queue(&s);
	trace = trace_of(&s, &filter);
	cmd = int_rw(false, 1, 5, 1, s.buf, 0, s.bs);
	cmd.timeout_ms = 50;
	sim_tell(env.sim_control, "delay io 2 1 60000");
	OK(s.conn, vfnc_io(s.queue, &cmd, &c));
	e = next(&s, trace);
	CHECK(c.timed_out && e.status == c.status && e.flags == VFNC_TRACE_TIMED_OUT && !e.error, "flags %#x, error %u",
	      e.flags, e.error);

	/* The controller refuses the Abort, and has the command done later. */
	sim_tell(env.sim_control, "status admin 8 0 0 6");
	sim_tell(env.sim_control, "delay io 2 1 3000");
	FAILS(s.conn, ETIMEDOUT, vfnc_io(s.queue, &cmd, &c));
	e = next(&s, trace);
	CHECK(e.error == ETIMEDOUT && e.flags == VFNC_TRACE_TIMED_OUT && sqe64(&e, 40) == 5, "flags %#x, error %u",
	      e.flags, e.error);
	CHECK(e.completed - e.submitted < UINT64_C(3000000000), "it is told when it is late");
	/* Others go on meanwhile. */
	OK(s.conn, vfnc_flush(s.queue, 1, NULL));
	CHECK(next(&s, trace).sqe[0] == 0, "another command");
	late = next(&s, trace);
	sim_tell(env.sim_control, "clear");
	CHECK(late.flags == (VFNC_TRACE_TIMED_OUT | VFNC_TRACE_LATE) && !late.error && !late.status,
	      "flags %#x, error %u, status %#x", late.flags, late.error, late.status);
	/* Ticks are made nanoseconds each time anew. */
	apart = late.submitted > e.submitted ? late.submitted - e.submitted : e.submitted - late.submitted;
	CHECK(late.cid == e.cid && late.qid == e.qid && apart < 500000000 &&
		      memcmp(late.sqe, e.sqe, sizeof(e.sqe)) == 0,
	      "command %u of queue %u, opcode %02x, submitted at %llu; given up was %u of %u, %02x, %llu", late.cid,
	      late.qid, late.sqe[0], (unsigned long long)late.submitted, e.cid, e.qid, e.sqe[0],
	      (unsigned long long)e.submitted);
	CHECK(late.completed - late.submitted >= UINT64_C(2900000000), "it took %llu ns",
	      (unsigned long long)(late.completed - late.submitted));
	nothing_more(&s, trace);
	vfnc_disconnect(s.conn);
}

/* With limits: a trace's memory counts, is refused, and given back. */
static void trace_quota(void)
{
	struct vfnc_trace_filter large = {.entries = 16384}, small = {.entries = 64};
	struct vfnc_trace *trace, *refused;
	struct set s;
	struct vfnc_buffer *buf;
	struct ledger before;

	ledger_settle();
	ledger_take(&before);
	s = set_up(env.device);
	FAILS_SAYING(s.conn, EDQUOT, "buffer-bytes", vfnc_trace_open(s.dev, &large, &refused));
	buf = int_buffer(s.dev, 1536 << 10);
	FAILS_SAYING(s.conn, EDQUOT, "buffer-bytes", vfnc_trace_open(s.dev, NULL, &refused));
	trace = trace_of(&s, &small);
	OK(s.conn, vfnc_flush(int_queue(s.dev, 2), 1, NULL));
	CHECK(next(&s, trace).sqe[0] == 0, "another command");
	OK(s.conn, vfnc_trace_close(trace));
	OK(s.conn, vfnc_buffer_free(buf));
	for (int i = 0; i < 20; i++)
		OK(s.conn, vfnc_trace_close(trace_of(&s, NULL)));
	vfnc_disconnect(s.conn);
	ledger_await(&before, 8192);
}

/* The device is released: what was left is read, then its end is told. */
static void trace_released(void)
{
	struct set s = set_up(env.device2), other = {.conn = int_connect()};
	struct vfnc_trace_entry e;
	struct vfnc_trace *trace = trace_of(&s, NULL);
	uint8_t id[4096];
	int ret;

	OK(s.conn, vfnc_identify_ctrl(s.dev, id, NULL));
	ret = vfnc_release(other.conn, env.device2);
	OK(other.conn, ret);
	CHECK(next(&s, trace).sqe[0] == OPCODE_IDENTIFY, "another command");
	ret = vfnc_trace_read(trace, &e, INT_SOON_MS);
	CHECK(ret == -ENODEV, "%d (%s)", ret, vfnc_error(s.conn));
	OK(s.conn, vfnc_trace_close(trace));
	OK(other.conn, vfnc_claim(other.conn, env.device2));
	vfnc_disconnect(other.conn);
	vfnc_disconnect(s.conn);
}

/* A new image of the daemon has no traces: who reads is told, and opens another one. */
static void trace_takeover(void)
{
	struct set s = set_up(env.device);
	struct vfnc_trace *trace = trace_of(&s, NULL);
	struct vfnc_trace_entry e;
	uint8_t id[4096];
	int ret;

	OK(s.conn, vfnc_identify_ctrl(s.dev, id, NULL));
	CHECK(kill(env.daemon, SIGUSR2) == 0, "kill: %s", strerror(errno));
	CHECK(next(&s, trace).sqe[0] == OPCODE_IDENTIFY, "another command");
	ret = vfnc_trace_read(trace, &e, INT_SOON_MS);
	CHECK(ret == -ECONNRESET, "%d (%s)", ret, vfnc_error(s.conn));
	OK(s.conn, vfnc_trace_close(trace));
	trace = trace_of(&s, NULL);
	OK(s.conn, vfnc_identify_ctrl(s.dev, id, NULL));
	CHECK(next(&s, trace).sqe[0] == OPCODE_IDENTIFY, "another command");
	OK(s.conn, vfnc_trace_close(trace));
	vfnc_disconnect(s.conn);
}

/* Commands of a served queue, by whoever serves it: those that pass, fail, and are refused. */
static void served_on(const char *address)
{
	struct vfnc_trace_filter filter = {.no_admin = true};
	struct client c;
	struct vfnc_trace_entry e;
	struct vfnc_trace *trace;
	union nvme_cmd cmd = {.rw = {.opcode = OPCODE_READ}};
	uint64_t session, last = 0;
	struct nvme_rq *rq;
	uint16_t status;

	client_open(&c, address, VFNC_QUEUE_SERVED, 64, 65536);
	session = vfnc_session(c.conn);
	OK(c.conn, vfnc_trace_open(c.dev, &filter, &trace));
	for (unsigned int i = 0; i < 500; i++) {
		client_rw(&c, i & 1, i, c.bs, 0);
		OK(c.conn, vfnc_trace_read(trace, &e, INT_SOON_MS));
		CHECK(e.flags == VFNC_TRACE_SERVED && e.session == session && e.served == c.queue->qid && e.qid,
		      "flags %#x, queue %u, served %u", e.flags, e.qid, e.served);
		CHECK(e.sqe[0] == (i & 1 ? OPCODE_WRITE : OPCODE_READ) && sqe64(&e, 40) == i && e.length == c.bs,
		      "opcode %02x, block %llu", e.sqe[0], (unsigned long long)sqe64(&e, 40));
		CHECK(sqe64(&e, 24) == c.buf->iova && !e.status && !e.error, "status %#x", e.status);
		CHECK(e.submitted && e.submitted <= e.completed && e.completed >= last, "times are not in order");
		last = e.completed;
	}
	/* outside of the session's memory */
	rq = nvme_rq_acquire(c.queue->sq);
	CHECK(rq, "no tracker is left");
	cmd.rw.nsid = cpu_to_le32(c.nsid);
	cmd.dptr.prp1 = cpu_to_le64(c.buf->iova + (UINT64_C(1) << 40));
	nvme_rq_exec(rq, &cmd);
	status = client_reap(&c);
	OK(c.conn, vfnc_trace_read(trace, &e, INT_SOON_MS));
	CHECK(e.flags == (VFNC_TRACE_SERVED | VFNC_TRACE_REFUSED) && e.status == status && !e.submitted,
	      "flags %#x, status %#x", e.flags, e.status);
	CHECK(memcmp(e.sqe, &cmd, sizeof(e.sqe)) == 0, "it is another command");
	CHECK(vfnc_trace_read(trace, &e, 0) == -ETIMEDOUT && !vfnc_trace_lost(trace), "there is more");
	OK(c.conn, vfnc_trace_close(trace));
	/* nobody looks any more */
	client_rw(&c, false, 1, c.bs, 0);
	client_close(&c);
}

static void trace_served(void)
{
	served_on(env.device);
}

static void trace_polled(void)
{
	served_on(env.device2);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("a session sees its own commands, whole and in order", trace_own),
		INT_CASE("where the device is raw it sees those of all, and the daemon's", trace_everybody),
		INT_CASE("elsewhere those of its user alone", trace_rights),
		INT_CASE("several traces at a time have a filter each", trace_filters),
		INT_CASE("what was refused is shown", trace_refused),
		INT_CASE("commands of served queues are shown", trace_served),
		INT_CASE("also where a thread polls them", trace_polled),
		INT_CASE("what is overwritten is counted", trace_overrun),
		INT_CASE("a reset ends commands, and no trace", trace_reset, .faults = true),
		INT_CASE("time limits are shown, and what comes after them", trace_timed_out, .faults = true),
		INT_CASE("a device's end is told when all was read", trace_released, .limit = 120),
		INT_CASE("a take-over ends a trace, and it can be opened again", trace_takeover),
		{0},
	};
	static const struct int_case limited[] = {
		INT_CASE("its memory counts, and is refused", trace_quota),
		{0},
	};

	return int_main("trace", getenv("TRACE_LIMITS") ? limited : cases);
}
