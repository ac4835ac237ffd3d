// SPDX-License-Identifier: GPL-2.0-or-later
/* Mappings in the context of a device, in one that devices share by name, and by the older names.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <vfn/iommu.h>
#include <vfn/nvme.h>
#include <vfn/vfio.h>

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #cond, errno);       \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static int mappings(struct iommu_ctx *ctx)
{
	struct iommu_iova_range *ranges = NULL;
	uint64_t iova, low, high, at;
	const size_t page = __VFN_PAGESIZE;
	size_t len;
	char *mem;
	int n;

	n = iommu_get_iova_ranges(ctx, &ranges);
	CHECK(n > 0 && ranges[0].start <= ranges[0].last);
	CHECK(pgmapn((void **)&mem, 8, page) == (ssize_t)(8 * page));
	CHECK(!iommu_map_vaddr(ctx, mem, 2 * page, &low, 0x0));
	CHECK(!iommu_map_vaddr(ctx, mem + 2 * page, page, &high, IOMMU_MAP_EPHEMERAL));
	CHECK(high > low);
	CHECK(iommu_translate_vaddr(ctx, mem + page + 17, &at) && at == low + page + 17);
	iova = low + 16 * page;
	CHECK(!iommu_map_vaddr(ctx, mem + 3 * page, page, &iova,
			       IOMMU_MAP_FIXED_IOVA | IOMMU_MAP_NOWRITE));
	CHECK(iova == low + 16 * page);
	CHECK(!iommu_map_vaddr(ctx, mem + 4 * page, page, NULL, IOMMU_MAP_NOREAD));
	/* within a mapping, and across its end */
	CHECK(!iommu_map_vaddr(ctx, mem + page, page, &at, 0) && at == low + page);
	CHECK(iommu_map_vaddr(ctx, mem + 4 * page, 2 * page, &at, 0) == -1 && errno == EEXIST);
	CHECK(!iommu_unmap_vaddr(ctx, mem, &len) && len == 2 * page);
	CHECK(!iommu_translate_vaddr(ctx, mem, &at));
	CHECK(!iommu_map_vaddr(ctx, mem + 6 * page, 2 * page, &at, 0) && at == low);
	CHECK(!iommu_unmap_all(ctx));
	pgunmap(mem, 8 * page);
	free(ranges);
	return 0;
}

int main(int argc, char **argv)
{
	struct iommu_ctx *shared = iommu_get_context("shared");
	struct vfio_container *container;
	static struct nvme_ctrl ctrl;
	uint64_t iova;
	void *mem;
	ssize_t len;

	CHECK(argc >= 2);
	CHECK(shared && iommu_get_context("shared") == shared);

	/* The context that is set before is the one that the device goes into. */
	ctrl.pci.dev.ctx = shared;
	CHECK(!nvme_init(&ctrl, argv[1], NULL));
	CHECK(__iommu_ctx(&ctrl) == shared && __iommu_ctx(&ctrl.pci) == shared);
	CHECK(!mappings(iommu_get_context("another")));
	{
		size_t left;

		CHECK((len = pgmap(&mem, 1)) == (ssize_t)__VFN_PAGESIZE);
		CHECK(!iommu_map_vaddr(shared, mem, len, &iova, 0));
		CHECK(!iommu_unmap_vaddr(__iommu_ctx(&ctrl), mem, &left) && left == (size_t)len);
	}
	nvme_close(&ctrl);

	/* Nobody has set it: whatever is there is not taken for a context. */
	memset(&ctrl, 0x5a, sizeof(ctrl));
	CHECK(!nvme_init(&ctrl, argv[1], NULL) && __iommu_ctx(&ctrl) != shared);
	nvme_close(&ctrl);

	container = vfio_new();
	CHECK(container);
	CHECK(!vfio_map_vaddr(container, mem, len, &iova));
	CHECK(!vfio_unmap_vaddr(container, mem, NULL));
	ctrl.pci.dev.ctx = (struct iommu_ctx *)container;
	CHECK(!nvme_init(&ctrl, argv[1], NULL));
	CHECK(!vfio_map_vaddr(container, mem, len, &iova));
	CHECK(iommu_translate_vaddr(__iommu_ctx(&ctrl), mem, &iova));
	nvme_close(&ctrl);
	return 0;
}
