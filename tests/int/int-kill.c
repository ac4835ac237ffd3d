/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that die in the middle of their work leave nothing behind, and nobody else notices. */
#include "blocks.h"
#include "int.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_TIMES     100
#define KILL_DEPTH     64
#define KILL_LENGTH    ((size_t)16 << 10) /* bytes of a command */
#define KILL_VERIFIERS 2
#define KILL_AREA      ((size_t)8 << 20) /* where the victims write; verifiers behind it */

struct killed {
	int pipe[2];
	unsigned int number;
	bool delayed; /* with commands that the controller delays */
};

/* ---- those who verify ---------------------------------------------------------------------- */

static volatile sig_atomic_t kill_stop;

static void kill_on_term(int sig)
{
	kill_stop = 1;
}

static void verifier(void *arg)
{
	struct killed *k = arg;
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_queue *queue = int_queue(dev, 32);
	size_t bs = int_namespace(dev, 1).block_size;
	uint32_t nlb = (uint32_t)(KILL_LENGTH / bs), generation = 0;
	struct vfnc_buffer *buf = int_buffer(dev, 2 * KILL_LENGTH);
	uint64_t base = KILL_AREA / bs + k->number * UINT64_C(4096);

	signal(SIGTERM, kill_on_term);
	int_poke(k->pipe[1]);
	while (!kill_stop) {
		uint64_t lba = base + int_random(4096 - nlb);
		char *back = (char *)buf->vaddr + KILL_LENGTH;

		generation++;
		blocks_fill(buf->vaddr, bs, nlb, k->number, generation, lba);
		OK(conn, vfnc_write(queue, 1, lba, nlb, buf, 0, KILL_LENGTH, NULL));
		memset(back, 0xa5, KILL_LENGTH);
		OK(conn, vfnc_read(queue, 1, lba, nlb, buf, KILL_LENGTH, KILL_LENGTH, NULL));
		CHECK(memcmp(buf->vaddr, back, KILL_LENGTH) == 0,
		      "verifier %u: what was written at block %llu is not what is there", k->number,
		      (unsigned long long)lba);
	}
	int_note("verifier %u: %u writes read back", k->number, generation);
	CHECK(generation > 0, "nothing was verified");
	vfnc_disconnect(conn);
}

/* ---- those who are killed ------------------------------------------------------------------ */

static void victim_submit(struct vfnc_queue *queue, struct vfnc_buffer *buf, unsigned int slot,
			  size_t bs, uint64_t *ticket)
{
	uint32_t nlb = (uint32_t)(KILL_LENGTH / bs);
	uint64_t lba = int_random(KILL_AREA / bs - nlb);
	struct vfnc_cmd cmd = int_rw(true, 1, lba, nlb, buf, slot * KILL_LENGTH, KILL_LENGTH);

	OK(vfnc_device_connection(queue->device), vfnc_submit(queue, &cmd, ticket));
}

/*
 * Keeps KILL_DEPTH commands outstanding for ever. That they are with the daemon is sure when the
 * daemon has answered what was asked after them.
 */
static void victim(void *arg)
{
	struct killed *k = arg;
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_queue *queue = int_queue(dev, KILL_DEPTH + 1);
	struct vfnc_buffer *buf = int_buffer(dev, KILL_DEPTH * KILL_LENGTH);
	size_t bs = int_namespace(dev, 1).block_size;
	struct vfnc_subscription *sub;
	struct vfnc_statistics stats;
	uint64_t tickets[KILL_DEPTH];

	OK(conn, vfnc_subscribe(dev, &sub));
	if (k->delayed)
		sim_tell(env.sim_control, "delay io 1 0 60000");
	for (unsigned int i = 0; i < KILL_DEPTH; i++)
		victim_submit(queue, buf, i, bs, &tickets[i]);
	OK(conn, vfnc_statistics(conn, dev, &stats));
	CHECK(!k->delayed || stats.session_outstanding == KILL_DEPTH,
	      "%llu commands are outstanding", (unsigned long long)stats.session_outstanding);
	int_poke(k->pipe[1]);
	for (;;) {
		uint64_t ticket = int_complete_any(conn);

		for (unsigned int i = 0; i < KILL_DEPTH; i++)
			if (tickets[i] == ticket)
				victim_submit(queue, buf, i, bs, &tickets[i]);
	}
}

