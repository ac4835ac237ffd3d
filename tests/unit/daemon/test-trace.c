/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rings of traces: filters, numbers of what was overwritten, and a reader while they are written. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vfn/support.h>

#include "daemon/data/trace.h"
#include "rig-data.h"

#define PAGE	4096u
#define ENTRIES TRACE_MIN_ENTRIES

static struct trace trace;
static struct trace_list list;
static int user, other;
static const struct trace_owner owner = {.session = 7, .user = &user};

static void setup(void)
{
	memset(&trace, 0, sizeof(trace));
	trace_init(&trace, calloc(1, trace_size(ENTRIES, PAGE)), ENTRIES, PAGE);
	list = (struct trace_list){0};
	ck_assert_int_eq(trace_list_add(&list, &trace), 0);
}

static void teardown(void)
{
	free(trace.control);
}

static struct trace_entry entry(uint8_t opcode, uint16_t qid, uint16_t status)
{
	struct trace_entry e = {.qid = htole16(qid), .status = htole16(status)};

	e.sqe[0] = opcode;
	return e;
}

static const struct trace_entry *at(enum trace_lane lane, uint64_t n)
{
	return (const struct trace_entry *)trace.entries + lane * ENTRIES + n % ENTRIES;
}

static uint64_t count(enum trace_lane lane)
{
	return le64toh(trace.control->head[lane].count);
}

/* Whether the filter lets the entry through. */
static bool passes(const struct trace_owner *o, const struct trace_entry *e)
{
	uint64_t before = count(TRACE_LANE_LOOP);
	uint16_t qid = le16toh(e->qid), number = le16toh(e->number_of_queue);
	bool wanted = trace_wants(&list, o, qid, number, e->sqe[0]), put;

	trace_put(&list, TRACE_LANE_LOOP, o, e, 0);
	put = count(TRACE_LANE_LOOP) != before;
	/* Asked before its status is known, it may be wanted in vain, but is never missed. */
	ck_assert(wanted || !put);
	return put;
}

START_TEST(test_layout)
{
	ck_assert_uint_eq(le32toh(trace.control->magic), TRACE_MAGIC);
	ck_assert_uint_eq(le32toh(trace.control->version), 1);
	ck_assert_uint_eq(le32toh(trace.control->entry_size), 128);
	ck_assert_uint_eq(le32toh(trace.control->entries), ENTRIES);
	ck_assert_uint_eq(le32toh(trace.control->lanes), 2);
	ck_assert_uint_eq(le64toh(trace.control->offset), PAGE);
	ck_assert_uint_eq(trace_size(ENTRIES, PAGE), PAGE + 2 * 128 * ENTRIES);
	ck_assert_uint_eq(trace.control->ended, 0);
	trace_end(&trace, ENODEV);
	ck_assert_uint_eq(le32toh(trace.control->ended), ENODEV);
}
END_TEST

START_TEST(test_entry)
{
	struct trace_entry e = entry(2, 3, 0x281);
	uint64_t ticks = get_ticks();
	struct timespec ts;
	uint64_t now;

	e.result = htole64(0x1122334455667788);
	e.sqe[63] = 0xa5;
	trace_put(&list, TRACE_LANE_SERVED, &owner, &e, ticks);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	ck_assert_uint_eq(count(TRACE_LANE_LOOP), 0);
	ck_assert_uint_eq(count(TRACE_LANE_SERVED), 1);
	ck_assert_uint_eq(le64toh(at(TRACE_LANE_SERVED, 0)->number), 1);
	ck_assert_uint_eq(le64toh(at(TRACE_LANE_SERVED, 0)->session), 7);
	ck_assert_uint_eq(le64toh(at(TRACE_LANE_SERVED, 0)->result), 0x1122334455667788);
	ck_assert_uint_eq(at(TRACE_LANE_SERVED, 0)->sqe[63], 0xa5);
	ck_assert_uint_le(le64toh(at(TRACE_LANE_SERVED, 0)->completed), now);
	ck_assert_uint_gt(le64toh(at(TRACE_LANE_SERVED, 0)->submitted), 0);
	ck_assert_uint_le(le64toh(at(TRACE_LANE_SERVED, 0)->submitted),
			  le64toh(at(TRACE_LANE_SERVED, 0)->completed));
	/* one that was not sent, and one of long ago */
	trace_put(&list, TRACE_LANE_SERVED, &owner, &e, 0);
	ck_assert_uint_eq(at(TRACE_LANE_SERVED, 1)->submitted, 0);
	trace_put(&list, TRACE_LANE_SERVED, &owner, &e, ticks - __vfn_ticks_freq);
	ck_assert_uint_ge(le64toh(at(TRACE_LANE_SERVED, 2)->completed) -
				  le64toh(at(TRACE_LANE_SERVED, 2)->submitted), 1000000000u);
	/* a clock that is ahead of ours */
	trace_put(&list, TRACE_LANE_SERVED, &owner, &e, get_ticks() + __vfn_ticks_freq);
	ck_assert_uint_eq(at(TRACE_LANE_SERVED, 3)->submitted, at(TRACE_LANE_SERVED, 3)->completed);
}
END_TEST

