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
	iommu_table_init(&ctx->by_vaddr, false);
	iommu_table_init(&ctx->by_iova, true);
	ctx->nranges = 1;
	ctx->ranges = ranges_dup(&default_range, 1);
	if (!ctx->ranges || iova_init(&ctx->space, ctx->ranges, 1, ctx->page_size))
		goto fail;
	if (name && !(ctx->name = strdup(name)))
		goto fail;
	pthread_mutex_init(&ctx->map_lock, NULL);
	pthread_mutex_init(&ctx->lock, NULL);
	return ctx; /* the caller puts it on the list */

fail:
	if (ctx) {
		iova_clear(&ctx->space);
		free(ctx->ranges);
		free(ctx);
	}
	vfn_fail(ENOMEM, "out of memory for an IOMMU context");
	return NULL;
}

static void ctx_enlist(struct iommu_ctx *ctx)
{
	ctx->next = ctxs;
	ctxs = ctx;
}

struct iommu_ctx *iommu_ctx_new(void)
{
	struct iommu_ctx *ctx = ctx_new(NULL);

	pthread_mutex_lock(&ctxs_lock);
	if (ctx)
		ctx_enlist(ctx);
	pthread_mutex_unlock(&ctxs_lock);
	return ctx;
}

struct iommu_ctx *iommu_ctx_ref_if(const struct iommu_ctx *maybe)
{
	struct iommu_ctx *ctx;

	pthread_mutex_lock(&ctxs_lock);
	for (ctx = ctxs; ctx && ctx != maybe; ctx = ctx->next)
		;
	if (ctx)
		ctx->refs++;
	pthread_mutex_unlock(&ctxs_lock);
	return ctx;
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
		if (ctx->name && !strcmp(ctx->name, name)) {
			ctx->refs++;
			goto out;
		}
	}
	ctx = ctx_new(name);
	if (ctx)
		ctx_enlist(ctx);
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
	iommu_table_clear(&ctx->by_vaddr);
	iommu_table_clear(&ctx->by_iova);
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

bool iommu_ranges_have(const struct iommu_iova_range *ranges, int n, uint64_t iova, uint64_t len)
{
	for (int i = 0; i < n; i++) {
		if (iova >= ranges[i].start && iova + (len - 1) <= ranges[i].last)
			return true;
	}
	return false;
}

/* Narrow the context to what `backend` can do; both locks are held. */
static int ctx_narrow(struct iommu_ctx *ctx, const struct iommu_backend *backend)
{
	uint64_t page_size =
		backend->page_size > ctx->page_size ? backend->page_size : ctx->page_size;
	struct iommu_iova_range *ranges;
	struct iova_space space = {0};
	struct iommu_mapping *m;
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
	if (iova_init_by(&space, ranges, (size_t)n, page_size, ctx->allocator,
			 ctx->allocator_opaque)) {
		int err = errno ? errno : ENOMEM;

		free(ranges);
		return vfn_fail(err, "no allocator for the IOVA ranges: %s", strerror(err));
	}
	for (m = iommu_table_first(&ctx->by_iova); m; m = iommu_table_after(&ctx->by_iova, m)) {
		if (iommu_ranges_have(ranges, n, m->iova, m->len) &&
		    !iova_reserve(&space, m->iova, m->len))
			continue;
		iova_clear(&space);
		free(ranges);
		return vfn_fail(ERANGE, "%s cannot reach IOVA 0x%llx, which is mapped already",
				backend->ops->name, (unsigned long long)m->iova);
	}
	if (iommu_window_reserve_all(ctx, &space, ranges, n)) {
		int err = errno;

		iova_clear(&space);
		free(ranges);
		return vfn_fail(err, "no room for the memory of devices among IOVAs: %s",
				strerror(err));
	}
	iova_clear(&ctx->space);
	/* What the mappings had lent to the old space is nobody's now, and was not lent to the new.
	 */
	for (m = iommu_table_first(&ctx->by_iova); m; m = iommu_table_after(&ctx->by_iova, m))
		((struct iommu_node *)m)->extent.lent = IOVA_NOT_LENT;
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
	struct iommu_table *table = &ctx->by_iova;
	const struct iommu_mapping *m, *done;

	for (m = iommu_table_first(table); m; m = iommu_table_after(table, m)) {
		struct iommu_request req = {
			.iova = m->iova, .len = m->len, .vaddr = m->vaddr, .flags = m->flags};

		req.fd = pgmap_fd(m->vaddr, m->len, &req.offset);
		if (backend->ops->map(backend, &req))
			break;
	}
	if (!m)
		return 0;
	for (done = iommu_table_first(table); done != m; done = iommu_table_after(table, done)) {
		int err = errno;

		backend->ops->unmap(backend, done->iova, done->len);
		errno = err;
	}
	return -1;
}

