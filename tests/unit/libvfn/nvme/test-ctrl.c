/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Controllers, on a simulated one: bring-up, its failures, queues, reset, close. */
#include "unit.h"

#include <sys/eventfd.h>

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "sim-proc.h"

static struct sim sim;
static int fds;

static void setup(void)
{
	logv_set(VFN_LOG_NONE);
	sim_start(&sim);
	fds = count_fds();
}

static void teardown(void)
{
	sim_stop(&sim);
}

/* Nothing is left: here or there. */
static void check_nothing_left(void)
{
	sim_settle(&sim);
	ck_assert_int_eq(count_fds(), fds);
	ck_assert_int_eq(sim_stat(&sim, "ready"), 0);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), 0);
	ck_assert_int_eq(sim_stat(&sim, "dma_faults"), 0);
}

static void identify(struct nvme_ctrl *ctrl)
{
	union nvme_cmd cmd = {.identify = {.opcode = OPC_IDENTIFY, .cns = 1}};
	char *id = malloc(4096);
	struct nvme_cqe cqe;

	ck_assert_msg(!nvme_admin(ctrl, &cmd, id, 4096, &cqe), "%s", vfn_error());
	ck_assert(nvme_cqe_ok(&cqe));
	ck_assert(!strncmp(id + 24, "vfnd software NVMe controller", 29));
	free(id);
}

/*
 * `sqid` is rung by message (0: by stores) while the simulator sleeps, and Flush completes. The
 * admin queue is rung by message always.
 */
static void check_rings(struct nvme_ctrl *ctrl, int sqid, long messages)
{
	union nvme_cmd cmd = {.opcode = 0x0, .nsid = cpu_to_le32(1)};
	long before = sim_stat(&sim, "doorbell_messages");

	ck_assert_ptr_nonnull(ctrl->adminq.sq->kick);
	for (int i = 0; i < 3; i++) {
		usleep(2000);
		ck_assert_msg(!nvme_sync(ctrl, &ctrl->sq[sqid], &cmd, NULL, 0, NULL), "%s",
			      vfn_error());
	}
	ck_assert_int_eq(sim_stat(&sim, "doorbell_messages") - before, messages);
}

START_TEST(test_init_close)
{
	struct nvme_ctrl ctrl;
	uint64_t cap;
	uint32_t cc, csts, vs;

	for (int i = 0; i < 3; i++) {
		ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
		ck_assert_int_eq(ctrl.config.nsqa, 63);
		ck_assert_int_eq(ctrl.config.ncqa, 63);
		ck_assert_int_eq(ctrl.config.mps, 0);
		ck_assert_int_eq(ctrl.config.mdts, 7);
		ck_assert(ctrl.config.oacs & OACS_DBBUF);
		ck_assert_ptr_nonnull(ctrl.dbbuf.doorbells);
		ck_assert_ptr_eq(ctrl.adminq.sq, &ctrl.sq[0]);
		ck_assert_ptr_eq(ctrl.adminq.cq, &ctrl.cq[0]);
		ck_assert_int_eq(sim_stat(&sim, "shadow_doorbells"), 1);
		ck_assert_int_eq(sim_stat(&sim, "ready"), 1);

		ck_assert_int_eq(nvme_reg_read64(&ctrl, REG_CAP, &cap), 0);
		ck_assert_uint_eq((cap & 0xffff), (uint64_t)ctrl.config.mqes);
		ck_assert_int_eq(nvme_reg_read32(&ctrl, REG_VS, &vs), 0);
		ck_assert_uint_ge(vs, NVME_VERSION(1, 3, 0));
		ck_assert_int_eq(nvme_reg_read32(&ctrl, REG_CC, &cc), 0);
		ck_assert_int_eq(nvme_reg_read32(&ctrl, REG_CSTS, &csts), 0);
		ck_assert_uint_eq(cc & CC_EN, 1);
		ck_assert_uint_eq(csts, CSTS_RDY);
		ck_assert_int_eq(nvme_reg_read32(&ctrl, 1ull << 40, &cc), -1);

		identify(&ctrl);
		ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 8, -1, 0), 0);
		check_rings(&ctrl, 1, 3);
		nvme_close(&ctrl);
		check_nothing_left();
		nvme_close(&ctrl);
	}
}
END_TEST

