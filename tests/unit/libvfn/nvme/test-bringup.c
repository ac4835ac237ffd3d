/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bring-up against controllers of every kind, and against broken ones. The functions of vfn/vfio.h
 * that the library uses are the test's own here: registers in memory, with a script of what goes
 * wrong.
 */
#include "unit.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "vfio/transport.h"

static struct fake {
	/* what it is */
	uint64_t cap;
	uint32_t crto;
	uint64_t classcode;
	uint8_t cntrltype;
	uint16_t oacs;
	uint32_t sgls;
	uint32_t granted; /* dword 0 of Number of Queues */

	/* what goes wrong */
	bool gone;
	bool gone_when_enabled;
	bool never_ready;
	bool never_idle;
	bool fatal;
	int ready_after; /* reads of CSTS */
	bool dies_at_identify;

	/* its state */
	uint32_t cc, csts, aqa;
	uint64_t asq, acq, cmbmsc;
	int countdown;
	uint16_t sq_head, cq_tail, phase;
	uint16_t command; /* of configuration space */
	bool open, reset;
	unsigned int opcodes[256];
	uint32_t cc_before_ready; /* writes of CC while it was not ready yet */
	struct iommu_ctx *ctx;
	uint32_t last_kick;
} fake;

static void *at_iova(uint64_t iova);

int vfio_pci_open(struct vfio_pci_device *pci, const char *bdf)
{
	pci->bdf = strdup(bdf);
	pci->classcode = fake.classcode;
	pci->bar_region_info[0].size = 0x4000;
	pci->dev.fd = 1000;
	pci->dev.irq_info.index = VFIO_PCI_MSIX_IRQ_INDEX;
	pci->dev.irq_info.count = 4;
	pci->dev.ctx = fake.ctx;
	fake.open = true;
	return 0;
}

void vfio_pci_close(struct vfio_pci_device *pci)
{
	free((char *)pci->bdf);
	pci->bdf = NULL;
	fake.open = false;
}

int vfio_pci_import(struct vfio_pci_device *pci, const char *bdf, const struct vfio_takeover *from)
{
	errno = EINVAL;
	return -1;
}

void *vfio_pci_map_bar(struct vfio_pci_device *pci, int idx, size_t len, uint64_t offset, int prot)
{
	errno = ENOTSUP;
	return NULL;
}

void vfio_pci_unmap_bar(struct vfio_pci_device *pci, int idx, void *mem, size_t len,
			uint64_t offset)
{
}

int vfio_config_command(struct vfio_device *dev, uint16_t set, uint16_t clear)
{
	fake.command = (uint16_t)((fake.command | set) & ~clear);
	return 0;
}

ssize_t vfio_pci_read_config(struct vfio_pci_device *pci, void *buf, size_t len, off_t offset)
{
	errno = ENOTSUP;
	return -1;
}

ssize_t vfio_pci_write_config(struct vfio_pci_device *pci, const void *buf, size_t len,
			      off_t offset)
{
	errno = ENOTSUP;
	return -1;
}

int vfio_reset(struct vfio_device *dev)
{
	fake.reset = true;
	errno = ENOTSUP;
	return -1;
}

bool vfio_doorbell_by_message(const struct vfio_device *dev)
{
	return true;
}

static uint32_t read_csts(void)
{
	if (fake.countdown > 0 && --fake.countdown == 0)
		fake.csts = fake.cc & CC_EN;
	return fake.csts;
}

int vfio_region_read(struct vfio_device *dev, unsigned int region, void *buf, size_t len,
		     uint64_t offset)
{
	uint64_t v = 0;

	ck_assert_uint_eq(region, 0);
	switch (offset) {
	case REG_CAP:
		v = fake.cap;
		break;
	case REG_VS:
		v = NVME_VERSION(2, 0, 0);
		break;
	case REG_CC:
		v = fake.cc;
		break;
	case REG_CSTS:
		v = read_csts();
		break;
	case REG_CRTO:
		v = fake.crto;
		break;
	case REG_CMBLOC:
	case REG_CMBSZ:
		v = 0;
		break;
	default:
		ck_abort_msg("read at %#llx", (unsigned long long)offset);
	}
	if (fake.gone)
		v = UINT64_MAX;
	memcpy(buf, &v, len);
	return 0;
}

