/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual functions on real VFIO: those of nvme4, a controller of QEMU's. Runs in the guest of
 * tests/vm/run by the transport $VM_TRANSPORT.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <vfn/nvme.h>
#include <vfn/pci.h>

#define PAGE  4096u
#define TOKEN "83f2a7f0-6d44-4b3e-9c62-0f1c2d3e4a5b"
#define WRONG "83f2a7f0-6d44-4b3e-9c62-0f1c2d3e4a5c"

static const char *transport, *nvme4;
static struct nvme_ctrl pf;
static char *vfs[2];

static void io(struct nvme_ctrl *ctrl, uint8_t opcode, void *buf, uint64_t slba)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16(PAGE / 512 - 1);
	ck_assert_msg(!nvme_sync(ctrl, &ctrl->sq[1], &cmd, buf, PAGE, NULL), "%s", vfn_error());
}

static void setup(void)
{
	int fd = open("/sys/module/vfio_pci/parameters/enable_sriov", O_WRONLY);

	ck_assert_int_eq(write(fd, "Y", 1), 1);
	close(fd);
	ck_assert_msg(!pci_bind(nvme4, "vfio-pci"), "%s", vfn_error());
	ck_assert_msg(!nvme_init(&pf, nvme4, NULL), "%s", vfn_error());
	ck_assert_msg(!vfio_pci_set_vf_token(&pf.pci, TOKEN), "%s", vfn_error());
}

static void teardown(void)
{
	ck_assert_msg(!pci_sriov_set(nvme4, 0), "%s", vfn_error());
	nvme_close(&pf);
	ck_assert_msg(!pci_bind(nvme4, "nvme"), "%s", vfn_error());
	free(vfs[0]);
	free(vfs[1]);
}

static void make(void)
{
	unsigned int total, now;

	ck_assert_msg(!pci_sriov_set(nvme4, 2), "%s", vfn_error());
	ck_assert_int_eq(pci_sriov_count(nvme4, &total, &now), 0);
	ck_assert_uint_eq(total, 2);
	ck_assert_uint_eq(now, 2);
	for (unsigned int i = 0; i < 2; i++) {
		char *back;

		vfs[i] = pci_sriov_vf(nvme4, i);
		ck_assert_msg(vfs[i], "%s", vfn_error());
		back = pci_sriov_pf(vfs[i]);
		ck_assert_str_eq(back, nvme4);
		free(back);
		ck_assert_msg(!pci_bind(vfs[i], "vfio-pci"), "%s", vfn_error());
	}
	ck_assert_ptr_null(pci_sriov_vf(nvme4, 2));
}

/* Everything flexible to the secondary controllers, which are online then. */
static void provide(void)
{
	struct nvme_sriov_secondary list[4];
	struct nvme_sriov_caps caps;
	uint16_t nrm;

	ck_assert_msg(!nvme_sriov_caps(&pf, &caps), "%s", vfn_error());
	ck_assert(caps.vq_flexible && caps.vi_flexible);
	ck_assert_uint_eq(caps.vq.flexible, 8);
	ck_assert_uint_eq(caps.vi.flexible, 6);
	ck_assert_uint_eq(caps.vq.secondary_max, 4);
	ck_assert_uint_eq(caps.vi.secondary_max, 3);
	ck_assert_uint_eq(caps.vq.assigned, 0);

	ck_assert_msg(!nvme_sriov_primary(&pf, NVME_SRIOV_VQ, 0, &nrm), "%s", vfn_error());
	ck_assert_uint_eq(nrm, 0);
	ck_assert_msg(!nvme_sriov_primary(&pf, NVME_SRIOV_VI, 0, NULL), "%s", vfn_error());
	ck_assert_msg(!nvme_reinit(&pf), "%s", vfn_error());
	make();

	ck_assert_int_eq(nvme_sriov_list(&pf, 0, list, 4), 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(list[i].primary, caps.cntlid);
		ck_assert_uint_eq(list[i].vf, (unsigned int)i + 1);
		ck_assert(!list[i].online);
		ck_assert_uint_eq(list[i].nvq | list[i].nvi, 0);
		/* not without resources */
		ck_assert_int_eq(nvme_sriov_online(&pf, list[i].cntlid), -1);
		ck_assert_int_eq(errno, EIO);
		ck_assert_msg(!nvme_sriov_assign(&pf, list[i].cntlid, NVME_SRIOV_VQ, 4, &nrm), "%s",
			      vfn_error());
		ck_assert_uint_eq(nrm, 4);
		ck_assert_msg(!nvme_sriov_assign(&pf, list[i].cntlid, NVME_SRIOV_VI, 3, &nrm), "%s",
			      vfn_error());
		ck_assert_uint_eq(nrm, 3);
		ck_assert_msg(!nvme_sriov_online(&pf, list[i].cntlid), "%s", vfn_error());
		/* not while it is online */
		ck_assert_int_eq(nvme_sriov_assign(&pf, list[i].cntlid, NVME_SRIOV_VI, 1, NULL),
				 -1);
	}
	ck_assert_int_eq(nvme_sriov_list(&pf, list[1].cntlid, list, 4), 1);
	ck_assert_uint_eq(list[0].vf, 2);
	ck_assert(list[0].online);
	ck_assert_uint_eq(list[0].nvq, 4);
	ck_assert_uint_eq(list[0].nvi, 3);
	ck_assert_int_eq(nvme_sriov_caps(&pf, &caps), 0);
	ck_assert_uint_eq(caps.vq.assigned, 8);
	ck_assert_uint_eq(caps.vi.assigned, 6);
}

