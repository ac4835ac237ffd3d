/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands on a simulated controller: data of every shape, many at once, events, waits, interrupts.
 */
#include "unit.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "sim-proc.h"

#define AREA  (2u << 20)
#define BLOCK 512u

/* For inner loops: check's own assertions each make a system call. */
#define EXPECT_OK(call)                                                                            \
	do {                                                                                       \
		if (call)                                                                          \
			ck_abort_msg("%s: %s", #call, vfn_error());                                \
	} while (0)

static struct sim sim;
static struct nvme_ctrl ctrl;
static char *area, *back; /* mapped memory: what is written, and what is read */
static uint64_t area_iova, back_iova;
static int efds[2];

static void *mapped(uint64_t *iova)
{
	void *mem;

	ck_assert_int_eq(pgmap(&mem, AREA), AREA);
	ck_assert_int_eq(iommu_map_vaddr(__iommu_ctx(&ctrl), mem, AREA, iova, 0), 0);
	return mem;
}

static void setup(void)
{
	logv_set(VFN_LOG_NONE);
	sim_start(&sim);
	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	for (int i = 0; i < 2; i++)
		efds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(vfio_set_irq(&ctrl.pci.dev, efds, 2), 0);
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 64, -1, 0), 0);
	area = mapped(&area_iova);
	back = mapped(&back_iova);
	for (size_t i = 0; i < AREA / sizeof(uint32_t); i++)
		((uint32_t *)area)[i] = (uint32_t)i * 2654435761u;
}

static void teardown(void)
{
	ck_assert_int_eq(sim_stat(&sim, "dma_faults"), 0);
	iommu_unmap_vaddr(__iommu_ctx(&ctrl), area, NULL);
	iommu_unmap_vaddr(__iommu_ctx(&ctrl), back, NULL);
	nvme_close(&ctrl);
	pgunmap(area, AREA);
	pgunmap(back, AREA);
	sim_settle(&sim);
	ck_assert_int_eq(sim_stat(&sim, "ready"), 0);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), 0);
	sim_stop(&sim);
}

static union nvme_cmd rw(uint8_t opcode, uint64_t slba, size_t len)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / BLOCK - 1));
	return cmd;
}

static void exec_iova(uint8_t opcode, uint64_t slba, uint64_t iova, size_t len)
{
	union nvme_cmd cmd = rw(opcode, slba, len);
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[1]);
	int r;

	EXPECT_OK(nvme_rq_map_prp(&ctrl, rq, &cmd, iova, len));
	nvme_rq_exec(rq, &cmd);
	r = nvme_rq_wait(rq, NULL, NULL);
	if (r)
		ck_abort_msg("%s, %zu bytes at %#llx", vfn_error(), len, (unsigned long long)iova);
	nvme_rq_release(rq);
}

/* Write from one alignment, read to another; the bytes around what is read stay. */
START_TEST(test_shapes)
{
	size_t most = 4096u << ctrl.config.mdts;

	for (unsigned int i = 0; i < 600; i++) {
		size_t blocks = i < 40 ? i + 1 : (i * 2654435761u >> 8) % (most / BLOCK) + 1;
		size_t len = blocks * BLOCK;
		size_t from = (i * 40503u % 2048) * 4, to = (i * 30011u % 2048) * 4 + 4;

		memset(back, 0xee, AREA);
		exec_iova(1, 100 + i, area_iova + from, len);
		exec_iova(2, 100 + i, back_iova + to, len);
		if (memcmp(area + from, back + to, len))
			ck_abort_msg("%zu bytes from %zu to %zu differ", len, from, to);
		for (size_t k = 1; k <= 4 && k <= to; k++) {
			if (back[to - k] != (char)0xee)
				ck_abort_msg("written before the data");
		}
		for (size_t k = 0; k < 4096; k++) {
			if (back[to + len + k] != (char)0xee)
				ck_abort_msg("written behind the data");
		}
	}
}
END_TEST

