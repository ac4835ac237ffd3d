/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that nobody checks, and queues that sessions make by them. */
#include "int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/nvme/types.h>
#include <vfn/support.h>

#define SC_MASK        0x7ff
#define SC_INVALID_OPC 0x001
#define SC_ABORT_REQ   0x007
#define OPC_DELETE_SQ  0x00
#define OPC_CREATE_SQ  0x01
#define OPC_DELETE_CQ  0x04
#define OPC_CREATE_CQ  0x05
#define OPC_IDENTIFY   0x06
#define OPC_ABORT      0x08
#define OPC_SET_FEATURES 0x09
#define OPC_GET_FEATURES 0x0a
#define OPC_KEEP_ALIVE 0x18
#define OPC_DATA_QUEUE 0x45
#define FEATURE_EVENTS 0x0b
#define FEATURE_HMB    0x0d
#define ENTRIES        16u
#define FILLERS        100 /* more than the admin queue has places for */

struct set {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
};

static struct set set_up(void)
{
	struct set s = {.conn = int_connect()};

	s.dev = int_open(s.conn, env.device);
	s.queue = int_queue(s.dev, ENTRIES);
	s.buf = int_buffer(s.dev, 65536);
	return s;
}

static struct vfnc_completion send(struct set *s, struct vfnc_queue *queue, const union nvme_cmd *cmd,
				   bool keep_cid)
{
	struct vfnc_raw_opts opts = {.keep_cid = keep_cid};
	struct vfnc_completion c;

	OK(s->conn, vfnc_raw(s->dev, queue, cmd, &opts, &c));
	return c;
}

static void refused(struct set *s, const char *text, union nvme_cmd cmd)
{
	FAILS_SAYING(s->conn, EPERM, text, vfnc_raw(s->dev, NULL, &cmd, NULL, NULL));
}

static void unchecked_commands(void)
{
	/* Which of two mistakes is told is up to the controller: there is one. */
	union nvme_cmd cmd = {.opcode = 0x7f, .nsid = cpu_to_le32(1)};
	struct vfnc_raw_opts keep = {.keep_cid = true};
	struct set s = set_up();
	struct vfnc_completion c;

	c = send(&s, NULL, &cmd, false);
	CHECK((c.status & SC_MASK) == SC_INVALID_OPC, "an opcode that there is not: %#x", c.status);
	cmd.cid = 0xabcd;
	c = send(&s, s.queue, &cmd, true);
	CHECK((c.status & SC_MASK) == SC_INVALID_OPC && c.cid == 0xabcd && c.sqid == s.queue->qid,
	      "status %#x, identifier %#x, queue %u", c.status, c.cid, c.sqid);
	FAILS_SAYING(s.conn, EPERM, "daemon's", vfnc_raw(s.dev, NULL, &cmd, &keep, NULL));

	/* Reserved fields, and data where the command says: the daemon adds nothing. */
	cmd = (union nvme_cmd){.opcode = OPC_IDENTIFY, .nsid = cpu_to_le32(0x12345678)};
	cmd.cdw3 = cpu_to_le32(UINT32_MAX);
	cmd.cdw10 = cpu_to_le32(1);
	cmd.dptr.prp1 = cpu_to_le64(s.buf->iova + 8192);
	memset(s.buf->vaddr, 0xa5, s.buf->size);
	send(&s, NULL, &cmd, false);
	CHECK(((uint8_t *)s.buf->vaddr)[8191] == 0xa5, "data went in front of its place");
	vfnc_disconnect(s.conn);
}

/* Where nothing is mapped a controller gets nothing; the command tells so, and nobody else notices. */
static void unchecked_addresses(void)
{
	union nvme_cmd cmd = {.opcode = 2, .nsid = cpu_to_le32(1)};
	struct set s = set_up();
	struct vfnc_completion c;

	cmd.dptr.prp1 = cpu_to_le64(0x1000);
	c = send(&s, s.queue, &cmd, false);
	CHECK(c.status, "a read to nowhere succeeds");
	cmd.dptr.prp1 = cpu_to_le64(s.buf->iova + 1);
	send(&s, s.queue, &cmd, false);
	cmd.flags = 0x40; /* PSDT: SGL; the descriptor is nonsense */
	memset(&cmd.dptr, 0xff, sizeof(cmd.dptr));
	c = send(&s, s.queue, &cmd, false);
	CHECK(c.status, "a nonsensical SGL succeeds");
	OK(s.conn, vfnc_flush(s.queue, 1, NULL));
	vfnc_disconnect(s.conn);
}

