/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Controllers that are late, silent or wrong: commands end, and memory is kept as long as it must. */
#include "blocks.h"
#include "int.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define SC_ABORT_REQUESTED 0x007
#define SC_MASK            0x7ff
#define TIMEOUT_MS         200

struct set {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
	struct vfnc_subscription *sub;
	size_t bs;
};

static void set_up(struct set *s)
{
	s->dev = int_open_new();
	s->conn = vfnc_device_connection(s->dev);
	s->queue = int_queue(s->dev, 16);
	s->buf = int_buffer(s->dev, 16 * 4096);
	s->bs = int_namespace(s->dev, 1).block_size;
	OK(s->conn, vfnc_subscribe(s->dev, &s->sub));
}

static struct vfnc_cmd read_command(const struct set *s, uint32_t timeout_ms)
{
	struct vfnc_cmd cmd = int_rw(false, 1, 0, 1, s->buf, 0, s->bs);

	cmd.timeout_ms = timeout_ms;
	return cmd;
}

static struct vfnc_statistics stats_of(const struct set *s)
{
	struct vfnc_statistics stats;

	OK(s->conn, vfnc_statistics(s->conn, s->dev, &stats));
	return stats;
}

static void aborted_at_timeout(const char *fault)
{
	struct vfnc_statistics before, after;
	struct vfnc_completion c;
	struct vfnc_cmd cmd;
	struct set s;
	uint64_t start, ms;

	set_up(&s);
	before = stats_of(&s);
	sim_tell(env.sim_control, "%s", fault);
	cmd = read_command(&s, TIMEOUT_MS);
	start = int_now_ms();
	OK(s.conn, vfnc_io(s.queue, &cmd, &c));
	ms = int_now_ms() - start;
	CHECK(c.timed_out && (c.status & SC_MASK) == SC_ABORT_REQUESTED,
	      "status %#x, timed out: %d", c.status, c.timed_out);
	CHECK(ms >= TIMEOUT_MS, "it was aborted after %llu ms already", (unsigned long long)ms);
	after = stats_of(&s);
	CHECK(after.timed_out == before.timed_out + 1 && after.aborts == before.aborts + 1,
	      "%llu time-outs and %llu aborts are counted",
	      (unsigned long long)(after.timed_out - before.timed_out),
	      (unsigned long long)(after.aborts - before.aborts));
	/* All goes on. */
	OK(s.conn, vfnc_io(s.queue, &cmd, NULL));
	OK(s.conn, vfnc_buffer_free(s.buf));
	vfnc_disconnect(s.conn);
}

static void timeouts_abort(void)
{
	struct ledger before;

	ledger_take(&before);
	aborted_at_timeout("delay io 2 1 60000");
	aborted_at_timeout("drop io 2 1");
	ledger_await(&before, 1024);
}

/* More commands than the controller takes Aborts at once: all are aborted, one after the other. */
static void timeouts_many(void)
{
	enum { N = 12 };
	struct ledger before;
	struct vfnc_completion c;
	struct vfnc_cmd cmd;
	struct set s;
	uint64_t ticket;

	ledger_take(&before);
	set_up(&s);
	sim_tell(env.sim_control, "delay io 2 0 60000");
	cmd = read_command(&s, TIMEOUT_MS);
	for (unsigned int i = 0; i < N; i++)
		OK(s.conn, vfnc_submit(s.queue, &cmd, &ticket));
	for (unsigned int i = 0; i < N; i++) {
		OK(s.conn, vfnc_wait_any(s.conn, &ticket, &c, INT_SOON_MS));
		CHECK(c.timed_out, "command %u: status %#x", i, c.status);
	}
	sim_tell(env.sim_control, "clear");
	vfnc_disconnect(s.conn);
	ledger_await(&before, 1024);
}

