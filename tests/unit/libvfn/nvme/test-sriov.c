/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 64 bytes of commands about secondary controllers and about the host memory buffer, with
 * libnvme's headers as the second opinion; and what becomes of the answers. The functions that
 * execute admin commands are the test's own.
 */
#include <libnvme.h>

#include "unit.h"

#include "iommu/context.h"
#include "nvme/internal.h"

static struct {
	union nvme_cmd cmd[8]; /* what was executed */
	size_t len[8];
	int n;
	int err; /* what the next one fails with */
	uint32_t dw0;
	struct nvme_secondary_ctrl_list lists[3]; /* answers, by number of the command */
	struct nvme_primary_ctrl_cap caps;
	struct nvme_id_ctrl id;
} fake;

static struct nvme_ctrl ctrl;
static struct nvme_ctrl_priv priv;

int nvme_admin(struct nvme_ctrl *c, union nvme_cmd *cmd, void *buf, size_t len,
	       struct nvme_cqe *cqe)
{
	int i = fake.n++;

	ck_assert_int_lt(i, 8);
	fake.cmd[i] = *cmd;
	fake.len[i] = len;
	if (fake.err) {
		errno = fake.err;
		return -1;
	}
	if (cmd->opcode == nvme_admin_identify && cmd->identify.cns == NVME_IDENTIFY_CNS_CTRL)
		memcpy(buf, &fake.id, sizeof(fake.id));
	if (cmd->opcode == nvme_admin_identify &&
	    cmd->identify.cns == NVME_IDENTIFY_CNS_PRIMARY_CTRL_CAP)
		memcpy(buf, &fake.caps, sizeof(fake.caps));
	if (cmd->opcode == nvme_admin_identify &&
	    cmd->identify.cns == NVME_IDENTIFY_CNS_SECONDARY_CTRL_LIST) {
		memset(buf, 0, len);
		memcpy(buf, &fake.lists[i], sizeof(fake.lists[i]));
	}
	if (cqe)
		*cqe = (struct nvme_cqe){.dw0 = cpu_to_le32(fake.dw0)};
	return 0;
}

int nvme_sync(struct nvme_ctrl *c, struct nvme_sq *sq, union nvme_cmd *cmd, void *buf, size_t len,
	      struct nvme_cqe *cqe)
{
	ck_abort_msg("no command of a queue");
	return -1;
}

int nvme_aer(struct nvme_ctrl *c, void *opaque)
{
	ck_abort_msg("no event");
	return -1;
}

static void setup(void)
{
	logv_set(VFN_LOG_NONE);
	memset(&fake, 0, sizeof(fake));
	memset(&priv, 0, sizeof(priv));
	memset(&ctrl, 0, sizeof(ctrl));
	ctrl.priv = &priv;
	ctrl.pci.bdf = "fake";
	ctrl.pci.dev.ctx = iommu_ctx_new();
}

static void teardown(void)
{
	nvme_hmb_free(&ctrl);
	ck_assert_uint_eq(iommu_mappings(ctrl.pci.dev.ctx), 0);
	iommu_put_context(ctrl.pci.dev.ctx);
}

/* Command number `i` is `want`, a passthrough command of the kernel's, in all of its bytes. */
static void is(int i, const struct nvme_passthru_cmd *want)
{
	struct nvme_passthru_cmd have;

	memcpy(&have, &fake.cmd[i], 64);
	ck_assert_mem_eq(&have, want, 64);
}

