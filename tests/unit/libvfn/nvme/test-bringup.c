/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bring-up against controllers of every kind, and against broken ones. */
#include "fake-ctrl.h"

START_TEST(test_plain)
{
	struct nvme_ctrl ctrl;

	fake.cmbmsc = 0x1234003;
	fake.ready_after = 5;
	fake.command = PCI_COMMAND_MEMORY;
	works(&ctrl, NULL);
	ck_assert_uint_eq(fake.cc, CC_EN | CC_IOSQES(6) | CC_IOCQES(4));
	ck_assert_uint_eq(fake.aqa & 0xfff, fake.aqa >> 16);
	ck_assert_uint_eq(fake.asq, ctrl.adminq.sq->iova);
	ck_assert_uint_eq(fake.acq, ctrl.adminq.cq->iova);
	ck_assert_uint_ge(fake.asq, 65536);
	ck_assert_int_eq(ctrl.config.mqes, 127);
	ck_assert_int_eq(ctrl.config.mdts, 5);
	ck_assert_uint_eq(ctrl.flags, 0);
	ck_assert_uint_eq(fake.opcodes[OPC_DBBUF_CONFIG], 0);
	/* it has no controller memory buffer: the register is not its */
	ck_assert_uint_eq(fake.cmbmsc, 0x1234003);
	nvme_close(&ctrl);
	ck_assert_uint_eq(fake.cc & CC_EN, 0);
	ck_assert(!fake.reset);
}
END_TEST

START_TEST(test_kinds)
{
	struct nvme_ctrl_opts opts = {9, 7, 0};
	struct nvme_ctrl ctrl;
	union nvme_cmd cmd;

	/* fewer queues than asked for; more are not taken */
	fake.granted = 3 << 16 | 5;
	works(&ctrl, &opts);
	ck_assert_int_eq(ctrl.config.nsqa, 5);
	ck_assert_int_eq(ctrl.config.ncqa, 3);
	nvme_close(&ctrl);
	fake.granted = 0xfffefffe;
	works(&ctrl, &opts);
	ck_assert_int_eq(ctrl.config.nsqa, 9);
	ck_assert_int_eq(ctrl.config.ncqa, 7);
	nvme_close(&ctrl);

	/* all command sets; doorbells 32 bytes apart; a memory buffer that somebody left on */
	fake.cap = CAP(127, 1, 3, 0x41, 0, 4) | 1ull << 57;
	fake.cmbmsc = 3;
	fake.sgls = 1;
	works(&ctrl, &opts);
	ck_assert_uint_eq(fake.cc >> 4 & 7, 6);
	ck_assert_uint_eq(fake.cmbmsc, 0);
	ck_assert_uint_eq(ctrl.flags, NVME_CTRL_F_SGLS_SUPPORTED);
	ck_assert_int_eq(nvme_prep_create_iocq(&ctrl, 2, 16, 1, &cmd), 0);
	ck_assert_uint_eq(ctrl.cq[2].kick_offset, 0x1000 + 5 * 32);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_cq.qflags), NVME_Q_PC | NVME_CQ_IEN);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_cq.iv), 1);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_cq.qsize), 15);
	ck_assert_int_eq(nvme_prep_create_iosq(&ctrl, 3, 16, &ctrl.cq[2], NVME_SQ_QPRIO_HIGH, &cmd),
			 0);
	ck_assert_uint_eq(ctrl.sq[3].kick_offset, 0x1000 + 6 * 32);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_sq.qflags), NVME_Q_PC | NVME_SQ_QPRIO_HIGH);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_sq.cqid), 2);
	nvme_close(&ctrl);

	/* SGLs of dwords; shadow doorbells, unless they are known to be broken */
	fake.cap = CAP(127, 1, 0, 1, 0, 4);
	fake.sgls = 2;
	fake.oacs = OACS_DBBUF;
	works(&ctrl, &opts);
	ck_assert_uint_eq(ctrl.flags,
			  NVME_CTRL_F_SGLS_SUPPORTED | NVME_CTRL_F_SGLS_DWORD_ALIGNMENT);
	ck_assert_uint_eq(fake.opcodes[OPC_DBBUF_CONFIG], 1);
	ck_assert_ptr_nonnull(ctrl.adminq.sq->dbbuf.doorbell);
	/* the admin queue's values so far are in the new doorbells */
	ck_assert_uint_eq(*(leint32_t *)ctrl.adminq.sq->dbbuf.doorbell, ctrl.adminq.sq->tail);
	ck_assert_uint_eq(*(leint32_t *)ctrl.adminq.cq->dbbuf.doorbell, ctrl.adminq.cq->head);
	nvme_close(&ctrl);
	opts.quirks = NVME_QUIRK_BROKEN_DBBUF;
	works(&ctrl, &opts);
	ck_assert_uint_eq(fake.opcodes[OPC_DBBUF_CONFIG], 1);
	nvme_close(&ctrl);
}
END_TEST

