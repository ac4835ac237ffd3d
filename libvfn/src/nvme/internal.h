/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * internal - what the files of this folder share
 */
#ifndef VFN_SRC_NVME_INTERNAL_H
#define VFN_SRC_NVME_INTERNAL_H

#include <pthread.h>

#include <vfn/nvme.h>

#define ADMIN_QSIZE                                                                                \
	64 /* the submission queue is a page, and trackers are enough for all of AERL              \
	    */

#define ADMIN_QSIZE_MAX 4096 /* what AQA can say */

/* How long a command may take when the caller does not say. */
#define COMMAND_LIMIT_NS (60ull * 1000000000ull)

/* Memory that the controller reaches. `vaddr` and `iova` are aligned to the page size asked for. */
struct nvme_mem {
	void *vaddr;
	uint64_t iova;
	void *map; /* what pgmap() gave; NULL: no memory */
	size_t map_len;
	uint64_t map_iova;
};

struct nvme_queue_priv {
	struct nvme_mem mem;
	struct nvme_mem pages;

	/*
	 * Of shared completion queues: who gets their completions, or posts. Taken in this order:
	 * completion queue, submission queue.
	 */
	pthread_mutex_t lock;
	struct nvme_share *share; /* completion queue: what nvme_cq_share() was told, or NULL */
	struct nvme_slot *slots;  /* submission queue: by tracker, or NULL as long as none is needed */
	uint32_t dead;		  /* submission queue: nvme_fail_outstanding() has ended it */
};

/* What a tracker that was aborted, or is of a shared queue, has besides struct nvme_rq. */
struct nvme_slot {
	struct nvme_cqe cqe; /* its completion, while the tracker is NVME_RQ_KEPT */
	uint32_t aborting;   /* an Abort of its identifier has not been answered yet */
};

/* What is known of the Abort that an admin queue's tracker sends. */
struct nvme_abort {
	bool sent;
	uint16_t sqid;	    /* of the command to abort */
	struct nvme_rq *rq; /* the same; NULL: its queue has been discarded */
};

/* What is known of an admin queue's tracker besides that. */
struct nvme_admin_slot {
	struct nvme_abort abort;
	uint32_t event_owned; /* it is a request for an event */
};

/* One more page of a tracker's PRP list or SGL, or the copy of a command's data. */
struct nvme_rq_list {
	struct nvme_rq_list *next;
	struct nvme_rq_list *meta; /* of a tracker's first: those of the metadata's SGL */
	struct nvme_mem mem;
	uint32_t nprps; /* as in struct nvme_rq */
};

/* What a poll of CSTS waits for. */
enum ready_wait {
	READY_NONE,
	READY_SETTLE, /* enabled by somebody else, and not ready yet: must not be disabled yet */
	READY_DISABLE,
	READY_ENABLE,
};

struct nvme_cmb_state;
struct nvme_hmb_state;

struct nvme_ctrl_priv {
	struct nvme_ctrl *ctrl;
	bool open;    /* ctrl->pci is */
	bool enabled; /* CC.EN is set, or may be */
	bool quiet;   /* the controller cannot reach memory: disabled since the last look */
	uint64_t cap;
	uint32_t vs;
	uint32_t ready_ms;    /* time limit of CC.EN's changes */
	size_t regs_len;      /* mapped */
	size_t doorbells_len; /* mapped */
	bool by_message;      /* a store to a register or doorbell wakes nobody */

	enum ready_wait wait;
	uint64_t deadline; /* of `wait`, nanoseconds */
	unsigned int polls;

	uint32_t cc_mask, cc_value; /* fields of CC that the caller has chosen */
	bool wrr;		    /* weighted round robin is asked for, with */
	struct nvme_arbitration arbitration;
	int admin_sq, admin_cq;	    /* entries of the admin queues; 0: ADMIN_QSIZE */