/* What a virtual function reads is what the physical one has written, and the other way round. */
START_TEST(test_virtual_functions)
{
	struct nvme_sriov_secondary list[2];
	struct nvme_ctrl vf[2];
	char name[2][128], *a = malloc(PAGE), *b = malloc(PAGE);

	provide();
	for (int i = 0; i < 2; i++) {
		snprintf(name[i], sizeof(name[i]), "%s,vf_token=%s", vfs[i], WRONG);
		ck_assert_int_eq(nvme_init(&vf[i], name[i], NULL), -1);
		snprintf(name[i], sizeof(name[i]), "%s,vf_token=%s", vfs[i], TOKEN);
		if (!strcmp(transport, "type1")) {
			ck_assert_msg(errno == EACCES, "%s", vfn_error());
			ck_assert_int_eq(nvme_init(&vf[i], vfs[i], NULL), -1);
			ck_assert_msg(errno == EACCES, "%s", vfn_error());
		} else {
			/* this kernel takes no token there, and asks for none */
			ck_assert_msg(errno == ENOTSUP, "%s", vfn_error());
			snprintf(name[i], sizeof(name[i]), "%s", vfs[i]);
		}
	}
	ck_assert_msg(!nvme_create_ioqpair(&pf, 1, 16, -1, 0), "%s", vfn_error());
	for (int i = 0; i < 2; i++) {
		ck_assert_msg(!nvme_init(&vf[i], name[i], NULL), "%s", vfn_error());
		/* of four queue pairs one is the admin queues' */
		ck_assert_int_eq(vf[i].config.nsqa, 2);
		ck_assert_uint_eq(vf[i].pci.dev.irq_info.count, 3);
		ck_assert_msg(!nvme_create_ioqpair(&vf[i], 1, 16, -1, 0), "%s", vfn_error());
		memset(a, 0x30 + i, PAGE);
		io(&pf, 1, a, 8 * (uint64_t)i);
	}
	for (int i = 0; i < 2; i++) {
		memset(a, 0x30 + i, PAGE);
		io(&vf[i], 2, b, 8 * (uint64_t)i);
		ck_assert_mem_eq(a, b, PAGE);
		memset(a, 0x40 + i, PAGE);
		io(&vf[i], 1, a, 8 * (uint64_t)i);
		io(&vf[!i], 2, b, 8 * (uint64_t)i);
		ck_assert_mem_eq(a, b, PAGE);
		io(&pf, 2, b, 8 * (uint64_t)i);
		ck_assert_mem_eq(a, b, PAGE);
	}
	/* taken offline, it answers nothing any more; the other one goes on */
	ck_assert_int_eq(nvme_sriov_list(&pf, 0, list, 2), 2);
	ck_assert_msg(!nvme_sriov_offline(&pf, list[0].cntlid), "%s", vfn_error());
	ck_assert_int_eq(nvme_sriov_list(&pf, 0, list, 2), 2);
	ck_assert(!list[0].online && list[1].online);
	io(&vf[1], 2, b, 8);
	nvme_close(&vf[0]);
	nvme_close(&vf[1]);
	free(a);
	free(b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sriov");
	TCase *tc = tcase_create("sriov");

	transport = getenv("VM_TRANSPORT");
	nvme4 = getenv("VM_NVME4");
	if (!transport || !nvme4) {
		puts("1..0 # SKIP not in the guest of tests/vm/run");
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tc, 180);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_virtual_functions);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
