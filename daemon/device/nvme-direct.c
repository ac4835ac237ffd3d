/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Direct queues of sessions: queue pairs of the controller that clients drive by themselves. They are made and deleted
 * as those for requests are (nvme-queue.c); here is what is handed out with one. The daemon
 * looks at nothing of it but, where doorbells are rung by message, at the shadow doorbells, whose values it passes on.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include <vfn/iommu.h>
#include <vfn/support.h>

#include "daemon/device/wake.h"
#include "daemon/journal.h"

#define DIRECT_DOORBELLS 0x1000 /* offset in BAR 0 (NVMe over PCIe Transport, 3.1.2) */

enum direct_part { DIRECT_CQ, DIRECT_SQ, DIRECT_PAGES, DIRECT_PARTS };

/* Its memory, which can stay longer than the queue: other direct queues of the session may name it. */
struct direct_memory {
	struct opening *opening;
	uint64_t bytes; /* charged */
	struct keep keep;
	struct job job;
	struct {
		void *map; /* NULL: there is none */
		size_t len;
		struct nvme_queue_mem mem; /* in that, where a page of the controller's begins */
	} parts[DIRECT_PARTS];
};

struct nvme_direct {
	struct queue *queue;
	struct direct_memory *memory;
	bool begun; /* the controller may know it */
	bool keep; /* the memory outlives it */
	bool own_vector; /* nobody else has it */
	bool lost_vector; /* it could not be had back */
	int irq_fd;
	int wake_fd, client_fd; /* the daemon's end, and the client's until it has it */
	int kick_fd[2];	       /* submission queue, completion queue */
	struct event *kick[2];
};

int nvme_direct_allowed(const struct nvme_device *nd, const char **text)
{
	if (!nd->dev->settings.direct) {
		*text = "direct queues are not allowed: 'direct = yes' in the device's section of vfnd.conf "
			"lets clients have them";
		return -EPERM;
	}
	if (!nd->nvectors) {
		*text = "a device without interrupts has no direct queues";
		return -EOPNOTSUPP;
	}
	/* The line stays up until the client has looked, who may never do. */
	if (nd->ctrl.pci.dev.irq_info.flags & VFIO_IRQ_INFO_AUTOMASKED) {
		*text = "a device that has only a line for interrupts has no direct queues";
		return -EOPNOTSUPP;
	}
	/* Nobody could keep it from the namespace that is being changed. */
	if (nd->barrier || nd->refreshing) {
		*text = "namespaces are being changed; try again";
		return -EAGAIN;
	}
	return 0;
}

static const struct queue *direct_first(const struct nvme_device *nd)
{
	for (unsigned int qid = 1; qid <= nd->nqueues; qid++)
		if (nd->queues[qid] && nd->queues[qid]->direct)
			return nd->queues[qid];
	return NULL;
}

bool nvme_direct_any(const struct nvme_device *nd)
{
	return direct_first(nd);
}

bool nvme_direct_excludes(const struct nvme_device *nd, const union nvme_cmd *sqe)
{
	switch (sqe->opcode) {
	case 0x10: /* Firmware Commit: one that activates the image at once */
		return (le32_to_cpu(sqe->cdw10) >> 3 & 7) == 3 && nvme_direct_any(nd);
	case 0x0d: /* Namespace Management */
	case 0x15: /* Namespace Attachment */
	case 0x20: /* Capacity Management */
	case 0x80: /* Format NVM */
	case 0x84: /* Sanitize */
		return nvme_direct_any(nd);
	default:
		return false;
	}
}

void nvme_direct_who(const struct nvme_device *nd, char *text, size_t size)
{
	const struct queue *q = direct_first(nd);

	snprintf(text, size, "session %llu has a direct queue (%u), whose commands nobody can wait for: it is to be "
			     "deleted first", (unsigned long long)q->opening->session_number, q->qid);
}

/* A page of the controller's or the processor's size for each command. */
static size_t direct_pages_size(const struct queue *q)
{
	size_t page = (size_t)__mps_to_pagesize(q->nd->ctrl.config.mps);

	return (q->entries - 1) * (page > (size_t)__VFN_PAGESIZE ? page : (size_t)__VFN_PAGESIZE);
}

