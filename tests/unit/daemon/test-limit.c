/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands and bytes a second of a session, by a clock that the test turns. */
#include "unit.h"

#include <pthread.h>

#include "random.h"
#include "rig-data.h"

#define FREQ	1000000u /* a tick is a microsecond */
#define ENTRIES 256

static struct data_engine engine;
static struct rig_pair pair;
static uint64_t now;

static uint64_t clock_now(void)
{
	return now;
}

static void setup(void)
{
	memset(&engine, 0, sizeof(engine));
	rig_rules(&engine.rules);
	engine.patience = 2;
	engine.clock = clock_now;
	now = 5000000000;
	rig_pair_init(&pair, 512);
	ck_assert_int_eq(data_engine_add_pair(&engine, &pair.pair), 0);
}

static void teardown(void)
{
	data_engine_remove_pair(&engine, &pair.pair);
	data_engine_clear(&engine);
	rig_pair_fini(&pair);
}

/* ---- buckets ----------------------------------------------------------------------------- */

/* Whatever the steps, as many go as the rate allows: never more, and less by a token alone. */
START_TEST(test_rate)
{
	static const uint64_t rates[] = {1, 3, 7, 10, 999, 12345, 1000000, 7777777, 3000000000};
	uint64_t state = 3;

	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t most = rates[i] / 10 ? rates[i] / 10 : 1, went = 0, began = now, may;
		struct data_limit limit;

		data_limit_init(&limit, rates[i], 0, FREQ, now);
		for (unsigned int k = 0; k < 20000; k++) {
			unsigned int room = data_limit_room(&limit, now);

			data_limit_charge(&limit, room, 1 << 20);
			went += room;
			may = most + (uint64_t)((unsigned __int128)rates[i] * (now - began) / FREQ);
			ck_assert_uint_le(went, may);
			/* steps that no bucket overflows in, or by little */
			now += 1 + random_below(&state, rates[i] < 20 ? 1000 : 90000);
		}
		now -= 1;
		may = most + (uint64_t)((unsigned __int128)rates[i] * (now - began) / FREQ);
		ck_assert_uint_ge(went + most + 20000 / 100, may - may / 100);
	}
}
END_TEST

/* What was not used is kept for a tenth of a second. */
START_TEST(test_burst)
{
	struct data_limit limit;

	data_limit_init(&limit, 100, 0, FREQ, now);
	ck_assert(data_limit_set(&limit));
	ck_assert_uint_eq(data_limit_room(&limit, now), 10);
	data_limit_charge(&limit, 10, 0);
	ck_assert_uint_eq(data_limit_room(&limit, now), 0);
	ck_assert_uint_eq(data_limit_wait(&limit, now), 10000);
	ck_assert_uint_eq(data_limit_room(&limit, now + 9999), 0);
	ck_assert_uint_eq(data_limit_room(&limit, now + 10000), 1);
	ck_assert_uint_eq(data_limit_room(&limit, now + 3600ull * FREQ), 10);
	/* a clock that is behind changes nothing */
	ck_assert_uint_eq(data_limit_room(&limit, now), 10);

	/* nobody is woken for each of many tokens */
	data_limit_init(&limit, 1000000, 0, FREQ, now);
	data_limit_charge(&limit, 100000, 0);
	ck_assert_uint_eq(data_limit_room(&limit, now), 0);
	ck_assert_uint_eq(data_limit_wait(&limit, now), FREQ / 1000);

	data_limit_init(&limit, 0, 0, FREQ, now);
	ck_assert(!data_limit_set(&limit));
}
END_TEST

/* A command larger than the bucket goes, and those after it pay for it. */
START_TEST(test_debt)
{
	struct data_limit limit;

	data_limit_init(&limit, 0, 10000, FREQ, now);
	ck_assert_uint_eq(data_limit_room(&limit, now), 1);
	data_limit_charge(&limit, 1, 21000);
	ck_assert_uint_eq(data_limit_room(&limit, now), 0);
	ck_assert_uint_eq(data_limit_wait(&limit, now), 2000100);
	ck_assert_uint_eq(data_limit_room(&limit, now + 2000000), 0);
	ck_assert_uint_eq(data_limit_room(&limit, now + 2000100), 1);

	/* whichever is used up first */
	data_limit_init(&limit, 20, 10000, FREQ, now);
	data_limit_charge(&limit, 2, 1);
	ck_assert_uint_eq(data_limit_room(&limit, now), 0);
	ck_assert_uint_eq(data_limit_wait(&limit, now), 50000);
	data_limit_charge(&limit, 0, 2000);
	ck_assert_uint_eq(data_limit_wait(&limit, now), 100200);
}
END_TEST

#define THREADS 4

static struct data_limit shared;
static _Atomic uint64_t shared_now, shared_went;

