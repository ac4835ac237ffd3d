/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queues, lists and data in the controller memory buffer, on a simulated controller. */
#include "unit.h"

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "sim-proc.h"

#define QSIZE 32
#define DATA  (96u << 10)

static struct sim sim;
static struct nvme_ctrl ctrl;
static struct nvme_cmb cmb;
static int fds;

static void start(const char *size)
{
	const char *const args[] = {"--cmb", size, NULL};

	logv_set(VFN_LOG_NONE);
	sim_start_with(&sim, args);
	fds = count_fds();
	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
}

static void setup(void)
{
	start("1M");
}

static void setup_old(void)
{
	start("1M,old");
}

static void teardown(void)
{
	nvme_close(&ctrl);
	sim_settle(&sim);
	ck_assert_int_eq(count_fds(), fds);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), 0);
	ck_assert_int_eq(sim_stat(&sim, "dma_faults"), 0);
	ck_assert_int_eq(sim_stat(&sim, "cmb"), 0);
	sim_stop(&sim);
}

static struct nvme_queue_mem piece(size_t len)
{
	struct nvme_queue_mem mem = {.len = len};

	mem.vaddr = nvme_cmb_alloc(&ctrl, len, &mem.iova);
	ck_assert_msg(mem.vaddr, "%s", vfn_error());
	return mem;
}

/* Execute a command of one block, or many, on queue pair `qid`, by way of a tracker. */
static int io(int qid, uint8_t opcode, struct iovec *iov, int n, uint64_t slba,
	      struct nvme_cqe *cqe)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[qid]);
	size_t len = 0;
	int r;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / 512 - 1));
	/* PRPs, and what the controller is best told by, in turns */
	r = slba % 2 ? nvme_rq_mapv(&ctrl, rq, &cmd, iov, n)
		     : nvme_rq_mapv_prp(&ctrl, rq, &cmd, iov, n);
	ck_assert_msg(!r, "%s", vfn_error());
	nvme_rq_exec(rq, &cmd);
	r = nvme_rq_wait(rq, cqe, NULL);
	nvme_rq_release(rq);
	return r;
}

static void fill(void *at, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len / 8; i++)
		((uint64_t *)at)[i] = seed + i * 0x9e3779b97f4a7c15ull;
}

/* Everything lies in the buffer: both queues, the trackers' pages with the lists, the data. */
static void use(void)
{
	struct nvme_queue_mem cq, sq, pages;
	char *data, *back;
	struct iovec from, to;
	struct nvme_cqe cqe;

	cq = piece(QSIZE * 16);
	sq = piece(QSIZE * 64);
	pages = piece((QSIZE - 1) * 4096);
	data = piece(DATA).vaddr;
	back = piece(DATA).vaddr;
	ck_assert_msg(!nvme_create_iocq_at(&ctrl, 1, QSIZE, -1, &cq), "%s", vfn_error());
	ck_assert_msg(!nvme_create_iosq_at(&ctrl, 1, QSIZE, &ctrl.cq[1], 0, &sq, &pages), "%s",
		      vfn_error());
	memset(pages.vaddr, 0, pages.len);
	for (uint64_t i = 0; i < 3 * QSIZE; i++) {
		from = (struct iovec){data + 512 * (i % 8), DATA - 4096};
		to = (struct iovec){back + 4 * (i % 16), DATA - 4096};
		fill(data, DATA, i);
		ck_assert_msg(!io(1, 1, &from, 1, i, &cqe), "%s", vfn_error());
		ck_assert_msg(!io(1, 2, &to, 1, i, &cqe), "%s", vfn_error());
		ck_assert(!memcmp(from.iov_base, to.iov_base, DATA - 4096));
	}
	/* the lists were there, and they name the buffer */
	ck_assert_uint_ge(*(uint64_t *)pages.vaddr, cmb.iova);
	ck_assert_uint_lt(*(uint64_t *)pages.vaddr, cmb.iova + cmb.size);
	ck_assert_int_eq(nvme_cmb_disable(&ctrl), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(nvme_delete_ioqpair(&ctrl, 1), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, cq.vaddr), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, sq.vaddr), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, pages.vaddr), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, data), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, back), 0);
}

START_TEST(test_use)
{
	struct nvme_ctrl_saved saved;
	uint64_t cap;

	ck_assert_int_eq(nvme_reg_read64(&ctrl, REG_CAP, &cap), 0);
	ck_assert_uint_eq(CAP_CMBS(cap), 1);
	ck_assert_int_eq(sim_stat(&sim, "cmb"), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
		ck_assert_uint_eq(cmb.size, 1u << 20);
		ck_assert_uint_eq(cmb.flags, NVME_CMB_SQS | NVME_CMB_CQS | NVME_CMB_LISTS |
						     NVME_CMB_RDS | NVME_CMB_WDS);
		ck_assert_int_eq(sim_stat(&sim, "cmb"), 1);
		use();
		ck_assert_int_eq(nvme_ctrl_save(&ctrl, &saved), -1);
		ck_assert_int_eq(errno, ENOTSUP);
		ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);
		ck_assert_int_eq(sim_stat(&sim, "cmb"), 0);
	}
	/* and closed with everything in it: see the teardown */
	ck_assert_int_eq(nvme_cmb_enable(&ctrl, &cmb), 0);
	use();
	(void)piece(4096);
}
END_TEST