static size_t direct_size(const struct queue *q, enum direct_part part)
{
	switch (part) {
	case DIRECT_CQ:
		return (size_t)q->entries << NVME_CQES;
	case DIRECT_SQ:
		return (size_t)q->entries << NVME_SQES;
	default:
		return direct_pages_size(q);
	}
}

/* ---- memory: what its client maps, and the daemon has for it alone ------------------------ */

static struct direct_memory *direct_memory_new(const struct queue *q)
{
	struct opening *o = q->opening;
	struct direct_memory *m;
	uint64_t bytes = 0;

	for (int i = 0; i < DIRECT_PARTS; i++)
		bytes += ALIGN_UP(direct_size(q, (enum direct_part)i), (size_t)__VFN_PAGESIZE);
	if (quota_charge(o->user, QUOTA_BUFFER_BYTES, bytes) < 0) {
		errno = EDQUOT;
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		quota_release(o->user, QUOTA_BUFFER_BYTES, bytes);
		errno = ENOMEM;
		return NULL;
	}
	m->opening = o;
	m->bytes = bytes;
	return m;
}

static void direct_memory_free(struct direct_memory *m)
{
	quota_release(m->opening->user, QUOTA_BUFFER_BYTES, m->bytes);
	free(m);
}

/* WORKER */
static void direct_memory_unmap(struct direct_memory *m)
{
	struct iommu_ctx *ctx = m->opening->device->pci->dev.ctx;

	for (int i = 0; i < DIRECT_PARTS; i++) {
		if (!m->parts[i].map)
			continue;
		/* A device that has died cannot answer; the mapping is forgotten all the same. */
		iommu_unmap_vaddr(ctx, m->parts[i].map, NULL);
		pgunmap(m->parts[i].map, m->parts[i].len);
		m->parts[i].map = NULL;
	}
}

/* WORKER: IOVAs come aligned to the processor's page size; the controller's may be larger. 0, or -1 with errno. */
static int direct_memory_map(struct direct_memory *m, enum direct_part part, size_t size, size_t align)
{
	ssize_t len = pgmap(&m->parts[part].map, size + (align > __VFN_PAGESIZE ? align - __VFN_PAGESIZE : 0));
	struct nvme_queue_mem *mem = &m->parts[part].mem;
	uint64_t iova;

	if (len < 0) {
		vfn_error_set("no memory for %zu bytes: %s", size, strerror(errno));
		m->parts[part].map = NULL;
		return -1;
	}
	m->parts[part].len = (size_t)len;
	if (iommu_map_vaddr(m->opening->device->pci->dev.ctx, m->parts[part].map, (size_t)len, &iova, 0) < 0) {
		int saved = errno;

		pgunmap(m->parts[part].map, (size_t)len);
		m->parts[part].map = NULL;
		errno = saved;
		return -1;
	}
	mem->iova = ALIGN_UP(iova, (uint64_t)align);
	mem->vaddr = (char *)m->parts[part].map + (mem->iova - iova);
	mem->len = size;
	return 0;
}

static void direct_memory_run(struct job *job)
{
	direct_memory_unmap(container_of(job, struct direct_memory, job));
}

static void direct_memory_done(struct job *job)
{
	struct direct_memory *m = container_of(job, struct direct_memory, job);
	struct opening *o = m->opening;

	direct_memory_free(m);
	opening_release(o);
}

static void direct_memory_over(struct keep *keep)
{
	struct direct_memory *m = container_of(keep, struct direct_memory, keep);

	m->job.run = direct_memory_run;
	m->job.done = direct_memory_done;
	opening_post(m->opening, &m->job);
}

/* ---- made and deleted ---------------------------------------------------------------------- */

static bool direct_vector_used(const struct nvme_device *nd, unsigned int vector)
{
	if (nd->vectors[vector].given || (nd->poll_vector && vector == nd->poll_vector))
		return true;
	for (unsigned int qid = 1; qid <= nd->nqueues; qid++)
		if (nd->queues[qid] && nd->queues[qid]->vector == vector)
			return true;
	return false;
}