static void kill_one(bool delayed)
{
	struct killed k = {.delayed = delayed};
	pid_t pid;

	CHECK(pipe(k.pipe) == 0, "no pipe");
	pid = int_spawn(victim, &k);
	close(k.pipe[1]);
	int_await_poke(k.pipe[0], INT_SOON_MS);
	/* Half of them at once, the others somewhere in their loop. */
	if (!delayed && int_random(2))
		usleep((useconds_t)int_random(3000));
	kill(pid, SIGKILL);
	int_reap_killed(pid);
	close(k.pipe[0]);
}

static void kill_many(void)
{
	struct killed k[KILL_VERIFIERS];
	pid_t pid[KILL_VERIFIERS];
	struct ledger before;

	/* What is made once and kept is made now. */
	ledger_take(&before);
	kill_one(false);
	ledger_await(&before, 65536);
	ledger_take(&before);
	for (unsigned int i = 0; i < KILL_VERIFIERS; i++) {
		k[i].number = i + 1;
		CHECK(pipe(k[i].pipe) == 0, "no pipe");
		pid[i] = int_spawn(verifier, &k[i]);
		int_await_poke(k[i].pipe[0], INT_SOON_MS);
	}
	for (unsigned int i = 0; i < KILL_TIMES * (env.longer ? 10 : 1); i++)
		kill_one(false);
	for (unsigned int i = 0; i < KILL_VERIFIERS; i++) {
		kill(pid[i], SIGTERM);
		int_join(pid[i], INT_SOON_MS);
	}
	ledger_await(&before, 4096);
	ledger_all_queues();
}

/*
 * The commands are still with the controller when their client dies: the memory that they name has
 * to stay until the controller has given them up.
 */
static void kill_delayed(void)
{
	long faults = sim_stat(env.sim_control, "dma_faults");
	struct ledger before;

	ledger_take(&before);
	for (unsigned int i = 0; i < 10; i++) {
		kill_one(true);
		sim_tell(env.sim_control, "clear");
		ledger_await(&before, 4096);
	}
	CHECK(sim_stat(env.sim_control, "dma_faults") == faults,
	      "the controller was led to memory that was not mapped any more");
	ledger_all_queues();
}

/* ---- in what order things are given back ---------------------------------------------------- */

/* One delayed read of the whole buffer; the client is gone when the controller writes to it. */
static void late_reader(void *arg)
{
	struct killed *k = arg;
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_buffer *buf = int_buffer(dev, KILL_LENGTH);
	struct vfnc_cmd cmd = {.opcode = 0x06, .cdw10 = 1, .buffer = buf, .length = 4096};
	struct vfnc_statistics stats;
	uint64_t ticket;

	/* Identify, on the admin queue, which no session's end deletes. */
	OK(conn, vfnc_submit_admin(dev, &cmd, &ticket));
	OK(conn, vfnc_statistics(conn, dev, &stats));
	CHECK(stats.session_outstanding == 1, "the command is not outstanding");
	int_poke(k->pipe[1]);
	pause();
}

static void late_reader_dies(void)
{
	struct killed k = {0};
	pid_t pid;

	CHECK(pipe(k.pipe) == 0, "no pipe");
	pid = int_spawn(late_reader, &k);
	close(k.pipe[1]);
	int_await_poke(k.pipe[0], INT_SOON_MS);
	kill(pid, SIGKILL);
	int_reap_killed(pid);
	close(k.pipe[0]);
}

static void end_while_delayed(void)
{
	long faults = sim_stat(env.sim_control, "dma_faults");
	struct ledger before;

	ledger_take(&before);
	sim_tell(env.sim_control, "delay admin 6 1 300");
	late_reader_dies();
	ledger_await(&before, 1024);
	CHECK(sim_stat(env.sim_control, "dma_faults") == faults,
	      "the controller was led to memory that was not mapped any more");
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("a client is killed with 64 commands outstanding, 100 times", kill_many,
			 .limit = 180),
		INT_CASE("a client is killed while the controller is at its commands", kill_delayed,
			 .faults = true),
		INT_CASE("a session ends while the controller will still write to its buffer",
			 end_while_delayed, .faults = true),
		{0},
	};

	return int_main("kill", cases);
}
