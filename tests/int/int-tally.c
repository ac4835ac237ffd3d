/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What sessions and queues have counted adds up to the device, command by command: after a run of requests, admin
 * commands and served queues, some of which are deleted, and sessions, some of which have ended.
 */
#include "served.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct sums {
	uint64_t submitted, completed, failed, lost, outstanding, refused, bytes_read, bytes_written;
	uint64_t errors, timed, sum_ns;
};

static const char *address(void)
{
	return where ? where : env.device;
}

/* All rows of the device; the array is to be given to free(3). */
static int rows_of(struct vfnc *conn, uint64_t session, struct vfnc_tally **rows)
{
	struct vfnc_tally_opts opts = {.sessions = true, .queues = true, .latency = true, .session = session};
	int n = vfnc_tallies(conn, address(), &opts, rows);

	CHECK(n > 0, "tallies: %d (%s)", n, vfnc_error(conn));
	return n;
}

static void add(struct sums *to, const struct vfnc_tally *row)
{
	uint64_t errors = 0, timed = 0;

	for (uint32_t i = 0; i < row->n_errors; i++)
		errors += row->errors[i].count;
	for (uint32_t i = 0; i < row->latency.n_buckets; i++)
		timed += row->latency.buckets[i].count;
	CHECK(errors == row->failed, "row %d: %llu failed, %llu by status", (int)row->kind,
	      (unsigned long long)row->failed, (unsigned long long)errors);
	CHECK(row->submitted == row->completed + row->lost + row->outstanding,
	      "row %d: %llu submitted, %llu completed, %llu lost, %llu outstanding", (int)row->kind,
	      (unsigned long long)row->submitted, (unsigned long long)row->completed, (unsigned long long)row->lost,
	      (unsigned long long)row->outstanding);
	CHECK(timed == row->latency.count && row->latency.max_ns <= row->latency.sum_ns,
	      "row %d: latencies of %llu in all are %llu", (int)row->kind, (unsigned long long)timed,
	      (unsigned long long)row->latency.count);
	to->submitted += row->submitted;
	to->completed += row->completed;
	to->failed += row->failed;
	to->lost += row->lost;
	to->outstanding += row->outstanding;
	to->refused += row->refused;
	to->bytes_read += row->bytes_read;
	to->bytes_written += row->bytes_written;
	to->errors += errors;
	to->timed += timed;
	to->sum_ns += row->latency.sum_ns;
}

/* Ticks of several rows are made nanoseconds each by itself. */
static bool near(uint64_t a, uint64_t b, uint64_t rows)
{
	return a <= b + rows && b <= a + rows;
}

static void same(const struct sums *a, const struct sums *b, uint64_t rows, const char *what)
{
	CHECK(a->submitted == b->submitted && a->completed == b->completed && a->failed == b->failed &&
		      a->lost == b->lost && a->outstanding == b->outstanding,
	      "%s: %llu and %llu submitted, %llu and %llu completed, %llu and %llu failed, %llu and %llu lost", what,
	      (unsigned long long)a->submitted, (unsigned long long)b->submitted, (unsigned long long)a->completed,
	      (unsigned long long)b->completed, (unsigned long long)a->failed, (unsigned long long)b->failed,
	      (unsigned long long)a->lost, (unsigned long long)b->lost);
	CHECK(a->bytes_read == b->bytes_read && a->bytes_written == b->bytes_written && a->refused == b->refused &&
		      a->errors == b->errors,
	      "%s: %llu and %llu bytes read, %llu and %llu written, %llu and %llu refused", what,
	      (unsigned long long)a->bytes_read, (unsigned long long)b->bytes_read,
	      (unsigned long long)a->bytes_written, (unsigned long long)b->bytes_written,
	      (unsigned long long)a->refused, (unsigned long long)b->refused);
	CHECK(a->timed == b->timed && near(a->sum_ns, b->sum_ns, rows),
	      "%s: latencies of %llu and %llu commands, %llu and %llu ns", what, (unsigned long long)a->timed,
	      (unsigned long long)b->timed, (unsigned long long)a->sum_ns, (unsigned long long)b->sum_ns);
}

