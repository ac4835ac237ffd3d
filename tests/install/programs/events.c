// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts by eventfd, and asynchronous events. The second argument is a command that makes the
 * controller report a SMART warning.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vfn/nvme.h>

static int wait_for(int efd)
{
	struct pollfd pfd = {efd, POLLIN, 0};
	uint64_t n;

	if (poll(&pfd, 1, 10000) != 1 || read(efd, &n, sizeof(n)) != sizeof(n))
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	static struct nvme_ctrl ctrl;
	struct nvme_cqe *cqe, copy;
	struct nvme_rq *rq;
	union nvme_cmd cmd;
	int efds[2], cookie = 0, events = 0;

	if (argc < 3 || nvme_init(&ctrl, argv[1], NULL))
		return 1;
	efds[0] = eventfd(0, EFD_CLOEXEC);
	efds[1] = eventfd(0, EFD_CLOEXEC);
	if (vfio_set_irq(&ctrl.pci.dev, efds, 2)) {
		perror("vfio_set_irq");
		return 1;
	}
	if (nvme_create_ioqpair(&ctrl, 1, 32, 1, 0))
		return 1;
	rq = nvme_rq_acquire(&ctrl.sq[1]);
	memset(&cmd, 0, sizeof(cmd));
	cmd.opcode = 0x0; /* Flush */
	cmd.nsid = cpu_to_le32(1);
	nvme_rq_exec(rq, &cmd);
	if (wait_for(efds[1]))
		return 1;
	cqe = nvme_cq_get_cqe(&ctrl.cq[1]);
	if (!cqe || __nvme_rq_from_cqe(&ctrl.sq[1], cqe) != rq || !nvme_cqe_ok(cqe))
		return 1;
	nvme_cq_update_head(&ctrl.cq[1]);
	nvme_rq_release(rq);

	/* Asynchronous Event Configuration: SMART warnings */
	memset(&cmd, 0, sizeof(cmd));
	cmd.features.opcode = 0x9;
	cmd.features.fid = 0xb;
	cmd.features.cdw11 = cpu_to_le32(0xff);
	if (nvme_admin(&ctrl, &cmd, NULL, 0, &copy) || nvme_aer(&ctrl, &cookie))
		return 1;
	if (system(argv[2]))
		return 1;
	while (!events) {
		if (wait_for(efds[0]))
			return 1;
		while ((cqe = nvme_cq_get_cqe(ctrl.adminq.cq))) {
			if (!(cqe->cid & NVME_CID_AER))
				continue;
			rq = nvme_rq_from_cqe(&ctrl, cqe);
			if (!rq || rq->opaque != &cookie)
				return 1;
			if (NVME_AEN_TYPE(le32_to_cpu(cqe->dw0)) != 0x1 ||
			    NVME_AEN_LID(le32_to_cpu(cqe->dw0)) != 0x2)
				return 1;
			printf("event, information %d\n", NVME_AEN_INFO(le32_to_cpu(cqe->dw0)));
			nvme_rq_release(rq);
			events++;
		}
		nvme_cq_update_head(ctrl.adminq.cq);
	}
	if (vfio_disable_irq(&ctrl.pci.dev))
		return 1;
	nvme_close(&ctrl);
	return 0;
}
