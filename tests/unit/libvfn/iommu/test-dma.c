/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contexts and mappings, with backends that keep what they are told. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <vfn/iommu.h>
#include <vfn/support.h>
#include <vfn/vfio.h>
#include "iommu/context.h"

#define PAGE 0x1000u

struct fake {
	struct iommu_backend backend; /* first */
	struct iommu_iova_range range;
	uint64_t iova[64];
	size_t len[64];
	int n, maps, unmaps;
	int map_errno, unmap_errno; /* to fail with */
	int last_fd;
};

static int fake_map(struct iommu_backend *b, const struct iommu_request *req)
{
	struct fake *f = (struct fake *)b;

	f->maps++;
	if (f->map_errno) {
		errno = f->map_errno;
		return -1;
	}
	f->last_fd = req->fd;
	f->iova[f->n] = req->iova;
	f->len[f->n++] = req->len;
	return 0;
}

static int fake_unmap(struct iommu_backend *b, uint64_t iova, size_t len)
{
	struct fake *f = (struct fake *)b;

	f->unmaps++;
	if (f->unmap_errno) {
		errno = f->unmap_errno;
		return -1;
	}
	for (int i = 0; i < f->n; i++) {
		if (f->iova[i] == iova && f->len[i] == len) {
			f->n--;
			f->iova[i] = f->iova[f->n];
			f->len[i] = f->len[f->n];
			return 0;
		}
	}
	errno = ENOENT;
	return -1;
}

static const struct iommu_backend_ops fake_ops = {"fake", fake_map, fake_unmap};

static void fake_init(struct fake *f, uint64_t start, uint64_t last)
{
	memset(f, 0, sizeof(*f));
	f->range = (struct iommu_iova_range){start, last};
	f->backend = (struct iommu_backend){
		.ops = &fake_ops, .ranges = &f->range, .nranges = 1, .page_size = PAGE};
}

static struct iommu_ctx *ctx;
static struct fake one;
static char *mem;

static void setup(void)
{
	ctx = iommu_ctx_new();
	fake_init(&one, 0, (1ull << 39) - 1);
	ck_assert_int_eq(iommu_attach(ctx, &one.backend, false), 0);
	ck_assert_int_eq(pgmap((void **)&mem, 64 * PAGE), 64 * PAGE);
}

static void teardown(void)
{
	iommu_detach(ctx, &one.backend, true);
	iommu_put_context(ctx);
	ck_assert_int_eq(pgunmap(mem, 64 * PAGE), 0);
}

START_TEST(test_map)
{
	uint64_t a = 0, b = 0, c = 0;
	size_t len = 0;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 4 * PAGE, &a, 0), 0);
	ck_assert_uint_eq(a, IOVA_FIRST);
	ck_assert_int_ge(one.last_fd, 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 4 * PAGE, PAGE, &b, 0), 0);
	ck_assert_uint_eq(b, IOVA_FIRST + 4 * PAGE);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 8 * PAGE, PAGE, &c, IOMMU_MAP_EPHEMERAL), 0);
	ck_assert_uint_eq(c, (1ull << 39) - PAGE);
	ck_assert_uint_eq(iommu_mappings(ctx), 3);

	ck_assert(iommu_translate_vaddr(ctx, mem + 4 * PAGE - 1, &c));
	ck_assert_uint_eq(c, a + 4 * PAGE - 1);
	ck_assert(!iommu_translate_vaddr(ctx, mem + 5 * PAGE, &c));

	/* By any address in it, and the IOVA is used again. */
	ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem + PAGE, &len), 0);
	ck_assert_uint_eq(len, 4 * PAGE);
	ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem + PAGE, &len), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 16 * PAGE, 2 * PAGE, &c, 0), 0);
	ck_assert_uint_eq(c, a);
	ck_assert_int_eq(iommu_unmap_all(ctx), 0);
	ck_assert_int_eq(one.n, 0);
	ck_assert_uint_eq(iommu_mappings(ctx), 0);
}
END_TEST