/* The device is what its sessions and those that have ended did; a session what its queues did. */
static struct sums agree(struct vfnc *conn)
{
	struct sums device = {0}, sessions = {0}, queues = {0}, session = {0}, parts = {0};
	struct vfnc_device *dev = int_open(int_connect(), where);
	struct vfnc_statistics st;
	struct vfnc_tally *rows;
	int n = rows_of(conn, 0, &rows);

	CHECK(rows[0].kind == VFNC_TALLY_DEVICE && rows[1].kind == VFNC_TALLY_ENDED,
	      "no device, or nothing that has ended");
	add(&device, &rows[0]);
	for (int i = 1; i < n; i++) {
		bool ended = rows[i].kind == VFNC_TALLY_ENDED, whole = rows[i].kind == VFNC_TALLY_SESSION;

		if (ended || whole)
			add(&sessions, &rows[i]);
		if (!whole)
			add(&queues, &rows[i]);
		if (!ended && !whole)
			add(&parts, &rows[i]);
		/* each session before its queues */
		if (whole || i == n - 1)
			same(&session, &parts, (uint64_t)n, "a session and its queues");
		if (whole) {
			session = parts = (struct sums){0};
			add(&session, &rows[i]);
		}
	}
	same(&device, &sessions, (uint64_t)n, "the device and its sessions");
	same(&device, &queues, (uint64_t)n, "the device and all queues");
	/* And what is counted of the device apart from that: requests, and served queues. */
	OK(vfnc_device_connection(dev), vfnc_statistics(vfnc_device_connection(dev), dev, &st));
	CHECK(device.completed == st.completed + st.served_completed && device.failed == st.failed + st.served_failed &&
		      device.bytes_read == st.bytes_read + st.served_bytes_read &&
		      device.bytes_written == st.bytes_written + st.served_bytes_written &&
		      device.outstanding == st.outstanding + st.served_outstanding,
	      "of the device: %llu commands, not %llu and %llu; %llu bytes read, not %llu and %llu",
	      (unsigned long long)device.completed, (unsigned long long)st.completed,
	      (unsigned long long)st.served_completed, (unsigned long long)device.bytes_read,
	      (unsigned long long)st.bytes_read, (unsigned long long)st.served_bytes_read);
	CHECK(rows[0].interrupts <= st.interrupts, "interrupts go back");
	vfnc_disconnect(vfnc_device_connection(dev));
	free(rows);
	return device;
}

/* The row of a session. */
static struct vfnc_tally row_of(struct vfnc *conn, uint64_t session, enum vfnc_tally_kind kind, uint64_t queue)
{
	struct vfnc_tally row = {0}, *rows;
	int n = rows_of(conn, session, &rows), found = 0;

	for (int i = 0; i < n; i++) {
		CHECK(rows[i].session == session, "a row of session %llu", (unsigned long long)rows[i].session);
		if (rows[i].kind == kind && rows[i].queue == queue) {
			row = rows[i];
			found++;
		}
	}
	CHECK(found == 1, "%d rows of kind %d, queue %llu", found, (int)kind, (unsigned long long)queue);
	free(rows);
	row.program = NULL;
	row.errors = NULL;
	row.latency.buckets = NULL;
	return row;
}

enum { READS = 31, WRITES = 17, FAILED = 4, REQUESTS = 12, TURNED_DOWN = 3, ADMIN = 6 };

static void run_served(struct client *c)
{
	union nvme_cmd cmd = {.rw = {.opcode = 2}};

	for (unsigned int i = 0; i < READS + WRITES; i++)
		CHECK(client_do(c, i >= READS, i, 2, 0) == 0, "command %u", i);
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(c->blocks);
	cmd.dptr.prp1 = cpu_to_le64(c->buf->iova);
	for (unsigned int i = 0; i < FAILED; i++)
		CHECK(refused_by(c, cmd) == 0x80, "beyond the end");
	cmd.opcode = 0x93;
	CHECK(refused_by(c, cmd) == 1, "an opcode of nobody is not refused");
}

