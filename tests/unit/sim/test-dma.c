/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of client memory: against a plain list with random ranges, and with lost pages. */
#include "config.h"

#include "unit.h"

#include "dma.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE   4096ull
#define SLOTS  64
#define ROUNDS 5000

static struct dma d;
static int fd;

static void setup(void)
{
	dma_init(&d);
	fd = memfd_create("dma", 0);
	ck_assert_int_eq(ftruncate(fd, SLOTS * PAGE), 0);
}

static void teardown(void)
{
	dma_fini(&d);
	close(fd);
}

static int add(uint64_t iova, uint64_t size, uint64_t off, uint32_t flags)
{
	return dma_add(&d, iova, size, off, flags, dup(fd));
}

/* The first page where table and list differ. An assertion a page would take most of the time. */
static int first_wrong(const int *owner)
{
	for (int i = 0; i < SLOTS; i++) {
		size_t part = PAGE;
		void *p = dma_ptr(&d, 0x10000 + i * PAGE, &part, true);

		if ((p != NULL) != (owner[i] != 0) ||
		    dma_covered(&d, 0x10000 + i * PAGE, PAGE, false) != (p != NULL))
			return i;
	}
	return -1;
}

START_TEST(test_random)
{
	/* owner[i]: which range covers page i, plus one; first page and length by range. */
	int owner[SLOTS] = {0};
	unsigned int first[SLOTS], len[SLOTS], live = 0;

	srand(7);
	for (int round = 0; round < ROUNDS; round++) {
		unsigned int at = rand() % SLOTS, n = rand() % 8 + 1;
		bool free = true, same = false;
		unsigned int gen = d.gen;
		int err;

		if (at + n > SLOTS)
			n = SLOTS - at;
		for (unsigned int i = at; i < at + n; i++)
			free = free && !owner[i];
		if (owner[at])
			same = first[owner[at] - 1] == at && len[owner[at] - 1] == n;
		if (rand() & 1) {
			err = add(0x10000 + at * PAGE, n * PAGE, at * PAGE, 3);
			ck_assert_int_eq(err, free || same ? 0 : -EINVAL);
			if (free) {
				first[at] = at;
				len[at] = n;
				for (unsigned int i = at; i < at + n; i++)
					owner[i] = at + 1;
				live++;
			}
			ck_assert(free == (gen != d.gen));
		} else {
			err = dma_remove(&d, 0x10000 + at * PAGE, n * PAGE);
			ck_assert_int_eq(err, same ? 0 : -ENOENT);
			if (same) {
				for (unsigned int i = at; i < at + n; i++)
					owner[i] = 0;
				live--;
			}
			ck_assert(same == (gen != d.gen));
		}
		ck_assert_uint_eq(d.n, live);
		ck_assert_int_eq(first_wrong(owner), -1);
	}
}
END_TEST

