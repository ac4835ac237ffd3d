/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processors with pages of 4, 16 and 64 KiB, each with memory pages of every size that the
 * controller can have: smaller, the same, larger. The library is told of the processor's pages in
 * place of the system's, and gets memory that is aligned to them.
 */
#include "unit.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "sim-proc.h"

#define AREA  (1u << 20)
#define BLOCK 512u

/* In place of the system's: at multiples of what the processor's pages are said to be. */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	size_t align = __VFN_PAGESIZE, room = ALIGN_UP(len, (size_t)4096);
	uintptr_t start, at;

	if (addr || (flags & MAP_FIXED) || align <= 4096)
		return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);

	start = (uintptr_t)syscall(SYS_mmap, NULL, room + align, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, (off_t)0);
	if ((void *)start == MAP_FAILED)
		return MAP_FAILED;
	at = ALIGN_UP(start, align);
	if (at > start)
		munmap((void *)start, at - start);
	munmap((void *)(at + room), start + align - at);
	return (void *)syscall(SYS_mmap, at, len, prot, flags | MAP_FIXED, fd, offset);
}

static struct sim sim;
static struct nvme_ctrl ctrl;

static void exec(uint8_t opcode, uint64_t iova, size_t blocks)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[1]);

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(blocks - 1));
	ck_assert_int_eq(nvme_rq_map_prp(&ctrl, rq, &cmd, iova, blocks * BLOCK), 0);
	nvme_rq_exec(rq, &cmd);
	ck_assert_msg(!nvme_rq_wait(rq, NULL, NULL), "%s", vfn_error());
	nvme_rq_release(rq);
}

static void round_trip(char *out, uint64_t out_iova, char *in, uint64_t in_iova)
{
	size_t page = __mps_to_pagesize(ctrl.config.mps);

	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0), 0);
	ck_assert_uint_eq(ctrl.sq[1].iova % page, 0);
	ck_assert_uint_eq(ctrl.cq[1].iova % page, 0);
	for (int i = 0; i < ctrl.sq[1].nrqs; i++)
		ck_assert_uint_eq(ctrl.sq[1].rqs[i].page.iova % page, 0);
	for (size_t i = 0; i < 24; i++) {
		size_t blocks = 1 + i * 43, from = i * 4 * 997 % 65536, to = i * 4 * 1511 % 65536;

		memset(in, 0, AREA);
		exec(1, out_iova + from, blocks);
		exec(2, in_iova + to, blocks);
		ck_assert_mem_eq(in + to, out + from, blocks * BLOCK);
		ck_assert_int_eq(in[to + blocks * BLOCK], 0);
	}
	ck_assert_int_eq(nvme_delete_ioqpair(&ctrl, 1), 0);
}

static const int shifts[] = {12, 14, 16};

START_TEST(test_host_pages)
{
	uint64_t out_iova, in_iova;
	char *out, *in;
	int most;

	logv_set(VFN_LOG_NONE);
	__VFN_PAGESHIFT = shifts[_i];
	__VFN_PAGESIZE = (size_t)1 << shifts[_i];
	sim_start(&sim);
	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	/* the controller has pages of the processor's size, and uses them */
	ck_assert_int_eq(ctrl.config.mps, shifts[_i] - 12);
	ck_assert_int_eq(pgmap((void **)&out, AREA), AREA);
	ck_assert_int_eq(pgmap((void **)&in, AREA), AREA);
	ck_assert_uint_eq((uintptr_t)out % __VFN_PAGESIZE, 0);
	ck_assert_int_eq(iommu_map_vaddr(__iommu_ctx(&ctrl), out, AREA, &out_iova, 0), 0);
	ck_assert_int_eq(iommu_map_vaddr(__iommu_ctx(&ctrl), in, AREA, &in_iova, 0), 0);
	for (size_t i = 0; i < AREA; i++)
		out[i] = (char)(i * 7 + (i >> 8) * 3 + 1);
	round_trip(out, out_iova, in, in_iova);

	most = CAP_MPSMAX(ctrl.priv->cap);
	ck_assert_int_eq(most, 4);
	for (int mps = 0; mps <= most; mps++) {
		ck_assert_int_eq(nvme_reset(&ctrl), 0);
		ck_assert_msg(!nvme_set_mps(&ctrl, mps), "%s", vfn_error());
		ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
		round_trip(out, out_iova, in, in_iova);
	}
	nvme_close(&ctrl);
	ck_assert_int_eq(pgunmap(out, AREA), 0);
	ck_assert_int_eq(pgunmap(in, AREA), 0);
	sim_settle(&sim);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), 0);
	sim_stop(&sim);
}
END_TEST

UNIT_MAIN("nvme-host-pages", tcase_add_loop_test(tc, test_host_pages, 0, 3))
