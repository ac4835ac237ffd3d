/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/pci.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include <vfn/iommu.h>
#include <vfn/support.h>

#include "daemon/device/group.h"
#include "daemon/journal.h"

static int pci_create(struct device *dev)
{
	struct pci_device *pd = calloc(1, sizeof(*pd));

	if (!pd)
		return -ENOMEM;
	pd->dev = dev;
	pd->idle_fd = -1;
	pd->notices = NOTICES_INIT;
	pd->pci.dev.fd = -1;
	dev->driver = pd;
	dev->pci = &pd->pci;
	return 0;
}

static void pci_destroy(struct device *dev)
{
	free(dev->driver);
	dev->driver = NULL;
}

/* ---- bring-up ---------------------------------------------------------------------------- */

static int pci_read_identity(struct pci_device *pd)
{
	struct device_identity *id = &pd->dev->id;
	uint8_t config[64] = {0};

	if (vfio_pci_read_config(&pd->pci, config, sizeof(config), 0) < 0)
		return -1;
	id->transport = vfio_transport_name(&pd->pci.dev);
	id->vendor_id = (uint16_t)(config[PCI_VENDOR_ID] | config[PCI_VENDOR_ID + 1] << 8);
	id->device_id = (uint16_t)(config[PCI_DEVICE_ID] | config[PCI_DEVICE_ID + 1] << 8);
	id->subsystem_vendor_id =
		(uint16_t)(config[PCI_SUBSYSTEM_VENDOR_ID] | config[PCI_SUBSYSTEM_VENDOR_ID + 1] << 8);
	id->subsystem_id = (uint16_t)(config[PCI_SUBSYSTEM_ID] | config[PCI_SUBSYSTEM_ID + 1] << 8);
	id->class_code = (uint32_t)pd->pci.classcode;
	for (int i = 0; i < 6; i++)
		id->bar_size[i] = pd->pci.bar_region_info[i].size;
	return 0;
}

static void pci_release(struct device *dev)
{
	struct pci_device *pd = pci_of(dev);

	vfio_pci_close(&pd->pci);
	pci_irq_close(pd);
	notices_close(&pd->notices);
}

static int pci_claim(struct device *dev, struct job *job)
{
	struct pci_device *pd = pci_of(dev);
	struct iommu_ctx *ctx = group_context(dev->address);
	int ret;

	vfn_error_set("%s", "");
	pd->pci.dev.ctx = ctx;
	ret = vfio_pci_open(&pd->pci, dev->address);
	if (ret < 0)
		job_fail(job, -errno);
	iommu_put_context(ctx);
	if (ret < 0)
		return job->error;
	if (pci_read_identity(pd) == 0 && pci_irq_open(pd) == 0 && notices_make(&pd->notices, &pd->pci.dev) == 0) {
		dev->id.vectors = pd->nvectors;
		return 0;
	}
	job_fail(job, -errno);
	pci_release(dev);
	return job->error;
}

static int pci_start(struct device *dev)
{
	return notices_watch(&pci_of(dev)->notices, dev);
}

static void pci_stop(struct device *dev)
{
	notices_ignore(&pci_of(dev)->notices);
}

/* ---- what sessions ask for --------------------------------------------------------------- */

static void pci_details(struct device *dev, struct device_details *details)
{
	*details = (struct device_details){0};
}

static int pci_retune(struct device *dev, const struct device_settings *settings)
{
	return -ENOTSUP;
}

static const struct device_register pci_registers[] = {{NULL, 0, 0}};

static bool pci_registers_fast(struct device *dev)
{
	return false;
}

static int pci_register_read(struct device *dev, uint32_t offset, uint32_t width, uint64_t *value)
{
	leint64_t bytes = 0;

	if (vfio_region_read(&pci_of(dev)->pci.dev, VFIO_PCI_BAR0_REGION_INDEX, &bytes, width, offset) < 0)
		return -errno;
	*value = le64_to_cpu(bytes);
	return 0;
}

static int pci_bar_write_check(struct opening *o, unsigned int bar, uint64_t offset, size_t length, char *text,
			       size_t size)
{
	o->wrote = true;
	return 0;
}

