/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Controller memory buffers on real VFIO: QEMU's controllers, of which nvme1 has one, and nvme2 one
 * of the old kind. Runs in the guest of tests/vm/run.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <vfn/nvme.h>

#define PAGE   4096u
#define QSIZE  16
#define CMBMSC 0x50

static const char *nvme1, *nvme2, *nvme3;
static struct nvme_ctrl ctrl;
static struct nvme_cmb cmb;

static uint64_t cmbmsc(void)
{
	uint64_t v;

	ck_assert_int_eq(nvme_reg_read64(&ctrl, CMBMSC, &v), 0);
	return v;
}

static struct nvme_queue_mem piece(size_t len)
{
	struct nvme_queue_mem mem = {.len = len};

	mem.vaddr = nvme_cmb_alloc(&ctrl, len, &mem.iova);
	ck_assert_msg(mem.vaddr, "%s", vfn_error());
	return mem;
}

static void io(uint8_t opcode, char *data, size_t len, uint64_t slba)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / 512 - 1));
	ck_assert_msg(!nvme_sync(&ctrl, &ctrl.sq[1], &cmd, data, len, NULL), "%s", vfn_error());
}

static void fill(char *at, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len / 8; i++)
		((uint64_t *)at)[i] = seed + i * 0x9e3779b97f4a7c15ull;
}

/* Submission queue, lists and data in the buffer; and data between it and memory. */
static void use(bool keeps)
{
	struct nvme_queue_mem sq = piece(QSIZE * 64), pages = piece((QSIZE - 1) * PAGE);
	char *data = piece(4 * PAGE).vaddr, *back = piece(4 * PAGE).vaddr, *host;

	ck_assert_uint_eq(cmb.flags & (NVME_CMB_SQS | NVME_CMB_RDS | NVME_CMB_WDS),
			  NVME_CMB_SQS | NVME_CMB_RDS | NVME_CMB_WDS);
	ck_assert_int_eq(pgmap((void **)&host, 4 * PAGE), 4 * PAGE);
	ck_assert_msg(!iommu_map_vaddr(__iommu_ctx(&ctrl), host, 4 * PAGE, NULL, 0), "%s",
		      vfn_error());
	ck_assert_msg(!nvme_create_iocq(&ctrl, 1, QSIZE, -1), "%s", vfn_error());
	ck_assert_msg(!nvme_create_iosq_at(&ctrl, 1, QSIZE, &ctrl.cq[1], 0, &sq, &pages), "%s",
		      vfn_error());
	for (uint64_t i = 0; i < QSIZE + 4; i++) {
		fill(data, 4 * PAGE, i);
		memset(host, 0xee, 4 * PAGE);
		io(1, data, 3 * PAGE, i);
		io(2, back + 512, 3 * PAGE, i);
		io(2, host, 3 * PAGE, i);
		for (size_t k = 0; !keeps && k < 3 * PAGE; k++)
			ck_assert(!back[512 + k] && !host[k]);
		ck_assert(!keeps || !memcmp(data, back + 512, 3 * PAGE));
		ck_assert(!keeps || !memcmp(data, host, 3 * PAGE));
		io(1, host, 3 * PAGE, i);
	}
	ck_assert_int_eq(nvme_delete_ioqpair(&ctrl, 1), 0);
	ck_assert_int_eq(iommu_unmap_vaddr(__iommu_ctx(&ctrl), host, NULL), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, sq.vaddr), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, pages.vaddr), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, data), 0);
	ck_assert_int_eq(nvme_cmb_free(&ctrl, back), 0);
	ck_assert_int_eq(pgunmap(host, 4 * PAGE), 0);
}

/* The kernel's driver, which had the device before, had it on; and the function reset leaves it on.
 */
START_TEST(test_cmb)
{
	ck_assert_msg(!nvme_init(&ctrl, nvme1, NULL), "%s", vfn_error());
	ck_assert_uint_eq(cmbmsc() & 3, 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
		ck_assert_uint_eq(cmb.size, 16u << 20);
		ck_assert_uint_eq(cmbmsc(), cmb.iova | 3);
		use(true);
		ck_assert_msg(!nvme_reinit(&ctrl), "%s", vfn_error());
		use(true);
		ck_assert_int_eq(nvme_cmb_disable(&ctrl), 0);
		ck_assert_uint_eq(cmbmsc(), 0);
	}
	ck_assert_int_eq(nvme_cmb_enable(&ctrl, &cmb), 0);
	nvme_close(&ctrl);
	ck_assert_msg(!nvme_pci_init(&ctrl, nvme1), "%s", vfn_error());
	ck_assert_uint_eq(cmbmsc(), 0);
	nvme_close(&ctrl);
}
END_TEST

START_TEST(test_cmb_left_on)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(nvme_init(&ctrl, nvme1, NULL) || nvme_cmb_enable(&ctrl, NULL));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "ended with %#x", status);
	ck_assert_msg(!nvme_pci_init(&ctrl, nvme1), "%s", vfn_error());
	ck_assert_uint_eq(cmbmsc() & 3, 3); /* QEMU keeps it, which is what claiming must expect */
	nvme_close(&ctrl);
	ck_assert_msg(!nvme_ctrl_init(&ctrl, nvme1, NULL), "%s", vfn_error());
	ck_assert_uint_eq(cmbmsc(), 0);
	nvme_close(&ctrl);
}
END_TEST

/* It answers at the address of its BAR, whatever it is told. */
START_TEST(test_cmb_old)
{
	ck_assert_msg(!pci_bind(nvme3, "vfio-pci"), "%s", vfn_error());
	ck_assert_msg(!nvme_init(&ctrl, nvme2, NULL), "%s", vfn_error());
	ck_assert_msg(!nvme_cmb_enable(&ctrl, &cmb), "%s", vfn_error());
	use(false);
	nvme_close(&ctrl);
	ck_assert_msg(!pci_bind(nvme3, "nvme"), "%s", vfn_error());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tc = tcase_create("memory");

	nvme1 = getenv("VM_NVME1");
	nvme2 = getenv("VM_NVME2");
	nvme3 = getenv("VM_NVME3");
	if (!nvme1 || !nvme2 || !nvme3) {
		puts("1..0 # SKIP not in the guest of tests/vm/run");
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_cmb);
	tcase_add_test(tc, test_cmb_left_on);
	tcase_add_test(tc, test_cmb_old);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
