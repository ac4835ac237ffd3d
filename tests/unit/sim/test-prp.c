/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PRP walker: every alignment and length up to 1 MiB, chained lists, and what must be refused.
 */
#include "config.h"

#include "unit.h"

#include "prp.h"

#include <linux/types.h>
#include <nvme/types.h>
#include <sys/mman.h>

#define BASE  0x100000ull
#define LISTS 0x10000ull
#define MOST  (1u << 20)

static struct dma d;
static uint64_t *lists;
static struct prp_seg segs[300];
static unsigned int n;

static void setup(void)
{
	int fd = memfd_create("lists", 0);

	dma_init(&d);
	ck_assert_int_eq(ftruncate(fd, LISTS), 0);
	lists = mmap(NULL, LISTS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_int_eq(dma_add(&d, LISTS, LISTS, 0, 1, fd), 0);
}

static void teardown(void)
{
	munmap(lists, LISTS);
	dma_fini(&d);
}

/* The i-th page of the data: each second one elsewhere, so that neighbours are not joined. */
static uint64_t data_page(unsigned int i, size_t page)
{
	return BASE + (i & 1 ? 0x10000000ull : 0) + (uint64_t)i * page;
}

/*
 * Writes the list of pages 1 to `pages` - 1 at byte `at` of the list area, in chained pages of
 * `page` bytes; returns its address.
 */
static uint64_t make_list(size_t page, unsigned int pages, size_t at)
{
	uint64_t begin = LISTS + at;

	for (unsigned int i = 1; i < pages; i++) {
		bool last_in_page = (at + 8) % page == 0;

		if (last_in_page && i + 1 < pages) {
			lists[at / 8] = LISTS + at + 8;
			at += 8;
		}
		lists[at / 8] = data_page(i, page);
		at += 8;
	}
	return begin;
}

static void check(size_t page, unsigned int off, size_t len, size_t list_at)
{
	unsigned int pages = (off + len + page - 1) / page;
	uint64_t prp2 = 0, left = len;

	if (pages == 2)
		prp2 = data_page(1, page);
	else if (pages > 2)
		prp2 = make_list(page, pages, list_at);
	ck_assert_uint_eq(prp_walk(&d, page, data_page(0, page) + off, prp2, len, segs, 300, &n),
			  0);
	ck_assert_uint_eq(n, pages);
	for (unsigned int i = 0; i < n; i++) {
		uint64_t room = i ? page : page - off, want = left < room ? left : room;

		if (segs[i].iova != data_page(i, page) + (i ? 0 : off) || segs[i].len != want)
			ck_abort_msg("page %zu, offset %u, length %zu: piece %u", page, off, len,
				     i);
		left -= want;
	}
	ck_assert_uint_eq(left, 0);
}

START_TEST(test_all_shapes)
{
	size_t page = 4096ull << (2 * _i);

	for (size_t len = 512; len <= MOST; len += 512) {
		check(page, 0, len, 0);
		check(page, len % page & ~3u, len, 0);
		check(page, page - 4, len, 8);
	}
	for (unsigned int off = 0; off < page; off += 4)
		check(page, off, 3 * page, 16);
}
END_TEST

/* Lists that begin anywhere in a page, down to its last entry, and run over several. */
START_TEST(test_list_offsets)
{
	for (size_t at = 0; at < 4096; at += 8) {
		check(4096, 0, MOST, at);
		check(4096, 512, 3 * 4096, at);
		check(4096, 4092, 130 * 4096, at);
	}
}
END_TEST

START_TEST(test_joined)
{
	lists[0] = BASE + 4096;
	lists[1] = BASE + 8192;
	lists[2] = BASE + 0x10000;
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, LISTS, 4 * 4096, segs, 300, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(segs[0].len, 3 * 4096);
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE + 512, BASE + 4096, 4096, segs, 300, &n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, 0, 0, segs, 300, &n), 0);
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(test_refused)
{
	const uint16_t offset = NVME_SC_PRP_INVALID_OFFSET | NVME_SC_DNR;
	const uint16_t transfer = NVME_SC_DATA_XFER_ERROR | NVME_SC_DNR;

	ck_assert_uint_eq(prp_walk(&d, 4096, BASE + 1, 0, 512, segs, 300, &n), offset);
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE + 2, 0, 512, segs, 300, &n), offset);
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, BASE + 4, 8192, segs, 300, &n), offset);
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, LISTS + 4, 12288, segs, 300, &n), offset);
	make_list(4096, 3, 0);
	lists[1] |= 4;
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, LISTS, 12288, segs, 300, &n), offset);
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, 0x5000, 12288, segs, 300, &n), transfer);
	/* The list of a list. */
	make_list(4096, 600, 0);
	lists[511] = LISTS + 4096 + 8;
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, LISTS, 600 * 4096, segs, 300, &n),
			  NVME_SC_INTERNAL);
	make_list(4096, 100, 4096 - 8);
	lists[511] = 0x5000;
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, LISTS + 4088, 100 * 4096, segs, 300, &n),
			  transfer);
	lists[511] = LISTS + 4096 + 8;
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, LISTS + 4088, 100 * 4096, segs, 300, &n),
			  offset);
	/* A list that names itself ends with the length. */
	for (unsigned int i = 0; i < 512; i++)
		lists[i] = i == 511 ? LISTS : BASE + (i & 1) * 8192;
	ck_assert_uint_eq(prp_walk(&d, 4096, BASE, LISTS, 250 * 4096, segs, 300, &n), 0);
}
END_TEST

UNIT_MAIN("sim-prp", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_all_shapes, 0, 3);
	tcase_add_test(tc, test_list_offsets);
	tcase_add_test(tc, test_joined);
	tcase_add_test(tc, test_refused);
})
