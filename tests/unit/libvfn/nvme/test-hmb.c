/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host memory buffer, on a simulated controller that keeps patterns in all of it and looks at
 * them with every command.
 */
#include "unit.h"

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "sim-proc.h"

#define KIB 1024ull
#define MIB (1024 * KIB)

static struct sim sim;
static struct nvme_ctrl ctrl;
static long mappings;
static int fds;

static void start(const char *sizes)
{
	const char *const args[] = {"--hmb", sizes, NULL};

	logv_set(VFN_LOG_NONE);
	sim_start_with(&sim, sizes ? args : NULL);
	fds = count_fds();
	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	mappings = sim_stat(&sim, "mappings");
}

static void setup(void)
{
	start("1M,4M");
}

static void setup_none(void)
{
	start(NULL);
}

static void teardown(void)
{
	nvme_close(&ctrl);
	sim_settle(&sim);
	ck_assert_int_eq(count_fds(), fds);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), 0);
	ck_assert_int_eq(sim_stat(&sim, "dma_faults"), 0);
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 0);
	sim_stop(&sim);
}

/* Commands that each make the controller look into its buffer: into every page, and more. */
static void work(int n)
{
	union nvme_cmd cmd;
	char *id = malloc(4096);

	for (int i = 0; i < n; i++) {
		cmd = (union nvme_cmd){.identify = {.opcode = OPC_IDENTIFY, .cns = 1}};
		if (nvme_admin(&ctrl, &cmd, id, 4096, NULL))
			ck_abort_msg("%s", vfn_error());
	}
	free(id);
}

START_TEST(test_limits)
{
	struct nvme_hmb_limits limits;

	ck_assert_int_eq(nvme_hmb_limits(&ctrl, &limits), 0);
	ck_assert_uint_eq(limits.minimum, MIB);
	ck_assert_uint_eq(limits.preferred, 4 * MIB);
	ck_assert_uint_eq(limits.min_chunk, 8 * KIB);
	ck_assert_uint_eq(limits.max_chunks, 64);
}
END_TEST

START_TEST(test_use)
{
	static const struct {
		uint64_t size, chunk, got;
		unsigned int chunks;
	} cases[] = {
		{0, 0, 4 * MIB, 1},
		{MIB, 0, MIB, 1},
		{2 * MIB, 64 * KIB, 2 * MIB, 32},
		{2 * MIB, 2 * MIB - 8 * KIB, 2 * MIB, 2},
		{MIB + 1, 100 * KIB, MIB + 8 * KIB, 10},
		{4 * MIB, 32 * KIB, 2 * MIB, 64}, /* no more pieces are used */
		{MIB, 1, 0, 0},
	};
	struct nvme_hmb hmb;
	long checked;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!cases[i].got) {
			ck_assert_int_eq(nvme_hmb_enable(&ctrl, cases[i].size, cases[i].chunk), -1);
			ck_assert_int_eq(errno, EINVAL);
			continue;
		}
		ck_assert_msg(!nvme_hmb_enable(&ctrl, cases[i].size, cases[i].chunk), "%s",
			      vfn_error());
		ck_assert_int_eq(nvme_hmb_get(&ctrl, &hmb), 0);
		ck_assert(hmb.enabled);
		ck_assert_uint_eq(hmb.size, cases[i].got);
		ck_assert_uint_eq(hmb.chunks, cases[i].chunks);
		ck_assert_int_eq(sim_stat(&sim, "hmb"), 1);
		ck_assert_int_eq(sim_stat(&sim, "hmb_chunks"), (long)cases[i].chunks);
		ck_assert_uint_eq((uint64_t)sim_stat(&sim, "hmb_pages") * 4096, cases[i].got);
		ck_assert_int_eq(nvme_hmb_enable(&ctrl, 0, 0), -1);
		ck_assert_int_eq(errno, EBUSY);

		checked = sim_stat(&sim, "hmb_checked");
		work(50);
		ck_assert_int_ge(sim_stat(&sim, "hmb_checked"), checked + 50);
		ck_assert_int_eq(sim_stat(&sim, "hmb_errors"), 0);

		checked = sim_stat(&sim, "hmb_checked");
		ck_assert_int_eq(nvme_hmb_disable(&ctrl), 0);
		/* all of it when it is disabled */
		ck_assert_int_ge(sim_stat(&sim, "hmb_checked"),
				 checked + (long)(cases[i].got / 4096));
		ck_assert_int_eq(sim_stat(&sim, "hmb"), 0);
		ck_assert_int_eq(sim_stat(&sim, "mappings"), mappings);
		ck_assert_int_eq(nvme_hmb_disable(&ctrl), 0);
		ck_assert_int_eq(nvme_hmb_get(&ctrl, &hmb), 0);
		ck_assert(!hmb.enabled);
	}
	/* more than once round it all, beside other memory that comes and goes */
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, MIB, 16 * KIB), 0);
	for (int i = 0; i < 6; i++) {
		ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 64, -1, 0), 0);
		memset(ctrl.sq[1].pages.vaddr, 0xff, 63 * 4096);
		work(100);
		ck_assert_int_eq(nvme_delete_ioqpair(&ctrl, 1), 0);
	}
	ck_assert_int_eq(sim_stat(&sim, "hmb_errors"), 0);
}
END_TEST

