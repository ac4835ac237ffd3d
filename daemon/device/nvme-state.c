/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Take-over of a controller that nothing is outstanding on but event requests. */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/iommu.h>
#include <vfn/support.h>

#include "daemon/journal.h"
#include "daemon/device/group.h"
#include "daemon/state/state.h"

_Static_assert(STATE_MAX_VECTORS >= NVME_MAX_VECTORS, "vectors fit the record");
_Static_assert(STATE_MAX_NAMESPACES >= NVME_MAX_NAMESPACES, "namespaces fit the record");
_Static_assert(sizeof(((struct state_device *)NULL)->notice_fd) == sizeof(((struct notices *)NULL)->fd),
	       "notices fit the record");
_Static_assert(STATE_MAX_AERS >= NVME_MAX_AERS, "event requests fit the record");
_Static_assert(sizeof(struct device_stats) <= sizeof(((struct state_device *)NULL)->stats) +
					       3 * sizeof(uint64_t),
	       "what is counted fits the record");

/* Counters go on; what is there now is counted afresh when it is restored. */
#define NVME_STATS_KEPT offsetof(struct device_stats, queue_pairs)

static void nvme_save_identity(const struct nvme_device *nd, struct state_device *to)
{
	const struct device_identity *id = &nd->dev->id;

	memcpy(to->model, id->model, sizeof(to->model));
	memcpy(to->serial, id->serial, sizeof(to->serial));
	memcpy(to->firmware, id->firmware, sizeof(to->firmware));
	to->vendor_id = id->vendor_id;
	to->device_id = id->device_id;
	to->subsystem_vendor_id = id->subsystem_vendor_id;
	to->subsystem_id = id->subsystem_id;
	to->class_code = id->class_code;
	memcpy(to->bar_size, id->bar_size, sizeof(to->bar_size));
	to->cap = nd->cap;
	to->vs = nd->vs;
	to->max_transfer = nd->max_transfer;
	to->nn = nd->nn;
	to->nns = nd->nns;
	for (unsigned int i = 0; i < nd->nns; i++)
		to->ns[i] = (struct state_namespace){
			.nsid = nd->ns[i].nsid,
			.block_size = nd->ns[i].block_size,
			.metadata_size = nd->ns[i].metadata_size,
			.extended = nd->formats.of[i].extended,
			.blocks = nd->ns[i].blocks,
		};
}

/* Clients may ask at once for what a controller is, and lengths are derived from it. */
static int nvme_restore_identity(struct nvme_device *nd, const struct state_device *from)
{
	struct device_identity *id = &nd->dev->id;

	if (from->nns > NVME_MAX_NAMESPACES)
		return -EPROTO;
	memcpy(id->model, from->model, sizeof(from->model) - 1);
	memcpy(id->serial, from->serial, sizeof(from->serial) - 1);
	memcpy(id->firmware, from->firmware, sizeof(from->firmware) - 1);
	id->transport = vfio_transport_name(&nd->ctrl.pci.dev);
	id->vendor_id = from->vendor_id;
	id->device_id = from->device_id;
	id->subsystem_vendor_id = from->subsystem_vendor_id;
	id->subsystem_id = from->subsystem_id;
	id->class_code = from->class_code;
	memcpy(id->bar_size, from->bar_size, sizeof(id->bar_size));
	id->vectors = from->nvectors;
	nd->cap = from->cap;
	nd->vs = from->vs;
	nd->max_transfer = from->max_transfer;
	nd->nn = from->nn;
	for (unsigned int i = 0; i < from->nns; i++) {
		const struct state_namespace *ns = &from->ns[i];

		if (ns->block_size < 512 || (ns->block_size & (ns->block_size - 1)) ||
		    ns->metadata_size > UINT16_MAX)
			return -EPROTO;
		nd->ns[i] = (struct device_namespace){ns->nsid, ns->blocks, ns->block_size,
						      ns->metadata_size};
		nd->formats.of[i] = (struct data_format){
			.nsid = ns->nsid,
			.metadata = (uint16_t)ns->metadata_size,
			.shift = (uint8_t)__builtin_ctz(ns->block_size),
			.extended = ns->extended,
		};
	}
	nd->nns = nd->formats.n = from->nns;
	return 0;
}

int nvme_save(struct device *dev, struct state_device *to)
{
	struct nvme_device *nd = nvme_of(dev);
	struct command *cmd;
	off_t offset;
	int ret;

	/* What clients share with the engine has no record yet. */
	if (nvme_served_any(nd) || nvme_direct_any(nd))
		return -EBUSY;
	if (dev->state != DEVICE_READY || nd->refreshing || nd->barrier ||
	    !TAILQ_EMPTY(&nd->pending) || strlen(dev->address) >= sizeof(to->address))
		return -EBUSY;
	TAILQ_FOREACH (cmd, &nd->internal, link) {
		if (cmd->sqe.opcode != 0x0c || to->naers == STATE_MAX_AERS)
			return -EBUSY;
		to->aer_cid[to->naers++] = cmd->rq->cid;
	}
	if (vfio_pci_export(&nd->ctrl.pci, &to->pci) < 0 || nvme_ctrl_save(&nd->ctrl, &to->ctrl) < 0 ||
	    nvme_cq_save(nd->ctrl.adminq.cq, &to->admin_cq) < 0 ||
	    nvme_sq_save(nd->ctrl.adminq.sq, &to->admin_sq) < 0)
		return -errno;
	ret = pgmap_fd(nd->slots, NVME_SLOTS_SIZE, &offset);
	if (ret < 0)
		return -errno;
	strcpy(to->address, dev->address);
	to->want_queue_pairs = dev->settings.queue_pairs;
	to->nqueues = nd->nqueues;
	to->slots_fd = ret;
	to->slots_offset = (uint64_t)offset;
	to->slots_iova = nd->slots_iova;
	to->max_aborts = nd->max_aborts;
	to->aers = nd->aers;
	to->nvectors = nd->nvectors;
	for (unsigned int i = 0; i < nd->nvectors; i++)
		to->vector_fd[i] = nd->vectors[i].fd;
	memcpy(to->notice_fd, nd->notices.fd, sizeof(to->notice_fd));
	nvme_tally_hand_over(nd);
	memcpy(to->stats, &dev->stats, NVME_STATS_KEPT);
	nvme_save_identity(nd, to);
	return 0;
}