/* Aborted at its session's wish; more of them than the controller aborts at a time, and an admin command. */
static void timeouts_cancel(void)
{
	enum { N = 12 };
	uint64_t tickets[N], ticket;
	struct vfnc_completion c;
	struct vfnc_statistics stats;
	struct ledger before;
	struct vfnc_cmd cmd;
	struct set s;

	ledger_take(&before);
	set_up(&s);
	sim_tell(env.sim_control, "delay io 2 0 60000");
	sim_tell(env.sim_control, "delay admin 6 1 60000");
	cmd = read_command(&s, 60000);
	for (unsigned int i = 0; i < N; i++)
		OK(s.conn, vfnc_submit(s.queue, &cmd, &tickets[i]));
	for (unsigned int i = 0; i < N; i++)
		OK(s.conn, vfnc_cancel(s.conn, tickets[i]));
	/* once more does no harm */
	OK(s.conn, vfnc_cancel(s.conn, tickets[N - 1]));
	for (unsigned int i = 0; i < N; i++) {
		OK(s.conn, vfnc_wait_any(s.conn, &ticket, &c, INT_SOON_MS));
		CHECK((c.status & SC_MASK) == SC_ABORT_REQUESTED && !c.timed_out,
		      "command %u: status %#x, timed out: %d", i, c.status, c.timed_out);
	}
	cmd = (struct vfnc_cmd){.opcode = 6, .cdw10 = 1, .length = 4096, .buffer = s.buf};
	OK(s.conn, vfnc_submit_admin(s.dev, &cmd, &ticket));
	OK(s.conn, vfnc_cancel(s.conn, ticket));
	OK(s.conn, vfnc_wait(s.conn, ticket, &c, INT_SOON_MS));
	CHECK((c.status & SC_MASK) == SC_ABORT_REQUESTED, "Identify ended with status %#x", c.status);
	FAILS(s.conn, ENOENT, vfnc_cancel(s.conn, ticket));
	OK(s.conn, vfnc_statistics(s.conn, s.dev, &stats));
	CHECK(stats.session_outstanding == 0, "%llu outstanding",
	      (unsigned long long)stats.session_outstanding);
	sim_tell(env.sim_control, "clear");
	vfnc_disconnect(s.conn);
	ledger_await(&before, 1024);
}

/*
 * The command completes while its Abort is under way. The one that comes next is not aborted in its
 * place, though identifiers are used again as soon as may be.
 */
static void timeouts_late_abort(void)
{
	struct ledger before;
	struct vfnc_completion c;
	struct vfnc_cmd cmd;
	struct set s;

	ledger_take(&before);
	set_up(&s);
	sim_tell(env.sim_control, "delay admin 8 1 400");
	sim_tell(env.sim_control, "delay io 2 1 300");
	cmd = read_command(&s, TIMEOUT_MS);
	OK(s.conn, vfnc_io(s.queue, &cmd, &c));
	CHECK(c.timed_out && (c.status & SC_MASK) == 0, "status %#x, timed out: %d", c.status,
	      c.timed_out);
	sim_tell(env.sim_control, "delay io 2 1 600");
	cmd = read_command(&s, 20000);
	OK(s.conn, vfnc_io(s.queue, &cmd, &c));
	CHECK((c.status & SC_MASK) == 0, "the next command ended with status %#x", c.status);

	/* the identifier has come back: as many as the queue takes */
	for (unsigned int round = 0; round < 2; round++) {
		uint64_t ticket;

		for (unsigned int i = 0; i < 15; i++)
			OK(s.conn, vfnc_submit(s.queue, &cmd, &ticket));
		for (unsigned int i = 0; i < 15; i++)
			OK(s.conn, vfnc_wait_any(s.conn, &ticket, &c, INT_SOON_MS));
	}
	OK(s.conn, vfnc_buffer_free(s.buf));
	vfnc_disconnect(s.conn);
	ledger_await(&before, 1024);
}

/* The same for a queue that is deleted meanwhile: the next one of its number is not made before. */
static void timeouts_late_abort_queue(void)
{
	struct ledger before;
	struct vfnc_completion c;
	struct vfnc_cmd cmd;
	struct set s;
	uint64_t ticket;

	ledger_take(&before);
	set_up(&s);
	sim_tell(env.sim_control, "delay admin 8 1 400");
	sim_tell(env.sim_control, "delay io 2 1 300");
	cmd = read_command(&s, TIMEOUT_MS);
	OK(s.conn, vfnc_submit(s.queue, &cmd, &ticket));
	OK(s.conn, vfnc_wait(s.conn, ticket, &c, INT_SOON_MS));
	OK(s.conn, vfnc_queue_delete(s.queue));
	s.queue = int_queue(s.dev, 16);
	sim_tell(env.sim_control, "delay io 2 1 600");
	cmd = read_command(&s, 20000);
	OK(s.conn, vfnc_io(s.queue, &cmd, &c));
	CHECK((c.status & SC_MASK) == 0, "the next queue's command ended with status %#x", c.status);
	OK(s.conn, vfnc_buffer_free(s.buf));
	vfnc_disconnect(s.conn);
	ledger_await(&before, 1024);
}

/* Neither completed nor aborted: told so, and the memory is kept until the queue has gone. */
static void timeouts_stuck(void)
{
	struct ledger before;
	struct vfnc_cmd cmd;
	struct set s;

	ledger_take(&before);
	set_up(&s);
	sim_tell(env.sim_control, "drop io 2 1 stuck");
	cmd = read_command(&s, TIMEOUT_MS);
	FAILS(s.conn, ETIMEDOUT, vfnc_io(s.queue, &cmd, NULL));
	FAILS(s.conn, EBUSY, vfnc_buffer_free(s.buf));
	/* The queue itself still works. */
	OK(s.conn, vfnc_flush(s.queue, 1, NULL));
	OK(s.conn, vfnc_queue_delete(s.queue));
	OK(s.conn, vfnc_buffer_free(s.buf));
	vfnc_disconnect(s.conn);
	ledger_await(&before, 1024);
}

