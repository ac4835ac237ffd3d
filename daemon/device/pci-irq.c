/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts of sessions. All vectors are set up when the device is claimed, since the kernel does not enlarge their
 * number everywhere; one that nobody has signals an eventfd that nobody reads. INTx masks itself, so that a level
 * that stays is no storm.
 */
#include "daemon/device/pci.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vfn/support.h>

#define interrupt_of_job(j) container_of(j, struct interrupt, job)

struct interrupt *interrupt_find(struct session *session, uint64_t handle)
{
	struct lease *lease = lease_find(session_leases(session), handle, LEASE_INTERRUPT);

	return lease ? container_of(lease, struct interrupt, lease) : NULL;
}

int pci_irq_open(struct pci_device *pd)
{
	struct vfio_device *vdev = &pd->pci.dev;

	pd->nvectors = vdev->irq_info.count < PCI_MAX_VECTORS ? vdev->irq_info.count : PCI_MAX_VECTORS;
	pd->idle_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pd->idle_fd < 0) {
		vfn_error_set("no eventfd for interrupts: %s", strerror(errno));
		return -1;
	}
	pci_irq_list(pd);
	return pd->nvectors ? vfio_set_irq(vdev, pd->fds, (int)pd->nvectors) : 0;
}

void pci_irq_close(struct pci_device *pd)
{
	if (pd->idle_fd >= 0)
		close(pd->idle_fd);
	pd->idle_fd = -1;
	pd->nvectors = 0;
}

/* The descriptor that the vector signals for it. */
static int irq_fd(const struct interrupt *i)
{
	return i->want_masked ? i->parked_fd : i->fd;
}

void pci_irq_list(struct pci_device *pd)
{
	for (unsigned int v = 0; v < pd->nvectors; v++)
		pd->fds[v] = pd->owner[v] && !pd->owner[v]->freeing ? irq_fd(pd->owner[v]) : pd->idle_fd;
}

static void irq_drop(struct interrupt *i)
{
	struct pci_device *pd = pci_of(i->opening->device);

	lease_remove(&i->lease);
	LIST_REMOVE(i, link);
	if (pd->owner[i->vector] == i)
		pd->owner[i->vector] = NULL;
	if (i->fd >= 0)
		close(i->fd);
	if (i->parked_fd >= 0)
		close(i->parked_fd);
	free(i);
}

/* WORKER: the vector signals this from now on. */
static int irq_point(struct interrupt *i, int fd)
{
	struct vfio_device *vdev = &pci_of(i->opening->device)->pci.dev;

	return vfio_set_irq_index(vdev, i->index, i->vector, &fd, 1) < 0 ? -errno : 0;
}

static void irq_set_run(struct job *job)
{
	struct interrupt *i = interrupt_of_job(job);
	struct vfio_device *vdev = &pci_of(i->opening->device)->pci.dev;
	eventfd_t n = 0;
	int ret;

	vfn_error_set("%s", "");
	ret = irq_point(i, irq_fd(i));
	/* What was parked is told: the client's eventfd is not written to, which could be made to block. */
	if (ret == 0 && !i->want_masked && eventfd_read(i->parked_fd, &n) == 0)
		i->missed = n;
	if (ret == 0 && !i->want_masked && i->automasked && vfio_unmask_irq(vdev, i->index) < 0)
		ret = -errno;
	if (ret < 0)
		job_fail(job, ret);
}

static void irq_create_done(struct job *job)
{
	struct interrupt *i = interrupt_of_job(job);
	struct opening *o = i->opening;
	int error = job->error;

	i->busy = false;
	if (error == 0 && o->ending)
		error = -ECANCELED;
	if (error == 0)
		error = lease_add(session_leases(o->session), &i->lease, LEASE_INTERRUPT);
	i->done(i->arg, error, error == -ECANCELED ? "the device was closed meanwhile" : job->text,
		error < 0 ? NULL : i, 0);
	if (job->error < 0)
		irq_drop(i);
	else if (error < 0 && !o->ending)
		pci_irq_free(i, NULL, NULL);
	opening_release(o);
}

static void irq_post(struct interrupt *i, void (*run)(struct job *job), void (*done)(struct job *job),
		     interrupt_done told, void *arg)
{
	i->busy = true;
	i->missed = 0;
	i->done = told;
	i->arg = arg;
	i->job.run = run;
	i->job.done = done;
	opening_post(i->opening, &i->job);
}

int pci_irq_create(struct opening *o, unsigned int vector, interrupt_done done, void *arg, char *text, size_t size)
{
	struct pci_device *pd = pci_of(o->device);
	struct vfio_device *vdev = &pd->pci.dev;
	struct interrupt *i;

	if (vector >= pd->nvectors) {
		if (pd->nvectors)
			snprintf(text, size, "there are %u vectors, counted from 0", pd->nvectors);
		else
			snprintf(text, size, "the device has no interrupts");
		return pd->nvectors ? -EINVAL : -EOPNOTSUPP;
	}
	if (pd->owner[vector]) {
		snprintf(text, size, "session %llu has vector %u",
			 (unsigned long long)pd->owner[vector]->opening->session_number, vector);
		return -EBUSY;
	}
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->opening = o;
	i->vector = vector;
	i->index = vdev->irq_info.index;
	i->automasked = vdev->irq_info.flags & VFIO_IRQ_INFO_AUTOMASKED;
	i->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	i->parked_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	LIST_INSERT_HEAD(&o->interrupts, i, link);
	if (i->fd < 0 || i->parked_fd < 0) {
		int ret = -errno;

		irq_drop(i);
		return ret;
	}
	pd->owner[vector] = i;
	irq_post(i, irq_set_run, irq_create_done, done, arg);
	return 0;
}

static void irq_mask_done(struct job *job)
{
	struct interrupt *i = interrupt_of_job(job);
	struct opening *o = i->opening;

	i->busy = false;
	if (job->error == 0)
		i->masked = i->want_masked;
	i->want_masked = i->masked;
	i->done(i->arg, job->error, job->text, i, i->missed);
	opening_release(o);
}

int pci_irq_mask(struct interrupt *i, bool mask, interrupt_done done, void *arg)
{
	if (i->busy)
		return -EAGAIN;
	i->want_masked = mask;
	irq_post(i, irq_set_run, irq_mask_done, done, arg);
	return 0;
}

static void irq_free_run(struct job *job)
{
	struct interrupt *i = interrupt_of_job(job);
	int ret;

	vfn_error_set("%s", "");
	ret = irq_point(i, pci_of(i->opening->device)->idle_fd);
	if (ret < 0)
		job_fail(job, ret);
}

static void irq_free_done(struct job *job)
{
	struct interrupt *i = interrupt_of_job(job);
	struct opening *o = i->opening;

	if (i->done)
		i->done(i->arg, job->error, job->text, NULL, 0);
	irq_drop(i);
	opening_release(o);
}

int pci_irq_free(struct interrupt *i, interrupt_done done, void *arg)
{
	if (i->busy)
		return -EAGAIN;
	i->freeing = true;
	lease_remove(&i->lease);
	irq_post(i, irq_free_run, irq_free_done, done, arg);
	return 0;
}

void pci_forget(struct opening *o)
{
	struct interrupt *i;

	LIST_FOREACH (i, &o->interrupts, link)
		lease_remove(&i->lease);
}

/* Those that a job is about come next time: it holds the opening. */
void pci_irq_quiesce(struct opening *o)
{
	struct interrupt *i;

	LIST_FOREACH (i, &o->interrupts, link)
		if (!i->busy)
			pci_irq_free(i, NULL, NULL);
}
