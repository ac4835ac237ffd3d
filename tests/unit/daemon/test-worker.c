/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include <event2/event.h>
#include <vfn/support.h>

#include "daemon/device/worker.h"

#define JOBS 2000

struct note {
	struct job job;
	int number;
	bool ran, done;
	pthread_t thread;
	struct worker *worker;
	struct note *follower;
};

static struct event_base *base;
static struct note notes[JOBS];
static pthread_t loop_thread;
static int last_run, last_done; /* run: the worker's; done: the loop's */

static struct note *note_of(struct job *job)
{
	return (struct note *)((char *)job - offsetof(struct note, job));
}

static void note_run(struct job *job)
{
	struct note *n = note_of(job);

	ck_assert(!pthread_equal(pthread_self(), loop_thread));
	ck_assert_int_eq(n->number, last_run + 1);
	last_run = n->number;
	n->thread = pthread_self();
	n->ran = true;
	if (n->number % 3 == 0) {
		vfn_error_set("job %d", n->number);
		job_fail(job, -n->number);
	}
}

static void note_done(struct job *job)
{
	struct note *n = note_of(job);

	ck_assert(pthread_equal(pthread_self(), loop_thread));
	ck_assert(n->ran && !n->done);
	ck_assert_int_eq(n->number, last_done + 1);
	last_done = n->number;
	n->done = true;
	if (n->follower)
		worker_post(n->worker, &n->follower->job);
	if (last_done == JOBS)
		event_base_loopbreak(base);
}

static void setup(void)
{
	base = event_base_new();
	loop_thread = pthread_self();
	for (int i = 0; i < JOBS; i++)
		notes[i] = (struct note){.job = {.run = note_run, .done = note_done}, .number = i + 1};
}

static void teardown(void)
{
	event_base_free(base);
	libevent_global_shutdown();
}

static void post(struct worker *w, int from, int to)
{
	for (int i = from; i < to; i++) {
		notes[i].worker = w;
		worker_post(w, &notes[i].job);
	}
}

START_TEST(test_order_and_threads)
{
	struct worker *w;

	ck_assert_int_eq(worker_start(base, "a name that is longer than a thread's", &w), 0);
	post(w, 0, JOBS);
	event_base_dispatch(base);
	ck_assert_int_eq(last_done, JOBS);
	for (int i = 0; i < JOBS; i++) {
		const struct job *job = &notes[i].job;
		char text[32];

		ck_assert(pthread_equal(notes[i].thread, notes[0].thread));
		snprintf(text, sizeof(text), "job %d", i + 1);
		ck_assert_int_eq(job->error, (i + 1) % 3 ? 0 : -(i + 1));
		ck_assert_str_eq(job->text, (i + 1) % 3 ? "" : text);
	}
	worker_stop(w);
}
END_TEST

START_TEST(test_done_may_post)
{
	struct worker *w;

	ck_assert_int_eq(worker_start(base, "chain", &w), 0);
	for (int i = 0; i < JOBS - 1; i++)
		notes[i].follower = &notes[i + 1];
	for (int i = 0; i < JOBS; i++)
		notes[i].worker = w;
	worker_post(w, &notes[0].job);
	event_base_dispatch(base);
	ck_assert_int_eq(last_done, JOBS);
	worker_stop(w);
}
END_TEST

START_TEST(test_stop_runs_what_is_pending)
{
	struct worker *w;

	ck_assert_int_eq(worker_start(base, "stop", &w), 0);
	post(w, 0, JOBS);
	worker_stop(w);
	ck_assert_int_eq(last_run, JOBS);
	ck_assert_int_eq(last_done, JOBS);
	/* And a worker that has nothing to do stops as well. */
	ck_assert_int_eq(worker_start(base, "idle", &w), 0);
	worker_stop(w);
	worker_stop(NULL);
}
END_TEST

/* A job may be used again: what it told before is forgotten. */
START_TEST(test_a_job_is_used_again)
{
	struct worker *w;

	ck_assert_int_eq(worker_start(base, "again", &w), 0);
	notes[0].job.error = -EIO;
	strcpy(notes[0].job.text, "from before");
	post(w, 0, 1);
	worker_stop(w);
	ck_assert_int_eq(notes[0].job.error, 0);
	ck_assert_str_eq(notes[0].job.text, "");
}
END_TEST

static int signals_on_worker;

static void signal_run(struct job *job)
{
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	signals_on_worker = !sigismember(&set, SIGTERM) || !sigismember(&set, SIGUSR2);
}

static void signal_done(struct job *job)
{
}

/* A signal taken by the worker would be lost for the loop's epoll_wait(2). */
START_TEST(test_signals_are_the_loops)
{
	struct job job = {.run = signal_run, .done = signal_done};
	sigset_t before, after;
	struct worker *w;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	ck_assert_int_eq(worker_start(base, "signals", &w), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	ck_assert_int_eq(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
	worker_post(w, &job);
	worker_stop(w);
	ck_assert_int_eq(signals_on_worker, 0);
}
END_TEST

START_TEST(test_several_workers)
{
	struct worker *w[4];
	struct job job[4][50];

	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(worker_start(base, "several", &w[i]), 0);
		for (int k = 0; k < 50; k++)
			job[i][k] = (struct job){.run = signal_done, .done = signal_done};
	}
	for (int k = 0; k < 50; k++)
		for (int i = 0; i < 4; i++)
			worker_post(w[i], &job[i][k]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	for (int i = 0; i < 4; i++)
		worker_stop(w[i]);
}
END_TEST

START_TEST(test_job_fail_always_says_something)
{
	struct job job = {.error = 0};

	vfn_error_set("%s", "");
	job_fail(&job, -ENOENT);
	ck_assert_int_eq(job.error, -ENOENT);
	ck_assert_str_eq(job.text, strerror(ENOENT));
	/* Not even a failure without a code passes for none. */
	job_fail(&job, 0);
	ck_assert_int_eq(job.error, -EIO);
}
END_TEST

UNIT_MAIN("worker", tcase_add_checked_fixture(tc, setup, teardown);
	  tcase_add_test(tc, test_order_and_threads); tcase_add_test(tc, test_done_may_post);
	  tcase_add_test(tc, test_stop_runs_what_is_pending);
	  tcase_add_test(tc, test_a_job_is_used_again);
	  tcase_add_test(tc, test_signals_are_the_loops); tcase_add_test(tc, test_several_workers);
	  tcase_add_test(tc, test_job_fail_always_says_something))
