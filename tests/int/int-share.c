/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many processes on one controller at once, and one session on two controllers. */
#include "blocks.h"
#include "client.h"
#include "int.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHARE_WORKERS 16
#define SHARE_SLOTS   8                   /* commands that a worker has outstanding */
#define SHARE_MOST    ((size_t)256 << 10) /* bytes of a command */
#define SHARE_SLOT    (SHARE_MOST + 4096)
#define SHARE_RANGE   ((size_t)2 << 20) /* bytes that belong to a worker */
#define SHARE_AREA    ((size_t)1 << 20) /* bytes that all write to, behind the ranges */

struct worker {
	unsigned int number; /* from 1 */
	int ready;           /* the mode of its queue is written when it is ready */
	int go[2];           /* closed by all when it may begin */
	uint32_t nsid;
	enum vfnc_queue_mode mode;

	struct client c;
	uint32_t generation;
};

/* A read or write in one of the slots. */
struct transfer {
	uint64_t ticket, lba, offset;
	uint32_t nlb;
};

static uint64_t share_duration(void)
{
	if (env.brief)
		return 500;
	if (env.longer)
		return 60000;
	return env.sim_control ? 3000 : 1000;
}

static void worker_open(struct worker *w)
{
	client_open_shared(&w->c, w->mode, 64, SHARE_SLOTS * SHARE_SLOT);
	client_choose(&w->c, w->nsid);
	int_seed(w->number + (uint64_t)getpid());
}

static void worker_begin(struct worker *w)
{
	char byte = (char)w->c.queue->mode;

	close(w->go[1]);
	CHECK(write(w->ready, &byte, 1) == 1, "write: %s", strerror(errno));
	CHECK(read(w->go[0], &byte, 1) == 0, "the go-ahead cannot be read");
}

static void worker_close(struct worker *w)
{
	OK(w->c.conn, vfnc_buffer_free(w->c.buf));
	OK(w->c.conn, vfnc_queue_delete(w->c.queue));
	OK(w->c.conn, vfnc_close(w->c.dev));
	vfnc_disconnect(w->c.conn);
}

/* Any length from a block on within [lba, lba + blocks), at any multiple of 4 bytes in its slot. */
static struct transfer worker_pick(struct worker *w, unsigned int slot, uint64_t lba,
				   uint64_t blocks)
{
	uint64_t most = SHARE_MOST / w->c.bs;
	struct transfer t = {.offset = slot * SHARE_SLOT + int_random(1024) * 4};

	t.nlb = 1 + (uint32_t)int_random(most < blocks ? most : blocks);
	t.lba = lba + int_random(blocks - t.nlb + 1);
	return t;
}

static char *worker_data(struct worker *w, const struct transfer *t)
{
	return (char *)w->c.buf->vaddr + t->offset;
}

static void worker_submit(struct worker *w, bool write, struct transfer *t)
{
	struct vfnc_cmd cmd;

	if (!write)
		memset(worker_data(w, t), 0xa5, t->nlb * w->c.bs);
	if (w->c.ctrl) {
		client_post(&w->c, write, t->lba, (size_t)t->nlb * w->c.bs, t->offset);
		nvme_sq_update_tail(w->c.queue->sq);
		return;
	}
	cmd = int_rw(write, w->nsid, t->lba, t->nlb, w->c.buf, t->offset, t->nlb * w->c.bs);
	OK(w->c.conn, vfnc_submit(w->c.queue, &cmd, &t->ticket));
}

/* In the order of completion, or of requests perhaps backwards. */
static void worker_complete(struct worker *w, struct transfer *t, unsigned int n)
{
	bool any = int_random(2);

	for (unsigned int i = 0; i < n; i++) {
		if (w->c.ctrl)
			CHECK(client_reap(&w->c) == 0, "worker %u: a command failed", w->number);
		else if (any)
			int_complete_any(w->c.conn);
		else
			int_complete(w->c.conn, t[n - 1 - i].ticket);
	}
}

/*
 * nsid 0: the first and the second namespace in turn. One by one they get ready, so that there is a
 * queue of each mode however few queue pairs the controller has: those who find none have a served one.
 */
