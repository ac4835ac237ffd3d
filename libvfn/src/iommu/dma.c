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
	struct skiplist_node *node = skiplist_overlap(&ctx->by_vaddr, start, last);
	const struct iommu_mapping *m;
	uint64_t left;

	if (iommu_window_translate(ctx, start, &iova, &left)) {
		if (req->len > left || (req->flags & IOMMU_MAP_FIXED_IOVA && iova != req->iova))
			return vfn_fail(EEXIST, "%zu bytes at %p are memory of a device's own",
					req->len, req->vaddr);
		req->iova = iova;
		return 1;
	}
	if (!node)
		return 0;
	m = node->value;
	if (start < node->start || last > node->last)
		return vfn_fail(EEXIST,
				"%zu bytes at %p overlap the mapping of %zu bytes at %p in part",
				req->len, req->vaddr, m->len, m->vaddr);
	iova = m->iova + (start - node->start);
	if ((req->flags & IOMMU_MAP_FIXED_IOVA) && iova != req->iova)
		return vfn_fail(EEXIST, "%p is mapped already, at IOVA 0x%llx", req->vaddr,
				(unsigned long long)iova);
	req->iova = iova;
	return 1;
}

static bool range_usable(const struct iommu_ctx *ctx, uint64_t iova, size_t len)
{
	for (int i = 0; i < ctx->nranges; i++) {
		if (iova >= ctx->ranges[i].start && iova + (len - 1) <= ctx->ranges[i].last)
			return true;
	}
	return false;
}

static int map_reserve(struct iommu_ctx *ctx, struct iommu_request *req)
{
	if (!(req->flags & IOMMU_MAP_FIXED_IOVA)) {
		bool top_down = req->flags & IOMMU_MAP_EPHEMERAL;

		if (!ctx->allocator->alloc(&ctx->space, req->len, top_down, &req->iova))
			return 0;
		return vfn_fail(errno, "no IOVA left for %zu bytes: %s", req->len, strerror(errno));
	}
	if (!ALIGNED(req->iova, ctx->page_size))
		return vfn_fail(EINVAL, "IOVA 0x%llx is not a whole page",
				(unsigned long long)req->iova);
	if (req->iova < IOVA_FIRST || req->iova + (req->len - 1) < req->iova ||
	    !range_usable(ctx, req->iova, req->len))
		return vfn_fail(ERANGE, "IOVA 0x%llx with %zu bytes is not usable",
				(unsigned long long)req->iova, req->len);
	if (ctx->allocator->reserve(&ctx->space, req->iova, req->len))
		return vfn_fail(errno, "IOVA 0x%llx with %zu bytes: %s",
				(unsigned long long)req->iova, req->len,
				errno == EADDRINUSE ? "is taken" : strerror(errno));
	return 0;
}

/* Enter a mapping into both tables; lock is held. */
static int map_record(struct iommu_ctx *ctx, const struct iommu_request *req)
{
	struct iommu_mapping *m = malloc(sizeof(*m));
	uint64_t start = vaddr_num(req->vaddr);

	if (!m)
		goto fail;
	*m = (struct iommu_mapping){
		.vaddr = req->vaddr, .len = req->len, .iova = req->iova, .flags = req->flags};
	if (skiplist_insert(&ctx->by_vaddr, start, start + (req->len - 1), m))
		goto fail;
	if (skiplist_insert(&ctx->by_iova, req->iova, req->iova + (req->len - 1), m)) {
		skiplist_remove(&ctx->by_vaddr, start);
		goto fail;
	}
	return 0;

fail:
	free(m);
	return vfn_fail(ENOMEM, "out of memory for a mapping");
}

static void map_forget(struct iommu_ctx *ctx, struct iommu_mapping *m)
{
	skiplist_remove(&ctx->by_vaddr, vaddr_num(m->vaddr));
	skiplist_remove(&ctx->by_iova, m->iova);
	ctx->allocator->release(&ctx->space, m->iova, m->len);
	free(m);
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
	rc = map_reserve(ctx, req);
	if (rc)
		goto out;
	/* Recorded first, since that can fail without a trace; nobody was told the IOVA yet. */
	rc = map_record(ctx, req);
	if (rc) {
		ctx->allocator->release(&ctx->space, req->iova, req->len);
		goto out;
	}
	if (imported)
		goto out;
	pthread_mutex_unlock(&ctx->lock);
	rc = backends_map(ctx, req);
	pthread_mutex_lock(&ctx->lock);
	if (rc) {
		int err = errno;

		map_forget(ctx, skiplist_find(&ctx->by_iova, req->iova)->value);
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

int iommu_unmap_vaddr(struct iommu_ctx *ctx, void *vaddr, size_t *len)
{
	struct skiplist_node *node;
	int rc;

	pthread_mutex_lock(&ctx->map_lock);
	node = skiplist_find(&ctx->by_vaddr, vaddr_num(vaddr));
	if (node) {
		size_t n = ((struct iommu_mapping *)node->value)->len;

		rc = unmap_mapping(ctx, node->value);
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
	struct skiplist_node *node;
	int rc;

	pthread_mutex_lock(&ctx->map_lock);
	node = skiplist_find(&ctx->by_iova, iova);
	if (node && node->start == iova && node->last - iova + 1 == len)
		rc = unmap_mapping(ctx, node->value);
	else
		rc = vfn_fail(ENOENT, "IOVA 0x%llx with %zu bytes is not a mapping",
			      (unsigned long long)iova, len);
	pthread_mutex_unlock(&ctx->map_lock);
	return rc;
}

int iommu_unmap_all(struct iommu_ctx *ctx)
{
	struct skiplist_node *node, *next;
	int err = 0;

	pthread_mutex_lock(&ctx->map_lock);
	for (node = skiplist_first(&ctx->by_iova); node; node = next) {
		next = skiplist_next(node);
		if (unmap_mapping(ctx, node->value) && !err)
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
	struct skiplist_node *node;

	pthread_mutex_lock(&ctx->lock);
	while ((node = skiplist_first(&ctx->by_iova)))
		map_forget(ctx, node->value);
	pthread_mutex_unlock(&ctx->lock);
}

bool iommu_translate_range(struct iommu_ctx *ctx, void *vaddr, uint64_t *iova, size_t *len)
{
	struct skiplist_node *node;
	uint64_t left = 0;
	bool found;

	pthread_mutex_lock(&ctx->lock);
	node = skiplist_find(&ctx->by_vaddr, vaddr_num(vaddr));
	found = node || iommu_window_translate(ctx, vaddr_num(vaddr), iova, &left);
	if (node) {
		const struct iommu_mapping *m = node->value;
		uint64_t offset = vaddr_num(vaddr) - node->start;

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
	for (struct skiplist_node *node = skiplist_first(&ctx->by_vaddr); node && !rc;
	     node = skiplist_next(node))
		rc = fn(node->value, opaque);
	pthread_mutex_unlock(&ctx->map_lock);
	return rc;
}