int iommu_attach(struct iommu_ctx *ctx, struct iommu_backend *backend, bool imported)
{
	const struct iommu_mapping *m;
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

			for (m = iommu_table_first(&ctx->by_iova); m;
			     m = iommu_table_after(&ctx->by_iova, m))
				backend->ops->unmap(backend, m->iova, m->len);
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
	for (const struct iommu_mapping *m = unmap ? iommu_table_first(&ctx->by_iova) : NULL; m;
	     m = iommu_table_after(&ctx->by_iova, m)) {
		if (backend->ops->unmap(backend, m->iova, m->len) && errno == ENODEV)
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

/* Whether anything keeps the context's addresses; both locks are held. */
static int ctx_check_unused(const struct iommu_ctx *ctx)
{
	if (!ctx->by_iova.count && !ctx->windows)
		return 0;
	return vfn_fail(EBUSY, "the context has mappings already");
}

int iommu_set_allocator(struct iommu_ctx *ctx, const struct iommu_allocator *a, void *opaque)
{
	struct iova_space space = {0};
	int rc;

	if (a && (!a->create || !a->destroy || !a->alloc || !a->reserve || !a->release))
		return vfn_fail(EINVAL, "an allocator has to have all functions");

	pthread_mutex_lock(&ctx->map_lock);
	pthread_mutex_lock(&ctx->lock);
	rc = ctx_check_unused(ctx);
	if (!rc &&
	    iova_init_by(&space, ctx->ranges, (size_t)ctx->nranges, ctx->page_size, a, opaque)) {
		int err = errno ? errno : ENOMEM;

		rc = vfn_fail(err, "no allocator for the IOVA ranges: %s", strerror(err));
	}
	if (!rc) {
		iova_clear(&ctx->space);
		ctx->space = space;
		ctx->allocator = a;
		ctx->allocator_opaque = opaque;
	}
	pthread_mutex_unlock(&ctx->lock);
	pthread_mutex_unlock(&ctx->map_lock);
	return rc;
}

int iommu_set_lookup(struct iommu_ctx *ctx, const struct iommu_lookup *l, void *opaque)
{
	void *own[2] = {NULL, NULL};
	int rc;

	if (l && (!l->create || !l->destroy || !l->insert || !l->remove || !l->find || !l->next))
		return vfn_fail(EINVAL, "a lookup has to have all functions");

	pthread_mutex_lock(&ctx->map_lock);
	pthread_mutex_lock(&ctx->lock);
	rc = ctx_check_unused(ctx);
	for (int i = 0; i < 2 && l && !rc; i++) {
		own[i] = l->create(opaque);
		if (own[i])
			continue;
		rc = vfn_fail(errno ? errno : ENOMEM, "no table for mappings");
		if (i)
			l->destroy(own[0]);
	}
	if (!rc) {
		iommu_table_clear(&ctx->by_vaddr);
		iommu_table_clear(&ctx->by_iova);
		ctx->by_vaddr.lookup = ctx->by_iova.lookup = l;
		ctx->by_vaddr.own = own[0];
		ctx->by_iova.own = own[1];
	}
	pthread_mutex_unlock(&ctx->lock);
	pthread_mutex_unlock(&ctx->map_lock);
	return rc;
}
