/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * data-rig - one tracker with a page that is mapped, and memory at IOVAs that are known
 */
#ifndef VFND_TESTS_DATA_RIG_H
#define VFND_TESTS_DATA_RIG_H

#include "fake-queue.h"

#define MIB (1024 * 1024)

struct rig {
	struct fake fake;
	struct nvme_rq *rq;
	struct iommu_ctx *ctx;
	struct nvme_mem pages;
	size_t pagesize;
};

static struct rig rig;

static inline void rig_setup(int mps)
{
	fake_init(&rig.fake, 4);
	rig.ctx = iommu_get_context("data-rig");
	ck_assert_ptr_nonnull(rig.ctx);
	rig.fake.ctrl.pci.dev.ctx = rig.ctx;
	rig.fake.ctrl.config.mps = mps;
	rig.pagesize = __mps_to_pagesize(mps);
	ck_assert_int_eq(nvme_mem_alloc(&rig.fake.ctrl, rig.pagesize, &rig.pages), 0);
	rig.rq = nvme_rq_acquire(rig.fake.sq);
	rig.rq->page.vaddr = rig.pages.vaddr;
	rig.rq->page.iova = rig.pages.iova;
}

static inline void rig_teardown(void)
{
	nvme_rq_free_lists(&rig.fake.ctrl, rig.rq);
	nvme_mem_free(&rig.fake.ctrl, &rig.pages);
	ck_assert_uint_eq(iommu_mappings(rig.ctx), 0);
	iommu_put_context(rig.ctx);
	fake_free(&rig.fake);
}

/* The list page at `iova` as the controller reads it. */
static inline void *list_page(uint64_t iova)
{
	if (iova - rig.pages.iova < rig.pagesize)
		return (char *)rig.pages.vaddr + (iova - rig.pages.iova);
	for (int meta = 0; meta < 2 && rig.rq->lists; meta++) {
		struct nvme_rq_list *list = meta ? rig.rq->lists->meta : rig.rq->lists;

		for (; list; list = list->next) {
			if (iova - list->mem.iova < rig.pagesize)
				return (char *)list->mem.vaddr + (iova - list->mem.iova);
		}
	}
	ck_abort_msg("a list at %#llx, where there is no memory", (unsigned long long)iova);
	return NULL;
}

#define AREA (64 * 4096)

/* Memory at two places, so that pieces are not neighbours as IOVAs unless they are meant to be. */
static inline char *mapped(uint64_t iova)
{
	void *mem;

	/* The page behind is not mapped for the device, wherever the next area comes to lie. */
	ck_assert_int_eq(pgmap(&mem, AREA + __VFN_PAGESIZE), AREA + __VFN_PAGESIZE);
	ck_assert_int_eq(iommu_map_vaddr(rig.ctx, mem, AREA, &iova, IOMMU_MAP_FIXED_IOVA), 0);
	return mem;
}

static inline void unmapped(void *mem)
{
	ck_assert_int_eq(iommu_unmap_vaddr(rig.ctx, mem, NULL), 0);
	ck_assert_int_eq(pgunmap(mem, AREA + __VFN_PAGESIZE), 0);
}

#define IOVA_A 0x20000000ull
#define IOVA_B 0x30000000ull

#endif
