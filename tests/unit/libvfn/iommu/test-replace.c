/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program's own allocator and its own lookup, well and badly behaved ones. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <vfn/iommu.h>
#include <vfn/support.h>
#include "iommu/context.h"
#include "iommu/window.h"

#define PAGE 0x1000u
#define MOST 64

/* Gives addresses from a cursor on, and never the same one twice. */
struct cursor {
	uint64_t next, page_size;
	struct iommu_iova_range ranges[4];
	int nranges;
	unsigned int spaces, live, ephemeral, reserved; /* counts */
	uint64_t answer;				/* when set, what alloc() says */
	int err;					/* when set, what create() fails with */
};

static void *cursor_create(void *opaque, const struct iommu_iova_range *ranges, int n,
			   uint64_t page_size)
{
	struct cursor *c = opaque;

	if (c->err) {
		errno = c->err;
		return NULL;
	}
	c->spaces++;
	c->nranges = n;
	memcpy(c->ranges, ranges, (size_t)n * sizeof(*ranges));
	c->page_size = page_size;
	return c;
}

static void cursor_destroy(void *space)
{
	((struct cursor *)space)->spaces--;
}

static int cursor_alloc(void *space, uint64_t len, unsigned long flags, uint64_t *iova)
{
	struct cursor *c = space;

	if (flags & IOMMU_MAP_EPHEMERAL)
		c->ephemeral++;
	*iova = c->answer ? c->answer : c->next;
	if (*iova == UINT64_MAX) {
		errno = ENOSPC;
		return -1;
	}
	c->next += len;
	c->live++;
	return 0;
}

static int cursor_reserve(void *space, uint64_t iova, uint64_t len)
{
	struct cursor *c = space;

	(void)iova;
	(void)len;
	c->reserved++;
	c->live++;
	return 0;
}

static void cursor_release(void *space, uint64_t iova, uint64_t len)
{
	(void)iova;
	(void)len;
	((struct cursor *)space)->live--;
}

static const struct iommu_allocator cursor_allocator = {cursor_create, cursor_destroy, cursor_alloc,
							cursor_reserve, cursor_release};

/* An array that is looked through from end to end. */
struct array {
	struct {
		uint64_t start, last;
		struct iommu_mapping *m;
	} rows[MOST];
	int n;
};

struct arrays {
	unsigned int tables, finds, refuse; /* refuse: the nth insertion from now */
	int err;			    /* what the second create() fails with */
};

static struct arrays arrays;

static void *array_create(void *opaque)
{
	ck_assert_ptr_eq(opaque, &arrays);
	if (arrays.tables && arrays.err) {
		errno = arrays.err;
		return NULL;
	}
	arrays.tables++;
	return calloc(1, sizeof(struct array));
}

static void array_destroy(void *table)
{
	ck_assert_int_eq(((struct array *)table)->n, 0);
	arrays.tables--;
	free(table);
}

static int array_insert(void *table, uint64_t start, uint64_t last, struct iommu_mapping *m)
{
	struct array *a = table;

	if (a->n == MOST || (arrays.refuse && !--arrays.refuse)) {
		errno = ENOMEM;
		return -1;
	}
	a->rows[a->n].start = start;
	a->rows[a->n].last = last;
	a->rows[a->n++].m = m;
	return 0;
}

static void array_remove(void *table, uint64_t start)
{
	struct array *a = table;

	for (int i = 0; i < a->n; i++) {
		if (a->rows[i].start == start) {
			a->rows[i] = a->rows[--a->n];
			return;
		}
	}
	ck_abort_msg("what is not there is removed");
}

static struct iommu_mapping *array_find(void *table, uint64_t number)
{
	struct array *a = table;

	arrays.finds++;
	for (int i = 0; i < a->n; i++) {
		if (number >= a->rows[i].start && number <= a->rows[i].last)
			return a->rows[i].m;
	}
	return NULL;
}

static struct iommu_mapping *array_next(void *table, uint64_t number)
{
	struct array *a = table;
	int best = -1;

	for (int i = 0; i < a->n; i++) {
		if (a->rows[i].start >= number &&
		    (best < 0 || a->rows[i].start < a->rows[best].start))
			best = i;
	}
	return best < 0 ? NULL : a->rows[best].m;
}

static const struct iommu_lookup array_lookup = {array_create, array_destroy, array_insert,
						 array_remove, array_find,    array_next};