static void *taker(void *arg)
{
	uint64_t state = (uint64_t)(uintptr_t)arg;

	for (unsigned int i = 0; i < 200000; i++) {
		uint64_t t = atomic_fetch_add(&shared_now, random_below(&state, 20));

		if (data_limit_room(&shared, t)) {
			data_limit_charge(&shared, 1, 0);
			atomic_fetch_add(&shared_went, 1);
		}
	}
	return NULL;
}

/* The same time fills it once, whoever looks; each may overdraw it by its own command. */
START_TEST(test_threads)
{
	pthread_t threads[THREADS];
	uint64_t went, may;

	shared_now = now;
	data_limit_init(&shared, 20000, 0, FREQ, now);
	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, taker, (void *)(i + 1)), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	went = shared_went;
	may = 2000 + 20000 * (shared_now - now) / FREQ;
	ck_assert_uint_le(went, may + THREADS);
	ck_assert_uint_ge(went + 2000, may - may / 50);
}
END_TEST

/* ---- the engine -------------------------------------------------------------------------- */

/* The client has as much queued as goes in. */
static void stuff(struct rig_client *c, uint64_t iova, uint32_t blocks)
{
	struct nvme_cqe cqe;

	while (rig_pop(c, &cqe))
		;
	while ((c->tail + 1) % ENTRIES != c->served.sq_head) {
		union nvme_cmd cmd = rig_read((uint16_t)c->tail, 0, blocks, iova);

		rig_push(c, &cmd);
	}
	if (rig_ring(c))
		data_engine_kick(&engine, &c->served);
}

/* As a driver does it: until nothing moves, with the controller completing all; then it would sleep. */
static void run(void)
{
	unsigned int idle = 0;

	while (idle < 3) {
		idle = data_engine_round(&engine) ? 0 : idle + 1;
		rig_complete_all(&pair);
	}
	ck_assert(data_engine_settle(&engine));
}

static uint64_t went(const struct rig_client *c)
{
	return c->served.stats.completed + c->served.inflight;
}

/* A thousand a second: what goes is counted, and in between there is nothing to do but to wait. */
START_TEST(test_commands)
{
	struct rig_client c, free_one;
	struct data_limit limit;
	uint64_t began = now, ticks;

	data_limit_init(&limit, 1000, 0, FREQ, now);
	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	rig_client_init(&free_one, &engine, &pair, ENTRIES, 0x10000000, 1);
	c.served.limit = &limit;
	for (unsigned int i = 0; i < 500; i++) {
		uint64_t before = free_one.served.stats.completed;
		uint32_t had;

		stuff(&c, RIG_IOVA, 1);
		stuff(&free_one, 0x10000000, 1);
		had = (free_one.tail + ENTRIES - free_one.served.sq_head) % ENTRIES;
		run();
		ck_assert_uint_eq(went(&c), 100 + (now - began) / 1000);
		/* nobody else is held up */
		ck_assert_uint_eq(free_one.served.stats.completed - before, had);
		ck_assert(data_engine_due(&engine, &ticks));
		ck_assert_uint_eq(ticks, 1000);
		ck_assert_uint_eq(c.served.state, SERVED_ASIDE);
		/* not before its time, though it is kicked */
		data_engine_kick(&engine, &c.served);
		now += 999;
		run();
		ck_assert_uint_eq(went(&c), 100 + (now - began) / 1000);
		now += 1 + i % 3 * 1000;
	}
	/* a client that has nothing to do sleeps, and keeps nobody awake */
	while (c.served.sq_head != c.tail) {
		now += 1000;
		run();
	}
	ck_assert_uint_eq(c.served.state, SERVED_ASLEEP);
	ck_assert(!data_engine_due(&engine, &ticks));
	ck_assert_uint_eq(engine.nactive, 0);
	rig_client_fini(&c, &engine);
	rig_client_fini(&free_one, &engine);
}
END_TEST

/* Bytes: no more than the rate and one command. */
START_TEST(test_bytes)
{
	struct rig_client c;
	struct data_limit limit;
	uint64_t began = now, may;

	data_limit_init(&limit, 0, 100000, FREQ, now);
	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	c.served.limit = &limit;
	for (unsigned int i = 0; i < 300; i++) {
		stuff(&c, RIG_IOVA, 8);
		run();
		may = 10000 + 100000 * (now - began) / FREQ;
		ck_assert_uint_lt(c.served.stats.bytes_read, may + 4096);
		ck_assert_uint_ge(c.served.stats.bytes_read + 1, may);
		now += 50000;
	}
	rig_client_fini(&c, &engine);
}
END_TEST

/* The queues of a session share what it has, and all get on. */
START_TEST(test_shared)
{
	enum { QUEUES = 5 };
	struct rig_client c[QUEUES];
	struct data_limit limit;
	uint64_t began = now;

	data_limit_init(&limit, 100, 0, FREQ, now);
	for (unsigned int i = 0; i < QUEUES; i++) {
		rig_client_init(&c[i], &engine, &pair, ENTRIES, RIG_IOVA + i * 0x10000ull, 1);
		c[i].served.limit = &limit;
	}
	for (unsigned int k = 0; k < 2000; k++) {
		uint64_t sum = 0;

		for (unsigned int i = 0; i < QUEUES; i++)
			stuff(&c[i], RIG_IOVA + i * 0x10000ull, 1);
		run();
		for (unsigned int i = 0; i < QUEUES; i++)
			sum += went(&c[i]);
		ck_assert_uint_eq(sum, 10 + (now - began) / 10000);
		now += 10000;
	}
	for (unsigned int i = 0; i < QUEUES; i++) {
		ck_assert_uint_ge(went(&c[i]), 2000 / QUEUES - 10);
		rig_client_fini(&c[i], &engine);
	}
}
END_TEST

