/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that nobody checks, and queues that sessions make by them. */
#include "int.h"

#include <errno.h>
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
#define OPC_KEEP_ALIVE 0x18
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
		{0},
	};

	return int_main("unchecked", cases);
}
