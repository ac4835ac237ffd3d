/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/hmb.h - the host memory buffer: memory of this process that the controller has for
 * itself, as controllers without memory of their own want it (NVMe base 2.0, 8.9, and 5.27.1.11)
 *
 * The library allocates and maps it, and gives it to the controller. After a reset the controller
 * does not use it until it is given again: nvme_reinit() does so, and says that nothing has changed
 * (Memory Return). The memory is freed when the controller has let go of it, or is disabled and
 * closed; never before.
 *
 * All functions belong to the thread of the admin queue, and wait for the controller.
 */
#ifndef VFN_NVME_HMB_H
#define VFN_NVME_HMB_H

#include <stdbool.h>
#include <stdint.h>

#include <vfn/nvme/ctrl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the controller says of it in Identify Controller. */
struct nvme_hmb_limits {
	uint64_t preferred; /* bytes that it would like (HMPRE); 0: it has no host memory buffer */
	uint64_t minimum;   /* bytes below which it is of no use (HMMIN) */
	uint64_t min_chunk; /* bytes of the smallest piece that it uses (HMMINDS); 0: any */
	unsigned int max_chunks; /* most pieces that it uses (HMMAXD); 0: any number */
};

/* What Get Features tells. */
struct nvme_hmb {
	bool enabled;
	uint64_t size;	     /* bytes */
	uint64_t list;	     /* IOVA of the descriptor list */
	unsigned int chunks; /* descriptors in it */
};

/* Ask what host memory buffer the controller wants. 0, or -1 as nvme_admin(). */
int nvme_hmb_limits(struct nvme_ctrl *ctrl, struct nvme_hmb_limits *limits);

/*
 * Ask what host memory buffer is set. 0, or -1 as nvme_admin(): EIO also when there is no such
 * feature.
 */
int nvme_hmb_get(struct nvme_ctrl *ctrl, struct nvme_hmb *hmb);

/*
 * Allocate `size` bytes (0: as many as the controller prefers) in pieces of at most `chunk` bytes
 * (0: as few pieces as can be had), and let the controller use them. It is content with less when
 * no more can be had, or when the controller takes no more pieces, down to its minimum:
 * nvme_hmb_get() tells. Both are rounded up to what the controller can use.
 *
 * 0, or -1: ENOTSUP the controller has no host memory buffer; EINVAL `size` is below its minimum,
 * or beyond 2^32 pages; EBUSY it has one already; ENOMEM, or of iommu_map_vaddr(), not even the
 * minimum can be had; EIO the controller refuses; or as nvme_admin(). ETIMEDOUT, ENODEV: the memory
 * is kept until the controller is disabled.
 */
int nvme_hmb_enable(struct nvme_ctrl *ctrl, uint64_t size, uint64_t chunk);

/*
 * Make the controller let go of the memory, and free it. 0, also when there is none; or -1 as
 * nvme_admin(), and the memory is kept.
 */
int nvme_hmb_disable(struct nvme_ctrl *ctrl);

/*
 * Make the controller let go of the memory, but keep it as it is, to be given again: before the
 * device is put into a state of low power. 0, or -1: ENOENT there is none; or as nvme_admin().
 */
int nvme_hmb_pause(struct nvme_ctrl *ctrl);

/*
 * Give the memory again: after nvme_hmb_pause(), or after nvme_reset() and nvme_enable() by hand.
 * `unchanged`: nobody has written to it (Memory Return), so that the controller can go on with what
 * it left there. 0, or -1: ENOENT there is none; EBUSY the controller has it; EIO it refuses, and
 * the memory is kept; or as nvme_admin().
 */
int nvme_hmb_return(struct nvme_ctrl *ctrl, bool unchanged);

#ifdef __cplusplus
}
#endif

#endif
