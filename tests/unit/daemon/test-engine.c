/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine of served queues: order, identifiers, fairness, sleep, and clients that write what
 * they like. */
#include "unit.h"

#include <errno.h>

#include "random.h"
#include "rig-data.h"

#define ENTRIES 32

static struct data_engine engine;
static struct rig_pair pair;
static unsigned int quiets, drains;

static void on_quiet(struct data_engine *e)
{
	(void)e;
	quiets++;
}

static void on_drained(struct served *q)
{
	(void)q;
	drains++;
}

static void setup(void)
{
	memset(&engine, 0, sizeof(engine));
	rig_rules(&engine.rules);
	engine.quiet = on_quiet;
	engine.patience = 2;
	rig_pair_init(&pair, 128);
	ck_assert_int_eq(data_engine_add_pair(&engine, &pair.pair), 0);
	quiets = drains = 0;
}

static void teardown(void)
{
	data_engine_remove_pair(&engine, &pair.pair);
	data_engine_clear(&engine);
	rig_pair_fini(&pair);
}

static void ring(struct rig_client *c)
{
	if (rig_ring(c))
		data_engine_kick(&engine, &c->served);
}

/* Rounds until nothing moves; the controller completes everything in order. */
static void settle(void)
{
	unsigned int n;

	do {
		n = data_engine_round(&engine);
		n += rig_complete_all(&pair);
	} while (n);
}

static unsigned int bytes_waiting(int fd)
{
	char byte[8];
	unsigned int n = 0;

	while (recv(fd, byte, sizeof(byte), MSG_DONTWAIT) == 1)
		n++;
	return n;
}

START_TEST(test_forward)
{
	struct rig_client c;
	struct nvme_cqe cqe;

	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 4);
	for (unsigned int i = 0; i < 1000; i++) {
		union nvme_cmd cmd = rig_read((uint16_t)(i * 37), i, 1, RIG_IOVA + i % 31 * 512);

		rig_push(&c, &cmd);
		ring(&c);
		data_engine_round(&engine);
		rig_fetch(&pair);
		ck_assert_uint_eq(pair.ntaken, 1);
		ck_assert_uint_eq(le64_to_cpu(pair.taken[0].rw.slba), i);
		ck_assert_uint_lt(pair.taken[0].cid, 127);
		rig_complete(&pair, 0, i % 5 ? 0 : 0x281);
		ck_assert(!rig_pop(&c, &cqe));
		data_engine_round(&engine);
		ck_assert(rig_pop(&c, &cqe));
		ck_assert(!rig_pop(&c, &cqe));
		ck_assert_uint_eq(cqe.cid, (uint16_t)(i * 37));
		ck_assert_uint_eq(le16_to_cpu(cqe.sqid), 7);
		ck_assert_uint_eq(le16_to_cpu(cqe.sqhd), (i + 1) % ENTRIES);
		ck_assert_uint_eq(le16_to_cpu(cqe.sfp) >> 1, i % 5 ? 0 : 0x281);
		ck_assert_uint_ge((uint64_t)cqe.qw0, 0x1234);
	}
	ck_assert_uint_eq(c.served.stats.completed, 1000);
	ck_assert_uint_eq(c.served.stats.failed, 200);
	ck_assert_uint_eq(c.served.stats.bytes_read, 800 * 512);
	ck_assert_uint_eq(c.buffer.busy, 0);
	rig_client_fini(&c, &engine);
}
END_TEST