START_TEST(test_options)
{
	struct nvme_ctrl_opts opts = {3, 5, NVME_QUIRK_BROKEN_DBBUF};
	struct nvme_ctrl ctrl;

	ck_assert_msg(!nvme_init(&ctrl, sim.name, &opts), "%s", vfn_error());
	ck_assert_int_eq(ctrl.config.nsqa, 3);
	ck_assert_int_eq(ctrl.config.ncqa, 5);
	ck_assert_ptr_null(ctrl.dbbuf.doorbells);
	ck_assert_int_eq(sim_stat(&sim, "shadow_doorbells"), 0);
	identify(&ctrl);
	ck_assert_int_eq(nvme_create_iocq(&ctrl, 6, 8, -1), 0);
	ck_assert_int_eq(nvme_create_iocq(&ctrl, 7, 8, -1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_create_iosq(&ctrl, 5, 8, &ctrl.cq[6], 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_create_iosq(&ctrl, 4, 8, &ctrl.cq[6], 0), 0);
	check_rings(&ctrl, 4, 0);
	nvme_close(&ctrl);
	check_nothing_left();

	opts.nsqr = 65535;
	errno = 0;
	ck_assert_int_eq(nvme_init(&ctrl, sim.name, &opts), -1);
	ck_assert_int_eq(errno, EINVAL);
	opts.nsqr = -1;
	ck_assert_int_eq(nvme_ctrl_init(&ctrl, sim.name, &opts), -1);
	ck_assert_int_eq(nvme_init(&ctrl, "vfio-user:/nowhere/at/all", NULL), -1);
	ck_assert_str_ne(vfn_error(), "");
	ck_assert_int_eq(count_fds(), fds);
}
END_TEST

/* Every command of the bring-up fails once; nothing is left, the reason is told, the next try
 * works. */
START_TEST(test_init_fails)
{
	static const struct {
		const char *fault;
		const char *reason;
	} faults[] = {
		{"status admin 0x06 1 0 0x06", "Identify Controller failed"},
		{"status admin 0x09 1 0 0x02", "Number of Queues failed"},
		{"status admin 0x7c 1 0 0x06", "Doorbell Buffer Config failed"},
	};
	struct nvme_ctrl ctrl;

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		sim_do(&sim, faults[i].fault);
		errno = 0;
		ck_assert_int_eq(nvme_init(&ctrl, sim.name, NULL), -1);
		ck_assert_int_eq(errno, EIO);
		ck_assert_msg(strstr(vfn_error(), faults[i].reason), "%s", vfn_error());
		check_nothing_left();

		ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
		nvme_close(&ctrl);
		check_nothing_left();
	}
}
END_TEST

START_TEST(test_bringup_polls)
{
	struct nvme_bringup b;
	struct nvme_ctrl ctrl;
	unsigned int delay_ms;
	int r, polls = 0;

	sim_do(&sim, "delay admin 0x06 1 300");
	ck_assert_int_eq(nvme_bringup_start(&b, &ctrl, sim.name, NULL), 0);
	do {
		uint64_t before = nvme_now();

		r = nvme_bringup_poll(&b, &delay_ms);
		ck_assert_uint_lt(nvme_now() - before, 150000000);
		ck_assert_uint_le(delay_ms, 100);
		polls++;
		if (!r)
			usleep(delay_ms * 1000);
	} while (!r);
	ck_assert_msg(r == 1, "%s", vfn_error());
	ck_assert_int_gt(polls, 10);
	identify(&ctrl);
	nvme_close(&ctrl);
	check_nothing_left();

	/* given up half way */
	sim_do(&sim, "delay admin 0x06 1 2000");
	ck_assert_int_eq(nvme_bringup_start(&b, &ctrl, sim.name, NULL), 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(nvme_bringup_poll(&b, &delay_ms), 0);
		usleep(2000);
	}
	nvme_bringup_cancel(&b);
	nvme_bringup_cancel(&b);
	check_nothing_left();
	sim_do(&sim, "clear");

	/* a failure in a late step */
	sim_do(&sim, "status admin 0x7c 1 0 6");
	ck_assert_int_eq(nvme_bringup_start(&b, &ctrl, sim.name, NULL), 0);
	while (!(r = nvme_bringup_poll(&b, &delay_ms)))
		usleep(delay_ms * 1000);
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(errno, EIO);
	check_nothing_left();
}
END_TEST

START_TEST(test_by_hand)
{
	struct nvme_ctrl ctrl;
	unsigned int delay_ms;
	int r;

	ck_assert_msg(!nvme_pci_init(&ctrl, sim.name), "%s", vfn_error());
	ck_assert_uint_eq(ctrl.pci.classcode, 0x010802);
	nvme_close(&ctrl);
	check_nothing_left();

	ck_assert_msg(!nvme_ctrl_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(sim_stat(&sim, "ready"), 0);
	errno = 0;
	ck_assert_int_eq(nvme_enable(&ctrl), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	union nvme_cmd cmd = {.opcode = OPC_IDENTIFY};
	ck_assert_int_eq(nvme_admin(&ctrl, &cmd, NULL, 0, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_aer(&ctrl, NULL), -1);

	/* disable and enable again, several times */
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(nvme_reset(&ctrl), 0);
		ck_assert_int_eq(nvme_configure_adminq(&ctrl, 0), 0);
		ck_assert_int_eq(nvme_enable(&ctrl), 0);
		ck_assert_int_eq(nvme_configure_adminq(&ctrl, 0), -1);
		ck_assert_int_eq(errno, EBUSY);
		for (int k = 0; k < 100; k++)
			identify(&ctrl);
	}
	ck_assert_int_eq(nvme_reset_start(&ctrl), 0);
	while (!(r = nvme_reset_poll(&ctrl, &delay_ms)))
		usleep(delay_ms * 1000);
	ck_assert_int_eq(r, 1);
	ck_assert_int_eq(sim_stat(&sim, "ready"), 0);
	nvme_close(&ctrl);
	check_nothing_left();
}
END_TEST

/* After a reset the shadow doorbells are off, whatever they were. */
START_TEST(test_reset_with_dbbuf)
{
	struct nvme_ctrl ctrl;

	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0), 0);
	ck_assert_ptr_nonnull(ctrl.sq[1].dbbuf.doorbell);
	ck_assert_int_eq(nvme_reset(&ctrl), 0);
	ck_assert_ptr_null(ctrl.dbbuf.doorbells);
	ck_assert_ptr_null(ctrl.sq[0].dbbuf.doorbell);
	nvme_discard_sq(&ctrl, &ctrl.sq[1]);
	nvme_discard_cq(&ctrl, &ctrl.cq[1]);
	nvme_discard_cq(&ctrl, &ctrl.cq[1]);
	ck_assert_int_eq(nvme_configure_adminq(&ctrl, 0), 0);
	ck_assert_int_eq(nvme_enable(&ctrl), 0);
	identify(&ctrl);
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0), 0);
	nvme_close(&ctrl);
	check_nothing_left();
}
END_TEST