static void share_run(void (*fn)(void *), uint32_t nsid)
{
	unsigned int modes[VFNC_QUEUE_DIRECT + 1] = {0};
	struct worker w[SHARE_WORKERS];
	pid_t pid[SHARE_WORKERS];
	int ready[2], go[2];

	CHECK(pipe(ready) == 0 && pipe(go) == 0, "no pipes");
	for (unsigned int i = 0; i < SHARE_WORKERS; i++) {
		struct pollfd p = {.fd = ready[0], .events = POLLIN};
		uint8_t mode;

		w[i] = (struct worker){
			.number = i + 1,
			.ready = ready[1],
			.go = {go[0], go[1]},
			.nsid = nsid ? nsid : 1 + i / 3 % 2,
			.mode = (enum vfnc_queue_mode)(i % 3),
		};
		pid[i] = int_spawn(fn, &w[i]);
		CHECK(poll(&p, 1, INT_SOON_MS) == 1 && read(ready[0], &mode, 1) == 1,
		      "worker %u does not get ready", w[i].number);
		modes[mode]++;
	}
	close(ready[1]);
	close(go[0]);
	close(go[1]);
	for (unsigned int i = 0; i < SHARE_WORKERS; i++)
		int_join(pid[i], (int)share_duration() + 2 * INT_SOON_MS);
	close(ready[0]);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(modes[i], "nobody has had a %s queue", client_mode_name((enum vfnc_queue_mode)i));
	int_note("%u processes by requests, %u served, %u direct", modes[0], modes[1], modes[2]);
}

/* ---- ranges of their own ------------------------------------------------------------------- */

static void disjoint_check(struct worker *w, const struct transfer *t, const uint32_t *model,
			   uint64_t base)
{
	char what[400];

	for (uint32_t i = 0; i < t->nlb; i++) {
		const char *block = worker_data(w, t) + i * w->c.bs;
		uint64_t lba = t->lba + i, tag = block_read(block, w->c.bs, lba);

		if (tag == block_tag(w->number, model[lba - base], lba))
			continue;
		block_describe(block, w->c.bs, what, sizeof(what));
		CHECK(false, "worker %u read block %llu, which write %u wrote:%s", w->number,
		      (unsigned long long)lba, model[lba - base], what);
	}
}

static void disjoint_round(struct worker *w, uint32_t *model, uint64_t base, uint64_t blocks)
{
	uint64_t part = blocks / SHARE_SLOTS;
	struct transfer t[SHARE_SLOTS];

	w->generation++;
	for (unsigned int i = 0; i < SHARE_SLOTS; i++) {
		t[i] = worker_pick(w, i, base + i * part, part);
		blocks_fill(worker_data(w, &t[i]), w->c.bs, t[i].nlb, w->number, w->generation,
			    t[i].lba);
		for (uint32_t k = 0; k < t[i].nlb; k++)
			model[t[i].lba + k - base] = w->generation;
		worker_submit(w, true, &t[i]);
	}
	worker_complete(w, t, SHARE_SLOTS);
	for (unsigned int i = 0; i < SHARE_SLOTS; i++) {
		t[i] = worker_pick(w, i, base, blocks);
		worker_submit(w, false, &t[i]);
	}
	worker_complete(w, t, SHARE_SLOTS);
	for (unsigned int i = 0; i < SHARE_SLOTS; i++)
		disjoint_check(w, &t[i], model, base);
}

static void disjoint_worker(void *arg)
{
	struct worker *w = arg;
	unsigned int rounds = 0;
	uint64_t blocks, base, end;
	uint32_t *model;

	worker_open(w);
	blocks = SHARE_RANGE / w->c.bs;
	base = (w->number - 1) * blocks;
	model = calloc(blocks, sizeof(*model));
	CHECK(model, "no memory");
	for (uint64_t lba = 0; lba < blocks; lba += SHARE_MOST / w->c.bs) {
		struct transfer t = {.lba = base + lba, .nlb = (uint32_t)(SHARE_MOST / w->c.bs)};

		blocks_fill(worker_data(w, &t), w->c.bs, t.nlb, w->number, 0, t.lba);
		worker_submit(w, true, &t);
		worker_complete(w, &t, 1);
	}
	worker_begin(w);
	end = int_now_ms() + share_duration();
	do {
		disjoint_round(w, model, base, blocks);
		rounds++;
	} while (int_now_ms() < end || rounds < (env.sim_control ? 3 : 1));
	if (w->number == 1)
		int_note("%u rounds of %d writes and reads by each process", rounds, SHARE_SLOTS);
	free(model);
	worker_close(w);
}