/* What fails a check is completed at once, counted, and the controller does not see it. */
START_TEST(test_refused)
{
	struct rig_client c;
	struct nvme_cqe cqe;
	union nvme_cmd cmd;

	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 4);
	cmd = rig_read(1, 0, 1, RIG_IOVA);
	rig_push(&c, &cmd);
	cmd = rig_read(2, 0, 1, RIG_IOVA - 4);
	rig_push(&c, &cmd);
	cmd = rig_read(3, 0, 1, RIG_IOVA);
	rig_push(&c, &cmd);
	ring(&c);
	data_engine_round(&engine);
	rig_fetch(&pair);
	ck_assert_uint_eq(pair.ntaken, 2);
	ck_assert(rig_pop(&c, &cqe));
	ck_assert_uint_eq(cqe.cid, 2);
	ck_assert_uint_eq(le16_to_cpu(cqe.sfp) >> 1, DATA_TRANSFER_ERROR | 1 << 14);
	settle();
	ck_assert(rig_pop(&c, &cqe));
	ck_assert(rig_pop(&c, &cqe));
	ck_assert_uint_eq(cqe.cid, 3);
	ck_assert_uint_eq(c.served.stats.refused, 1);
	ck_assert_uint_eq(pair.seen, 2);
	rig_client_fini(&c, &engine);
}
END_TEST

/* A client that does not read its completions has as many as fit, and the controller is not in its
 * way. */
START_TEST(test_full)
{
	struct rig_client c;
	struct nvme_cqe cqe;
	unsigned int pushed = 0, popped = 0;

	rig_client_init(&c, &engine, &pair, 8, RIG_IOVA, 4);
	for (unsigned int i = 0; i < 20; i++) {
		for (unsigned int j = 0; j < 5; j++) {
			union nvme_cmd cmd = rig_read((uint16_t)pushed++, 0, 1, RIG_IOVA);

			rig_push(&c, &cmd);
		}
		ring(&c);
		settle();
		ck_assert_uint_le(c.served.stats.completed - popped, 7);
		if (i % 2 == 0) /* the queue has taken at least some of the next ones */
			continue;
		for (unsigned int rounds = 0; popped < pushed && rounds < 20; rounds++) {
			uint32_t old = c.head;

			while (rig_pop(&c, &cqe))
				ck_assert_uint_eq(cqe.cid, popped++);
			/* as nvme_cq_update_head() */
			if (__nvme_dbbuf_need_event(c.control->cq_event, c.head, old))
				data_engine_kick(&engine, &c.served);
			settle();
		}
		ck_assert_uint_eq(popped, pushed);
	}
	rig_client_fini(&c, &engine);
}
END_TEST

static union nvme_cmd fused(uint16_t cid, unsigned int fuse, uint64_t addr)
{
	union nvme_cmd cmd = rig_read(cid, 0, 1, addr);

	cmd.opcode = fuse == 1 ? 5 : 1;
	cmd.flags = (uint8_t)fuse;
	return cmd;
}

