/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sessions and queues have counted, and percentiles of latencies. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "canned-tally.h"
#include "fake.h"
#include "vfn/client.h"

static struct fake fake;
static struct vfnc *conn;

static void begin(bool (*hook)(struct fake *f, const Vfnd__Request *req))
{
	ck_assert_int_eq(vfnc_connect_fd(fake_start(&fake, hook), &conn), 0);
}

static void end(void)
{
	vfnc_disconnect(conn);
	fake_stop(&fake);
}

static void add(struct vfnc_tally *to, const struct vfnc_tally *row)
{
	to->submitted += row->submitted;
	to->completed += row->completed;
	to->failed += row->failed;
	to->refused += row->refused;
	to->outstanding += row->outstanding;
	to->bytes_read += row->bytes_read;
	to->bytes_written += row->bytes_written;
	to->latency.count += row->latency.count;
	to->latency.sum_ns += row->latency.sum_ns;
}

static void same(const struct vfnc_tally *a, const struct vfnc_tally *b)
{
	ck_assert_uint_eq(a->submitted, b->submitted);
	ck_assert_uint_eq(a->completed, b->completed);
	ck_assert_uint_eq(a->failed, b->failed);
	ck_assert_uint_eq(a->refused, b->refused);
	ck_assert_uint_eq(a->outstanding, b->outstanding);
	ck_assert_uint_eq(a->bytes_read, b->bytes_read);
	ck_assert_uint_eq(a->bytes_written, b->bytes_written);
	ck_assert_uint_eq(a->latency.count, b->latency.count);
	ck_assert_uint_eq(a->latency.sum_ns, b->latency.sum_ns);
}

START_TEST(test_device)
{
	struct vfnc_tally *t;

	begin(NULL);
	ck_assert_int_eq(vfnc_tallies(conn, NULL, NULL, &t), 1);
	ck_assert_int_eq(t->kind, VFNC_TALLY_DEVICE);
	ck_assert_uint_eq(t->completed, 1000);
	ck_assert_uint_eq(t->outstanding, 10);
	ck_assert_uint_eq(t->sessions, 2);
	ck_assert_uint_eq(t->queues, 3);
	ck_assert_uint_eq(t->interrupts, 77);
	ck_assert_uint_eq(t->events, 4);
	ck_assert_uint_eq(t->resets, 1);
	ck_assert_uint_eq(t->buffer_bytes, 8192);
	ck_assert_uint_eq(t->refused_prp, 2);
	ck_assert_uint_eq(t->n_errors, 2);
	ck_assert_uint_eq(t->errors[0].status, 0x80);
	ck_assert_uint_eq(t->errors[0].count, 2);
	ck_assert_uint_eq(t->errors[1].status, 0x281);
	ck_assert_uint_eq(t->errors[1].count, 1);
	ck_assert_uint_eq(t->latency.count, 0);
	ck_assert_uint_eq(t->latency.n_buckets, 0);
	ck_assert_str_eq(t->program, "");
	free(t);
	ck_assert_int_eq(vfnc_tallies(conn, FAKE_ADDRESS, NULL, &t), 1);
	free(t);
	ck_assert_int_eq(vfnc_tallies(conn, "nope", NULL, &t), -ENODEV);
	ck_assert_ptr_null(t);
	ck_assert_ptr_nonnull(strstr(vfnc_error(conn), "no such device"));
	end();
}
END_TEST

/* Of both answers, in their order; what belongs together adds up. */
START_TEST(test_rows)
{
	struct vfnc_tally_opts opts = {.sessions = true, .queues = true, .latency = true};
	struct vfnc_tally sessions = {0}, queues = {0}, *t;
	int n;

	begin(NULL);
	n = vfnc_tallies(conn, NULL, &opts, &t);
	ck_assert_int_eq(n, 11);
	for (int i = 1; i < n; i++) {
		if (t[i].kind == VFNC_TALLY_ENDED || t[i].kind == VFNC_TALLY_SESSION)
			add(&sessions, &t[i]);
		if (t[i].kind != VFNC_TALLY_SESSION)
			add(&queues, &t[i]);
	}
	same(&t[0], &queues);
	/* two commands failed a check: that they took no time is not among the latencies */
	ck_assert_uint_eq(t[0].latency.count, t[0].completed - t[0].refused);
	ck_assert_uint_eq(sessions.completed, t[0].completed);
	ck_assert_int_eq(t[2].kind, VFNC_TALLY_SESSION);
	ck_assert_uint_eq(t[2].session, 7);
	ck_assert_uint_eq(t[2].pid, 1234);
	ck_assert_uint_eq(t[2].uid, 1000);
	ck_assert_str_eq(t[2].program, "load \"a\\b\"");
	ck_assert_uint_eq(t[2].requests, 42);
	ck_assert_uint_eq(t[2].requests_refused, 1);
	ck_assert_uint_eq(t[3].queue, 3);
	ck_assert_uint_eq(t[3].qid, 67);
	ck_assert_uint_eq(t[3].pair, 3);
	ck_assert_uint_eq(t[3].entries, 128);
	ck_assert_int_eq(t[3].mode, VFNC_QUEUE_SERVED);
	ck_assert_uint_eq(t[3].latency.n_buckets, 4);
	ck_assert_uint_eq(t[3].latency.buckets[2].bound_ns, 100000);
	ck_assert_uint_eq(t[3].latency.buckets[2].count, 80);
	ck_assert_uint_eq(t[3].latency.max_ns, 995000);
	ck_assert_int_eq(t[8].mode, VFNC_QUEUE_DIRECT);
	ck_assert_int_eq(t[10].kind, VFNC_TALLY_DELETED);
	free(t);
	opts = (struct vfnc_tally_opts){.queues = true, .session = 7, .queue = 2};
	ck_assert_int_eq(vfnc_tallies(conn, NULL, &opts, &t), 1);
	ck_assert_uint_eq(t->queue, 2);
	free(t);
	end();
}
END_TEST