static void write_cc(uint32_t cc)
{
	if ((fake.cc & CC_EN) && !(fake.csts & CSTS_RDY) && !(cc & CC_EN))
		fake.cc_before_ready++;
	fake.cc = cc;
	if (cc & CC_EN) {
		fake.sq_head = fake.cq_tail = 0;
		fake.phase = 1;
		fake.csts = fake.fatal ? CSTS_CFS : 0;
		fake.countdown = fake.never_ready || fake.fatal ? 0 : fake.ready_after + 1;
		fake.gone = fake.gone_when_enabled;
	} else {
		fake.countdown = fake.never_idle ? 0 : fake.ready_after + 1;
	}
}

int vfio_region_write(struct vfio_device *dev, unsigned int region, const void *buf, size_t len,
		      uint64_t offset)
{
	uint64_t v = 0;

	memcpy(&v, buf, len);
	switch (offset) {
	case REG_CC:
		write_cc((uint32_t)v);
		break;
	case REG_AQA:
		fake.aqa = (uint32_t)v;
		break;
	case REG_ASQ:
		fake.asq = v;
		break;
	case REG_ACQ:
		fake.acq = v;
		break;
	case REG_CMBMSC:
		fake.cmbmsc = v;
		break;
	default:
		ck_abort_msg("write at %#llx", (unsigned long long)offset);
	}
	return 0;
}

static void execute(const union nvme_cmd *cmd)
{
	struct nvme_cqe *cqe = (struct nvme_cqe *)at_iova(fake.acq) + fake.cq_tail;
	uint8_t *id;

	memset(cqe, 0, 14);
	fake.opcodes[cmd->opcode]++;
	if (cmd->opcode == OPC_IDENTIFY) {
		id = at_iova(le64_to_cpu(cmd->dptr.prp1));
		id[ID_CTRL_CNTRLTYPE] = fake.cntrltype;
		id[ID_CTRL_MDTS] = 5;
		memcpy(id + ID_CTRL_OACS, &fake.oacs, 2);
		memcpy(id + ID_CTRL_SGLS, &fake.sgls, 4);
	} else if (cmd->opcode == OPC_SET_FEATURES) {
		cqe->dw0 = cpu_to_le32(fake.granted);
	}
	cqe->cid = cmd->cid;
	cqe->sfp = cpu_to_le16(fake.phase);
	if (++fake.cq_tail == (fake.aqa >> 16) + 1) {
		fake.cq_tail = 0;
		fake.phase ^= 1;
	}
}

int vfio_region_post32(struct vfio_device *dev, unsigned int region, uint64_t offset,
		       uint32_t value)
{
	fake.last_kick = (uint32_t)offset;
	if (offset != REG_DOORBELLS)
		return 0;

	while (fake.sq_head != value) {
		const union nvme_cmd *cmd = (union nvme_cmd *)at_iova(fake.asq) + fake.sq_head;

		if (cmd->opcode == OPC_IDENTIFY && fake.dies_at_identify)
			fake.gone = true;
		else
			execute(cmd);
		if (++fake.sq_head == (fake.aqa & 0xfff) + 1)
			fake.sq_head = 0;
	}
	return 0;
}

struct found {
	uint64_t iova;
	void *vaddr;
};

static int look(const struct iommu_mapping *mapping, void *opaque)
{
	struct found *found = opaque;

	if (found->iova - mapping->iova >= mapping->len)
		return 0;
	found->vaddr = (char *)mapping->vaddr + (found->iova - mapping->iova);
	return 1;
}

static void *at_iova(uint64_t iova)
{
	struct found found = {iova, NULL};

	iommu_for_each_mapping(fake.ctx, look, &found);
	ck_assert_msg(found.vaddr, "nothing at %#llx", (unsigned long long)iova);
	return found.vaddr;
}