START_TEST(test_fused)
{
	struct rig_client c;
	struct nvme_cqe cqe;
	union nvme_cmd cmd;

	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 4);
	/* the second one comes later */
	cmd = fused(1, 1, RIG_IOVA);
	rig_push(&c, &cmd);
	ring(&c);
	settle();
	ck_assert_uint_eq(pair.seen, 0);
	cmd = fused(2, 2, RIG_IOVA + 512);
	rig_push(&c, &cmd);
	ring(&c);
	data_engine_round(&engine);
	rig_fetch(&pair);
	ck_assert_uint_eq(pair.ntaken, 2);
	ck_assert_uint_eq(pair.taken[0].flags, 1);
	ck_assert_uint_eq(pair.taken[1].flags, 2);
	settle();
	ck_assert(rig_pop(&c, &cqe) && cqe.cid == 1);
	ck_assert(rig_pop(&c, &cqe) && cqe.cid == 2);

	/* one is bad: none goes */
	cmd = fused(3, 1, RIG_IOVA);
	rig_push(&c, &cmd);
	cmd = fused(4, 2, 0);
	rig_push(&c, &cmd);
	ring(&c);
	settle();
	ck_assert(rig_pop(&c, &cqe) && cqe.cid == 3);
	ck_assert_uint_eq(le16_to_cpu(cqe.sfp) >> 1 & 0xff, DATA_FAILED_FUSED);
	ck_assert(rig_pop(&c, &cqe) && cqe.cid == 4);
	ck_assert_uint_eq(le16_to_cpu(cqe.sfp) >> 1 & 0xff, DATA_TRANSFER_ERROR);
	cmd = fused(5, 1, 0);
	rig_push(&c, &cmd);
	cmd = fused(6, 2, RIG_IOVA);
	rig_push(&c, &cmd);
	ring(&c);
	settle();
	ck_assert(rig_pop(&c, &cqe) && (le16_to_cpu(cqe.sfp) >> 1 & 0xff) == DATA_TRANSFER_ERROR);
	ck_assert(rig_pop(&c, &cqe) && (le16_to_cpu(cqe.sfp) >> 1 & 0xff) == DATA_FAILED_FUSED);

	/* one is missing */
	cmd = fused(7, 1, RIG_IOVA);
	rig_push(&c, &cmd);
	cmd = rig_read(8, 0, 1, RIG_IOVA);
	rig_push(&c, &cmd);
	cmd = fused(9, 2, RIG_IOVA);
	rig_push(&c, &cmd);
	cmd = fused(10, 3, RIG_IOVA);
	rig_push(&c, &cmd);
	ring(&c);
	settle();
	for (unsigned int i = 0; i < 4; i++) {
		static const uint16_t want[11] = {[7] = DATA_MISSING_FUSED,
						  [9] = DATA_MISSING_FUSED,
						  [10] = DATA_INVALID_FIELD};

		ck_assert(rig_pop(&c, &cqe));
		ck_assert_uint_eq(le16_to_cpu(cqe.sfp) >> 1 & 0xff, want[cqe.cid]);
	}
	ck_assert_uint_eq(pair.seen, 3);
	ck_assert_uint_eq(c.buffer.busy, 0);
	rig_client_fini(&c, &engine);
}
END_TEST

/* A fused pair needs two places: with one free it waits for the client to read, and is woken. */
START_TEST(test_fused_room)
{
	struct rig_client c;
	struct nvme_cqe cqe;
	union nvme_cmd cmd = rig_read(0, 0, 1, RIG_IOVA);

	rig_client_init(&c, &engine, &pair, 8, RIG_IOVA, 4);
	for (unsigned int i = 0; i < 6; i++)
		rig_push(&c, &cmd);
	ring(&c);
	settle();
	for (unsigned int i = 0; i < 6; i++)
		ck_assert(rig_pop(&c, &cqe));
	/* read, and not told yet */
	__atomic_store_n(&c.control->cq_head, 0, __ATOMIC_SEQ_CST);
	cmd = fused(1, 1, RIG_IOVA);
	rig_push(&c, &cmd);
	cmd = fused(2, 2, RIG_IOVA + 512);
	rig_push(&c, &cmd);
	ring(&c);
	settle();
	ck_assert_uint_eq(pair.seen, 6);
	ck_assert(data_engine_settle(&engine));
	ck_assert(!data_engine_busy(&engine));
	__atomic_store_n(&c.control->cq_head, c.head, __ATOMIC_SEQ_CST);
	ck_assert(__nvme_dbbuf_need_event(c.control->cq_event, c.head, 0));
	data_engine_kick(&engine, &c.served);
	settle();
	ck_assert_uint_eq(pair.seen, 8);
	ck_assert(rig_pop(&c, &cqe) && cqe.cid == 1);
	ck_assert(rig_pop(&c, &cqe) && cqe.cid == 2);
	rig_client_fini(&c, &engine);
}
END_TEST

