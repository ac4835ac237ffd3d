/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-ctrl - controllers of every kind, and broken ones. The functions of vfn/vfio.h that the library uses are the
 * test's own here: registers in memory, with a script of what goes wrong.
 */
#ifndef VFND_TESTS_FAKE_CTRL_H
#define VFND_TESTS_FAKE_CTRL_H

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
	bool refuses_arbitration;

	/* its state */
	uint32_t cc, csts, aqa;
	uint64_t asq, acq, cmbmsc;
	int countdown;
	uint16_t sq_head, cq_tail, phase;
	uint16_t command; /* of configuration space */
	bool open, reset;
	unsigned int opcodes[256];
	union nvme_cmd arbitration; /* as it was last set */
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
	uint16_t status = 0;
	uint8_t *id;

	memset(cqe, 0, 14);
	fake.opcodes[cmd->opcode]++;
	if (cmd->opcode == OPC_IDENTIFY) {
		id = at_iova(le64_to_cpu(cmd->dptr.prp1));
		id[ID_CTRL_CNTRLTYPE] = fake.cntrltype;
		id[ID_CTRL_MDTS] = 5;
		memcpy(id + ID_CTRL_OACS, &fake.oacs, 2);
		memcpy(id + ID_CTRL_SGLS, &fake.sgls, 4);
	} else if (cmd->opcode == OPC_SET_FEATURES && cmd->features.fid == FEAT_ARBITRATION) {
		fake.arbitration = *cmd;
		status = fake.refuses_arbitration ? 0x02 : 0;
	} else if (cmd->opcode == OPC_SET_FEATURES) {
		cqe->dw0 = cpu_to_le32(fake.granted);
	}
	cqe->cid = cmd->cid;
	cqe->sfp = cpu_to_le16((uint16_t)(status << 1 | fake.phase));
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

static inline void healthy(void)
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
	fake.ctx = iommu_get_context("fake-ctrl");
	healthy();
}

static void teardown(void)
{
	ck_assert(!fake.open);
	ck_assert_uint_eq(iommu_mappings(fake.ctx), 0);
	iommu_put_context(fake.ctx);
}

static inline void works(struct nvme_ctrl *ctrl, const struct nvme_ctrl_opts *opts)
{
	ck_assert_msg(!nvme_init(ctrl, "0000:01:00.0", opts), "%s", vfn_error());
	ck_assert_uint_eq(fake.cc & CC_EN, CC_EN);
}

static inline void fails(int err, const char *reason)
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

#endif