	uint32_t naborts;	       /* sent and not answered */
	int nslots;		       /* of the two arrays */
	struct nvme_admin_slot *slots; /* by tracker of the admin queue */
	uint16_t *event_cid;	       /* of requests for events, the oldest first */
	int events;		       /* requests to keep outstanding */
	int nevents;		       /* outstanding */

	struct nvme_cmb_state *cmb; /* the controller memory buffer; NULL: it is off */
	struct nvme_hmb_state *hmb; /* the host memory buffer; NULL: no memory */

	struct nvme_mem dbbuf;
	struct nvme_mem eventidx;
	leint32_t admin_rung[2]; /* the admin queues' doorbells as last rung, tail and head */
	struct nvme_mem identify; /* during bring-up */
};

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t nvme_now(void);

/* The time `ts` from now (NULL: the limit of a command) into *deadline. 0, or -1 with EINVAL. */
int nvme_deadline(const struct timespec *ts, uint64_t *deadline);

/* Let time pass between two looks: `looks` counts them, and `sleep` allows to sleep after a while.
 */
void nvme_relax(unsigned int looks, bool sleep);

/* The device's name for messages. */
static inline const char *nvme_name(const struct nvme_ctrl *ctrl)
{
	return ctrl->pci.bdf ? ctrl->pci.bdf : "nvme";
}

/*
 * `size` bytes of zeroed memory at an IOVA that is a multiple of the controller's page size,
 * readable and writable by it. 0, or -1 with the errno of pgmap() or iommu_map_vaddr().
 */
int nvme_mem_alloc(struct nvme_ctrl *ctrl, size_t size, struct nvme_mem *mem);
void nvme_mem_free(struct nvme_ctrl *ctrl, struct nvme_mem *mem);

/*
 * Where memory is, for a successor; and memory of `size` bytes or more that was described so. 0, or
 * -1 with EINVAL, or of mmap(2), iommu_import(), pgmap_adopt(). A description without memory gives
 * none.
 */
int nvme_mem_save(const struct nvme_mem *mem, struct nvme_mem_saved *saved);
int nvme_mem_restore(struct nvme_ctrl *ctrl, const struct nvme_mem_saved *saved, size_t size,
		     struct nvme_mem *mem);

/* Bytes of a page as the controller has it (CC.MPS), but at least one of the processor's. */
size_t nvme_page_alloc_size(const struct nvme_ctrl *ctrl);

/* Room for what is known of `nrqs` trackers of the admin queue. 0, or -1 with ENOMEM. */
int nvme_admin_room(struct nvme_ctrl *ctrl, int nrqs);

/* Read what CAP says into config and priv. 0, or -1 with ENOTSUP, ENODEV or of the transport. */
int nvme_cap_read(struct nvme_ctrl *ctrl);

/* Give a queue its doorbell, by store or message, and its shadow doorbells if they are on. */
void nvme_doorbell_attach_sq(struct nvme_ctrl *ctrl, struct nvme_sq *sq);
void nvme_doorbell_attach_cq(struct nvme_ctrl *ctrl, struct nvme_cq *cq);

/* Allocate the shadow doorbells (without using them); use them for all queues; stop using them. */
int nvme_dbbuf_alloc(struct nvme_ctrl *ctrl);
void nvme_dbbuf_on(struct nvme_ctrl *ctrl);
void nvme_dbbuf_off(struct nvme_ctrl *ctrl);
void nvme_dbbuf_free(struct nvme_ctrl *ctrl);

/*
 * Set up the host's side of the queue `qid` in the caller's memory `at` (`pages`), which was
 * checked, or in new memory if that is NULL. 0, or -1 with ENOMEM, of iommu_map_vaddr().
 */
int nvme_cq_setup(struct nvme_ctrl *ctrl, int qid, int qsize, int vector,
		  const struct nvme_queue_mem *at);
int nvme_sq_setup(struct nvme_ctrl *ctrl, int qid, int qsize, struct nvme_cq *cq,
		  const struct nvme_queue_mem *at, const struct nvme_queue_mem *pages);