START_TEST(test_overwritten)
{
	struct trace_entry e = entry(2, 1, 0);

	for (unsigned int i = 0; i < 3 * ENTRIES + 5; i++) {
		e.length = htole64(i);
		trace_put(&list, TRACE_LANE_LOOP, &owner, &e, 0);
	}
	ck_assert_uint_eq(count(TRACE_LANE_LOOP), 3 * ENTRIES + 5);
	for (unsigned int i = 2 * ENTRIES + 5; i < 3 * ENTRIES + 5; i++) {
		ck_assert_uint_eq(le64toh(at(TRACE_LANE_LOOP, i)->number), i + 1);
		ck_assert_uint_eq(le64toh(at(TRACE_LANE_LOOP, i)->length), i);
	}
	/* the other lane begins behind this one */
	ck_assert_uint_eq(at(TRACE_LANE_SERVED, 0)->number, 0);
}
END_TEST

START_TEST(test_filter_owner)
{
	const struct trace_owner same = {.session = 8, .user = &user}, stranger = {.session = 9, .user = &other},
				 self = {0};
	struct trace_entry e = entry(2, 1, 0);

	ck_assert(passes(&owner, &e) && passes(&stranger, &e) && passes(&self, &e));
	trace.filter.user = &user;
	ck_assert(passes(&owner, &e) && passes(&same, &e));
	ck_assert(!passes(&stranger, &e) && !passes(&self, &e));
	trace.filter.session = 7;
	ck_assert(passes(&owner, &e) && !passes(&same, &e));
	trace.filter.user = NULL;
	ck_assert(passes(&owner, &e) && !passes(&stranger, &e) && !passes(&self, &e));
}
END_TEST

START_TEST(test_filter_command)
{
	struct trace_entry read = entry(2, 1, 0), write = entry(1, 2, 0), admin = entry(2, 0, 0);
	struct trace_entry served = entry(2, 3, 0);

	trace.filter.opcodes_set = true;
	trace.filter.opcodes[0] = 1u << 2;
	trace.filter.opcodes[3] = UINT64_C(1) << 63;
	ck_assert(passes(&owner, &read) && !passes(&owner, &write) && passes(&owner, &admin));
	read.sqe[0] = 0xff;
	ck_assert(passes(&owner, &read));
	trace.filter.opcodes_set = false;
	trace.filter.no_admin = true;
	ck_assert(passes(&owner, &write) && !passes(&owner, &admin));
	trace.filter.no_admin = false;
	trace.filter.no_io = true;
	ck_assert(!passes(&owner, &write) && passes(&owner, &admin));
	trace.filter.no_io = false;
	trace.filter.qid_set = true;
	trace.filter.qid = 300;
	served.number_of_queue = htole16(300);
	ck_assert(!passes(&owner, &write) && !passes(&owner, &admin) && passes(&owner, &served));
	trace.filter.qid = 0;
	ck_assert(!passes(&owner, &write) && passes(&owner, &admin) && !passes(&owner, &served));
}
END_TEST

