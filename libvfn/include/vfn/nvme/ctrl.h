/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/ctrl.h - controllers: bring-up, queues, registers, close
 *
 * Functions return 0, or -1 with errno set and the reason in words from vfn_error(). A controller's
 * functions and its admin queue belong to one thread at a time; I/O queues may each belong to
 * another. With a shared admin queue (vfn/nvme/share.h) any thread may send admin commands.
 */
#ifndef VFN_NVME_CTRL_H
#define VFN_NVME_CTRL_H

#include <stdbool.h>
#include <stdint.h>

#include <vfn/nvme/queue.h>
#include <vfn/nvme/types.h>
#include <vfn/vfio/pci.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Do not use the controller's doorbell buffers, though it says that it has them. */
#define NVME_QUIRK_BROKEN_DBBUF (1 << 0)

struct nvme_ctrl_opts {
	int nsqr;	     /* I/O submission queues to request, 0's based: 0 to 65534 */
	int ncqr;	     /* I/O completion queues to request, 0's based: 0 to 65534 */
	unsigned int quirks; /* NVME_QUIRK_* */
};

static const struct nvme_ctrl_opts nvme_ctrl_opts_default __attribute__((unused)) = {63, 63, 0};

/* The controller has no I/O queues: it says so in CAP.CSS, or by Identify's CNTRLTYPE. */
#define NVME_CTRL_F_ADMINISTRATIVE (1UL << 0)
/* It takes SGLs in I/O commands. */
#define NVME_CTRL_F_SGLS_SUPPORTED (1UL << 1)
/* Its SGLs describe dwords: addresses and lengths are multiples of 4. */
#define NVME_CTRL_F_SGLS_DWORD_ALIGNMENT (1UL << 2)

struct nvme_ctrl_priv;

struct nvme_ctrl {
	struct vfio_pci_device pci;

	void *regs; /* registers below the doorbells, mapped, or NULL: use nvme_reg_read32() ... */

	struct nvme_sq
		*sq; /* by queue identifier, 0 to opts.nsqr + 1; vaddr is NULL for no queue */
	struct nvme_cq *cq; /* by queue identifier, 0 to opts.ncqr + 1 */

	struct {
		struct nvme_sq *sq; /* &sq[0] once configured, else NULL */
		struct nvme_cq *cq;
	} adminq;

	void *doorbells; /* mapped, from offset 0x1000 of BAR0 on, or NULL */

	struct {
		void *doorbells; /* the shadow doorbell buffer, or NULL while it is not in use */
		void *eventidxs;
	} dbbuf;

	struct nvme_ctrl_opts opts;

	struct {
		int nsqa; /* I/O submission queues there are to use, 0's based, at most opts.nsqr */
		int ncqa; /* I/O completion queues, the same */
		int mqes; /* most entries of an I/O queue, 0's based (CAP.MQES) */
		int mps;  /* page size: 2^(12 + mps) bytes (CC.MPS) */
		int mdts; /* most data of a command: 2^mdts pages of CAP.MPSMIN; 0: no limit */
		int mpsmin;	   /* CAP.MPSMIN */
		int dstrd;	   /* doorbells are 4 << dstrd bytes apart (CAP.DSTRD) */
		uint8_t cntrltype; /* Identify Controller: 1 I/O, 2 discovery, 3 administrative */
		uint16_t oacs;	   /* Identify Controller: optional admin commands */
		uint32_t sgls;	   /* Identify Controller: SGL support */
		uint8_t acl;  /* Identify Controller: Aborts at a time, 0's based */
		uint8_t aerl; /* the same: Asynchronous Event Requests */
	} config;

	unsigned long flags; /* NVME_CTRL_F_* */

	struct nvme_ctrl_priv *priv; /* the library's own */
};

/*
 * Registers of BAR0, by offset in bytes (NVMe base, 3.1.3), through whatever the transport has.
 * `value` is in the processor's byte order. 0, or -1 with the errno of vfio_region_read().
 */
int nvme_reg_read32(struct nvme_ctrl *ctrl, uint64_t offset, uint32_t *value);
int nvme_reg_read64(struct nvme_ctrl *ctrl, uint64_t offset, uint64_t *value);
int nvme_reg_write32(struct nvme_ctrl *ctrl, uint64_t offset, uint32_t value);
int nvme_reg_write64(struct nvme_ctrl *ctrl, uint64_t offset, uint64_t value);

