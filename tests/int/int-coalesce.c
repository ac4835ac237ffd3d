/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts for several completions, where that is configured: few with much outstanding, no delay with one. */
#include "client.h"
#include "int.h"

#include <errno.h>
#include <string.h>

#define DEEP	 128u
#define COMMANDS 20000u
#define LENGTH	 ((size_t)4096)
#define SINGLE	 300u

static long interrupts(void)
{
	return sim_stat(env.sim_control, "interrupts");
}

/* Reads with `depth` outstanding, each that ends is followed by another one. */
static void read_many(struct client *c, unsigned int depth, unsigned int total)
{
	unsigned int sent = 0, done = 0;

	while (done < total) {
		while (sent < total && sent - done < depth) {
			client_post(c, false, 8 * (sent % 512), LENGTH, sent % depth * LENGTH);
			sent++;
		}
		nvme_sq_update_tail(c->queue->sq);
		CHECK(client_reap(c) == 0, "read %u failed", done);
		done++;
		while (done < sent && vfnc_queue_wait(c->queue, 0) == 1) {
			CHECK(client_take(c) == 0, "read %u failed", done);
			done++;
		}
	}
}

static void request_many(struct client *c, unsigned int depth, unsigned int total)
{
	unsigned int sent = 0, done = 0;
	uint64_t ticket;

	while (done < total) {
		for (; sent < total && sent - done < depth; sent++) {
			struct vfnc_cmd cmd = int_rw(false, 1, 8 * (sent % 512), (uint32_t)(LENGTH / c->bs), c->buf,
						     sent % depth * LENGTH, LENGTH);

			OK(c->conn, vfnc_submit(c->queue, &cmd, &ticket));
		}
		int_complete_any(c->conn);
		done++;
	}
}

static void many(struct client *c, unsigned int depth, unsigned int total)
{
	(c->ctrl ? read_many : request_many)(c, depth, total);
}

/*
 * The vector may be let in from before, and interrupts show that it should not be: two of them, however many commands
 * that takes, for a completion may be found without one. Ends with a batch that had its interrupts, none of them late.
 */
static void settle(struct client *c, const char *when)
{
	long late, before;

	for (int batch = 0; batch < 40; batch++) {
		/* Also one that others' completions wait for, which may have been taken already, counts as late. */
		while (sim_stat(env.sim_control, "interrupts_waiting"))
			int_pause();
		late = sim_stat(env.sim_control, "late_interrupts");
		before = interrupts();
		many(c, 1, 10);
		if (interrupts() - before >= 9 && sim_stat(env.sim_control, "late_interrupts") == late)
			return;
	}
	CHECK(false, "%s interrupts are still late after 400 commands", when);
}

/*
 * With one outstanding none waits for the time: each has an interrupt of its own that is not late. But for a few: who
 * sees a completion before its interrupt and sends the next command may have one for both.
 */
static void check_single(struct client *c, const char *when)
{
	long late, n;

	settle(c, when);
	late = sim_stat(env.sim_control, "late_interrupts");
	n = interrupts();
	many(c, 1, SINGLE);
	CHECK(sim_stat(env.sim_control, "late_interrupts") == late, "%s interrupts were late", when);
	n = interrupts() - n;
	CHECK(n >= (long)SINGLE * 9 / 10, "%s there were %ld interrupts", when, n);
}

static void one_mode(enum vfnc_queue_mode mode)
{
	struct client c;
	double each;
	long before;

	client_open(&c, NULL, mode, DEEP + 1, DEEP * LENGTH);
	check_single(&c, "at first");
	many(&c, DEEP, COMMANDS / 4);
	before = interrupts();
	many(&c, DEEP, COMMANDS);
	each = (double)(interrupts() - before) / COMMANDS;
	int_note("%s, %u outstanding: %.3f interrupts a command", client_mode_name(mode), DEEP, each);
	CHECK(each <= 0.1, "%.3f interrupts a command", each);
	check_single(&c, "after that");
	/* The same after a reset. */
	OK(c.conn, vfnc_reset(c.dev, VFNC_RESET_CONTROLLER, NULL));
	client_close(&c);
	client_open(&c, NULL, mode, DEEP + 1, DEEP * LENGTH);
	check_single(&c, "after a reset");
	many(&c, DEEP, COMMANDS / 4);
	before = interrupts();
	many(&c, DEEP, COMMANDS);
	each = (double)(interrupts() - before) / COMMANDS;
	CHECK(each <= 0.1, "after a reset: %.3f interrupts a command", each);
	client_close(&c);
}

static void coalesce_request(void)
{
	one_mode(VFNC_QUEUE_REQUEST);
}

static void coalesce_served(void)
{
	one_mode(VFNC_QUEUE_SERVED);
}

/* Its vector may have been another queue's, which had much outstanding. */
static void coalesce_direct(void)
{
	struct client c;

	for (int i = 0; i < 3; i++) {
		client_open(&c, NULL, VFNC_QUEUE_REQUEST, DEEP + 1, DEEP * LENGTH);
		many(&c, DEEP, 4000);
		client_close(&c);
		client_open(&c, NULL, VFNC_QUEUE_DIRECT, DEEP + 1, DEEP * LENGTH);
		check_single(&c, "of a direct queue");
		client_close(&c);
	}
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("requests: few interrupts, and none late", coalesce_request, .limit = 240, .faults = true),
		INT_CASE("served queues: few interrupts, and none late", coalesce_served, .limit = 240, .faults = true),
		INT_CASE("direct queues have each interrupt", coalesce_direct, .limit = 240, .faults = true),
		{0},
	};

	return int_main("coalesce", cases);
}