START_TEST(test_filter_status)
{
	struct trace_entry good = entry(2, 1, 0), bad = entry(2, 1, 0x4281), gone = entry(2, 1, 0),
			   refused = entry(2, 1, 0x4004), no = entry(2, 1, 0);

	gone.error = htole32(ECANCELED);
	refused.flags = htole16(TRACE_REFUSED);
	no.flags = htole16(TRACE_REFUSED);
	trace.filter.failed = true;
	ck_assert(!passes(&owner, &good) && passes(&owner, &bad) && passes(&owner, &gone));
	ck_assert(passes(&owner, &refused) && passes(&owner, &no));
	trace.filter.failed = false;
	trace.filter.nstatuses = 2;
	trace.filter.statuses[0] = 0x281;
	trace.filter.statuses[1] = 0;
	ck_assert(passes(&owner, &good) && passes(&owner, &bad)); /* Do Not Retry does not count */
	ck_assert(!passes(&owner, &gone) && !passes(&owner, &refused));
}
END_TEST

START_TEST(test_list)
{
	struct trace more[TRACE_LIST_MAX];
	struct trace_entry e = entry(2, 1, 0);

	for (unsigned int i = 0; i < TRACE_LIST_MAX; i++) {
		memset(&more[i], 0, sizeof(more[i]));
		trace_init(&more[i], calloc(1, trace_size(ENTRIES, PAGE)), ENTRIES, PAGE);
	}
	for (unsigned int i = 1; i < TRACE_LIST_MAX; i++)
		ck_assert_int_eq(trace_list_add(&list, &more[i]), 0);
	ck_assert_int_eq(trace_list_add(&list, &more[0]), -ENOSPC);
	more[3].filter.session = 8;
	trace_put(&list, TRACE_LANE_LOOP, &owner, &e, 0);
	trace_list_remove(&list, &trace);
	trace_list_remove(&list, &trace);
	ck_assert_uint_eq(list.n, TRACE_LIST_MAX - 1);
	trace_put(&list, TRACE_LANE_LOOP, &owner, &e, 0);
	ck_assert_uint_eq(count(TRACE_LANE_LOOP), 1);
	for (unsigned int i = 1; i < TRACE_LIST_MAX; i++) {
		ck_assert_uint_eq(le64toh(more[i].control->head[0].count), i == 3 ? 0 : 2);
		trace_list_remove(&list, &more[i]);
	}
	ck_assert(!trace_wants(&list, &owner, 1, 0, 2));
	for (unsigned int i = 0; i < TRACE_LIST_MAX; i++)
		free(more[i].control);
}
END_TEST

/* ---- served queues ----------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The last of two reads, of which the filter lets one through: as it was sent, when it was sent. */
START_TEST(test_served)
{
	static struct data_engine engine;
	static struct rig_pair pair;
	static struct rig_client c;
	const struct timespec pause = {.tv_nsec = 200000000};
	const struct trace_entry *e = at(TRACE_LANE_SERVED, 0);
	union nvme_cmd read = rig_read(0x77, 5, 1, RIG_IOVA), write = rig_read(0x78, 6, 2, RIG_IOVA);
	uint64_t before, sent;

	write.rw.opcode = 1;
	trace.filter.opcodes_set = true;
	trace.filter.opcodes[0] = 1 << 2;
	memset(&engine, 0, sizeof(engine));
	rig_rules(&engine.rules);
	rig_pair_init(&pair, 16);
	ck_assert_int_eq(data_engine_add_pair(&engine, &pair.pair), 0);
	ck_assert_int_eq(trace_list_add(&engine.traces, &trace), 0);
	rig_client_init(&c, &engine, &pair, 8, RIG_IOVA, 4);
	rig_push(&c, &write);
	rig_push(&c, &read);
	if (rig_ring(&c))
		data_engine_kick(&engine, &c.served);
	before = now_ns();
	data_engine_round(&engine);
	sent = now_ns();
	rig_fetch(&pair);
	ck_assert_uint_eq(pair.ntaken, 2);
	read = pair.taken[1];
	nanosleep(&pause, NULL);
	rig_complete(&pair, 0, 0);
	rig_complete(&pair, 0, 0x281);
	data_engine_round(&engine);
	ck_assert_uint_eq(count(TRACE_LANE_SERVED), 1);
	ck_assert_uint_eq(count(TRACE_LANE_LOOP), 0);
	ck_assert_uint_eq(le16toh(e->cid), 0x77);
	ck_assert_uint_eq(le16toh(e->status), 0x281);
	ck_assert_uint_eq(le64toh(e->length), 512);
	ck_assert_mem_eq(e->sqe, &read, sizeof(read));
	/* Who is interrupted between two looks at clocks has them apart. */
	ck_assert_uint_ge(le64toh(e->submitted) + 100000000, before);
	ck_assert_uint_le(le64toh(e->submitted), sent + 100000000);
	ck_assert_uint_ge(le64toh(e->completed), sent + 200000000);
	rig_client_fini(&c, &engine);
	trace_list_remove(&engine.traces, &trace);
	data_engine_remove_pair(&engine, &pair.pair);
	data_engine_clear(&engine);
	rig_pair_fini(&pair);
}
END_TEST

