/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit - what every unit test program shares: one suite, printed as TAP
 *
 *     START_TEST(...) ... END_TEST
 *     UNIT_MAIN("iova", TCASE(t, tcase_add_test(t, test_x); ...))
 */
#ifndef VFND_TESTS_UNIT_H
#define VFND_TESTS_UNIT_H

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/*
 * Executes the test program anew with `option` and `value`, by the command $UNIT_WRAPPER where that
 * is set: an emulator without which the machine cannot run it. Returns only when that fails.
 */
static inline void unit_exec_self(const char *option, const char *value)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return;
	self[n] = '\0';
	execl("/bin/sh", "sh", "-c", "exec $UNIT_WRAPPER \"$@\"", "sh", self, option, value,
	      (char *)NULL);
}

/*
 * Whether a test does its work once more: with $LONG for so many seconds, without it never. The first
 * call finds 0 in `end`.
 */
static inline int unit_again(time_t *end, int seconds)
{
	const char *value = getenv("LONG");

	if (!value || *value != '1')
		return 0;
	if (!*end)
		*end = time(NULL) + seconds;
	return time(NULL) < *end;
}

/* Runs `suite` and returns the program's exit status. TAP goes to stdout. */
static inline int unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A program with one suite of one case; `tests` are tcase_add_...(tc, ...) statements. */
#define UNIT_MAIN(name, tests)                                                                     \
	int main(void)                                                                             \
	{                                                                                          \
		Suite *suite = suite_create(name);                                                 \
		TCase *tc = tcase_create(name);                                                    \
                                                                                                   \
		tcase_set_timeout(tc, 120);                                                        \
		tests;                                                                             \
		suite_add_tcase(suite, tc);                                                        \
		return unit_run(suite);                                                            \
	}

#endif