#define REFUSED(call, err)                                                                         \
	do {                                                                                       \
		errno = 0;                                                                         \
		ck_assert_int_eq(call, -1);                                                        \
		ck_assert_msg(errno == (err), "%s: errno %d: %s", #call, errno, vfn_error());      \
		ck_assert_int_eq(sim_stat(&sim, "mappings"), mappings);                            \
	} while (0)

START_TEST(test_queue_arguments)
{
	struct nvme_ctrl ctrl, other = {0};
	struct nvme_cq foreign = {.vaddr = &foreign, .id = 1, .ctrl = &other};
	union nvme_cmd cmd;
	long mappings;
	int most;

	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	most = ctrl.config.mqes + 1;
	mappings = sim_stat(&sim, "mappings");
	REFUSED(nvme_create_iocq(&ctrl, 0, 16, -1), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, -1, 16, -1), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, 65, 16, -1), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, 65536, 16, -1), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, 1, 1, -1), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, 1, 0, -1), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, 1, -5, -1), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, 1, most + 1, -1), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, 1, 16, -2), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, 1, 16, 65536), EINVAL);
	REFUSED(nvme_create_iocq(&ctrl, 1, 16, (int)ctrl.pci.dev.irq_info.count), EINVAL);
	REFUSED(nvme_create_iosq(&ctrl, 1, 16, NULL, 0), EINVAL);
	REFUSED(nvme_create_iosq(&ctrl, 1, 16, &ctrl.cq[1], 0), EINVAL);
	REFUSED(nvme_create_iosq(&ctrl, 1, 16, &ctrl.cq[0], 0), EINVAL);
	REFUSED(nvme_create_iosq(&ctrl, 1, 16, &foreign, 0), EINVAL);
	REFUSED(nvme_delete_iocq(&ctrl, 1), ENOENT);
	REFUSED(nvme_delete_iosq(&ctrl, 1), ENOENT);
	REFUSED(nvme_delete_iosq(&ctrl, 0), EINVAL);
	REFUSED(nvme_delete_iocq(&ctrl, 65), EINVAL);
	REFUSED(nvme_prep_delete_iocq(&ctrl, 1, &cmd), ENOENT);

	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 64, most, 0, 0), 0);
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 2, -1, NVME_SQ_QPRIO_LOW), 0);
	mappings = sim_stat(&sim, "mappings");
	REFUSED(nvme_create_iocq(&ctrl, 1, 16, -1), EEXIST);
	REFUSED(nvme_create_iosq(&ctrl, 1, 16, &ctrl.cq[1], 0), EEXIST);
	REFUSED(nvme_create_iosq(&ctrl, 2, 16, &ctrl.cq[1], 8), EINVAL);
	REFUSED(nvme_create_iosq(&ctrl, 2, 1, &ctrl.cq[1], 0), EINVAL);

	/* the controller refuses to delete a completion queue that is in use */
	REFUSED(nvme_delete_iocq(&ctrl, 1), EIO);
	ck_assert_ptr_nonnull(ctrl.cq[1].vaddr);
	nvme_close(&ctrl);
	check_nothing_left();
}
END_TEST

