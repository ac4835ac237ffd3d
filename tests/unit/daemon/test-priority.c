/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Served queues of several classes: what each has beside the others, and that none goes without. */
#include "unit.h"

#include "random.h"
#include "rig-data.h"

#define ENTRIES 256
#define MANY	(ENTRIES - 1)

static struct data_engine engine;
static struct rig_pair pair;
static struct rig_client client[SERVED_PRIORITIES], twin;

/* Rounds until nothing moves; the controller completes everything in order. */
static void settle(void)
{
	struct nvme_cqe cqe;
	unsigned int n;

	do {
		n = data_engine_round(&engine);
		n += rig_complete_all(&pair);
		for (unsigned int i = 0; i < SERVED_PRIORITIES; i++)
			while (rig_pop(&client[i], &cqe))
				;
		while (rig_pop(&twin, &cqe))
			;
	} while (n);
	/* and all go to sleep */
	for (unsigned int i = 0; i < 20; i++)
		data_engine_round(&engine);
	ck_assert_uint_eq(engine.nactive, 0);
	for (unsigned int i = 0; i < SERVED_PRIORITIES; i++)
		ck_assert_uint_eq(engine.nbusy[i], 0);
}

/* A queue keeps its class as long as it is awake. */
static void setup(void)
{
	memset(&engine, 0, sizeof(engine));
	rig_rules(&engine.rules);
	engine.patience = 2;
	rig_pair_init(&pair, 512);
	ck_assert_int_eq(data_engine_add_pair(&engine, &pair.pair), 0);
	for (unsigned int i = 0; i < SERVED_PRIORITIES; i++)
		rig_client_init(&client[i], &engine, &pair, ENTRIES, 0x10000000ull * (i + 1), 1);
	rig_client_init(&twin, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	settle();
	for (unsigned int i = 0; i < SERVED_PRIORITIES; i++)
		client[i].served.priority = (enum served_priority)i;
}

static void teardown(void)
{
	settle();
	for (unsigned int i = 0; i < SERVED_PRIORITIES; i++)
		rig_client_fini(&client[i], &engine);
	rig_client_fini(&twin, &engine);
	data_engine_remove_pair(&engine, &pair.pair);
	data_engine_clear(&engine);
	rig_pair_fini(&pair);
}

static void push(struct rig_client *c, unsigned int n)
{
	union nvme_cmd cmd = rig_read(1, 0, 1, c->buffer.iova);

	while (n--)
		rig_push(c, &cmd);
	if (rig_ring(c))
		data_engine_kick(&engine, &c->served);
}

static void rounds(void)
{
	for (unsigned int i = 0; i < 20; i++)
		data_engine_round(&engine);
	rig_fetch(&pair);
}

/* Which are busy, by bit, and what each has in flight then. */
static const struct {
	unsigned int busy, inflight[SERVED_PRIORITIES];
} windows[] = {
	{1 << SERVED_URGENT | 1 << SERVED_HIGH | 1 << SERVED_MEDIUM | 1 << SERVED_LOW, {16, 8, 4, 2}},
	{1 << SERVED_HIGH | 1 << SERVED_MEDIUM | 1 << SERVED_LOW, {0, 16, 8, 4}},
	{1 << SERVED_MEDIUM | 1 << SERVED_LOW, {0, 0, 16, 8}},
	{1 << SERVED_HIGH | 1 << SERVED_LOW, {0, 16, 0, 4}},
	{1 << SERVED_URGENT | 1 << SERVED_LOW, {16, 0, 0, 2}},
	{1 << SERVED_LOW, {0, 0, 0, MANY}}, /* nobody else wants the controller */
};

START_TEST(test_windows)
{
	for (unsigned int i = 0; i < SERVED_PRIORITIES; i++)
		if (windows[_i].busy & 1u << i)
			push(&client[i], MANY);
	rounds();
	for (unsigned int i = 0; i < SERVED_PRIORITIES; i++)
		ck_assert_uint_eq(client[i].served.inflight, windows[_i].inflight[i]);
}
END_TEST

/* Of one class each has a burst, whichever class that is; a weight is of the queue's own share. */
START_TEST(test_equals)
{
	twin.served.priority = (enum served_priority)_i;
	push(&client[_i], MANY);
	push(&twin, MANY);
	rounds();
	ck_assert_uint_eq(client[_i].served.inflight, SERVED_BURST);
	ck_assert_uint_eq(twin.served.inflight, SERVED_BURST);
}
END_TEST

START_TEST(test_weight)
{
	twin.served.priority = SERVED_MEDIUM;
	twin.served.window = 3 * SERVED_BURST;
	push(&client[SERVED_HIGH], MANY);
	push(&client[SERVED_MEDIUM], MANY);
	push(&twin, MANY);
	rounds();
	ck_assert_uint_eq(client[SERVED_HIGH].served.inflight, 16);
	ck_assert_uint_eq(client[SERVED_MEDIUM].served.inflight, 8);
	ck_assert_uint_eq(twin.served.inflight, 24);
}
END_TEST

static void complete_all_of(struct rig_client *c)
{
	for (unsigned int at = pair.ntaken; at-- > 0;)
		if (pair.pair.cmds[pair.taken[at].cid].served == &c->served)
			rig_complete(&pair, at, 0);
}

/* What those above have in flight counts, awake or not; when they have done with it, the others have all again. */
START_TEST(test_gone)
{
	struct rig_client *high = &client[SERVED_HIGH], *low = &client[SERVED_LOW];

	push(high, 10);
	push(low, MANY);
	rounds();
	ck_assert_int_eq(high->served.state, SERVED_ASLEEP);
	ck_assert_uint_eq(high->served.inflight, 10);
	ck_assert_uint_eq(engine.nactive, 1);
	ck_assert_uint_eq(low->served.inflight, 4);
	complete_all_of(low);
	rounds();
	ck_assert_uint_eq(low->served.inflight, 4);
	complete_all_of(high);
	twin.served.priority = SERVED_LOW;
	push(&twin, MANY);
	rounds();
	ck_assert_uint_eq(low->served.inflight, SERVED_BURST);
	ck_assert_uint_eq(twin.served.inflight, SERVED_BURST);

	/* one that is deleted is busy until nothing is in flight */
	push(high, 1);
	rounds();
	ck_assert_uint_eq(engine.step[SERVED_LOW], 2);
	data_engine_stop(&engine, &high->served);
	data_engine_stop(&engine, &high->served);
	ck_assert_uint_eq(engine.step[SERVED_LOW], 2);
	complete_all_of(high);
	rounds();
	ck_assert_uint_eq(engine.step[SERVED_LOW], 0);
	data_engine_stop(&engine, &high->served);
	ck_assert_uint_eq(engine.nbusy[SERVED_HIGH], 0);
}
END_TEST

/*
 * All classes always have commands, and the controller goes on in order at its own pace: they get 8, 4, 2 and 1
 * parts of it, and of a command of the low one no other has more than two bursts forwarded until it is complete.
 */
START_TEST(test_shares)
{
	uint64_t state = 3, before[SERVED_PRIORITIES], done[SERVED_PRIORITIES];
	struct nvme_cqe cqe;
	bool low = false;

	memset(before, 0, sizeof(before));
	for (unsigned int step = 0; step < 3000; step++) {
		for (unsigned int i = 0; i < SERVED_PRIORITIES; i++) {
			struct rig_client *c = &client[i];
			unsigned int used = (c->tail + ENTRIES - c->served.sq_head) % ENTRIES;

			while (rig_pop(c, &cqe))
				low |= i == SERVED_LOW;
			push(c, MANY - used);
		}
		if (low) {
			for (unsigned int i = 0; i < SERVED_PRIORITIES; i++) {
				uint64_t now = client[i].served.stats.completed + client[i].served.inflight;

				ck_assert_uint_le(now - before[i], 2 * SERVED_BURST);
				before[i] = now;
			}
			low = false;
		}
		data_engine_round(&engine);
		rig_fetch(&pair);
		for (unsigned int k = random_below(&state, 20); k && pair.ntaken; k--)
			rig_complete(&pair, 0, 0);
	}
	for (unsigned int i = 0; i < SERVED_PRIORITIES; i++)
		done[i] = client[i].served.stats.completed;
	ck_assert_uint_gt(done[SERVED_LOW], 1000);
	for (unsigned int i = 0; i < SERVED_LOW; i++) {
		ck_assert_uint_gt(10 * done[i], 17 * done[i + 1]);
		ck_assert_uint_lt(10 * done[i], 23 * done[i + 1]);
	}
}
END_TEST

UNIT_MAIN("daemon-priority", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_windows, 0, sizeof(windows) / sizeof(windows[0]));
	tcase_add_loop_test(tc, test_equals, 0, SERVED_PRIORITIES);
	tcase_add_test(tc, test_weight);
	tcase_add_test(tc, test_gone);
	tcase_add_test(tc, test_shares);
})