static void unchecked_others(void)
{
	struct set s = set_up(), other = set_up();
	union nvme_cmd cmd = {.opcode = OPC_DELETE_SQ};

	cmd.cdw10 = cpu_to_le32(other.queue->qid);
	refused(&s, "another session", cmd);
	cmd.opcode = OPC_DELETE_CQ;
	refused(&s, "another session", cmd);
	cmd.opcode = OPC_ABORT;
	refused(&s, "another session", cmd);
	cmd.opcode = OPC_CREATE_CQ;
	refused(&s, "set aside", cmd);
	cmd.cdw10 = cpu_to_le32(s.queue->qid);
	refused(&s, "set aside", cmd);
	cmd = (union nvme_cmd){.opcode = 0x0c};
	refused(&s, "subscribe", cmd);
	cmd = (union nvme_cmd){.opcode = 0x09, .cdw10 = cpu_to_le32(7)};
	refused(&s, "Number of Queues", cmd);
	cmd = (union nvme_cmd){.opcode = 0x7c};
	refused(&s, "Doorbell", cmd);
	OK(other.conn, vfnc_flush(other.queue, 1, NULL));
	vfnc_disconnect(s.conn);
	vfnc_disconnect(other.conn);
}

/* A submission queue at `offset`, which completes into `cqid`; with `cq`, first the completion queue behind it. */
static void make_queue(struct set *s, const struct vfnc_queue *q, uint32_t cqid, uint64_t offset, bool cq)
{
	union nvme_cmd cmd = {.create_cq = {.opcode = OPC_CREATE_CQ,
					    .prp1 = cpu_to_le64(s->buf->iova + offset + 4096),
					    .qid = cpu_to_le16((uint16_t)q->qid),
					    .qsize = cpu_to_le16(ENTRIES - 1),
					    .qflags = cpu_to_le16(1)}};
	struct vfnc_completion c;

	if (cq) {
		c = send(s, NULL, &cmd, false);
		CHECK(vfnc_ok(&c), "Create I/O Completion Queue: %#x", c.status);
	}
	cmd.opcode = OPC_CREATE_SQ;
	cmd.create_sq.prp1 = cpu_to_le64(s->buf->iova + offset);
	cmd.create_sq.cqid = cpu_to_le16((uint16_t)cqid);
	c = send(s, NULL, &cmd, false);
	CHECK(vfnc_ok(&c), "Create I/O Submission Queue: %#x", c.status);
}

/* The queues are the session's memory; the session writes the command, and rings, and looks. */
static void drive_queue(struct set *s, const struct vfnc_queue *q, uint64_t offset, uint64_t cq_offset,
			unsigned int nth)
{
	union nvme_cmd *sqe = (union nvme_cmd *)((char *)s->buf->vaddr + offset);
	struct nvme_cqe *cqe = (struct nvme_cqe *)((char *)s->buf->vaddr + cq_offset + 4096) + nth;
	uint64_t deadline = int_now_ms() + INT_SOON_MS;

	*sqe = (union nvme_cmd){.opcode = 0, .cid = (uint16_t)(0x700 + q->qid), .nsid = cpu_to_le32(1)};
	OK(s->conn, vfnc_doorbell(s->dev, (uint16_t)q->qid, false, 1));
	while (!(le16_to_cpu(LOAD(cqe->sfp)) & 1)) {
		CHECK(int_now_ms() < deadline, "no completion in the session's own queue");
		int_pause();
	}
	CHECK(cqe->cid == 0x700 + q->qid && le16_to_cpu(cqe->sqid) == q->qid && le16_to_cpu(cqe->sfp) == 1,
	      "identifier %#x, queue %u, status %#x", cqe->cid, le16_to_cpu(cqe->sqid),
	      le16_to_cpu(cqe->sfp));
}

