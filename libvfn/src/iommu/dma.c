/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/support/align.h>
#include <vfn/support/mem.h>
#include <vfn/trace.h>
#include "iommu/context.h"
#include "iommu/window.h"
#include "support/fail.h"

#define MAP_FLAGS                                                                                  \
	(IOMMU_MAP_FIXED_IOVA | IOMMU_MAP_EPHEMERAL | IOMMU_MAP_NOWRITE | IOMMU_MAP_NOREAD)

static uint64_t vaddr_num(const void *vaddr)
{
	return (uint64_t)(uintptr_t)vaddr;
}

static int map_check(const struct iommu_ctx *ctx, const struct iommu_request *req)
{
	if (req->flags & ~MAP_FLAGS)
		return vfn_fail(EINVAL, "unknown mapping flags 0x%lx", req->flags);
	if ((req->flags & IOMMU_MAP_NOWRITE) && (req->flags & IOMMU_MAP_NOREAD))
		return vfn_fail(EINVAL, "a mapping without reads and writes makes no sense");
	if (!req->len || !ALIGNED(vaddr_num(req->vaddr) | req->len, ctx->page_size))
		return vfn_fail(EINVAL, "%zu bytes at %p are not whole pages of %llu bytes",
				req->len, req->vaddr, (unsigned long long)ctx->page_size);
	if (vaddr_num(req->vaddr) + (req->len - 1) < vaddr_num(req->vaddr))
		return vfn_fail(EINVAL, "%zu bytes at %p go beyond the end", req->len, req->vaddr);
	if (req->fd >= 0 && (req->offset < 0 || !ALIGNED((uint64_t)req->offset, __VFN_PAGESIZE)))
		return vfn_fail(EINVAL, "offset %lld is not a whole page", (long long)req->offset);
	return 0;
}

/*
 * 1 when the memory is mapped already: its IOVA is in req->iova then. 0 when no part of it is. -1
 * EEXIST.
 */
static int map_existing(struct iommu_ctx *ctx, struct iommu_request *req)
{
	uint64_t start = vaddr_num(req->vaddr), last = start + (req->len - 1), iova;
	const struct iommu_mapping *m = iommu_table_overlap(&ctx->by_vaddr, start, last);
	uint64_t left;

	if (iommu_window_translate(ctx, start, &iova, &left)) {
		if (req->len > left || (req->flags & IOMMU_MAP_FIXED_IOVA && iova != req->iova))
			return vfn_fail(EEXIST, "%zu bytes at %p are memory of a device's own",
					req->len, req->vaddr);
		req->iova = iova;
		return 1;
	}
	if (!m)
		return 0;
	if (start < vaddr_num(m->vaddr) || last > vaddr_num(m->vaddr) + (m->len - 1))
		return vfn_fail(EEXIST,
				"%zu bytes at %p overlap the mapping of %zu bytes at %p in part",
				req->len, req->vaddr, m->len, m->vaddr);
	iova = m->iova + (start - vaddr_num(m->vaddr));
	if ((req->flags & IOMMU_MAP_FIXED_IOVA) && iova != req->iova)
		return vfn_fail(EEXIST, "%p is mapped already, at IOVA 0x%llx", req->vaddr,
				(unsigned long long)iova);
	req->iova = iova;
	return 1;
}

static bool map_usable(const struct iommu_ctx *ctx, const struct iommu_request *req)
{
	return req->iova >= IOVA_FIRST && req->iova + (req->len - 1) >= req->iova &&
	       iommu_ranges_have(ctx->ranges, ctx->nranges, req->iova, req->len);
}

/* A program's allocator may be wrong. */
static int map_check_choice(struct iommu_ctx *ctx, const struct iommu_request *req)
{
	int err = 0;

	if (!ALIGNED(req->iova, ctx->page_size) || !map_usable(ctx, req))
		err = ERANGE;
	else if (iommu_table_overlap(&ctx->by_iova, req->iova, req->iova + (req->len - 1)))
		err = EADDRINUSE;
	if (!err)
		return 0;
	iova_release(&ctx->space, req->iova, req->len);
	return vfn_fail(err, "the allocator chose IOVA 0x%llx for %zu bytes, which %s",
			(unsigned long long)req->iova, req->len,
			err == ERANGE ? "is not usable" : "is taken");
}

