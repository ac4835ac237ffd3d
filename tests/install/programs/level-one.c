// SPDX-License-Identifier: GPL-2.0-or-later
/* Bring-up step by step, and whole commands on queues, without trackers. */
#include <stdio.h>
#include <string.h>

#include <vfn/nvme.h>
#include <vfn/vfio.h>

static int one(struct nvme_sq *sq, union nvme_cmd *cmd, struct nvme_cqe *copy)
{
	struct nvme_cq *cq = sq->cq;
	struct nvme_cqe *cqe;

	cmd->cid = 0x1234;
	nvme_sq_post(sq, cmd);
	nvme_sq_update_tail(sq);
	nvme_cq_spin(cq);
	if (nvme_cq_head(cq)->cid != 0x1234)
		return -1;
	cqe = nvme_cq_get_cqe(cq);
	*copy = *cqe;
	nvme_cq_update_head(cq);
	return nvme_cqe_ok(copy) ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct nvme_ctrl_opts opts = {3, 3, NVME_QUIRK_BROKEN_DBBUF};
	static struct nvme_ctrl ctrl;
	struct nvme_cqe cqes[4], cqe;
	struct timespec ts = {5, 0};
	union nvme_cmd cmd;
	void *mem;
	uint64_t iova;

	if (argc < 2 || nvme_ctrl_init(&ctrl, argv[1], &opts)) {
		perror("nvme_ctrl_init");
		return 1;
	}
	if (nvme_reset(&ctrl) || nvme_configure_adminq(&ctrl, 0x0) || nvme_enable(&ctrl)) {
		perror("enable");
		return 1;
	}
	if (ctrl.pci.classcode != 0x010802 || strcmp(ctrl.pci.bdf, argv[1]) ||
	    ctrl.adminq.sq != &ctrl.sq[NVME_AQ] || ctrl.adminq.cq != &ctrl.cq[NVME_AQ] ||
	    ctrl.sq[NVME_AQ].entry_size != 1 << NVME_SQES ||
	    ctrl.cq[NVME_AQ].entry_size != 1 << NVME_CQES)
		return 1;
	if (ctrl.flags & NVME_CTRL_F_ADMINISTRATIVE)
		return 1;

	/* Number of Queues */
	memset(&cmd, 0, sizeof(cmd));
	cmd.features.opcode = 0x9;
	cmd.features.fid = 0x7;
	cmd.features.cdw11 = cpu_to_le32(3 << 16 | 3);
	if (one(ctrl.adminq.sq, &cmd, &cqe) || (le32_to_cpu(cqe.dw0) & 0xffff) < 1)
		return 1;
	ctrl.config.nsqa = ctrl.config.ncqa = 1;

	if (pgmap(&mem, __VFN_PAGESIZE) < 0 ||
	    iommu_map_vaddr(ctrl.pci.dev.ctx, mem, __VFN_PAGESIZE, &iova, 0))
		return 1;
	memset(&cmd, 0, sizeof(cmd));
	cmd.identify.opcode = 0x6;
	cmd.identify.cns = 0x1;
	cmd.dptr.prp1 = cpu_to_le64(iova);
	if (one(ctrl.adminq.sq, &cmd, &cqe))
		return 1;

	/* Two submission queues on one completion queue. */
	if (nvme_create_iocq(&ctrl, 1, 16, -1) ||
	    nvme_create_iosq(&ctrl, 1, 16, &ctrl.cq[1], NVME_SQ_QPRIO_URGENT) ||
	    nvme_create_iosq(&ctrl, 2, 16, &ctrl.cq[1], 0)) {
		perror("queues");
		return 1;
	}
	memset(&cmd, 0, sizeof(cmd));
	cmd.rw.opcode = 0x2;
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.dptr.prp1 = cpu_to_le64(iova);
	for (uint16_t i = 0; i < 2; i++) {
		for (int sqid = 1; sqid <= 2; sqid++) {
			cmd.rw.cid = (uint16_t)(sqid << 8 | i);
			nvme_sq_exec(&ctrl.sq[sqid], &cmd);
		}
	}
	if (nvme_cq_wait_cqes(&ctrl.cq[1], cqes, 2, &ts) != 2)
		return 1;
	nvme_cq_get_cqes(&ctrl.cq[1], &cqes[2], 2);
	nvme_cq_update_head(&ctrl.cq[1]);
	for (int i = 0; i < 4; i++) {
		if (!nvme_cqe_ok(&cqes[i]) || le16_to_cpu(cqes[i].sqid) != cqes[i].cid >> 8)
			return 1;
	}
	memset(&cmd, 0, sizeof(cmd));
	cmd.rw.opcode = 0x2;
	cmd.rw.nsid = cpu_to_le32(1);
	if (nvme_sync(&ctrl, &ctrl.sq[2], &cmd, mem, 512, NULL))
		return 1;
	if (nvme_delete_iosq(&ctrl, 2) || nvme_delete_iosq(&ctrl, 1) || nvme_delete_iocq(&ctrl, 1))
		return 1;
	nvme_discard_sq(&ctrl, &ctrl.sq[1]); /* nothing is there: nothing happens */
	nvme_discard_cq(&ctrl, &ctrl.cq[1]);
	nvme_close(&ctrl);
	pgunmap(mem, __VFN_PAGESIZE);
	return 0;
}
