/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory-class - a class of devices whose registers are ordinary memory, as a mapped BAR is
 *
 * Linked in place of the daemon's table of classes: all of the daemon but the device. The register "heap" tells how
 * often the daemon has asked its heap for memory.
 */
#include <errno.h>

#include <vfn/vfio.h>

#include "daemon/device/class.h"
#include "tests/bench/heap.h"

#define MEMORY_BAR  4096
#define MEMORY_HEAP 0x100

/* There is one device. */
static struct vfio_pci_device memory_pci;
static volatile uint64_t memory_bar[MEMORY_BAR / 8];

static const struct device_register memory_registers[] = {
	{"cap", 0x00, 8},
	{"vs", 0x08, 4},
	{"heap", MEMORY_HEAP, 8},
	{NULL, 0, 0},
};

static int memory_create(struct device *dev)
{
	memory_pci.dev.ctx = (struct iommu_ctx *)vfio_new();
	if (!memory_pci.dev.ctx)
		return -ENOMEM;
	dev->driver = dev->pci = &memory_pci;
	return 0;
}

static void memory_destroy(struct device *dev)
{
	iommu_put_context(memory_pci.dev.ctx);
}

static int memory_claim(struct device *dev, struct job *job)
{
	dev->id.transport = "memory";
	dev->id.bar_size[0] = MEMORY_BAR;
	memory_bar[1] = 0x20000;
	return 0;
}

static int memory_start(struct device *dev)
{
	return 0;
}

static void memory_nothing(struct device *dev)
{
}

static void memory_disabled(struct device *dev, const char *reason)
{
}

static void memory_details(struct device *dev, struct device_details *details)
{
	*details = (struct device_details){.page_size = 4096};
}

static bool memory_fast(struct device *dev)
{
	return true;
}

static int memory_read(struct device *dev, uint32_t offset, uint32_t width, uint64_t *value)
{
	if (offset == MEMORY_HEAP)
		*value = heap_calls();
	else if (width == 8)
		*value = memory_bar[offset / 8];
	else
		*value = ((volatile uint32_t *)memory_bar)[offset / 4];
	return 0;
}

static void memory_queue_create(struct opening *opening, const struct queue_spec *spec,
				class_queue_done done, void *arg)
{
	done(arg, -ENOTSUP, "only registers", NULL);
}

static int memory_buffer(struct opening *opening, struct data_buffer *buffer)
{
	return 0;
}

static int memory_submit(struct opening *opening, struct queue *queue, const struct command_spec *spec,
			 command_done done, void *arg, char *text, size_t size)
{
	return -ENOTSUP;
}

static void memory_opening(struct opening *opening)
{
}

static const struct device_class memory_class = {
	.name = "memory",
	.create = memory_create,
	.destroy = memory_destroy,
	.claim = memory_claim,
	.start = memory_start,
	.stop = memory_nothing,
	.disable = memory_nothing,
	.disabled = memory_disabled,
	.release = memory_nothing,
	.details = memory_details,
	.registers = memory_registers,
	.registers_fast = memory_fast,
	.register_read = memory_read,
	.queue_create = memory_queue_create,
	.buffer_add = memory_buffer,
	.buffer_remove = memory_buffer,
	.submit = memory_submit,
	.forget = memory_opening,
	.quiesce = memory_opening,
};

const struct device_class *const device_classes[] = {
	&memory_class,
	NULL,
};
