/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/bringup.h - nvme_init() in steps, for callers that must not block
 *
 *     nvme_bringup_start(&b, ctrl, bdf, opts)
 *     while (!(r = nvme_bringup_poll(&b, &delay_ms)))
 *             come back after delay_ms
 *
 * Opening the device at the start does block, as vfio_pci_open() does (some milliseconds; a
 * function reset takes up to a second). What follows never waits.
 */
#ifndef VFN_NVME_BRINGUP_H
#define VFN_NVME_BRINGUP_H

#include <stdbool.h>
#include <stdint.h>

#include <vfn/nvme/ctrl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All members are the library's own. */
struct nvme_bringup {
	struct nvme_ctrl *ctrl;
	int step;
	uint64_t deadline; /* of the command under way, nanoseconds of CLOCK_MONOTONIC */
	struct nvme_rq *rq;
	unsigned int polls;
	bool again;
};

/*
 * Open the device and begin to reset it. `bringup` and `ctrl` stay in use until the end. 0, or -1
 * as nvme_ctrl_init(); nothing is left behind then.
 */
int nvme_bringup_start(struct nvme_bringup *bringup, struct nvme_ctrl *ctrl, const char *bdf,
		       const struct nvme_ctrl_opts *opts);

/*
 * Go on with a bring-up as far as can be. 1: done, as after nvme_init(). 0: call again after
 * *delay_ms milliseconds. -1: failed, as nvme_init(); the controller is closed then.
 */
int nvme_bringup_poll(struct nvme_bringup *bringup, unsigned int *delay_ms);

/*
 * Begin to reset a controller that is open, and to bring it up again, as nvme_reinit() does: call
 * nvme_bringup_poll() then. 0, or -1 as nvme_reset(). When this or a later step fails, the
 * controller stays open, and must be closed.
 */
int nvme_bringup_again(struct nvme_bringup *bringup, struct nvme_ctrl *ctrl);

/* Give up a bring-up that is neither done nor failed. Closes the controller, which may take CAP.TO.
 */
void nvme_bringup_cancel(struct nvme_bringup *bringup);

#ifdef __cplusplus
}
#endif

#endif