/* When a client that sleeps is told. */
START_TEST(test_held)
{
	union nvme_cmd cmd = rig_read(1, 0, 1, RIG_IOVA);
	struct rig_client c;
	struct nvme_cqe cqe;

	engine.hold = 8;
	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	for (int i = 0; i < 12; i++)
		rig_push(&c, &cmd);
	ring(&c);
	data_engine_round(&engine);
	rig_fetch(&pair);
	__atomic_store_n(&c.control->cq_wake, c.head, __ATOMIC_SEQ_CST);
	/* what is held back is told when it is asked for */
	rig_complete(&pair, 0, 0);
	data_engine_round(&engine);
	ck_assert(rig_pop(&c, &cqe));
	ck_assert(data_engine_busy(&engine));
	data_engine_round(&engine);
	ck_assert_uint_eq(bytes_waiting(c.wake_fd), 0);
	data_engine_tell(&engine);
	ck_assert_uint_eq(bytes_waiting(c.wake_fd), 1);
	/* after some moves */
	__atomic_store_n(&c.control->cq_wake, c.head, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 8; i++) {
		rig_complete(&pair, 0, 0);
		ck_assert_uint_eq(bytes_waiting(c.wake_fd), 0);
		data_engine_round(&engine);
	}
	ck_assert_uint_eq(bytes_waiting(c.wake_fd), 1);
	while (rig_pop(&c, &cqe))
		;
	/* before it is put to sleep */
	__atomic_store_n(&c.control->cq_wake, c.head, __ATOMIC_SEQ_CST);
	rig_complete(&pair, 0, 0);
	data_engine_round(&engine);
	ck_assert_uint_eq(bytes_waiting(c.wake_fd), 0);
	ck_assert(data_engine_settle(&engine));
	ck_assert_uint_eq(bytes_waiting(c.wake_fd), 1);
	ck_assert(rig_pop(&c, &cqe));
	/* not at all, when it has found it by itself */
	__atomic_store_n(&c.control->cq_wake, c.head, __ATOMIC_SEQ_CST);
	rig_complete(&pair, 0, 0);
	data_engine_round(&engine);
	ck_assert(rig_pop(&c, &cqe));
	__atomic_store_n(&c.control->cq_wake, SERVED_AWAKE, __ATOMIC_SEQ_CST);
	data_engine_tell(&engine);
	ck_assert_uint_eq(bytes_waiting(c.wake_fd), 0);
	/* and of the last one at once */
	__atomic_store_n(&c.control->cq_wake, c.head, __ATOMIC_SEQ_CST);
	rig_complete(&pair, 0, 0);
	data_engine_round(&engine);
	ck_assert_uint_eq(bytes_waiting(c.wake_fd), 1);
	rig_client_fini(&c, &engine);
	engine.hold = 0;
}
END_TEST

/* A kick that comes when its queue has left wakes nobody. */
START_TEST(test_late_kick)
{
	struct rig_client c;

	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	settle();
	ck_assert(data_engine_settle(&engine));
	data_engine_remove(&engine, &c.served);
	data_engine_kick(&engine, &c.served);
	ck_assert(!data_engine_busy(&engine));
	engine.nserved++; /* it leaves once more */
	rig_client_fini(&c, &engine);
}
END_TEST

/*
 * Eight clients that always have commands and one that has one now and then: between its submission
 * and its completion no other has more than two bursts forwarded.
 */
START_TEST(test_fair)
{
	enum { HOGS = 8 };
	struct rig_client hogs[HOGS], c;
	struct nvme_cqe cqe;
	uint64_t state = 7;

	for (unsigned int i = 0; i < HOGS; i++)
		rig_client_init(&hogs[i], &engine, &pair, 256, 0x10000000ull * (i + 1), 1);
	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	for (unsigned int round = 0; round < 300; round++) {
		uint64_t before[HOGS];
		union nvme_cmd cmd = rig_read((uint16_t)round, 0, 1, RIG_IOVA);
		bool done = false;

		for (unsigned int i = 0; i < HOGS; i++)
			before[i] = hogs[i].served.stats.completed + hogs[i].served.inflight;
		rig_push(&c, &cmd);
		ring(&c);
		for (unsigned int steps = 0; !done; steps++) {
			ck_assert_uint_lt(steps, 1000);
			for (unsigned int i = 0; i < HOGS; i++) {
				while (rig_pop(&hogs[i], &cqe))
					;
				while ((hogs[i].tail + 1) % 256 != hogs[i].served.sq_head) {
					cmd = rig_read(1, 0, 1, 0x10000000ull * (i + 1));
					rig_push(&hogs[i], &cmd);
				}
				ring(&hogs[i]);
			}
			data_engine_round(&engine);
			rig_fetch(&pair);
			/* the controller goes on in order, at its own pace */
			for (unsigned int k = random_below(&state, 40); k && pair.ntaken; k--)
				rig_complete(&pair, 0, 0);
			done = rig_pop(&c, &cqe);
		}
		for (unsigned int i = 0; i < HOGS; i++)
			ck_assert_uint_le(hogs[i].served.stats.completed + hogs[i].served.inflight -
						  before[i],
					  2 * SERVED_BURST);
	}
	for (unsigned int i = 0; i < HOGS; i++)
		ck_assert_uint_gt(hogs[i].served.stats.completed, 300);
	settle();
	for (unsigned int i = 0; i < HOGS; i++)
		rig_client_fini(&hogs[i], &engine);
	rig_client_fini(&c, &engine);
}
END_TEST