START_TEST(test_across_ranges)
{
	uint8_t buf[3 * PAGE], back[3 * PAGE];

	ck_assert_int_eq(add(0x10000, PAGE, 0, 3), 0);
	ck_assert_int_eq(add(0x11000, 2 * PAGE, PAGE, 3), 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = i * 13 + (i >> 8);
	ck_assert_int_eq(dma_write(&d, 0x10010, buf, 2 * PAGE), 0);
	ck_assert_int_eq(pread(fd, back, 2 * PAGE, 0x10), 2 * PAGE);
	ck_assert_int_eq(memcmp(buf, back, 2 * PAGE), 0);
	ck_assert_int_eq(dma_read(&d, 0x10010, back, 2 * PAGE), 0);
	ck_assert_int_eq(memcmp(buf, back, 2 * PAGE), 0);
	ck_assert(dma_covered(&d, 0x10000, 3 * PAGE, true));
	ck_assert(!dma_covered(&d, 0x10000, 3 * PAGE + 1, true));
	ck_assert(!dma_covered(&d, 0xffff, 2, true));
	ck_assert_int_eq(dma_read(&d, 0x12ff0, back, 32), -EFAULT);
	ck_assert_int_eq(dma_read(&d, UINT64_MAX - 3, back, 8), -EFAULT);
	ck_assert_int_eq(dma_remove(&d, 0x11000, 2 * PAGE), 0);
	ck_assert_int_eq(add(0x12000, PAGE, 0, 1), 0);
	ck_assert_int_eq(dma_read(&d, 0x10000, back, 2 * PAGE), -EFAULT); /* a hole */
	ck_assert_int_eq(dma_write(&d, 0x12000, buf, 4), -EFAULT);	  /* read only */
}
END_TEST

START_TEST(test_last_addresses)
{
	size_t len = 8192;

	ck_assert_int_eq(add(UINT64_MAX - 2 * PAGE + 1, 2 * PAGE, 0, 3), 0);
	ck_assert_int_eq(add(0, PAGE, 0, 3), 0);
	ck_assert_ptr_nonnull(dma_ptr(&d, UINT64_MAX - PAGE + 1, &len, true));
	ck_assert_uint_eq(len, PAGE);
	ck_assert(dma_covered(&d, UINT64_MAX, 1, true));
	ck_assert_int_eq(add(UINT64_MAX, 2, 0, 3), -EINVAL);
	ck_assert_int_eq(dma_add(&d, 0x10000, UINT64_MAX, 0, 3, -1), -EINVAL);
}
END_TEST

START_TEST(test_lost_pages)
{
	uint8_t buf[64];

	ck_assert_int_eq(add(0x10000, 4 * PAGE, 0, 3), 0);
	ck_assert_int_eq(dma_read(&d, 0x10000, buf, 64), 0);
	ck_assert_int_eq(ftruncate(fd, PAGE), 0);
	ck_assert_int_eq(dma_read(&d, 0x10000, buf, 64), 0);
	memset(buf, 0xaa, 64);
	ck_assert_int_eq(dma_read(&d, 0x11000, buf, 64), -EFAULT);
	ck_assert_uint_eq(d.faults, 1);
	ck_assert_int_eq(dma_write(&d, 0x12000, buf, 64), -EFAULT);
	ck_assert_uint_eq(d.faults, 2);
	ck_assert_int_eq(dma_check(&d), 0); /* told once */
	/* Across the border of what is there. */
	ck_assert_int_eq(dma_write(&d, 0x12fe0, buf, 64), -EFAULT);
}
END_TEST

static int remote_calls;

static int remote_read(void *arg, uint64_t iova, void *buf, size_t len)
{
	remote_calls++;
	memset(buf, iova >> 12, len);
	return iova >= 0x30000 ? -EFAULT : 0;
}

static int remote_write(void *arg, uint64_t iova, const void *buf, size_t len)
{
	remote_calls++;
	return 0;
}

START_TEST(test_remote)
{
	static const struct dma_remote remote = {remote_read, remote_write};
	uint8_t buf[2 * PAGE];
	size_t len = 4;

	ck_assert_int_eq(dma_add(&d, 0x20000, PAGE, 0, 3, -1), 0);
	ck_assert_int_eq(dma_add(&d, 0x30000, PAGE, 0, 3, -1), 0);
	ck_assert_int_eq(add(0x21000, PAGE, 0, 3), 0);
	ck_assert_int_eq(dma_read(&d, 0x20000, buf, 4), -EFAULT); /* nobody to ask */
	d.remote = &remote;
	ck_assert_ptr_null(dma_ptr(&d, 0x20000, &len, false));
	ck_assert_int_eq(dma_read(&d, 0x20000, buf, 2 * PAGE), 0);
	ck_assert_int_eq(remote_calls, 1); /* the mapped page is read here */
	ck_assert_uint_eq(buf[0], 0x20);
	ck_assert_int_eq(dma_write(&d, 0x20ffc, buf, 8), 0);
	ck_assert_int_eq(remote_calls, 2);
	ck_assert_int_eq(dma_read(&d, 0x30000, buf, 4), -EFAULT);
}
END_TEST

START_TEST(test_bad_files)
{
	int pipes[2], before = open("/dev/null", O_RDONLY), after;

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_lt(dma_add(&d, 0x10000, PAGE, 0, 3, dup(pipes[0])), 0);
	ck_assert_int_eq(add(0x10000, PAGE, 100, 3), -EINVAL);
	ck_assert_int_eq(dma_add(&d, 0x10000, PAGE, 0, 3, dup(before)), -EACCES);
	ck_assert_int_eq(dma_add(&d, 0x10000, PAGE, 0, 11, dup(pipes[0])), 0);
	ck_assert_int_eq(dma_read(&d, 0x10000, pipes, 4), -EFAULT);
	dma_remove_all(&d);
	close(before);
	after = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(after, before); /* nothing was left open */
	close(after);
}
END_TEST

UNIT_MAIN("sim-dma", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_random);
	tcase_add_test(tc, test_across_ranges);
	tcase_add_test(tc, test_last_addresses);
	tcase_add_test(tc, test_lost_pages);
	tcase_add_test(tc, test_remote);
	tcase_add_test(tc, test_bad_files);
})
