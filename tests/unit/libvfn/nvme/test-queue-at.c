/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queues in memory that the caller names, on a simulated controller. */
#include "unit.h"

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "sim-proc.h"

#define QSIZE 64
#define AREA  (512u << 10)

static struct sim sim;
static struct nvme_ctrl ctrl;
static char *area; /* mapped by the test */
static uint64_t iova;
static int fds;

/* Where things are in the area. */
#define CQ_AT	 0u
#define SQ_AT	 4096u
#define PAGES_AT 8192u

static struct nvme_queue_mem part(size_t at, size_t len)
{
	return (struct nvme_queue_mem){.vaddr = area + at, .iova = iova + at, .len = len};
}

static void setup(void)
{
	logv_set(VFN_LOG_NONE);
	sim_start(&sim);
	fds = count_fds();
	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(pgmap((void **)&area, AREA), AREA);
	ck_assert_int_eq(iommu_map_vaddr(__iommu_ctx(&ctrl), area, AREA, &iova, 0), 0);
	/* not what an empty completion queue looks like */
	memset(area, 0xff, AREA);
}

static void teardown(void)
{
	nvme_close(&ctrl);
	ck_assert_int_eq(pgunmap(area, AREA), 0);
	sim_settle(&sim);
	ck_assert_int_eq(count_fds(), fds);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), 0);
	ck_assert_int_eq(sim_stat(&sim, "dma_faults"), 0);
	sim_stop(&sim);
}

static void create(void)
{
	struct nvme_queue_mem cq = part(CQ_AT, QSIZE * 16), sq = part(SQ_AT, QSIZE * 64),
			      pages = part(PAGES_AT, (QSIZE - 1) * 4096);

	ck_assert_msg(!nvme_create_iocq_at(&ctrl, 1, QSIZE, -1, &cq), "%s", vfn_error());
	ck_assert_msg(!nvme_create_iosq_at(&ctrl, 1, QSIZE, &ctrl.cq[1], 0, &sq, &pages), "%s",
		      vfn_error());
	ck_assert_ptr_eq(ctrl.cq[1].vaddr, area + CQ_AT);
	ck_assert_ptr_eq(ctrl.sq[1].vaddr, area + SQ_AT);
	ck_assert_uint_eq(ctrl.cq[1].iova, iova + CQ_AT);
	ck_assert_uint_eq(ctrl.sq[1].iova, iova + SQ_AT);
	ck_assert_ptr_eq(ctrl.sq[1].pages.vaddr, area + PAGES_AT);
}

static void still_mapped(void)
{
	uint64_t at;

	ck_assert(iommu_translate_vaddr(__iommu_ctx(&ctrl), area, &at));
	ck_assert_uint_eq(at, iova);
	area[0] = 1;
	area[AREA - 1] = 1;
}

static void io(uint8_t opcode, char *buf, size_t len, uint64_t slba)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / 512 - 1));
	ck_assert_msg(!nvme_sync(&ctrl, &ctrl.sq[1], &cmd, buf, len, NULL), "%s", vfn_error());
}

/* Commands go through that memory, PRP lists in it too, round the queue several times. */
START_TEST(test_used)
{
	long mappings = sim_stat(&sim, "mappings");
	char *data;

	create();
	ck_assert_int_eq(sim_stat(&sim, "mappings"), mappings);
	ck_assert_int_eq(pgmap((void **)&data, 1 << 17), 1 << 17);
	ck_assert_int_eq(iommu_map_vaddr(__iommu_ctx(&ctrl), data, 1 << 17, NULL, 0), 0);
	for (int i = 0; i < 3 * QSIZE; i++) {
		memset(data, i + 1, 1 << 16);
		io(1, data, 1 << 16, 0);
		io(2, data + (1 << 16), 1 << 16, 0);
		ck_assert(!memcmp(data, data + (1 << 16), 1 << 16));
	}
	/* the last command lies there, and the list of one, which the fill did not leave */
	ck_assert_int_eq(area[SQ_AT] & ~3, 0);
	ck_assert_int_ne(*(int *)(area + PAGES_AT), -1);

	ck_assert_int_eq(nvme_delete_ioqpair(&ctrl, 1), 0);
	still_mapped();
	/* and again in the same memory, whose completions of before do not count */
	create();
	io(2, data, 1 << 16, 0);
	nvme_close(&ctrl);
	ck_assert_int_eq(pgunmap(data, 1 << 17), 0);
	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(iommu_map_vaddr(__iommu_ctx(&ctrl), area, AREA, &iova, 0), 0);
}
END_TEST

