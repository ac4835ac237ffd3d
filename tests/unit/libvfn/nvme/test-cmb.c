/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The controller memory buffer against controllers of every kind. Registers, configuration space
 * and BARs are the test's own here: the functions that reach them replace the library's.
 */
#include "unit.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>

#include "iommu/context.h"
#include "iommu/window.h"
#include "nvme/internal.h"
#include "nvme/regs.h"

#define MIB (1ull << 20)
#define BAR 0x80000000ull /* the address of BAR2 */

static struct fake {
	uint32_t cmbloc, cmbsz; /* what it has */
	uint64_t bar;		/* of BAR2, as the configuration space says */
	uint64_t cba_limit;	/* the addresses it can have end here */
	bool always;		/* before NVMe 1.4 */
	bool gone, unmappable;

	uint64_t cmbmsc;
	bool invalid; /* CMBSTS.CBAI */
	int mapped;
	uint64_t map_offset;
	size_t map_len;
	int low_writes; /* of CMBMSC with the enable bits */
} fake;

static struct nvme_ctrl ctrl;
static struct nvme_ctrl_priv priv;

int nvme_reg_read32(struct nvme_ctrl *c, uint64_t offset, uint32_t *value)
{
	bool told = fake.always || (fake.cmbmsc & CMBMSC_CRE);

	switch (offset) {
	case REG_CMBLOC:
		*value = told ? fake.cmbloc : 0;
		break;
	case REG_CMBSZ:
		*value = told ? fake.cmbsz : 0;
		break;
	case REG_CMBSTS:
		*value = fake.invalid ? CMBSTS_CBAI : 0;
		break;
	default:
		ck_abort_msg("read at %#llx", (unsigned long long)offset);
	}
	if (fake.gone)
		*value = UINT32_MAX;
	return 0;
}

/* The address is looked at when the lower half is written, as QEMU does. */
int nvme_reg_write32(struct nvme_ctrl *c, uint64_t offset, uint32_t value)
{
	uint64_t base;

	ck_assert(!fake.always);
	if (offset == REG_CMBMSC + 4) {
		fake.cmbmsc = (uint32_t)fake.cmbmsc | (uint64_t)value << 32;
		return 0;
	}
	ck_assert_uint_eq(offset, REG_CMBMSC);
	fake.cmbmsc = (fake.cmbmsc & ~0xffffffffull) | value;
	base = fake.cmbmsc & ~0xfffull;
	fake.invalid = (value & CMBMSC_CMSE) && base >= fake.cba_limit;
	fake.low_writes += (value & CMBMSC_CMSE) != 0;
	return 0;
}

int nvme_reg_read64(struct nvme_ctrl *c, uint64_t offset, uint64_t *value)
{
	ck_abort_msg("read at %#llx", (unsigned long long)offset);
	return -1;
}

int nvme_reg_write64(struct nvme_ctrl *c, uint64_t offset, uint64_t value)
{
	ck_abort_msg("write at %#llx", (unsigned long long)offset);
	return -1;
}

int vfio_pci_open(struct vfio_pci_device *pci, const char *bdf)
{
	return -1;
}

void vfio_pci_close(struct vfio_pci_device *pci)
{
}

int vfio_pci_import(struct vfio_pci_device *pci, const char *bdf, const struct vfio_takeover *from)
{
	return -1;
}

int vfio_pci_export(struct vfio_pci_device *pci, struct vfio_takeover *to)
{
	return -1;
}

void *vfio_pci_map_bar(struct vfio_pci_device *pci, int idx, size_t len, uint64_t offset, int prot)
{
	void *mem;

	ck_assert_int_eq(idx, 2);
	ck_assert_uint_le(offset + len, pci->bar_region_info[2].size);
	if (fake.unmappable) {
		errno = ENOTSUP;
		return NULL;
	}
	mem = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(mem, MAP_FAILED);
	fake.mapped++;
	fake.map_offset = offset;
	fake.map_len = len;
	return mem;
}

void vfio_pci_unmap_bar(struct vfio_pci_device *pci, int idx, void *mem, size_t len,
			uint64_t offset)
{
	ck_assert_int_eq(idx, 2);
	ck_assert_uint_eq(len, fake.map_len);
	ck_assert_uint_eq(offset, fake.map_offset);
	fake.mapped--;
	munmap(mem, len);
}

static uint32_t *bar_register(off_t offset)
{
	static uint32_t low, high;

	ck_assert(offset == PCI_BASE_ADDRESS_2 || offset == PCI_BASE_ADDRESS_3);
	low = (uint32_t)fake.bar | PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH;
	high = (uint32_t)(fake.bar >> 32);
	return offset == PCI_BASE_ADDRESS_2 ? &low : &high;
}