static void unchecked_queues(void)
{
	struct vfnc_statistics before, after;
	struct vfnc_queue *one, *two;
	struct ledger ledger;
	struct set s, watch;

	ledger_take(&ledger);
	watch = set_up();
	OK(watch.conn, vfnc_statistics(watch.conn, watch.dev, &before));
	s = set_up();
	OK(s.conn, vfnc_raw_queue(s.dev, &one));
	OK(s.conn, vfnc_raw_queue(s.dev, &two));
	CHECK(one->qid != two->qid && one->mode == VFNC_QUEUE_RAW, "identifiers %u and %u", one->qid, two->qid);
	make_queue(&s, one, one->qid, 0, true);
	make_queue(&s, two, one->qid, 16384, false);
	drive_queue(&s, one, 0, 0, 0);
	drive_queue(&s, two, 16384, 0, 1);
	FAILS(s.conn, EBUSY, vfnc_buffer_free(s.buf));
	FAILS_SAYING(s.conn, EBUSY, "completes into it", vfnc_queue_delete(one));
	OK(s.conn, vfnc_queue_delete(two));
	OK(s.conn, vfnc_queue_delete(one));
	OK(s.conn, vfnc_buffer_free(s.buf));

	/* At the session's end in whatever order it takes, and without a reset. */
	s.buf = int_buffer(s.dev, 65536);
	OK(s.conn, vfnc_raw_queue(s.dev, &one));
	OK(s.conn, vfnc_raw_queue(s.dev, &two));
	make_queue(&s, one, one->qid, 0, true);
	make_queue(&s, two, one->qid, 16384, false);
	drive_queue(&s, two, 16384, 0, 0);
	vfnc_disconnect(s.conn);
	s = set_up();
	OK(s.conn, vfnc_raw_queue(s.dev, &one));
	OK(s.conn, vfnc_raw_queue(s.dev, &two));
	make_queue(&s, two, two->qid, 0, true);
	make_queue(&s, one, two->qid, 16384, false);
	vfnc_disconnect(s.conn);
	OK(watch.conn, vfnc_statistics(watch.conn, watch.dev, &after));
	CHECK(after.resets == before.resets, "the controller was reset");
	vfnc_disconnect(watch.conn);
	ledger_await(&ledger, 2048);
	ledger_all_queues();
}

/* What was allowed when the command came need not be when it goes. */
static void unchecked_late(void)
{
	union nvme_cmd filler = {.opcode = OPC_KEEP_ALIVE}, cmd = {.opcode = OPC_CREATE_CQ};
	uint64_t tickets[FILLERS], late;
	struct set s = set_up();
	struct vfnc_completion c;
	struct vfnc_queue *q;

	sim_tell(env.sim_control, "delay admin 0x18 0 300");
	OK(s.conn, vfnc_raw_queue(s.dev, &q));
	for (int i = 0; i < FILLERS; i++)
		OK(s.conn, vfnc_submit_raw(s.dev, NULL, &filler, NULL, &tickets[i]));
	cmd.create_cq.prp1 = cpu_to_le64(s.buf->iova);
	cmd.create_cq.qid = cpu_to_le16((uint16_t)q->qid);
	cmd.create_cq.qsize = cpu_to_le16(ENTRIES - 1);
	cmd.create_cq.qflags = cpu_to_le16(1);
	OK(s.conn, vfnc_submit_raw(s.dev, NULL, &cmd, NULL, &late));
	/* The daemon's own commands need not wait. */
	OK(s.conn, vfnc_queue_delete(q));
	FAILS_SAYING(s.conn, EPERM, "set aside", vfnc_wait(s.conn, late, &c, INT_SOON_MS));
	for (int i = 0; i < FILLERS; i++)
		OK(s.conn, vfnc_wait(s.conn, tickets[i], &c, INT_SOON_MS));
	sim_tell(env.sim_control, "clear");
	OK(s.conn, vfnc_raw_queue(s.dev, &q));
	make_queue(&s, q, q->qid, 0, true);
	vfnc_disconnect(s.conn);
}

