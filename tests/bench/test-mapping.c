/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What mappings cost when there are many: comparisons for a lookup, and calls of the heap. Counted,
 * not timed: this program's malloc() and its kin are the linker's wrappers below.
 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <vfn/iommu.h>
#include <vfn/support.h>
#include <vfn/vfio.h>
#include "iommu/context.h"
#include "tests/unit/libvfn/nvme/sim-proc.h"

#define COMPARISONS 32.0 /* for a lookup, on average */
#define PAIRS	    20000u
#define STRIDE	    0x9e3779b1ull /* a prime that no number here is a multiple of */

static unsigned long allocs, frees;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *mem, size_t size);
void __real_free(void *mem);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *mem, size_t size);
void __wrap_free(void *mem);

void *__wrap_malloc(size_t size)
{
	allocs++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	allocs++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *mem, size_t size)
{
	allocs++;
	return __real_realloc(mem, size);
}

void __wrap_free(void *mem)
{
	frees += !!mem;
	__real_free(mem);
}

/* For inner loops: check's own assertions each make a system call. */
#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg("%s: %s (%s)", #cond, strerror(errno), vfn_error());          \
	} while (0)

/* The address of page `i`, in no order. */
static char *page_at(char *mem, uint64_t i, uint64_t n)
{
	return mem + i * STRIDE % n * __VFN_PAGESIZE;
}

/* No more than one node a mapping, and not one call more. */
static void heap_is(unsigned long want_allocs, unsigned long want_frees)
{
	unsigned long a = allocs, f = frees; /* the assertions allocate, too */

	ck_assert_uint_eq(a, want_allocs);
	ck_assert_uint_eq(f, want_frees);
}

static void measure(struct iommu_ctx *ctx, uint64_t n, unsigned int pairs)
{
	const size_t page = __VFN_PAGESIZE, before = iommu_mappings(ctx);
	double lookups[2];
	uint64_t iova;
	void *area;
	char *mem;

	ck_assert_int_gt(pgmapn(&area, (unsigned int)n, page), 0);
	mem = area;

	allocs = frees = 0;
	for (uint64_t i = 0; i < n; i++)
		EXPECT(!iommu_map_vaddr(ctx, page_at(mem, i, n), page, &iova,
					i % 16 ? 0 : IOMMU_MAP_EPHEMERAL));
	heap_is(n, 0);
	ck_assert_uint_eq(iommu_mappings(ctx), before + n);

	allocs = frees = 0;
	/* Any address of a page, and then addresses that are not mapped. */
	ctx->by_vaddr.list.compares = 0;
	for (uint64_t i = 0; i < n; i++)
		EXPECT(iommu_translate_vaddr(ctx, page_at(mem, i * 7, n) + i % page, &iova));
	lookups[0] = (double)ctx->by_vaddr.list.compares / (double)n;
	ctx->by_vaddr.list.compares = 0;
	for (uint64_t i = 0; i < n; i++)
		EXPECT(!iommu_translate_vaddr(ctx, mem + (n + i) * page, &iova));
	lookups[1] = (double)ctx->by_vaddr.list.compares / (double)n;
	heap_is(0, 0);
	printf("# %llu mappings: %.1f comparisons for a lookup, %.1f for one in vain\n",
	       (unsigned long long)n, lookups[0], lookups[1]);
	ck_assert_double_gt(lookups[0], 1.0);
	ck_assert_double_le(lookups[0], COMPARISONS);
	ck_assert_double_le(lookups[1], COMPARISONS);

	allocs = frees = 0;
	for (unsigned int i = 0; i < pairs; i++) {
		char *at = page_at(mem, i * 13ull, n);

		EXPECT(!iommu_unmap_vaddr(ctx, at, NULL));
		EXPECT(!iommu_map_vaddr(ctx, at, page, &iova, i % 3 ? 0 : IOMMU_MAP_EPHEMERAL));
	}
	heap_is(pairs, pairs);
	allocs = frees = 0;

	for (uint64_t i = 0; i < n; i++)
		EXPECT(!iommu_unmap_vaddr(ctx, page_at(mem, i * 11, n), NULL));
	heap_is(0, n);
	ck_assert_uint_eq(iommu_mappings(ctx), before);
	ck_assert_int_eq(pgunmap(area, n * page), 0);
}

START_TEST(test_memory)
{
	struct iommu_ctx *ctx = iommu_get_context("many");

	measure(ctx, 1000000, PAIRS);
	/* nothing of it is left to be trimmed, or in the way of the next */
	measure(ctx, 1000, 1000);
	iommu_put_context(ctx);
}
END_TEST

/* With a server that is told of each, and keeps a table of its own. */
START_TEST(test_vfio_user)
{
	const char *much = getenv("LONG");
	bool all = much && *much && strcmp(much, "0");
	struct vfio_pci_device pci = {0};
	struct sim sim;

	sim_start(&sim);
	ck_assert_msg(!vfio_pci_open(&pci, sim.name), "%s", vfn_error());
	measure(pci.dev.ctx, all ? 1000000 : 3000, 1000);
	vfio_pci_close(&pci);
	sim_stop(&sim);
}
END_TEST

UNIT_MAIN("mapping", tcase_set_timeout(tc, 900); tcase_add_test(tc, test_memory);
	  tcase_add_test(tc, test_vfio_user))
