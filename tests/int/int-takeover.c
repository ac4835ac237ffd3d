/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGUSR2: the daemon executes its program anew, and sessions go on as if nothing had been. */
#include "blocks.h"
#include "int.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TAKEOVER_TIMES    20
#define TAKEOVER_TIMES_VM 5 /* where the machine is emulated, and LONG was not asked for */
#define TAKEOVER_SESSIONS 3
#define TAKEOVER_BLOCKS   32

struct session {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue[2];
	struct vfnc_buffer *buf;
	struct vfnc_subscription *sub;
	size_t bs;
	unsigned int number;
	uint64_t iova, events;
};

/* Where the program's stack and code begin: another place each time that it is executed. */
static void image_of(pid_t pid, char *out, size_t room)
{
	char path[64], line[2048], *at;
	unsigned long code, stack;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	CHECK(f && fgets(line, sizeof(line), f), "%s: %s", path, strerror(errno));
	fclose(f);
	at = strrchr(line, ')');
	CHECK(at, "%s cannot be understood", path);
	/* From the third field on; the 26th is startcode, the 28th startstack. */
	for (int field = 2; field < 26; field++) {
		at = strchr(at + 1, ' ');
		CHECK(at, "%s is short", path);
	}
	CHECK(sscanf(at, "%lu %*u %lu", &code, &stack) == 2, "%s cannot be understood", path);
	snprintf(out, room, "%lx %lx", code, stack);
}

static void session_open(struct session *s, unsigned int number)
{
	*s = (struct session){.number = number};
	s->dev = int_open_new();
	s->conn = vfnc_device_connection(s->dev);
	s->queue[0] = int_queue(s->dev, 16);
	s->queue[1] = int_queue(s->dev, 5);
	s->bs = int_namespace(s->dev, 1).block_size;
	s->buf = int_buffer(s->dev, 2 * TAKEOVER_BLOCKS * s->bs);
	s->iova = s->buf->iova;
	OK(s->conn, vfnc_subscribe(s->dev, &s->sub));
}

static void session_write(struct session *s, unsigned int round)
{
	uint64_t lba = s->number * 1000;

	blocks_fill(s->buf->vaddr, s->bs, TAKEOVER_BLOCKS, s->number, round, lba);
	for (unsigned int q = 0; q < 2; q++)
		OK(s->conn, vfnc_write(s->queue[q], 1, lba + q * TAKEOVER_BLOCKS / 2,
				       TAKEOVER_BLOCKS / 2, s->buf,
				       q * TAKEOVER_BLOCKS / 2 * s->bs,
				       TAKEOVER_BLOCKS / 2 * s->bs, NULL));
}

/* Memory and medium are as they were before, through the handles from before. */
static void session_check(struct session *s, unsigned int round)
{
	uint64_t lba = s->number * 1000;
	size_t half = TAKEOVER_BLOCKS * s->bs;

	for (unsigned int i = 0; i < TAKEOVER_BLOCKS; i++)
		CHECK(block_read((char *)s->buf->vaddr + i * s->bs, s->bs, lba + i) ==
		      block_tag(s->number, round, lba + i), "the buffer has lost block %u", i);
	memset((char *)s->buf->vaddr + half, 0xa5, half);
	for (unsigned int n = 0; n < 20; n++)
		OK(s->conn, vfnc_read(s->queue[n % 2], 1, lba, TAKEOVER_BLOCKS, s->buf, half, half,
				      NULL));
	CHECK(memcmp(s->buf->vaddr, (char *)s->buf->vaddr + half, half) == 0,
	      "what was written before is not what is there");
}

static void session_event(struct session *s)
{
	struct vfnc_event event;

	OK(s->conn, vfnc_event_wait(s->conn, &event, INT_SOON_MS));
	s->events++;
	CHECK(event.kind == VFNC_EVENT_ASYNC && event.sequence == s->events && event.lost == 0,
	      "an event of kind %d, number %llu, not %llu", event.kind,
	      (unsigned long long)event.sequence, (unsigned long long)s->events);
	CHECK(event.log_length >= 512 && (event.log[0] & 4), "the log does not have the warning");
}

static void execute_anew(void)
{
	uint64_t deadline = int_now_ms() + INT_SOON_MS;
	char before[64], now[64];

	image_of(env.daemon, before, sizeof(before));
	CHECK(kill(env.daemon, SIGUSR2) == 0, "kill: %s", strerror(errno));
	do {
		CHECK(int_now_ms() < deadline, "the program was not executed anew");
		int_pause();
		image_of(env.daemon, now, sizeof(now));
	} while (strcmp(before, now) == 0);
}

