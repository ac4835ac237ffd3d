/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mps - what the controller is enabled with next: its memory page size, other fields of CC (NVMe base, 3.1.3.5),
 * and the admin queues' sizes (3.1.3.8)
 */
#include <errno.h>
#include <stdlib.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

static int refuse(const struct nvme_ctrl *ctrl, int err, const char *why)
{
	errno = err;
	vfn_error_set("%s: not set for when it is enabled next: %s", nvme_name(ctrl), why);
	return -1;
}

static bool is_disabled(const struct nvme_ctrl *ctrl)
{
	return !ctrl->priv->enabled && ctrl->priv->quiet;
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
		return refuse(ctrl, EINVAL, "the page size is outside of CAP.MPSMIN to CAP.MPSMAX");
	if (!is_disabled(ctrl))
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

int nvme_set_cc(struct nvme_ctrl *ctrl, uint32_t mask, uint32_t value)
{
	if (mask & (CC_EN | CC_SHN))
		return refuse(ctrl, EINVAL, "CC.EN and CC.SHN are no settings");
	if (value & ~mask)
		return refuse(ctrl, EINVAL, "a bit of the value is not in the mask");
	if (!is_disabled(ctrl))
		return refuse(ctrl, EBUSY, "the controller is not disabled");
	ctrl->priv->cc_mask = mask;
	ctrl->priv->cc_value = value;
	return 0;
}

int nvme_set_adminq_size(struct nvme_ctrl *ctrl, int sqsize, int cqsize)
{
	if (!sqsize)
		sqsize = ADMIN_QSIZE;
	if (!cqsize)
		cqsize = ADMIN_QSIZE;
	if (sqsize < 2 || sqsize > ADMIN_QSIZE_MAX || cqsize < 2 || cqsize > ADMIN_QSIZE_MAX)
		return refuse(ctrl, EINVAL, "2 to 4096 is the range of an admin queue's entries");
	if (!is_disabled(ctrl))
		return refuse(ctrl, EBUSY, "the controller is not disabled");
	ctrl->priv->admin_sq = sqsize;
	ctrl->priv->admin_cq = cqsize;
	/* made again by the bring-up */
	if (ctrl->sq[NVME_AQ].vaddr && (ctrl->sq[NVME_AQ].qsize != sqsize || ctrl->cq[NVME_AQ].qsize != cqsize)) {
		nvme_discard_sq(ctrl, &ctrl->sq[NVME_AQ]);
		nvme_discard_cq(ctrl, &ctrl->cq[NVME_AQ]);
	}
	return 0;
}

int nvme_admin_room(struct nvme_ctrl *ctrl, int nrqs)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;
	struct nvme_admin_slot *slots;
	uint16_t *event_cid;

	if (nrqs <= priv->nslots)
		return 0;
	slots = calloc((size_t)nrqs, sizeof(*slots));
	event_cid = calloc((size_t)nrqs, sizeof(*event_cid));
	if (!slots || !event_cid) {
		free(slots);
		free(event_cid);
		errno = ENOMEM;
		vfn_error_set("%s: no memory for an admin queue of %d commands", nvme_name(ctrl), nrqs);
		return -1;
	}
	/* No command of an admin queue is left when another is made. */
	free(priv->slots);
	free(priv->event_cid);
	priv->slots = slots;
	priv->event_cid = event_cid;
	priv->nslots = nrqs;
	return 0;
}