/* A doorbell that goes too far: what the controller makes of the entry there comes back all the same. */
static void unchecked_stray(void)
{
	struct set s = set_up();
	struct vfnc_subscription *sub;
	struct vfnc_event event;
	struct nvme_cqe cqe;

	OK(s.conn, vfnc_subscribe(s.dev, &sub));
	OK(s.conn, vfnc_doorbell(s.dev, (uint16_t)s.queue->qid, false, 1));
	OK(s.conn, vfnc_event_wait(s.conn, &event, INT_SOON_MS));
	CHECK(event.kind == VFNC_EVENT_COMPLETION && event.log_length == sizeof(cqe),
	      "an event of kind %d with %u bytes", event.kind, event.log_length);
	memcpy(&cqe, event.log, sizeof(cqe));
	CHECK(cqe.cid == 0 && le16_to_cpu(cqe.sqid) == s.queue->qid, "identifier %u, queue %u", cqe.cid,
	      le16_to_cpu(cqe.sqid));
	vfnc_disconnect(s.conn);
}

/* Nobody can tell the two commands apart, but each gets one answer. */
static void unchecked_twice(void)
{
	struct vfnc_raw_opts keep = {.keep_cid = true};
	union nvme_cmd cmd = {.opcode = 0, .cid = 5, .nsid = cpu_to_le32(1)};
	struct set s = set_up();
	uint64_t tickets[8];

	for (int i = 0; i < 8; i++)
		OK(s.conn, vfnc_submit_raw(s.dev, s.queue, &cmd, &keep, &tickets[i]));
	for (int i = 0; i < 8; i++) {
		struct vfnc_completion c;

		OK(s.conn, vfnc_wait(s.conn, tickets[i], &c, INT_SOON_MS));
		CHECK(c.cid == 5, "identifier %u", c.cid);
	}
	vfnc_disconnect(s.conn);
}

/*
 * A session does not want them any more: one under an identifier of its own, one under the daemon's, one of the admin
 * queue, and one that has not been sent yet. Others of the same queue go on.
 */
static void unchecked_cancel(void)
{
	struct vfnc_raw_opts keep = {.keep_cid = true};
	union nvme_cmd slow = {.opcode = 2, .cid = 0xbeef, .nsid = cpu_to_le32(1)};
	union nvme_cmd filler = {.opcode = OPC_KEEP_ALIVE};
	uint64_t tickets[2], admin, fillers[FILLERS];
	struct vfnc_completion c;
	struct set s = set_up();

	sim_tell(env.sim_control, "delay io 2 0 60000");
	slow.dptr.prp1 = cpu_to_le64(s.buf->iova);
	OK(s.conn, vfnc_submit_raw(s.dev, s.queue, &slow, &keep, &tickets[0]));
	OK(s.conn, vfnc_submit_raw(s.dev, s.queue, &slow, NULL, &tickets[1]));
	OK(s.conn, vfnc_flush(s.queue, 1, NULL));
	for (int i = 0; i < 2; i++) {
		OK(s.conn, vfnc_cancel(s.conn, tickets[i]));
		OK(s.conn, vfnc_wait(s.conn, tickets[i], &c, INT_SOON_MS));
		CHECK((c.status & SC_MASK) == SC_ABORT_REQ && !c.timed_out, "status %#x, timed out: %d", c.status,
		      c.timed_out);
		CHECK((c.cid == 0xbeef) == (i == 0), "identifier %#x", c.cid);
	}
	FAILS(s.conn, ENOENT, vfnc_cancel(s.conn, tickets[0]));

	sim_tell(env.sim_control, "delay admin 0x18 0 60000");
	for (int i = 0; i < FILLERS; i++)
		OK(s.conn, vfnc_submit_raw(s.dev, NULL, &filler, NULL, &fillers[i]));
	OK(s.conn, vfnc_submit_raw(s.dev, NULL, &filler, NULL, &admin));
	OK(s.conn, vfnc_cancel(s.conn, admin));
	FAILS_SAYING(s.conn, ECANCELED, "before it was sent", vfnc_wait(s.conn, admin, &c, INT_SOON_MS));
	for (int i = 0; i < FILLERS; i++)
		OK(s.conn, vfnc_cancel(s.conn, fillers[FILLERS - 1 - i]));
	for (int i = 0; i < FILLERS; i++) {
		int ret = vfnc_wait(s.conn, fillers[i], &c, INT_SOON_MS);

		CHECK(ret == -ECANCELED || (ret == 0 && (c.status & SC_MASK) == SC_ABORT_REQ),
		      "number %d: %d, status %#x", i, ret, c.status);
	}
	sim_tell(env.sim_control, "clear");
	vfnc_disconnect(s.conn);
}