int nvme_direct_new(struct queue *q)
{
	struct nvme_device *nd = q->nd;
	struct direct_memory *m = direct_memory_new(q);
	struct nvme_direct *d;

	if (!m)
		return -errno;
	d = calloc(1, sizeof(*d));
	if (!d) {
		direct_memory_free(m);
		return -ENOMEM;
	}
	*d = (struct nvme_direct){
		.queue = q,
		.memory = m,
		.begun = true,
		.irq_fd = -1,
		.wake_fd = -1,
		.client_fd = -1,
		.kick_fd = {-1, -1},
	};
	q->mode = QUEUE_DIRECT;
	q->direct = d;
	keep_begin(q->opening);
	q->vector = nvme_vector_of(nd, q->qid, false);
	for (unsigned int i = 0; i + 1 < nd->nvectors && !d->own_vector; i++) {
		unsigned int vector = 1 + (q->qid - 1 + i) % (nd->nvectors - 1);

		if (direct_vector_used(nd, vector))
			continue;
		q->vector = vector;
		d->own_vector = nd->vectors[vector].given = true;
		nvme_coalesce_leave(&nd->vectors[vector]);
	}
	return 0;
}

static void direct_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * The vector signals an eventfd that only this queue's client ever reads: it can make it block, so that the
 * daemon would not want it back.
 */
static int direct_take_vector(struct queue *q)
{
	struct vfio_device *vdev = &q->nd->ctrl.pci.dev;
	struct nvme_direct *d = q->direct;

	d->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->irq_fd < 0) {
		vfn_error_set("no eventfd: %s", strerror(errno));
		return -1;
	}
	if (vfio_set_irq_index(vdev, vdev->irq_info.index, q->vector, &d->irq_fd, 1) == 0)
		return 0;
	/* What is set now is not known. */
	d->lost_vector = vfio_set_irq_index(vdev, vdev->irq_info.index, q->vector,
					    &q->nd->vectors[q->vector].fd, 1) < 0;
	return -1;
}

/* What it is woken by, and rings. */
static int direct_signals(struct queue *q)
{
	struct nvme_direct *d = q->direct;
	const struct nvme_sq *sq = &q->nd->ctrl.sq[q->qid];
	const struct nvme_cq *cq = &q->nd->ctrl.cq[q->qid];
	int pair[2], ret;

	if ((!sq->doorbell && !sq->dbbuf.doorbell) || (!cq->doorbell && !cq->dbbuf.doorbell)) {
		vfn_error_set("the doorbells of this device cannot be mapped, and it has no shadow doorbells");
		errno = EOPNOTSUPP;
		return -1;
	}
	ret = wake_open(pair);
	if (ret < 0) {
		vfn_error_set("no socket pair: %s", strerror(-ret));
		errno = -ret;
		return -1;
	}
	d->wake_fd = pair[0];
	d->client_fd = pair[1];
	for (int i = 0; i < 2 && sq->dbbuf.doorbell && sq->kick; i++) {
		d->kick_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (d->kick_fd[i] < 0) {
			vfn_error_set("no eventfd: %s", strerror(errno));
			return -1;
		}
	}
	return d->own_vector ? direct_take_vector(q) : 0;
}

static int direct_queues(struct queue *q)
{
	struct nvme_ctrl *ctrl = &q->nd->ctrl;
	struct direct_memory *m = q->direct->memory;
	size_t align = (size_t)__mps_to_pagesize(ctrl->config.mps);

	for (int i = 0; i < DIRECT_PARTS; i++)
		if (direct_memory_map(m, (enum direct_part)i, direct_size(q, (enum direct_part)i), align) < 0)
			return -1;
	if (nvme_prep_create_iocq_at(ctrl, q->qid, (int)q->entries, (int)q->vector, &m->parts[DIRECT_CQ].mem,
				     &q->create_cq) < 0)
		return -1;
	return nvme_prep_create_iosq_at(ctrl, q->qid, (int)q->entries, &ctrl->cq[q->qid], nvme_arbitrate_flags(q),
					&m->parts[DIRECT_SQ].mem, &m->parts[DIRECT_PAGES].mem, &q->create_sq);
}

