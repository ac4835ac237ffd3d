/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes of sessions to registers and doorbells. What they do to the session's own queues is the session's affair;
 * doorbells of others, and the admin queue's, would have commands of others carried out again or too early. A
 * controller that was disabled by a write has forgotten the daemon's queues, too: it is reset.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdio.h>

#include <linux/vfio.h>

#include <vfn/iommu.h>
#include <vfn/support.h>

#include "daemon/journal.h"

#define NVME_REG_INTMS    0x0c
#define NVME_REG_INTMC    0x10
#define NVME_REG_CC       0x14
#define NVME_REG_CSTS     0x1c
#define NVME_REG_CMBSZ    0x3c
#define NVME_REG_CMBMSC   0x50
#define NVME_CAP_CMBS     57
#define NVME_CMBMSC_CMSE  2u
#define NVME_CC_EN        1u
#define NVME_CSTS_RDY     1u
#define NVME_CSTS_CFS     2u
#define NVME_DOORBELLS    0x1000u
#define NVME_DOORBELL_END 65536u /* queue identifiers have 16 bits */

static uint64_t write_stride(const struct nvme_device *nd)
{
	return UINT64_C(4) << nd->ctrl.config.dstrd;
}

/* Is the doorbell the session's, or nobody's? */
static int write_doorbell_check(struct opening *o, uint64_t qid, char *text, size_t size)
{
	struct nvme_device *nd = nvme_of(o->device);
	const struct queue *q = qid <= nd->nqueues ? nd->queues[qid] : NULL;

	if (qid == 0) {
		snprintf(text, size, "the admin queue's doorbells are the daemon's");
		return -EPERM;
	}
	if (q && (q->pair || q->opening != o)) {
		snprintf(text, size, "queue %u is another session's, or of served queues", q->qid);
		return -EPERM;
	}
	return 0;
}

int nvme_bar_write_check(struct opening *o, unsigned int bar, uint64_t offset, size_t length, char *text,
			 size_t size)
{
	struct nvme_device *nd = nvme_of(o->device);
	uint64_t pair = 2 * write_stride(nd), first, last;

	if (bar != 0 || length == 0 || offset + length <= NVME_DOORBELLS)
		return 0;
	first = offset > NVME_DOORBELLS ? (offset - NVME_DOORBELLS) / pair : 0;
	last = (offset + length - 1 - NVME_DOORBELLS) / pair;
	for (uint64_t qid = first; qid <= last && qid <= nd->nqueues; qid++) {
		int ret = write_doorbell_check(o, qid, text, size);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int nvme_doorbell_find(struct opening *o, uint32_t qid, bool completion, uint64_t *offset, char *text,
		       size_t size)
{
	struct nvme_device *nd = nvme_of(o->device);

	*offset = NVME_DOORBELLS + (2 * (uint64_t)qid + completion) * write_stride(nd);
	if (qid >= NVME_DOORBELL_END || *offset + 4 > o->device->id.bar_size[0]) {
		snprintf(text, size, "BAR 0 has no doorbell for queue %u", qid);
		return -EINVAL;
	}
	return write_doorbell_check(o, qid, text, size);
}

/* With shadow doorbells the controller looks at the shadow, and may not look at the register at all. */
int nvme_doorbell_ring(struct device *dev, uint64_t offset, uint32_t value)
{
	struct nvme_device *nd = nvme_of(dev);
	uint64_t at = offset - NVME_DOORBELLS;

	if (nd->ctrl.dbbuf.doorbells && at + 4 <= nd->page_size) {
		leint32_t *shadow = (leint32_t *)((char *)nd->ctrl.dbbuf.doorbells + at);

		STORE_PTR(shadow, cpu_to_le32(value));
		mb();
	}
	return nvme_reg_write32(&nd->ctrl, offset, value) < 0 ? -errno : 0;
}

/*
 * Interrupts that are masked would be missed by all. Those of MSI-X are not masked there, and who has these should not
 * access the register at all (NVMe Base 2.0, 3.1.3.3).
 */
static void write_unmask(struct nvme_device *nd)
{
	uint32_t masked;

	if (!nd->nvectors || nd->ctrl.pci.dev.irq_info.index == VFIO_PCI_MSIX_IRQ_INDEX)
		return;
	if (nvme_reg_read32(&nd->ctrl, NVME_REG_INTMS, &masked) < 0 || !masked || masked == UINT32_MAX)
		return;
	if (nvme_reg_write32(&nd->ctrl, NVME_REG_INTMC, masked) == 0)
		journal_warn(nd->dev->address, 0, "a session has masked interrupts (INTMS %#x): unmasked again",
			     masked);
}

struct write_range {
	uint64_t first, size;
};

static int write_overlaps(const struct iommu_mapping *mapping, void *opaque)
{
	const struct write_range *r = opaque;

	return mapping->iova < r->first + r->size && r->first < mapping->iova + mapping->len;
}

/*
 * The controller finds its own memory where a session has put it (CMBMSC), in place of what is mapped there. The
 * daemon does not use that memory: if it is over somebody's, it goes.
 */
static void write_uncover(struct nvme_device *nd)
{
	struct write_range range;
	uint64_t msc;
	uint32_t size;

	if (!(nd->cap >> NVME_CAP_CMBS & 1) || nvme_reg_read64(&nd->ctrl, NVME_REG_CMBMSC, &msc) < 0 ||
	    nvme_reg_read32(&nd->ctrl, NVME_REG_CMBSZ, &size) < 0 || msc == UINT64_MAX || !(msc & NVME_CMBMSC_CMSE))
		return;
	range.first = msc & ~UINT64_C(0xfff);
	/* SZ units of 4 KiB times 16 to the power SZU, of which there are seven */
	range.size = (uint64_t)(size >> 12) << (12 + 4 * ((size >> 8 & 0xf) < 7 ? size >> 8 & 0xf : 6));
	if (range.size > UINT64_MAX - range.first)
		range.size = UINT64_MAX - range.first;
	if (!iommu_for_each_mapping(nd->ctrl.pci.dev.ctx, write_overlaps, &range))
		return;
	if (nvme_reg_write64(&nd->ctrl, NVME_REG_CMBMSC, 0) == 0)
		journal_warn(nd->dev->address, 0, "a session has put the controller's memory over what is mapped "
						  "at %#llx: it was switched off", (unsigned long long)range.first);
}

void nvme_written(struct device *dev)
{
	write_unmask(nvme_of(dev));
	write_uncover(nvme_of(dev));
}

const char *nvme_upset(struct device *dev)
{
	struct nvme_ctrl *ctrl = &nvme_of(dev)->ctrl;
	uint32_t cc, csts;

	if (nvme_reg_read32(ctrl, NVME_REG_CC, &cc) < 0 || nvme_reg_read32(ctrl, NVME_REG_CSTS, &csts) < 0 ||
	    csts == UINT32_MAX)
		return "its registers cannot be read";
	if (!(cc & NVME_CC_EN))
		return "it is disabled, not by the daemon";
	if (csts & NVME_CSTS_CFS)
		return "a fatal status";
	return csts & NVME_CSTS_RDY ? NULL : "it is not ready";
}

void nvme_recover_from(struct device *dev, const char *why)
{
	nvme_recover(nvme_of(dev), why);
}