ssize_t vfio_pci_read_config(struct vfio_pci_device *pci, void *buf, size_t len, off_t offset)
{
	ck_assert_uint_eq(len, 4);
	memcpy(buf, bar_register(offset), 4);
	return 4;
}

ssize_t vfio_pci_write_config(struct vfio_pci_device *pci, const void *buf, size_t len,
			      off_t offset)
{
	uint32_t v;

	ck_assert_uint_eq(len, 4);
	memcpy(&v, buf, 4);
	if (offset == PCI_BASE_ADDRESS_2)
		fake.bar = (fake.bar >> 32 << 32) | (v & ~0xfu);
	else
		fake.bar = (uint32_t)fake.bar | (uint64_t)v << 32;
	return 4;
}

static void setup(void)
{
	logv_set(VFN_LOG_NONE);
	memset(&fake, 0, sizeof(fake));
	memset(&priv, 0, sizeof(priv));
	memset(&ctrl, 0, sizeof(ctrl));
	/* 16 units of 64 KiB at the fourth of them in BAR2 */
	fake.cmbloc = 2 | 4 << 12;
	fake.cmbsz = 0x1f | 1 << 8 | 16 << 12;
	fake.bar = BAR;
	fake.cba_limit = UINT64_MAX;
	ctrl.priv = &priv;
	priv.ctrl = &ctrl;
	priv.cap = 1ull << 57;
	priv.vs = NVME_VERSION(1, 4, 0);
	ctrl.pci.bdf = "fake";
	ctrl.pci.bar_region_info[2].size = 2 * MIB;
	ctrl.pci.dev.ctx = iommu_ctx_new();
	ck_assert_ptr_nonnull(ctrl.pci.dev.ctx);
}

static void teardown(void)
{
	nvme_cmb_close(&ctrl);
	ck_assert_ptr_null(priv.cmb);
	ck_assert_ptr_null(ctrl.pci.dev.ctx->windows);
	ck_assert_int_eq(fake.mapped, 0);
	ck_assert_uint_eq(fake.cmbmsc, 0);
	iommu_put_context(ctrl.pci.dev.ctx);
}

static bool taken(uint64_t iova)
{
	void *mem = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r;

	errno = 0;
	r = iommu_map_vaddr(ctrl.pci.dev.ctx, mem, 4096, &iova, IOMMU_MAP_FIXED_IOVA);
	if (r)
		ck_assert_int_eq(errno, EADDRINUSE);
	else
		ck_assert_int_eq(iommu_unmap_vaddr(ctrl.pci.dev.ctx, mem, NULL), 0);
	munmap(mem, 4096);
	return r;
}