/* After a reset the controller gets it again as it was, without being asked for. */
START_TEST(test_reinit)
{
	struct nvme_hmb before, after;
	long checked;

	ck_assert_int_eq(nvme_hmb_enable(&ctrl, 2 * MIB, 512 * KIB), 0);
	ck_assert_int_eq(nvme_hmb_get(&ctrl, &before), 0);
	work(700); /* the pattern has changed since */
	for (int i = 0; i < 3; i++) {
		checked = sim_stat(&sim, "hmb_checked");
		ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
		/* Memory Return: it found what it had left */
		ck_assert_int_ge(sim_stat(&sim, "hmb_checked"), checked + 512);
		ck_assert_int_eq(sim_stat(&sim, "hmb_errors"), 0);
		ck_assert_int_eq(nvme_hmb_get(&ctrl, &after), 0);
		ck_assert(after.enabled);
		ck_assert_uint_eq(after.list, before.list);
		ck_assert_uint_eq(after.size, before.size);
		work(20);
	}

	/* it was not at the controller's side all the time: given, but not as unchanged */
	sim_do(&sim, "status admin 0x09 2 0 2");
	ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 1);
	work(5);

	/* refused twice: the controller goes on without */
	sim_do(&sim, "status admin 0x09 2 0 2");
	sim_do(&sim, "status admin 0x09 3 0 2");
	ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 0);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), mappings);
	ck_assert_int_eq(nvme_hmb_return(&ctrl, true), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, 0, 0), 0);
}
END_TEST

START_TEST(test_by_hand)
{
	ck_assert_int_eq(nvme_hmb_pause(&ctrl), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, 0, MIB), 0);
	ck_assert_int_eq(nvme_hmb_return(&ctrl, true), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(nvme_hmb_pause(&ctrl), 0);
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 0);
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, 0, 0), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(nvme_hmb_return(&ctrl, true), 0);
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 1);
	ck_assert_int_eq(nvme_reset(&ctrl), 0);
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 0);
	ck_assert_int_eq(nvme_configure_adminq(&ctrl, 0), 0);
	ck_assert_int_eq(nvme_enable(&ctrl), 0);
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 0);
	ck_assert_int_eq(nvme_hmb_return(&ctrl, false), 0);
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 1);
	work(10);
	/* a reset alone, and then no more: closing gives the memory back */
	ck_assert_int_eq(nvme_reset(&ctrl), 0);
	ck_assert_int_gt(sim_stat(&sim, "mappings"), mappings);
}
END_TEST

/* A disabled controller has let go: the memory can be freed without asking it. */
START_TEST(test_disabled)
{
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, MIB, 0), 0);
	ck_assert_int_eq(nvme_reset(&ctrl), 0);
	ck_assert_int_eq(nvme_hmb_disable(&ctrl), 0);
	ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 0);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), mappings);
}
END_TEST

START_TEST(test_refused)
{
	struct nvme_ctrl_saved saved;

	ck_assert_int_eq(nvme_hmb_enable(&ctrl, MIB - 1, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, UINT64_MAX, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	sim_do(&sim, "status admin 0x09 1 0 2");
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, 0, 0), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), mappings);
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, 0, 0), 0);

	/* the controller does not let go: the memory stays with it */
	sim_do(&sim, "status admin 0x09 1 0 6");
	ck_assert_int_eq(nvme_hmb_disable(&ctrl), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(sim_stat(&sim, "hmb"), 1);
	ck_assert_int_gt(sim_stat(&sim, "mappings"), mappings);
	work(20);
	ck_assert_int_eq(nvme_ctrl_save(&ctrl, &saved), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	/* closed as it is: the reset makes it let go */
}
END_TEST

/* That memory which is not the controller's alone is found out at all. */
static int scribble(const struct iommu_mapping *m, void *opaque)
{
	if (m->len == MIB)
		memset((char *)m->vaddr + 4096, 0, 8);
	return 0;
}

START_TEST(test_found_out)
{
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, MIB, 0), 0);
	ck_assert_int_eq(iommu_for_each_mapping(__iommu_ctx(&ctrl), scribble, NULL), 0);
	ck_assert_int_eq(nvme_hmb_disable(&ctrl), 0);
	ck_assert_int_eq(sim_stat(&sim, "hmb_errors"), 1);
}
END_TEST

START_TEST(test_none)
{
	struct nvme_hmb_limits limits;
	struct nvme_hmb hmb;

	ck_assert_int_eq(nvme_hmb_limits(&ctrl, &limits), 0);
	ck_assert_uint_eq(limits.preferred, 0);
	ck_assert_int_eq(nvme_hmb_enable(&ctrl, 0, 0), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_int_eq(nvme_hmb_get(&ctrl, &hmb), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(nvme_hmb_disable(&ctrl), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-hmb");
	TCase *tc = tcase_create("nvme-hmb"), *none = tcase_create("none");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_limits);
	tcase_add_test(tc, test_use);
	tcase_add_test(tc, test_reinit);
	tcase_add_test(tc, test_by_hand);
	tcase_add_test(tc, test_disabled);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_found_out);
	tcase_add_checked_fixture(none, setup_none, teardown);
	tcase_add_test(none, test_none);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, none);
	return unit_run(suite);
}
