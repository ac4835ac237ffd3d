/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resets of the function: the only kind that a device has of which nothing more is known. */
#include "daemon/device/pci.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include <vfn/support.h>

#include "daemon/device/subscription.h"
#include "daemon/journal.h"

#define pci_of_job(j) container_of(j, struct pci_device, job)

/* It may have taken bus mastering and the interrupts away. */
static void reset_run(struct job *job)
{
	struct pci_device *pd = pci_of_job(job);
	leint16_t command;

	vfn_error_set("%s", "");
	if (vfio_reset(&pd->pci.dev) < 0) {
		job_fail(job, -errno);
		return;
	}
	if (vfio_pci_read_config(&pd->pci, &command, sizeof(command), PCI_COMMAND) == sizeof(command)) {
		command = cpu_to_le16(le16_to_cpu(command) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		vfio_pci_write_config(&pd->pci, &command, sizeof(command), PCI_COMMAND);
	}
	if (pd->nvectors && vfio_set_irq(&pd->pci.dev, pd->fds, (int)pd->nvectors) < 0)
		job_fail(job, -errno);
}

static void reset_told(struct pci_device *pd, int error, const char *text)
{
	const struct reset_result none = {0};
	class_reset_done done = pd->reset_done;

	pd->reset_done = NULL;
	if (done)
		done(pd->reset_arg, error, text, &none);
}

static void reset_done(struct job *job)
{
	struct pci_device *pd = pci_of_job(job);
	struct device_event event = {
		.kind = DEVICE_EVENT_RESET,
		.reason = pd->why,
		.kind_of_reset = RESET_FUNCTION,
	};

	if (pd->dev->state != DEVICE_RESETTING)
		return; /* lost meanwhile */
	pd->dev->state = DEVICE_READY;
	if (job->error) {
		journal_warn(pd->dev->address, 0, "could not be reset: %s", job->text);
	} else {
		journal_info(pd->dev->address, 0, "was reset: %s", pd->why);
		pd->dev->stats.resets++;
		pd->dev->stats.events++;
		subscription_publish(pd->dev, &event);
	}
	reset_told(pd, job->error, job->text);
}

void pci_recover(struct device *dev, const char *why)
{
	struct pci_device *pd = pci_of(dev);

	if (dev->state != DEVICE_READY)
		return;
	snprintf(pd->why, sizeof(pd->why), "%s", why);
	dev->state = DEVICE_RESETTING;
	pci_irq_list(pd);
	pd->job.run = reset_run;
	pd->job.done = reset_done;
	worker_post(dev->worker, &pd->job);
}

int pci_reset_by(struct opening *o, enum reset_kind kind, bool stay, class_reset_done done, void *arg, char *text,
		 size_t size)
{
	struct pci_device *pd = pci_of(o->device);
	char why[128];

	if (stay) {
		snprintf(text, size, "a device of class pci has no controller that vfnd could disable");
		return -ENOTSUP;
	}
	if (kind != RESET_FUNCTION) {
		snprintf(text, size, "a device of class pci has a function reset alone: of kind `function'");
		return -ENOTSUP;
	}
	if (!(pd->pci.dev.device_info.flags & VFIO_DEVICE_FLAGS_RESET)) {
		snprintf(text, size, "the function cannot be reset");
		return -ENOTSUP;
	}
	snprintf(why, sizeof(why), "function reset, asked for by session %llu", (unsigned long long)o->session_number);
	pd->reset_done = done;
	pd->reset_arg = arg;
	pci_recover(o->device, why);
	return 0;
}

void pci_disable(struct device *dev)
{
	/* One that cannot be reset has its bus mastering taken away when it is closed. */
	vfio_reset(&pci_of(dev)->pci.dev);
}

void pci_disabled(struct device *dev, const char *why)
{
	reset_told(pci_of(dev), -ENODEV, why);
}
