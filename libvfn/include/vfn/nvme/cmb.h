/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/cmb.h - the controller memory buffer: memory of the controller's own, in one of its
 * BARs, that queues, PRP lists, SGLs and data may lie in (NVMe base 2.0, 8.5)
 *
 * It is off when a controller is opened, and off again when it is closed. While it is on, its
 * addresses are taken from the IOMMU context's, so that no other memory is mapped where the
 * controller would look into its own; iommu_translate_vaddr(), and with it nvme_rq_mapv() and
 * nvme_sync(), know them. A controller of before NVMe 1.4 cannot turn its buffer off: its addresses
 * are kept free from the opening on.
 *
 * Other devices of the context do not reach the buffer. What the processor reads and writes there
 * goes over the bus: by naturally aligned loads and stores of at most 8 bytes to be portable, and
 * memory for data is filled before the command is posted.
 */
#ifndef VFN_NVME_CMB_H
#define VFN_NVME_CMB_H

#include <stddef.h>
#include <stdint.h>

#include <vfn/nvme/ctrl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What may lie there (CMBSZ, NVMe base 2.0, 3.1.3.13). */
#define NVME_CMB_SQS   (1u << 0) /* submission queues */
#define NVME_CMB_CQS   (1u << 1) /* completion queues */
#define NVME_CMB_LISTS (1u << 2) /* PRP lists and SGLs of commands in queues that lie there, too   \
				  */
#define NVME_CMB_RDS (1u << 3)	 /* data that the controller writes: of reads */
#define NVME_CMB_WDS (1u << 4)	 /* data that the controller reads: of writes */

struct nvme_cmb {
	void *vaddr;	    /* where it is mapped in this process */
	uint64_t iova;	    /* how the controller is told of its first byte */
	size_t size;	    /* bytes: what the controller has, as far as its BAR shows it */
	unsigned int flags; /* NVME_CMB_* */
	uint32_t cmbloc;    /* CMBLOC: what may be mixed (3.1.3.12) */
	uint32_t cmbsz;	    /* CMBSZ */
};

/*
 * Turn the buffer on, map it, and tell what it is in *cmb (may be NULL). Contents are undefined. It
 * stays on in nvme_reset() and nvme_reinit(), but what it holds need not.
 *
 * 0, or -1: ENOTSUP the controller has none, or it cannot be mapped; EBUSY it is on already;
 * EADDRNOTAVAIL the controller cannot have it at any address that is free; ENOSPC no addresses are
 * left; ENODEV the registers read as all ones; ENOMEM, or of vfio_pci_map_bar().
 */
int nvme_cmb_enable(struct nvme_ctrl *ctrl, struct nvme_cmb *cmb);

/*
 * Turn the buffer off, and unmap it. What was queued or transferred there must be over: delete the
 * queues first.
 *
 * 0, or -1: EBUSY memory of it is allocated still; EINVAL it is not on; or of the transport, and it
 * counts as off then.
 */
int nvme_cmb_disable(struct nvme_ctrl *ctrl);

/*
 * Allocate `len` bytes of the buffer, in whole pages of the controller's, at the address returned
 * and the IOVA *iova (may be NULL). Not zeroed. Good for the _at() forms of queue creation, and for
 * data.
 *
 * NULL: EINVAL it is not on, or `len` is 0; ENOSPC there is no such piece; ENOMEM.
 */
void *nvme_cmb_alloc(struct nvme_ctrl *ctrl, size_t len, uint64_t *iova);

/*
 * Give memory of nvme_cmb_alloc() back. NULL is fine; so is what nvme_close() has taken away. 0, or
 * -1: EINVAL no such piece.
 */
int nvme_cmb_free(struct nvme_ctrl *ctrl, void *vaddr);

#ifdef __cplusplus
}
#endif

#endif
