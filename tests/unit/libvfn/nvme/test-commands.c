/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 64 bytes of every command that the library sends by itself, as they are in its queue's
 * memory, and of those that its views are there for. Twice: against the specification's tables,
 * written out here byte by byte, and against what libnvme hands the kernel for the same request.
 */
#include "command-rig.h"

START_TEST(test_bringup)
{
	struct nvme_id_ctrl id;
	const union nvme_cmd *cmd = sent(0);
	uint32_t result;

	/* Identify Controller; its page went back */
	begin(0x06);
	field(2, 2, cmd->cid);
	field(24, 8, le64_to_cpu(cmd->dptr.prp1));
	ck_assert_uint_ne(le64_to_cpu(cmd->dptr.prp1), 0);
	ck_assert_uint_eq(le64_to_cpu(cmd->dptr.prp1) % 4096, 0);
	field(40, 1, 1);
	same(cmd);
	ck_assert_int_eq(nvme_identify_ctrl(0, &id), 0);
	libnvme_agrees(cmd);

	/* Set Features, Number of Queues: 0's based, completion queues in the upper half */
	cmd = sent(1);
	begin(0x09);
	field(2, 2, cmd->cid);
	field(40, 1, 7);
	field(44, 2, 5);
	field(46, 2, 9);
	same(cmd);
	ck_assert_int_eq(nvme_set_features_simple(0, NVME_FEAT_FID_NUM_QUEUES, 0, 9 << 16 | 5, false,
						  &result),
			 0);
	libnvme_agrees(cmd);

	/* Doorbell Buffer Config: shadow doorbells, event indices */
	cmd = sent(2);
	begin(nvme_admin_dbbuf);
	field(2, 2, cmd->cid);
	field(24, 8, ctrl.priv->dbbuf.iova);
	field(32, 8, ctrl.priv->eventidx.iova);
	same(cmd);
	ck_assert_uint_eq(ctrl.adminq.sq->tail, 3);
}
END_TEST

START_TEST(test_queues)
{
	const union nvme_cmd *cmd;
	union nvme_cmd own;

	ck_assert_int_eq(nvme_create_iocq(&ctrl, 3, 200, 2), 0);
	cmd = last();
	begin(nvme_admin_create_cq);
	field(2, 2, cmd->cid);
	field(24, 8, ctrl.cq[3].iova);
	field(40, 2, 3);
	field(42, 2, 199);
	field(44, 2, 1 | 2); /* PC, IEN */
	field(46, 2, 2);
	same(cmd);

	ck_assert_int_eq(nvme_create_iosq(&ctrl, 4, 100, &ctrl.cq[3], NVME_SQ_QPRIO_MEDIUM), 0);
	cmd = last();
	begin(nvme_admin_create_sq);
	field(2, 2, cmd->cid);
	field(24, 8, ctrl.sq[4].iova);
	field(40, 2, 4);
	field(42, 2, 99);
	field(44, 2, 1 | 2 << 1); /* PC, medium priority */
	field(46, 2, 3);
	same(cmd);

	ck_assert_int_eq(nvme_delete_iosq(&ctrl, 4), 0);
	cmd = last();
	begin(nvme_admin_delete_sq);
	field(2, 2, cmd->cid);
	field(40, 2, 4);
	same(cmd);

	ck_assert_int_eq(nvme_delete_iocq(&ctrl, 3), 0);
	cmd = last();
	begin(nvme_admin_delete_cq);
	field(2, 2, cmd->cid);
	field(40, 2, 3);
	same(cmd);

	/* without an interrupt; and every priority, without sending them */
	ck_assert_int_eq(nvme_prep_create_iocq(&ctrl, 5, 2, -1, &own), 0);
	begin(nvme_admin_create_cq);
	field(24, 8, ctrl.cq[5].iova);
	field(40, 2, 5);
	field(42, 2, 1);
	field(44, 2, 1);
	same(&own);
	for (unsigned int prio = 0; prio < 4; prio++) {
		ck_assert_int_eq(nvme_prep_create_iosq(&ctrl, 6, 4096, &ctrl.cq[5], prio << 1,
						       &own),
				 0);
		begin(nvme_admin_create_sq);
		field(24, 8, ctrl.sq[6].iova);
		field(40, 2, 6);
		field(42, 2, 4095);
		field(44, 2, 1 | prio << 1);
		field(46, 2, 5);
		same(&own);
		nvme_discard_sq(&ctrl, &ctrl.sq[6]);
	}
	nvme_discard_cq(&ctrl, &ctrl.cq[5]);
}
END_TEST