/*
 * Open the PCI device `bdf` and nothing else; *ctrl is overwritten. If ctrl->pci.dev.ctx is an IOMMU
 * context the device goes into that; nvme_ctrl_init() and nvme_init() do the same. As vfio_pci_open(), and ENODEV
 * when it is no NVMe controller. Undone by nvme_close(), or vfio_pci_close().
 */
int nvme_pci_init(struct nvme_ctrl *ctrl, const char *bdf);

/*
 * Open the PCI device, map and read its registers, and clear CMBMSC. `opts` may be NULL for the
 * defaults. On success the controller is disabled; on failure nothing is left behind.
 *
 * EINVAL bad `opts`; ENODEV no NVMe controller, or its registers read as all ones; EIO, ETIMEDOUT
 * as nvme_reset(); ENOTSUP its CAP fits no command set or page size that is supported here; or of
 * vfio_pci_open().
 */
int nvme_ctrl_init(struct nvme_ctrl *ctrl, const char *bdf, const struct nvme_ctrl_opts *opts);

/*
 * nvme_ctrl_init() in the IOMMU context `ctx`, as nvme_init_in(). For callers that want interrupts:
 * they set them up now, and enable the controller by nvme_reinit(). The vector of the admin
 * completion queue is known to the controller from then on, and there are controllers that look
 * only once whether it is there.
 */
int nvme_ctrl_init_in(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const char *bdf,
		      const struct nvme_ctrl_opts *opts);

/*
 * Open a controller and bring it up into *ctrl, a struct nvme_ctrl: nvme_ctrl_init(), admin queue,
 * enable, Identify Controller, Number of Queues, and doorbell buffers where the controller has
 * them. Blocks: at worst for three times the controller's time limit and that of a command;
 * nvme_bringup_start() does not.
 *
 * As nvme_ctrl_init() and nvme_enable(), and EIO when the controller fails a command.
 */
int nvme_init(struct nvme_ctrl *ctrl, const char *bdf, const struct nvme_ctrl_opts *opts);

/*
 * nvme_init() in the IOMMU context `ctx`, so that what is mapped for other devices is out of its
 * reach. NULL: the default one. The device holds a reference of its own.
 */
int nvme_init_in(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const char *bdf,
		 const struct nvme_ctrl_opts *opts);

/*
 * Reset an open controller and bring it up again: admin queue, queue counts, doorbell buffers. Mappings and
 * interrupts stay. I/O queues are forgotten by the controller: discard them before. As nvme_init(), but on
 * failure the controller stays open.
 */
int nvme_reinit(struct nvme_ctrl *ctrl);

/*
 * Disable the controller, free all queues and memory, and close the device. Waits until the
 * controller is disabled; when it does not get there within its limit its bus mastering is taken
 * away, so that no memory is given back that it can still reach. Fine twice, and after any failure.
 */
void nvme_close(struct nvme_ctrl *ctrl);

/*
 * Clear CC.EN and wait until the controller is disabled. Queues that exist keep their memory, but
 * the controller has forgotten them: discard them (nvme_discard_cq(), nvme_discard_sq()). Trackers
 * whose waits had timed out are free again.
 *
 * ETIMEDOUT not disabled within CAP.TO; ENODEV the registers read as all ones.
 */
int nvme_reset(struct nvme_ctrl *ctrl);

/*
 * Let the controller have memory pages of 2^(12 + mps) bytes when it is enabled next: those that
 * PRPs describe, and that its queues and lists are aligned to. Without this call they are the
 * processor's where the controller can have those, else of the size that is nearest. With larger
 * ones fewer PRPs describe the same data, but of several pieces all but the first must begin, and
 * all but the last end, where such a page does.
 *
 * To be called while the controller is disabled: after nvme_ctrl_init(), or nvme_reset() and
 * nvme_discard_cq(), nvme_discard_sq() of all I/O queues. Then call nvme_reinit(), or
 * nvme_configure_adminq() and nvme_enable(). EINVAL `mps` is not between CAP.MPSMIN and
 * CAP.MPSMAX; EBUSY the controller is enabled, or there are I/O queues or a host memory buffer.
 */
int nvme_set_mps(struct nvme_ctrl *ctrl, int mps);

/*
 * Choose bits of CC for when the controller is enabled next, in place of the library's own: those of `mask` become
 * those of `value`, until this is called again; 0 and 0: the library's own. Any bits but CC.EN and CC.SHN; how the
 * controller takes them is for the caller to find out. The library's page size stays (CC.MPS: nvme_set_mps()), and
 * its queues have entries of 64 and 16 bytes. To be called while the controller is disabled.
 *
 * 0, or -1: EINVAL bits that are no settings, or of the value that are not in the mask; EBUSY the controller is
 * enabled.
 */
