/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that a device's own memory has, among those that are given to mappings. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "iommu/window.h"

#define PAGE 0x1000u
#define MIB  0x100000ull

static int maps;

static int fake_map(struct iommu_backend *b, const struct iommu_request *req)
{
	maps++;
	return 0;
}

static int fake_unmap(struct iommu_backend *b, uint64_t iova, size_t len)
{
	return 0;
}

static const struct iommu_backend_ops ops = {"fake", fake_map, fake_unmap};
static struct iommu_ctx *ctx;
static char *mem;

static void setup(void)
{
	ctx = iommu_ctx_new();
	mem = mmap(NULL, 4 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	maps = 0;
}

static void teardown(void)
{
	iommu_put_context(ctx);
	munmap(mem, 4 * MIB);
}

/* errno of mapping a page at a fixed address, or 0. */
static int map_at(uint64_t iova)
{
	if (iommu_map_vaddr(ctx, mem, PAGE, &iova, IOMMU_MAP_FIXED_IOVA))
		return errno;
	ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem, NULL), 0);
	return 0;
}

START_TEST(test_chosen)
{
	struct iommu_window *a = iommu_window_add(ctx, 0, 3 * PAGE, MIB);
	struct iommu_window *b = iommu_window_add(ctx, 0, 100, PAGE);
	uint64_t at = iommu_window_iova(a), free_bytes;

	ck_assert(a && b);
	ck_assert_uint_eq(at % MIB, 0);
	ck_assert_int_eq(map_at(at), EADDRINUSE);
	ck_assert_int_eq(map_at(at + 2 * PAGE), EADDRINUSE);
	ck_assert_int_eq(map_at(at + 3 * PAGE), 0);
	ck_assert_int_eq(map_at(iommu_window_iova(b)), EADDRINUSE);
	ck_assert_uint_eq(iommu_mappings(ctx), 0);
	ck_assert_ptr_null(iommu_window_add(ctx, at + PAGE, PAGE, 1));
	ck_assert_int_eq(errno, EADDRINUSE);
	free_bytes = iova_free_bytes(&ctx->space);
	iommu_window_remove(ctx, a);
	iommu_window_remove(ctx, b);
	iommu_window_remove(ctx, NULL);
	ck_assert_uint_eq(iova_free_bytes(&ctx->space), free_bytes + 4 * PAGE);
	ck_assert_int_eq(map_at(at), 0);
	ck_assert_ptr_null(iommu_window_add(ctx, 0, 1ull << 60, PAGE));
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

/* A device with other limits joins: the window stays, in part or whole outside of what can be used.
 */
START_TEST(test_narrowed)
{
	struct iommu_iova_range ranges[] = {{0, 4 * MIB - 1}, {5 * MIB, 16 * MIB - 1}};
	struct iommu_backend backend = {
		.ops = &ops, .ranges = ranges, .nranges = 2, .page_size = PAGE};
	struct iommu_window *across = iommu_window_add(ctx, 4 * MIB - PAGE, MIB + 2 * PAGE, 1);
	struct iommu_window *outside = iommu_window_add(ctx, 64 * MIB, MIB, 1);
	struct iommu_window *low = iommu_window_add(ctx, PAGE, 15 * PAGE + 1, 1);
	uint64_t free_bytes, iova = 8 * MIB;

	ck_assert(across && outside && low);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + PAGE, PAGE, &iova, IOMMU_MAP_FIXED_IOVA), 0);
	ck_assert_int_eq(iommu_attach(ctx, &backend, false), 0);
	ck_assert_int_eq(maps, 1);
	ck_assert_int_eq(map_at(4 * MIB - PAGE), EADDRINUSE);
	ck_assert_int_eq(map_at(5 * MIB), EADDRINUSE);
	ck_assert_int_eq(map_at(5 * MIB + PAGE), 0);
	ck_assert_int_eq(map_at(4 * MIB - 2 * PAGE), 0);
	ck_assert_int_eq(map_at(64 * MIB), ERANGE);
	ck_assert_int_eq(map_at(0x10000), EADDRINUSE);
	ck_assert_int_eq(map_at(0x11000), 0);

	free_bytes = iova_free_bytes(&ctx->space);
	iommu_window_remove(ctx, outside);
	ck_assert_uint_eq(iova_free_bytes(&ctx->space), free_bytes);
	iommu_window_remove(ctx, across);
	iommu_window_remove(ctx, low);
	ck_assert_uint_eq(iova_free_bytes(&ctx->space), free_bytes + 3 * PAGE);
	ck_assert_int_eq(map_at(5 * MIB), 0);

	/* what is mapped cannot become a window */
	ck_assert_ptr_null(iommu_window_add(ctx, 8 * MIB - PAGE, 2 * PAGE, 1));
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(map_at(8 * MIB - PAGE), 0);
	ck_assert_int_eq(iommu_unmap_all(ctx), 0);
	iommu_detach(ctx, &backend, true);
}
END_TEST

START_TEST(test_shown)
{
	struct iommu_window *w = iommu_window_add(ctx, 2 * MIB, MIB, 1);
	uint64_t iova = 0;

	ck_assert(!iommu_translate_vaddr(ctx, mem, &iova));
	iommu_window_show(ctx, w, mem);
	ck_assert(iommu_translate_vaddr(ctx, mem + MIB - 1, &iova));
	ck_assert_uint_eq(iova, 3 * MIB - 1);
	ck_assert(!iommu_translate_vaddr(ctx, mem + MIB, &iova));
	ck_assert(!iommu_translate_vaddr(ctx, mem - 1, &iova));
	iommu_window_show(ctx, w, NULL);
	ck_assert(!iommu_translate_vaddr(ctx, mem, &iova));
	iommu_window_remove(ctx, w);
}
END_TEST

UNIT_MAIN("iommu-window", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_chosen);
	tcase_add_test(tc, test_narrowed);
	tcase_add_test(tc, test_shown);
})
