/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that die in the middle of their work leave nothing behind, and nobody else notices. */
#include "client.h"
#include "int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_TIMES     100
#define KILL_TIMES_VM  20 /* where the machine is emulated */
#define KILL_DEPTH     64
#define KILL_LENGTH    ((size_t)16 << 10) /* bytes of a command */
#define KILL_VERIFIERS 3
#define KILL_AREA      ((size_t)8 << 20) /* where the victims write; verifiers behind it */
#define KILL_MODES     3

struct killed {
	int pipe[2];
	unsigned int number;
	enum vfnc_queue_mode mode;
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
	uint32_t generation = 0;
	struct client c;

	signal(SIGTERM, kill_on_term);
	client_open(&c, NULL, k->mode, 32, 2 * KILL_LENGTH);
	int_poke(k->pipe[1]);
	while (!kill_stop)
		client_verify(&c, k->number, ++generation, KILL_AREA / c.bs + k->number * UINT64_C(4096),
			      KILL_LENGTH);
	int_note("verifier %u, %s: %u writes read back", k->number, client_mode_name(k->mode),
		 generation);
	CHECK(generation > 0, "nothing was verified");
	client_close(&c);
}

/* ---- those who are killed ------------------------------------------------------------------ */

static uint64_t victim_lba(const struct client *c)
{
	return int_random((KILL_AREA - KILL_LENGTH) / c->bs);
}

/* Keeps KILL_DEPTH commands outstanding for ever, and tells when they are. */
static void victim_requests(struct client *c, const struct killed *k)
{
	uint32_t nlb = (uint32_t)(KILL_LENGTH / c->bs);
	struct vfnc_statistics stats;
	uint64_t ticket;

	for (unsigned int i = 0;; i++) {
		struct vfnc_cmd cmd = int_rw(true, 1, victim_lba(c), nlb, c->buf,
					     i % KILL_DEPTH * KILL_LENGTH, KILL_LENGTH);

		if (i == KILL_DEPTH) {
			/* The daemon has answered what was asked after them. */
			OK(c->conn, vfnc_statistics(c->conn, c->dev, &stats));
			CHECK(!k->delayed || stats.session_outstanding == KILL_DEPTH,
			      "%llu commands are outstanding",
			      (unsigned long long)stats.session_outstanding);
			int_poke(k->pipe[1]);
		}
		if (i >= KILL_DEPTH)
			int_complete_any(c->conn);
		OK(c->conn, vfnc_submit(c->queue, &cmd, &ticket));
	}
}

static void victim_queues(struct client *c, const struct killed *k, long outstanding)
{
	for (unsigned int i = 0;; i++) {
		if (i == KILL_DEPTH) {
			/* A served queue may have no more of them with the controller. */
			while (k->delayed && sim_stat(env.sim_control, "outstanding") < outstanding + 16)
				int_pause();
			int_poke(k->pipe[1]);
		}
		if (i >= KILL_DEPTH)
			CHECK(client_reap(c) == 0, "a command failed");
		client_post(c, true, victim_lba(c), KILL_LENGTH, i % KILL_DEPTH * KILL_LENGTH);
		nvme_sq_update_tail(c->queue->sq);
	}
}

static void victim(void *arg)
{
	struct killed *k = arg;
	struct vfnc_subscription *sub;
	long outstanding = 0;
	struct client c;

	client_open_shared(&c, k->mode, KILL_DEPTH + 1, KILL_DEPTH * KILL_LENGTH);
	OK(c.conn, vfnc_subscribe(c.dev, &sub));
	if (k->delayed) {
		outstanding = sim_stat(env.sim_control, "outstanding");
		sim_tell(env.sim_control, "delay io 1 0 60000");
	}
	if (c.ctrl)
		victim_queues(&c, k, outstanding);
	else
		victim_requests(&c, k);
}

static void kill_one(enum vfnc_queue_mode mode, bool delayed)
{
	struct killed k = {.mode = mode, .delayed = delayed};
	unsigned int moment = delayed ? 1 : (unsigned int)int_random(4);
	pid_t pid;

	CHECK(pipe(k.pipe) == 0, "no pipe");
	pid = int_spawn(victim, &k);
	close(k.pipe[1]);
	/* A quarter of them wherever they are on their way, the others at once or somewhere in their loop. */
	if (moment)
		int_await_poke(k.pipe[0], INT_SOON_MS);
	if (moment != 1)
		usleep((useconds_t)int_random((moment ? 3000 : 8000) * (env.sim_control ? 1 : 20)));
	kill(pid, SIGKILL);
	int_reap_killed(pid);
	close(k.pipe[0]);
}

static void kill_many(void)
{
	unsigned int times = env.sim_control ? KILL_TIMES * (env.longer ? 10 : 1)
					     : KILL_TIMES_VM * (env.longer ? 3 : 1);
	struct killed k[KILL_VERIFIERS];
	pid_t pid[KILL_VERIFIERS];
	struct ledger before;

	/* What is made once and kept is made now. */
	ledger_take(&before);
	for (unsigned int i = 0; i < KILL_MODES; i++)
		kill_one((enum vfnc_queue_mode)i, false);
	ledger_await(&before, 65536);
	ledger_take(&before);
	for (unsigned int i = 0; i < KILL_VERIFIERS; i++) {
		k[i] = (struct killed){.number = i + 1, .mode = (enum vfnc_queue_mode)(i % KILL_MODES)};
		CHECK(pipe2(k[i].pipe, O_CLOEXEC) == 0, "no pipe");
		pid[i] = int_spawn(verifier, &k[i]);
		int_await_poke(k[i].pipe[0], INT_SOON_MS);
		close(k[i].pipe[0]);
		close(k[i].pipe[1]);
	}
	for (unsigned int i = 0; i < times; i++)
		kill_one((enum vfnc_queue_mode)int_random(KILL_MODES), false);
	for (unsigned int i = 0; i < KILL_VERIFIERS; i++) {
		kill(pid[i], SIGTERM);
		int_join(pid[i], INT_SOON_MS);
	}
	int_note("%u clients were killed", times);
	ledger_await(&before, 4096);
	ledger_all_queues();
}

/*
 * The commands are still with the controller when their client dies: the memory that they name has
 * to stay until the controller has given them up. It does so when their queue is deleted, or before.
 */
static void kill_delayed(void)
{
	long faults = sim_stat(env.sim_control, "dma_faults");
	struct ledger before;

	ledger_take(&before);
	for (unsigned int i = 0; i < 4 * KILL_MODES; i++) {
		kill_one((enum vfnc_queue_mode)(i % KILL_MODES), true);
		if (i & 1)
			sim_tell(env.sim_control, "clear");
		ledger_await(&before, 4096);
		sim_tell(env.sim_control, "clear");
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
		INT_CASE("clients of all modes are killed at any moment, while others verify", kill_many,
			 .limit = 180),
		INT_CASE("a client is killed while the controller is at its commands", kill_delayed,
			 .faults = true),
		INT_CASE("a session ends while the controller will still write to its buffer",
			 end_while_delayed, .faults = true),
		{0},
	};

	return int_main("kill", cases);
}