static int bad;

static bool bad_hook(struct fake *f, const Vfnd__Request *req)
{
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	Vfnd__TallyAnswer a;

	if (req->op_case != VFND__REQUEST__OP_TALLY)
		return false;
	canned_tally(req->tally, &a);
	switch (bad) {
	case 0: /* the same place again and again */
		a.next_opening = 5;
		a.next_row = 3;
		break;
	case 1: /* upwards */
		a.next_opening = req->tally->next_opening + 1;
		break;
	case 2:
		a.rows[0]->latency->n_count--;
		break;
	default:
		a.rows[0]->latency->bound_ns[1] = a.rows[0]->latency->bound_ns[0];
		break;
	}
	answer.id = req->id;
	answer.body_case = VFND__ANSWER__BODY_TALLY;
	answer.tally = &a;
	fake_send(f, &answer, NULL);
	return true;
}

START_TEST(test_bad)
{
	struct vfnc_tally_opts opts = {.latency = true};
	struct vfnc_tally *t;

	bad = _i;
	begin(bad_hook);
	ck_assert_int_eq(vfnc_tallies(conn, NULL, &opts, &t), -EPROTO);
	ck_assert_ptr_null(t);
	ck_assert_int_eq(vfnc_tallies(conn, NULL, NULL, &t), -EPROTO);
	end();
}
END_TEST

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define SAMPLES 10000

/* Against the samples themselves, sorted, with buckets a 32nd wide. */
START_TEST(test_percentile)
{
	static const double percents[] = {0, 0.01, 1, 25, 50, 90, 99, 99.9, 99.99, 100};
	static struct vfnc_latency_bucket buckets[SAMPLES];
	static uint64_t samples[SAMPLES];
	struct vfnc_latency l = {.buckets = buckets};

	ck_assert_uint_eq(vfnc_latency_percentile(&l, 50), 0);
	srandom(5);
	for (unsigned int i = 0; i < SAMPLES; i++)
		samples[i] = 1000 + ((uint64_t)random() >> (random() % 24));
	qsort(samples, SAMPLES, sizeof(samples[0]), compare);
	for (unsigned int i = 0; i < SAMPLES; i++) {
		uint64_t width = (1ull << (63 - __builtin_clzll(samples[i]))) / 32;
		uint64_t bound = samples[i] / width * width + width - 1;

		if (!l.n_buckets || buckets[l.n_buckets - 1].bound_ns != bound)
			buckets[l.n_buckets++].bound_ns = bound;
		buckets[l.n_buckets - 1].count++;
		l.count++;
		l.sum_ns += samples[i];
	}
	l.max_ns = samples[SAMPLES - 1];
	for (unsigned int i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		double want = percents[i] * SAMPLES / 100;
		unsigned int rank = (unsigned int)want;
		uint64_t found = vfnc_latency_percentile(&l, percents[i]), exact;

		rank += rank < want || !rank;
		exact = samples[rank - 1];
		ck_assert_uint_ge(found, exact);
		ck_assert_uint_le(found - exact, exact / 32);
	}
	ck_assert_uint_eq(vfnc_latency_percentile(&l, 100), l.max_ns);
}
END_TEST

UNIT_MAIN("stats", {
	tcase_add_test(tc, test_device);
	tcase_add_test(tc, test_rows);
	tcase_add_loop_test(tc, test_bad, 0, 4);
	tcase_add_test(tc, test_percentile);
})