static int nvme_restore_memory(struct nvme_device *nd, const struct state_device *from)
{
	struct iommu_ctx *ctx = nd->ctrl.pci.dev.ctx;

	nd->queues = calloc(nd->nqueues + 1, sizeof(*nd->queues));
	nd->vectors = calloc(from->nvectors + 1, sizeof(*nd->vectors));
	if (!nd->queues || !nd->vectors)
		return -ENOMEM;
	for (unsigned int i = 0; i < from->nvectors; i++)
		nd->vectors[i] = (struct nvme_vector){.nd = nd, .fd = from->vector_fd[i], .index = i};
	nd->nvectors = from->nvectors;
	memcpy(nd->notices.fd, from->notice_fd, sizeof(from->notice_fd));
	nd->slots = pgmap_from_fd(from->slots_fd, NVME_SLOTS_SIZE, (off_t)from->slots_offset);
	if (!nd->slots)
		return -errno;
	nd->slots_iova = from->slots_iova;
	nvme_slots_reset(nd);
	if (iommu_import(ctx, from->slots_fd, (off_t)from->slots_offset, nd->slots, NVME_SLOTS_SIZE,
			 from->slots_iova) < 0)
		return -errno;
	return 0;
}

int nvme_restore(struct device *dev, const struct state_device *from)
{
	struct nvme_device *nd = nvme_of(dev);
	struct iommu_ctx *ctx;
	int ret;

	if (from->nvectors > STATE_MAX_VECTORS || from->naers > STATE_MAX_AERS)
		return -EPROTO;
	ctx = group_context(dev->address);
	ret = nvme_ctrl_restore_in(&nd->ctrl, ctx, dev->address, &from->pci, &from->ctrl);
	iommu_put_context(ctx);
	if (ret < 0 || nvme_cq_restore(&nd->ctrl, &from->admin_cq) < 0 ||
	    nvme_sq_restore(&nd->ctrl, &from->admin_sq) < 0)
		return -errno;
	if (nvme_arbitrate_look(nd) < 0)
		return -errno;
	nd->mps = nd->ctrl.config.mps;
	nd->page_size = 4096u << nd->mps;
	nd->nqueues = from->nqueues;
	nd->max_aborts = from->max_aborts;
	nd->aers = from->aers;
	memcpy(&dev->stats, from->stats, NVME_STATS_KEPT);
	dev->stats.outstanding = 0;
	ret = nvme_restore_identity(nd, from);
	if (ret == 0)
		ret = nvme_restore_memory(nd, from);
	if (ret == 0)
		ret = nvme_vectors_open(nd);
	if (ret == 0)
		ret = nvme_restart(dev, from->aer_cid, from->naers);
	return ret;
}

int nvme_queue_save_state(struct queue *q, struct state_queue *to)
{
	struct nvme_ctrl *ctrl = &q->nd->ctrl;

	if (q->phase != QUEUE_LIVE || q->sent || q->mode != QUEUE_REQUEST)
		return -EBUSY;
	to->handle = q->lease.handle;
	to->qid = q->qid;
	to->priority = (uint16_t)q->priority;
	to->entries = q->entries;
	if (nvme_cq_save(&ctrl->cq[q->qid], &to->cq) < 0 || nvme_sq_save(&ctrl->sq[q->qid], &to->sq) < 0)
		return -errno;
	return 0;
}

int nvme_queue_restore_state(struct opening *o, const struct state_queue *from)
{
	struct nvme_device *nd = nvme_of(o->device);
	struct queue *q;
	int ret;

	if (from->qid == 0 || from->qid > nd->nqueues || nd->queues[from->qid])
		return -EPROTO;
	if (nvme_cq_restore(&nd->ctrl, &from->cq) < 0 || nvme_sq_restore(&nd->ctrl, &from->sq) < 0)
		return -errno;
	q = nvme_queue_new(o, (uint16_t)from->qid, from->entries);
	if (!q)
		return -errno;
	q->vector = (unsigned int)nd->ctrl.cq[from->qid].vector;
	q->priority = from->priority >= QUEUE_PRIORITY_URGENT && from->priority <= QUEUE_PRIORITY_LOW
			      ? (enum queue_priority)from->priority
			      : QUEUE_PRIORITY_MEDIUM;
	nvme_tally_begin(q);
	q->phase = QUEUE_LIVE;
	q->has_memory = q->has_cq = q->has_sq = true;
	ret = lease_restore(session_leases(o->session), &q->lease, LEASE_QUEUE, from->handle);
	return ret;
}