int nvme_set_cc(struct nvme_ctrl *ctrl, uint32_t mask, uint32_t value);

/*
 * Choose the entries of the admin submission and completion queue, 2 to 4096 each, 0: 64, until this is called
 * again. The queues are made by nvme_configure_adminq(), so by nvme_reinit(); there are requests for
 * events (nvme_aen_arm()) only where there is room. To be called while the controller is disabled.
 *
 * 0, or -1: EINVAL no such sizes; EBUSY the controller is enabled.
 */
int nvme_set_adminq_size(struct nvme_ctrl *ctrl, int sqsize, int cqsize);

/*
 * How a controller with weighted round robin takes commands from its submission queues (NVMe base, 3.4.4.2 and
 * feature 01h): those of urgent queues before all others; of the other classes, in turn, as many commands as
 * their weights say, of a queue at most a burst at a time.
 */
struct nvme_arbitration {
	int burst; /* 2^burst commands, 0 to 6; 7: no limit */
	int high;  /* commands of queues of that class, 1 to 256 */
	int medium;
	int low;
};

/*
 * Whether the controller has weighted round robin with an urgent class (CAP.AMS). After nvme_ctrl_init().
 */
bool nvme_wrr_offered(const struct nvme_ctrl *ctrl);

/*
 * Have the controller arbitrate by weighted round robin with an urgent class when it is enabled next, and each time
 * after that, until this is called again; NULL: round robin, as without this call. CC.AMS says so; bring-up
 * (nvme_reinit(), nvme_bringup_again()) sets burst and weights, and fails with EIO where the controller refuses
 * them. Whoever uses nvme_enable() alone sends what nvme_prep_arbitration() has prepared. A submission queue is of
 * the class of the NVME_SQ_QPRIO_* that it is created with, which is urgent where none is given: 0 is that one. To
 * be called while the controller is disabled.
 *
 * 0, or -1: EINVAL a burst or weight out of range; ENOTSUP the controller has round robin alone; EBUSY the
 * controller is enabled.
 */
int nvme_set_wrr(struct nvme_ctrl *ctrl, const struct nvme_arbitration *arbitration);

/*
 * Whether the controller is enabled with weighted round robin, so that the queues' classes count. 1 it is, 0 it is
 * not, or -1: ENODEV the registers read as all ones; or of vfio_region_read().
 */
int nvme_wrr_on(struct nvme_ctrl *ctrl);

/*
 * Fill in *cmd, all but its CID, for an admin command that sets burst and weights: Set Features, feature 01h. 0, or
 * -1: EINVAL a burst or weight out of range.
 */
int nvme_prep_arbitration(const struct nvme_arbitration *arbitration, union nvme_cmd *cmd);

/*
 * Enable the controller (CC: page size, command set, entry sizes, EN) and wait until it is ready.
 * The admin queue must have been configured since the last reset.
 *
 * EINVAL no admin queue; ETIMEDOUT not ready within CAP.TO (or CRTO); EIO the controller reports
 * CSTS.CFS; ENODEV the registers read as all ones.
 */
int nvme_enable(struct nvme_ctrl *ctrl);

/*
 * nvme_reset() and nvme_enable() without waiting: after start, call poll until it is done. One of
 * them at a time.
 *
 * 0, or -1 when it cannot be started; of poll 1 when it is done, 0 to be called again after
 * *delay_ms milliseconds, or -1 when it has failed. Errors as of nvme_reset() and nvme_enable().
 */
int nvme_reset_start(struct nvme_ctrl *ctrl);
int nvme_reset_poll(struct nvme_ctrl *ctrl, unsigned int *delay_ms);
int nvme_enable_start(struct nvme_ctrl *ctrl);
int nvme_enable_poll(struct nvme_ctrl *ctrl, unsigned int *delay_ms);

/*
 * Make the admin queues, or make them new after a reset in the memory that they have, and tell the
 * controller (AQA, ASQ, ACQ). The controller must be disabled. Completions signal interrupt vector
 * 0 once the caller has set it. `sq_flags` is unused and 0. EBUSY the controller is enabled;
 * ENOMEM, or of iommu_map_vaddr().
 */
