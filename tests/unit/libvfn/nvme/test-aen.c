/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asynchronous events on a simulated controller: several requests, masks, events that wait. */
#include "unit.h"

#include "sim-rig.h"

static struct rig rig;
static struct nvme_ctrl *const ctrl = &rig.ctrl;

static void setup(void)
{
	rig_start(&rig, 0);
}

static void teardown(void)
{
	rig_stop(&rig);
}

/* The next event within five seconds. */
static struct nvme_aen next(void)
{
	struct nvme_aen aen = {0};
	int r = 0;

	for (int i = 0; i < 5000 && !r; i++) {
		r = nvme_aen_next(ctrl, &aen);
		if (!r)
			usleep(1000);
	}
	ck_assert_msg(r == 1, "%d: %s", r, vfn_error());
	return aen;
}

/* None comes, though the controller has had the time for one: it has executed a command since. */
static void none(void)
{
	struct nvme_aen aen;

	for (int i = 0; i < 5; i++) {
		rig_identify(&rig);
		usleep(1000);
		ck_assert_int_eq(nvme_aen_next(ctrl, &aen), 0);
	}
}

static void expect(uint8_t type, uint8_t info, uint8_t lid)
{
	struct nvme_aen aen = next();

	ck_assert_uint_eq(aen.type, type);
	ck_assert_uint_eq(aen.info, info);
	ck_assert_uint_eq(aen.lid, lid);
}

static void clear(uint8_t lid, void *buf, size_t len)
{
	struct nvme_aen aen = {.lid = lid};

	RIG_OK(nvme_aen_clear(ctrl, &aen, buf, len));
}