/* A client alone is not held to a window. */
START_TEST(test_alone)
{
	struct rig_client c;

	rig_client_init(&c, &engine, &pair, 128, RIG_IOVA, 1);
	for (unsigned int i = 0; i < 100; i++) {
		union nvme_cmd cmd = rig_read((uint16_t)i, 0, 1, RIG_IOVA);

		rig_push(&c, &cmd);
	}
	ring(&c);
	for (unsigned int i = 0; i < 10; i++)
		data_engine_round(&engine);
	ck_assert_uint_eq(c.served.inflight, 100);
	rig_fetch(&pair);
	settle();
	rig_client_fini(&c, &engine);
}
END_TEST

/* Nobody is kicked or woken who is awake, and nobody sleeps over something. */
START_TEST(test_sleep)
{
	struct rig_client c;
	struct nvme_cqe cqe;
	union nvme_cmd cmd = rig_read(1, 0, 1, RIG_IOVA);

	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	for (unsigned int i = 0; i < 10; i++)
		data_engine_round(&engine);
	ck_assert(!data_engine_busy(&engine));
	for (unsigned int i = 0; i < 100; i++) {
		rig_push(&c, &cmd);
		ck_assert(rig_ring(&c)); /* asleep: it wants to be told */
		data_engine_kick(&engine, &c.served);
		rig_push(&c, &cmd);
		ck_assert(!rig_ring(&c)); /* awake */
		data_engine_round(&engine);
		rig_fetch(&pair);
		rig_complete(&pair, 0, 0);
		rig_complete(&pair, 0, 0);
		/* the client waits in one half of the cases */
		c.control->cq_wake = i % 2 ? c.head : SERVED_AWAKE;
		data_engine_round(&engine);
		ck_assert_uint_eq(bytes_waiting(c.wake_fd), i % 2);
		data_engine_round(&engine);
		ck_assert_uint_eq(bytes_waiting(c.wake_fd), 0);
		ck_assert(rig_pop(&c, &cqe) && rig_pop(&c, &cqe));
		for (unsigned int j = 0; j < 10; j++)
			data_engine_round(&engine);
		ck_assert(!data_engine_busy(&engine));
	}
	ck_assert_uint_eq(c.served.stats.wakes, 50);
	rig_client_fini(&c, &engine);
}
END_TEST

