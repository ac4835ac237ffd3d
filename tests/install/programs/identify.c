// SPDX-License-Identifier: GPL-2.0-or-later
/* Identify Controller through a request tracker, with everything at its defaults. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/nvme.h>

static struct nvme_ctrl ctrl;

int main(int argc, char **argv)
{
	const struct nvme_ctrl_opts opts = nvme_ctrl_opts_default;
	char model[41] = {0};
	union nvme_cmd cmd;
	struct nvme_cqe cqe;
	struct nvme_rq *rq;
	uint64_t iova;
	void *vaddr;
	ssize_t len;

	if (argc < 2 || opts.nsqr != 63 || opts.ncqr != 63 || opts.quirks != 0)
		return 2;
	if (nvme_init(&ctrl, argv[1], &nvme_ctrl_opts_default)) {
		perror("nvme_init");
		return 1;
	}
	len = pgmap(&vaddr, 4096);
	if (len < 4096 || iommu_map_vaddr(__iommu_ctx(&ctrl), vaddr, len, &iova, 0x0)) {
		perror("memory");
		return 1;
	}

	rq = nvme_rq_acquire(ctrl.adminq.sq);
	if (!rq)
		return 1;
	cmd = (union nvme_cmd){.identify = {.opcode = 0x6, .cns = 0x1}};
	if (nvme_rq_map_prp(&ctrl, rq, &cmd, iova, 4096))
		return 1;
	nvme_rq_exec(rq, &cmd);
	while (nvme_rq_spin(rq, &cqe) < 0) {
		if (errno == EAGAIN)
			continue;
		perror("nvme_rq_spin");
		return 1;
	}
	nvme_rq_release(rq);
	if (!nvme_cqe_ok(&cqe) || cqe.cid != cmd.cid)
		return 1;
	memcpy(model, (char *)vaddr + 24, 40);
	printf("%s\n", model);

	/* The same by one call, into memory that is not mapped. */
	{
		__autofree void *buf = zmalloc(4096);

		cmd = (union nvme_cmd){.identify = {.opcode = 0x6, .cns = 0x1}};
		if (nvme_admin(&ctrl, &cmd, buf, 4096, NULL) || memcmp(buf, vaddr, 4096))
			return 1;
	}

	if (iommu_unmap_vaddr(__iommu_ctx(&ctrl), vaddr, NULL))
		return 1;
	pgunmap(vaddr, len);
	nvme_close(&ctrl);
	return model[0] ? 0 : 1;
}