/* Resets, of the controller and of the function: it is on again afterwards, at its place. */
START_TEST(test_resets)
{
	struct nvme_cmb again;
	char *data;

	ck_assert_int_eq(nvme_cmb_enable(&ctrl, &cmb), 0);
	data = piece(4096).vaddr;
	ck_assert_int_eq(nvme_reset(&ctrl), 0);
	ck_assert_int_eq(sim_stat(&sim, "cmb"), 1);
	ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
	use();
	ck_assert_int_eq(vfio_reset(&ctrl.pci.dev), 0);
	ck_assert_int_eq(sim_stat(&sim, "cmb"), 0);
	ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
	ck_assert_int_eq(sim_stat(&sim, "cmb"), 1);
	use();
	ck_assert_int_eq(nvme_cmb_free(&ctrl, data), 0);
	ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);
	ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
	ck_assert_int_eq(sim_stat(&sim, "cmb"), 0);
	ck_assert_int_eq(nvme_cmb_enable(&ctrl, &again), 0);
}
END_TEST

/* A predecessor died with the buffer on. */
START_TEST(test_left_on)
{
	int status;
	pid_t pid;

	nvme_close(&ctrl);
	sim_settle(&sim);
	pid = fork();
	if (!pid) {
		if (nvme_init(&ctrl, sim.name, NULL) || nvme_cmb_enable(&ctrl, NULL) ||
		    sim_stat(&sim, "cmb") != 1)
			_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	sim_settle(&sim);
	ck_assert_msg(!nvme_ctrl_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(sim_stat(&sim, "cmb"), 0);
	/* on before the controller is enabled, too */
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
	use();
}
END_TEST

/* Data half here and half there is what the controller says that it does not take. */
START_TEST(test_mixed)
{
	struct nvme_cqe cqe;
	struct iovec iov[2];
	char *host;

	ck_assert_int_eq(nvme_cmb_enable(&ctrl, &cmb), 0);
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, QSIZE, -1, 0), 0);
	ck_assert_int_eq(pgmap((void **)&host, 4096), 4096);
	ck_assert_int_eq(iommu_map_vaddr(__iommu_ctx(&ctrl), host, 4096, NULL, 0), 0);
	iov[0] = (struct iovec){piece(4096).vaddr, 4096};
	iov[1] = (struct iovec){host, 4096};
	fill(iov[0].iov_base, 4096, 1);
	/* queue and list in host memory, data in the buffer */
	ck_assert_msg(!io(1, 1, iov, 1, 0, &cqe), "%s", vfn_error());
	ck_assert_msg(!io(1, 2, iov + 1, 1, 0, &cqe), "%s", vfn_error());
	ck_assert(!memcmp(host, iov[0].iov_base, 4096));
	ck_assert_int_eq(io(1, 1, iov, 2, 0, &cqe), -1);
	ck_assert_uint_eq((le16_to_cpu(cqe.sfp) >> 1) & 0x7ff, 0x12);
	ck_assert_int_eq(nvme_sync(&ctrl, &ctrl.sq[1],
				   &(union nvme_cmd){.rw = {.opcode = 2, .nsid = cpu_to_le32(1)}},
				   iov[0].iov_base, 512, NULL),
			 0);
	nvme_close(&ctrl);
	ck_assert_int_eq(pgunmap(host, 4096), 0);
}
END_TEST

/* As before NVMe 1.4: always on, at the address of its BAR, which somebody has to choose. */
START_TEST(test_old)
{
	uint64_t cap, first;

	ck_assert_int_eq(nvme_reg_read64(&ctrl, REG_CAP, &cap), 0);
	ck_assert_uint_eq(CAP_CMBS(cap), 0);
	ck_assert_int_eq(sim_stat(&sim, "cmb"), 1);
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	first = cmb.iova;
	use();
	ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);
	ck_assert_int_eq(sim_stat(&sim, "cmb"), 1);
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	ck_assert_uint_eq(cmb.iova, first);
	use();
	ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
	use();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-cmb-use");
	TCase *tc = tcase_create("nvme-cmb-use"), *old = tcase_create("old");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_use);
	tcase_add_test(tc, test_resets);
	tcase_add_test(tc, test_left_on);
	tcase_add_test(tc, test_mixed);
	tcase_add_checked_fixture(old, setup_old, teardown);
	tcase_add_test(old, test_old);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, old);
	return unit_run(suite);
}