static void run_requests(struct client *c, struct vfnc_queue *queue)
{
	struct vfnc_cmd cmd = int_rw(false, 1, c->blocks, 1, c->buf, 0, c->bs);
	struct vfnc_completion cpl;
	uint8_t data[4096];

	for (unsigned int i = 0; i < REQUESTS; i++)
		OK(c->conn, vfnc_write(queue, 1, i, 1, c->buf, 0, c->bs, NULL));
	for (unsigned int i = 0; i < FAILED; i++) {
		OK(c->conn, vfnc_io(queue, &cmd, &cpl));
		CHECK((cpl.status & 0x7ff) == 0x80, "status %#x", cpl.status);
	}
	/* Less room than it transfers. */
	cmd.length = c->bs - 1;
	for (unsigned int i = 0; i < TURNED_DOWN; i++)
		FAILS(c->conn, EINVAL, vfnc_io(queue, &cmd, &cpl));
	for (unsigned int i = 0; i < ADMIN; i++)
		OK(c->conn, vfnc_identify_ctrl(c->dev, data, NULL));
}

static void added_up(void)
{
	struct vfnc *conn = int_connect();
	struct sums before = agree(conn), after;
	struct vfnc_queue *queue;
	struct vfnc_tally row, kept;
	struct client c;
	uint64_t session;

	client_open(&c, 16, 1 << 16);
	session = vfnc_session(c.conn);
	queue = int_queue(c.dev, 16);
	run_served(&c);
	run_requests(&c, queue);
	agree(conn);
	/* The queues are numbered as they came. */
	kept = row_of(conn, session, VFNC_TALLY_QUEUE, 1);
	CHECK(kept.mode == VFNC_QUEUE_SERVED && kept.entries == 16 && kept.qid == c.queue->qid && kept.pair,
	      "mode %d, %u entries, queue %u on %u", (int)kept.mode, kept.entries, kept.qid, kept.pair);
	CHECK(kept.completed == READS + WRITES + FAILED + 1 && kept.failed == FAILED + 1 && kept.refused == 1 &&
		      kept.refused_opcode == 1 && kept.n_errors == 2 && kept.latency.count == kept.completed - 1 &&
		      kept.bytes_read == READS * 2ull * c.bs && kept.bytes_written == WRITES * 2ull * c.bs,
	      "%llu commands on the served queue, %llu failed", (unsigned long long)kept.completed,
	      (unsigned long long)kept.failed);
	row = row_of(conn, session, VFNC_TALLY_QUEUE, 2);
	CHECK(row.mode == VFNC_QUEUE_REQUEST && row.qid == queue->qid && row.completed == REQUESTS + FAILED &&
		      row.failed == FAILED && row.refused == TURNED_DOWN && row.latency.count == row.completed &&
		      row.bytes_written == (uint64_t)REQUESTS * c.bs,
	      "%llu commands on the queue of requests, %llu failed, %llu turned down",
	      (unsigned long long)row.completed, (unsigned long long)row.failed, (unsigned long long)row.refused);
	/* An interrupt tells of one completion or more. */
	if (getenv("INT_NO_INTERRUPTS"))
		CHECK(row.interrupts == 0 && kept.interrupts == 0, "there are interrupts");
	else
		CHECK(row.interrupts > 0 && kept.interrupts > 0, "%llu and %llu interrupts",
		      (unsigned long long)row.interrupts, (unsigned long long)kept.interrupts);
	row = row_of(conn, session, VFNC_TALLY_ADMIN, 0);
	CHECK(row.completed == ADMIN && row.bytes_read == ADMIN * 4096ull, "%llu admin commands",
	      (unsigned long long)row.completed);
	CHECK(row_of(conn, session, VFNC_TALLY_DELETED, 0).submitted == 0, "a queue is gone");
	row = row_of(conn, session, VFNC_TALLY_SESSION, 0);
	CHECK(row.pid == (uint32_t)getpid() && row.uid == getuid() && row.queues == 2 &&
		      row.requests_refused == TURNED_DOWN && row.requests > row.requests_refused,
	      "process %u, %u queues, %llu requests", row.pid, row.queues, (unsigned long long)row.requests);
	/* Deleted, both are among what the session did, and ended, the session among what the device did. */
	OK(c.conn, vfnc_queue_delete(queue));
	agree(conn);
	row = row_of(conn, session, VFNC_TALLY_DELETED, 0);
	CHECK(row.completed == REQUESTS + FAILED && row.failed == FAILED && row.refused == TURNED_DOWN,
	      "%llu commands on the queue that is deleted", (unsigned long long)row.completed);
	OK(c.conn, vfnc_queue_delete(c.queue));
	agree(conn);
	row = row_of(conn, session, VFNC_TALLY_DELETED, 0);
	CHECK(row.completed == REQUESTS + FAILED + kept.completed &&
		      row.latency.count == REQUESTS + FAILED + kept.latency.count,
	      "%llu commands on both", (unsigned long long)row.completed);
	client_close(&c);
	after = agree(conn);
	CHECK(after.completed - before.completed == REQUESTS + FAILED + ADMIN + kept.completed &&
		      after.failed - before.failed == 2 * FAILED + 1 &&
		      after.refused - before.refused == TURNED_DOWN + 1,
	      "of all commands there are %llu after the session's end",
	      (unsigned long long)(after.completed - before.completed));
	vfnc_disconnect(conn);
}

