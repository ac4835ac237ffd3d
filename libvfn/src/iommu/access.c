/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "iommu/access.h"
#include "iommu/context.h"
#include "support/fail.h"

/*
 * The program reads and writes this memory at any time, as it does beside a device: no ordering
 * but the device's own is there to be held.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define access_unordered __attribute__((no_sanitize("thread")))
#endif
#elif defined(__SANITIZE_THREAD__)
#define access_unordered __attribute__((no_sanitize("thread")))
#endif
#ifndef access_unordered
#define access_unordered
#endif

access_unordered static void access_store(char *to, const char *from, size_t len)
{
	for (; len && ((uintptr_t)to & 7); len--)
		__atomic_store_n(to++, *from++, __ATOMIC_RELEASE);
	for (; len >= 8; len -= 8, to += 8, from += 8) {
		uint64_t v;

		memcpy(&v, from, 8);
		__atomic_store_n((uint64_t *)(void *)to, v, __ATOMIC_RELEASE);
	}
	for (; len; len--)
		__atomic_store_n(to++, *from++, __ATOMIC_RELEASE);
}

access_unordered static void access_load(char *to, const char *from, size_t len)
{
	for (; len && ((uintptr_t)from & 7); len--)
		*to++ = __atomic_load_n(from++, __ATOMIC_ACQUIRE);
	for (; len >= 8; len -= 8, to += 8, from += 8) {
		uint64_t v =
			__atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_ACQUIRE);

		memcpy(to, &v, 8);
	}
	for (; len; len--)
		*to++ = __atomic_load_n(from++, __ATOMIC_ACQUIRE);
}

/* The mapping that `iova` lies in if it allows what is asked, or NULL with errno; lock is held. */
static const struct iommu_mapping *access_find(struct iommu_ctx *ctx, uint64_t iova,
					       unsigned long denied)
{
	const struct iommu_mapping *m = iommu_table_find(&ctx->by_iova, iova);

	if (!m) {
		vfn_fail(EFAULT, "IOVA 0x%llx is not mapped", (unsigned long long)iova);
		return NULL;
	}
	if (m->flags & denied) {
		vfn_fail(EACCES, "IOVA 0x%llx is not mapped for this", (unsigned long long)iova);
		return NULL;
	}
	return m;
}

/* What of `len` bytes lies in the mapping, and where. */
static size_t access_part(const struct iommu_mapping *m, uint64_t iova, size_t len, char **mem)
{
	size_t skip = (size_t)(iova - m->iova);

	*mem = (char *)m->vaddr + skip;
	return len < m->len - skip ? len : m->len - skip;
}

static int access_check(struct iommu_ctx *ctx, uint64_t iova, size_t len, unsigned long denied)
{
	char *mem;

	if (len && iova + (len - 1) < iova)
		return vfn_fail(EFAULT, "%zu bytes at IOVA 0x%llx go beyond the end", len,
				(unsigned long long)iova);
	for (size_t n; len; iova += n, len -= n) {
		const struct iommu_mapping *m = access_find(ctx, iova, denied);

		if (!m)
			return -1;
		n = access_part(m, iova, len, &mem);
	}
	return 0;
}

int iommu_read(struct iommu_ctx *ctx, uint64_t iova, void *buf, size_t len)
{
	char *to = buf, *mem;
	int rc;

	pthread_mutex_lock(&ctx->lock);
	rc = access_check(ctx, iova, len, IOMMU_MAP_NOREAD);
	for (size_t n; !rc && len; iova += n, len -= n, to += n) {
		n = access_part(access_find(ctx, iova, 0), iova, len, &mem);
		access_load(to, mem, n);
	}
	pthread_mutex_unlock(&ctx->lock);
	return rc;
}

int iommu_write(struct iommu_ctx *ctx, uint64_t iova, const void *buf, size_t len)
{
	const char *from = buf;
	char *mem;
	int rc;

	pthread_mutex_lock(&ctx->lock);
	rc = access_check(ctx, iova, len, IOMMU_MAP_NOWRITE);
	for (size_t n; !rc && len; iova += n, len -= n, from += n) {
		n = access_part(access_find(ctx, iova, 0), iova, len, &mem);
		access_store(mem, from, n);
	}
	pthread_mutex_unlock(&ctx->lock);
	return rc;
}