static void unchecked_silence(void)
{
	struct vfnc_raw_opts soon = {.timeout_ms = 50};
	union nvme_cmd cmd = {.opcode = 0, .nsid = cpu_to_le32(1)};
	struct set s = set_up();

	sim_tell(env.sim_control, "drop io 0 1 stuck");
	FAILS_SAYING(s.conn, ETIMEDOUT, "did not complete", vfnc_raw(s.dev, s.queue, &cmd, &soon, NULL));
	OK(s.conn, vfnc_flush(s.queue, 1, NULL));
	/* It may yet write to any of the session's memory. */
	FAILS(s.conn, EBUSY, vfnc_buffer_free(s.buf));
	OK(s.conn, vfnc_queue_delete(s.queue));
	OK(s.conn, vfnc_buffer_free(s.buf));
	sim_tell(env.sim_control, "clear");
	vfnc_disconnect(s.conn);
}

/* The controller dies of a command: that is its answer, and the session can go on. */
static void unchecked_fatal(void)
{
	struct vfnc_raw_opts soon = {.timeout_ms = 50};
	union nvme_cmd cmd = {.opcode = 0, .nsid = cpu_to_le32(1)};
	struct vfnc_subscription *sub;
	struct vfnc_event event;
	struct set s = set_up();

	OK(s.conn, vfnc_subscribe(s.dev, &sub));
	sim_tell(env.sim_control, "cfs io 0 1");
	FAILS_SAYING(s.conn, ECANCELED, "CSTS.CFS", vfnc_raw(s.dev, s.queue, &cmd, &soon, NULL));
	OK(s.conn, vfnc_event_wait(s.conn, &event, INT_SOON_MS));
	CHECK(event.kind == VFNC_EVENT_RESET && int_contains(event.reason, "CSTS.CFS"), "event %d: %s",
	      event.kind, event.reason);
	OK(s.conn, vfnc_queue_delete(s.queue));
	s.queue = int_queue(s.dev, ENTRIES);
	OK(s.conn, vfnc_flush(s.queue, 1, NULL));
	vfnc_disconnect(s.conn);
}

static uint64_t resets(struct vfnc_device *dev)
{
	struct vfnc_statistics stats;

	OK(vfnc_device_connection(dev), vfnc_statistics(vfnc_device_connection(dev), dev, &stats));
	return stats.resets;
}

/* A session sends the command, which the controller is said to complete so, and ends. Was the controller reset? */
static bool tainted(struct vfnc_device *watch, const union nvme_cmd *cmd, unsigned int sc)
{
	uint64_t before = resets(watch), until = int_now_ms() + INT_SOON_MS;
	struct vfnc_statistics stats;
	struct vfnc_completion c;
	struct set s = set_up();

	sim_tell(env.sim_control, "status admin %#x 1 0 %#x", cmd->opcode, sc);
	c = send(&s, NULL, cmd, false);
	sim_tell(env.sim_control, "clear");
	CHECK((c.status & SC_MASK) == sc, "opcode %#x: status %#x, not %#x", cmd->opcode, c.status, sc);
	CHECK(resets(watch) == before, "it is reset before the session's end");
	vfnc_disconnect(s.conn);
	/* Its buffer goes after the reset, if there is one. */
	do {
		CHECK(int_now_ms() < until, "the session's memory is not given back");
		int_pause();
		OK(vfnc_device_connection(watch), vfnc_statistics(vfnc_device_connection(watch), watch, &stats));
	} while (stats.buffers);
	return stats.resets != before;
}

