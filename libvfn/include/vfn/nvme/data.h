/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/data.h - a command's data by IOVA, data to discard, and metadata
 *
 * As the calls of vfn/nvme/rq.h, and beside them: those take virtual addresses, which are looked up
 * in the controller's IOMMU context; these take IOVAs, which are not. The tracker holds whatever
 * lists are needed, until it is used for another command.
 *
 * Of one command map the data first, then the metadata: how the data are described (PSDT, bits 7:6
 * of the command's flags) decides how the metadata can be.
 */
#ifndef VFN_NVME_DATA_H
#define VFN_NVME_DATA_H

#include <stdint.h>
#include <sys/uio.h>

#include <vfn/nvme/rq.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A piece of memory as the controller sees it: `len` bytes at `iova`. */
struct nvme_iova {
	uint64_t iova;
	uint64_t len;
};

/*
 * In place of an IOVA, in an SGL: a bit bucket (NVMe base, 4.1.2.1). A command that reads discards
 * `len` bytes of its data there; one that writes ignores the piece, as if it had no length.
 */
#define NVME_IOVA_DISCARD UINT64_MAX

/*
 * As nvme_rq_mapv_prp(), nvme_rq_mapv_sgl() and nvme_rq_mapv(), for `niov` pieces at IOVAs. Those
 * for SGLs take pieces to discard, where the controller does (Identify's SGLS bit 16).
 *
 * 0, or -1 and the command is as before: as there, without EFAULT, and ENOTSUP for a piece to
 * discard that the controller cannot, EINVAL for one in PRPs.
 */
int nvme_rq_mapv_prp_iova(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  const struct nvme_iova *iov, int niov);
int nvme_rq_mapv_sgl_iova(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  const struct nvme_iova *iov, int niov);
int nvme_rq_mapv_iova(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		      const struct nvme_iova *iov, int niov);

/*
 * As nvme_rq_mapv_sgl(), but a piece whose iov_base is NULL is data to discard: a read of which
 * only parts are wanted. 0, or -1 as there; ENOTSUP also when the controller cannot do that.
 */
int nvme_rq_mapv_sgl_discard(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			     struct iovec *iov, int niov);

/*
 * Point the command's mptr at `len` bytes of metadata, contiguous at `iova` (NVMe base, 3.3.3.1).
 * `iova` is a multiple of 4, or any where the data are described by an SGL and the controller
 * allows that (Identify's SGLS bit 17). `len` is what the command transfers: the number of blocks
 * times the format's metadata size; the controller is not told of it.
 *
 * 0, or -1 with EINVAL, and the command is as before.
 */
int nvme_map_mptr(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, uint64_t iova, uint64_t len);

/*
 * Point the command's mptr at an SGL of the metadata, which may be in several pieces; by virtual
 * addresses, or by IOVAs, but none to discard. The data must be described by an SGL already.
 *
 * 0, or -1 and the command is as before: ENOTSUP the controller has no such metadata (Identify's
 * SGLS bit 19); EINVAL the data have PRPs, there is no metadata, or it is not made of dwords where
 * the controller wants them; EFAULT, ENOMEM, or of iommu_map_vaddr().
 */
int nvme_rq_mapv_mptr_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  struct iovec *iov, int niov);
int nvme_rq_mapv_mptr_sgl_iova(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			       const struct nvme_iova *iov, int niov);

#ifdef __cplusplus
}
#endif

#endif