START_TEST(test_overlap)
{
	uint64_t a, b, want;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 8 * PAGE, 8 * PAGE, &a, 0), 0);
	/* Inside: its IOVA, and no second mapping. */
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 8 * PAGE, 8 * PAGE, &b, 0), 0);
	ck_assert_uint_eq(b, a);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 15 * PAGE, PAGE, &b, IOMMU_MAP_EPHEMERAL), 0);
	ck_assert_uint_eq(b, a + 7 * PAGE);
	/* Straddling, from below, from above, and around. */
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 7 * PAGE, 2 * PAGE, &b, 0), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 15 * PAGE, 2 * PAGE, &b, 0), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 64 * PAGE, &b, 0), -1);
	ck_assert_int_eq(errno, EEXIST);
	/* Fixed: at the present IOVA only. */
	want = a + PAGE;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 9 * PAGE, PAGE, &want, IOMMU_MAP_FIXED_IOVA),
			 0);
	want += PAGE;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 9 * PAGE, PAGE, &want, IOMMU_MAP_FIXED_IOVA),
			 -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(one.maps, 1);
	ck_assert_uint_eq(iommu_mappings(ctx), 1);
}
END_TEST

/* Ephemeral ones come from the top, in whatever order they go: once none is left all is as it was.
 */
START_TEST(test_ephemeral)
{
	const uint64_t top = 1ull << 39;
	uint64_t stay, iova[16], at;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 32 * PAGE, PAGE, &stay, 0), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 16; i++) {
			ck_assert_int_eq(iommu_map_vaddr(ctx, mem + i * PAGE, PAGE, &iova[i],
							 IOMMU_MAP_EPHEMERAL),
					 0);
			ck_assert_uint_eq(iova[i], top - (uint64_t)(i + 1) * PAGE);
		}
		/* What stays is not in their way, and they are not in its. */
		ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 33 * PAGE, PAGE, &at, 0), 0);
		ck_assert_uint_eq(at, stay + PAGE);
		for (int i = 0; i < 16; i++) {
			int k = round == 0 ? i : round == 1 ? 15 - i : i * 7 % 16;

			ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem + k * PAGE, NULL), 0);
		}
		ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem + 33 * PAGE, NULL), 0);
		/* The largest there is from the top: everything but the one that stays. */
		ck_assert_uint_eq(ctx->space.nextents, 1);
		ck_assert_uint_eq(iova_free_bytes(&ctx->space), top - stay - PAGE);
	}
	/* A single one that is given back is the next that is given, while others live on. */
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
			iommu_map_vaddr(ctx, mem + i * PAGE, PAGE, &iova[i], IOMMU_MAP_EPHEMERAL),
			0);
	ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem + PAGE, NULL), 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 9 * PAGE, PAGE, &at, IOMMU_MAP_EPHEMERAL), 0);
	ck_assert_uint_eq(at, iova[1]);
}
END_TEST

/* A context narrows again and again while mappings come and go: what each lent is given back. */
START_TEST(test_narrow_and_go_on)
{
	uint64_t iova;

	for (int round = 0; round < 8; round++) {
		/* a quarter is mapped anew, the rest is from before */
		for (int i = round % 4; i < 64; i += 4) {
			if (round >= 4)
				ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem + i * PAGE, NULL), 0);
			ck_assert_int_eq(iommu_map_vaddr(ctx, mem + i * PAGE, PAGE, &iova, 0), 0);
		}
		one.range.last -= 0x1000000;
		ck_assert_int_eq(iommu_narrow(ctx, &one.backend), 0);
	}
	ck_assert_int_eq(one.n, 64);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 64 * PAGE, &iova, IOMMU_MAP_EPHEMERAL), -1);
	ck_assert_int_eq(errno, EEXIST);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem + i * 37 % 64 * PAGE, NULL), 0);
	ck_assert_uint_eq(ctx->space.live, 0);
	ck_assert_uint_eq(ctx->space.nextents, 1);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &iova, IOMMU_MAP_EPHEMERAL), 0);
	ck_assert_uint_eq(iova, one.range.last + 1 - PAGE);
}
END_TEST

