/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * aen - requests for asynchronous events that are kept outstanding (NVMe base, 5.2)
 */
#include <errno.h>
#include <string.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

/* Trackers of the admin queue that are left for commands. */
#define SPARE 8

/* The most that is read of a log page. */
#define LOG_MAX 4096

static int refuse(const struct nvme_ctrl *ctrl, const char *why)
{
	errno = EINVAL;
	vfn_error_set("%s: events: %s", nvme_name(ctrl), why);
	return -1;
}

bool nvme_aen_owns(const struct nvme_rq *rq)
{
	const struct nvme_sq *sq = rq->sq;

	return sq->id == NVME_AQ && sq->ctrl && sq->ctrl->priv && rq->cid < sq->ctrl->priv->nslots &&
	       atomic_load_relaxed(&sq->ctrl->priv->slots[rq->cid].event_owned);
}

/* One request less: the tracker number `i` of them is free. */
static void drop(struct nvme_ctrl *ctrl, int i)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;
	struct nvme_rq *rq = &ctrl->sq[NVME_AQ].rqs[priv->event_cid[i]];

	priv->nevents--;
	memmove(&priv->event_cid[i], &priv->event_cid[i + 1],
		(size_t)(priv->nevents - i) * sizeof(priv->event_cid[0]));
	atomic_store_relaxed(&priv->slots[rq->cid].event_owned, 0);
	nvme_rq_release_atomic(rq);
}

/* Send the requests that are missing. 0, or -1 with EBUSY, ECANCELED. */
static int fill(struct nvme_ctrl *ctrl)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;

	while (priv->nevents < priv->events) {
		struct nvme_rq *rq = nvme_rq_acquire_atomic(ctrl->adminq.sq);
		int saved;

		if (!rq) {
			vfn_error_set("%s: no admin command left for an event", nvme_name(ctrl));
			return -1;
		}
		atomic_store_relaxed(&priv->slots[rq->cid].event_owned, 1);
		priv->event_cid[priv->nevents++] = rq->cid;
		if (nvme_aer_send(ctrl, rq)) {
			saved = errno;
			drop(ctrl, priv->nevents - 1);
			errno = saved;
			return -1;
		}
	}
	return 0;
}

int nvme_aen_config(struct nvme_ctrl *ctrl, uint32_t mask)
{
	union nvme_cmd cmd = {.features = {.opcode = OPC_SET_FEATURES, .fid = FEAT_ASYNC_EVENT}};

	cmd.features.cdw11 = cpu_to_le32(mask);
	return nvme_admin(ctrl, &cmd, NULL, 0, NULL);
}

int nvme_aen_arm(struct nvme_ctrl *ctrl, int n)
{
	int most;

	if (!ctrl->priv || !ctrl->adminq.sq)
		return refuse(ctrl, "no admin queue");

	most = min_t(int, ctrl->config.aerl + 1, ctrl->adminq.sq->nrqs - SPARE);
	if (n < -1 || n > most)
		return refuse(ctrl, "more requests than the controller takes, or the queue");
	ctrl->priv->events = n < 0 ? most : n;
	return fill(ctrl) ? -1 : ctrl->priv->events;
}

int nvme_aen_next(struct nvme_ctrl *ctrl, struct nvme_aen *event)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;
	struct nvme_cqe cqe;
	uint32_t dw0;
	int i;

	if (!priv || !ctrl->adminq.sq)
		return 0;

	for (i = 0; i < priv->nevents; i++) {
		if (nvme_rq_poll(&ctrl->sq[NVME_AQ].rqs[priv->event_cid[i]], &cqe))
			break;
	}
	if (i == priv->nevents) {
		/* what found no tracker at its time may do so now */
		fill(ctrl);
		return 0;
	}

	drop(ctrl, i);
	if (nvme_set_errno_from_cqe(&cqe)) {
		priv->events = min_t(int, priv->events, priv->nevents);
		return -1;
	}

	dw0 = le32_to_cpu(cqe.dw0);
	*event = (struct nvme_aen){
		.type = NVME_AEN_TYPE(dw0),
		.info = NVME_AEN_INFO(dw0),
		.lid = NVME_AEN_LID(dw0),
		.dw1 = le32_to_cpu(cqe.dw1),
	};
	fill(ctrl);
	return 1;
}

int nvme_aen_clear(struct nvme_ctrl *ctrl, const struct nvme_aen *event, void *buf, size_t len)
{
	union nvme_cmd cmd = {.log = {.opcode = OPC_GET_LOG_PAGE, .lid = event->lid}};
	leint32_t start[128];

	if (!buf && !len) {
		buf = start;
		len = sizeof(start);
	}
	if (!buf || !len || len % 4 || len > LOG_MAX)
		return refuse(ctrl, "a log page is read in dwords, 4096 bytes at most");

	cmd.log.nsid = cpu_to_le32(UINT32_MAX);
	cmd.log.numdl = cpu_to_le16((uint16_t)(len / 4 - 1));
	return nvme_admin(ctrl, &cmd, buf, len, NULL);
}

void nvme_aen_forget(struct nvme_ctrl *ctrl)
{
	while (ctrl->priv->nevents)
		drop(ctrl, ctrl->priv->nevents - 1);
	ctrl->priv->events = 0;
}
