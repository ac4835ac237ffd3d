/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Controllers that are left disabled at a session's wish, and enabled again, with settings of CC (NVMe Base 2.0,
 * 3.1.3.5) and admin queues as chosen: for that one time, the next reset has the daemon's own again. While it is
 * disabled sessions stay, with their buffers; there are no queues and no commands.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vfn/support.h>

#include "daemon/device/subscription.h"
#include "daemon/journal.h"

#define ENABLE_REG_CC    0x14
#define ENABLE_REG_CSTS  0x1c
#define ENABLE_REG_AQA   0x24
#define ENABLE_CC_FIXED  0xc001u /* EN, SHN */
#define ENABLE_CC_MPS    7	 /* bits 10:7 */
#define ENABLE_MPS_MASK  (0xfu << ENABLE_CC_MPS)
#define ENABLE_MPS_MIN(cap) ((int)((cap) >> 48 & 0xf))
#define ENABLE_MPS_MAX(cap) ((int)((cap) >> 52 & 0xf))
#define ENABLE_ADMIN_MAX 4096

void nvme_enable_places(struct nvme_device *nd)
{
	nd->admin_places = (unsigned int)nd->ctrl.adminq.sq->qsize - 1;
	nd->admin_reserved = nd->admin_places / 2 < NVME_ADMIN_RESERVED ? nd->admin_places / 2 : NVME_ADMIN_RESERVED;
}

/* A page size that the controller has is the daemon's, too; another one is only CC's. */
int nvme_enable_run(struct nvme_device *nd)
{
	const struct enable_spec *spec = &nd->spec;
	uint32_t mask = spec->cc_mask, value = spec->cc_value;
	struct nvme_ctrl *ctrl = &nd->ctrl;
	int mps = nd->mps;

	if ((mask & ENABLE_MPS_MASK) == ENABLE_MPS_MASK) {
		int want = (int)((value & ENABLE_MPS_MASK) >> ENABLE_CC_MPS);

		if (want >= ENABLE_MPS_MIN(nd->cap) && want <= ENABLE_MPS_MAX(nd->cap)) {
			mps = want;
			mask &= ~ENABLE_MPS_MASK;
			value &= ~ENABLE_MPS_MASK;
		}
	}
	if ((mps != ctrl->config.mps && nvme_set_mps(ctrl, mps) < 0) || nvme_set_cc(ctrl, mask, value) < 0 ||
	    nvme_set_adminq_size(ctrl, (int)spec->admin_sq, (int)spec->admin_cq) < 0)
		return -1;
	nd->page_size = 4096u << mps;
	if (nvme_arbitrate_bring_up(nd) < 0 || nvme_setup(nd) < 0)
		return -1;
	if (nvme_reg_read32(ctrl, ENABLE_REG_CC, &nd->enabled.cc) < 0 ||
	    nvme_reg_read32(ctrl, ENABLE_REG_CSTS, &nd->enabled.csts) < 0 ||
	    nvme_reg_read32(ctrl, ENABLE_REG_AQA, &nd->enabled.aqa) < 0)
		return -1;
	return 0;
}

void nvme_enable_stay(struct nvme_device *nd)
{
	struct device *dev = nd->dev;

	journal_info(dev->address, 0, "the controller is disabled, and stays so until it is enabled by request");
	dev->state = DEVICE_DISABLED;
	snprintf(dev->reason, sizeof(dev->reason), "%s", nd->why);
	nvme_recover_over(nd, DEVICE_EVENT_DISABLED);
}

bool nvme_enable_told(struct nvme_device *nd, int error, const char *text)
{
	class_enable_done done = nd->enable_done;
	struct device_event event = {.kind = DEVICE_EVENT_ENABLED, .dw0 = nd->enabled.cc, .reason = nd->why};

	if (!done)
		return false;
	nd->enable_done = NULL;
	nd->spec = (struct enable_spec){0};
	if (!error) {
		nd->dev->reason[0] = '\0';
		subscription_publish(nd->dev, &event);
	}
	done(nd->enable_arg, error, text, &nd->enabled);
	return true;
}

static void enable_undo_run(struct job *job)
{
	struct nvme_device *nd = container_of(job, struct nvme_device, job);

	vfn_error_set("%s", "");
	if (nvme_reset(&nd->ctrl) < 0)
		job_fail(job, -errno);
}

static void enable_undo_done(struct job *job)
{
	struct nvme_device *nd = container_of(job, struct nvme_device, job);

	if (nd->dev->state != DEVICE_RESETTING)
		return;
	if (job->error) {
		device_lost(nd->dev, job->text);
		return;
	}
	nd->dev->state = DEVICE_DISABLED;
	nvme_enable_told(nd, nd->enable_error, nd->short_of);
}

void nvme_enable_undo(struct nvme_device *nd, int error, const char *text)
{
	journal_warn(nd->dev->address, 0, "the controller is not enabled: %s", text);
	nd->enable_error = error;
	snprintf(nd->short_of, sizeof(nd->short_of), "%.*s", (int)sizeof(nd->short_of) - 1, text);
	nd->job.run = enable_undo_run;
	nd->job.done = enable_undo_done;
	worker_post(nd->dev->worker, &nd->job);
}

static int enable_check(const struct enable_spec *spec, char *text, size_t size)
{
	if (spec->cc_mask & ENABLE_CC_FIXED) {
		snprintf(text, size, "CC.EN and CC.SHN are not to be chosen: requests of their own set them");
		return -EINVAL;
	}
	if (spec->cc_value & ~spec->cc_mask) {
		snprintf(text, size, "bits %#x of the value are not in the mask", spec->cc_value & ~spec->cc_mask);
		return -EINVAL;
	}
	if ((spec->admin_sq && (spec->admin_sq < 2 || spec->admin_sq > ENABLE_ADMIN_MAX)) ||
	    (spec->admin_cq && (spec->admin_cq < 2 || spec->admin_cq > ENABLE_ADMIN_MAX))) {
		snprintf(text, size, "an admin queue has 2 to %u entries", ENABLE_ADMIN_MAX);
		return -EINVAL;
	}
	return 0;
}

int nvme_enable_by(struct opening *o, const struct enable_spec *spec, class_enable_done done, void *arg, char *text,
		   size_t size)
{
	struct nvme_device *nd = nvme_of(o->device);
	int ret = enable_check(spec, text, size);

	if (ret < 0)
		return ret;
	snprintf(nd->why, sizeof(nd->why), "enabled, asked for by session %llu",
		 (unsigned long long)o->session_number);
	nd->spec = *spec;
	nd->enable_done = done;
	nd->enable_arg = arg;
	nd->dev->state = DEVICE_RESETTING;
	nd->short_of[0] = '\0';
	nvme_recover_enable(nd);
	return 0;
}