/* What a queue has of the library's own. NULL with ENOMEM. */
struct nvme_queue_priv *nvme_queue_priv_new(struct nvme_ctrl *ctrl, int qid);
void nvme_queue_priv_free(struct nvme_queue_priv *priv);

/* Make the trackers of a queue whose pages are there. 0, or -1 with ENOMEM. */
int nvme_rq_setup(struct nvme_ctrl *ctrl, struct nvme_sq *sq, int nrqs);

/* Whether a tracker's completion may come. */
static inline bool nvme_rq_waits(uint16_t state)
{
	return state == NVME_RQ_BUSY || state == NVME_RQ_EVENT || state == NVME_RQ_ABORTED;
}

/* A tracker's slot, NULL when there is none; make those of a queue: 0, or -1 with ENOMEM. */
struct nvme_slot *nvme_rq_slot(const struct nvme_rq *rq);
int nvme_slots_make(struct nvme_sq *sq);

/*
 * Look into the tracker's slot: 1 and the completion, 0 when it may not be had yet, whatever is in
 * the queue, -1 when there is nothing.
 */
int nvme_slot_poll(struct nvme_rq *rq, struct nvme_slot *slot, struct nvme_cqe *cqe_copy);

/* Keep a completion for who asks. The tracker waits for it, and its slot is there. */
void nvme_rq_keep(struct nvme_rq *rq, const struct nvme_cqe *cqe);

/* The completion that nvme_fail_outstanding() makes up. */
struct nvme_cqe nvme_cqe_host_aborted(const struct nvme_rq *rq, uint16_t state);

/* The same for who has submitted to a queue that has ended: 1 and that completion, or 0. */
int nvme_dead_poll(struct nvme_rq *rq, struct nvme_cqe *cqe_copy);

/* Shared completion queues (share.c). */
static inline bool nvme_cq_shared(const struct nvme_cq *cq)
{
	return cq->priv && cq->priv->share;
}

int nvme_share_poll(struct nvme_rq *rq, struct nvme_cqe *cqe_copy);

/* Nobody waits for the tracker any more: it is lost. False: it has completed, into *cqe_copy. */
bool nvme_share_lose(struct nvme_rq *rq, struct nvme_cqe *cqe_copy);

/* End the commands of a queue, which is not used any more. How many. */
int nvme_share_fail(struct nvme_cq *cq);

/* Keep everybody from shared queues, while their indices and doorbells change. */
void nvme_share_hold(struct nvme_ctrl *ctrl);
void nvme_share_resume(struct nvme_ctrl *ctrl);

/* Get completions that were kept back for an Abort's sake: look whether it has been answered. */
void nvme_abort_settle(struct nvme_ctrl *ctrl);

/* The lost tracker `rq` has completed. True when that was an Abort. */
bool nvme_abort_answered(struct nvme_rq *rq);

/* The queue's trackers go. */
void nvme_abort_forget(struct nvme_sq *sq);

/* Whether an Abort may still find the first commands of a new queue. */
bool nvme_abort_pending(struct nvme_ctrl *ctrl, int sqid);

/*
 * Send a command that nobody waits for: the tracker is free when it completes. Send a request for an event.
 * 0, or -1 with ECANCELED, and nothing was sent.
 */
int nvme_submit_lost(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd);
int nvme_aer_send(struct nvme_ctrl *ctrl, struct nvme_rq *rq);

/* Requests for events: whether a tracker's is one of the library's; the controller has forgotten them.
 */
bool nvme_aen_owns(const struct nvme_rq *rq);
void nvme_aen_forget(struct nvme_ctrl *ctrl);

/* Look at what is new in a queue: for each completion of a tracker's `fn`, which takes it out. */
typedef void (*nvme_cq_fn)(struct nvme_rq *rq, struct nvme_cqe *cqe, void *arg);
void nvme_cq_drain(struct nvme_cq *cq, nvme_cq_fn fn, void *arg);

