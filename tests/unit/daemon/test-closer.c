/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/closer.h"
#include "proto/fdset.h"

#define LARGE (80 << 20)

static int memory(off_t size)
{
	int fd = memfd_create("closer", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fallocate(fd, 0, 0, size), 0);
	return fd;
}

static bool is_closed(int fd)
{
	return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

static void await(int fd)
{
	for (int i = 0; i < 5000 && (closer_waiting() || !is_closed(fd)); i++)
		poll(NULL, 0, 1);
	ck_assert_uint_eq(closer_waiting(), 0);
	ck_assert(is_closed(fd));
}

/* Until it is told otherwise a set closes at once. */
START_TEST(test_without)
{
	int fd = memory(LARGE);

	fdset_drop_one(fd);
	ck_assert(is_closed(fd));
}
END_TEST

START_TEST(test_small_memory)
{
	int fd = memory(4096);

	closer_init();
	errno = 4711;
	fdset_drop_one(fd);
	ck_assert_int_eq(errno, 4711);
	ck_assert(is_closed(fd));
	ck_assert_uint_eq(closer_waiting(), 0);
}
END_TEST

START_TEST(test_large_memory)
{
	int fd = memory(LARGE);

	closer_init();
	fdset_drop_one(fd);
	await(fd);
}
END_TEST

START_TEST(test_others)
{
	int pair[2];

	closer_init();
	for (int i = 0; i < 100; i++) {
		struct fdset set = FDSET_INIT;

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		ck_assert_int_eq(fdset_add(&set, pair[0]), 0);
		ck_assert_int_eq(fdset_add(&set, pair[1]), 0);
		fdset_drop(&set);
		ck_assert_int_eq(set.n, 0);
	}
	await(pair[1]);
}
END_TEST

UNIT_MAIN("closer", tcase_add_test(tc, test_without); tcase_add_test(tc, test_small_memory);
	  tcase_add_test(tc, test_large_memory); tcase_add_test(tc, test_others))
