/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As test-commands.c: the 64 bytes of those admin commands that only some programs have the library
 * send, for events, Aborts and virtual functions.
 */
#include "command-rig.h"

/* What events are wanted, one more request, and the log page that tells of one. */
START_TEST(test_events)
{
	const struct nvme_aen event = {.lid = NVME_LOG_LID_SMART};
	const union nvme_cmd *cmd;
	struct nvme_smart_log log;
	uint32_t result;

	/* It may have bits that this controller does not know. */
	nvme_aen_config(&ctrl, 0x01020304);
	cmd = last();
	begin(0x09);
	field(2, 2, cmd->cid);
	field(40, 1, 0x0b);
	field(44, 4, 0x01020304);
	same(cmd);
	ck_assert_int_eq(nvme_set_features_async_event(0, 0x01020304, false, &result), 0);
	libnvme_agrees(cmd);

	ck_assert_int_eq(nvme_aen_arm(&ctrl, 1), 1);
	cmd = last();
	ck_assert_uint_ne(cmd->cid & NVME_CID_AER, 0);
	begin(nvme_admin_async_event);
	field(2, 2, cmd->cid);
	same(cmd);

	ck_assert_int_eq(nvme_aen_clear(&ctrl, &event, &log, sizeof(log)), 0);
	cmd = last();
	begin(0x02);
	field(2, 2, cmd->cid);
	field(4, 4, 0xffffffff);
	field(24, 8, le64_to_cpu(cmd->dptr.prp1));
	field(40, 1, 2);
	field(42, 2, 127); /* dwords, 0's based; RAE stays clear */
	same(cmd);
	ck_assert_int_eq(nvme_get_log_smart(0, 0xffffffff, false, &log), 0);
	libnvme_agrees(cmd);
}
END_TEST

/* Of a command that the controller does not know of: its identifier, and its queue's. */
START_TEST(test_abort)
{
	union nvme_cmd read = {.rw = {.opcode = nvme_cmd_read}};
	const union nvme_cmd *cmd;
	struct nvme_rq *rq;

	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 4, 16, -1, 0), 0);
	do
		rq = nvme_rq_acquire(&ctrl.sq[4]);
	while (rq->cid != 5);
	nvme_rq_post(rq, &read);
	ck_assert_msg(!nvme_rq_abort(rq), "%s", vfn_error());
	cmd = last();
	begin(nvme_admin_abort_cmd);
	field(2, 2, cmd->cid);
	field(40, 2, 4);
	field(42, 2, 5);
	same(cmd);
}
END_TEST

START_TEST(test_virtual_functions)
{
	static const unsigned int acts[] = {NVME_SRIOV_ACT_PRIMARY, NVME_SRIOV_ACT_OFFLINE,
					    NVME_SRIOV_ACT_ASSIGN, NVME_SRIOV_ACT_ONLINE};
	struct nvme_secondary_ctrl_list list;
	struct nvme_sriov_secondary found;
	struct nvme_primary_ctrl_cap cap;
	struct nvme_sriov_caps caps;
	const union nvme_cmd *cmd;

	/* Whatever the controller says to them. */
	nvme_sriov_caps(&ctrl, &caps);
	cmd = last();
	begin(0x06);
	field(2, 2, cmd->cid);
	field(24, 8, le64_to_cpu(cmd->dptr.prp1));
	field(40, 1, 0x14);
	same(cmd);
	ck_assert_int_eq(nvme_identify_primary_ctrl(0, 0, &cap), 0);
	libnvme_agrees(cmd);

	nvme_sriov_list(&ctrl, 0x0102, &found, 1);
	cmd = last();
	begin(0x06);
	field(2, 2, cmd->cid);
	field(24, 8, le64_to_cpu(cmd->dptr.prp1));
	field(40, 1, 0x15);
	field(42, 2, 0x0102);
	same(cmd);
	ck_assert_int_eq(nvme_identify_secondary_ctrl_list(0, 0, 0x0102, &list), 0);
	libnvme_agrees(cmd);

	for (unsigned int i = 0; i < 8; i++) {
		struct nvme_virtual_mgmt_args args = {.args_size = sizeof(args),
						      .act = acts[i % 4],
						      .rt = i / 4,
						      .cntlid = 0x0506,
						      .nr = 0x0708};

		nvme_sriov_manage(&ctrl, 0x0506, acts[i % 4], i / 4, 0x0708, NULL);
		cmd = last();
		begin(0x1c);
		field(2, 2, cmd->cid);
		field(40, 1, acts[i % 4]);
		field(41, 1, i / 4);
		field(42, 2, 0x0506);
		field(44, 4, 0x0708);
		same(cmd);
		ck_assert_int_eq(nvme_virtual_mgmt(&args), 0);
		libnvme_agrees(cmd);
	}
}
END_TEST

UNIT_MAIN("nvme-commands-admin", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_events);
	tcase_add_test(tc, test_abort);
	tcase_add_test(tc, test_virtual_functions);
})