/* ---- memory that stays with the controller --------------------------------------------------- */

static void stuck_client(void *arg)
{
	int *ready = arg;
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_buffer *buf = int_buffer(dev, 16384);
	struct vfnc_cmd cmd = {.opcode = 0x06, .cdw10 = 1, .buffer = buf, .length = 4096};
	struct vfnc_statistics stats;
	uint64_t ticket;

	OK(conn, vfnc_submit_admin(dev, &cmd, &ticket));
	OK(conn, vfnc_statistics(conn, dev, &stats));
	CHECK(stats.session_outstanding == 1, "the command is not outstanding");
	int_poke(ready[1]);
	pause();
}

/*
 * An admin command that never ends; its client is killed. The memory is kept and told as quarantined,
 * until a reset makes it ours again: the next case.
 */
static void timeouts_quarantine(void)
{
	long faults = sim_stat(env.sim_control, "dma_faults");
	uint64_t deadline = int_now_ms() + INT_SOON_MS;
	struct vfnc_statistics before, now;
	struct set s;
	int ready[2];
	pid_t pid;

	set_up(&s);
	before = stats_of(&s);
	sim_tell(env.sim_control, "drop admin 6 1 stuck");
	CHECK(pipe(ready) == 0, "no pipe");
	pid = int_spawn(stuck_client, ready);
	close(ready[1]);
	int_await_poke(ready[0], INT_SOON_MS);
	kill(pid, SIGKILL);
	int_reap_killed(pid);
	for (;;) {
		now = stats_of(&s);
		CHECK(now.mappings > before.mappings, "the memory was unmapped");
		if (now.quarantined_bytes == before.quarantined_bytes + 16384)
			break;
		CHECK(int_now_ms() < deadline, "%llu bytes are told as quarantined",
		      (unsigned long long)now.quarantined_bytes);
		int_pause();
	}
	CHECK(now.sessions == before.sessions, "the session is still there");
	CHECK(sim_stat(env.sim_control, "dma_faults") == faults,
	      "the controller was led to memory that was not mapped any more");
	vfnc_disconnect(s.conn);
}

/* ---- reset ----------------------------------------------------------------------------------- */

static void expect_reset(struct set *s)
{
	struct vfnc_event event;

	OK(s->conn, vfnc_event_wait(s->conn, &event, INT_SOON_MS));
	CHECK(event.kind == VFNC_EVENT_RESET, "an event of kind %d", event.kind);
	CHECK(*event.reason, "the reset has no reason");
}

/* Buffers have survived with their contents; the old queue has not. */
static void goes_on(struct set *s, unsigned int writer)
{
	struct vfnc_completion c;

	for (unsigned int i = 0; i < 16; i++)
		CHECK(block_read((char *)s->buf->vaddr + i * s->bs, s->bs, i) ==
		      block_tag(writer, 1, i), "the buffer has lost block %u", i);
	FAILS(s->conn, ENOENT, vfnc_flush(s->queue, 1, &c));
	s->queue = int_queue(s->dev, 16);
	OK(s->conn, vfnc_write(s->queue, 1, 64 * writer, 16, s->buf, 0, 16 * s->bs, NULL));
	memset(s->buf->vaddr, 0, 16 * s->bs);
	OK(s->conn, vfnc_read(s->queue, 1, 64 * writer, 16, s->buf, 0, 16 * s->bs, NULL));
	for (unsigned int i = 0; i < 16; i++)
		CHECK(block_read((char *)s->buf->vaddr + i * s->bs, s->bs, i) ==
		      block_tag(writer, 1, i), "block %u is not what was written", i);
}

