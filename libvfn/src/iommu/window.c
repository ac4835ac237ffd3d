/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include <vfn/support/align.h>
#include "iommu/window.h"
#include "support/fail.h"

struct iommu_window {
	uint64_t iova, len;
	uint64_t start, last; /* whole pages of the context around them: what is reserved */
	uint64_t vaddr;	      /* 0: not mapped here */
	struct iommu_window *next;
};

/* The part of a window that lies in whole pages of the range, as addresses are given from it. */
static bool window_part(const struct iommu_window *w, const struct iommu_iova_range *range,
			uint64_t page, uint64_t *start, uint64_t *len)
{
	uint64_t first = range->start > IOVA_FIRST ? range->start : IOVA_FIRST, last;

	if (first > UINT64_MAX - page)
		return false;
	first = ALIGN_UP(first, page);
	last = ALIGN_DOWN(range->last + 1, page) - 1;
	if (range->last < first || last <= first || w->last < first || w->start > last)
		return false;
	*start = w->start > first ? w->start : first;
	*len = (w->last < last ? w->last : last) - *start + 1;
	return true;
}

static void window_release(const struct iommu_window *w, struct iova_space *space,
			   const struct iommu_iova_range *ranges, int n)
{
	uint64_t start, len;

	for (int i = 0; i < n; i++) {
		if (window_part(w, &ranges[i], space->page_size, &start, &len))
			iova_release(space, start, len);
	}
}

static int window_reserve(const struct iommu_window *w, struct iova_space *space,
			  const struct iommu_iova_range *ranges, int n)
{
	uint64_t start, len;
	int err;

	for (int i = 0; i < n; i++) {
		if (!window_part(w, &ranges[i], space->page_size, &start, &len) ||
		    !iova_reserve(space, start, len))
			continue;
		err = errno;
		window_release(w, space, ranges, i);
		errno = err;
		return -1;
	}
	return 0;
}

int iommu_window_reserve_all(const struct iommu_ctx *ctx, struct iova_space *space,
			     const struct iommu_iova_range *ranges, int nranges)
{
	for (const struct iommu_window *w = ctx->windows; w; w = w->next) {
		if (window_reserve(w, space, ranges, nranges))
			return -1;
	}
	return 0;
}

/* Choose a place; more is taken at first, so that a part of it is aligned. The lock is held. */
static int window_choose(struct iommu_ctx *ctx, uint64_t len, uint64_t align, uint64_t *iova)
{
	uint64_t page = ctx->page_size, all = ALIGN_UP(len, page), base;

	if (align > page)
		all += align - page;
	if (iova_alloc(&ctx->space, all, false, &base))
		return -1;
	*iova = ALIGN_UP(base, align);
	iova_release(&ctx->space, base, all);
	return 0;
}

struct iommu_window *iommu_window_add(struct iommu_ctx *ctx, uint64_t iova, uint64_t len,
				      uint64_t align)
{
	struct iommu_window *w = calloc(1, sizeof(*w));
	int err = 0;

	if (!w) {
		vfn_fail(ENOMEM, "out of memory for a device's window");
		return NULL;
	}

	pthread_mutex_lock(&ctx->lock);
	if (!iova && window_choose(ctx, len, align, &iova)) {
		err = errno;
		goto out;
	}
	w->iova = iova;
	w->len = len;
	w->start = ALIGN_DOWN(iova, ctx->page_size);
	w->last = (iova + (len - 1)) | (ctx->page_size - 1);
	if (iommu_table_overlap(&ctx->by_iova, w->start, w->last))
		err = EADDRINUSE;
	else if (window_reserve(w, &ctx->space, ctx->ranges, ctx->nranges))
		err = errno;
	if (!err) {
		w->next = ctx->windows;
		ctx->windows = w;
	}
out:
	pthread_mutex_unlock(&ctx->lock);
	if (!err)
		return w;
	free(w);
	vfn_fail(err, "no place for a device's own memory of %llu bytes at IOVA 0x%llx",
		 (unsigned long long)len, (unsigned long long)iova);
	return NULL;
}

uint64_t iommu_window_iova(const struct iommu_window *window)
{
	return window->iova;
}

void iommu_window_show(struct iommu_ctx *ctx, struct iommu_window *window, void *vaddr)
{
	pthread_mutex_lock(&ctx->lock);
	window->vaddr = (uint64_t)(uintptr_t)vaddr;
	pthread_mutex_unlock(&ctx->lock);
}

void iommu_window_remove(struct iommu_ctx *ctx, struct iommu_window *window)
{
	if (!window)
		return;
	pthread_mutex_lock(&ctx->lock);
	for (struct iommu_window **p = &ctx->windows; *p; p = &(*p)->next) {
		if (*p == window) {
			*p = window->next;
			break;
		}
	}
	window_release(window, &ctx->space, ctx->ranges, ctx->nranges);
	pthread_mutex_unlock(&ctx->lock);
	free(window);
}

bool iommu_window_translate(const struct iommu_ctx *ctx, uint64_t vaddr, uint64_t *iova,
			    uint64_t *len)
{
	for (const struct iommu_window *w = ctx->windows; w; w = w->next) {
		if (!w->vaddr || vaddr < w->vaddr || vaddr - w->vaddr >= w->len)
			continue;
		*iova = w->iova + (vaddr - w->vaddr);
		*len = w->len - (vaddr - w->vaddr);
		return true;
	}
	return false;
}
