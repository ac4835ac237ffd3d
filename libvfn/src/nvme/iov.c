/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iov - vectors of virtual addresses, or of IOVAs, into the pieces that the controller sees
 */
#include <errno.h>

#include "iommu/context.h"
#include "nvme/internal.h"

/* The length of the iterator's present element. */
static uint64_t length(const struct nvme_iov_iter *iter)
{
	return iter->iov ? iter->iov->iov_len : iter->iovas->len;
}

static bool done(const struct nvme_iov_iter *iter)
{
	return iter->niov <= 0;
}

static void skip_empty(struct nvme_iov_iter *iter)
{
	while (!done(iter) && iter->done == length(iter)) {
		if (iter->iov)
			iter->iov++;
		else
			iter->iovas++;
		iter->niov--;
		iter->done = 0;
	}
}

static int wraps(const struct nvme_iov_iter *iter, uint64_t start)
{
	errno = EINVAL;
	vfn_error_set("%s: a piece of memory at %#llx wraps around", nvme_name(iter->ctrl),
		      (unsigned long long)start);
	return -1;
}

/* At the iterator's place: the IOVA, and in *len how far it is good for. */
static int translate(const struct nvme_iov_iter *iter, uint64_t *iova, uint64_t *len)
{
	uint64_t left = length(iter) - iter->done;
	size_t mapped;
	char *vaddr;

	*len = left;
	if (!iter->iov) {
		*iova = iter->iovas->iova;
		if (*iova == NVME_IOVA_DISCARD)
			return 0;
		if (*iova + (iter->iovas->len - 1) < *iova)
			return wraps(iter, *iova);
		*iova += iter->done;
		return 0;
	}

	if (iter->null_discards && !iter->iov->iov_base) {
		*iova = NVME_IOVA_DISCARD;
		return 0;
	}
	if ((uintptr_t)iter->iov->iov_base > UINTPTR_MAX - iter->iov->iov_len)
		return wraps(iter, (uintptr_t)iter->iov->iov_base);

	/* memory of two mappings need not be neighbours for the controller */
	vaddr = (char *)iter->iov->iov_base + iter->done;
	if (!iommu_translate_range(__iommu_ctx(iter->ctrl), vaddr, iova, &mapped)) {
		errno = EFAULT;
		vfn_error_set("%s: no mapping of %p: map it with iommu_map_vaddr() first",
			      nvme_name(iter->ctrl), (void *)vaddr);
		return -1;
	}
	if (left > mapped)
		*len = mapped;
	return 0;
}

int nvme_iov_next(struct nvme_iov_iter *iter, uint64_t *iova, uint64_t *len)
{
	uint64_t more, n;

	skip_empty(iter);
	if (done(iter))
		return 0;
	if (translate(iter, iova, len))
		return -1;
	iter->done += *len;

	for (skip_empty(iter); !done(iter); skip_empty(iter)) {
		if (translate(iter, &more, &n))
			return -1;
		if (*iova == NVME_IOVA_DISCARD ? more != *iova : more != *iova + *len)
			break;
		if (*len + n < *len)
			return wraps(iter, *iova);
		*len += n;
		iter->done += n;
	}
	return 1;
}