static void share_disjoint(void)
{
	struct ledger before;

	ledger_take(&before);
	share_run(disjoint_worker, 0);
	ledger_await(&before, 2048);
}

/* ---- the same blocks ----------------------------------------------------------------------- */

static uint64_t overlap_base(const struct worker *w)
{
	return SHARE_WORKERS * SHARE_RANGE / w->c.bs;
}

/* The writer of a whole block, else 0. */
static unsigned int overlap_writer(const void *block, size_t bs, uint64_t lba)
{
	unsigned int writer = block_writer(block_read(block, bs, lba));

	return writer <= SHARE_WORKERS + 1 ? writer : 0;
}

/*
 * Whoever reads while others write may see a block half written where the medium is a file under
 * the machine's feet; it may not stay like that.
 */
static void overlap_check(struct worker *w, const struct transfer *t)
{
	char what[400];

	for (uint32_t i = 0; i < t->nlb; i++) {
		char *block = worker_data(w, t) + i * w->c.bs;
		struct transfer again = {.lba = t->lba + i, .nlb = 1, .offset = t->offset + i * w->c.bs};
		unsigned int tries = env.sim_control ? 0 : 5;

		while (!overlap_writer(block, w->c.bs, again.lba) && tries-- > 0) {
			worker_submit(w, false, &again);
			worker_complete(w, &again, 1);
		}
		if (overlap_writer(block, w->c.bs, again.lba))
			continue;
		block_describe(block, w->c.bs, what, sizeof(what));
		CHECK(false, "worker %u read block %llu, which nobody wrote so:%s", w->number,
		      (unsigned long long)again.lba, what);
	}
}

static void overlap_worker(void *arg)
{
	struct worker *w = arg;
	uint64_t end, blocks;

	worker_open(w);
	blocks = SHARE_AREA / w->c.bs;
	worker_begin(w);
	/* Twice, and those before have taken the most of it. */
	end = int_now_ms() + share_duration() / (env.longer ? 4 : 1);
	do {
		struct transfer t[SHARE_SLOTS];
		bool write[SHARE_SLOTS];

		for (unsigned int i = 0; i < SHARE_SLOTS; i++) {
			t[i] = worker_pick(w, i, overlap_base(w), blocks);
			write[i] = int_random(2);
			if (write[i])
				blocks_fill(worker_data(w, &t[i]), w->c.bs, t[i].nlb, w->number,
					    ++w->generation, t[i].lba);
			worker_submit(w, write[i], &t[i]);
		}
		worker_complete(w, t, SHARE_SLOTS);
		for (unsigned int i = 0; i < SHARE_SLOTS; i++)
			if (!write[i])
				overlap_check(w, &t[i]);
	} while (int_now_ms() < end);
	worker_close(w);
}

/* Writes all blocks, or reads them: each must be somebody's. Returns how many writers were seen. */
static unsigned int overlap_whole(uint32_t nsid, bool write)
{
	struct worker w = {.number = SHARE_WORKERS + 1, .nsid = nsid};
	uint64_t seen = 0, blocks;
	uint32_t step;

	worker_open(&w);
	blocks = SHARE_AREA / w.c.bs;
	step = (uint32_t)(SHARE_MOST / w.c.bs);
	for (uint64_t lba = 0; lba < blocks; lba += step) {
		struct transfer t = {.lba = overlap_base(&w) + lba, .nlb = step};

		if (write)
			blocks_fill(worker_data(&w, &t), w.c.bs, step, w.number, 0, t.lba);
		worker_submit(&w, write, &t);
		worker_complete(&w, &t, 1);
		for (uint32_t i = 0; i < step && !write; i++) {
			const char *block = worker_data(&w, &t) + i * w.c.bs;
			unsigned int writer = overlap_writer(block, w.c.bs, t.lba + i);
			char what[400];

			block_describe(block, w.c.bs, what, sizeof(what));
			CHECK(writer, "block %llu is a mixture:%s", (unsigned long long)(t.lba + i),
			      what);
			seen |= UINT64_C(1) << writer;
		}
	}
	worker_close(&w);
	return (unsigned int)__builtin_popcountll(seen);
}