START_TEST(test_pause_and_stop)
{
	struct rig_client c, d;
	union nvme_cmd cmd = rig_read(1, 0, 1, RIG_IOVA);

	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	rig_client_init(&d, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	c.served.drained = d.served.drained = on_drained;
	data_engine_pause(&engine);
	ck_assert_uint_eq(quiets, 1);
	data_engine_resume(&engine);
	rig_push(&c, &cmd);
	rig_push(&d, &cmd);
	ring(&c);
	ring(&d);
	data_engine_round(&engine);
	data_engine_pause(&engine);
	rig_push(&c, &cmd);
	ring(&c);
	data_engine_round(&engine);
	rig_fetch(&pair);
	ck_assert_uint_eq(pair.ntaken, 2);
	ck_assert_uint_eq(quiets, 1);
	data_engine_stop(&engine, &d.served);
	ck_assert_uint_eq(drains, 0);
	rig_complete(&pair, 0, 0);
	rig_complete(&pair, 0, 0);
	data_engine_round(&engine);
	ck_assert_uint_eq(quiets, 2);
	ck_assert_uint_eq(drains, 1);
	data_engine_resume(&engine);
	data_engine_round(&engine);
	rig_fetch(&pair);
	ck_assert_uint_eq(pair.ntaken, 1);
	/* what a dead controller had ends once */
	data_engine_stop(&engine, &c.served);
	data_engine_fail(&engine, 0x8);
	ck_assert_uint_eq(drains, 2);
	ck_assert_uint_eq(engine.inflight + c.buffer.busy, 0);
	ck_assert_uint_eq(c.served.stats.completed, 2);
	ck_assert_uint_eq(c.served.stats.failed, 1);
	rig_client_fini(&c, &engine);
	rig_client_fini(&d, &engine);
}
END_TEST

/* Everything that the client can write is anything at all times: its neighbour notices nothing. */
START_TEST(test_hostile)
{
	struct rig_client good, bad;
	struct nvme_cqe cqe;
	uint64_t state = 99, got = 0, broken = 0;

	rig_client_init(&good, &engine, &pair, ENTRIES, RIG_IOVA, 8);
	for (unsigned int life = 0; life < 300; life++) {
		size_t size = served_size(ENTRIES, RIG_PAGE);

		rig_client_init(&bad, &engine, &pair, ENTRIES, 0x2000000, 8);
		for (unsigned int step = 0; step < 40; step++) {
			union nvme_cmd cmd =
				rig_read((uint16_t)got, got, 1, RIG_IOVA + got % 60 * 512);

			for (unsigned int i = random_below(&state, 64); i; i--) {
				uint64_t value = random_next(&state);
				size_t at = random_below(&state, 2)
						    ? 64 + random_below(&state, 128)
						    : random_below(&state, (uint32_t)size);

				/* in one life of three it leaves the queue */
				if (life % 3 || random_below(&state, 4))
					value %= ENTRIES;
				if (at >= 192 && random_below(&state, 3) == 0)
					value = 0x2000000 + (value << 12) % 0xa000;
				memcpy((uint8_t *)bad.shared + (at & ~3ull), &value, 4);
				memcpy(bad.memory + random_below(&state, 8 * RIG_PAGE - 8), &value,
				       8);
			}
			data_engine_kick(&engine, &bad.served);
			rig_push(&good, &cmd);
			ring(&good);
			data_engine_round(&engine);
			rig_fetch(&pair);
			while (pair.ntaken)
				rig_complete(&pair, random_below(&state, pair.ntaken), 0);
			data_engine_round(&engine);
			ck_assert(rig_pop(&good, &cqe));
			ck_assert_uint_eq(cqe.cid, (uint16_t)got);
			got++;
			bytes_waiting(bad.wake_fd);
		}
		broken += bad.served.broken;
		data_engine_stop(&engine, &bad.served);
		settle();
		ck_assert_uint_eq(bad.served.inflight + bad.buffer.busy + bad.map.many, 0);
		rig_client_fini(&bad, &engine);
	}
	ck_assert_uint_gt(broken, 10);
	ck_assert_uint_lt(broken, 290);
	rig_client_fini(&good, &engine);
}
END_TEST

UNIT_MAIN("engine", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_forward);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_fused);
	tcase_add_test(tc, test_fused_room);
	tcase_add_test(tc, test_held);
	tcase_add_test(tc, test_late_kick);
	tcase_add_test(tc, test_fair);
	tcase_add_test(tc, test_alone);
	tcase_add_test(tc, test_sleep);
	tcase_add_test(tc, test_pause_and_stop);
	tcase_add_test(tc, test_hostile);
})
