/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What buffers are made of: memory of the daemon's, and descriptors that clients bring. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/device/memory.h"
#include "daemon/quota.h"

static uint64_t limits[QUOTA_KINDS];
static struct quota_user *user;
static char text[256];

static void setup(void)
{
	for (int i = 0; i < QUOTA_KINDS; i++)
		limits[i] = 1 << 20;
	user = quota_get(1000, limits);
}

static void teardown(void)
{
	ck_assert_uint_eq(quota_used(user, QUOTA_BUFFER_BYTES), 0);
	quota_put(user);
}

static int client_fd(size_t size, int seals)
{
	int fd = memfd_create("client", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* What is said of `size` bytes at `offset` of the descriptor, which is taken. */
static int check(int fd, uint64_t offset, uint64_t size)
{
	struct memory *m = memory_new(user, size, 0);
	int ret;

	ck_assert_ptr_nonnull(m);
	m->foreign = true;
	m->fd = fd;
	m->offset = offset;
	text[0] = '\0';
	ret = memory_check(m, text, sizeof(text));
	ck_assert_msg((ret < 0) == (*text != 0), "%d: %s", ret, text);
	memory_put(m);
	return ret;
}

START_TEST(test_sizes)
{
	static const struct {
		uint64_t size, page;
		int error;
	} rows[] = {
		{0, 0, EINVAL}, {UINT64_MAX, 0, EINVAL}, {INT64_MAX, 0, EINVAL}, {4096, 3, EINVAL},
		{4096, 6000, EINVAL}, {4096, 1024, EINVAL}, {4096, UINT64_C(1) << 63, EINVAL},
		{(1 << 20) + 1, 0, EDQUOT}, {1, 1 << 21, EDQUOT},
	};
	struct memory *m;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		errno = 0;
		ck_assert_ptr_null(memory_new(user, rows[i].size, rows[i].page));
		ck_assert_msg(errno == rows[i].error, "row %zu: %d", i, errno);
	}
	m = memory_new(user, 4097, 0);
	ck_assert_uint_eq(m->size, 8192);
	ck_assert_uint_eq(quota_used(user, QUOTA_BUFFER_BYTES), 8192);
	ck_assert(!memory_lossy(m));
	ck_assert_int_eq(memory_make(m, text, sizeof(text)), 0);
	ck_assert_int_eq(fcntl(m->fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	/* Charged once, however many have it. */
	memory_ref(m);
	memory_put(m);
	ck_assert_uint_eq(quota_used(user, QUOTA_BUFFER_BYTES), 8192);
	memory_put(m);
}
END_TEST

START_TEST(test_numbers)
{
	struct memory *a = memory_new(user, 1, 0), *b = memory_new(user, 1, 0), *c;

	ck_assert_uint_ne(a->number, b->number);
	memory_number_used(b->number + 100);
	memory_number_used(1);
	c = memory_new(user, 1, 0);
	ck_assert_uint_gt(c->number, b->number + 100);
	memory_put(a);
	memory_put(b);
	memory_put(c);
}
END_TEST

/* The last device that lets go of it empties what the daemon has made, and nothing of a client's. */
START_TEST(test_emptied)
{
	struct memory *m = memory_new(user, 8192, 0);
	struct stat st;
	int fd;

	ck_assert_int_eq(memory_make(m, text, sizeof(text)), 0);
	atomic_store(&m->mapped, 2);
	memory_unmapped(m);
	ck_assert_int_eq(fstat(m->fd, &st), 0);
	ck_assert_int_eq(st.st_blocks, 16);
	memory_unmapped(m);
	ck_assert_int_eq(fstat(m->fd, &st), 0);
	ck_assert_int_eq(st.st_blocks, 0);
	memory_put(m);

	m = memory_new(user, 8192, 0);
	m->foreign = true;
	m->fd = fd = client_fd(8192, F_SEAL_SHRINK | F_SEAL_SEAL);
	ck_assert_int_eq(memory_check(m, text, sizeof(text)), 0);
	atomic_store(&m->mapped, 1);
	memory_unmapped(m);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_blocks, 16);
	memory_put(m);
}
END_TEST

START_TEST(test_seals)
{
	const int good = F_SEAL_SHRINK | F_SEAL_SEAL;
	char path[64];
	int fd;

	ck_assert_int_eq(check(client_fd(8192, good), 0, 8192), 0);
	ck_assert_int_eq(check(client_fd(8192, good | F_SEAL_GROW), 4096, 4096), 0);
	ck_assert_int_eq(check(client_fd(8192, 0), 0, 8192), -EPERM);
	ck_assert_int_eq(check(client_fd(8192, F_SEAL_SHRINK), 0, 8192), -EPERM);
	ck_assert_int_eq(check(client_fd(8192, F_SEAL_SEAL), 0, 8192), -EPERM);
	ck_assert_int_eq(check(client_fd(8192, F_SEAL_SEAL | F_SEAL_GROW), 0, 8192), -EPERM);
	ck_assert_int_eq(check(client_fd(8192, good | F_SEAL_WRITE), 0, 8192), -EPERM);
	ck_assert(strstr(text, "writing"));
	fd = client_fd(8192, good);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ck_assert_int_eq(check(open(path, O_RDONLY | O_CLOEXEC), 0, 8192), -EACCES);
	ck_assert_int_eq(check(open(path, O_PATH | O_CLOEXEC), 0, 8192), -EINVAL);
	ck_assert_int_eq(check(open(path, O_RDWR | O_CLOEXEC), 0, 8192), 0);
	close(fd);
}
END_TEST

START_TEST(test_no_memfd)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(check(fds[0], 0, 4096), -EINVAL);
	ck_assert_int_eq(check(fds[1], 0, 4096), -EINVAL);
	ck_assert_int_eq(check(eventfd(0, EFD_CLOEXEC), 0, 4096), -EINVAL);
	ck_assert_int_eq(check(open("/dev/zero", O_RDWR | O_CLOEXEC), 0, 4096), -EINVAL);
	ck_assert_int_eq(check(open("/", O_RDONLY | O_CLOEXEC), 0, 4096), -EINVAL);
}
END_TEST

START_TEST(test_parts)
{
	static const struct {
		uint64_t offset, size;
		int error;
	} rows[] = {
		{0, 16384, 0}, {4096, 4096, 0}, {12288, 4096, 0}, {0, 20480, EINVAL}, {16384, 4096, EINVAL},
		{12288, 8192, EINVAL}, {100, 4096, EINVAL}, {UINT64_C(1) << 62, 4096, EINVAL},
		{UINT64_MAX & ~UINT64_C(4095), 8192, EINVAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = client_fd(16384, F_SEAL_SHRINK | F_SEAL_SEAL);
		int ret = check(fd, rows[i].offset, rows[i].size);

		ck_assert_msg(ret == -rows[i].error, "row %zu: %d (%s)", i, ret, text);
	}
}
END_TEST

/* No kernel has pages of this size, and none has so many of those that it may have. */
START_TEST(test_huge)
{
	struct memory *m;
	int ret;

	limits[QUOTA_BUFFER_BYTES] = UINT64_MAX;
	m = memory_new(user, 1, 1 << 17);
	ck_assert(memory_lossy(m));
	ck_assert_int_eq(memory_make(m, text, sizeof(text)), -ENOTSUP);
	ck_assert(strstr(text, "128 KiB"));
	memory_put(m);
	m = memory_new(user, UINT64_C(1) << 50, 1 << 21);
	ret = memory_make(m, text, sizeof(text));
	ck_assert_msg((ret == -ENOMEM && strstr(text, "nr_hugepages")) || ret == -ENOTSUP, "%d: %s", ret, text);
	ck_assert_int_eq(m->fd, -1);
	memory_put(m);
}
END_TEST

UNIT_MAIN("memory", tcase_add_checked_fixture(tc, setup, teardown); tcase_add_test(tc, test_sizes);
	  tcase_add_test(tc, test_numbers); tcase_add_test(tc, test_emptied); tcase_add_test(tc, test_seals);
	  tcase_add_test(tc, test_no_memfd); tcase_add_test(tc, test_parts); tcase_add_test(tc, test_huge))