static void share_overlap(void)
{
	struct ledger before;

	ledger_take(&before);
	for (uint32_t nsid = 1; nsid <= 2; nsid++) {
		unsigned int writers;

		overlap_whole(nsid, true);
		share_run(overlap_worker, nsid);
		writers = overlap_whole(nsid, false);
		int_note("namespace %u: blocks of %u writers are left", nsid, writers);
		CHECK(writers > 1, "one writer had it all: the processes did not overlap");
	}
	ledger_await(&before, 2048);
}

/* ---- one session, two controllers ---------------------------------------------------------- */

static void share_two_devices(void)
{
	struct worker w[2] = {{.number = 1, .nsid = 1}, {.number = 2, .nsid = 1}};
	const uint32_t n = 64;
	struct vfnc_statistics stats;
	struct ledger before;
	struct vfnc *conn;

	ledger_take(&before);
	conn = int_connect();
	for (int i = 0; i < 2; i++) {
		w[i].c.conn = conn;
		w[i].c.dev = int_open(conn, i ? env.device2 : env.device);
		w[i].c.queue = int_queue(w[i].c.dev, 64);
		w[i].c.buf = int_buffer(w[i].c.dev, SHARE_SLOTS * SHARE_SLOT);
		w[i].c.bs = int_namespace(w[i].c.dev, 1).block_size;
	}
	/* The same blocks of both, at the same time; each must keep its own. */
	for (int pass = 0; pass < 2; pass++) {
		struct transfer t[2][SHARE_SLOTS];

		for (unsigned int k = 0; k < SHARE_SLOTS; k++)
			for (int i = 0; i < 2; i++) {
				t[i][k] = (struct transfer){.lba = k * n, .nlb = n,
							    .offset = k * SHARE_SLOT};
				if (pass == 0)
					blocks_fill(worker_data(&w[i], &t[i][k]), w[i].c.bs, n,
						    w[i].number, k, k * n);
				worker_submit(&w[i], pass == 0, &t[i][k]);
			}
		for (unsigned int k = 0; k < 2 * SHARE_SLOTS; k++)
			int_complete_any(conn);
		for (unsigned int k = 0; k < n * SHARE_SLOTS && pass == 1; k++)
			for (int i = 0; i < 2; i++) {
				uint64_t tag = block_read(worker_data(&w[i], &t[i][k / n]) +
								  k % n * w[i].c.bs, w[i].c.bs, k);

				CHECK(tag == block_tag(w[i].number, k / n, k),
				      "controller %d, block %u: tag %#llx", i + 1, k,
				      (unsigned long long)tag);
			}
	}
	FAILS(conn, EINVAL, vfnc_read(w[0].c.queue, 1, 0, 1, w[1].c.buf, 0, w[0].c.bs, NULL));
	/* One is closed, the other stays as it is. */
	OK(conn, vfnc_close(w[1].c.dev));
	OK(conn, vfnc_statistics(conn, w[0].c.dev, &stats));
	CHECK(stats.queue_pairs == before.stats.queue_pairs + 1 &&
	      stats.buffers == before.stats.buffers + 1, "closing one device took of the other");
	OK(conn, vfnc_read(w[0].c.queue, 1, 0, n, w[0].c.buf, 0, n * w[0].c.bs, NULL));
	vfnc_disconnect(conn);
	ledger_await(&before, 2048);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("16 processes, by queues of every mode, write and verify ranges of their own",
			 share_disjoint, .limit = 120),
		INT_CASE("16 processes, by queues of every mode, write and read the same blocks",
			 share_overlap, .limit = 120),
		INT_CASE("a session uses two controllers at once", share_two_devices),
		{0},
	};

	return int_main("share", cases);
}