START_TEST(test_sync_buffers)
{
	static const size_t lens[] = {512, 4096, 8192, 65536, 524288};
	char *heap = malloc(524288 + 16), *verify = malloc(524288 + 16);
	long mappings = sim_stat(&sim, "mappings");

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		for (size_t off = 0; off < 4; off++) {
			union nvme_cmd cmd = rw(1, 0, lens[i]);

			memcpy(heap + off, area + i * 4096 + off * 64, lens[i]);
			ck_assert_msg(
				!nvme_sync(&ctrl, &ctrl.sq[1], &cmd, heap + off, lens[i], NULL),
				"%s", vfn_error());
			memset(verify, 0, lens[i] + 16);
			cmd = rw(2, 0, lens[i]);
			ck_assert_int_eq(
				nvme_sync(&ctrl, &ctrl.sq[1], &cmd, verify + off, lens[i], NULL),
				0);
			ck_assert(!memcmp(heap + off, verify + off, lens[i]));

			/* mapped, but at an address that PRPs cannot have */
			cmd = rw(2, 0, lens[i]);
			ck_assert_int_eq(nvme_sync(&ctrl, &ctrl.sq[1], &cmd, back + 4096 + off,
						   lens[i], NULL),
					 0);
			ck_assert(!memcmp(heap + off, back + 4096 + off, lens[i]));
		}
	}
	ck_assert_int_eq(sim_stat(&sim, "mappings"), mappings);

	union nvme_cmd cmd = rw(2, 0, 512);
	errno = 0;
	ck_assert_int_eq(nvme_sync(&ctrl, &ctrl.sq[1], &cmd, NULL, 512, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_sync(&ctrl, &ctrl.sq[2], &cmd, back, 512, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	free(heap);
	free(verify);
}
END_TEST

/* As many commands as there are trackers, again and again, reaped as they come. */
START_TEST(test_depth)
{
	size_t len = 16384;
	int posted = 0, done = 0, total = 3000;

	for (int i = 0; i < 64; i++)
		exec_iova(1, (uint64_t)i * 32, area_iova + (uint64_t)i * len, len);

	while (done < total) {
		struct nvme_rq *rq;
		struct nvme_cqe *cqe;

		while (posted < total && (rq = nvme_rq_acquire(&ctrl.sq[1]))) {
			uint64_t block = (uint64_t)(posted++ * 37 % 64);
			union nvme_cmd cmd = rw(2, block * 32, len);

			rq->opaque = area + block * len;
			EXPECT_OK(nvme_rq_map_prp(&ctrl, rq, &cmd, back_iova + rq->cid * len, len));
			nvme_rq_post(rq, &cmd);
		}
		nvme_sq_update_tail(&ctrl.sq[1]);

		while ((cqe = nvme_cq_get_cqe(&ctrl.cq[1]))) {
			rq = nvme_rq_from_cqe(&ctrl, cqe);
			if (!rq || !nvme_cqe_ok(cqe) ||
			    memcmp(back + rq->cid * len, rq->opaque, len))
				ck_abort_msg("command %d of %d", done, total);
			nvme_rq_release(rq);
			done++;
		}
		nvme_cq_update_head(&ctrl.cq[1]);
	}

	/* with shadow doorbells a busy queue needs few real ones */
	ck_assert_int_lt(sim_stat(&sim, "doorbell_messages"), total);
}
END_TEST

START_TEST(test_failed_command)
{
	union nvme_cmd cmd = rw(2, 1ull << 40, 512);
	struct nvme_cqe cqe;

	errno = 0;
	ck_assert_int_eq(nvme_sync(&ctrl, &ctrl.sq[1], &cmd, back, 512, &cqe), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert(!nvme_cqe_ok(&cqe));
	ck_assert_uint_eq(le16_to_cpu(cqe.sfp) >> 1 & 0xff, 0x80); /* LBA out of range */
}
END_TEST

/* Somebody's slow command is outstanding while others wait for theirs on the same queue. */
START_TEST(test_sync_among_others)
{
	union nvme_cmd cmd = rw(2, 0, 4096);
	struct nvme_rq *slow, *fast;
	struct nvme_cqe cqe;

	exec_iova(1, 0, area_iova, 4096);
	sim_do(&sim, "delay io 2 1 150");
	slow = nvme_rq_acquire(&ctrl.sq[1]);
	EXPECT_OK(nvme_rq_map_prp(&ctrl, slow, &cmd, back_iova, 4096));
	nvme_rq_exec(slow, &cmd);

	fast = nvme_rq_acquire(&ctrl.sq[1]);
	cmd = rw(2, 0, 4096);
	EXPECT_OK(nvme_rq_map_prp(&ctrl, fast, &cmd, back_iova + 8192, 4096));
	nvme_rq_exec(fast, &cmd);

	/* the fast one's completion comes while these wait for theirs */
	for (int i = 0; i < 50; i++) {
		cmd = rw(2, 0, 4096);
		ck_assert_int_eq(nvme_sync(&ctrl, &ctrl.sq[1], &cmd, back + 65536, 4096, NULL), 0);
	}
	ck_assert_int_eq(nvme_rq_wait(slow, &cqe, NULL), 0);
	ck_assert_uint_eq(cqe.cid, slow->cid);
	ck_assert(!memcmp(back, area, 4096));

	/* and is still there for its owner, by level one */
	struct nvme_cqe *mine = nvme_cq_get_cqe(&ctrl.cq[1]);
	ck_assert_ptr_nonnull(mine);
	ck_assert_ptr_eq(nvme_rq_from_cqe(&ctrl, mine), fast);
	ck_assert_ptr_null(nvme_cq_get_cqe(&ctrl.cq[1]));
	nvme_cq_update_head(&ctrl.cq[1]);
	nvme_rq_release(fast);
	nvme_rq_release(slow);
}
END_TEST

/* A command that never completes ends the wait, and its queue can be deleted. */
START_TEST(test_wait_limit)
{
	struct timespec limit = {0, 100000000};
	union nvme_cmd cmd = rw(2, 0, 4096);
	struct nvme_rq *rq;
	uint64_t before;

	sim_do(&sim, "drop io 2 1");
	rq = nvme_rq_acquire(&ctrl.sq[1]);
	EXPECT_OK(nvme_rq_map_prp(&ctrl, rq, &cmd, back_iova, 4096));
	before = nvme_now();
	nvme_rq_exec(rq, &cmd);
	errno = 0;
	ck_assert_int_eq(nvme_rq_wait(rq, NULL, &limit), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_uint_ge(nvme_now() - before, 100000000);
	ck_assert_uint_lt(nvme_now() - before, 2000000000);

	/* others go on */
	for (int i = 0; i < 200; i++)
		exec_iova(2, 0, back_iova + 8192, 4096);
	ck_assert_msg(!nvme_delete_ioqpair(&ctrl, 1), "%s", vfn_error());
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 64, -1, 0), 0);
	exec_iova(2, 0, back_iova, 4096);
}
END_TEST

START_TEST(test_events)
{
	union nvme_cmd cmd = {.identify = {.opcode = OPC_IDENTIFY, .cns = 1}};
	int first, second;
	struct nvme_cqe *cqe = NULL;
	struct nvme_rq *rq;
	char id[4096];

	ck_assert_int_eq(nvme_aer(&ctrl, &first), 0);
	ck_assert_int_eq(nvme_aer(&ctrl, &second), 0);
	ck_assert_int_eq(nvme_admin(&ctrl, &cmd, id, sizeof(id), NULL), 0);
	ck_assert_ptr_null(nvme_cq_get_cqe(ctrl.adminq.cq));

	/* it comes among other commands, and they leave it alone */
	sim_do(&sim, "event 1 3 2");
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(nvme_admin(&ctrl, &cmd, id, sizeof(id), NULL), 0);
	nvme_cq_spin(ctrl.adminq.cq);
	cqe = nvme_cq_get_cqe(ctrl.adminq.cq);
	ck_assert_uint_ne(cqe->cid & NVME_CID_AER, 0);
	ck_assert_uint_eq(NVME_AEN_TYPE(le32_to_cpu(cqe->dw0)), 1);
	ck_assert_uint_eq(NVME_AEN_INFO(le32_to_cpu(cqe->dw0)), 3);
	ck_assert_uint_eq(NVME_AEN_LID(le32_to_cpu(cqe->dw0)), 2);
	rq = nvme_rq_from_cqe(&ctrl, cqe);
	ck_assert_ptr_nonnull(rq);
	ck_assert_ptr_eq(rq->opaque, &first);
	nvme_rq_release(rq);
	nvme_cq_update_head(ctrl.adminq.cq);
	ck_assert_int_eq(sim_stat(&sim, "event_requests"), 1);

	/* the admin queue's vector 0 told of it */
	struct pollfd pfd = {efds[0], POLLIN, 0};
	ck_assert_int_eq(poll(&pfd, 1, 2000), 1);
}
END_TEST

START_TEST(test_interrupt)
{
	struct pollfd pfd = {efds[1], POLLIN, 0};
	union nvme_cmd cmd = rw(2, 0, 4096);
	struct nvme_rq *rq;
	uint64_t count;

	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 2, 16, 1, 0), 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(poll(&pfd, 1, 0), 0);
		rq = nvme_rq_acquire(&ctrl.sq[2]);
		EXPECT_OK(nvme_rq_map_prp(&ctrl, rq, &cmd, back_iova, 4096));
		nvme_rq_exec(rq, &cmd);
		ck_assert_int_eq(poll(&pfd, 1, 5000), 1);
		ck_assert_int_eq(read(efds[1], &count, sizeof(count)), sizeof(count));
		ck_assert_int_eq(nvme_rq_poll(rq, NULL), 1);
		nvme_rq_release(rq);
		/* an idle simulator must be woken each time */
		usleep(3000);
	}
	ck_assert_int_eq(nvme_delete_ioqpair(&ctrl, 2), 0);
}
END_TEST