START_TEST(test_administrative)
{
	struct nvme_ctrl ctrl;

	fake.cap = CAP(127, 1, 0, 0x80, 0, 4);
	works(&ctrl, NULL);
	ck_assert_uint_eq(fake.cc >> 4 & 7, 7);
	ck_assert_uint_eq(ctrl.flags, NVME_CTRL_F_ADMINISTRATIVE);
	ck_assert_uint_eq(fake.opcodes[OPC_SET_FEATURES], 0);
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	nvme_close(&ctrl);

	/* one that has command sets, and could be enabled without them, has I/O queues */
	fake.cap = CAP(127, 1, 0, 0xc1, 0, 4);
	works(&ctrl, NULL);
	ck_assert_uint_eq(fake.cc >> 4 & 7, 6);
	ck_assert_uint_eq(ctrl.flags, 0);
	ck_assert_uint_eq(fake.opcodes[OPC_SET_FEATURES], 1);
	nvme_close(&ctrl);

	memset(fake.opcodes, 0, sizeof(fake.opcodes));
	fake.cap = CAP(127, 1, 0, 1, 0, 4);
	fake.cntrltype = CNTRLTYPE_ADMIN;
	works(&ctrl, NULL);
	ck_assert_uint_eq(ctrl.flags, NVME_CTRL_F_ADMINISTRATIVE);
	ck_assert_uint_eq(fake.opcodes[OPC_SET_FEATURES], 0);
	nvme_close(&ctrl);
}
END_TEST

START_TEST(test_page_sizes)
{
	struct nvme_ctrl ctrl;

	for (int mps = 1; mps <= 4; mps++) {
		fake.cap = CAP(127, 1, 0, 1, mps, 8);
		works(&ctrl, NULL);
		ck_assert_int_eq(ctrl.config.mps, mps);
		ck_assert_uint_eq(fake.cc >> 7 & 0xf, (unsigned int)mps);
		ck_assert_uint_eq(fake.asq % (4096u << mps), 0);
		ck_assert_uint_eq(fake.acq % (4096u << mps), 0);
		for (int i = 0; i < ctrl.adminq.sq->nrqs; i++)
			ck_assert_uint_eq(ctrl.adminq.sq->rqs[i].page.iova % (4096u << mps), 0);
		nvme_close(&ctrl);
	}
}
END_TEST

START_TEST(test_broken)
{
	uint64_t before;

	fake.cap = UINT64_MAX;
	fails(ENODEV, "all ones");
	healthy();
	fake.gone = true;
	fails(ENODEV, "all ones");
	ck_assert(fake.reset);
	ck_assert_uint_eq(fake.command & PCI_COMMAND_MASTER, 0);

	healthy();
	fake.gone_when_enabled = true;
	fails(ENODEV, "all ones");
	healthy();
	fake.dies_at_identify = true;
	fails(ENODEV, "Identify");
	healthy();
	fake.fatal = true;
	fails(EIO, "fatal");

	healthy();
	fake.never_ready = true;
	before = nvme_now();
	fails(ETIMEDOUT, "did not become ready within 1000 ms");
	ck_assert_uint_ge(nvme_now() - before, 500000000);
	ck_assert_uint_lt(nvme_now() - before, 4000000000);

	/* it may still be at work: its bus mastering goes before its memory does */
	healthy();
	fake.never_idle = true;
	fake.cc = CC_EN;
	fake.csts = CSTS_RDY;
	fails(ETIMEDOUT, "did not become disabled");
	ck_assert(fake.reset);
	ck_assert_uint_eq(fake.command & PCI_COMMAND_MASTER, 0);

	healthy();
	fake.cap = CAP(127, 1, 0, 0x02, 0, 4);
	fails(ENOTSUP, "no command set");
	healthy();
	fake.cap = CAP(127, 1, 0, 1, 5, 4);
	fails(ENOTSUP, "MPSMIN");
	healthy();
	fake.classcode = 0x020000;
	fails(ENODEV, "020000");
}
END_TEST

START_TEST(test_limits)
{
	struct nvme_ctrl ctrl;

	/* CAP.TO of 0, and the longer limit of CRTO where CAP.CRMS says that it is there */
	fake.cap = CAP(127, 0, 0, 1, 0, 4);
	works(&ctrl, NULL);
	ck_assert_uint_eq(ctrl.priv->ready_ms, 500);
	nvme_close(&ctrl);
	fake.cap = CAP(127, 255, 0, 1, 0, 4) | 1ull << 59;
	fake.crto = 0xffff0000 | 400;
	works(&ctrl, NULL);
	ck_assert_uint_eq(ctrl.priv->ready_ms, 200500);
	nvme_close(&ctrl);
	fake.crto = 3;
	works(&ctrl, NULL);
	ck_assert_uint_eq(ctrl.priv->ready_ms, 128000);
	nvme_close(&ctrl);
}
END_TEST

/* An earlier owner enabled it and died at once: it must be let become ready before it is disabled.
 */
START_TEST(test_settles)
{
	struct nvme_ctrl ctrl;

	fake.cc = CC_EN;
	fake.countdown = 8;
	works(&ctrl, NULL);
	ck_assert_uint_eq(fake.cc_before_ready, 0);
	nvme_close(&ctrl);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-bringup");
	TCase *tc = tcase_create("nvme-bringup");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_plain);
	tcase_add_test(tc, test_kinds);
	tcase_add_test(tc, test_administrative);
	tcase_add_test(tc, test_page_sizes);
	tcase_add_test(tc, test_broken);
	tcase_add_test(tc, test_limits);
	tcase_add_test(tc, test_settles);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