int nvme_direct_prepare(struct queue *q)
{
	struct nvme_ctrl *ctrl = &q->nd->ctrl;
	int saved;

	if (direct_queues(q) == 0 && direct_signals(q) == 0)
		return 0;
	saved = errno;
	nvme_discard_sq(ctrl, &ctrl->sq[q->qid]);
	nvme_discard_cq(ctrl, &ctrl->cq[q->qid]);
	direct_memory_unmap(q->direct->memory);
	errno = saved;
	return -1;
}

/* The eventfd is the client's to read and write: it is only watched, edge by edge. */
static void direct_kicked(evutil_socket_t fd, short what, void *arg)
{
	struct nvme_direct *d = arg;
	struct queue *q = d->queue;
	struct nvme_sq *sq = &q->nd->ctrl.sq[q->qid];
	struct nvme_cq *cq = &q->nd->ctrl.cq[q->qid];

	if (!q->nd->owned || q->phase != QUEUE_LIVE)
		return;
	if (fd == d->kick_fd[0])
		sq->kick(sq->kick_arg, sq->kick_offset,
			 le32_to_cpu(LOAD_PTR((leint32_t *)sq->dbbuf.doorbell)));
	else
		cq->kick(cq->kick_arg, cq->kick_offset,
			 le32_to_cpu(LOAD_PTR((leint32_t *)cq->dbbuf.doorbell)));
}

