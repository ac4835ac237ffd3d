/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/client-raw.h - what drivers never do: writes to registers, doorbells at will
 *
 * Included by <vfn/client.h>, whose rules for results and threads hold. Functions return 0, or a negative
 * errno. vfnc_error() tells more. Functions of one connection belong to one thread at a time.
 *
 * All but reading needs `raw = yes` in the
 * device's section of vfnd.conf, else -EPERM. What is written may do any harm to the device, and to the
 * session's own queues; what would harm the daemon is refused with -EPERM, and vfnc_error() says what it is.
 */
#ifndef VFN_CLIENT_RAW_H
#define VFN_CLIENT_RAW_H

#include <vfn/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Most bytes that one call reads or writes. */
#define VFNC_ACCESS_MAX 16384

/*
 * Read `len` bytes at `offset` of a BAR (0 to 5) by accesses of `width` (1, 2, 4 or 8) bytes each: bytes as they
 * are there. -EINVAL: no such BAR, beyond it, no multiples of the width, or the device takes no accesses so wide.
 */
int vfnc_bar_read(struct vfnc_device *dev, unsigned int bar, uint64_t offset, unsigned int width,
		  void *data, uint32_t len);

/*
 * Write to a BAR, as vfnc_bar_read(). -EPERM: the doorbells of the admin queue and of other sessions' queues, the
 * MSI-X table. After a write that disables an NVMe controller, or that it dies of, the daemon resets it: each
 * session that subscribed is told.
 */
int vfnc_bar_write(struct vfnc_device *dev, unsigned int bar, uint64_t offset, unsigned int width,
		   const void *data, uint32_t len);

/*
 * Write a register by its name in the specification, in its own width. -ENOENT: none has it; -EINVAL: the value
 * does not fit. As vfnc_bar_write().
 */
int vfnc_register_write(struct vfnc_device *dev, const char *name, uint64_t value);

/*
 * Write PCI configuration space by accesses of `width` (1, 2 or 4) bytes. -EPERM: what would take the
 * device from the daemon (memory space, bus mastering, BARs, interrupts, power state, resets).
 */
int vfnc_config_write(struct vfnc_device *dev, uint32_t offset, unsigned int width, const void *data,
		      uint32_t len);

/*
 * Write `value` to a doorbell: the tail of submission queue `qid`, or with `completion` the head of that
 * completion queue. With shadow doorbells the shadow is written, too. -EPERM: the queue is the admin
 * queue or another session's; -EINVAL: the BAR has no such doorbell. A queue that the library uses as well is out
 * of step afterwards.
 */
int vfnc_doorbell(struct vfnc_device *dev, uint16_t qid, bool completion, uint32_t value);

/* How a command goes out; zero what is not used. */
struct vfnc_raw_opts {
	bool keep_cid;       /* under the identifier that it has, on a queue; else the daemon chooses one */
	uint32_t timeout_ms; /* then it is aborted; 0: the daemon's default */
	uint64_t rsvd[4];
};

/*
 * Send a command of 64 bytes as it is, on a queue of requests or (NULL) the admin queue, and wait for its
 * completion; `opts` may be NULL. Memory that it names is the session's buffers, by their IOVAs; none of them can be
 * freed while such a command is outstanding. What the controller makes of it is the caller's to see:
 *   0           it has completed, with whatever status (`completion` may be NULL as for vfnc_admin())
 *   -ETIMEDOUT  it has not, nor was it aborted; a completion that comes later is an event, VFNC_EVENT_COMPLETION
 *   -ECANCELED  the controller was reset before; vfnc_error() tells why, as a fatal status (CSTS.CFS)
 *   -EPERM      it is not sent: it would take queues, commands or events from others
 *   -EAGAIN     as of vfnc_admin()
 * Two commands under one identifier are told apart by nothing: the first completion goes to the older one.
 */
int vfnc_raw(struct vfnc_device *dev, struct vfnc_queue *queue, const void *sqe,
	     const struct vfnc_raw_opts *opts, struct vfnc_completion *completion);

/* The same without waiting, as vfnc_submit(). */
int vfnc_submit_raw(struct vfnc_device *dev, struct vfnc_queue *queue, const void *sqe,
		    const struct vfnc_raw_opts *opts, uint64_t *ticket);

/*
 * Set a queue identifier aside: (*queue)->qid. The session may then make a completion and a submission queue of
 * that identifier in its buffers, by raw Create I/O Queue commands, and drive them by vfnc_doorbell().
 * vfnc_queue_delete(), and the session's end, have the controller delete the submission queue, then the
 * completion queue. -ENOSPC: all identifiers are in use; -EDQUOT: as many queues as this user may have. Of
 * vfnc_queue_delete() -EBUSY: another queue of the session completes into it.
 */
int vfnc_raw_queue(struct vfnc_device *dev, struct vfnc_queue **queue);

/*
 * Have the daemon claim a device, as its configuration says of it, and wait. -EALREADY: it has it; -EINVAL: no such
 * address; -EAGAIN: it is being released; else why it could not be claimed. Needs no `raw = yes`.
 */
int vfnc_claim(struct vfnc *conn, const char *address);

/*
 * Have the daemon give a device back, and wait. Commands that are outstanding have the configured time of a
 * shutdown to end; sessions that have the device open are told (VFNC_EVENT_GONE) and lose it. -ENODEV: the daemon
 * has no such device; -EALREADY: it is being released. Needs no `raw = yes`.
 */
int vfnc_release(struct vfnc *conn, const char *address);

#ifdef __cplusplus
}
#endif

#endif
