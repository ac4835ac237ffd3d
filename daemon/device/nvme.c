/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdlib.h>

#include <vfn/support.h>

/* Controller properties (NVMe Base 2.0, figure 33). */
static const struct device_register nvme_registers[] = {
	{"cap", 0x00, 8},      {"vs", 0x08, 4},	     {"intms", 0x0c, 4},   {"intmc", 0x10, 4},
	{"cc", 0x14, 4},       {"csts", 0x1c, 4},    {"nssr", 0x20, 4},	   {"aqa", 0x24, 4},
	{"asq", 0x28, 8},      {"acq", 0x30, 8},     {"cmbloc", 0x38, 4},  {"cmbsz", 0x3c, 4},
	{"bpinfo", 0x40, 4},   {"bprsel", 0x44, 4},  {"bpmbl", 0x48, 8},   {"cmbmsc", 0x50, 8},
	{"cmbsts", 0x58, 4},   {"cmbebs", 0x5c, 4},  {"cmbswtp", 0x60, 4}, {"nssd", 0x64, 4},
	{"crto", 0x68, 4},     {"pmrcap", 0xe00, 4}, {"pmrctl", 0xe04, 4}, {"pmrsts", 0xe08, 4},
	{"pmrebs", 0xe0c, 4},  {"pmrswtp", 0xe10, 4}, {"pmrmscl", 0xe14, 4}, {"pmrmscu", 0xe18, 4},
	{NULL, 0, 0},
};

static int nvme_create(struct device *dev)
{
	struct nvme_device *nd = calloc(1, sizeof(*nd));

	if (!nd)
		return -ENOMEM;
	nd->dev = dev;
	nd->notices = NOTICES_INIT;
	TAILQ_INIT(&nd->internal);
	TAILQ_INIT(&nd->pending);
	TAILQ_INIT(&nd->held);
	dev->driver = nd;
	dev->pci = &nd->ctrl.pci;
	return 0;
}

static void nvme_destroy(struct device *dev)
{
	nvme_served_stop(nvme_of(dev));
	free(dev->driver);
	dev->driver = NULL;
}

static void nvme_details(struct device *dev, struct device_details *d)
{
	struct nvme_device *nd = nvme_of(dev);

	*d = (struct device_details){
		.cap = nd->cap,
		.vs = nd->vs,
		.page_size = nd->page_size,
		.max_transfer = nd->max_transfer,
		.max_queue_entries = (uint32_t)nd->ctrl.config.mqes + 1,
		.queue_pairs = nd->nqueues,
		.sgls = nd->ctrl.config.sgls,
		.queue_pairs_free = nd->nqueues - (uint32_t)dev->stats.queue_pairs,
		.namespaces = nd->nn,
		.active = nd->ns,
		.nactive = nd->nns,
	};
}

static bool nvme_registers_fast(struct device *dev)
{
	struct nvme_ctrl *ctrl = &nvme_of(dev)->ctrl;

	/* A server of which registers can be mapped is asked by message all the same. */
	return ctrl->regs && !vfio_doorbell_by_message(&ctrl->pci.dev);
}

static int nvme_register_read(struct device *dev, uint32_t offset, uint32_t width, uint64_t *value)
{
	struct nvme_ctrl *ctrl = &nvme_of(dev)->ctrl;
	uint32_t v;

	if (width == 8)
		return nvme_reg_read64(ctrl, offset, value) < 0 ? -errno : 0;
	if (nvme_reg_read32(ctrl, offset, &v) < 0)
		return -errno;
	*value = v;
	return 0;
}

static int nvme_queue_share(struct queue *q, struct queue_share *share)
{
	if (q->direct)
		return nvme_direct_share(q, share);
	return q->served ? nvme_served_share(q, share) : -EINVAL;
}

const struct device_class nvme_class = {
	.name = "nvme",
	.create = nvme_create,
	.destroy = nvme_destroy,
	.claim = nvme_claim,
	.start = nvme_start,
	.retune = nvme_served_retune,
	.stop = nvme_stop,
	.disable = nvme_disable,
	.disabled = nvme_disabled,
	.release = nvme_release,
	.details = nvme_details,
	.counted = nvme_tally_interrupts,
	.refused = nvme_tally_refused,
	.serving = nvme_serving,
	.registers = nvme_registers,
	.registers_fast = nvme_registers_fast,
	.register_read = nvme_register_read,
	.bar_write_check = nvme_bar_write_check,
	.doorbell_find = nvme_doorbell_find,
	.doorbell_ring = nvme_doorbell_ring,
	.written = nvme_written,
	.upset = nvme_upset,
	.recover = nvme_recover_from,
	.queue_create = nvme_queue_create,
	.queue_delete = nvme_queue_delete,
	.queue_share = nvme_queue_share,
	.buffer_add = nvme_served_buffer_add,
	.buffer_remove = nvme_served_buffer_remove,
	.submit = nvme_submit,
	.cancel = nvme_cancel,
	.submit_raw = nvme_submit_raw,
	.reset = nvme_reset_by,
	.enable = nvme_enable_by,
	.raw_queue = nvme_raw_queue_create,
	.trace_add = nvme_served_trace_add,
	.trace_remove = nvme_served_trace_remove,
	.forget = nvme_forget,
	.quiesce = nvme_quiesce,
	.save = nvme_save,
	.restore = nvme_restore,
	.queue_save = nvme_queue_save_state,
	.queue_restore = nvme_queue_restore_state,
};
