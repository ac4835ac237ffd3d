/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/takeover.h - hand a running controller on to a successor of this process
 *
 * The predecessor saves the controller and each of its queues into plain data (integers of fixed
 * width in the processor's byte order), lets the descriptors named there survive (the memfds, and
 * those of struct vfio_takeover: execve(2) with close-on-exec cleared, or a socket, with the
 * numbers replaced), and ends without nvme_close(). The successor restores the controller, then
 * completion queues, then submission queues. The controller is not reset, and notices nothing.
 *
 * Functions return 0, or -1 with errno set and the reason in words from vfn_error().
 *
 * Queues must be quiet while they are saved: no call on them under way. Commands may be
 * outstanding; the successor gets their trackers by nvme_rq_acquire_cid().
 */
#ifndef VFN_NVME_TAKEOVER_H
#define VFN_NVME_TAKEOVER_H

#include <stdint.h>

#include <vfn/nvme/ctrl.h>
#include <vfn/vfio/takeover.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NVME_SAVED_VERSION 1

/* Memory that the controller has: `len` bytes at `iova` are those at `offset` of the memfd `fd`. */
struct nvme_mem_saved {
	uint64_t iova;
	uint64_t len;
	uint64_t offset;
	uint64_t fd; /* UINT64_MAX: there is no such memory */
};

/* A completion or submission queue. */
struct nvme_queue_saved {
	uint32_t version; /* NVME_SAVED_VERSION */
	uint32_t id;
	uint32_t qsize;		   /* entries */
	uint32_t head;		   /* completion queue: the next entry; submission queue: 0 */
	uint32_t phase;		   /* completion queue: as in struct nvme_cq; submission queue: 0 */
	uint32_t vector;	   /* completion queue: UINT32_MAX for none; submission queue: 0 */
	uint32_t tail;		   /* submission queue */
	uint32_t ptail;		   /* submission queue */
	uint32_t cqid;		   /* submission queue */
	uint32_t nrqs;		   /* submission queue: trackers */
	struct nvme_mem_saved mem; /* the entries */
	struct nvme_mem_saved pages; /* submission queue: the trackers' pages */
};

/* A controller, without its queues. */
struct nvme_ctrl_saved {
	uint32_t version; /* NVME_SAVED_VERSION */
	uint32_t quirks;
	uint32_t nsqr;
	uint32_t ncqr;
	uint32_t nsqa;
	uint32_t ncqa;
	uint32_t mqes;
	uint32_t mps;
	uint32_t mdts;
	uint32_t mpsmin;
	uint32_t dstrd;
	uint32_t cntrltype;
	uint32_t oacs;
	uint32_t sgls;
	uint32_t vs;
	uint32_t ready_ms;
	uint64_t flags;
	uint64_t cap;
	struct nvme_mem_saved dbbuf; /* shadow doorbells; fd UINT64_MAX: not in use */
	struct nvme_mem_saved eventidx;
};

/*
 * Describe an enabled controller. EINVAL: it is not enabled, or its memory is no pgmap() memory; ENOTSUP: its
 * controller or host memory buffer is on.
 */
int nvme_ctrl_save(struct nvme_ctrl *ctrl, struct nvme_ctrl_saved *saved);

/*
 * Describe a queue. ENOENT: there is none; ENOTSUP: it lies in memory of the caller's; EBUSY: it is shared
 * (vfn/nvme/share.h).
 */
int nvme_cq_save(const struct nvme_cq *cq, struct nvme_queue_saved *saved);
int nvme_sq_save(const struct nvme_sq *sq, struct nvme_queue_saved *saved);

/*
 * Make a controller of what is saved, by the descriptors in *dev. *ctrl is overwritten. The
 * controller owns all descriptors named in *dev and *saved afterwards. The same for queues, each in
 * its place in ctrl->cq and ctrl->sq; identifier 0 is the admin queue. nvme_ctrl_restore_in() puts the device into the
 * IOMMU context `ctx`, as nvme_init_in() does.
 *
 * EINVAL the data is not of this version or not consistent, or not of this controller; EEXIST there
 * is such a queue; ENODEV the controller is not enabled (any more), or its registers read as all
 * ones; or of vfio_pci_import(), iommu_import(), mmap(2). On failure the memfds stay the caller's.
 * The device's descriptors do, too, when vfio_pci_import() refuses them; after that a failure
 * closes the device, as nvme_close().
 */
int nvme_ctrl_restore(struct nvme_ctrl *ctrl, const char *bdf, const struct vfio_takeover *dev,
		      const struct nvme_ctrl_saved *saved);
int nvme_ctrl_restore_in(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const char *bdf,
			 const struct vfio_takeover *dev, const struct nvme_ctrl_saved *saved);
int nvme_cq_restore(struct nvme_ctrl *ctrl, const struct nvme_queue_saved *saved);
int nvme_sq_restore(struct nvme_ctrl *ctrl, const struct nvme_queue_saved *saved);

#ifdef __cplusplus
}
#endif

#endif
