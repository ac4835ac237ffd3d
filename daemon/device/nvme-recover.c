/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A controller that does not answer is reset: its memory is ours again then, and every command ends. Sessions and
 * their buffers stay; their queues are gone, which they are told.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include <vfn/support.h>

#include "daemon/device/subscription.h"
#include "daemon/journal.h"

#define nvme_of_job(j) container_of(j, struct nvme_device, job)

static void recover_enable_run(struct job *job)
{
	struct nvme_device *nd = nvme_of_job(job);

	vfn_error_set("%s", "");
	if (nvme_reinit(&nd->ctrl) < 0 || nvme_setup(nd) < 0)
		job_fail(job, -errno);
}

static void recover_enable_done(struct job *job)
{
	struct nvme_device *nd = nvme_of_job(job);
	struct device_event event = {.kind = DEVICE_EVENT_RESET, .reason = nd->why};
	struct device *dev = nd->dev;

	if (dev->state != DEVICE_RESETTING)
		return; /* lost meanwhile */
	if (job->error) {
		device_lost(dev, job->text);
		return;
	}
	journal_info(dev->address, 0, "the controller was reset and is ready again");
	nvme_ns_fresh(nd);
	dev->state = DEVICE_READY;
	nd->owned = true;
	nvme_served_resume(nd);
	nvme_events_start(nd);
	subscription_publish(dev, &event);
}

static void recover_reset_run(struct job *job)
{
	struct nvme_device *nd = nvme_of_job(job);

	vfn_error_set("%s", "");
	if (nvme_reset(&nd->ctrl) < 0)
		job_fail(job, -errno);
}

static void recover_reset_done(struct job *job)
{
	struct nvme_device *nd = nvme_of_job(job);

	if (nd->dev->state != DEVICE_RESETTING)
		return;
	if (job->error) {
		device_lost(nd->dev, job->text);
		return;
	}
	/* The controller is disabled: it has let go of all memory. */
	nvme_fail_all(nd, -ECANCELED, "the controller was reset");
	nvme_served_fail(nd);
	nvme_queues_gone(nd);
	nvme_served_gone(nd);
	nd->job.run = recover_enable_run;
	nd->job.done = recover_enable_done;
	worker_post(nd->dev->worker, &nd->job);
}

void nvme_recover(struct nvme_device *nd, const char *why)
{
	struct device *dev = nd->dev;

	if (dev->state != DEVICE_READY)
		return;
	journal_error(dev->address, 0, "the controller is being reset: %s", why);
	snprintf(nd->why, sizeof(nd->why), "%s", why);
	dev->state = DEVICE_RESETTING;
	dev->stats.resets++;
	nd->owned = false;
	nvme_served_halt(nd);
	nd->job.run = recover_reset_run;
	nd->job.done = recover_reset_done;
	worker_post(dev->worker, &nd->job);
}

void nvme_disable(struct device *dev)
{
	/* One that does not answer has its bus mastering taken away when it is closed. */
	nvme_reset(&nvme_of(dev)->ctrl);
}

void nvme_disabled(struct device *dev, const char *why)
{
	struct nvme_device *nd = nvme_of(dev);

	nvme_fail_all(nd, -ENODEV, why);
	nvme_served_fail(nd);
	nvme_queues_gone(nd);
	nvme_served_gone(nd);
}