static int map_reserve(struct iommu_ctx *ctx, struct iommu_request *req)
{
	if (!(req->flags & IOMMU_MAP_FIXED_IOVA)) {
		bool top_down = req->flags & IOMMU_MAP_EPHEMERAL;

		if (iova_alloc(&ctx->space, req->len, top_down, &req->iova))
			return vfn_fail(errno, "no IOVA left for %zu bytes: %s", req->len,
					strerror(errno));
		return ctx->allocator ? map_check_choice(ctx, req) : 0;
	}
	if (!ALIGNED(req->iova, ctx->page_size))
		return vfn_fail(EINVAL, "IOVA 0x%llx is not a whole page",
				(unsigned long long)req->iova);
	if (!map_usable(ctx, req))
		return vfn_fail(ERANGE, "IOVA 0x%llx with %zu bytes is not usable",
				(unsigned long long)req->iova, req->len);
	if (iova_reserve(&ctx->space, req->iova, req->len))
		return vfn_fail(errno, "IOVA 0x%llx with %zu bytes: %s",
				(unsigned long long)req->iova, req->len,
				errno == EADDRINUSE ? "is taken" : strerror(errno));
	return 0;
}

/* Choose the IOVA, and enter a mapping into both tables; lock is held. NULL with errno. */
static struct iommu_mapping *map_record(struct iommu_ctx *ctx, struct iommu_request *req)
{
	int nv = iommu_table_levels(&ctx->by_vaddr), ni = iommu_table_levels(&ctx->by_iova), err;
	size_t size = sizeof(struct iommu_node);
	struct iommu_node *node = malloc(size + skiplist_node_size(nv) + skiplist_node_size(ni));
	struct skiplist_node *by_vaddr = (void *)((char *)node + size);
	struct skiplist_node *by_iova = (void *)((char *)by_vaddr + skiplist_node_size(nv));

	if (!node) {
		vfn_fail(ENOMEM, "out of memory for a mapping");
		return NULL;
	}
	memset(&node->extent, 0, sizeof(node->extent));
	iova_lend(&ctx->space, &node->extent);
	if (map_reserve(ctx, req))
		goto fail;
	node->m = (struct iommu_mapping){
		.vaddr = req->vaddr, .len = req->len, .iova = req->iova, .flags = req->flags};
	if (iommu_table_insert(&ctx->by_vaddr, &node->m, by_vaddr, nv))
		goto fail_reserved;
	if (!iommu_table_insert(&ctx->by_iova, &node->m, by_iova, ni))
		return &node->m;
	err = errno;
	iommu_table_remove(&ctx->by_vaddr, &node->m);
	errno = err;
fail_reserved:
	err = errno;
	vfn_fail(err, "the tables do not take another mapping: %s", strerror(err));
	iova_release(&ctx->space, req->iova, req->len);
fail:
	err = errno;
	iova_take_back(&ctx->space, &node->extent);
	free(node);
	errno = err;
	return NULL;
}

static void map_forget(struct iommu_ctx *ctx, struct iommu_mapping *m)
{
	struct iommu_node *node = (struct iommu_node *)m;

	iommu_table_remove(&ctx->by_vaddr, m);
	iommu_table_remove(&ctx->by_iova, m);
	iova_release(&ctx->space, m->iova, m->len);
	iova_take_back(&ctx->space, &node->extent);
	free(node);
}

/* Map in every backend, or in none; map_lock is held. */
static int backends_map(struct iommu_ctx *ctx, const struct iommu_request *req)
{
	struct iommu_backend *b, *done;

	for (b = ctx->backends; b; b = b->next) {
		if (b->max_mappings && ctx->by_iova.count > b->max_mappings) {
			vfn_fail(ENOSPC, "%s takes no more than %zu mappings", b->ops->name,
				 b->max_mappings);
			break;
		}
		if (b->ops->map(b, req))
			break;
	}
	if (!b)
		return 0;
	for (done = ctx->backends; done != b; done = done->next) {
		int err = errno;

		done->ops->unmap(done, req->iova, req->len);
		errno = err;
	}
	return -1;
}