static struct iommu_ctx *ctx;
static struct cursor cursor;
static char *mem;

static void setup(void)
{
	ctx = iommu_get_context("replace");
	cursor = (struct cursor){.next = 0x5000000};
	arrays = (struct arrays){0};
	ck_assert_int_eq(pgmap((void **)&mem, MOST * PAGE), MOST * PAGE);
}

static void teardown(void)
{
	iommu_put_context(ctx);
	ck_assert_uint_eq(cursor.spaces, 0);
	ck_assert_uint_eq(cursor.live, 0);
	ck_assert_uint_eq(arrays.tables, 0);
	ck_assert_int_eq(pgunmap(mem, MOST * PAGE), 0);
}

static int map_one(struct iommu_backend *b, const struct iommu_request *req)
{
	(void)b;
	(void)req;
	return 0;
}

static int unmap_one(struct iommu_backend *b, uint64_t iova, size_t len)
{
	(void)b;
	(void)iova;
	(void)len;
	return 0;
}

static const struct iommu_backend_ops ops = {"fake", map_one, unmap_one};

START_TEST(test_allocator)
{
	struct iommu_iova_range range = {0x100000, 0xffffffff};
	struct iommu_backend backend = {
		.ops = &ops, .ranges = &range, .nranges = 1, .page_size = PAGE};
	struct iommu_window *window;
	uint64_t iova;

	ck_assert_int_eq(iommu_set_allocator(ctx, &cursor_allocator, &cursor), 0);
	ck_assert_uint_eq(cursor.page_size, __VFN_PAGESIZE);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &iova, 0), 0);
	ck_assert_uint_eq(iova, 0x5000000);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + PAGE, PAGE, &iova, IOMMU_MAP_EPHEMERAL), 0);
	ck_assert_uint_eq(iova, 0x5001000);
	ck_assert_uint_eq(cursor.ephemeral, 1);
	iova = 0x9000000;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 2 * PAGE, PAGE, &iova, IOMMU_MAP_FIXED_IOVA),
			 0);
	ck_assert_uint_eq(cursor.reserved, 1);

	/* not while something is mapped */
	ck_assert_int_eq(iommu_set_allocator(ctx, NULL, NULL), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(iommu_set_lookup(ctx, NULL, NULL), -1);
	ck_assert_int_eq(errno, EBUSY);

	/* A device comes: a new space, in which everything is reserved. */
	ck_assert_int_eq(iommu_attach(ctx, &backend, false), 0);
	ck_assert_uint_eq(cursor.spaces, 1);
	ck_assert_uint_eq(cursor.ranges[0].start, 0x100000);
	ck_assert_uint_eq(cursor.ranges[0].last, 0xffffffff);
	ck_assert_uint_eq(cursor.reserved, 4);
	cursor.live = 3; /* one count for both spaces: what was given by the old one is over */
	range.last = 0x8ffffff;
	ck_assert_int_eq(iommu_narrow(ctx, &backend), -1);
	ck_assert_int_eq(errno, ERANGE);
	cursor.live = 3;
	range.last = 0xfffffff;
	cursor.err = EMFILE;
	ck_assert_int_eq(iommu_narrow(ctx, &backend), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_uint_eq(cursor.spaces, 1);
	cursor.err = 0;

	/* Its choices are looked at. */
	cursor.answer = 0x9000000;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 4 * PAGE, PAGE, &iova, 0), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	cursor.answer = 0x9000800;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 4 * PAGE, PAGE, &iova, 0), -1);
	ck_assert_int_eq(errno, ERANGE);
	cursor.answer = 0x1000;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 4 * PAGE, PAGE, &iova, 0), -1);
	ck_assert_int_eq(errno, ERANGE);
	cursor.answer = 0x100000000ull - PAGE;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 4 * PAGE, 2 * PAGE, &iova, 0), -1);
	ck_assert_int_eq(errno, ERANGE);
	cursor.answer = UINT64_MAX;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 4 * PAGE, PAGE, &iova, 0), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_uint_eq(cursor.live, 3);
	ck_assert_uint_eq(iommu_mappings(ctx), 3);
	cursor.answer = 0;
	ck_assert_int_eq(iommu_unmap_all(ctx), 0);
	ck_assert_uint_eq(cursor.live, 0);

	/* nor while a device has memory there */
	window = iommu_window_add(ctx, 0x200000, PAGE, PAGE);
	ck_assert_ptr_nonnull(window);
	ck_assert_uint_eq(cursor.live, 1);
	ck_assert_int_eq(iommu_set_allocator(ctx, NULL, NULL), -1);
	ck_assert_int_eq(errno, EBUSY);
	iommu_window_remove(ctx, window);
	iommu_detach(ctx, &backend, true);
	ck_assert_int_eq(iommu_set_allocator(ctx, NULL, NULL), 0);
	ck_assert_uint_eq(cursor.spaces, 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &iova, 0), 0);
	ck_assert_uint_eq(iova, 0x100000);
	ck_assert_int_eq(iommu_unmap_all(ctx), 0);
}
END_TEST