/*
 * Memory that the controller keeps after the command, and that nothing but a reset takes from it: before the session's
 * memory is given back. Not so where it does not keep any.
 */
static void unchecked_tainted(void)
{
	static const struct {
		const char *what;
		uint8_t opcode;
		uint32_t cdw10;
		unsigned int sc;
		bool reset;
	} all[] = {
		{"Controller Data Queue, create", OPC_DATA_QUEUE, 0, 0, true},
		{"Controller Data Queue, create another kind", OPC_DATA_QUEUE, 1u << 16, 0, true},
		{"Controller Data Queue, create that fails", OPC_DATA_QUEUE, 0, SC_INVALID_OPC, false},
		{"Controller Data Queue, delete", OPC_DATA_QUEUE, 1, 0, false},
		{"Host Memory Buffer", OPC_SET_FEATURES, FEATURE_HMB, 0, true},
		{"Host Memory Buffer that fails", OPC_SET_FEATURES, FEATURE_HMB, SC_INVALID_OPC, false},
		{"Create I/O Completion Queue beyond all", OPC_CREATE_CQ, 0xfff0, 0, true},
		{"Create I/O Submission Queue beyond all", OPC_CREATE_SQ, 0xfff0, 0, true},
		{"Keep Alive", OPC_KEEP_ALIVE, 0, 0, false},
	};
	struct vfnc *conn = int_connect();
	struct vfnc_device *watch = int_open(conn, env.device);

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		union nvme_cmd cmd = {.opcode = all[i].opcode, .cdw10 = cpu_to_le32(all[i].cdw10)};

		CHECK(tainted(watch, &cmd, all[i].sc) == all[i].reset, "%s: the controller was%s reset", all[i].what,
		      all[i].reset ? " not" : "");
	}
	vfnc_disconnect(conn);
}

static uint32_t events_enabled(struct set *s)
{
	union nvme_cmd cmd = {.opcode = OPC_GET_FEATURES, .cdw10 = cpu_to_le32(FEATURE_EVENTS)};
	struct vfnc_completion c = send(s, NULL, &cmd, false);

	CHECK(vfnc_ok(&c), "Get Features: %#x", c.status);
	return c.dw0;
}

static void set_events(struct set *s, uint32_t value)
{
	union nvme_cmd cmd = {.opcode = OPC_SET_FEATURES};
	struct vfnc_completion c;

	cmd.cdw10 = cpu_to_le32(FEATURE_EVENTS);
	cmd.cdw11 = cpu_to_le32(value);
	c = send(s, NULL, &cmd, false);
	CHECK(vfnc_ok(&c), "Set Features: %#x", c.status);
}

/* A session switches events off that others have asked for: they are on again, whatever it wants besides. */
static void unchecked_events(void)
{
	struct set s = set_up(), other = set_up();
	uint64_t until = int_now_ms() + INT_SOON_MS;
	struct vfnc_subscription *sub;
	struct vfnc_event event;
	uint32_t all = events_enabled(&s), some = all & (all - 1);

	CHECK(all, "no events are enabled");
	OK(other.conn, vfnc_subscribe(other.dev, &sub));
	int_shell(env.inject_smart, "0");
	for (int i = 0; i < 3; i++) {
		set_events(&s, i == 0 ? 0 : i == 1 ? some : all);
		while (events_enabled(&s) != all) {
			CHECK(int_now_ms() < until, "events stay off: %#x of %#x", events_enabled(&s), all);
			int_pause();
		}
		int_shell(env.inject_smart, "4");
		OK(other.conn, vfnc_event_wait(other.conn, &event, INT_SOON_MS));
		CHECK(event.kind == VFNC_EVENT_ASYNC && event.type == 1, "an event of kind %d, type %u", event.kind,
		      event.type);
		int_shell(env.inject_smart, "0");
	}
	vfnc_disconnect(s.conn);
	vfnc_disconnect(other.conn);
}