/* The second device's served queues have a thread of their own, and a vector. */
static void added_up_polled(void)
{
	where = env.device2;
	added_up();
	settle_polled();
}

static void asked_wrong(void)
{
	struct vfnc_tally_opts opts = {.queues = true, .queue = 1};
	struct vfnc *conn = int_connect();
	struct vfnc_tally *rows;

	FAILS_SAYING(conn, EINVAL, "name one", vfnc_tallies(conn, NULL, NULL, &rows));
	FAILS_SAYING(conn, ENODEV, "no such device", vfnc_tallies(conn, "0000:00:00.9", NULL, &rows));
	FAILS_SAYING(conn, EINVAL, "name it", vfnc_tallies(conn, address(), &opts, &rows));
	opts = (struct vfnc_tally_opts){.sessions = true, .session = 1ull << 40};
	CHECK(vfnc_tallies(conn, address(), &opts, &rows) == 0, "there is such a session");
	free(rows);
	vfnc_disconnect(conn);
}

/* More rows than go into one message; all are there, each once. */
static void many(void)
{
	enum { SESSIONS = 40, QUEUES = 8 };
	struct vfnc_tally_opts opts = {.sessions = true, .queues = true};
	struct vfnc *conns[SESSIONS], *conn = int_connect();
	struct vfnc_tally *rows;
	uint64_t first = 0;
	int n, sessions = 0, queues = 0;

	for (unsigned int i = 0; i < SESSIONS; i++) {
		struct vfnc_queue_opts served = {.mode = VFNC_QUEUE_SERVED, .entries = 4};
		struct vfnc_device *dev;
		struct vfnc_queue *queue;

		conns[i] = int_connect();
		first = first ? first : vfnc_session(conns[i]);
		dev = int_open(conns[i], where);
		for (unsigned int k = 0; k < QUEUES; k++)
			OK(conns[i], vfnc_queue_create(dev, &served, &queue));
	}
	n = vfnc_tallies(conn, address(), &opts, &rows);
	CHECK(n > SESSIONS * (QUEUES + 3), "%d rows (%s)", n, vfnc_error(conn));
	for (int i = 0; i < n; i++) {
		sessions += rows[i].session >= first && rows[i].kind == VFNC_TALLY_SESSION;
		queues += rows[i].session >= first && rows[i].kind == VFNC_TALLY_QUEUE;
		if (rows[i].kind == VFNC_TALLY_QUEUE && i && rows[i - 1].kind == VFNC_TALLY_QUEUE)
			CHECK(rows[i].session == rows[i - 1].session && rows[i].queue < rows[i - 1].queue,
			      "queue %llu after %llu", (unsigned long long)rows[i].queue,
			      (unsigned long long)rows[i - 1].queue);
	}
	CHECK(sessions == SESSIONS && queues == SESSIONS * QUEUES, "%d sessions, %d queues", sessions, queues);
	free(rows);
	for (unsigned int i = 0; i < SESSIONS; i++)
		vfnc_disconnect(conns[i]);
	vfnc_disconnect(conn);
	ledger_settle();
}

static const struct int_case cases[] = {
	INT_CASE("sessions and queues add up to the device", added_up),
	INT_CASE("by a polling thread: sessions and queues add up to the device", added_up_polled),
	INT_CASE("what cannot be asked for is refused", asked_wrong),
	INT_CASE("more sessions and queues than go into a message", many, .limit = 180),
	{0},
};

int main(void)
{
	return int_main("tally", cases);
}