/* ---- threads ----------------------------------------------------------------------------- */

#define ROUNDS 200000u

static atomic_uint running;

/* Every word of an entry says of which number it is, and of which lane. */
static void *writer(void *arg)
{
	enum trace_lane lane = *(enum trace_lane *)arg;
	struct trace_entry e = {0};

	for (uint64_t i = 1; i <= ROUNDS; i++) {
		e.length = htole64(i);
		e.result = htole64(i << 1 | lane);
		memcpy(e.sqe, &(uint64_t){i}, 8);
		memcpy(e.sqe + 56, &(uint64_t){i}, 8);
		trace_put(&list, lane, &owner, &e, 0);
	}
	running--;
	return NULL;
}

/* As the client library reads. 1: it was the entry of this number; 0: it is overwritten. */
static int copy(enum trace_lane lane, uint64_t number, uint64_t words[16])
{
	const uint64_t *from = (const uint64_t *)at(lane, number - 1);

	if (le64toh(__atomic_load_n(&from[0], __ATOMIC_ACQUIRE)) != number)
		return 0;
	for (unsigned int i = 1; i < 16; i++)
		words[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
	return le64toh(__atomic_load_n(&from[0], __ATOMIC_RELAXED)) == number;
}

START_TEST(test_threads)
{
	static enum trace_lane lanes[] = {TRACE_LANE_LOOP, TRACE_LANE_SERVED};
	uint64_t next[TRACE_LANES] = {0}, read = 0, lost = 0, torn = 0, words[16];
	pthread_t threads[TRACE_LANES];
	bool more = true;

	running = TRACE_LANES;
	for (unsigned int i = 0; i < TRACE_LANES; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, writer, &lanes[i]), 0);
	while (more) {
		more = running > 0;
		for (unsigned int i = 0; i < TRACE_LANES; i++) {
			uint64_t head = le64toh(
				__atomic_load_n(&trace.control->head[i].count, __ATOMIC_ACQUIRE));

			if (head - next[i] > ENTRIES) {
				lost += head - ENTRIES - next[i];
				next[i] = head - ENTRIES;
			}
			for (; next[i] < head; next[i]++) {
				if (!copy(lanes[i], next[i] + 1, words)) {
					lost++;
					continue;
				}
				read++;
				torn += words[4] != next[i] + 1 || words[5] != ((next[i] + 1) << 1 | i) ||
					words[8] != next[i] + 1 || words[15] != next[i] + 1;
			}
		}
	}
	for (unsigned int i = 0; i < TRACE_LANES; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(torn, 0);
	ck_assert_uint_eq(read + lost, TRACE_LANES * (uint64_t)ROUNDS);
	ck_assert_uint_ge(read, ENTRIES);
}
END_TEST

UNIT_MAIN("trace", tcase_add_checked_fixture(tc, setup, teardown); tcase_add_test(tc, test_layout);
	  tcase_add_test(tc, test_entry); tcase_add_test(tc, test_overwritten);
	  tcase_add_test(tc, test_filter_owner); tcase_add_test(tc, test_filter_command);
	  tcase_add_test(tc, test_filter_status); tcase_add_test(tc, test_list);
	  tcase_add_test(tc, test_served);
	  tcase_add_test(tc, test_threads))