/* As many as AERL says, always, and no more; the controller refuses one above. */
START_TEST(test_requests)
{
	int most = ctrl->config.aerl + 1;
	struct nvme_cqe *cqe;
	int mine;

	ck_assert_int_eq(most, 4);
	ck_assert_int_eq(nvme_aen_arm(ctrl, -1), most);
	rig_identify(&rig);
	ck_assert_int_eq(sim_stat(&rig.sim, "event_requests"), most);
	ck_assert_int_eq(nvme_aen_arm(ctrl, most), most);
	ck_assert_int_eq(nvme_sq_busy(ctrl->adminq.sq), most);
	errno = 0;
	ck_assert_int_eq(nvme_aen_arm(ctrl, most + 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_aen_arm(ctrl, -2), -1);

	RIG_OK(nvme_aer(ctrl, &mine));
	nvme_cq_spin(ctrl->adminq.cq);
	cqe = nvme_cq_get_cqe(ctrl->adminq.cq);
	ck_assert_uint_eq(rig_status(cqe), 0x105); /* Asynchronous Event Request Limit Exceeded */
	ck_assert_ptr_eq(nvme_rq_from_cqe(ctrl, cqe)->opaque, &mine);
	nvme_rq_release(nvme_rq_from_cqe(ctrl, cqe));
	nvme_cq_update_head(ctrl->adminq.cq);

	/* one event of each type, in one go, and each makes place for a request */
	for (int type = 0; type < 4; type++) {
		char line[32];

		snprintf(line, sizeof(line), "event %d %d 2", type, type + 10);
		sim_do(&rig.sim, line);
	}
	for (int i = 0, seen = 0; i < 4; i++) {
		struct nvme_aen aen = next();

		ck_assert_uint_eq(aen.info, aen.type + 10u);
		ck_assert(!(seen & 1 << aen.type));
		seen |= 1 << aen.type;
	}
	rig_identify(&rig);
	ck_assert_int_eq(sim_stat(&rig.sim, "event_requests"), most);

	/* fewer than before: the next one is not replaced */
	clear(2, NULL, 0);
	ck_assert_int_eq(nvme_aen_arm(ctrl, most - 1), most - 1);
	sim_do(&rig.sim, "event 1 1 2");
	expect(1, 1, 2);
	rig_identify(&rig);
	ck_assert_int_eq(sim_stat(&rig.sim, "event_requests"), most - 1);
}
END_TEST

/* What happens while none is requested is told to the first request. */
START_TEST(test_queued)
{
	uint8_t page[512];

	sim_do(&rig.sim, "event 1 0 2");
	sim_do(&rig.sim, "event 6 1 0x80");
	sim_do(&rig.sim, "event 0 3 1");
	none();
	ck_assert_int_eq(sim_stat(&rig.sim, "events_queued"), 3);
	ck_assert_int_eq(nvme_aen_arm(ctrl, 1), 1);
	expect(1, 0, 2);
	expect(6, 1, 0x80);
	expect(0, 3, 1);
	none();

	/* of a type that has been reported there is none before its log page has been read */
	sim_do(&rig.sim, "event 1 2 2");
	sim_do(&rig.sim, "event 1 1 2");
	none();
	clear(2, page, sizeof(page));
	expect(1, 2, 2);
	none();
	clear(2, NULL, 0);
	expect(1, 1, 2);
	clear(2, NULL, 0);
	none();
	ck_assert_int_eq(sim_stat(&rig.sim, "events_queued"), 0);

	struct nvme_aen aen = {.lid = 2};

	errno = 0;
	ck_assert_int_eq(nvme_aen_clear(ctrl, &aen, page, 6), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_aen_clear(ctrl, &aen, NULL, 512), -1);
	ck_assert_int_eq(nvme_aen_clear(ctrl, &aen, page, 0), -1);
	aen.lid = 0xc7;
	errno = 0;
	ck_assert_int_eq(nvme_aen_clear(ctrl, &aen, page, 512), -1);
	ck_assert_int_eq(errno, EIO);
}
END_TEST

/* Events that are masked do not come, also not later; those that are not do. */
START_TEST(test_masked)
{
	struct pollfd pfd = {rig.efds[0], POLLIN, 0};
	uint8_t page[512];
	uint64_t count;

	ck_assert_int_eq(nvme_aen_arm(ctrl, 2), 2);
	RIG_OK(nvme_aen_config(ctrl, 0x1)); /* spare below its threshold, alone */
	sim_do(&rig.sim, "smart-warning 2");
	none();
	while (read(rig.efds[0], &count, sizeof(count)) > 0)
		;
	sim_do(&rig.sim, "smart-warning 3");
	ck_assert_int_eq(poll(&pfd, 1, 5000), 1); /* by the admin queue's vector */
	expect(1, 2, 2);
	clear(2, page, sizeof(page));
	ck_assert_uint_eq(page[0], 3);
	none();

	/* what is there when its mask is taken away is told */
	RIG_OK(nvme_aen_config(ctrl, 0x3));
	expect(1, 1, 2);
	clear(2, NULL, 0);
	RIG_OK(nvme_aen_config(ctrl, 0));
	sim_do(&rig.sim, "smart-warning 0");
	sim_do(&rig.sim, "smart-warning 0x1f");
	none();
	errno = 0;
	ck_assert_int_eq(nvme_aen_config(ctrl, 0x80000000), -1);
	ck_assert_int_eq(errno, EIO);
}
END_TEST

/* A controller that fails requests is not asked over and over. */
START_TEST(test_refused)
{
	struct nvme_aen aen;
	int r = 0;

	sim_do(&rig.sim, "status admin 0x0c 0 0 6");
	ck_assert_int_eq(nvme_aen_arm(ctrl, 2), 2);
	for (int failed = 0; failed < 2; failed++) {
		for (int i = 0; i < 5000 && !(r = nvme_aen_next(ctrl, &aen)); i++)
			usleep(1000);
		ck_assert_int_eq(r, -1);
		ck_assert_int_eq(errno, EIO);
	}
	none();
	ck_assert_int_eq(nvme_sq_busy(ctrl->adminq.sq), 0);
	ck_assert_int_eq(sim_stat(&rig.sim, "fault_hits"), 2);
	sim_do(&rig.sim, "clear");
	ck_assert_int_eq(nvme_aen_arm(ctrl, 2), 2);
	sim_do(&rig.sim, "event 1 1 2");
	expect(1, 1, 2);
}
END_TEST

/* A reset takes the requests back, here as there. */
START_TEST(test_reset)
{
	struct nvme_aen aen;

	ck_assert_int_eq(nvme_aen_arm(ctrl, -1), 4);
	RIG_OK(nvme_reset(ctrl));
	ck_assert_int_eq(nvme_sq_busy(ctrl->adminq.sq), 0);
	ck_assert_int_eq(nvme_aen_next(ctrl, &aen), 0);
	ck_assert_int_eq(nvme_fail_outstanding(ctrl, NULL, NULL), 0);
	RIG_OK(nvme_reinit(ctrl));
	ck_assert_int_eq(nvme_aen_arm(ctrl, 3), 3);
	sim_do(&rig.sim, "event 1 1 2");
	expect(1, 1, 2);
	rig_identify(&rig);
	ck_assert_int_eq(sim_stat(&rig.sim, "event_requests"), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-aen");
	TCase *tc = tcase_create("nvme-aen");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_requests);
	tcase_add_test(tc, test_queued);
	tcase_add_test(tc, test_masked);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_reset);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