START_TEST(test_fixed)
{
	static const struct {
		uint64_t iova;
		int err;
	} cases[] = {
		{0, ERANGE},	      {0xf000, ERANGE},
		{0x10000, 0},	      {0x11000, 0},
		{0x10800, EINVAL},    {(1ull << 39) - PAGE, 0},
		{1ull << 39, ERANGE}, {UINT64_MAX - PAGE + 1, ERANGE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t iova = cases[i].iova;
		int rc = iommu_map_vaddr(ctx, mem + i * PAGE, PAGE, &iova, IOMMU_MAP_FIXED_IOVA);

		ck_assert_int_eq(rc, cases[i].err ? -1 : 0);
		if (rc)
			ck_assert_int_eq(errno, cases[i].err);
		ck_assert_uint_eq(iova, cases[i].iova);
	}
	/* Taken, in part. */
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 32 * PAGE, 4 * PAGE, &(uint64_t){0x11000},
					 IOMMU_MAP_FIXED_IOVA),
			 -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 32 * PAGE, PAGE, NULL, IOMMU_MAP_FIXED_IOVA),
			 -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(iommu_mappings(ctx), 3);
}
END_TEST

START_TEST(test_bad_arguments)
{
	uint64_t iova;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 1, PAGE, &iova, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE + 1, &iova, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 0, &iova, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &iova, 1ul << 10), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(
		iommu_map_vaddr(ctx, mem, PAGE, &iova, IOMMU_MAP_NOREAD | IOMMU_MAP_NOWRITE), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(iommu_map_vaddr(ctx, (void *)(UINTPTR_MAX - PAGE + 1), 2 * PAGE, &iova, 0),
			 -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(iommu_map_fd(ctx, -1, 0, mem, PAGE, &iova, 0), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(iommu_map_fd(ctx, 0, 1, mem, PAGE, &iova, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(one.maps, 0);
}
END_TEST

START_TEST(test_failures)
{
	struct fake two;
	uint64_t iova, again;

	fake_init(&two, 0, (1ull << 39) - 1);
	ck_assert_int_eq(iommu_attach(ctx, &two.backend, false), 0);
	/* What one backend refuses is taken back from the other. */
	for (int i = 0; i < 2; i++) {
		one.map_errno = i ? ENOMEM : 0;
		two.map_errno = i ? 0 : ENOMEM;
		ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &iova, 0), -1);
		ck_assert_int_eq(errno, ENOMEM);
		ck_assert_int_eq(one.n + two.n, 0);
		ck_assert_uint_eq(iommu_mappings(ctx), 0);
	}
	one.map_errno = two.map_errno = 0;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &iova, 0), 0);
	ck_assert_uint_eq(iova, IOVA_FIRST);
	/* What cannot be unmapped stays, and its IOVA is not given to others. */
	one.unmap_errno = EIO;
	ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem, NULL), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(iommu_unmap_all(ctx), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_uint_eq(iommu_mappings(ctx), 1);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + PAGE, PAGE, &again, 0), 0);
	ck_assert_uint_ne(again, iova);
	/* A dead one does not count. */
	one.unmap_errno = two.unmap_errno = ENODEV;
	ck_assert_int_eq(iommu_unmap_all(ctx), 0);
	ck_assert_uint_eq(iommu_mappings(ctx), 0);
	one.unmap_errno = two.unmap_errno = 0;
	iommu_detach(ctx, &two.backend, true);
}
END_TEST

START_TEST(test_attach)
{
	struct fake narrow, elsewhere, late;
	struct iommu_iova_range *ranges;
	uint64_t iova = 1ull << 32;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &iova, IOMMU_MAP_FIXED_IOVA), 0);
	/* One that cannot reach what is mapped does not come in, and keeps nothing. */
	fake_init(&narrow, 0, (1ull << 32) - 1);
	ck_assert_int_eq(iommu_attach(ctx, &narrow.backend, false), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(narrow.n, 0);
	fake_init(&late, 0x100000, (1ull << 36) - 1);
	late.map_errno = ENOMEM;
	ck_assert_int_eq(iommu_attach(ctx, &late.backend, false), -1);
	ck_assert_int_eq(errno, ENOMEM);
	late.map_errno = 0;
	ck_assert_int_eq(iommu_attach(ctx, &late.backend, false), 0);
	ck_assert_int_eq(late.n, 1);
	ck_assert_uint_eq(late.iova[0], iova);
	ck_assert_int_eq(iommu_get_iova_ranges(ctx, &ranges), 1);
	ck_assert_uint_eq(ranges[0].start, 0x100000);
	ck_assert_uint_eq(ranges[0].last, (1ull << 36) - 1);
	free(ranges);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + PAGE, PAGE, &iova, 0), 0);
	ck_assert_uint_eq(iova, 0x100000);
	ck_assert_int_eq(late.n, 2);
	/* One that was handed on has everything already. */
	fake_init(&elsewhere, 0, (1ull << 40) - 1);
	ck_assert_int_eq(iommu_attach(ctx, &elsewhere.backend, true), 0);
	ck_assert_int_eq(elsewhere.maps, 0);
	iommu_detach(ctx, &elsewhere.backend, false);
	iommu_detach(ctx, &late.backend, true);
	ck_assert_int_eq(late.n, 0);
}
END_TEST