int nvme_configure_adminq(struct nvme_ctrl *ctrl, unsigned long sq_flags);

/*
 * Create and delete I/O queues, waiting for the controller. `qid` is 1 to config.nsqa (ncqa) + 1,
 * `qsize` 2 to config.mqes + 1 entries, `vector` an interrupt vector or -1 for none, `flags`
 * NVME_SQ_QPRIO_*, which counts with weighted round robin alone (nvme_set_wrr()).
 *
 * EINVAL an argument is out of range; EEXIST there is a queue `qid` already; ENOENT there is none
 * to delete; EIO the controller refused; ETIMEDOUT, ENODEV it did not answer: the queue counts as
 * there then, and its memory is kept until the controller is disabled. ENOMEM, or of
 * iommu_map_vaddr().
 */
int nvme_create_iocq(struct nvme_ctrl *ctrl, int qid, int qsize, int vector);
int nvme_delete_iocq(struct nvme_ctrl *ctrl, int qid);
int nvme_create_iosq(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
		     unsigned long flags);
int nvme_delete_iosq(struct nvme_ctrl *ctrl, int qid);

/*
 * Memory of the caller's that a queue is to lie in: `len` bytes at `vaddr`, which the controller reaches at
 * `iova`. The caller has mapped it (iommu_map_vaddr(), or nvme_cmb_alloc()), and keeps it so as long as the
 * queue is there. `vaddr` is a multiple of 64, `iova` of the controller's page size (CC.MPS).
 */
struct nvme_queue_mem {
	void *vaddr;
	uint64_t iova;
	size_t len;
};

/*
 * Create I/O queues in the memory `mem`: at least qsize entries of 16 bytes for a completion queue,
 * which are zeroed, or of 64 bytes for a submission queue. `pages` is for the page that each of its
 * qsize - 1 trackers has, from which PRP lists and SGLs begin: at least that many of the
 * controller's or the processor's pages, whichever are larger. NULL in place of either: memory of
 * the library's own.
 *
 * The memory stays the caller's: neither the queue's deletion nor nvme_discard_cq(),
 * nvme_discard_sq() or nvme_close() unmaps or frees it. After each of these the controller does not
 * use it any more. Such a queue cannot be handed on by nvme_cq_save() or nvme_sq_save().
 *
 * As nvme_create_iocq() and nvme_create_iosq(), and EINVAL for memory that is not aligned or too
 * small.
 */
int nvme_create_iocq_at(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			const struct nvme_queue_mem *mem);
int nvme_create_iosq_at(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
			unsigned long flags, const struct nvme_queue_mem *mem,
			const struct nvme_queue_mem *pages);

/*
 * Create or delete both queues of the pair `qid`: when one cannot be created, neither is there, if
 * the controller lets it be deleted again. As nvme_create_iocq() and the others.
 */
int nvme_create_ioqpair(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			unsigned long flags);
int nvme_delete_ioqpair(struct nvme_ctrl *ctrl, int qid);

/*
 * Create and delete I/O queues by commands that the caller sends, as an event loop does: allocate
 * and map the queue's memory and fill in *cmd, all but its CID. Then send it; when it fails,
 * discard the queue, and when a Delete I/O Queue has completed well, too. As long as the outcome of
 * either is unknown the memory stays. Errors as of nvme_create_iocq() and the others.
 */
int nvme_prep_create_iocq(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			  union nvme_cmd *cmd);
int nvme_prep_create_iosq(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
			  unsigned long flags, union nvme_cmd *cmd);
int nvme_prep_create_iocq_at(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
			     const struct nvme_queue_mem *mem, union nvme_cmd *cmd);
int nvme_prep_create_iosq_at(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
			     unsigned long flags, const struct nvme_queue_mem *mem,
			     const struct nvme_queue_mem *pages, union nvme_cmd *cmd);
int nvme_prep_delete_iocq(struct nvme_ctrl *ctrl, int qid, union nvme_cmd *cmd);
int nvme_prep_delete_iosq(struct nvme_ctrl *ctrl, int qid, union nvme_cmd *cmd);

/*
 * Free the host's side of a queue: memory, mappings, trackers. The controller must not know the
 * queue any more. Does nothing for a queue that is not there.
 */
void nvme_discard_cq(struct nvme_ctrl *ctrl, struct nvme_cq *cq);
void nvme_discard_sq(struct nvme_ctrl *ctrl, struct nvme_sq *sq);

#ifdef __cplusplus
}
#endif

#endif