START_TEST(test_manage)
{
	struct nvme_passthru_cmd want = {.opcode = nvme_admin_virtual_mgmt};
	uint16_t nrm;

	fake.dw0 = 0xabcd0003;
	ck_assert_int_eq(nvme_sriov_assign(&ctrl, 0x1234, NVME_SRIOV_VI, 0x5678, &nrm), 0);
	ck_assert_uint_eq(nrm, 3);
	want.cdw10 = NVME_VIRT_MGMT_ACT_ASSIGN_SEC_CTRL | NVME_VIRT_MGMT_RT_VI_RESOURCE << 8 |
		     0x1234u << 16;
	want.cdw11 = 0x5678;
	is(0, &want);
	ck_assert_int_eq(nvme_sriov_assign(&ctrl, 0xffff, NVME_SRIOV_VQ, 1, NULL), 0);
	want.cdw10 = NVME_VIRT_MGMT_ACT_ASSIGN_SEC_CTRL | 0xffffu << 16;
	want.cdw11 = 1;
	is(1, &want);
	ck_assert_int_eq(nvme_sriov_online(&ctrl, 7), 0);
	want.cdw10 = NVME_VIRT_MGMT_ACT_ONLINE_SEC_CTRL | 7 << 16;
	want.cdw11 = 0;
	is(2, &want);
	ck_assert_int_eq(nvme_sriov_offline(&ctrl, 7), 0);
	want.cdw10 = NVME_VIRT_MGMT_ACT_OFFLINE_SEC_CTRL | 7 << 16;
	is(3, &want);

	/* the primary controller's own identifier is asked for */
	fake.caps.cntlid = cpu_to_le16(9);
	ck_assert_int_eq(nvme_sriov_primary(&ctrl, NVME_SRIOV_VQ, 6, NULL), 0);
	want.cdw10 = NVME_VIRT_MGMT_ACT_PRIM_CTRL_FLEX_ALLOC | 9 << 16;
	want.cdw11 = 6;
	is(5, &want);
	ck_assert_uint_eq(fake.len[5], 0);
	fake.err = EIO;
	ck_assert_int_eq(nvme_sriov_online(&ctrl, 7), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(nvme_sriov_primary(&ctrl, NVME_SRIOV_VQ, 6, NULL), -1);
}
END_TEST

START_TEST(test_caps)
{
	struct nvme_passthru_cmd want = {.opcode = nvme_admin_identify,
					 .cdw10 = NVME_IDENTIFY_CNS_PRIMARY_CTRL_CAP};
	struct nvme_primary_ctrl_cap *c = &fake.caps;
	struct nvme_sriov_caps caps;

	*c = (struct nvme_primary_ctrl_cap){.cntlid = 0x102,
					    .portid = 3,
					    .crt = 2,
					    .vqfrt = 0x10004,
					    .vqrfa = 5,
					    .vqrfap = 6,
					    .vqprt = 7,
					    .vqfrsm = 8,
					    .vqgran = 9,
					    .vifrt = 10,
					    .virfa = 0x1000b,
					    .virfap = 12,
					    .viprt = 13,
					    .vifrsm = 14,
					    .vigran = 15};
	ck_assert_int_eq(nvme_sriov_caps(&ctrl, &caps), 0);
	is(0, &want);
	ck_assert_uint_eq(fake.len[0], 4096);
	ck_assert_uint_eq(caps.cntlid, 0x102);
	ck_assert(!caps.vq_flexible && caps.vi_flexible);
	ck_assert_uint_eq(caps.vq.flexible, 0x10004);
	ck_assert_uint_eq(caps.vq.assigned, 5);
	ck_assert_uint_eq(caps.vq.primary_flexible, 6);
	ck_assert_uint_eq(caps.vq.primary_private, 7);
	ck_assert_uint_eq(caps.vq.secondary_max, 8);
	ck_assert_uint_eq(caps.vq.granularity, 9);
	ck_assert_uint_eq(caps.vi.flexible, 10);
	ck_assert_uint_eq(caps.vi.assigned, 0x1000b);
	ck_assert_uint_eq(caps.vi.primary_flexible, 12);
	ck_assert_uint_eq(caps.vi.primary_private, 13);
	ck_assert_uint_eq(caps.vi.secondary_max, 14);
	ck_assert_uint_eq(caps.vi.granularity, 15);
}
END_TEST

static void put(int list, int i, uint16_t scid)
{
	fake.lists[list].sc_entry[i] = (struct nvme_secondary_ctrl){.scid = scid,
								    .pcid = 1,
								    .scs = scid & 1,
								    .vfn = (uint16_t)(scid - 1),
								    .nvq = (uint16_t)(scid + 2),
								    .nvi = (uint16_t)(scid + 3)};
	fake.lists[list].num = (uint8_t)(i + 1);
}

START_TEST(test_list)
{
	struct nvme_passthru_cmd want = {.opcode = nvme_admin_identify,
					 .cdw10 = NVME_IDENTIFY_CNS_SECONDARY_CTRL_LIST | 5 << 16};
	struct nvme_sriov_secondary list[300];

	/* none */
	ck_assert_int_eq(nvme_sriov_list(&ctrl, 5, list, 300), 0);
	is(0, &want);
	/* more than one list has */
	fake.n = 0;
	for (int i = 0; i < 127; i++)
		put(0, i, (uint16_t)(10 + i));
	for (int i = 0; i < 3; i++)
		put(1, i, (uint16_t)(1000 + 10 * i));
	ck_assert_int_eq(nvme_sriov_list(&ctrl, 5, list, 300), 130);
	ck_assert_int_eq(fake.n, 2);
	want.cdw10 = NVME_IDENTIFY_CNS_SECONDARY_CTRL_LIST | 137 << 16;
	is(1, &want);
	ck_assert_uint_eq(list[0].cntlid, 10);
	ck_assert_uint_eq(list[126].cntlid, 136);
	ck_assert_uint_eq(list[129].cntlid, 1020);
	ck_assert_uint_eq(list[129].primary, 1);
	ck_assert_uint_eq(list[129].vf, 1019);
	ck_assert_uint_eq(list[129].nvq, 1022);
	ck_assert_uint_eq(list[129].nvi, 1023);
	ck_assert(!list[0].online && list[1].online);
	fake.n = 0;
	ck_assert_int_eq(nvme_sriov_list(&ctrl, 5, list, 4), 4);
	ck_assert_int_eq(fake.n, 1);
	/* one that goes backwards would have no end */
	fake.n = 0;
	put(0, 3, 11);
	fake.lists[0].num = 127;
	ck_assert_int_eq(nvme_sriov_list(&ctrl, 5, list, 300), -1);
	ck_assert_int_eq(errno, EIO);
	/* a number that cannot be */
	fake.n = 0;
	put(0, 3, 13);
	fake.lists[0].num = 255;
	ck_assert_int_eq(nvme_sriov_list(&ctrl, 5, list, 127), 127);
	fake.n = 0;
	fake.err = ENODEV;
	ck_assert_int_eq(nvme_sriov_list(&ctrl, 5, list, 300), -1);
	ck_assert_int_eq(errno, ENODEV);
}
END_TEST

struct desc {
	uint64_t addr;
	uint32_t pages, rsvd;
};

static const struct iommu_mapping *found;

static int find(const struct iommu_mapping *m, void *opaque)
{
	uint64_t iova = *(uint64_t *)opaque;
	static struct iommu_mapping copy;

	if (iova < m->iova || iova - m->iova >= m->len)
		return 0;
	copy = *m;
	found = &copy;
	return 1;
}

START_TEST(test_hmb)
{
	struct nvme_passthru_cmd want = {.opcode = nvme_admin_set_features,
					 .cdw10 = NVME_FEAT_FID_HOST_MEM_BUF};
	const struct desc *desc;
	union nvme_cmd again;
	uint64_t list, at;

	fake.id.hmpre = cpu_to_le32(64);
	fake.id.hmmin = cpu_to_le32(16);
	fake.id.hmminds = cpu_to_le32(3); /* not a power of two */
	fake.id.hmmaxd = cpu_to_le16(9);
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, 0, 50000), 0);
	list = fake.cmd[1].features.cdw13 | (uint64_t)fake.cmd[1].features.cdw14 << 32;
	ck_assert_int_eq(iommu_for_each_mapping(__iommu_ctx(&ctrl), find, &list), 1);
	want.cdw11 = 1;
	want.cdw12 = 66; /* 64 rounded up to what the smallest pieces make */
	want.cdw13 = (uint32_t)list;
	want.cdw14 = list >> 32;
	want.cdw15 = 5;
	is(1, &want);
	ck_assert_uint_eq(list % 16, 0);
	/* five pieces: four of 15 pages, and the rest; each mapped for the controller */
	desc = (const struct desc *)((char *)found->vaddr + (list - found->iova));
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(desc[i].pages, i < 4 ? 15 : 6);
		ck_assert_uint_eq(desc[i].rsvd, 0);
		ck_assert_uint_eq(desc[i].addr % 4096, 0);
		at = desc[i].addr + desc[i].pages * 4096ull - 1;
		ck_assert_int_eq(iommu_for_each_mapping(__iommu_ctx(&ctrl), find, &at), 1);
	}

	/* given back as it was */
	ck_assert_int_eq(nvme_hmb_pause(&ctrl), 0);
	ck_assert_int_eq(nvme_hmb_return(&ctrl, true), 0);
	is(2, &(struct nvme_passthru_cmd){.opcode = nvme_admin_set_features,
					  .cdw10 = NVME_FEAT_FID_HOST_MEM_BUF});
	want.cdw11 = 3;
	is(3, &want);
	nvme_hmb_forgotten(&ctrl);
	ck_assert(nvme_hmb_prep_return(&ctrl, &again));
	ck_assert_mem_eq(&again, &fake.cmd[3], 64);

	/* without an answer nobody knows whether the controller has let go: the memory stays */
	fake.err = ETIMEDOUT;
	ck_assert_int_eq(nvme_hmb_disable(&ctrl), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_uint_eq(iommu_mappings(__iommu_ctx(&ctrl)), 6);
	/* until it is disabled */
	nvme_hmb_forgotten(&ctrl);
	ck_assert_int_eq(nvme_hmb_disable(&ctrl), 0);
	ck_assert_uint_eq(iommu_mappings(__iommu_ctx(&ctrl)), 0);
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, 0, 0), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_ptr_null(priv.hmb);
}
END_TEST

UNIT_MAIN("nvme-sriov", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_manage);
	tcase_add_test(tc, test_caps);
	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_hmb);
})