/* A healthy controller: 64 queues, 128 entries, pages of 4 KiB, half a second. */
#define CAP(mqes, to, dstrd, css, mpsmin, mpsmax)                                                  \
	((uint64_t)(mqes) | (uint64_t)(to) << 24 | (uint64_t)(dstrd) << 32 |                       \
	 (uint64_t)(css) << 37 | (uint64_t)(mpsmin) << 48 | (uint64_t)(mpsmax) << 52)

static void healthy(void)
{
	struct iommu_ctx *ctx = fake.ctx;

	memset(&fake, 0, sizeof(fake));
	fake.ctx = ctx;
	fake.cap = CAP(127, 1, 0, 1, 0, 4);
	fake.classcode = 0x010802;
	fake.granted = 63 << 16 | 63;
}

static void setup(void)
{
	logv_set(VFN_LOG_NONE);
	fake.ctx = iommu_get_context("test-bringup");
	healthy();
}

static void teardown(void)
{
	ck_assert(!fake.open);
	ck_assert_uint_eq(iommu_mappings(fake.ctx), 0);
	iommu_put_context(fake.ctx);
}

static void works(struct nvme_ctrl *ctrl, const struct nvme_ctrl_opts *opts)
{
	ck_assert_msg(!nvme_init(ctrl, "0000:01:00.0", opts), "%s", vfn_error());
	ck_assert_uint_eq(fake.cc & CC_EN, CC_EN);
}

static void fails(int err, const char *reason)
{
	struct nvme_ctrl ctrl;

	errno = 0;
	ck_assert_int_eq(nvme_init(&ctrl, "0000:01:00.0", NULL), -1);
	ck_assert_msg(errno == err, "errno %d: %s", errno, vfn_error());
	ck_assert_msg(strstr(vfn_error(), reason), "%s", vfn_error());
	ck_assert_msg(strstr(vfn_error(), "0000:01:00.0"), "%s", vfn_error());
	ck_assert(!fake.open);
	ck_assert_uint_eq(iommu_mappings(fake.ctx), 0);
}

START_TEST(test_plain)
{
	struct nvme_ctrl ctrl;

	fake.cmbmsc = 0x1234003;
	fake.ready_after = 5;
	fake.command = PCI_COMMAND_MEMORY;
	works(&ctrl, NULL);
	ck_assert_uint_eq(fake.cc, CC_EN | CC_IOSQES(6) | CC_IOCQES(4));
	ck_assert_uint_eq(fake.aqa & 0xfff, fake.aqa >> 16);
	ck_assert_uint_eq(fake.asq, ctrl.adminq.sq->iova);
	ck_assert_uint_eq(fake.acq, ctrl.adminq.cq->iova);
	ck_assert_uint_ge(fake.asq, 65536);
	ck_assert_int_eq(ctrl.config.mqes, 127);
	ck_assert_int_eq(ctrl.config.mdts, 5);
	ck_assert_uint_eq(ctrl.flags, 0);
	ck_assert_uint_eq(fake.opcodes[OPC_DBBUF_CONFIG], 0);
	/* it has no controller memory buffer: the register is not its */
	ck_assert_uint_eq(fake.cmbmsc, 0x1234003);
	nvme_close(&ctrl);
	ck_assert_uint_eq(fake.cc & CC_EN, 0);
	ck_assert(!fake.reset);
}
END_TEST