/* Make all trackers of a queue free that nobody waits for, and free their memory. */
void nvme_rq_forget_lost(struct nvme_sq *sq);

/* Free what a tracker has besides its page. */
void nvme_rq_free_lists(struct nvme_ctrl *ctrl, struct nvme_rq *rq);
void nvme_rq_free_bounce(struct nvme_rq *rq);

/* Free all queues, and all memory. The controller must be quiet. */
void nvme_free_all(struct nvme_ctrl *ctrl);

/*
 * Wait until `deadline` for the tracker's command, whatever its status. 0, or -1, and it is
 * outstanding still: ETIMEDOUT; ENODEV the controller has gone, or reports CSTS.CFS.
 */
int nvme_rq_wait_until(struct nvme_rq *rq, struct nvme_cqe *cqe_copy, uint64_t deadline,
		       bool sleep);

/* Drop completions at hand of commands that nobody has posted, so that none is taken for a new one.
 */
void nvme_cq_sweep(struct nvme_sq *sq);

/*
 * A piece of memory as the controller sees it, one after another: for the PRP and SGL builders. 1
 * and the piece, joined as far as IOVAs follow each other; 0 at the end; -1 with EFAULT, EINVAL.
 * What is to be discarded has the IOVA NVME_IOVA_DISCARD.
 */
struct nvme_iov_iter {
	struct nvme_ctrl *ctrl;
	const struct iovec *iov;       /* virtual addresses, or NULL */
	const struct nvme_iova *iovas; /* in place of them */
	int niov;
	bool null_discards; /* virtual addresses of NULL are data to discard */
	uint64_t done;	    /* bytes of the first one that were given */
};
int nvme_iov_next(struct nvme_iov_iter *iter, uint64_t *iova, uint64_t *len);

/*
 * The next list page after `list` (NULL: the first) of the tracker, made if need be. NULL with
 * errno.
 */
struct nvme_rq_list *nvme_rq_next_list(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
				       struct nvme_rq_list *list);

/* The same for the SGL of the command's metadata. */
struct nvme_rq_list *nvme_rq_next_meta_list(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
					    struct nvme_rq_list *list);

/*
 * Look for a controller memory buffer that is on without being asked (before NVMe 1.4), and keep
 * its addresses free. 0, or -1: EADDRINUSE something is mapped there; ENOMEM, of the transport.
 */
int nvme_cmb_attach(struct nvme_ctrl *ctrl);

/* Whether the caller has turned it on; turn it on again before CC.EN is set; give all of it back.
 */
bool nvme_cmb_on(const struct nvme_ctrl *ctrl);
int nvme_cmb_again(struct nvme_ctrl *ctrl);
void nvme_cmb_close(struct nvme_ctrl *ctrl);

/*
 * The host memory buffer: the controller was disabled; free it, when the controller cannot reach it. Giving it again
 * during bring-up: the command, or false when there is none; its outcome, and true when another command is to
 * be tried.
 */
void nvme_hmb_forgotten(struct nvme_ctrl *ctrl);
void nvme_hmb_free(struct nvme_ctrl *ctrl);
bool nvme_hmb_prep_return(struct nvme_ctrl *ctrl, union nvme_cmd *cmd);
bool nvme_hmb_end_return(struct nvme_ctrl *ctrl, bool ok);

/* What CC is when the controller is enabled now. */
uint32_t nvme_enable_cc(const struct nvme_ctrl *ctrl);

/* The context that ctrl->pci.dev.ctx names, with a reference, if it is one at all; else NULL. */
struct iommu_ctx *nvme_chosen_ctx(const struct nvme_ctrl *ctrl);

/* The first step of nvme_ctrl_init(): everything but the reset. */
int nvme_ctrl_open(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const char *bdf,
		   const struct nvme_ctrl_opts *opts);

/* What opening and taking over share: arrays, mappings, CAP. On failure nvme_close() clears up. */
int nvme_ctrl_attach(struct nvme_ctrl *ctrl, const struct nvme_ctrl_opts *opts);

#endif
