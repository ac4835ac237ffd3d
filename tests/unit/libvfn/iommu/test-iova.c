/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IOVA allocator against a map of pages as the reference. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <vfn/support/align.h>
#include "iommu/iova.h"

#define PAGE  0x1000u
#define PAGES 4096u /* the reference knows that many */

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static bool used[PAGES]; /* or never there */

static bool reference_fits(uint64_t page, uint64_t n, uint64_t align)
{
	if (page % align || page + n > PAGES)
		return false;
	for (uint64_t i = page; i < page + n; i++) {
		if (used[i])
			return false;
	}
	return true;
}

/* Where first fit must put `n` pages; PAGES: nowhere. */
static uint64_t reference_alloc(uint64_t n, bool top_down)
{
	uint64_t aligns[] = {n >= 512 ? 512 : 1, 1};

	for (int k = 0; k < 2; k++) {
		for (uint64_t i = 0; i < PAGES; i++) {
			uint64_t page = top_down ? PAGES - 1 - i : i;

			if (reference_fits(page, n, aligns[k]))
				return page;
		}
	}
	return PAGES;
}

static void reference_set(uint64_t page, uint64_t n, bool v)
{
	memset(used + page, v, n);
}

static uint64_t reference_free_bytes(void)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < PAGES; i++)
		n += !used[i];
	return n * PAGE;
}

START_TEST(test_random)
{
	/* The first 16 pages are left out always; a hole from page 1000 to 1099. */
	const struct iommu_iova_range ranges[] = {{0, 1000 * PAGE - 1},
						  {1100 * PAGE, (uint64_t)PAGES * PAGE - 1}};
	static struct {
		uint64_t page, n;
	} live[PAGES];
	struct iova_space space;
	size_t nlive = 0;

	ck_assert_int_eq(iova_init(&space, ranges, 2, PAGE), 0);
	memset(used, 0, sizeof(used));
	reference_set(0, 16, true);
	reference_set(1000, 100, true);
	ck_assert_uint_eq(iova_free_bytes(&space), reference_free_bytes());
	for (int step = 0; step < 30000; step++) {
		uint64_t what = rnd(100), n = 1 + rnd(rnd(10) ? 12 : 900), iova, page;

		/* The space fills up, runs empty, and so on. */
		if (what < (step / 3000 % 2 ? 30 : 50)) {
			bool top_down = rnd(2);

			page = reference_alloc(n, top_down);
			if (page == PAGES) {
				ck_assert_int_eq(iova_alloc(&space, n * PAGE, top_down, &iova), -1);
				ck_assert_int_eq(errno, ENOSPC);
				continue;
			}
			ck_assert_int_eq(iova_alloc(&space, n * PAGE, top_down, &iova), 0);
			ck_assert_uint_eq(iova, page * PAGE);
		} else if (what < 60) {
			page = rnd(PAGES);
			iova = page * PAGE;
			if (!reference_fits(page, n, 1)) {
				ck_assert_int_eq(iova_reserve(&space, iova, n * PAGE), -1);
				ck_assert_int_eq(errno, EADDRINUSE);
				continue;
			}
			ck_assert_int_eq(iova_reserve(&space, iova, n * PAGE), 0);
		} else if (nlive) {
			size_t i = rnd(nlive);

			iova_release(&space, live[i].page * PAGE, live[i].n * PAGE);
			reference_set(live[i].page, live[i].n, false);
			live[i] = live[--nlive];
			if (step % 100 == 0)
				ck_assert_uint_eq(iova_free_bytes(&space), reference_free_bytes());
			continue;
		} else {
			continue;
		}
		reference_set(page, n, true);
		live[nlive].page = page;
		live[nlive++].n = n;
		ck_assert_uint_eq(space.live, nlive);
	}
	while (nlive) {
		nlive--;
		iova_release(&space, live[nlive].page * PAGE, live[nlive].n * PAGE);
	}
	/* All of it is in one piece again, and the spare memory was given back. */
	ck_assert_uint_eq(space.nextents, 2);
	ck_assert_uint_eq(space.live, 0);
	ck_assert_uint_le(space.nspare, 128);
	iova_clear(&space);
}
END_TEST

