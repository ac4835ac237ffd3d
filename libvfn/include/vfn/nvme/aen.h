/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/aen.h - asynchronous events (NVMe base, 5.2), without looking after the requests
 *
 *     nvme_aen_config(ctrl, mask)
 *     nvme_aen_arm(ctrl, -1)
 *     ... interrupt vector 0:
 *     while (nvme_aen_next(ctrl, &event) == 1)
 *             nvme_aen_clear(ctrl, &event, buf, len)
 *
 * A controller reports an event by completing a request, and then none of the same type before the
 * event's log page has been read. What happens meanwhile, or while no request is there, it keeps.
 *
 * All of this uses the admin queue (see nvme_admin() for who may). nvme_aer() is the single request.
 */
#ifndef VFN_NVME_AEN_H
#define VFN_NVME_AEN_H

#include <vfn/nvme/ctrl.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvme_aen {
	uint8_t type; /* NVME_AEN_TYPE() */
	uint8_t info; /* NVME_AEN_INFO() */
	uint8_t lid;  /* NVME_AEN_LID(): the log page that tells more, and clears the event */
	uint32_t dw1; /* event specific parameter */
};

/*
 * Say which events the controller reports, those that are off are masked: Asynchronous Event
 * Configuration (Set Features 0Bh; NVMe base, 5.27.1.8), bits as there. Error events cannot be
 * masked. 0, or -1 as nvme_admin().
 */
int nvme_aen_config(struct nvme_ctrl *ctrl, uint32_t mask);

/*
 * Keep `n` requests outstanding, or, with -1, as many as the controller takes (Identify Controller,
 * AERL + 1) and the admin queue can spare. Fewer than before: none is taken back, but none sent
 * either until it is so. The number that are kept, or -1: EINVAL no admin queue, or `n` is out of range;
 * EBUSY no tracker left; ECANCELED the admin queue has ended (nvme_fail_outstanding()).
 * nvme_reset() ends them: call it again then.
 */
int nvme_aen_arm(struct nvme_ctrl *ctrl, int n);

/*
 * The next event, without waiting; another request takes the place of the one that it came by. 1 and
 * *event, 0 when there is none, -1: EIO the controller failed the request (its status is in
 * vfn_error()): it is not sent again.
 */
int nvme_aen_next(struct nvme_ctrl *ctrl, struct nvme_aen *event);

/*
 * Read the event's log page from its start into `buf`, `len` bytes (a multiple of 4, at most 4096),
 * and so have the next event of this type reported. With NULL, 0 the page is read and forgotten. 0,
 * or -1 as nvme_admin(), and EINVAL.
 */
int nvme_aen_clear(struct nvme_ctrl *ctrl, const struct nvme_aen *event, void *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif
