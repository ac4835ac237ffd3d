/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mps - the memory page size that the controller is enabled with (CC.MPS; NVMe base, 3.1.3.5)
 */
#include <errno.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

static int refuse(const struct nvme_ctrl *ctrl, int err, const char *why)
{
	errno = err;
	vfn_error_set("%s: no other page size: %s", nvme_name(ctrl), why);
	return -1;
}

/* Memory for the page size of before that only a new bring-up could replace. */
static bool in_use(const struct nvme_ctrl *ctrl)
{
	for (int i = NVME_AQ + 1; i <= ctrl->opts.nsqr + 1; i++) {
		if (ctrl->sq[i].vaddr)
			return true;
	}
	for (int i = NVME_AQ + 1; i <= ctrl->opts.ncqr + 1; i++) {
		if (ctrl->cq[i].vaddr)
			return true;
	}
	return ctrl->priv->hmb;
}

int nvme_set_mps(struct nvme_ctrl *ctrl, int mps)
{
	if (mps < CAP_MPSMIN(ctrl->priv->cap) || mps > CAP_MPSMAX(ctrl->priv->cap))
		return refuse(ctrl, EINVAL, "it is outside of CAP.MPSMIN to CAP.MPSMAX");
	if (ctrl->priv->enabled || !ctrl->priv->quiet)
		return refuse(ctrl, EBUSY, "the controller is not disabled");
	if (in_use(ctrl))
		return refuse(ctrl, EBUSY, "discard its I/O queues and host memory buffer first");

	/* made again by the bring-up, aligned to the new size */
	nvme_discard_sq(ctrl, &ctrl->sq[NVME_AQ]);
	nvme_discard_cq(ctrl, &ctrl->cq[NVME_AQ]);
	nvme_dbbuf_free(ctrl);
	ctrl->config.mps = mps;
	return 0;
}