START_TEST(test_edges)
{
	const struct iommu_iova_range all[] = {{0, UINT64_MAX}};
	const struct iommu_iova_range odd[] = {
		{0x10001, 0x13ffe}, {0x20000, 0x20ffe}, {0xfffffffffffff001, UINT64_MAX}};
	struct iova_space space;
	uint64_t iova;

	ck_assert_int_eq(iova_init(&space, all, 1, PAGE), 0);
	ck_assert_int_eq(iova_alloc(&space, PAGE, false, &iova), 0);
	ck_assert_uint_eq(iova, IOVA_FIRST);
	ck_assert_int_eq(iova_alloc(&space, PAGE, true, &iova), 0);
	ck_assert_uint_eq(iova, UINT64_MAX - PAGE + 1);
	iova_release(&space, iova, PAGE);
	ck_assert_int_eq(iova_reserve(&space, 0, PAGE), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(iova_reserve(&space, UINT64_MAX - PAGE + 1, 2 * PAGE), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(iova_reserve(&space, PAGE, 0), -1);
	ck_assert_int_eq(iova_alloc(&space, 0, false, &iova), -1);
	ck_assert_int_eq(errno, EINVAL);
	iova_clear(&space);

	/* Only whole pages of a range count. */
	ck_assert_int_eq(iova_init(&space, odd, 3, PAGE), 0);
	ck_assert_uint_eq(iova_free_bytes(&space), 2 * PAGE);
	ck_assert_int_eq(iova_alloc(&space, 2 * PAGE, false, &iova), 0);
	ck_assert_uint_eq(iova, 0x11000);
	ck_assert_int_eq(iova_alloc(&space, PAGE, false, &iova), -1);
	ck_assert_int_eq(errno, ENOSPC);
	iova_release(&space, 0x11000, 2 * PAGE);
	iova_clear(&space);

	ck_assert_int_eq(iova_init(&space, NULL, 0, PAGE), 0);
	ck_assert_int_eq(iova_alloc(&space, PAGE, false, &iova), -1);
	iova_clear(&space);
}
END_TEST

START_TEST(test_alignment)
{
	const struct iommu_iova_range range = {0, (1ull << 34) - 1};
	struct iova_space space;
	uint64_t iova;

	ck_assert_int_eq(iova_init(&space, &range, 1, PAGE), 0);
	ck_assert_int_eq(iova_alloc(&space, 2 << 20, false, &iova), 0);
	ck_assert_uint_eq(iova, 2 << 20);
	ck_assert_int_eq(iova_alloc(&space, (3 << 20), false, &iova), 0);
	ck_assert_uint_eq(iova, 4 << 20);
	/* The gap before is used by what is small. */
	ck_assert_int_eq(iova_alloc(&space, 1 << 20, false, &iova), 0);
	ck_assert_uint_eq(iova, IOVA_FIRST);
	ck_assert_int_eq(iova_alloc(&space, 1 << 30, false, &iova), 0);
	ck_assert_uint_eq(iova, 1 << 30);
	ck_assert_int_eq(iova_alloc(&space, 1 << 30, true, &iova), 0);
	ck_assert_uint_eq(iova, 15ull << 30);
	/* Where nothing aligned is left, less will do. */
	ck_assert_int_eq(iova_alloc(&space, 13ull << 30, false, &iova), 0);
	ck_assert_int_eq(iova_alloc(&space, (1 << 30) - (7 << 20), false, &iova), 0);
	ck_assert_uint_eq(iova, 7 << 20);
	iova_clear(&space);
}
END_TEST

/* A million pages taken and given back in a bad order, in a few seconds even with sanitizers. */
START_TEST(test_million)
{
	const struct iommu_iova_range range = {0, (1ull << 48) - 1};
	const uint64_t n = 1000000, odd = 0x9e3779b1;
	struct iova_space space;
	struct timespec t;
	double start;
	uint64_t iova;

	ck_assert_int_eq(iova_init(&space, &range, 1, PAGE), 0);
	clock_gettime(CLOCK_MONOTONIC, &t);
	start = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	for (uint64_t i = 0; i < n; i++) {
		if (iova_alloc(&space, PAGE, false, &iova) || iova != IOVA_FIRST + i * PAGE)
			ck_abort_msg("page %u", (unsigned int)i);
	}
	/* Every other one, in no order: half a million holes. */
	for (uint64_t i = 0; i < n / 2; i++)
		iova_release(&space, IOVA_FIRST + i * odd % (n / 2) * 2 * PAGE, PAGE);
	ck_assert_uint_eq(space.nextents, n / 2 + 1);
	/* What fits in no hole goes behind them; what fits, into the first. */
	ck_assert_int_eq(iova_alloc(&space, 2 * PAGE, false, &iova), 0);
	ck_assert_uint_eq(iova, IOVA_FIRST + n * PAGE);
	ck_assert_int_eq(iova_alloc(&space, 2 << 20, false, &iova), 0);
	ck_assert_uint_eq(iova % (2 << 20), 0);
	for (uint64_t i = 0; i < n / 2; i++) {
		if (iova_alloc(&space, PAGE, false, &iova) || iova != IOVA_FIRST + i * 2 * PAGE)
			ck_abort_msg("hole %u", (unsigned int)i);
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	ck_assert_double_lt((double)t.tv_sec + (double)t.tv_nsec / 1e9 - start, 60.0);
	iova_clear(&space);
}
END_TEST

UNIT_MAIN("iova", tcase_add_test(tc, test_random); tcase_add_test(tc, test_edges);
	  tcase_add_test(tc, test_alignment); tcase_add_test(tc, test_million))
