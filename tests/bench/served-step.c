/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * served-step - what a 512-byte read through a served queue costs daemon and client, step by step
 *
 *     served-step DEPTH QUEUES READS
 *
 * One thread plays all parts in turn: client_submit() and client_reap() are a client on libvfn's
 * level two, data_engine_round() is the daemon, device_step() a controller in memory that completes
 * at once. callgrind counts each by its name (see the script served-cost). READS reads are made on
 * each of QUEUES queues, DEPTH at a time.
 */
#include <stdio.h>

#include "tests/unit/daemon/rig-data.h"

#define STEP_NOINLINE __attribute__((noinline))

struct client {
	struct rig_client rig;
	struct nvme_sq sq;
	struct nvme_cq cq;
	union nvme_cmd cmd; /* what all of its commands have in common */
};

static struct data_engine engine;
static struct rig_pair pair;

static void kick(void *arg, uint32_t offset, uint32_t value)
{
	struct client *c = arg;

	(void)offset;
	(void)value;
	data_engine_kick(&engine, &c->rig.served);
}

/* The client's side of its queue, as the client library makes it. */
static void client_init(struct client *c, uint32_t entries, uint64_t iova)
{
	struct served_control *control;

	rig_client_init(&c->rig, &engine, &pair, entries, iova, 1);
	control = c->rig.control;
	c->cq = (struct nvme_cq){
		.vaddr = (uint8_t *)c->rig.shared + served_cq_offset(entries, RIG_PAGE),
		.id = 7,
		.qsize = (int)entries,
		.entry_size = 16,
		.dbbuf = {&control->cq_head, &control->cq_event},
		.vector = -1,
		.kick = kick,
		.kick_arg = c,
		.ctrl = &rig_ctrl,
	};
	c->sq = (struct nvme_sq){
		.cq = &c->cq,
		.vaddr = (uint8_t *)c->rig.shared + served_sq_offset(RIG_PAGE),
		.id = 7,
		.qsize = (int)entries,
		.entry_size = 64,
		.dbbuf = {&control->sq_tail, &control->sq_event},
		.kick = kick,
		.kick_arg = c,
		.ctrl = &rig_ctrl,
	};
	if (nvme_rq_setup(&rig_ctrl, &c->sq, (int)entries - 1))
		abort();
	c->cmd = (union nvme_cmd){.rw = {.opcode = 2, .nsid = cpu_to_le32(1)}};
}

static STEP_NOINLINE void client_submit(struct client *c, unsigned int depth)
{
	for (unsigned int i = 0; i < depth; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(&c->sq);

		c->cmd.rw.slba = cpu_to_le64(i);
		if (!rq || nvme_rq_map_prp(&rig_ctrl, rq, &c->cmd, c->rig.buffer.iova, 512))
			abort();
		/* the doorbell is rung with the last one */
		if (i + 1 == depth)
			nvme_rq_exec(rq, &c->cmd);
		else
			nvme_rq_post(rq, &c->cmd);
	}
}

/* It knows how many are outstanding, and does not look for more. */
static STEP_NOINLINE unsigned int client_reap(struct client *c, unsigned int most)
{
	unsigned int left = most;
	struct nvme_cqe *cqe;

	while (left && (cqe = nvme_cq_get_cqe(&c->cq))) {
		struct nvme_rq *rq = __nvme_rq_from_cqe(&c->sq, cqe);

		if (!rq || !nvme_cqe_ok(cqe))
			abort();
		nvme_rq_release(rq);
		left--;
	}
	if (left < most)
		nvme_cq_update_head(&c->cq);
	return most - left;
}

static STEP_NOINLINE void device_step(void)
{
	rig_fetch(&pair);
	while (pair.ntaken)
		rig_complete(&pair, pair.ntaken - 1, 0);
}

int main(int argc, char **argv)
{
	unsigned int depth, queues;
	unsigned long reads;
	struct client *clients;

	if (argc != 4)
		return 2;
	depth = (unsigned int)atoi(argv[1]);
	queues = (unsigned int)atoi(argv[2]);
	reads = strtoul(argv[3], NULL, 10);
	rig_rules(&engine.rules);
	engine.patience = 100;
	rig_pair_init(&pair, 1024);
	if (data_engine_add_pair(&engine, &pair.pair))
		return 1;
	clients = calloc(queues, sizeof(*clients));
	for (unsigned int i = 0; i < queues; i++)
		client_init(&clients[i], 256, RIG_IOVA + (uint64_t)i * RIG_PAGE);
	for (unsigned long done = 0; done < reads; done += depth) {
		/* one queue after another is busy; the others sleep, or are about to */
		struct client *c = &clients[done / depth % queues];
		unsigned int got = 0;

		client_submit(c, depth);
		for (unsigned int rounds = 0; got < depth; rounds++) {
			data_engine_round(&engine);
			device_step();
			data_engine_round(&engine);
			got += client_reap(c, depth - got);
			if (rounds > 1000)
				abort();
		}
	}
	printf("%llu reads\n", (unsigned long long)pair.seen);
	return 0;
}