/* A client with one command at a time, and one with as many as it can: turn by turn. */
START_TEST(test_turns)
{
	struct rig_client hog, one;
	struct data_limit limit;
	struct nvme_cqe cqe;
	union nvme_cmd cmd = rig_read(1, 0, 1, 0x10000000);
	bool busy = false;

	data_limit_init(&limit, 100, 0, FREQ, now);
	rig_client_init(&hog, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	rig_client_init(&one, &engine, &pair, ENTRIES, 0x10000000, 1);
	hog.served.limit = one.served.limit = &limit;
	for (unsigned int k = 0; k < 20000; k++) {
		stuff(&hog, RIG_IOVA, 1);
		if (rig_pop(&one, &cqe))
			busy = false;
		if (!busy) {
			rig_push(&one, &cmd);
			if (rig_ring(&one))
				data_engine_kick(&engine, &one.served);
			busy = true;
		}
		run();
		now += 1000;
	}
	ck_assert_uint_ge(went(&hog) + went(&one), 2000);
	ck_assert_uint_ge(went(&one), 900);
	ck_assert_uint_ge(went(&hog), 900);
	rig_client_fini(&hog, &engine);
	rig_client_fini(&one, &engine);
}
END_TEST

/* Fused commands go together, and both count. */
START_TEST(test_fused)
{
	struct rig_client c;
	struct data_limit limit;

	data_limit_init(&limit, 10, 0, FREQ, now);
	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	c.served.limit = &limit;
	for (unsigned int i = 0; i < 6; i++) {
		union nvme_cmd cmd = rig_read((uint16_t)i, 0, 1, RIG_IOVA);

		cmd.flags = i % 2 ? 2 : 1;
		cmd.opcode = i % 2 ? 1 : 5;
		rig_push(&c, &cmd);
	}
	data_engine_kick(&engine, &c.served);
	rig_ring(&c);
	for (unsigned int i = 1; i <= 3; i++) {
		run();
		ck_assert_uint_eq(went(&c), 2 * i);
		now += 100000;
		run();
		ck_assert_uint_eq(went(&c), 2 * i);
		now += 100000;
	}
	rig_client_fini(&c, &engine);
}
END_TEST

static unsigned int drains;

static void on_drained(struct served *q)
{
	(void)q;
	drains++;
}

/* Paused, stopped and removed while it waits. */
START_TEST(test_ends)
{
	struct rig_client c;
	struct data_limit limit;
	uint64_t ticks;

	data_limit_init(&limit, 10, 0, FREQ, now);
	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	c.served.limit = &limit;
	c.served.drained = on_drained;
	stuff(&c, RIG_IOVA, 1);
	run();
	ck_assert_uint_eq(went(&c), 1);
	data_engine_pause(&engine);
	ck_assert(!data_engine_due(&engine, &ticks));
	now += 1000000;
	run();
	ck_assert_uint_eq(went(&c), 1);
	data_engine_resume(&engine);
	ck_assert(data_engine_due(&engine, &ticks));
	ck_assert_uint_eq(ticks, 0);
	run();
	ck_assert_uint_eq(went(&c), 2);
	ck_assert_uint_eq(c.served.state, SERVED_ASIDE);
	drains = 0;
	data_engine_stop(&engine, &c.served);
	ck_assert_uint_eq(drains, 1);
	ck_assert(!data_engine_due(&engine, &ticks));
	now += 1000000;
	run();
	ck_assert_uint_eq(went(&c), 2);
	rig_client_fini(&c, &engine);

	/* gone while it waits */
	data_limit_init(&limit, 10, 0, FREQ, now);
	rig_client_init(&c, &engine, &pair, ENTRIES, RIG_IOVA, 1);
	c.served.limit = &limit;
	stuff(&c, RIG_IOVA, 1);
	run();
	rig_client_fini(&c, &engine);
	ck_assert(!data_engine_due(&engine, &ticks));
	now += 1000000;
	run();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limit");
	TCase *tc = tcase_create("limit");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_rate);
	tcase_add_test(tc, test_burst);
	tcase_add_test(tc, test_debt);
	tcase_add_test(tc, test_threads);
	tcase_add_test(tc, test_commands);
	tcase_add_test(tc, test_bytes);
	tcase_add_test(tc, test_shared);
	tcase_add_test(tc, test_turns);
	tcase_add_test(tc, test_fused);
	tcase_add_test(tc, test_ends);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