static int pci_bar_share(struct opening *o, unsigned int bar, uint64_t offset, size_t length, uint64_t *at, char *text,
			 size_t size)
{
	struct vfio_device *vdev = &pci_of(o->device)->pci.dev;
	int fd;

	vfn_error_set("%s", "");
	fd = vfio_region_fd(vdev, VFIO_PCI_BAR0_REGION_INDEX + bar, length, offset, at);
	if (fd < 0) {
		snprintf(text, size, "%s", vfn_error());
		return errno == ENOTSUP ? -EOPNOTSUPP : -errno;
	}
	o->wrote = true;
	return fd;
}

static int pci_no_doorbell(struct opening *o, uint32_t qid, bool completion, uint64_t *offset, char *text, size_t size)
{
	snprintf(text, size, "a device of class pci has no doorbells that the daemon knows of: write to its BARs");
	return -EOPNOTSUPP;
}

static int pci_no_ring(struct device *dev, uint64_t offset, uint32_t value)
{
	return -EOPNOTSUPP;
}

/* What a write has done to it is the session's affair. */
static const char *pci_upset(struct device *dev)
{
	return NULL;
}

static void pci_no_queue(struct opening *o, const struct queue_spec *spec, class_queue_done done, void *arg)
{
	done(arg, -EOPNOTSUPP, "a device of class pci has no queues that the daemon knows of", NULL);
}

static void pci_no_raw_queue(struct opening *o, class_queue_done done, void *arg)
{
	pci_no_queue(o, NULL, done, arg);
}

static int pci_buffer_add(struct opening *o, struct data_buffer *buffer)
{
	return 0;
}

static int pci_buffer_remove(struct opening *o, struct data_buffer *buffer)
{
	return 0;
}

static int pci_no_command(char *text, size_t size)
{
	snprintf(text, size, "a device of class pci takes no NVMe commands from the daemon");
	return -EOPNOTSUPP;
}

static int pci_submit(struct opening *o, struct queue *queue, const struct command_spec *spec, command_done done,
		      void *arg, char *text, size_t size)
{
	return pci_no_command(text, size);
}

static int pci_submit_raw(struct opening *o, struct queue *queue, const struct raw_spec *spec, command_done done,
			  void *arg, char *text, size_t size)
{
	return pci_no_command(text, size);
}

static bool pci_in_use(const struct opening *o)
{
	return !o->ending && (o->wrote || !LIST_EMPTY(&o->buffers) || !LIST_EMPTY(&o->interrupts));
}

/*
 * What the device was told to do with the memory of a session nobody knows: it is reset before the memory goes,
 * unless others use it. Those are trusted with each other's memory, since they may write to it.
 */
static void pci_quiesce(struct opening *o)
{
	const struct opening *other;
	bool alone = true;

	pci_irq_quiesce(o);
	LIST_FOREACH (other, &o->device->openings, in_device)
		alone &= !pci_in_use(other);
	if (o->wrote && alone && !LIST_EMPTY(&o->buffers))
		o->tainted = true;
	o->wrote = false;
}

/* A successor would have to know what sessions have mapped. */
static int pci_save(struct device *dev, struct state_device *saved)
{
	journal_warn(dev->address, 0, "a device of class pci cannot be handed on to another image of the daemon");
	return -EOPNOTSUPP;
}

static int pci_restore(struct device *dev, const struct state_device *saved)
{
	return -EOPNOTSUPP;
}

const struct device_class pci_class = {
	.name = "pci",
	.create = pci_create,
	.destroy = pci_destroy,
	.claim = pci_claim,
	.start = pci_start,
	.retune = pci_retune,
	.stop = pci_stop,
	.disable = pci_disable,
	.disabled = pci_disabled,
	.release = pci_release,
	.details = pci_details,
	.registers = pci_registers,
	.registers_fast = pci_registers_fast,
	.register_read = pci_register_read,
	.bar_write_check = pci_bar_write_check,
	.bar_share = pci_bar_share,
	.doorbell_find = pci_no_doorbell,
	.doorbell_ring = pci_no_ring,
	.upset = pci_upset,
	.recover = pci_recover,
	.queue_create = pci_no_queue,
	.buffer_add = pci_buffer_add,
	.buffer_remove = pci_buffer_remove,
	.interrupt_create = pci_irq_create,
	.interrupt_mask = pci_irq_mask,
	.interrupt_free = pci_irq_free,
	.submit = pci_submit,
	.submit_raw = pci_submit_raw,
	.raw_queue = pci_no_raw_queue,
	.reset = pci_reset_by,
	.forget = pci_forget,
	.quiesce = pci_quiesce,
	.save = pci_save,
	.restore = pci_restore,
};
