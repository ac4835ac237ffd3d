/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runner - what libcheck does for unit.h, behind libcheck's own header
 *
 * For targets that there is no libcheck for (./configure --without-check). Each test is a process
 * of its own, in a process group of its own, which is killed when its time is up and when it has
 * ended. Prints TAP; takes the parts of a test's fate into account that check.h promises: exit
 * status, signal, time limit.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct entry {
	struct entry *next;
	const TTest *test;
	int signal, status; /* how it has to end */
	int start, end;
};

struct fixture {
	struct fixture *next;
	SFun setup, teardown;
};

struct TCase {
	TCase *next;
	const char *name;
	unsigned int timeout; /* seconds */
	struct fixture *fixtures;
	struct entry *entries;
};

struct Suite {
	const char *name;
	TCase *cases;
};

struct SRunner {
	Suite *suite;
	int run, failed;
};

/* What a test tells the runner; shared with it, and with whatever the test forks. */
struct report {
	const char *file;
	int line;
	char text[1024];
};

static struct report *report;

static void *runner_alloc(size_t size)
{
	void *mem = calloc(1, size);

	if (!mem) {
		perror("runner");
		exit(EXIT_FAILURE);
	}
	return mem;
}

/* Appends to a list, so that tests and fixtures run in the order in which they were added. */
#define APPEND(list, item)                                                                         \
	do {                                                                                       \
		__typeof__(list) *end_ = &(list);                                                  \
		while (*end_)                                                                      \
			end_ = &(*end_)->next;                                                     \
		*end_ = item;                                                                      \
	} while (0)

Suite *suite_create(const char *name)
{
	Suite *suite = runner_alloc(sizeof(*suite));

	suite->name = name;
	return suite;
}

void suite_add_tcase(Suite *suite, TCase *tc)
{
	APPEND(suite->cases, tc);
}

TCase *tcase_create(const char *name)
{
	TCase *tc = runner_alloc(sizeof(*tc));

	tc->name = name;
	tc->timeout = 4;
	return tc;
}

void tcase_set_timeout(TCase *tc, double timeout)
{
	tc->timeout = (unsigned int)timeout;
}

void tcase_add_checked_fixture(TCase *tc, SFun setup, SFun teardown)
{
	struct fixture *f = runner_alloc(sizeof(*f));

	f->setup = setup;
	f->teardown = teardown;
	APPEND(tc->fixtures, f);
}

void _tcase_add_test(TCase *tc, const TTest *test, int sig, int status, int start, int end)
{
	struct entry *e = runner_alloc(sizeof(*e));

	*e = (struct entry){NULL, test, sig, status, start, end};
	APPEND(tc->entries, e);
}

void _mark_point(const char *file, int line)
{
	report->file = file;
	report->line = line;
}

void _ck_assert_failed(const char *file, int line, const char *expr, const char *msg, ...)
{
	va_list ap;

	_mark_point(file, line);
	va_start(ap, msg);
	if (msg)
		vsnprintf(report->text, sizeof(report->text), msg, ap);
	else
		snprintf(report->text, sizeof(report->text), "%s", expr);
	va_end(ap);
	_exit(EXIT_FAILURE);
}

static void teardown(struct fixture *f)
{
	if (!f)
		return;
	/* In the opposite order of the setups. */
	teardown(f->next);
	if (f->teardown)
		f->teardown();
}

static void run_here(TCase *tc, const struct entry *e, int i)
{
	setpgid(0, 0);
	for (struct fixture *f = tc->fixtures; f; f = f->next)
		if (f->setup)
			f->setup();
	e->test->fn(i);
	teardown(tc->fixtures);
	exit(EXIT_SUCCESS);
}

static volatile sig_atomic_t time_is_up;
static volatile pid_t child;

static void on_alarm(int sig)
{
	(void)sig;
	time_is_up = 1;
	kill(-child, SIGKILL);
	kill(child, SIGKILL);
}

/* True if it ended as it had to; else the reason is in the report. */
static bool ended_well(const struct entry *e, int status)
{
	if (report->text[0])
		return false;
	if (time_is_up)
		strcpy(report->text, "not done in time");
	else if (WIFSIGNALED(status) && WTERMSIG(status) != e->signal)
		snprintf(report->text, sizeof(report->text), "killed by signal %d",
			 WTERMSIG(status));
	else if (e->signal && !WIFSIGNALED(status))
		snprintf(report->text, sizeof(report->text), "no signal %d came", e->signal);
	else if (WIFEXITED(status) && WEXITSTATUS(status) != e->status)
		snprintf(report->text, sizeof(report->text), "ended with status %d",
			 WEXITSTATUS(status));
	return !report->text[0];
}

static void run_one(SRunner *runner, TCase *tc, const struct entry *e, int i)
{
	int status;

	memset(report, 0, sizeof(*report));
	time_is_up = 0;
	fflush(NULL);
	child = fork();
	if (child < 0) {
		perror("runner: fork");
		exit(EXIT_FAILURE);
	}
	if (!child)
		run_here(tc, e, i);
	alarm(tc->timeout);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	alarm(0);
	kill(-child, SIGKILL);

	runner->run++;
	if (ended_well(e, status)) {
		printf("ok %d - %s:%s:%s: Passed\n", runner->run, e->test->file, tc->name,
		       e->test->name);
		return;
	}
	runner->failed++;
	for (char *p = report->text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	printf("not ok %d - %s:%s:%s: %s:%d: %s (round %d)\n", runner->run, e->test->file, tc->name,
	       e->test->name, report->file ? report->file : "before the first check", report->line,
	       report->text, i);
}

SRunner *srunner_create(Suite *suite)
{
	SRunner *runner = runner_alloc(sizeof(*runner));

	runner->suite = suite;
	return runner;
}

void srunner_set_tap(SRunner *runner, const char *name)
{
	(void)runner;
	if (strcmp(name, "-")) {
		fprintf(stderr, "runner: TAP goes to standard output only\n");
		exit(EXIT_FAILURE);
	}
}

void srunner_run_all(SRunner *runner, enum print_output mode)
{
	struct sigaction action = {.sa_handler = on_alarm};
	int planned = 0;

	(void)mode;
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED || sigaction(SIGALRM, &action, NULL)) {
		perror("runner");
		exit(EXIT_FAILURE);
	}
	for (TCase *tc = runner->suite->cases; tc; tc = tc->next)
		for (struct entry *e = tc->entries; e; e = e->next)
			planned += e->end - e->start;
	printf("1..%d\n", planned);
	for (TCase *tc = runner->suite->cases; tc; tc = tc->next)
		for (struct entry *e = tc->entries; e; e = e->next)
			for (int i = e->start; i < e->end; i++)
				run_one(runner, tc, e, i);
	fflush(stdout);
}

int srunner_ntests_failed(SRunner *runner)
{
	return runner->failed;
}

void srunner_free(SRunner *runner)
{
	TCase *tc, *next_tc;

	for (tc = runner->suite->cases; tc; tc = next_tc) {
		struct fixture *f, *next_f;
		struct entry *e, *next_e;

		for (f = tc->fixtures; f; f = next_f) {
			next_f = f->next;
			free(f);
		}
		for (e = tc->entries; e; e = next_e) {
			next_e = e->next;
			free(e);
		}
		next_tc = tc->next;
		free(tc);
	}
	free(runner->suite);
	free(runner);
	munmap(report, sizeof(*report));
}
