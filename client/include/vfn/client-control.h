/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/client-control.h - reset a device, disable a controller, and enable it as one likes
 *
 * Included by <vfn/client.h>, whose rules for results and threads hold. Functions return 0, or a negative
 * errno. vfnc_error() tells more. Functions of one connection belong to one thread at a time.
 */
#ifndef VFN_CLIENT_CONTROL_H
#define VFN_CLIENT_CONTROL_H

#include <vfn/client.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vfnc_reset_kind {
	VFNC_RESET_CONTROLLER = 0, /* CC.EN to 0 and back */
	VFNC_RESET_SUBSYSTEM = 1,  /* NSSR */
	VFNC_RESET_FUNCTION = 2,   /* of the PCI function, as the kernel or the device's server can */
	VFNC_RESET_SHUTDOWN = 3,   /* normal shutdown, and enabled again */
	VFNC_RESET_ABRUPT = 4,     /* abrupt shutdown, and enabled again */
	VFNC_RESET_HOT = 5,        /* of the PCI bus or slot, by the kernel; not by vfio-user */
};

struct vfnc_reset_result {
	uint32_t csts;     /* before the controller was disabled */
	uint32_t commands; /* of all sessions, that ended with -ECANCELED */
	uint32_t queues;   /* of all sessions, that are gone */
	uint32_t rsvd[5];
};

/*
 * Reset the device, and wait until it is ready again (`result` may be NULL). Queues of all sessions are gone then,
 * outstanding commands have ended with -ECANCELED, once each; buffers stay. Subscribers get VFNC_EVENT_RESET: `info`
 * is the kind, `dw0` the commands and `type` the queues that the session has lost. Needs no `raw = yes`.
 * -ENOTSUP: the controller has no such reset; -EBUSY: a hot reset would take another device of the daemon's; -EIO: it
 * was reset, but not in this way, vfnc_error() tells; -ENODEV: it is lost.
 */
int vfnc_reset(struct vfnc_device *dev, enum vfnc_reset_kind kind, struct vfnc_reset_result *result);

/*
 * Disable the controller by a reset of this kind, as vfnc_reset() (`result` may be NULL), and leave it so:
 * VFNC_RESET_CONTROLLER only clears CC.EN, the two shutdowns do that after the shutdown is complete. Queues of all
 * sessions are gone then, outstanding commands have ended with -ECANCELED, once each; buffers stay. Subscribers get
 * VFNC_EVENT_DISABLED. Registers, configuration space and statistics can be read, buffers be had, the device be opened
 * and closed; commands, queues and resets fail with -ESHUTDOWN until vfnc_enable(), whoever calls that.
 *
 * 0, or -ENOTSUP: the controller has no such reset; -EIO: it is disabled, but not in this way; -ESHUTDOWN: it is
 * disabled already; -EAGAIN as of all; -ENODEV: it is lost.
 */
int vfnc_disable(struct vfnc_device *dev, enum vfnc_reset_kind kind, struct vfnc_reset_result *result);

/* Fields of the register CC for vfnc_enable_opts (NVMe Base, 3.1.3.5): where they begin; what they cover. */
#define VFNC_CC_CSS    4
#define VFNC_CC_MPS    7
#define VFNC_CC_AMS    11
#define VFNC_CC_IOSQES 16
#define VFNC_CC_IOCQES 20
#define VFNC_CC_CSS_MASK    (0x7u << VFNC_CC_CSS)
#define VFNC_CC_MPS_MASK    (0xfu << VFNC_CC_MPS)
#define VFNC_CC_AMS_MASK    (0x7u << VFNC_CC_AMS)
#define VFNC_CC_IOSQES_MASK (0xfu << VFNC_CC_IOSQES)
#define VFNC_CC_IOCQES_MASK (0xfu << VFNC_CC_IOCQES)

/* How to enable it; zero what is not chosen. */
struct vfnc_enable_opts {
	uint32_t cc_mask; /* bits of CC that `cc_value` has, any but EN (0) and SHN (15:14); else the daemon's own */
	uint32_t cc_value;
	uint32_t admin_sq_entries; /* 2 to 4096; 0: 64 */
	uint32_t admin_cq_entries; /* the same */
	uint32_t rsvd[12];
};

/* What came of it: registers when it was ready. */
struct vfnc_enable_result {
	uint32_t cc;
	uint32_t csts;
	uint32_t aqa; /* admin queues' sizes */
	uint32_t rsvd[5];
};

/*
 * Enable a controller that was disabled by vfnc_disable(), and wait until it is ready. `opts` NULL: as the daemon has
 * it; what is chosen holds until the next reset, by whomever. `result` may be NULL. Subscribers get
 * VFNC_EVENT_ENABLED. A page size (CC.MPS) that the controller has holds for all sessions, which ask
 * vfnc_device_info() anew; entry sizes and other values are put into the register and change nothing else,
 * so that queues may not work. With an admin queue of less than 20 entries there are fewer, or no, asynchronous events.
 *
 * 0, or -EALREADY: it is not disabled; -EPERM: `cc_mask` needs `raw = yes` in the device's section of vfnd.conf;
 * -EINVAL: bits or sizes that there are not; -EIO, -ETIMEDOUT: the controller reports a fatal status, or does not
 * get ready: it is disabled again; -EAGAIN as of all; -ENODEV: it is lost.
 */
int vfnc_enable(struct vfnc_device *dev, const struct vfnc_enable_opts *opts, struct vfnc_enable_result *result);

struct nvme_cqe;
struct nvme_rq;

/*
 * What ends a command that vfnc_queue_end() has found: its tracker `rq`, which is released afterwards, and its
 * completion.
 */
typedef void (*vfnc_queue_end_fn)(struct vfnc_queue *queue, struct nvme_rq *rq, const struct nvme_cqe *cqe, void *arg);

/*
 * End every command of a served or direct queue that the daemon has let go of (vfnc_queue_wait() gives -ECONNRESET,
 * after a reset, a disable, or the device's loss): `fn` is called once for each tracker that was acquired, with the
 * command's own completion where that is in the queue, else with one of status NVME_STATUS_HOST_ABORTED
 * (<vfn/nvme/recover.h>). By the queue's thread; afterwards the queue is to be deleted.
 *
 * How many there were; or -EBUSY: the daemon has the queue still; -EINVAL: a queue of requests, whose commands are
 * answered by -ECANCELED.
 */
int vfnc_queue_end(struct vfnc_queue *queue, vfnc_queue_end_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
