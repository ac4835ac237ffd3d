/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose commands the controller takes first (NVMe Base 2.0, 3.4.4 and feature 01h), where weighted round robin is
 * configured: it is asked for at each bring-up, and done without where the controller does not have it or fails
 * with it. Only then do queues' classes reach the controller.
 */
#include "daemon/device/nvme.h"

#include <errno.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/journal.h"

_Static_assert(NVME_SQ_QPRIO_URGENT == (QUEUE_PRIORITY_URGENT - 1) << 1 &&
		       NVME_SQ_QPRIO_HIGH == (QUEUE_PRIORITY_HIGH - 1) << 1 &&
		       NVME_SQ_QPRIO_MEDIUM == (QUEUE_PRIORITY_MEDIUM - 1) << 1 &&
		       NVME_SQ_QPRIO_LOW == (QUEUE_PRIORITY_LOW - 1) << 1,
	       "classes are numbered as the controller's are");

unsigned long nvme_arbitrate_flags(const struct queue *q)
{
	return q->nd->wrr ? (unsigned long)(q->priority - 1) << 1 : 0;
}

static int arbitrate_choose(struct nvme_device *nd, bool wrr)
{
	const struct device_settings *s = &nd->dev->settings;
	const struct nvme_arbitration arb = {
		.burst = (int)s->burst,
		.high = (int)s->weights[0],
		.medium = (int)s->weights[1],
		.low = (int)s->weights[2],
	};

	return nvme_set_wrr(&nd->ctrl, wrr ? &arb : NULL);
}

int nvme_arbitrate_bring_up(struct nvme_device *nd)
{
	bool wanted = nd->dev->settings.wrr && !nd->wrr_refused, wrr = wanted && nvme_wrr_offered(&nd->ctrl);
	const char *address = nd->dev->address;
	int ret;

	if (wanted && !wrr) {
		journal_warn(address, 0, "arbitration = wrr: the controller has round robin alone (CAP.AMS): "
			     "priorities count among served queues alone");
		nd->wrr_refused = true; /* it says so once */
	}
	if (arbitrate_choose(nd, wrr) < 0)
		return -1;
	ret = nvme_reinit(&nd->ctrl);
	/* Bits of CC that a session has chosen may be why it fails. */
	if (ret < 0 && errno == EIO && wrr && !nd->spec.cc_mask) {
		journal_warn(address, 0, "arbitration = wrr: not with this controller: %s", vfn_error());
		nd->wrr_refused = true;
		if (nvme_reset(&nd->ctrl) < 0 || arbitrate_choose(nd, false) < 0)
			return -1;
		ret = nvme_reinit(&nd->ctrl);
	}
	return ret < 0 ? -1 : nvme_arbitrate_look(nd);
}

int nvme_arbitrate_look(struct nvme_device *nd)
{
	int on = nvme_wrr_on(&nd->ctrl);

	nd->wrr = on > 0;
	return on < 0 ? -1 : 0;
}
