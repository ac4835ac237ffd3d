/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim-rig - a simulated controller, brought up, with the admin queue's vector, and memory for data
 */
#ifndef VFND_TESTS_SIM_RIG_H
#define VFND_TESTS_SIM_RIG_H

#include <poll.h>
#include <sys/eventfd.h>

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "sim-proc.h"

#define RIG_AREA (1u << 20)
#define RIG_IRQS 4

/* Also for inner loops and threads: check's own assertions each make a system call. */
#define RIG_OK(call)                                                                               \
	do {                                                                                       \
		if (call)                                                                          \
			ck_abort_msg("%s: %s", #call, vfn_error());                                \
	} while (0)
#define RIG_EXPECT(cond)                                                                           \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg("%s (%s)", #cond, vfn_error());                               \
	} while (0)

struct rig {
	struct sim sim;
	struct nvme_ctrl ctrl;
	char *area;
	uint64_t iova;
	int efds[RIG_IRQS];
};

static inline void rig_start(struct rig *rig, unsigned int quirks)
{
	struct nvme_ctrl_opts opts = nvme_ctrl_opts_default;
	void *area;

	logv_set(VFN_LOG_NONE);
	sim_start(&rig->sim);
	opts.quirks = quirks;
	ck_assert_msg(!nvme_init(&rig->ctrl, rig->sim.name, &opts), "%s", vfn_error());
	for (int i = 0; i < RIG_IRQS; i++)
		rig->efds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	RIG_OK(vfio_set_irq(&rig->ctrl.pci.dev, rig->efds, RIG_IRQS));
	ck_assert_int_eq(pgmap(&area, RIG_AREA), RIG_AREA);
	RIG_OK(iommu_map_vaddr(__iommu_ctx(&rig->ctrl), area, RIG_AREA, &rig->iova, 0));
	rig->area = area;
}

static inline void rig_stop(struct rig *rig)
{
	ck_assert_int_eq(sim_stat(&rig->sim, "dma_faults"), 0);
	iommu_unmap_vaddr(__iommu_ctx(&rig->ctrl), rig->area, NULL);
	nvme_close(&rig->ctrl);
	pgunmap(rig->area, RIG_AREA);
	for (int i = 0; i < RIG_IRQS; i++)
		close(rig->efds[i]);
	sim_settle(&rig->sim);
	ck_assert_int_eq(sim_stat(&rig->sim, "mappings"), 0);
	sim_stop(&rig->sim);
}

/* Read or write one block of 512 bytes, at page `page` of the area, without waiting. */
static inline void rig_submit(struct rig *rig, struct nvme_rq *rq, uint8_t opcode, uint64_t slba,
			      unsigned int page)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	RIG_OK(nvme_rq_map_prp(&rig->ctrl, rq, &cmd, rig->iova + page * 4096ull, 512));
	nvme_rq_exec(rq, &cmd);
}

static inline void rig_identify(struct rig *rig)
{
	union nvme_cmd cmd = {.identify = {.opcode = OPC_IDENTIFY, .cns = 1}};
	char id[4096];

	RIG_OK(nvme_admin(&rig->ctrl, &cmd, id, sizeof(id), NULL));
}

/* Trackers that are free: all of them can be had, and are given back. */
static inline int rig_free(struct nvme_sq *sq)
{
	struct nvme_rq *rqs[64];
	int n = 0;

	while (n < 64 && (rqs[n] = nvme_rq_acquire_atomic(sq)))
		n++;
	for (int i = n; i > 0; i--)
		nvme_rq_release_atomic(rqs[i - 1]);
	return n;
}

static inline unsigned int rig_status(const struct nvme_cqe *cqe)
{
	return le16_to_cpu(cqe->sfp) >> 1 & 0x7ff;
}

#endif