START_TEST(test_on_off)
{
	struct nvme_cmb cmb;
	uint64_t iova;

	for (int i = 0; i < 3; i++) {
		ck_assert_msg(!nvme_cmb_enable(&ctrl, i ? &cmb : NULL), "%s", vfn_error());
		if (!i)
			cmb = (struct nvme_cmb){0};
		ck_assert_uint_eq(fake.cmbmsc, (BAR + 4 * 65536) | CMBMSC_CMSE | CMBMSC_CRE);
		ck_assert_uint_eq(fake.map_offset, 4 * 65536);
		ck_assert_uint_eq(fake.map_len, MIB);
		ck_assert_int_eq(nvme_cmb_enable(&ctrl, NULL), -1);
		ck_assert_int_eq(errno, EBUSY);
		if (i) {
			ck_assert_uint_eq(cmb.iova, BAR + 4 * 65536);
			ck_assert_uint_eq(cmb.size, MIB);
			ck_assert_uint_eq(cmb.flags, 0x1f);
			/* its addresses are known, and taken */
			ck_assert(iommu_translate_vaddr(__iommu_ctx(&ctrl), (char *)cmb.vaddr + 5,
							&iova));
			ck_assert_uint_eq(iova, cmb.iova + 5);
			ck_assert(iommu_translate_vaddr(__iommu_ctx(&ctrl),
							(char *)cmb.vaddr + MIB - 1, &iova));
			ck_assert(!iommu_translate_vaddr(__iommu_ctx(&ctrl),
							 (char *)cmb.vaddr + MIB, &iova));
			ck_assert(taken(cmb.iova) && taken(cmb.iova + MIB - 4096));
			ck_assert(!taken(cmb.iova - 4096) && !taken(cmb.iova + MIB));
			/* it is no mapping, and is not made one */
			ck_assert_uint_eq(iommu_mappings(__iommu_ctx(&ctrl)), 0);
			ck_assert_int_eq(
				iommu_map_vaddr(__iommu_ctx(&ctrl), cmb.vaddr, 4096, &iova, 0), 0);
			ck_assert_uint_eq(iova, cmb.iova);
			ck_assert_uint_eq(iommu_mappings(__iommu_ctx(&ctrl)), 0);
			ck_assert_int_eq(
				iommu_map_vaddr(__iommu_ctx(&ctrl), cmb.vaddr, 2 * MIB, &iova, 0),
				-1);
			ck_assert_int_eq(errno, EEXIST);
			ck_assert_int_eq(iommu_unmap_vaddr(__iommu_ctx(&ctrl), cmb.vaddr, NULL),
					 -1);
			ck_assert_int_eq(iommu_unmap_all(__iommu_ctx(&ctrl)), 0);
			ck_assert(taken(cmb.iova));
		}
		ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);
		ck_assert_uint_eq(fake.cmbmsc, 0);
		ck_assert_int_eq(fake.mapped, 0);
		ck_assert(!taken(BAR + 4 * 65536));
		ck_assert(!i || !iommu_translate_vaddr(__iommu_ctx(&ctrl), cmb.vaddr, &iova));
		ck_assert_int_eq(nvme_cmb_disable(&ctrl), -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_int_eq(nvme_cmb_attach(&ctrl), 0);
	ck_assert_ptr_null(priv.cmb);
}
END_TEST

/* The address of the BAR is mapped to memory, or the controller cannot have it: another one then.
 */
START_TEST(test_other_place)
{
	void *mem = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t iova = BAR + 4 * 65536 + MIB - 4096;
	struct nvme_cmb cmb;

	ck_assert_int_eq(
		iommu_map_vaddr(__iommu_ctx(&ctrl), mem, 4096, &iova, IOMMU_MAP_FIXED_IOVA), 0);
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	ck_assert(cmb.iova + MIB <= BAR || cmb.iova >= BAR + 4 * MIB);
	ck_assert_uint_eq(fake.cmbmsc, cmb.iova | CMBMSC_CMSE | CMBMSC_CRE);
	ck_assert(taken(cmb.iova) && taken(cmb.iova + MIB - 4096));
	ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);
	ck_assert_int_eq(iommu_unmap_vaddr(__iommu_ctx(&ctrl), mem, NULL), 0);

	fake.cba_limit = BAR;
	fake.low_writes = 0;
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	ck_assert_uint_lt(cmb.iova, BAR);
	ck_assert_int_eq(fake.low_writes, 2);
	ck_assert(!taken(BAR + 4 * 65536));
	ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);

	fake.bar = 0;
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	ck_assert_uint_ge(cmb.iova, 0x10000);
	ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);

	fake.bar = BAR;
	fake.cba_limit = 0;
	ck_assert_int_eq(nvme_cmb_enable(&ctrl, &cmb), -1);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
	ck_assert_uint_eq(fake.cmbmsc, 0);
	munmap(mem, 4096);
}
END_TEST

static void enable_fails(int err)
{
	struct nvme_cmb cmb;

	errno = 0;
	ck_assert_int_eq(nvme_cmb_enable(&ctrl, &cmb), -1);
	ck_assert_msg(errno == err, "errno %d: %s", errno, vfn_error());
	ck_assert_ptr_null(priv.cmb);
	ck_assert_ptr_null(__iommu_ctx(&ctrl)->windows);
	ck_assert_int_eq(fake.mapped, 0);
	ck_assert_uint_eq(fake.cmbmsc & ~0xffffffff00000000ull, 0);
	fake.cmbmsc = 0;
}

START_TEST(test_unusable)
{
	struct nvme_cmb cmb;

	fake.unmappable = true;
	enable_fails(ENOTSUP);
	fake.unmappable = false;
	fake.gone = true;
	enable_fails(ENODEV);
	fake.gone = false;
	fake.cmbsz = 0x1f;
	enable_fails(ENOTSUP);
	fake.cmbsz = 0x1f | 7 << 8 | 1 << 12;
	enable_fails(ENOTSUP);
	fake.cmbsz = 0x1f | 1 << 8 | 16 << 12;
	fake.cmbloc = 6;
	enable_fails(ENOTSUP);
	fake.cmbloc = 2 | 32 << 12; /* where the BAR ends */
	enable_fails(ENOTSUP);
	fake.cmbloc = 2 | 31 << 12; /* its last 64 KiB */
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	ck_assert_uint_eq(cmb.size, 65536);
	ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);
	priv.cap = 0;
	enable_fails(ENOTSUP);
}
END_TEST

