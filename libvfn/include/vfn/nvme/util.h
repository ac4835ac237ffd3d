/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/util.h - one command at a time, events, status, checksums
 */
#ifndef VFN_NVME_UTIL_H
#define VFN_NVME_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vfn/nvme/ctrl.h>
#include <vfn/nvme/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The logarithm of the page size that a value of CC.MPS, CAP.MPSMIN or CAP.MPSMAX stands for. */
static inline int __mps_to_pageshift(int mps)
{
	return 12 + mps;
}

/* The page size, in bytes, that such a value stands for. */
static inline size_t __mps_to_pagesize(int mps)
{
	return (size_t)1 << __mps_to_pageshift(mps);
}

/* True when the command succeeded: its status field is zero. */
static inline bool nvme_cqe_ok(const struct nvme_cqe *cqe)
{
	return !(le16_to_cpu(cqe->sfp) & 0xfffe);
}

/*
 * Set errno, and vfn_error(), as the status of a completion says. 0 when the command succeeded, and
 * errno is as it was; -1: EIO it failed, and vfn_error() names status code type and status,
 * ECANCELED nvme_fail_outstanding() has ended it.
 */
int nvme_set_errno_from_cqe(const struct nvme_cqe *cqe);

/*
 * Post an Asynchronous Event Request on the admin queue. Its completion comes there with the CID
 * NVME_CID_AER | cid; nvme_rq_from_cqe() gives its tracker, with `opaque`. Release the tracker
 * then, and ask again. How many may be outstanding is Identify Controller's AERL. 0, or -1: EBUSY
 * no tracker left.
 */
int nvme_aer(struct nvme_ctrl *ctrl, void *opaque);

/*
 * Execute one command and wait for its completion, which is copied to `cqe_copy` (may be NULL).
 * `buf`, `len` is the command's data, or NULL, 0: dptr is set up here. Memory that is not mapped,
 * or that PRPs cannot describe, goes through a copy. Other completions in the queue stay for their
 * owners (see nvme_rq_wait()).
 *
 * 0, or -1: EIO the controller failed the command. ETIMEDOUT it did not complete in 60 seconds,
 * ENODEV the controller has gone or reports CSTS.CFS: the tracker, and a copy of the data, are kept
 * until it does complete, but `buf` itself if it is mapped stays the controller's until the queue
 * is deleted or the controller disabled. EBUSY no tracker left; or as nvme_rq_map_prp().
 */
int nvme_sync(struct nvme_ctrl *ctrl, struct nvme_sq *sq, union nvme_cmd *cmd, void *buf,
	      size_t len, struct nvme_cqe *cqe_copy);

/*
 * Execute one command on the admin queue and wait for it, as nvme_sync() does. 0, or -1 as there.
 */
int nvme_admin(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, void *buf, size_t len,
	       struct nvme_cqe *cqe_copy);

/*
 * The 64-bit CRC of protection information (NVM command set, 5.2.1.3.4) over `len` bytes. `crc` is
 * all ones to begin with, and the complement of the result so far to go on.
 */
uint64_t nvme_crc64(uint64_t crc, const unsigned char *buffer, size_t len);

#ifdef __cplusplus
}
#endif

#endif