/* Pieces of memory in any order, by PRPs and by whatever the controller has. */
START_TEST(test_vectors)
{
	union nvme_cmd cmd;
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[1]);
	struct iovec iov[8];

	exec_iova(1, 0, area_iova, 8 * 8192);
	for (int i = 0; i < 8; i++)
		iov[i] = (struct iovec){back + (size_t)(7 - i) * 3 * 8192, 8192};
	for (int way = 0; way < 2; way++) {
		memset(back, 0, AREA);
		cmd = rw(2, 0, 8 * 8192);
		ck_assert_int_eq(way ? nvme_rq_mapv(&ctrl, rq, &cmd, iov, 8)
				     : nvme_rq_mapv_prp(&ctrl, rq, &cmd, iov, 8),
				 0);
		nvme_rq_exec(rq, &cmd);
		ck_assert_int_eq(nvme_rq_wait(rq, NULL, NULL), 0);
		for (int i = 0; i < 8; i++)
			ck_assert(!memcmp(iov[i].iov_base, area + i * 8192, 8192));
	}
	nvme_rq_release(rq);
}
END_TEST

/* Two submission queues on one completion queue: each waits for its own. */
START_TEST(test_shared_cq)
{
	struct nvme_rq *a, *b;
	union nvme_cmd cmd = rw(2, 0, 4096);

	ck_assert_int_eq(nvme_create_iosq(&ctrl, 5, 64, &ctrl.cq[1], 0), 0);
	for (int i = 0; i < 200; i++) {
		a = nvme_rq_acquire(&ctrl.sq[1]);
		b = nvme_rq_acquire(&ctrl.sq[5]);
		ck_assert_uint_eq(a->cid, b->cid);
		EXPECT_OK(nvme_rq_map_prp(&ctrl, a, &cmd, back_iova, 4096));
		nvme_rq_exec(a, &cmd);
		EXPECT_OK(nvme_rq_map_prp(&ctrl, b, &cmd, back_iova + 4096, 4096));
		nvme_rq_exec(b, &cmd);
		ck_assert_int_eq(nvme_rq_wait(i % 2 ? a : b, NULL, NULL), 0);
		ck_assert_int_eq(nvme_rq_wait(i % 2 ? b : a, NULL, NULL), 0);
		nvme_rq_release(a);
		nvme_rq_release(b);
	}
	ck_assert_int_eq(nvme_delete_iosq(&ctrl, 5), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-io");
	TCase *tc = tcase_create("nvme-io");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_shapes);
	tcase_add_test(tc, test_sync_buffers);
	tcase_add_test(tc, test_depth);
	tcase_add_test(tc, test_failed_command);
	tcase_add_test(tc, test_sync_among_others);
	tcase_add_test(tc, test_wait_limit);
	tcase_add_test(tc, test_events);
	tcase_add_test(tc, test_interrupt);
	tcase_add_test(tc, test_vectors);
	tcase_add_test(tc, test_shared_cq);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