/* Before NVMe 1.4: it answers at the BAR's address from the beginning. */
START_TEST(test_always_on)
{
	struct nvme_cmb cmb;
	uint64_t iova = BAR + 4 * 65536;
	void *mem = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	priv.cap = 0;
	priv.vs = NVME_VERSION(1, 3, 0);
	fake.always = true;
	ck_assert_int_eq(nvme_cmb_attach(&ctrl), 0);
	ck_assert(taken(BAR + 4 * 65536) && !taken(BAR + 4 * 65536 - 4096));
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	ck_assert_uint_eq(cmb.iova, BAR + 4 * 65536);
	ck_assert_int_eq(nvme_cmb_again(&ctrl), 0);
	ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);
	ck_assert(taken(BAR + 4 * 65536));
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	nvme_cmb_close(&ctrl);
	ck_assert(!taken(BAR + 4 * 65536));

	/* memory is mapped there: it could not be reached */
	ck_assert_int_eq(
		iommu_map_vaddr(__iommu_ctx(&ctrl), mem, 4096, &iova, IOMMU_MAP_FIXED_IOVA), 0);
	ck_assert_int_eq(nvme_cmb_attach(&ctrl), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	nvme_cmb_close(&ctrl);
	ck_assert_int_eq(iommu_unmap_vaddr(__iommu_ctx(&ctrl), mem, NULL), 0);

	/* nobody has placed the BAR */
	fake.bar = 0;
	ck_assert_int_eq(nvme_cmb_attach(&ctrl), 0);
	ck_assert_uint_ne(fake.bar, 0);
	ck_assert_uint_eq(fake.bar % (2 * MIB), 0);
	ck_assert(taken(fake.bar + 4 * 65536));
	nvme_cmb_close(&ctrl);

	/* there is none: most controllers */
	fake.cmbsz = 0;
	ck_assert_int_eq(nvme_cmb_attach(&ctrl), 0);
	ck_assert_ptr_null(priv.cmb);
	munmap(mem, 4096);
}
END_TEST

START_TEST(test_pieces)
{
	struct nvme_cmb cmb;
	char *p[300];
	uint64_t iova;
	int n = 0;

	ck_assert_ptr_null(nvme_cmb_alloc(&ctrl, 1, NULL));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_cmb_enable(&ctrl, &cmb), 0);
	ck_assert_ptr_null(nvme_cmb_alloc(&ctrl, 0, NULL));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(nvme_cmb_alloc(&ctrl, MIB + 1, NULL));
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_ptr_null(nvme_cmb_alloc(&ctrl, SIZE_MAX, NULL));

	while ((p[n] = nvme_cmb_alloc(&ctrl, n % 2 ? 4096 : 1, &iova))) {
		ck_assert_uint_eq(iova % 4096, 0);
		ck_assert_uint_eq(iova - cmb.iova, (uint64_t)(p[n] - (char *)cmb.vaddr));
		for (int i = 0; i < n; i++)
			ck_assert_ptr_ne(p[i], p[n]);
		memset(p[n], n, 4096);
		n++;
	}
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(n, 256);
	ck_assert_int_eq(nvme_cmb_disable(&ctrl), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, p[7] + 4096 - 8), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, &n), -1);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, NULL), 0);
	/* two neighbours make room for two pages */
	ck_assert_int_eq(nvme_cmb_free(&ctrl, p[7]), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, p[7]), -1);
	ck_assert_ptr_null(nvme_cmb_alloc(&ctrl, 8192, NULL));
	ck_assert_int_eq(nvme_cmb_free(&ctrl, p[8]), 0);
	ck_assert_ptr_eq(nvme_cmb_alloc(&ctrl, 8192, NULL), p[7]);
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(i == 8 ? 0 : nvme_cmb_free(&ctrl, p[i]), 0);
	p[0] = nvme_cmb_alloc(&ctrl, MIB, NULL);
	ck_assert_ptr_eq(p[0], cmb.vaddr);
	/* closing takes the rest away */
	nvme_cmb_close(&ctrl);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, p[0]), 0);
}
END_TEST

/* A function reset clears CMBMSC: enabling the controller puts it back. */
START_TEST(test_again)
{
	struct nvme_cmb cmb;

	ck_assert_int_eq(nvme_cmb_again(&ctrl), 0);
	ck_assert_uint_eq(fake.cmbmsc, 0);
	ck_assert_int_eq(nvme_cmb_enable(&ctrl, &cmb), 0);
	fake.cmbmsc = 0;
	ck_assert_int_eq(nvme_cmb_again(&ctrl), 0);
	ck_assert_uint_eq(fake.cmbmsc, cmb.iova | CMBMSC_CMSE | CMBMSC_CRE);
}
END_TEST

UNIT_MAIN("nvme-cmb", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_on_off);
	tcase_add_test(tc, test_other_place);
	tcase_add_test(tc, test_unusable);
	tcase_add_test(tc, test_always_on);
	tcase_add_test(tc, test_pieces);
	tcase_add_test(tc, test_again);
})
