/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iov - virtual addresses into the pieces that the controller sees
 */
#include <errno.h>

#include "nvme/internal.h"

/*
 * The IOVA of the memory at the iterator's place, and in *len how much of it lies in one page: two
 * pages that are neighbours here need not be there.
 */
static int translate(const struct nvme_iov_iter *iter, uint64_t *iova, size_t *len)
{
	char *vaddr = (char *)iter->iov->iov_base + iter->done;
	size_t in_page = __VFN_PAGESIZE - ((uintptr_t)vaddr & (__VFN_PAGESIZE - 1));
	size_t left = iter->iov->iov_len - iter->done;

	if (!iommu_translate_vaddr(__iommu_ctx(iter->ctrl), vaddr, iova)) {
		errno = EFAULT;
		vfn_error_set("%s: no mapping of %p: map it with iommu_map_vaddr() first",
			      nvme_name(iter->ctrl), (void *)vaddr);
		return -1;
	}

	*len = left < in_page ? left : in_page;
	return 0;
}

static void skip_empty(struct nvme_iov_iter *iter)
{
	while (iter->niov > 0 && iter->done == iter->iov->iov_len) {
		iter->iov++;
		iter->niov--;
		iter->done = 0;
	}
}

int nvme_iov_next(struct nvme_iov_iter *iter, uint64_t *iova, size_t *len)
{
	uint64_t more;
	size_t n;

	skip_empty(iter);
	if (iter->niov <= 0)
		return 0;
	if ((uintptr_t)iter->iov->iov_base > UINTPTR_MAX - iter->iov->iov_len) {
		errno = EINVAL;
		vfn_error_set("a piece of memory at %p wraps around", iter->iov->iov_base);
		return -1;
	}

	if (translate(iter, iova, len))
		return -1;
	iter->done += *len;

	for (skip_empty(iter); iter->niov > 0; skip_empty(iter)) {
		if (translate(iter, &more, &n))
			return -1;
		if (more != *iova + *len)
			break;
		*len += n;
		iter->done += n;
	}
	return 1;
}