START_TEST(test_event_request)
{
	const union nvme_cmd *cmd;

	ck_assert_int_eq(nvme_aer(&ctrl, NULL), 0);
	cmd = last();
	ck_assert_uint_ne(cmd->cid & NVME_CID_AER, 0);
	begin(nvme_admin_async_event);
	field(2, 2, cmd->cid);
	same(cmd);
}
END_TEST

START_TEST(test_host_memory)
{
	struct nvme_hmb hmb;
	const union nvme_cmd *cmd;
	uint64_t list;
	uint32_t result;
	char attrs[4096];

	ck_assert_msg(!nvme_hmb_enable(&ctrl, 1 << 20, 0), "%s", vfn_error());
	cmd = last();
	list = le32_to_cpu(cmd->features.cdw13) | (uint64_t)le32_to_cpu(cmd->features.cdw14) << 32;
	begin(0x09);
	field(2, 2, cmd->cid);
	field(40, 1, 0x0d);
	field(44, 4, 1); /* EHM */
	field(48, 4, (1 << 20) / __mps_to_pagesize(ctrl.config.mps));
	field(52, 8, list);
	field(60, 4, le32_to_cpu(cmd->features.cdw15));
	same(cmd);
	ck_assert_uint_ne(list, 0);
	ck_assert_uint_eq(list % 16, 0);
	ck_assert_uint_ge(le32_to_cpu(cmd->features.cdw15), 1);

	ck_assert_int_eq(nvme_hmb_get(&ctrl, &hmb), 0);
	cmd = last();
	begin(0x0a);
	field(2, 2, cmd->cid);
	field(24, 8, le64_to_cpu(cmd->dptr.prp1));
	field(32, 8, le64_to_cpu(cmd->dptr.prp2));
	field(40, 1, 0x0d);
	same(cmd);
	ck_assert_int_eq(nvme_get_features_data(0, NVME_FEAT_FID_HOST_MEM_BUF, 0, sizeof(attrs),
						attrs, &result),
			 0);
	libnvme_agrees(cmd);

	ck_assert_int_eq(nvme_hmb_disable(&ctrl), 0);
	cmd = last();
	begin(0x09);
	field(2, 2, cmd->cid);
	field(40, 1, 0x0d);
	same(cmd);
	ck_assert_int_eq(nvme_set_features_simple(0, NVME_FEAT_FID_HOST_MEM_BUF, 0, 0, false,
						  &result),
			 0);
	libnvme_agrees(cmd);
}
END_TEST

/* The views that programs fill in. */
START_TEST(test_identify)
{
	union nvme_cmd cmd = {.identify = {.opcode = nvme_admin_identify}};
	char data[4096];
	struct nvme_identify_args args = {.args_size = sizeof(args),
					  .data = data,
					  .cns = NVME_IDENTIFY_CNS_CSI_CTRL,
					  .csi = NVME_CSI_ZNS,
					  .nsid = 0x01020304,
					  .cntid = 0x0506};

	cmd.identify.nsid = cpu_to_le32(0x01020304);
	cmd.identify.cns = NVME_IDENTIFY_CNS_CSI_CTRL;
	cmd.identify.ctrlid = cpu_to_le16(0x0506);
	cmd.identify.csi = NVME_CSI_ZNS;
	begin(0x06);
	field(4, 4, 0x01020304);
	field(40, 1, 6);
	field(42, 2, 0x0506);
	field(47, 1, 2);
	same(&cmd);
	ck_assert_int_eq(nvme_identify(&args), 0);
	libnvme_agrees(&cmd);
}
END_TEST