static int count_mapping(const struct iommu_mapping *m, void *opaque)
{
	uint64_t *sum = opaque;

	*sum += m->len;
	return m->len == 3 * PAGE ? 17 : 0;
}

START_TEST(test_import)
{
	uint64_t sum = 0, iova;

	ck_assert_int_eq(iommu_import(ctx, -1, 0, mem, 2 * PAGE, 0x50000), 0);
	ck_assert_int_eq(one.maps, 0);
	ck_assert_int_eq(iommu_import(ctx, -1, 0, mem, 2 * PAGE, 0x50000), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(iommu_import(ctx, -1, 0, mem + 2 * PAGE, PAGE, 0x51000), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(iommu_import(ctx, -1, 0, mem + 2 * PAGE, PAGE, 0x1000), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert(iommu_translate_vaddr(ctx, mem + PAGE, &iova));
	ck_assert_uint_eq(iova, 0x51000);
	/* The backend has it, from before. */
	one.iova[0] = 0x50000;
	one.len[0] = 2 * PAGE;
	one.n = 1;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 8 * PAGE, 3 * PAGE, NULL, 0), 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 16 * PAGE, PAGE, NULL, 0), 0);
	ck_assert_int_eq(iommu_for_each_mapping(ctx, count_mapping, &sum), 17);
	ck_assert_uint_eq(sum, 5 * PAGE);
	ck_assert_int_eq(iommu_unmap_iova(ctx, 0x50000, 2 * PAGE), 0);
}
END_TEST

static void *map_and_unmap(void *arg)
{
	char *at = arg;

	for (int i = 0; i < 2000; i++) {
		uint64_t iova, again;

		if (iommu_map_vaddr(ctx, at, PAGE, &iova, 0) ||
		    !iommu_translate_vaddr(ctx, at, &again) || again != iova ||
		    iommu_unmap_vaddr(ctx, at, NULL))
			return arg;
	}
	return NULL;
}

START_TEST(test_threads)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, map_and_unmap, mem + i * PAGE),
				 0);
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	ck_assert_int_eq(one.n, 0);
	ck_assert_int_eq(one.maps, 8000);
}
END_TEST

START_TEST(test_old_names)
{
	struct vfio_container *container;
	uint64_t iova;
	size_t len;

	container = vfio_new();
	ck_assert_ptr_nonnull(container);
	ck_assert_int_eq(vfio_map_vaddr(container, mem, PAGE, &iova), 0);
	ck_assert_int_eq(vfio_unmap_vaddr(container, mem, &len), 0);
	ck_assert_uint_eq(len, PAGE);
	ck_assert_int_eq(vfio_map_vaddr(NULL, mem, PAGE, &iova), 0);
	ck_assert_int_eq(vfio_unmap_vaddr(NULL, mem, NULL), 0);
	iommu_put_context((struct iommu_ctx *)container);
}
END_TEST

UNIT_MAIN("dma", tcase_add_checked_fixture(tc, setup, teardown); tcase_add_test(tc, test_map);
	  tcase_add_test(tc, test_overlap); tcase_add_test(tc, test_ephemeral);
	  tcase_add_test(tc, test_narrow_and_go_on); tcase_add_test(tc, test_fixed);
	  tcase_add_test(tc, test_bad_arguments); tcase_add_test(tc, test_failures);
	  tcase_add_test(tc, test_attach); tcase_add_test(tc, test_import);
	  tcase_add_test(tc, test_threads); tcase_add_test(tc, test_old_names))
