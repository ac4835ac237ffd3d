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

#define RECOVER_REG_CSTS 0x1c
#define RECOVER_CSTS_CFS 2u
#define RECOVER_FATAL	 "; it reported a fatal status (CSTS.CFS)"

#define nvme_of_job(j) container_of(j, struct nvme_device, job)

void nvme_recover_told(struct nvme_device *nd, int error, const char *text)
{
	class_reset_done done = nd->reset_done;

	nd->reset_done = NULL;
	nd->kind = RESET_CONTROLLER;
	nd->stay = false;
	if (done)
		done(nd->reset_arg, error, text, &nd->taken);
}

void nvme_recover_over(struct nvme_device *nd, enum device_event_kind kind)
{
	struct device_event event = {.kind = kind, .reason = nd->why, .kind_of_reset = nd->kind};
	struct opening *o;

	nd->dev->stats.events++;
	LIST_FOREACH (o, &nd->dev->openings, in_device) {
		event.commands = o->lost_commands;
		event.queues = o->lost_queues;
		subscription_tell(o, &event);
	}
	nvme_recover_told(nd, *nd->short_of ? -EIO : 0, nd->short_of);
}

/* What the reset takes from each session. */
static void recover_count(struct nvme_device *nd)
{
	struct command *cmd;
	struct opening *o;
	struct queue *q;

	nd->taken.commands = nd->taken.queues = 0;
	LIST_FOREACH (o, &nd->dev->openings, in_device) {
		o->lost_commands = o->lost_queues = 0;
		TAILQ_FOREACH (cmd, &o->commands, link)
			o->lost_commands += !cmd->told;
		LIST_FOREACH (q, &o->queues, link)
			o->lost_queues += q->phase == QUEUE_LIVE;
		nd->taken.commands += o->lost_commands;
		nd->taken.queues += o->lost_queues;
	}
}

static void recover_enable_run(struct job *job)
{
	struct nvme_device *nd = nvme_of_job(job);

	vfn_error_set("%s", "");
	if (nvme_enable_run(nd) < 0)
		job_fail(job, -errno);
}

static void recover_enable_done(struct job *job)
{
	struct nvme_device *nd = nvme_of_job(job);
	struct device *dev = nd->dev;

	if (dev->state != DEVICE_RESETTING)
		return; /* lost meanwhile */
	if (job->error && nd->enable_done) {
		nvme_enable_undo(nd, job->error, job->text);
		return;
	}
	if (job->error) {
		device_lost(dev, job->text);
		return;
	}
	journal_info(dev->address, 0, nd->enable_done ? "the controller was enabled"
						       : "the controller was reset and is ready again");
	nvme_enable_places(nd);
	nvme_coalesce_begin(nd, false);
	nvme_ns_fresh(nd);
	dev->state = DEVICE_READY;
	nd->owned = true;
	nvme_interrupt_unmask(nd);
	nvme_served_resume(nd);
	nvme_events_start(nd);
	if (nvme_enable_told(nd, 0, NULL))
		return;
	nvme_recover_over(nd, DEVICE_EVENT_RESET);
}

static void recover_reset_run(struct job *job)
{
	struct nvme_device *nd = nvme_of_job(job);
	uint32_t csts;

	vfn_error_set("%s", "");
	nd->fatal = nvme_reg_read32(&nd->ctrl, RECOVER_REG_CSTS, &csts) == 0 && csts != UINT32_MAX &&
		    csts & RECOVER_CSTS_CFS;
	nvme_reset_prepare(nd);
	if (nvme_reset(&nd->ctrl) < 0)
		job_fail(job, -errno);
}

static void recover_reset_done(struct job *job)
{
	struct nvme_device *nd = nvme_of_job(job);
	struct opening *o;
	char text[256];

	if (nd->dev->state != DEVICE_RESETTING)
		return;
	if (job->error) {
		device_lost(nd->dev, job->text);
		return;
	}
	/* The controller is disabled: it has let go of all memory. */
	LIST_FOREACH (o, &nd->dev->openings, in_device)
		o->tainted = false;
	if (nd->fatal)
		snprintf(nd->why + strlen(nd->why), sizeof(nd->why) - strlen(nd->why), RECOVER_FATAL);
	snprintf(text, sizeof(text), "the controller was reset: %s", nd->why);
	recover_count(nd);
	nvme_fail_all(nd, -ECANCELED, text);
	nvme_served_fail(nd);
	nvme_queues_gone(nd);
	nvme_served_gone(nd);
	if (nd->stay)
		nvme_enable_stay(nd);
	else
		nvme_recover_enable(nd);
}

void nvme_recover_enable(struct nvme_device *nd)
{
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
	nd->short_of[0] = '\0';
	nd->owned = false;
	nvme_served_halt(nd);
	nd->job.run = recover_reset_run;
	nd->job.done = recover_reset_done;
	worker_post(dev->worker, &nd->job);
}

static void alive_run(struct job *job)
{
	struct nvme_device *nd = container_of(job, struct nvme_device, alive);

	nd->not_alive = nvme_upset(nd->dev);
}

static void alive_done(struct job *job)
{
	struct nvme_device *nd = container_of(job, struct nvme_device, alive);

	nd->asked_alive = false;
	if (nd->not_alive)
		nvme_recover(nd, nd->not_alive);
}

void nvme_ask_alive(struct nvme_device *nd)
{
	if (nd->asked_alive)
		return;
	nd->asked_alive = true;
	nd->alive.run = alive_run;
	nd->alive.done = alive_done;
	worker_post(nd->dev->worker, &nd->alive);
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
	nvme_recover_told(nd, -ENODEV, why);
	nvme_enable_told(nd, -ENODEV, why);
}