static int count(const struct iommu_mapping *m, void *opaque)
{
	char **last = opaque;

	ck_assert(!*last || (char *)m->vaddr > *last);
	*last = m->vaddr;
	return 0;
}

START_TEST(test_lookup)
{
	char *last = NULL;
	uint64_t iova, again;
	size_t len;

	ck_assert_int_eq(iommu_set_lookup(ctx, &array_lookup, &arrays), 0);
	ck_assert_uint_eq(arrays.tables, 2);
	for (int i = 0; i < MOST; i += 2) {
		int at = (i * 14 + 2) % MOST; /* in no order */

		ck_assert_int_eq(iommu_map_vaddr(ctx, mem + at * PAGE, PAGE, &iova, 0), 0);
		ck_assert(iommu_translate_vaddr(ctx, mem + at * PAGE + 5, &again));
		ck_assert_uint_eq(again, iova + 5);
	}
	ck_assert_uint_gt(arrays.finds, 0);
	ck_assert_int_eq(iommu_for_each_mapping(ctx, count, &last), 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + PAGE, 2 * PAGE, &iova, 0), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem + 2 * PAGE + 9, &len), 0);
	ck_assert_uint_eq(len, PAGE);

	/* A table that is full: nothing is left behind of it in the other one. */
	for (unsigned int refuse = 1; refuse <= 2; refuse++) {
		size_t n = iommu_mappings(ctx);

		arrays.refuse = refuse;
		ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 2 * PAGE, PAGE, &iova, 0), -1);
		ck_assert_int_eq(errno, ENOMEM);
		ck_assert_uint_eq(iommu_mappings(ctx), n);
	}
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 2 * PAGE, PAGE, &iova, 0), 0);
	ck_assert_int_eq(iommu_unmap_iova(ctx, iova, PAGE), 0);
	ck_assert_int_eq(iommu_unmap_all(ctx), 0);
	ck_assert_int_eq(iommu_set_lookup(ctx, NULL, NULL), 0);
	ck_assert_uint_eq(arrays.tables, 0);
	/* What cannot be made leaves what was there. */
	arrays.err = EAGAIN;
	ck_assert_int_eq(iommu_set_lookup(ctx, &array_lookup, &arrays), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(arrays.tables, 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &iova, 0), 0);
	ck_assert_int_eq(iommu_unmap_all(ctx), 0);
	/* Both at once, until the end of the context. */
	arrays.err = 0;
	ck_assert_int_eq(iommu_set_lookup(ctx, &array_lookup, &arrays), 0);
	ck_assert_int_eq(iommu_set_allocator(ctx, &cursor_allocator, &cursor), 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &iova, 0), 0);
	ck_assert_uint_eq(iova, 0x5000000);
}
END_TEST

START_TEST(test_incomplete)
{
	struct iommu_allocator a = cursor_allocator;
	struct iommu_lookup l = array_lookup;

	a.release = NULL;
	l.next = NULL;
	ck_assert_int_eq(iommu_set_allocator(ctx, &a, &cursor), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(iommu_set_lookup(ctx, &l, &arrays), -1);
	ck_assert_int_eq(errno, EINVAL);
	cursor.err = ENOMEM;
	ck_assert_int_eq(iommu_set_allocator(ctx, &cursor_allocator, &cursor), -1);
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

UNIT_MAIN("replace", tcase_add_checked_fixture(tc, setup, teardown);
	  tcase_add_test(tc, test_allocator); tcase_add_test(tc, test_lookup);
	  tcase_add_test(tc, test_incomplete))