START_TEST(test_queue_refused)
{
	struct nvme_ctrl ctrl;
	long mappings;

	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	mappings = sim_stat(&sim, "mappings");
	sim_do(&sim, "status admin 0x05 1 1 1");
	REFUSED(nvme_create_iocq(&ctrl, 1, 16, -1), EIO);
	ck_assert_ptr_null(ctrl.cq[1].vaddr);

	/* the pair's completion queue goes when its submission queue cannot be made */
	sim_do(&sim, "status admin 0x01 1 1 1");
	REFUSED(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0), EIO);
	ck_assert(strstr(vfn_error(), "type 0x1, status 0x1"));
	ck_assert_ptr_null(ctrl.cq[1].vaddr);
	ck_assert_int_eq(sim_stat(&sim, "io_cqs"), 0);

	/* memory stays as long as the controller has the queue */
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0), 0);
	mappings = sim_stat(&sim, "mappings");
	sim_do(&sim, "status admin 0x00 1 0 6");
	REFUSED(nvme_delete_ioqpair(&ctrl, 1), EIO);
	ck_assert_ptr_nonnull(ctrl.sq[1].vaddr);
	ck_assert_int_eq(nvme_delete_ioqpair(&ctrl, 1), 0);
	nvme_close(&ctrl);
	check_nothing_left();
}
END_TEST

