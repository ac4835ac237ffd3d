/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include <vfn/iommu.h>
#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/device/group.h"
#include "daemon/journal.h"

/* Milliseconds between two looks for completions, without interrupts: doubled from the first to the last. */
#define NVME_LOOK_FIRST 1
#define NVME_LOOK_LAST	100

static void nvme_copy_text(char *to, const uint8_t *from, size_t len)
{
	memcpy(to, from, len);
	to[len] = '\0';
	while (len > 0 && (to[len - 1] == ' ' || to[len - 1] == '\0'))
		to[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (to[i] < ' ' || to[i] > '~')
			to[i] = '?';
}

/* Identify Controller (NVMe Base 2.0, figure 275), by offset. Byte access: any alignment. */
static int nvme_identify(struct nvme_device *nd)
{
	struct device_identity *id = &nd->dev->id;
	union nvme_cmd sqe = {.identify = {.opcode = 0x06, .cns = 1}};
	uint8_t *data;
	int ret = -1;

	if (pgmap((void **)&data, 4096) < 0)
		return -1;
	if (nvme_admin(&nd->ctrl, &sqe, data, 4096, NULL) < 0)
		goto out;
	nvme_copy_text(id->serial, data + 4, 20);
	nvme_copy_text(id->model, data + 24, 40);
	nvme_copy_text(id->firmware, data + 64, 8);
	nd->max_transfer = (uint64_t)NVME_LIST_PAGES * nd->page_size;
	if (data[77] && data[77] < 32) {
		uint64_t mdts = UINT64_C(4096) << (nd->ctrl.config.mpsmin + data[77]);

		if (mdts < nd->max_transfer)
			nd->max_transfer = mdts;
	}
	/* OAES names the notices; bits 7:0 are the SMART warnings (feature 0Bh), there is no mask for these */
	nd->aec = (nvme_get32(data + 92) & 0xffffff00) | 0x1f;
	nd->max_aborts = data[258] + 1u;
	nd->aers = data[259] + 1u < NVME_MAX_AERS ? data[259] + 1u : NVME_MAX_AERS;
	nd->nn = nvme_get32(data + 516);
	ret = 0;
out:
	pgunmap(data, 4096);
	return ret;
}

int nvme_setup(struct nvme_device *nd)
{
	union nvme_cmd sqe = {.opcode = 0x09};
	struct nvme_cqe cqe;

	if (nvme_identify(nd) < 0)
		return -1;
	sqe.cdw10 = cpu_to_le32(NVME_FEATURE_ASYNC_EVENTS);
	sqe.cdw11 = cpu_to_le32(nd->aec);
	if (nvme_admin(&nd->ctrl, &sqe, NULL, 0, &cqe) < 0) {
		if (errno != EIO)
			return -1;
		/* It is up to the controller which events it can leave out. */
		journal_warn(nd->dev->address, 0, "asynchronous events cannot be configured: status %03xh",
			     le16_to_cpu(cqe.sfp) >> 1);
	}
	if (nvme_coalesce_setup(nd) < 0)
		return -1;
	return nvme_ns_identify(nd);
}

static int nvme_read_identity(struct nvme_device *nd)
{
	struct device_identity *id = &nd->dev->id;
	struct vfio_pci_device *pci = &nd->ctrl.pci;
	uint8_t config[64] = {0};

	if (vfio_pci_read_config(pci, config, sizeof(config), 0) < 0 ||
	    nvme_reg_read64(&nd->ctrl, 0, &nd->cap) < 0 || nvme_reg_read32(&nd->ctrl, 8, &nd->vs) < 0)
		return -1;
	id->transport = vfio_transport_name(&pci->dev);
	id->vendor_id = nvme_get16(config + PCI_VENDOR_ID);
	id->device_id = nvme_get16(config + PCI_DEVICE_ID);
	id->subsystem_vendor_id = nvme_get16(config + PCI_SUBSYSTEM_VENDOR_ID);
	id->subsystem_id = nvme_get16(config + PCI_SUBSYSTEM_ID);
	id->class_code = (uint32_t)pci->classcode;
	for (int i = 0; i < 6; i++)
		id->bar_size[i] = pci->bar_region_info[i].size;
	return 0;
}

void nvme_vectors_close(struct nvme_device *nd)
{
	for (unsigned int i = 0; i < nd->nvectors; i++) {
		if (nd->vectors[i].event)
			event_free(nd->vectors[i].event);
		if (nd->vectors[i].fd >= 0)
			close(nd->vectors[i].fd);
	}
	free(nd->vectors);
	nd->vectors = NULL;
	nd->nvectors = 0;
}

static int nvme_vectors_make(struct nvme_device *nd)
{
	struct vfio_device *vdev = &nd->ctrl.pci.dev;
	unsigned int want = nd->dev->settings.queue_pairs + 1, have = vdev->irq_info.count;
	int fds[NVME_MAX_VECTORS];

	want = want < have ? want : have;
	want = want < NVME_MAX_VECTORS ? want : NVME_MAX_VECTORS;
	if (want == 0)
		return 0;
	nd->vectors = calloc(want, sizeof(*nd->vectors));
	if (!nd->vectors)
		return -1;
	nd->nvectors = want;
	if (nd->dev->settings.poll)
		nd->poll_vector = want - 1;
	for (unsigned int i = 0; i < want; i++)
		nd->vectors[i] = (struct nvme_vector){.nd = nd, .fd = -1, .index = i};
	for (unsigned int i = 0; i < want; i++) {
		fds[i] = nd->vectors[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (fds[i] < 0) {
			vfn_error_set("no eventfd for interrupt vector %u: %s", i, strerror(errno));
			return -1;
		}
	}
	return vfio_set_irq(vdev, fds, (int)want);
}

void nvme_slots_reset(struct nvme_device *nd)
{
	nd->nfree = NVME_SLOTS;
	for (unsigned int i = 0; i < NVME_SLOTS; i++)
		nd->free_slots[i] = (uint16_t)(NVME_SLOTS - 1 - i);
}

static int nvme_slots_make(struct nvme_device *nd)
{
	if (pgmap((void **)&nd->slots, NVME_SLOTS_SIZE) < 0) {
		nd->slots = NULL;
		return -1;
	}
	if (iommu_map_vaddr(nd->ctrl.pci.dev.ctx, nd->slots, NVME_SLOTS_SIZE, &nd->slots_iova, 0) < 0)
		return -1;
	nvme_slots_reset(nd);
	return 0;
}

static void nvme_slots_unmap(struct nvme_device *nd)
{
	if (nd->slots)
		iommu_unmap_vaddr(nd->ctrl.pci.dev.ctx, nd->slots, NULL);
}

static unsigned int nvme_granted(const struct nvme_ctrl *ctrl)
{
	int n = ctrl->config.nsqa < ctrl->config.ncqa ? ctrl->config.nsqa : ctrl->config.ncqa;

	return ctrl->flags & NVME_CTRL_F_ADMINISTRATIVE ? 0 : (unsigned int)n + 1;
}

int nvme_claim(struct device *dev, struct job *job)
{
	struct nvme_device *nd = nvme_of(dev);
	struct nvme_ctrl_opts opts = {.nsqr = (int)dev->settings.queue_pairs - 1,
				      .ncqr = (int)dev->settings.queue_pairs - 1};
	struct iommu_ctx *ctx = group_context(dev->address);
	int ret;

	vfn_error_set("%s", "");
	ret = nvme_ctrl_init_in(&nd->ctrl, ctx, dev->address, &opts);
	if (ret < 0) {
		job_fail(job, -errno);
		if (nd->ctrl.pci.classcode && nd->ctrl.pci.classcode >> 8 != CLASS_CODE_NVME)
			snprintf(job->text, sizeof(job->text), "class code %06llx is no NVMe controller's: class = pci "
				 "in its section of vfnd.conf has it served as it is", nd->ctrl.pci.classcode);
	}
	iommu_put_context(ctx);
	if (ret < 0)
		return job->error;
	/* Interrupts first: a controller may look for the admin queue's vector when it is enabled, and never again. */
	if (nvme_read_identity(nd) < 0 || nvme_vectors_make(nd) < 0 ||
	    notices_make(&nd->notices, &nd->ctrl.pci.dev) < 0 || nvme_arbitrate_bring_up(nd) < 0)
		goto fail;
	nd->mps = nd->ctrl.config.mps;
	nd->page_size = 4096u << nd->mps;
	nd->nqueues = nvme_granted(&nd->ctrl);
	nd->queues = calloc(nd->nqueues + 1, sizeof(*nd->queues));
	if (!nd->queues || nvme_slots_make(nd) < 0 || nvme_setup(nd) < 0)
		goto fail;
	dev->id.vectors = nd->nvectors;
	return 0;
fail:
	job_fail(job, -errno);
	nvme_release(dev);
	return job->error;
}

void nvme_interrupt_unmask(struct nvme_device *nd)
{
	struct vfio_device *vdev = &nd->ctrl.pci.dev;

	if (vdev->irq_info.flags & VFIO_IRQ_INFO_AUTOMASKED)
		vfio_unmask_irq(vdev, vdev->irq_info.index);
}

int nvme_vector_of(const struct nvme_device *nd, unsigned int qid, bool pair)
{
	unsigned int n = nd->poll_vector ? nd->poll_vector : nd->nvectors;

	if (!nd->nvectors)
		return -1;
	if (pair && nd->poll_vector)
		return (int)nd->poll_vector;
	/* Its own where nobody took that, else the next; the admin queue's is shared by those who find none. */
	for (unsigned int i = 0; i + 1 < n; i++) {
		unsigned int vector = 1 + (qid - 1 + i) % (n - 1);

		if (!nd->vectors[vector].given)
			return (int)vector;
	}
	return 0;
}

/* All queues of a vector; -1: those without one. */
static void nvme_vector_reap(struct nvme_device *nd, int vector)
{
	bool served = false;

	if (vector <= 0)
		nvme_reap(nd, 0);
	/* Queue pairs share vectors where there are not enough. */
	for (unsigned int qid = 1; qid <= nd->nqueues && nd->owned; qid++) {
		if (!nd->queues[qid] || !nd->queues[qid]->has_sq || nd->queues[qid]->mode == QUEUE_RAW ||
		    nd->ctrl.cq[qid].vector != vector)
			continue;
		if (nd->queues[qid]->pair)
			served = true;
		else if (nd->queues[qid]->direct)
			nvme_direct_wake(nd->queues[qid]);
		else
			nvme_reap(nd, qid);
	}
	if (served && nd->owned)
		data_driver_wake(nd->driver);
}

static void nvme_interrupt(evutil_socket_t fd, short what, void *arg)
{
	struct nvme_vector *v = arg;
	struct nvme_device *nd = v->nd;
	eventfd_t n;

	if (eventfd_read(fd, &n) < 0)
		return;
	nd->dev->stats.interrupts += n;
	v->count += n;
	if (!nd->owned)
		return;
	if (nd->coalesces)
		nvme_coalesce_look(v);
	nvme_vector_reap(nd, (int)v->index);
	if (nd->owned)
		nvme_interrupt_unmask(nd);
}

static void nvme_look_in(struct nvme_device *nd, unsigned int ms)
{
	const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (long)ms % 1000 * 1000};

	nd->look_ms = ms;
	event_add(nd->look, &tv);
}

/* What is outstanding for long, requests for events above all, is looked at less and less often. */
static void nvme_look(evutil_socket_t fd, short what, void *arg)
{
	struct nvme_device *nd = arg;
	unsigned int ms = nd->look_ms, sent = nd->admin_sent + nd->io_sent;

	nd->look_ms = 0;
	if (!nd->owned)
		return;
	nvme_vector_reap(nd, -1);
	/* Something may have been sent meanwhile. */
	if (!nd->owned || nd->look_ms || nd->admin_sent + nd->io_sent == 0)
		return;
	ms = nd->admin_sent + nd->io_sent != sent ? NVME_LOOK_FIRST : 2 * ms;
	nvme_look_in(nd, ms < NVME_LOOK_LAST ? ms : NVME_LOOK_LAST);
}

void nvme_look_soon(struct nvme_device *nd)
{
	/* What is sent all the time must not put it off. */
	if (nd->look && nd->look_ms != NVME_LOOK_FIRST)
		nvme_look_in(nd, NVME_LOOK_FIRST);
}

int nvme_vectors_open(struct nvme_device *nd)
{
	if (!nd->nvectors) {
		nd->look = evtimer_new(nd->dev->devices->base, nvme_look, nd);
		if (!nd->look)
			return -ENOMEM;
		journal_info(nd->dev->address, 0, "the device has no interrupts: it is polled");
	}
	for (unsigned int i = 0; i < nd->nvectors; i++) {
		struct nvme_vector *v = &nd->vectors[i];

		/* Whoever reads an eventfd takes the wake-up away from others. */
		if (i && i == nd->poll_vector)
			continue;
		v->event = device_watch(nd->dev, v->fd, EV_READ | EV_PERSIST, nvme_interrupt, v);
		if (!v->event)
			return -ENOMEM;
	}
	return notices_watch(&nd->notices, nd->dev);
}

static void nvme_own(struct nvme_device *nd)
{
	nvme_enable_places(nd);
	nd->admin_sent = nd->io_sent = nd->aborts = 0;
	nd->owned = true;
	nd->look_ms = 0;
	nvme_look_soon(nd);
	nvme_interrupt_unmask(nd);
}

int nvme_start(struct device *dev)
{
	struct nvme_device *nd = nvme_of(dev);
	int ret = nvme_vectors_open(nd);

	nvme_own(nd);
	nvme_coalesce_begin(nd, false);
	if (ret == 0)
		ret = nvme_served_start(nd);
	if (ret == 0)
		nvme_events_start(nd);
	return ret;
}

/* What came while no process was there to see it is in the eventfds: the loop looks at them at once. */
int nvme_restart(struct device *dev, const uint16_t *aer_cids, unsigned int naers)
{
	struct nvme_device *nd = nvme_of(dev);
	int ret;

	nvme_own(nd);
	nd->coalesces = nd->dev->settings.coalesce > 1;
	nvme_coalesce_begin(nd, true);
	ret = nvme_served_start(nd);
	return ret < 0 ? ret : nvme_events_resume(nd, aer_cids, naers);
}

void nvme_stop(struct device *dev)
{
	struct nvme_device *nd = nvme_of(dev);

	nd->owned = false;
	nvme_served_halt(nd);
	nvme_tally_interrupts(dev);
	for (unsigned int i = 0; i < nd->nvectors; i++) {
		if (nd->vectors[i].event)
			event_free(nd->vectors[i].event);
		nd->vectors[i].event = NULL;
	}
	if (nd->look)
		event_free(nd->look);
	nd->look = NULL;
	notices_ignore(&nd->notices);
}

void nvme_release(struct device *dev)
{
	struct nvme_device *nd = nvme_of(dev);

	/* Disabled first: the slots' memory is the controller's until then. */
	if (nvme_reset(&nd->ctrl) == 0)
		nvme_slots_unmap(nd);
	nvme_close(&nd->ctrl);
	if (nd->slots)
		pgunmap(nd->slots, NVME_SLOTS_SIZE);
	nd->slots = NULL;
	nvme_vectors_close(nd);
	notices_close(&nd->notices);
	free(nd->queues);
	nd->queues = NULL;
	nd->nqueues = 0;
}
