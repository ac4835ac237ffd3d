/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a controller is enabled with when the caller chooses: bits of CC, and the admin queues' sizes. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "sim-rig.h"

static struct rig rig;

static void setup(void)
{
	rig_start(&rig, 0);
}

static void teardown(void)
{
	rig_stop(&rig);
}

static uint32_t reg(uint64_t offset)
{
	uint32_t v;

	RIG_OK(nvme_reg_read32(&rig.ctrl, offset, &v));
	return v;
}

static void refused(int ret, int err, const char *text)
{
	ck_assert_int_eq(ret, -1);
	ck_assert_int_eq(errno, err);
	ck_assert_msg(strstr(vfn_error(), text), "'%s' not in '%s'", text, vfn_error());
}

START_TEST(test_refused)
{
	refused(nvme_set_cc(&rig.ctrl, 0x70, 0), EBUSY, "not disabled");
	refused(nvme_set_adminq_size(&rig.ctrl, 8, 8), EBUSY, "not disabled");
	RIG_OK(nvme_reset(&rig.ctrl));
	refused(nvme_set_cc(&rig.ctrl, 1, 1), EINVAL, "CC.EN");
	refused(nvme_set_cc(&rig.ctrl, 0x4000, 0), EINVAL, "CC.SHN");
	refused(nvme_set_cc(&rig.ctrl, 0x10, 0x20), EINVAL, "not in the mask");
	refused(nvme_set_adminq_size(&rig.ctrl, 1, 8), EINVAL, "2 to 4096");
	refused(nvme_set_adminq_size(&rig.ctrl, 8, 4097), EINVAL, "2 to 4096");
	refused(nvme_set_adminq_size(&rig.ctrl, -1, 8), EINVAL, "2 to 4096");
	RIG_OK(nvme_reinit(&rig.ctrl));
	ck_assert_uint_eq(reg(REG_AQA), 0x3f003f);
}
END_TEST

START_TEST(test_cc)
{
	uint32_t own = reg(REG_CC);

	RIG_OK(nvme_reset(&rig.ctrl));
	RIG_OK(nvme_set_cc(&rig.ctrl, 0xff0000, 0x560000));
	RIG_OK(nvme_reinit(&rig.ctrl));
	ck_assert_uint_eq(reg(REG_CC), (own & ~0xff0000u) | 0x560000);
	rig_identify(&rig);
	/* it holds until it is said otherwise */
	RIG_OK(nvme_reinit(&rig.ctrl));
	ck_assert_uint_eq(reg(REG_CC), (own & ~0xff0000u) | 0x560000);
	RIG_OK(nvme_reset(&rig.ctrl));
	RIG_OK(nvme_set_cc(&rig.ctrl, 0x70, 0x50)); /* no such command set */
	ck_assert_int_eq(nvme_reinit(&rig.ctrl), -1);
	ck_assert_int_eq(errno, EIO);
	RIG_OK(nvme_reset(&rig.ctrl));
	RIG_OK(nvme_set_cc(&rig.ctrl, 0, 0));
	RIG_OK(nvme_reinit(&rig.ctrl));
	ck_assert_uint_eq(reg(REG_CC), own);
	rig_identify(&rig);
}
END_TEST

static const int sizes[][2] = {{2, 2}, {4096, 4096}, {9, 200}, {200, 9}, {64, 64}};

/* Every tracker has its command, and requests for events and Aborts have theirs. */
START_TEST(test_sizes)
{
	int sq = sizes[_i][0], cq = sizes[_i][1], n = 0;
	static struct nvme_rq *rqs[4096];
	union nvme_cmd cmd = {.features = {.opcode = OPC_GET_FEATURES, .fid = 4}};

	RIG_OK(nvme_reset(&rig.ctrl));
	RIG_OK(nvme_set_adminq_size(&rig.ctrl, sq, cq));
	RIG_OK(nvme_reinit(&rig.ctrl));
	ck_assert_uint_eq(reg(REG_AQA), (uint32_t)(cq - 1) << 16 | (uint32_t)(sq - 1));
	ck_assert_int_eq(rig.ctrl.adminq.sq->qsize, sq);
	ck_assert_int_eq(rig.ctrl.adminq.cq->qsize, cq);
	if (sq > 16) {
		ck_assert_int_eq(nvme_aen_arm(&rig.ctrl, 2), 2);
		n = 2;
	} else {
		ck_assert_int_eq(nvme_aen_arm(&rig.ctrl, 9), -1);
	}
	for (; n < sq - 1; n++) {
		rqs[n] = nvme_rq_acquire_atomic(rig.ctrl.adminq.sq);
		RIG_EXPECT(rqs[n]);
	}
	ck_assert_ptr_null(nvme_rq_acquire_atomic(rig.ctrl.adminq.sq));
	for (n = sq > 16 ? 2 : 0; n < sq - 1; n++)
		nvme_rq_exec(rqs[n], &cmd);
	for (n = sq > 16 ? 2 : 0; n < sq - 1; n++) {
		RIG_OK(nvme_rq_wait(rqs[n], NULL, NULL));
		nvme_rq_release_atomic(rqs[n]);
	}
	/* a page size is made of queues that keep their sizes */
	RIG_OK(nvme_reset(&rig.ctrl));
	RIG_OK(nvme_set_mps(&rig.ctrl, 1));
	RIG_OK(nvme_reinit(&rig.ctrl));
	ck_assert_int_eq(rig.ctrl.adminq.sq->qsize, sq);
	rig_identify(&rig);
	RIG_OK(nvme_reset(&rig.ctrl));
	RIG_OK(nvme_set_adminq_size(&rig.ctrl, 0, 0));
	RIG_OK(nvme_reinit(&rig.ctrl));
	ck_assert_uint_eq(reg(REG_AQA), 0x3f003f);
}
END_TEST

/* An Abort from the last tracker of a long admin queue. */
START_TEST(test_abort)
{
	struct nvme_rq *rq, *last = NULL;
	struct nvme_cqe cqe;

	RIG_OK(nvme_reset(&rig.ctrl));
	RIG_OK(nvme_set_adminq_size(&rig.ctrl, 1000, 1000));
	RIG_OK(nvme_reinit(&rig.ctrl));
	RIG_OK(nvme_create_ioqpair(&rig.ctrl, 1, 8, -1, 0));
	sim_do(&rig.sim, "delay io 2 1 60000");
	rq = nvme_rq_acquire(&rig.ctrl.sq[1]);
	rig_submit(&rig, rq, 2, 0, 0);
	while (!sim_stat(&rig.sim, "fault_hits"))
		usleep(1000);
	/* all but the last one are others' */
	for (int i = 0; i < 998; i++)
		last = nvme_rq_acquire_atomic(rig.ctrl.adminq.sq);
	RIG_EXPECT(last);
	RIG_OK(nvme_rq_abort(rq));
	ck_assert_int_eq(nvme_rq_wait(rq, &cqe, &(struct timespec){.tv_sec = 30}), -1);
	ck_assert_msg(errno == EIO, "%s", vfn_error());
	ck_assert_uint_eq(rig_status(&cqe), 7);
	nvme_rq_release(rq);
}
END_TEST

UNIT_MAIN("nvme-enable", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_cc);
	tcase_add_loop_test(tc, test_sizes, 0, 5);
	tcase_add_test(tc, test_abort);
})