START_TEST(test_kinds)
{
	struct nvme_ctrl_opts opts = {9, 7, 0};
	struct nvme_ctrl ctrl;
	union nvme_cmd cmd;

	/* fewer queues than asked for; more are not taken */
	fake.granted = 3 << 16 | 5;
	works(&ctrl, &opts);
	ck_assert_int_eq(ctrl.config.nsqa, 5);
	ck_assert_int_eq(ctrl.config.ncqa, 3);
	nvme_close(&ctrl);
	fake.granted = 0xfffefffe;
	works(&ctrl, &opts);
	ck_assert_int_eq(ctrl.config.nsqa, 9);
	ck_assert_int_eq(ctrl.config.ncqa, 7);
	nvme_close(&ctrl);

	/* all command sets; doorbells 32 bytes apart; a memory buffer that somebody left on */
	fake.cap = CAP(127, 1, 3, 0x41, 0, 4) | 1ull << 57;
	fake.cmbmsc = 3;
	fake.sgls = 1;
	works(&ctrl, &opts);
	ck_assert_uint_eq(fake.cc >> 4 & 7, 6);
	ck_assert_uint_eq(fake.cmbmsc, 0);
	ck_assert_uint_eq(ctrl.flags, NVME_CTRL_F_SGLS_SUPPORTED);
	ck_assert_int_eq(nvme_prep_create_iocq(&ctrl, 2, 16, 1, &cmd), 0);
	ck_assert_uint_eq(ctrl.cq[2].kick_offset, 0x1000 + 5 * 32);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_cq.qflags), NVME_Q_PC | NVME_CQ_IEN);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_cq.iv), 1);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_cq.qsize), 15);
	ck_assert_int_eq(nvme_prep_create_iosq(&ctrl, 3, 16, &ctrl.cq[2], NVME_SQ_QPRIO_HIGH, &cmd),
			 0);
	ck_assert_uint_eq(ctrl.sq[3].kick_offset, 0x1000 + 6 * 32);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_sq.qflags), NVME_Q_PC | NVME_SQ_QPRIO_HIGH);
	ck_assert_uint_eq(le16_to_cpu(cmd.create_sq.cqid), 2);
	nvme_close(&ctrl);

	/* SGLs of dwords; shadow doorbells, unless they are known to be broken */
	fake.cap = CAP(127, 1, 0, 1, 0, 4);
	fake.sgls = 2;
	fake.oacs = OACS_DBBUF;
	works(&ctrl, &opts);
	ck_assert_uint_eq(ctrl.flags,
			  NVME_CTRL_F_SGLS_SUPPORTED | NVME_CTRL_F_SGLS_DWORD_ALIGNMENT);
	ck_assert_uint_eq(fake.opcodes[OPC_DBBUF_CONFIG], 1);
	ck_assert_ptr_nonnull(ctrl.adminq.sq->dbbuf.doorbell);
	/* the admin queue's values so far are in the new doorbells */
	ck_assert_uint_eq(*(leint32_t *)ctrl.adminq.sq->dbbuf.doorbell, ctrl.adminq.sq->tail);
	ck_assert_uint_eq(*(leint32_t *)ctrl.adminq.cq->dbbuf.doorbell, ctrl.adminq.cq->head);
	nvme_close(&ctrl);
	opts.quirks = NVME_QUIRK_BROKEN_DBBUF;
	works(&ctrl, &opts);
	ck_assert_uint_eq(fake.opcodes[OPC_DBBUF_CONFIG], 1);
	nvme_close(&ctrl);
}
END_TEST

