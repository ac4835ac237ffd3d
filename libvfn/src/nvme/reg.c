/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reg - register accesses, mapped or through the transport
 */
#include <errno.h>
#include <linux/vfio.h>

#include "nvme/internal.h"

static void *reg_mapped(const struct nvme_ctrl *ctrl, uint64_t offset, size_t len)
{
	size_t mapped = ctrl->priv ? ctrl->priv->regs_len : 0;

	/* where another process is the controller, a store to a register tells nobody */
	if (!ctrl->regs || ctrl->priv->by_message || offset > mapped || len > mapped - offset)
		return NULL;
	return (char *)ctrl->regs + offset;
}

/* A controller may take no accesses of 8 bytes; one that has gone is no reason to try halves. */
static bool takes_halves(void)
{
	return errno != ENODEV && errno != ETIMEDOUT && errno != EPROTO;
}

int nvme_reg_read32(struct nvme_ctrl *ctrl, uint64_t offset, uint32_t *value)
{
	void *reg = reg_mapped(ctrl, offset, sizeof(*value));
	leint32_t v;

	if (reg)
		v = mmio_read32(reg);
	else if (vfio_region_read(&ctrl->pci.dev, VFIO_PCI_BAR0_REGION_INDEX, &v, sizeof(v),
				  offset))
		return -1;

	*value = le32_to_cpu(v);
	return 0;
}

int nvme_reg_read64(struct nvme_ctrl *ctrl, uint64_t offset, uint64_t *value)
{
	void *reg = reg_mapped(ctrl, offset, sizeof(*value));
	uint32_t low, high;
	leint64_t v;

	/* every controller takes two halves, not every one the whole */
	if (reg) {
		*value = le64_to_cpu(mmio_lh_read64(reg));
		return 0;
	}
	if (!vfio_region_read(&ctrl->pci.dev, VFIO_PCI_BAR0_REGION_INDEX, &v, sizeof(v), offset)) {
		*value = le64_to_cpu(v);
		return 0;
	}
	if (!takes_halves() || nvme_reg_read32(ctrl, offset, &low) ||
	    nvme_reg_read32(ctrl, offset + 4, &high))
		return -1;
	*value = (uint64_t)high << 32 | low;
	return 0;
}

int nvme_reg_write32(struct nvme_ctrl *ctrl, uint64_t offset, uint32_t value)
{
	void *reg = reg_mapped(ctrl, offset, sizeof(value));
	leint32_t v = cpu_to_le32(value);

	if (!reg)
		return vfio_region_write(&ctrl->pci.dev, VFIO_PCI_BAR0_REGION_INDEX, &v, sizeof(v),
					 offset);

	/* memory that the register is about, before the register */
	wmb();
	mmio_write32(reg, v);
	return 0;
}

int nvme_reg_write64(struct nvme_ctrl *ctrl, uint64_t offset, uint64_t value)
{
	void *reg = reg_mapped(ctrl, offset, sizeof(value));
	leint64_t v = cpu_to_le64(value);

	if (reg) {
		wmb();
		mmio_lh_write64(reg, v);
		return 0;
	}
	if (!vfio_region_write(&ctrl->pci.dev, VFIO_PCI_BAR0_REGION_INDEX, &v, sizeof(v), offset))
		return 0;
	if (!takes_halves() || nvme_reg_write32(ctrl, offset, (uint32_t)value))
		return -1;
	return nvme_reg_write32(ctrl, offset + 4, (uint32_t)(value >> 32));
}