/* Counters go on, and nothing gets more. */
static void same_statistics(const struct vfnc_statistics *a, const struct vfnc_statistics *b)
{
	CHECK(b->sessions == a->sessions && b->sessions_total == a->sessions_total &&
	      b->leases == a->leases, "sessions %llu of %llu, %llu leases",
	      (unsigned long long)b->sessions, (unsigned long long)b->sessions_total,
	      (unsigned long long)b->leases);
	CHECK(b->submitted == a->submitted && b->completed == a->completed &&
	      b->bytes_read == a->bytes_read && b->bytes_written == a->bytes_written &&
	      b->events == a->events, "what was counted has changed");
	CHECK(b->session_submitted == a->session_submitted &&
	      b->session_completed == a->session_completed, "what the session did has changed");
	CHECK(b->outstanding == 0 && b->queue_pairs == a->queue_pairs && b->buffers == a->buffers &&
	      b->buffer_bytes == a->buffer_bytes && b->mappings == a->mappings,
	      "%llu queue pairs, %llu buffers, %llu mappings",
	      (unsigned long long)b->queue_pairs, (unsigned long long)b->buffers,
	      (unsigned long long)b->mappings);
	CHECK(b->uptime_ns > a->uptime_ns && b->requests > a->requests, "the daemon began anew");
}

static void takeover_sessions(void)
{
	struct vfnc_statistics before, after;
	struct session s[TAKEOVER_SESSIONS];
	unsigned int times = env.sim_control || env.longer ? TAKEOVER_TIMES : TAKEOVER_TIMES_VM;
	struct ledger empty, first;

	ledger_take(&empty);
	for (unsigned int i = 0; i < TAKEOVER_SESSIONS; i++)
		session_open(&s[i], i + 1);
	for (unsigned int round = 1; round <= times; round++) {
		for (unsigned int i = 0; i < TAKEOVER_SESSIONS; i++)
			session_write(&s[i], round);
		OK(s[0].conn, vfnc_statistics(s[0].conn, s[0].dev, &before));
		execute_anew();
		OK(s[0].conn, vfnc_statistics(s[0].conn, s[0].dev, &after));
		same_statistics(&before, &after);
		for (unsigned int i = 0; i < TAKEOVER_SESSIONS; i++)
			session_check(&s[i], round);
		int_shell(env.inject_smart, "4");
		for (unsigned int i = 0; i < TAKEOVER_SESSIONS; i++)
			session_event(&s[i]);
		int_shell(env.inject_smart, "0");
		if (round == 1)
			ledger_take(&first);
		else
			ledger_await(&first, 4096);
	}
	CHECK(s[0].buf->iova == s[0].iova, "the buffer has moved");
	for (unsigned int i = 0; i < TAKEOVER_SESSIONS; i++) {
		OK(s[i].conn, vfnc_buffer_free(s[i].buf));
		OK(s[i].conn, vfnc_queue_delete(s[i].queue[0]));
		/* The rest goes with the session. */
		vfnc_disconnect(s[i].conn);
	}
	ledger_await(&empty, 8192);
	ledger_all_queues();
}

/* What is made afterwards is as good as what was made before, and does not get in its way. */
static void takeover_then_more(void)
{
	struct session s[TAKEOVER_SESSIONS];
	struct ledger before;

	ledger_take(&before);
	session_open(&s[0], 1);
	session_write(&s[0], 1);
	execute_anew();
	session_open(&s[1], 2);
	CHECK(s[1].iova >= s[0].iova + s[0].buf->size || s[0].iova >= s[1].iova + s[1].buf->size,
	      "a new buffer lies on an old one");
	session_write(&s[1], 7);
	session_check(&s[0], 1);
	session_check(&s[1], 7);
	execute_anew();
	session_check(&s[0], 1);
	session_check(&s[1], 7);
	vfnc_disconnect(s[0].conn);
	vfnc_disconnect(s[1].conn);
	ledger_await(&before, 4096);
}

/* It waits for what is outstanding, whose answers arrive. */
static void takeover_busy(void)
{
	enum { N = 8 };
	struct ledger before;
	struct session s;
	struct vfnc_cmd cmd;
	struct vfnc_statistics stats;
	uint64_t ticket;

	ledger_take(&before);
	session_open(&s, 1);
	sim_tell(env.sim_control, "delay io 1 0 300");
	for (unsigned int i = 0; i < N; i++) {
		cmd = int_rw(true, 1, i, 1, s.buf, i * s.bs, s.bs);
		OK(s.conn, vfnc_submit(s.queue[0], &cmd, &ticket));
	}
	OK(s.conn, vfnc_statistics(s.conn, s.dev, &stats));
	CHECK(stats.session_outstanding == N, "%llu commands are outstanding",
	      (unsigned long long)stats.session_outstanding);
	execute_anew();
	for (unsigned int i = 0; i < N; i++)
		int_complete_any(s.conn);
	sim_tell(env.sim_control, "clear");
	session_write(&s, 3);
	session_check(&s, 3);
	vfnc_disconnect(s.conn);
	ledger_await(&before, 4096);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("sessions go on with what they have, again and again", takeover_sessions, .limit = 180),
		INT_CASE("old and new things get along", takeover_then_more),
		INT_CASE("it waits for what is outstanding", takeover_busy, .faults = true),
		{0},
	};

	return int_main("takeover", cases);
}