START_TEST(test_administrative)
{
	struct nvme_ctrl ctrl;

	fake.cap = CAP(127, 1, 0, 0x80, 0, 4);
	works(&ctrl, NULL);
	ck_assert_uint_eq(fake.cc >> 4 & 7, 7);
	ck_assert_uint_eq(ctrl.flags, NVME_CTRL_F_ADMINISTRATIVE);
	ck_assert_uint_eq(fake.opcodes[OPC_SET_FEATURES], 0);
	ck_assert_int_eq(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	nvme_close(&ctrl);

	/* one that has command sets, and could be enabled without them, has I/O queues */
	fake.cap = CAP(127, 1, 0, 0xc1, 0, 4);
	works(&ctrl, NULL);
	ck_assert_uint_eq(fake.cc >> 4 & 7, 6);
	ck_assert_uint_eq(ctrl.flags, 0);
	ck_assert_uint_eq(fake.opcodes[OPC_SET_FEATURES], 1);
	nvme_close(&ctrl);

	memset(fake.opcodes, 0, sizeof(fake.opcodes));
	fake.cap = CAP(127, 1, 0, 1, 0, 4);
	fake.cntrltype = CNTRLTYPE_ADMIN;
	works(&ctrl, NULL);
	ck_assert_uint_eq(ctrl.flags, NVME_CTRL_F_ADMINISTRATIVE);
	ck_assert_uint_eq(fake.opcodes[OPC_SET_FEATURES], 0);
	nvme_close(&ctrl);
}
END_TEST

START_TEST(test_page_sizes)
{
	struct nvme_ctrl ctrl;

	for (int mps = 1; mps <= 4; mps++) {
		fake.cap = CAP(127, 1, 0, 1, mps, 8);
		works(&ctrl, NULL);
		ck_assert_int_eq(ctrl.config.mps, mps);
		ck_assert_uint_eq(fake.cc >> 7 & 0xf, (unsigned int)mps);
		ck_assert_uint_eq(fake.asq % (4096u << mps), 0);
		ck_assert_uint_eq(fake.acq % (4096u << mps), 0);
		for (int i = 0; i < ctrl.adminq.sq->nrqs; i++)
			ck_assert_uint_eq(ctrl.adminq.sq->rqs[i].page.iova % (4096u << mps), 0);
		nvme_close(&ctrl);
	}
}
END_TEST

START_TEST(test_broken)
{
	uint64_t before;

	fake.cap = UINT64_MAX;
	fails(ENODEV, "all ones");
	healthy();
	fake.gone = true;
	fails(ENODEV, "all ones");
	ck_assert(fake.reset);
	ck_assert_uint_eq(fake.command & PCI_COMMAND_MASTER, 0);

	healthy();
	fake.gone_when_enabled = true;
	fails(ENODEV, "all ones");
	healthy();
	fake.dies_at_identify = true;
	fails(ENODEV, "Identify");
	healthy();
	fake.fatal = true;
	fails(EIO, "fatal");

	healthy();
	fake.never_ready = true;
	before = nvme_now();
	fails(ETIMEDOUT, "did not become ready within 1000 ms");
	ck_assert_uint_ge(nvme_now() - before, 500000000);
	ck_assert_uint_lt(nvme_now() - before, 4000000000);

	/* it may still be at work: its bus mastering goes before its memory does */
	healthy();
	fake.never_idle = true;
	fake.cc = CC_EN;
	fake.csts = CSTS_RDY;
	fails(ETIMEDOUT, "did not become disabled");
	ck_assert(fake.reset);
	ck_assert_uint_eq(fake.command & PCI_COMMAND_MASTER, 0);

	healthy();
	fake.cap = CAP(127, 1, 0, 0x02, 0, 4);
	fails(ENOTSUP, "no command set");
	healthy();
	fake.cap = CAP(127, 1, 0, 1, 5, 4);
	fails(ENOTSUP, "MPSMIN");
	healthy();
	fake.classcode = 0x020000;
	fails(ENODEV, "020000");
}
END_TEST

START_TEST(test_limits)
{
	struct nvme_ctrl ctrl;

	/* CAP.TO of 0, and the longer limit of CRTO where CAP.CRMS says that it is there */
	fake.cap = CAP(127, 0, 0, 1, 0, 4);
	works(&ctrl, NULL);
	ck_assert_uint_eq(ctrl.priv->ready_ms, 500);
	nvme_close(&ctrl);
	fake.cap = CAP(127, 255, 0, 1, 0, 4) | 1ull << 59;
	fake.crto = 0xffff0000 | 400;
	works(&ctrl, NULL);
	ck_assert_uint_eq(ctrl.priv->ready_ms, 200500);
	nvme_close(&ctrl);
	fake.crto = 3;
	works(&ctrl, NULL);
	ck_assert_uint_eq(ctrl.priv->ready_ms, 128000);
	nvme_close(&ctrl);
}
END_TEST

/* An earlier owner enabled it and died at once: it must be let become ready before it is disabled.
 */
START_TEST(test_settles)
{
	struct nvme_ctrl ctrl;

	fake.cc = CC_EN;
	fake.countdown = 8;
	works(&ctrl, NULL);
	ck_assert_uint_eq(fake.cc_before_ready, 0);
	nvme_close(&ctrl);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-bringup");
	TCase *tc = tcase_create("nvme-bringup");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_plain);
	tcase_add_test(tc, test_kinds);
	tcase_add_test(tc, test_administrative);
	tcase_add_test(tc, test_page_sizes);
	tcase_add_test(tc, test_broken);
	tcase_add_test(tc, test_limits);
	tcase_add_test(tc, test_settles);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