static int map_request(struct iommu_ctx *ctx, struct iommu_request *req, bool imported)
{
	struct iommu_mapping *m;
	int rc;

	pthread_mutex_lock(&ctx->map_lock);
	pthread_mutex_lock(&ctx->lock);
	rc = map_check(ctx, req);
	if (!rc)
		rc = map_existing(ctx, req);
	if (imported && rc == 1)
		rc = vfn_fail(EEXIST, "%p is mapped already", req->vaddr);
	if (rc)
		goto out;
	/* Recorded first, since that can fail without a trace; nobody was told the IOVA yet. */
	m = map_record(ctx, req);
	rc = m ? 0 : -1;
	if (!m || imported)
		goto out;
	pthread_mutex_unlock(&ctx->lock);
	rc = backends_map(ctx, req);
	pthread_mutex_lock(&ctx->lock);
	if (rc) {
		int err = errno;

		map_forget(ctx, m);
		errno = err;
	}
out:
	pthread_mutex_unlock(&ctx->lock);
	pthread_mutex_unlock(&ctx->map_lock);
	return rc < 0 ? -1 : 0;
}

static int map_any(struct iommu_ctx *ctx, struct iommu_request *req, uint64_t *iova)
{
	if (req->flags & IOMMU_MAP_FIXED_IOVA) {
		if (!iova)
			return vfn_fail(EINVAL, "a fixed IOVA was asked for, but none given");
		req->iova = *iova;
	}
	if (map_request(ctx, req, false))
		return -1;
	if (iova)
		*iova = req->iova;
	trace_guard(IOMMU_MAP_VADDR)
	{
		trace_emit("vaddr %p len %zu iova 0x%llx\n", req->vaddr, req->len,
			   (unsigned long long)req->iova);
	}
	return 0;
}

int iommu_map_vaddr(struct iommu_ctx *ctx, void *vaddr, size_t len, uint64_t *iova,
		    unsigned long flags)
{
	struct iommu_request req = {.vaddr = vaddr, .len = len, .flags = flags};

	req.fd = pgmap_fd(vaddr, len, &req.offset);
	return map_any(ctx, &req, iova);
}

int iommu_map_fd(struct iommu_ctx *ctx, int fd, off_t offset, void *vaddr, size_t len,
		 uint64_t *iova, unsigned long flags)
{
	struct iommu_request req = {
		.vaddr = vaddr, .len = len, .flags = flags, .fd = fd, .offset = offset};

	if (fd < 0)
		return vfn_fail(EBADF, "iommu_map_fd: no descriptor");
	return map_any(ctx, &req, iova);
}

int iommu_import(struct iommu_ctx *ctx, int fd, off_t offset, void *vaddr, size_t len,
		 uint64_t iova)
{
	struct iommu_request req = {.vaddr = vaddr,
				    .len = len,
				    .flags = IOMMU_MAP_FIXED_IOVA,
				    .fd = fd,
				    .offset = offset,
				    .iova = iova};

	return map_request(ctx, &req, true);
}

/* Unmap `m` everywhere and forget it; map_lock is held, lock is not. */
static int unmap_mapping(struct iommu_ctx *ctx, struct iommu_mapping *m)
{
	int err = 0;

	for (struct iommu_backend *b = ctx->backends; b; b = b->next) {
		if (b->ops->unmap(b, m->iova, m->len) && errno != ENODEV)
			err = errno;
	}
	trace_guard(IOMMU_UNMAP_VADDR)
	{
		trace_emit("vaddr %p len %zu iova 0x%llx errno %d\n", m->vaddr, m->len,
			   (unsigned long long)m->iova, err);
	}
	/*
	 * A device that may still reach the memory keeps its IOVA from being used for other
	 * memory.
	 */
	if (err) {
		errno = err;
		return -1;
	}
	pthread_mutex_lock(&ctx->lock);
	map_forget(ctx, m);
	pthread_mutex_unlock(&ctx->lock);
	return 0;
}

/* A program's lookup may count or cache when it is asked: never two threads in it at once. */
static struct iommu_mapping *map_find(struct iommu_ctx *ctx, struct iommu_table *table,
				      uint64_t number)
{
	struct iommu_mapping *m;

	pthread_mutex_lock(&ctx->lock);
	m = iommu_table_find(table, number);
	pthread_mutex_unlock(&ctx->lock);
	return m;
}

