/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/support/mem.h>
#include "iommu/context.h"
#include "iommu/window.h"
#include "support/fail.h"

/*
 * Without a backend anything below 2^48 is fine: what every IOMMU in use can address at least in
 * part.
 */
static const struct iommu_iova_range default_range = {IOVA_FIRST, (1ull << 48) - 1};

static pthread_mutex_t ctxs_lock = PTHREAD_MUTEX_INITIALIZER;
static struct iommu_ctx *ctxs;

static struct iommu_iova_range *ranges_dup(const struct iommu_iova_range *ranges, int n)
{
	size_t len = (size_t)n * sizeof(*ranges);
	struct iommu_iova_range *copy = malloc(len ? len : 1);

	if (copy && len)
		memcpy(copy, ranges, len);
	return copy;
}

static struct iommu_ctx *ctx_new(const char *name)
{
	struct iommu_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		goto fail;
	ctx->refs = 1;
	ctx->page_size = __VFN_PAGESIZE;
	ctx->allocator = &iova_first_fit;
	skiplist_init(&ctx->by_vaddr);
	skiplist_init(&ctx->by_iova);
	ctx->nranges = 1;
	ctx->ranges = ranges_dup(&default_range, 1);
	if (!ctx->ranges || iova_init(&ctx->space, ctx->ranges, 1, ctx->page_size))
		goto fail;
	if (name && !(ctx->name = strdup(name)))
		goto fail;
	pthread_mutex_init(&ctx->map_lock, NULL);
	pthread_mutex_init(&ctx->lock, NULL);
	return ctx;

fail:
	if (ctx) {
		iova_clear(&ctx->space);
		free(ctx->ranges);
		free(ctx);
	}
	vfn_fail(ENOMEM, "out of memory for an IOMMU context");
	return NULL;
}

struct iommu_ctx *iommu_ctx_new(void)
{
	return ctx_new(NULL);
}

struct iommu_ctx *iommu_ctx_ref(struct iommu_ctx *ctx)
{
	pthread_mutex_lock(&ctxs_lock);
	ctx->refs++;
	pthread_mutex_unlock(&ctxs_lock);
	return ctx;
}

struct iommu_ctx *iommu_get_context(const char *name)
{
	struct iommu_ctx *ctx;

	if (!name)
		name = "default";
	pthread_mutex_lock(&ctxs_lock);
	for (ctx = ctxs; ctx; ctx = ctx->next) {
		if (!strcmp(ctx->name, name)) {
			ctx->refs++;
			goto out;
		}
	}
	ctx = ctx_new(name);
	if (ctx) {
		ctx->next = ctxs;
		ctxs = ctx;
	}
out:
	pthread_mutex_unlock(&ctxs_lock);
	return ctx;
}

void iommu_put_context(struct iommu_ctx *ctx)
{
	if (!ctx)
		return;
	pthread_mutex_lock(&ctxs_lock);
	if (--ctx->refs) {
		pthread_mutex_unlock(&ctxs_lock);
		return;
	}
	for (struct iommu_ctx **p = &ctxs; *p; p = &(*p)->next) {
		if (*p == ctx) {
			*p = ctx->next;
			break;
		}
	}
	pthread_mutex_unlock(&ctxs_lock);
	/*
	 * Devices hold references, so there is no backend left that would have to unmap anything.
	 */
	iommu_forget_all(ctx);
	skiplist_clear(&ctx->by_vaddr);
	skiplist_clear(&ctx->by_iova);
	iova_clear(&ctx->space);
	pthread_mutex_destroy(&ctx->map_lock);
	pthread_mutex_destroy(&ctx->lock);
	free(ctx->ranges);
	free(ctx->name);
	free(ctx);
}

int iommu_get_iova_ranges(struct iommu_ctx *ctx, struct iommu_iova_range **ranges)
{
	int n;

	pthread_mutex_lock(&ctx->lock);
	*ranges = ranges_dup(ctx->ranges, ctx->nranges);
	n = ctx->nranges;
	pthread_mutex_unlock(&ctx->lock);
	return *ranges ? n : vfn_fail(ENOMEM, "out of memory for %d IOVA ranges", n);
}

/* What is in both lists, into *out (at most na + nb ranges). */
static int ranges_intersect(const struct iommu_iova_range *a, int na,
			    const struct iommu_iova_range *b, int nb, struct iommu_iova_range *out)
{
	int i = 0, k = 0, n = 0;

	while (i < na && k < nb) {
		uint64_t start = a[i].start > b[k].start ? a[i].start : b[k].start;
		uint64_t last = a[i].last < b[k].last ? a[i].last : b[k].last;

		if (start <= last)
			out[n++] = (struct iommu_iova_range){start, last};
		if (a[i].last < b[k].last)
			i++;
		else
			k++;
	}
	return n;
}