START_TEST(test_queue_churn)
{
	int efds[2] = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC)};
	struct nvme_ctrl ctrl;
	long mappings;
	int open;

	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(vfio_set_irq(&ctrl.pci.dev, efds, 2), 0);
	mappings = sim_stat(&sim, "mappings");
	open = count_fds();
	for (int i = 0; i < 300; i++) {
		int qid = i % 64 + 1;

		ck_assert_msg(!nvme_create_ioqpair(&ctrl, qid, 2 + i % 100, i % 3 - 1, 0), "%s",
			      vfn_error());
		ck_assert_msg(!nvme_delete_ioqpair(&ctrl, qid), "%s", vfn_error());
	}
	ck_assert_int_eq(sim_stat(&sim, "mappings"), mappings);
	ck_assert_int_eq(count_fds(), open);

	/* all of them at once */
	for (int qid = 1; qid <= 64; qid++)
		ck_assert_msg(!nvme_create_ioqpair(&ctrl, qid, 16, -1, 0), "%s", vfn_error());
	ck_assert_int_eq(sim_stat(&sim, "io_sqs"), 64);
	nvme_close(&ctrl);
	close(efds[0]);
	close(efds[1]);
	check_nothing_left();
}
END_TEST

/* A command whose own sender owns the admin queue, as an event loop does. */
START_TEST(test_queue_prepared)
{
	struct nvme_ctrl ctrl;
	union nvme_cmd cmds[2];
	struct nvme_rq *rq;
	struct nvme_cqe cqe;

	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(nvme_prep_create_iocq(&ctrl, 3, 32, -1, &cmds[0]), 0);
	ck_assert_int_eq(nvme_prep_create_iosq(&ctrl, 3, 32, &ctrl.cq[3], 0, &cmds[1]), 0);
	for (int i = 0; i < 2; i++) {
		rq = nvme_rq_acquire(ctrl.adminq.sq);
		nvme_rq_exec(rq, &cmds[i]);
		while (!nvme_rq_poll(rq, &cqe))
			;
		ck_assert(nvme_cqe_ok(&cqe));
		nvme_rq_release(rq);
	}
	ck_assert_int_eq(sim_stat(&sim, "io_sqs"), 1);
	ck_assert_int_eq(nvme_prep_delete_iosq(&ctrl, 3, &cmds[0]), 0);
	ck_assert_int_eq(nvme_admin(&ctrl, &cmds[0], NULL, 0, NULL), 0);
	nvme_discard_sq(&ctrl, &ctrl.sq[3]);
	ck_assert_int_eq(nvme_delete_iocq(&ctrl, 3), 0);
	nvme_close(&ctrl);
	check_nothing_left();
}
END_TEST

/* The device goes away in the middle: everything ends soon, with an error, and close works. */
START_TEST(test_device_dies)
{
	union nvme_cmd cmd = {.identify = {.opcode = OPC_IDENTIFY, .cns = 1}};
	struct nvme_ctrl ctrl;
	uint64_t before;
	char id[4096];
	int status;

	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0), 0);
	kill(sim.pid, SIGKILL);
	ck_assert_int_eq(waitpid(sim.pid, &status, 0), sim.pid);

	before = nvme_now();
	errno = 0;
	ck_assert_int_eq(nvme_admin(&ctrl, &cmd, id, sizeof(id), NULL), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_int_eq(nvme_reset(&ctrl), -1);
	ck_assert_int_eq(nvme_delete_ioqpair(&ctrl, 1), -1);
	nvme_close(&ctrl);
	ck_assert_uint_lt(nvme_now() - before, 10000000000ull);
	ck_assert_int_eq(count_fds(), fds);

	/* for the teardown */
	char socket[96];
	snprintf(socket, sizeof(socket), "%s/s", sim.dir);
	unlink(socket);
	unlink(sim.control);
	rmdir(sim.dir);
	sim_start(&sim);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-ctrl");
	TCase *tc = tcase_create("nvme-ctrl");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_init_close);
	tcase_add_test(tc, test_options);
	tcase_add_test(tc, test_init_fails);
	tcase_add_test(tc, test_bringup_polls);
	tcase_add_test(tc, test_by_hand);
	tcase_add_test(tc, test_reset_with_dbbuf);
	tcase_add_test(tc, test_queue_arguments);
	tcase_add_test(tc, test_queue_refused);
	tcase_add_test(tc, test_queue_churn);
	tcase_add_test(tc, test_queue_prepared);
	tcase_add_test(tc, test_device_dies);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
