/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose commands a controller takes first: what it is enabled with, and the command that sets weights. */
#include "fake-ctrl.h"

/* Without being asked the library leaves arbitration alone, also where the controller offers more. */
START_TEST(test_round_robin)
{
	struct nvme_ctrl ctrl;

	fake.cap |= 3ull << 17;
	works(&ctrl, NULL);
	ck_assert(nvme_wrr_offered(&ctrl));
	ck_assert_int_eq(nvme_wrr_on(&ctrl), 0);
	ck_assert_uint_eq(fake.cc, CC_EN | CC_IOSQES(6) | CC_IOCQES(4));
	ck_assert_uint_eq(fake.arbitration.opcode, 0);
	nvme_close(&ctrl);
}
END_TEST

static const struct nvme_arbitration arbitrations[] = {{0, 1, 1, 1}, {7, 256, 256, 256}, {3, 64, 17, 2}};

START_TEST(test_wrr)
{
	const struct nvme_arbitration *arb = &arbitrations[_i];
	uint32_t weights = (uint32_t)(arb->high - 1) << 24 | (uint32_t)(arb->medium - 1) << 16 |
			   (uint32_t)(arb->low - 1) << 8 | (uint32_t)arb->burst;
	union nvme_cmd want = {.features = {.opcode = 0x09, .fid = 1, .cdw11 = cpu_to_le32(weights)}}, cmd;
	struct nvme_ctrl ctrl;
	uint16_t cid;

	memset(&cmd, 0xff, sizeof(cmd));
	ck_assert_int_eq(nvme_prep_arbitration(arb, &cmd), 0);
	ck_assert_mem_eq(&cmd, &want, 64);

	fake.cap |= 1ull << 17;
	ck_assert_int_eq(nvme_ctrl_init(&ctrl, "0000:01:00.0", NULL), 0);
	ck_assert_int_eq(nvme_set_wrr(&ctrl, arb), 0);
	ck_assert_int_eq(nvme_wrr_on(&ctrl), 0);
	ck_assert_int_eq(nvme_reinit(&ctrl), 0);
	ck_assert_uint_eq(fake.cc, CC_EN | 1u << 11 | CC_IOSQES(6) | CC_IOCQES(4));
	ck_assert_int_eq(nvme_wrr_on(&ctrl), 1);
	cid = fake.arbitration.cid;
	want.cid = cid;
	ck_assert_mem_eq(&fake.arbitration, &want, 64);
	ck_assert_int_eq(nvme_set_wrr(&ctrl, NULL), -1);
	ck_assert_int_eq(errno, EBUSY);

	/* it holds for each bring-up; bits of CC that are chosen count more; then no weights are set */
	memset(&fake.arbitration, 0, sizeof(fake.arbitration));
	ck_assert_int_eq(nvme_reinit(&ctrl), 0);
	ck_assert_uint_eq(fake.arbitration.opcode, 0x09);
	memset(&fake.arbitration, 0, sizeof(fake.arbitration));
	ck_assert_int_eq(nvme_reset(&ctrl), 0);
	ck_assert_int_eq(nvme_set_cc(&ctrl, 7u << 11, 0), 0);
	ck_assert_int_eq(nvme_reinit(&ctrl), 0);
	ck_assert_uint_eq(fake.cc, CC_EN | CC_IOSQES(6) | CC_IOCQES(4));
	ck_assert_int_eq(nvme_wrr_on(&ctrl), 0);
	ck_assert_uint_eq(fake.arbitration.opcode, 0);
	ck_assert_int_eq(nvme_reset(&ctrl), 0);
	ck_assert_int_eq(nvme_set_cc(&ctrl, 0, 0), 0);
	ck_assert_int_eq(nvme_set_wrr(&ctrl, NULL), 0);
	ck_assert_int_eq(nvme_reinit(&ctrl), 0);
	ck_assert_int_eq(nvme_wrr_on(&ctrl), 0);
	ck_assert_uint_eq(fake.arbitration.opcode, 0);
	fake.gone = true;
	ck_assert_int_eq(nvme_wrr_on(&ctrl), -1);
	ck_assert_int_eq(errno, ENODEV);
	nvme_close(&ctrl);
}
END_TEST

static void no_wrr(struct nvme_ctrl *ctrl, const struct nvme_arbitration *arb, int err, const char *reason)
{
	ck_assert_int_eq(nvme_set_wrr(ctrl, arb), -1);
	ck_assert_int_eq(errno, err);
	ck_assert_msg(strstr(vfn_error(), reason), "%s", vfn_error());
}

START_TEST(test_wrr_refused)
{
	static const struct nvme_arbitration good = {4, 4, 2, 1}, bad[] = {
		{-1, 4, 2, 1}, {8, 4, 2, 1}, {4, 0, 2, 1}, {4, 257, 2, 1}, {4, 4, 0, 1}, {4, 4, 257, 1}, {4, 4, 2, 0},
		{4, 4, 2, 257}};
	struct nvme_ctrl ctrl;
	union nvme_cmd cmd;

	/* a vendor's own is not it */
	fake.cap |= 2ull << 17;
	ck_assert_int_eq(nvme_ctrl_init(&ctrl, "0000:01:00.0", NULL), 0);
	ck_assert(!nvme_wrr_offered(&ctrl));
	no_wrr(&ctrl, &good, ENOTSUP, "CAP.AMS");
	ck_assert_int_eq(nvme_set_wrr(&ctrl, NULL), 0);
	nvme_close(&ctrl);

	fake.cap |= 1ull << 17;
	ck_assert_int_eq(nvme_ctrl_init(&ctrl, "0000:01:00.0", NULL), 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		no_wrr(&ctrl, &bad[i], EINVAL, i < 2 ? "burst" : "weight");
		ck_assert_int_eq(nvme_prep_arbitration(&bad[i], &cmd), -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_int_eq(nvme_set_wrr(&ctrl, &good), 0);
	fake.refuses_arbitration = true;
	ck_assert_int_eq(nvme_reinit(&ctrl), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_msg(strstr(vfn_error(), "Arbitration failed"), "%s", vfn_error());
	nvme_close(&ctrl);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-arbitrate");
	TCase *tc = tcase_create("nvme-arbitrate");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_round_robin);
	tcase_add_loop_test(tc, test_wrr, 0, 3);
	tcase_add_test(tc, test_wrr_refused);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