START_TEST(test_log)
{
	union nvme_cmd cmd = {.log = {.opcode = nvme_admin_get_log_page}};
	static char data[4 * 0x12346];
	struct nvme_get_log_args args = {.args_size = sizeof(args),
					 .log = data,
					 .len = sizeof(data),
					 .lid = NVME_LOG_LID_TELEMETRY_HOST,
					 .lpo = 0x0102030405060708,
					 .nsid = 0x090a0b0c,
					 .csi = NVME_CSI_ZNS,
					 .lsi = 0x0d0e,
					 .lsp = 0x5,
					 .rae = true};

	cmd.log.nsid = cpu_to_le32(0x090a0b0c);
	cmd.log.lid = NVME_LOG_LID_TELEMETRY_HOST;
	cmd.log.lsp = 0x80 | 0x5;
	cmd.log.numdl = cpu_to_le16(0x2345);
	cmd.log.numdu = cpu_to_le16(0x1);
	cmd.log.lsi = cpu_to_le16(0x0d0e);
	cmd.log.lpol = cpu_to_le32(0x05060708);
	cmd.log.lpou = cpu_to_le32(0x01020304);
	cmd.log.csi = NVME_CSI_ZNS;
	begin(0x02);
	field(4, 4, 0x090a0b0c);
	field(40, 1, 7);
	field(41, 1, 0x85);
	field(42, 2, 0x2345);
	field(44, 2, 0x1);
	field(46, 2, 0x0d0e);
	field(48, 8, 0x0102030405060708);
	field(59, 1, 2);
	same(&cmd);
	ck_assert_int_eq(nvme_get_log(&args), 0);
	libnvme_agrees(&cmd);
}
END_TEST

START_TEST(test_features)
{
	union nvme_cmd cmd = {.features = {.opcode = nvme_admin_set_features}};
	uint32_t result;
	char data[64];
	struct nvme_set_features_args set = {.args_size = sizeof(set),
					     .result = &result,
					     .data = data,
					     .data_len = sizeof(data),
					     .nsid = 0x01020304,
					     .fid = 0x16,
					     .cdw11 = 0x05060708,
					     .cdw12 = 0x090a0b0c,
					     .cdw13 = 0x0d0e0f10,
					     .cdw15 = 0x11121314,
					     .uuidx = 0x15,
					     .save = true};
	struct nvme_get_features_args get = {.args_size = sizeof(get),
					     .result = &result,
					     .nsid = 0x01020304,
					     .fid = 0x16,
					     .sel = NVME_GET_FEATURES_SEL_SAVED,
					     .cdw11 = 0x05060708};

	cmd.features.nsid = cpu_to_le32(0x01020304);
	cmd.features.fid = 0x16;
	cmd.features.rsvd42 = cpu_to_le16(0x8000); /* save */
	cmd.features.cdw11 = cpu_to_le32(0x05060708);
	cmd.features.cdw12 = cpu_to_le32(0x090a0b0c);
	cmd.features.cdw13 = cpu_to_le32(0x0d0e0f10);
	cmd.features.cdw14 = cpu_to_le32(0x15); /* UUID index */
	cmd.features.cdw15 = cpu_to_le32(0x11121314);
	begin(0x09);
	field(4, 4, 0x01020304);
	field(40, 4, 0x80000016);
	field(44, 4, 0x05060708);
	field(48, 4, 0x090a0b0c);
	field(52, 4, 0x0d0e0f10);
	field(56, 4, 0x15);
	field(60, 4, 0x11121314);
	same(&cmd);
	ck_assert_int_eq(nvme_set_features(&set), 0);
	libnvme_agrees(&cmd);

	cmd = (union nvme_cmd){.features = {.opcode = nvme_admin_get_features}};
	cmd.features.nsid = cpu_to_le32(0x01020304);
	cmd.features.fid = 0x16;
	cmd.features.sel = 2;
	cmd.features.cdw11 = cpu_to_le32(0x05060708);
	begin(0x0a);
	field(4, 4, 0x01020304);
	field(40, 1, 0x16);
	field(41, 1, 2);
	field(44, 4, 0x05060708);
	same(&cmd);
	ck_assert_int_eq(nvme_get_features(&get), 0);
	libnvme_agrees(&cmd);
}
END_TEST