/* Narrow the context to what `backend` can do; both locks are held. */
static int ctx_narrow(struct iommu_ctx *ctx, const struct iommu_backend *backend)
{
	uint64_t page_size =
		backend->page_size > ctx->page_size ? backend->page_size : ctx->page_size;
	struct iommu_iova_range *ranges;
	struct iova_space space = {0};
	int n;

	ranges = calloc((size_t)(ctx->nranges + backend->nranges) + 1, sizeof(*ranges));
	if (!ranges)
		return vfn_fail(ENOMEM, "out of memory for IOVA ranges");
	/*
	 * The first backend decides alone: it may be able to do more than what is assumed without
	 * one.
	 */
	if (ctx->backends)
		n = ranges_intersect(ctx->ranges, ctx->nranges, backend->ranges, backend->nranges,
				     ranges);
	else
		memcpy(ranges, backend->ranges, (size_t)(n = backend->nranges) * sizeof(*ranges));
	if (iova_init(&space, ranges, (size_t)n, page_size)) {
		free(ranges);
		return vfn_fail(ENOMEM, "out of memory for IOVA ranges");
	}
	for (struct skiplist_node *node = skiplist_first(&ctx->by_iova); node;
	     node = skiplist_next(node)) {
		if (!iova_reserve(&space, node->start, node->last - node->start + 1))
			continue;
		iova_clear(&space);
		free(ranges);
		return vfn_fail(ERANGE, "%s cannot reach IOVA 0x%llx, which is mapped already",
				backend->ops->name, (unsigned long long)node->start);
	}
	if (iommu_window_reserve_all(ctx, &space, ranges, n)) {
		int err = errno;

		iova_clear(&space);
		free(ranges);
		return vfn_fail(err, "no room for the memory of devices among IOVAs: %s",
				strerror(err));
	}
	iova_clear(&ctx->space);
	free(ctx->ranges);
	ctx->space = space;
	ctx->ranges = ranges;
	ctx->nranges = n;
	ctx->page_size = page_size;
	return 0;
}

/* Make the mappings that are there in a new backend, too; map_lock is held. */
static int ctx_replay(struct iommu_ctx *ctx, struct iommu_backend *backend)
{
	struct skiplist_node *node, *done;

	for (node = skiplist_first(&ctx->by_iova); node; node = skiplist_next(node)) {
		const struct iommu_mapping *m = node->value;
		struct iommu_request req = {
			.iova = m->iova, .len = m->len, .vaddr = m->vaddr, .flags = m->flags};

		req.fd = pgmap_fd(m->vaddr, m->len, &req.offset);
		if (backend->ops->map(backend, &req))
			break;
	}
	if (!node)
		return 0;
	for (done = skiplist_first(&ctx->by_iova); done != node; done = skiplist_next(done)) {
		int err = errno;

		backend->ops->unmap(backend, done->start, done->last - done->start + 1);
		errno = err;
	}
	return -1;
}

int iommu_attach(struct iommu_ctx *ctx, struct iommu_backend *backend, bool imported)
{
	int rc;

	pthread_mutex_lock(&ctx->map_lock);
	/* map_lock keeps the tables as they are, so that they can be read without the other one. */
	rc = imported ? 0 : ctx_replay(ctx, backend);
	if (!rc) {
		pthread_mutex_lock(&ctx->lock);
		rc = ctx_narrow(ctx, backend);
		if (!rc) {
			backend->next = ctx->backends;
			ctx->backends = backend;
		}
		pthread_mutex_unlock(&ctx->lock);
		if (rc && !imported) {
			int err = errno;

			for (struct skiplist_node *node = skiplist_first(&ctx->by_iova); node;
			     node = skiplist_next(node))
				backend->ops->unmap(backend, node->start,
						    node->last - node->start + 1);
			errno = err;
		}
	}
	pthread_mutex_unlock(&ctx->map_lock);
	return rc;
}

int iommu_narrow(struct iommu_ctx *ctx, const struct iommu_backend *backend)
{
	int rc;

	pthread_mutex_lock(&ctx->map_lock);
	pthread_mutex_lock(&ctx->lock);
	rc = ctx_narrow(ctx, backend);
	pthread_mutex_unlock(&ctx->lock);
	pthread_mutex_unlock(&ctx->map_lock);
	return rc;
}

void iommu_detach(struct iommu_ctx *ctx, struct iommu_backend *backend, bool unmap)
{
	pthread_mutex_lock(&ctx->map_lock);
	pthread_mutex_lock(&ctx->lock);
	for (struct iommu_backend **p = &ctx->backends; *p; p = &(*p)->next) {
		if (*p == backend) {
			*p = backend->next;
			break;
		}
	}
	pthread_mutex_unlock(&ctx->lock);
	for (struct skiplist_node *node = unmap ? skiplist_first(&ctx->by_iova) : NULL; node;
	     node = skiplist_next(node)) {
		if (backend->ops->unmap(backend, node->start, node->last - node->start + 1) &&
		    errno == ENODEV)
			break;
	}
	pthread_mutex_unlock(&ctx->map_lock);
}

struct iommu_backend *iommu_find_backend(struct iommu_ctx *ctx, const struct iommu_backend_ops *ops)
{
	struct iommu_backend *backend;

	pthread_mutex_lock(&ctx->lock);
	for (backend = ctx->backends; backend && backend->ops != ops; backend = backend->next)
		;
	pthread_mutex_unlock(&ctx->lock);
	return backend;
}