int iommu_unmap_vaddr(struct iommu_ctx *ctx, void *vaddr, size_t *len)
{
	struct iommu_mapping *m;
	int rc;

	pthread_mutex_lock(&ctx->map_lock);
	m = map_find(ctx, &ctx->by_vaddr, vaddr_num(vaddr));
	if (m) {
		size_t n = m->len;

		rc = unmap_mapping(ctx, m);
		if (!rc && len)
			*len = n;
	} else {
		rc = vfn_fail(ENOENT, "%p is not mapped", vaddr);
	}
	pthread_mutex_unlock(&ctx->map_lock);
	return rc;
}

int iommu_unmap_iova(struct iommu_ctx *ctx, uint64_t iova, size_t len)
{
	struct iommu_mapping *m;
	int rc;

	pthread_mutex_lock(&ctx->map_lock);
	m = map_find(ctx, &ctx->by_iova, iova);
	if (m && m->iova == iova && m->len == len)
		rc = unmap_mapping(ctx, m);
	else
		rc = vfn_fail(ENOENT, "IOVA 0x%llx with %zu bytes is not a mapping",
			      (unsigned long long)iova, len);
	pthread_mutex_unlock(&ctx->map_lock);
	return rc;
}

/* The first one if `m` is NULL, else the one after it. */
static struct iommu_mapping *map_after(struct iommu_ctx *ctx, struct iommu_table *table,
				       const struct iommu_mapping *m)
{
	struct iommu_mapping *next;

	pthread_mutex_lock(&ctx->lock);
	next = m ? iommu_table_after(table, m) : iommu_table_first(table);
	pthread_mutex_unlock(&ctx->lock);
	return next;
}

int iommu_unmap_all(struct iommu_ctx *ctx)
{
	struct iommu_mapping *m, *next;
	int err = 0;

	pthread_mutex_lock(&ctx->map_lock);
	for (m = map_after(ctx, &ctx->by_iova, NULL); m; m = next) {
		next = map_after(ctx, &ctx->by_iova, m);
		if (unmap_mapping(ctx, m) && !err)
			err = errno;
	}
	pthread_mutex_unlock(&ctx->map_lock);
	if (!err)
		return 0;
	errno = err;
	return -1;
}

void iommu_forget_all(struct iommu_ctx *ctx)
{
	struct iommu_mapping *m;

	pthread_mutex_lock(&ctx->lock);
	while ((m = iommu_table_first(&ctx->by_iova)))
		map_forget(ctx, m);
	pthread_mutex_unlock(&ctx->lock);
}

bool iommu_translate_range(struct iommu_ctx *ctx, void *vaddr, uint64_t *iova, size_t *len)
{
	const struct iommu_mapping *m;
	uint64_t left = 0;
	bool found;

	pthread_mutex_lock(&ctx->lock);
	m = iommu_table_find(&ctx->by_vaddr, vaddr_num(vaddr));
	found = m || iommu_window_translate(ctx, vaddr_num(vaddr), iova, &left);
	if (m) {
		uint64_t offset = vaddr_num(vaddr) - vaddr_num(m->vaddr);

		*iova = m->iova + offset;
		left = m->len - offset;
	}
	pthread_mutex_unlock(&ctx->lock);
	*len = (size_t)left;
	return found;
}

bool iommu_translate_vaddr(struct iommu_ctx *ctx, void *vaddr, uint64_t *iova)
{
	size_t len;

	return iommu_translate_range(ctx, vaddr, iova, &len);
}

size_t iommu_mappings(struct iommu_ctx *ctx)
{
	size_t n;

	pthread_mutex_lock(&ctx->lock);
	n = ctx->by_iova.count;
	pthread_mutex_unlock(&ctx->lock);
	return n;
}

int iommu_for_each_mapping(struct iommu_ctx *ctx,
			   int (*fn)(const struct iommu_mapping *mapping, void *opaque),
			   void *opaque)
{
	int rc = 0;

	pthread_mutex_lock(&ctx->map_lock);
	for (const struct iommu_mapping *m = map_after(ctx, &ctx->by_vaddr, NULL); m && !rc;
	     m = map_after(ctx, &ctx->by_vaddr, m))
		rc = fn(m, opaque);
	pthread_mutex_unlock(&ctx->map_lock);
	return rc;
}