START_TEST(test_rw)
{
	static const uint8_t opcodes[] = {nvme_cmd_write, nvme_cmd_read, nvme_cmd_compare};
	char data[512];

	for (unsigned int i = 0; i < 3; i++) {
		union nvme_cmd cmd = {.rw = {.opcode = opcodes[i]}};
		struct nvme_io_args args = {.args_size = sizeof(args),
					    .slba = 0x0102030405060708,
					    .data = data,
					    .data_len = sizeof(data),
					    .nsid = 0x090a0b0c,
					    .nlb = 0x0d0e,
					    .control = 0xc000,
					    .dspec = 0x0f10,
					    .dsm = 0x11,
					    .reftag_u64 = 0x12131415,
					    .apptag = 0x1617,
					    .appmask = 0x1819};

		cmd.rw.nsid = cpu_to_le32(0x090a0b0c);
		cmd.rw.slba = cpu_to_le64(0x0102030405060708);
		cmd.rw.nlb = cpu_to_le16(0x0d0e);
		cmd.rw.control = cpu_to_le16(0xc000);
		cmd.rw.dsm = cpu_to_le16(0x11);
		cmd.rw.rsvd13 = cpu_to_le16(0x0f10); /* DSPEC */
		cmd.rw.reftag = cpu_to_le32(0x12131415);
		cmd.rw.apptag = cpu_to_le16(0x1617);
		cmd.rw.appmask = cpu_to_le16(0x1819);
		begin(opcodes[i]);
		field(4, 4, 0x090a0b0c);
		field(40, 8, 0x0102030405060708);
		field(48, 2, 0x0d0e);
		field(50, 2, 0xc000);
		field(52, 2, 0x11);
		field(54, 2, 0x0f10);
		field(56, 4, 0x12131415);
		field(60, 2, 0x1617);
		field(62, 2, 0x1819);
		same(&cmd);
		ck_assert_int_eq(nvme_io(&args, opcodes[i]), 0);
		libnvme_agrees(&cmd);
	}
}
END_TEST

/* What the mapping calls put into a command, byte by byte. */
START_TEST(test_pointers)
{
	struct nvme_iova two[] = {{0x10000, 4096}, {0x20000, 4096}};
	union nvme_cmd cmd = {.rw = {.opcode = nvme_cmd_read}};
	struct nvme_rq *rq;

	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 8, -1, 0), 0);
	rq = nvme_rq_acquire(&ctrl.sq[1]);
	ck_assert_int_eq(nvme_rq_map_prp(&ctrl, rq, &cmd, 0x1122334455667004, 4096), 0);
	ck_assert_int_eq(nvme_map_mptr(&ctrl, &cmd, 0x0102030405060708, 64), 0);
	begin(nvme_cmd_read);
	field(16, 8, 0x0102030405060708);
	field(24, 8, 0x1122334455667004);
	field(32, 8, 0x1122334455668000);
	same(&cmd);

	ck_assert_int_eq(nvme_rq_mapv_sgl_iova(&ctrl, rq, &cmd, two, 1), 0);
	begin(nvme_cmd_read);
	field(1, 1, 0x40); /* PSDT: SGL, metadata contiguous */
	field(16, 8, 0x0102030405060708);
	field(24, 8, 0x10000);
	field(32, 4, 4096);
	same(&cmd);

	ck_assert_int_eq(nvme_rq_mapv_sgl_iova(&ctrl, rq, &cmd, two, 2), 0);
	ck_assert_int_eq(nvme_rq_mapv_mptr_sgl_iova(&ctrl, rq, &cmd, two, 1), 0);
	begin(nvme_cmd_read);
	field(1, 1, 0x80); /* PSDT: SGL, metadata by SGL */
	field(16, 8, rq->page.iova + 4096 - 16);
	field(24, 8, rq->page.iova);
	field(32, 4, 32);
	field(39, 1, 0x30); /* last segment */
	same(&cmd);
	nvme_rq_release(rq);
}
END_TEST

UNIT_MAIN("nvme-commands", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_bringup);
	tcase_add_test(tc, test_queues);
	tcase_add_test(tc, test_event_request);
	tcase_add_test(tc, test_host_memory);
	tcase_add_test(tc, test_identify);
	tcase_add_test(tc, test_log);
	tcase_add_test(tc, test_features);
	tcase_add_test(tc, test_rw);
	tcase_add_test(tc, test_pointers);
})