/* The context outlives the controller: then so does the caller's mapping. */
START_TEST(test_close)
{
	struct iommu_ctx *ctx = iommu_get_context("kept");
	uint64_t at;

	nvme_close(&ctrl);
	sim_settle(&sim);
	ck_assert_msg(!nvme_init_in(&ctrl, ctx, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(iommu_map_vaddr(ctx, area, AREA, &iova, 0), 0);
	create();
	nvme_close(&ctrl);
	ck_assert(iommu_translate_vaddr(ctx, area, &at));
	ck_assert_uint_eq(at, iova);
	ck_assert_uint_eq(iommu_mappings(ctx), 1);
	area[0] = 1;
	ck_assert_int_eq(iommu_unmap_vaddr(ctx, area, NULL), 0);
	iommu_put_context(ctx);
}
END_TEST

/* After a reset the queues are discarded, or made anew, in the same memory. */
START_TEST(test_reset)
{
	create();
	ck_assert_int_eq(nvme_reset(&ctrl), 0);
	nvme_discard_sq(&ctrl, &ctrl.sq[1]);
	nvme_discard_cq(&ctrl, &ctrl.cq[1]);
	still_mapped();
	ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
	create();
}
END_TEST

/* The controller refuses: the memory is the caller's again. */
START_TEST(test_refused)
{
	struct nvme_queue_mem cq = part(CQ_AT, QSIZE * 16);

	sim_do(&sim, "status admin 0x05 1 1 1");
	errno = 0;
	ck_assert_int_eq(nvme_create_iocq_at(&ctrl, 1, QSIZE, -1, &cq), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_ptr_null(ctrl.cq[1].vaddr);
	still_mapped();
	create();
}
END_TEST

#define REFUSED(call)                                                                              \
	do {                                                                                       \
		errno = 0;                                                                         \
		ck_assert_int_eq(call, -1);                                                        \
		ck_assert_msg(errno == EINVAL, "%s: errno %d: %s", #call, errno, vfn_error());     \
	} while (0)

START_TEST(test_arguments)
{
	struct nvme_queue_mem good = part(0, QSIZE * 64), pages = part(8192, (QSIZE - 1) * 4096), m;
	union nvme_cmd cmd;

	m = part(0, QSIZE * 16 - 1);
	REFUSED(nvme_create_iocq_at(&ctrl, 1, QSIZE, -1, &m));
	m = part(0, QSIZE * 64);
	m.iova += 512;
	REFUSED(nvme_create_iocq_at(&ctrl, 1, QSIZE, -1, &m));
	m = part(0, QSIZE * 64);
	m.vaddr = area + 32;
	REFUSED(nvme_create_iocq_at(&ctrl, 1, QSIZE, -1, &m));
	m.vaddr = NULL;
	REFUSED(nvme_create_iocq_at(&ctrl, 1, QSIZE, -1, &m));
	m = part(0, 8192);
	m.iova = UINT64_MAX & ~4095ull;
	REFUSED(nvme_create_iocq_at(&ctrl, 1, 512, -1, &m));
	REFUSED(nvme_prep_create_iocq_at(&ctrl, 1, 512, -1, &m, &cmd));
	ck_assert_ptr_null(ctrl.cq[1].vaddr);

	ck_assert_int_eq(nvme_create_iocq(&ctrl, 1, QSIZE, -1), 0);
	m = part(0, QSIZE * 64 - 1);
	REFUSED(nvme_create_iosq_at(&ctrl, 1, QSIZE, &ctrl.cq[1], 0, &m, NULL));
	m = part(8192, (QSIZE - 1) * 4096 - 1);
	REFUSED(nvme_create_iosq_at(&ctrl, 1, QSIZE, &ctrl.cq[1], 0, &good, &m));
	m = part(8192, (QSIZE - 1) * 4096);
	m.iova += 8;
	REFUSED(nvme_create_iosq_at(&ctrl, 1, QSIZE, &ctrl.cq[1], 0, &good, &m));
	REFUSED(nvme_prep_create_iosq_at(&ctrl, 1, QSIZE, &ctrl.cq[1], 0, NULL, &m, &cmd));
	REFUSED(nvme_create_iosq_at(&ctrl, 1, QSIZE, NULL, 0, &good, NULL));
	ck_assert_ptr_null(ctrl.sq[1].vaddr);

	/* either alone will do */
	ck_assert_int_eq(nvme_create_iosq_at(&ctrl, 1, QSIZE, &ctrl.cq[1], 0, NULL, &pages), 0);
	ck_assert_int_eq(nvme_delete_iosq(&ctrl, 1), 0);
	ck_assert_int_eq(nvme_create_iosq_at(&ctrl, 1, QSIZE, &ctrl.cq[1], 0, &good, NULL), 0);
	still_mapped();
}
END_TEST

/* The commands say what was asked for; and such queues cannot be handed on. */
START_TEST(test_prepared)
{
	struct nvme_queue_mem cq = part(CQ_AT, QSIZE * 16), sq = part(SQ_AT, QSIZE * 64);
	struct nvme_queue_saved saved;
	union nvme_cmd cmd;

	ck_assert_int_eq(nvme_prep_create_iocq_at(&ctrl, 2, QSIZE, -1, &cq, &cmd), 0);
	ck_assert_uint_eq(le64_to_cpu(cmd.create_cq.prp1), iova + CQ_AT);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_cq.qsize), QSIZE - 1);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_cq.qflags), NVME_Q_PC);
	for (size_t i = 0; i < QSIZE * 16; i++)
		ck_assert_int_eq(area[CQ_AT + i], 0);
	ck_assert_int_eq(area[CQ_AT + QSIZE * 16], (char)0xff);
	ck_assert_int_eq(nvme_admin(&ctrl, &cmd, NULL, 0, NULL), 0);
	ck_assert_int_eq(nvme_prep_create_iosq_at(&ctrl, 2, QSIZE, &ctrl.cq[2], 0, &sq, NULL, &cmd),
			 0);
	ck_assert_uint_eq(le64_to_cpu(cmd.create_sq.prp1), iova + SQ_AT);
	ck_assert_int_eq(nvme_admin(&ctrl, &cmd, NULL, 0, NULL), 0);
	ck_assert_int_eq(nvme_cq_save(&ctrl.cq[2], &saved), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_int_eq(nvme_sq_save(&ctrl.sq[2], &saved), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_int_eq(nvme_delete_ioqpair(&ctrl, 2), 0);
	still_mapped();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-queue-at");
	TCase *tc = tcase_create("nvme-queue-at");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_used);
	tcase_add_test(tc, test_close);
	tcase_add_test(tc, test_reset);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_arguments);
	tcase_add_test(tc, test_prepared);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