int nvme_direct_start(struct queue *q)
{
	struct nvme_direct *d = q->direct;

	for (int i = 0; i < 2 && d->kick_fd[i] >= 0; i++) {
		d->kick[i] = event_new(q->nd->dev->devices->base, d->kick_fd[i],
				       EV_READ | EV_PERSIST | EV_ET, direct_kicked, d);
		if (!d->kick[i] || event_add(d->kick[i], NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

void nvme_direct_over(struct queue *q)
{
	struct nvme_direct *d = q->direct;

	if (!d->begun)
		return;
	d->begun = false;
	keep_end(q->opening);
	d->keep = keep_needed(q->opening);
}

void nvme_direct_discard(struct queue *q)
{
	struct vfio_device *vdev = &q->nd->ctrl.pci.dev;
	struct nvme_direct *d = q->direct;

	/* The client may keep the memory mapped: it is empty then. */
	for (int i = 0; i < DIRECT_PARTS; i++)
		madvise(d->memory->parts[i].map, d->memory->parts[i].len, MADV_REMOVE);
	if (!d->keep)
		direct_memory_unmap(d->memory);
	if (!d->own_vector)
		return;
	d->lost_vector = vfio_set_irq_index(vdev, vdev->irq_info.index, q->vector,
					    &q->nd->vectors[q->vector].fd, 1) < 0;
}

void nvme_direct_free(struct queue *q)
{
	struct nvme_direct *d = q->direct;

	for (int i = 0; i < 2; i++) {
		if (d->kick[i])
			event_free(d->kick[i]);
		direct_close(&d->kick_fd[i]);
	}
	direct_close(&d->irq_fd);
	direct_close(&d->wake_fd);
	direct_close(&d->client_fd);
	if (d->own_vector && !d->lost_vector)
		q->nd->vectors[q->vector].given = false;
	else if (d->lost_vector && q->nd->dev->state == DEVICE_READY)
		journal_warn(q->nd->dev->address, 0, "interrupt vector %u is lost: %s", q->vector,
			     "it could not be set up again after a direct queue");
	if (!d->memory->parts[DIRECT_CQ].map)
		direct_memory_free(d->memory);
	else if (keep_needed(q->opening))
		keep_add(q->opening, &d->memory->keep, direct_memory_over);
	else
		direct_memory_over(&d->memory->keep);
	q->direct = NULL;
	free(d);
}

void nvme_direct_wake(struct queue *q)
{
	/* A full socket is one that the client has not looked at: it is awake, or will be. */
	if (!q->direct->own_vector)
		send(q->direct->wake_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- what the client gets ---------------------------------------------------------------- */

/* A duplicate goes to the client. */
static int direct_give(struct queue_share *share, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return -errno;
	share->fds[share->nfds++] = copy;
	return 0;
}

/* The memfd that has `len` bytes at `vaddr` and nothing but the allocation that they are part of. */
static int direct_give_memory(struct queue_share *share, const void *vaddr, size_t len, uint64_t *at)
{
	off_t offset;
	int fd = pgmap_fd(vaddr, len, &offset);

	if (fd < 0)
		return -errno;
	*at = (uint64_t)offset;
	return direct_give(share, fd);
}

static int direct_give_doorbells(struct queue_share *share, struct queue *q)
{
	struct queue_share_direct *to = &share->direct;
	struct nvme_ctrl *ctrl = &q->nd->ctrl;
	uint64_t stride = UINT64_C(4) << ctrl->config.dstrd;
	uint64_t sq = DIRECT_DOORBELLS + 2 * q->qid * stride, cq = sq + stride;
	uint64_t page = sq & ~(__VFN_PAGESIZE - UINT64_C(1));
	int fd = vfio_region_fd(&ctrl->pci.dev, VFIO_PCI_BAR0_REGION_INDEX, (size_t)(cq + 4 - page), page,
				&to->doorbell_at);

	if (fd < 0) {
		to->doorbell_at = 0;
		return errno == ENOTSUP ? 0 : -errno;
	}
	to->sq_doorbell = (uint32_t)(sq - page);
	to->cq_doorbell = (uint32_t)(cq - page);
	to->doorbell_size = ALIGN_UP(cq + 4 - page, __VFN_PAGESIZE);
	return direct_give(share, fd);
}

static int direct_give_shadow(struct queue_share *share, struct queue *q)
{
	struct queue_share_direct *to = &share->direct;
	struct nvme_ctrl *ctrl = &q->nd->ctrl;
	char *shadow = ctrl->dbbuf.doorbells;
	size_t size = __mps_to_pagesize(ctrl->config.mps);
	int ret;

	if (!ctrl->sq[q->qid].dbbuf.doorbell || !ctrl->cq[q->qid].dbbuf.doorbell)
		return 0;
	to->sq_shadow = (uint32_t)((char *)ctrl->sq[q->qid].dbbuf.doorbell - shadow);
	to->cq_shadow = (uint32_t)((char *)ctrl->cq[q->qid].dbbuf.doorbell - shadow);
	to->shadow_size = size;
	ret = direct_give_memory(share, shadow, size, &to->shadow_at);
	return ret < 0 ? ret : direct_give_memory(share, ctrl->dbbuf.eventidxs, size, &to->event_at);
}

static int direct_give_memories(struct queue_share *share, struct queue *q)
{
	const struct nvme_sq *sq = &q->nd->ctrl.sq[q->qid];
	const struct nvme_cq *cq = &q->nd->ctrl.cq[q->qid];
	struct queue_share_direct *to = &share->direct;
	int ret;

	to->cq_iova = cq->iova;
	to->sq_iova = sq->iova;
	to->pages_iova = sq->pages.iova;
	ret = direct_give_memory(share, cq->vaddr, (size_t)q->entries << NVME_CQES, &to->cq_at);
	if (ret == 0)
		ret = direct_give_memory(share, sq->vaddr, (size_t)q->entries << NVME_SQES, &to->sq_at);
	if (ret == 0)
		ret = direct_give_memory(share, sq->pages.vaddr, direct_pages_size(q), &to->pages_at);
	return ret;
}

int nvme_direct_share(struct queue *q, struct queue_share *share)
{
	struct nvme_direct *d = q->direct;
	int ret = direct_give_memories(share, q);

	if (ret == 0) {
		share->fds[share->nfds++] = d->client_fd;
		d->client_fd = -1;
	}
	if (ret == 0 && d->irq_fd >= 0) {
		share->direct.interrupt = true;
		ret = direct_give(share, d->irq_fd);
	}
	if (ret == 0)
		ret = direct_give_doorbells(share, q);
	if (ret == 0)
		ret = direct_give_shadow(share, q);
	for (int i = 0; i < 2 && ret == 0 && d->kick_fd[i] >= 0; i++) {
		share->direct.kick = true;
		ret = direct_give(share, d->kick_fd[i]);
	}
	while (ret < 0 && share->nfds)
		close(share->fds[--share->nfds]);
	return ret;
}