static struct vfnc_tally tally_of(struct vfnc *conn)
{
	struct vfnc_tally_opts opts = {.sessions = true, .session = vfnc_session(conn)};
	struct vfnc_tally *rows, row = {0};
	int n = vfnc_tallies(conn, env.device, &opts, &rows);

	OK(conn, n);
	for (int i = 0; i < n; i++)
		if (rows[i].kind == VFNC_TALLY_SESSION)
			row = rows[i];
	CHECK(row.session == vfnc_session(conn), "no row of the session");
	free(rows);
	return row;
}

/* What they transfer is counted as far as it can be told, and only what was transferred. */
static void unchecked_bytes(void)
{
	struct set s = set_up();
	uint32_t bs = int_namespace(s.dev, 1).block_size;
	union nvme_cmd rw = {.rw = {.opcode = 2, .nsid = cpu_to_le32(1)}}, id = {.opcode = OPC_IDENTIFY};
	union nvme_cmd vendor = {.opcode = 0x82, .nsid = cpu_to_le32(1)};
	struct vfnc_tally before = tally_of(s.conn), after;
	struct vfnc_completion c;

	rw.dptr.prp1 = cpu_to_le64(s.buf->iova);
	rw.rw.nlb = cpu_to_le16((uint16_t)(4096 / bs - 1));
	for (uint8_t opcode = 1; opcode <= 2; opcode++) {
		rw.opcode = opcode;
		for (uint8_t i = 0; i < 3 * opcode; i++) {
			c = send(&s, s.queue, &rw, i % 2);
			CHECK(vfnc_ok(&c), "opcode %u: %#x", opcode, c.status);
		}
	}
	id.cdw10 = cpu_to_le32(1);
	id.dptr.prp1 = rw.dptr.prp1;
	c = send(&s, NULL, &id, false);
	CHECK(vfnc_ok(&c), "Identify: %#x", c.status);
	/* Beyond the end, and of no length that anybody could tell. */
	rw.rw.slba = cpu_to_le64(UINT64_C(1) << 44);
	c = send(&s, s.queue, &rw, false);
	CHECK(!vfnc_ok(&c), "beyond the end");
	send(&s, s.queue, &vendor, false);
	after = tally_of(s.conn);
	CHECK(after.bytes_written - before.bytes_written == 3 * 4096, "%llu bytes written",
	      (unsigned long long)(after.bytes_written - before.bytes_written));
	CHECK(after.bytes_read - before.bytes_read == 7 * 4096, "%llu bytes read",
	      (unsigned long long)(after.bytes_read - before.bytes_read));
	vfnc_disconnect(s.conn);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("commands go out and come back as they are", unchecked_commands),
		INT_CASE("wrong addresses harm nobody", unchecked_addresses, .faults = true),
		INT_CASE("what is other sessions' is left alone", unchecked_others),
		INT_CASE("queues of a session's own making are driven, and deleted with it", unchecked_queues),
		INT_CASE("commands that waited are looked at again", unchecked_late, .faults = true),
		INT_CASE("a completion that nobody waits for is told", unchecked_stray),
		INT_CASE("one identifier for many commands", unchecked_twice),
		INT_CASE("a controller that dies of a command is told as such", unchecked_fatal, .faults = true),
		INT_CASE("a session cancels them", unchecked_cancel, .faults = true),
		INT_CASE("silence is told as such", unchecked_silence, .faults = true),
		INT_CASE("memory that the controller keeps is taken from it by a reset", unchecked_tainted,
			 .limit = 120, .faults = true),
		INT_CASE("events that a session switches off are on again", unchecked_events),
		INT_CASE("their bytes are counted", unchecked_bytes),
		{0},
	};

	return int_main("unchecked", cases);
}
