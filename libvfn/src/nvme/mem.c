/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mem - memory for queues, lists and buffers that the library itself needs
 */
#include <errno.h>
#include <string.h>

#include "nvme/internal.h"

size_t nvme_page_alloc_size(const struct nvme_ctrl *ctrl)
{
	size_t size = __mps_to_pagesize(ctrl->config.mps);

	return size > __VFN_PAGESIZE ? size : __VFN_PAGESIZE;
}

int nvme_mem_alloc(struct nvme_ctrl *ctrl, size_t size, struct nvme_mem *mem)
{
	size_t align = nvme_page_alloc_size(ctrl);
	ssize_t len;

	/* IOVAs come aligned to the processor's page size; the controller's may be larger */
	if (align > __VFN_PAGESIZE)
		size += align - __VFN_PAGESIZE;

	memset(mem, 0, sizeof(*mem));
	len = pgmap(&mem->map, size);
	if (len < 0) {
		vfn_error_set("%s: no memory for %zu bytes: %s", nvme_name(ctrl), size,
			      strerror(errno));
		mem->map = NULL;
		return -1;
	}
	mem->map_len = (size_t)len;

	if (iommu_map_vaddr(__iommu_ctx(ctrl), mem->map, mem->map_len, &mem->map_iova, 0)) {
		int saved = errno;

		pgunmap(mem->map, mem->map_len);
		memset(mem, 0, sizeof(*mem));
		errno = saved;
		return -1;
	}

	mem->iova = ALIGN_UP(mem->map_iova, align);
	mem->vaddr = (char *)mem->map + (mem->iova - mem->map_iova);
	return 0;
}

void nvme_mem_free(struct nvme_ctrl *ctrl, struct nvme_mem *mem)
{
	if (!mem->map)
		return;

	/* a device that has died cannot answer; the mapping is forgotten all the same */
	if (iommu_unmap_vaddr(__iommu_ctx(ctrl), mem->map, NULL))
		log_debug("%s: unmapping %#llx: %s\n", nvme_name(ctrl),
			  (unsigned long long)mem->map_iova, strerror(errno));
	pgunmap(mem->map, mem->map_len);
	memset(mem, 0, sizeof(*mem));
}