/* `fault` keeps queue `deleted` of the first session from being deleted. */
static void reset_by(const char *fault)
{
	struct vfnc_statistics before, after;
	struct vfnc_completion c;
	struct vfnc_cmd cmd;
	struct set s[2];
	uint64_t ticket;
	int ret;

	for (unsigned int i = 0; i < 2; i++) {
		set_up(&s[i]);
		blocks_fill(s[i].buf->vaddr, s[i].bs, 16, i + 1, 1, 0);
	}
	before = stats_of(&s[0]);
	sim_tell(env.sim_control, "delay io 2 0 60000");
	sim_tell(env.sim_control, "%s", fault);
	/* The second session has a command outstanding, which ends with the reset. */
	cmd = int_rw(false, 1, 0, 1, s[1].buf, 15 * 4096, s[1].bs);
	OK(s[1].conn, vfnc_submit(s[1].queue, &cmd, &ticket));
	ret = vfnc_queue_delete(s[0].queue);
	CHECK(ret == 0 || ret == -ECANCELED, "queue_delete: %d", ret);
	ret = vfnc_wait(s[1].conn, ticket, &c, INT_SOON_MS);
	CHECK(ret == -ECANCELED, "the outstanding command: %d (%s)", ret,
	      vfnc_error(s[1].conn));
	sim_tell(env.sim_control, "clear");
	expect_reset(&s[0]);
	expect_reset(&s[1]);
	after = stats_of(&s[0]);
	CHECK(after.resets == before.resets + 1, "%llu resets are counted",
	      (unsigned long long)(after.resets - before.resets));
	CHECK(after.quarantined_bytes == 0, "%llu bytes are quarantined",
	      (unsigned long long)after.quarantined_bytes);
	CHECK(after.outstanding == 0 && after.queue_pairs == 0 && after.buffers == 2,
	      "%llu outstanding, %llu queue pairs, %llu buffers",
	      (unsigned long long)after.outstanding, (unsigned long long)after.queue_pairs,
	      (unsigned long long)after.buffers);
	/* The first one's handle went with its delete request. */
	s[0].queue = int_queue(s[0].dev, 16);
	goes_on(&s[1], 2);
	OK(s[0].conn, vfnc_flush(s[0].queue, 1, NULL));
	vfnc_disconnect(s[0].conn);
	vfnc_disconnect(s[1].conn);
}

static void timeouts_reset(void)
{
	struct ledger before;

	reset_by("drop admin 0 1 stuck"); /* Delete I/O Submission Queue */
	ledger_settle();
	ledger_take(&before);
	reset_by("drop admin 4 1 stuck"); /* Delete I/O Completion Queue */
	reset_by("status admin 0 1 0 6"); /* Internal Error */
	ledger_await(&before, 4096);
	ledger_all_queues();
	CHECK(sim_stat(env.sim_control, "dma_faults") == 0,
	      "the controller was led to memory that was not mapped");
}

/* A controller that refuses a step of making a queue pair leaves no half of it. */
static void timeouts_refused(void)
{
	struct ledger before;
	struct vfnc_queue *q;
	struct set s;

	ledger_take(&before);
	set_up(&s);
	sim_tell(env.sim_control, "status admin 1 1 0 6");
	FAILS_SAYING(s.conn, EIO, "006", vfnc_queue_create(s.dev, &(struct vfnc_queue_opts){.entries = 4}, &q));
	sim_tell(env.sim_control, "status admin 5 1 0 6");
	FAILS_SAYING(s.conn, EIO, "006", vfnc_queue_create(s.dev, &(struct vfnc_queue_opts){.entries = 4}, &q));
	OK(s.conn, vfnc_queue_create(s.dev, &(struct vfnc_queue_opts){.entries = 4}, &q));
	OK(s.conn, vfnc_flush(q, 1, NULL));
	vfnc_disconnect(s.conn);
	ledger_await(&before, 1024);
}

/* A status of the controller's is handed on whole. */
static void timeouts_status(void)
{
	struct vfnc_completion c;
	struct vfnc_cmd cmd;
	struct set s;

	set_up(&s);
	sim_tell(env.sim_control, "status io 2 1 2 0x81 dnr");
	cmd = read_command(&s, 0);
	OK(s.conn, vfnc_io(s.queue, &cmd, &c));
	CHECK((c.status & 0x4fff) == 0x4281 && !c.timed_out, "status %#x", c.status);
	OK(s.conn, vfnc_io(s.queue, &cmd, NULL));
	vfnc_disconnect(s.conn);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("a status is handed on whole", timeouts_status, .faults = true),
		INT_CASE("a command is aborted when its time is over", timeouts_abort, .faults = true),
		INT_CASE("many commands are aborted", timeouts_many, .faults = true),
		INT_CASE("commands are cancelled", timeouts_cancel, .faults = true),
		INT_CASE("an Abort that comes late hits no other command", timeouts_late_abort,
			 .faults = true),
		INT_CASE("an Abort that comes late hits no other queue", timeouts_late_abort_queue,
			 .faults = true),
		INT_CASE("a command that cannot be aborted keeps its memory", timeouts_stuck, .faults = true),
		INT_CASE("a queue pair that is refused leaves nothing", timeouts_refused, .faults = true),
		INT_CASE("memory of a dead client stays with the controller", timeouts_quarantine, .faults = true),
		INT_CASE("a controller that does not answer is reset", timeouts_reset, .faults = true),
		{0},
	};

	return int_main("timeouts", cases);
}
