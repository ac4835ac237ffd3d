/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Served queues: libvfn's queues on memory that is shared with the daemon (proto/served.h), and the
 * controller that they are queues of, which is nothing but a place for them and for the lookup of
 * buffers.
 */
#include "client/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfn/nvme.h>

#include "proto/served.h"

struct cl_shell {
	struct iommu_ctx *ctx;
	struct nvme_ctrl ctrl;
};

struct cl_served {
	struct served_control *control;
	uint64_t size;
	int kick_fd, wake_fd;
	struct vfnc_buffer *lists; /* a page for each command's list */
};

/* ---- the controller ---------------------------------------------------------------------- */

int cl_shell_add(struct vfnc_device *dev, const struct vfnc_buffer *buf)
{
	if (dev->shell &&
	    iommu_import(dev->shell->ctx, buf->fd, (off_t)buf->offset, buf->vaddr, buf->size, buf->iova))
		return cl_fail(dev->conn, -errno, "the buffer cannot be looked up: %s",
			       vfn_error());
	return 0;
}

void cl_shell_remove(struct vfnc_device *dev, const struct vfnc_buffer *buf)
{
	if (dev->shell)
		iommu_unmap_vaddr(dev->shell->ctx, buf->vaddr, NULL);
}

void cl_shell_free(struct vfnc_device *dev)
{
	struct cl_shell *shell = dev->shell;

	dev->shell = NULL;
	if (!shell)
		return;
	nvme_ctrl_leave(&shell->ctrl);
	iommu_put_context(shell->ctx);
	free(shell);
}

static int shell_make(struct vfnc_device *dev)
{
	struct nvme_join_ctrl what = {.max_qid = 65535};
	struct vfnc_device_info *info;
	struct cl_buffer *buf;
	int ret = vfnc_device_info(dev, &info);

	if (ret < 0)
		return ret;
	while (what.mps < 15 && 4096u << what.mps < info->page_size)
		what.mps++;
	what.sgls = info->sgls;
	free(info);
	dev->shell = calloc(1, sizeof(*dev->shell));
	if (!dev->shell)
		return cl_fail(dev->conn, -ENOMEM, "no memory");
	dev->shell->ctx = (struct iommu_ctx *)vfio_new();
	if (!dev->shell->ctx || nvme_ctrl_join(&dev->shell->ctrl, dev->shell->ctx, &what)) {
		ret = cl_fail(dev->conn, -errno, "%s", vfn_error());
		iommu_put_context(dev->shell->ctx);
		free(dev->shell);
		dev->shell = NULL;
		return ret;
	}
	TAILQ_FOREACH (buf, &dev->buffers, link) {
		ret = cl_shell_add(dev, &buf->pub);
		if (ret < 0) {
			cl_shell_free(dev);
			return ret;
		}
	}
	return 0;
}

int cl_shell_page(struct vfnc_device *dev, uint32_t page_size)
{
	struct cl_queue *queue;
	int mps = 0;

	while (mps < 15 && 4096u << mps < page_size)
		mps++;
	if (!page_size || !dev->shell || mps == dev->shell->ctrl.config.mps)
		return 0;
	/* Pages for the lists of these are smaller, or aligned less. */
	TAILQ_FOREACH (queue, &dev->queues, link)
		if (queue->served || queue->direct)
			return cl_fail(dev->conn, -EEXIST,
				       "the controller was enabled with another page size: queues of before are to "
				       "be deleted first");
	dev->shell->ctrl.config.mps = mps;
	return 0;
}

struct nvme_ctrl *vfnc_device_ctrl(struct vfnc_device *dev)
{
	if (!dev->shell && shell_make(dev) < 0)
		return NULL;
	return &dev->shell->ctrl;
}

/* ---- a queue ----------------------------------------------------------------------------- */

/* The daemon asked to be told. */
static void served_kick(void *arg, uint32_t offset, uint32_t value)
{
	struct cl_served *s = arg;

	(void)offset;
	(void)value;
	(void)!eventfd_write(s->kick_fd, 1);
}

static void served_free(struct cl_served *s)
{
	if (s->control)
		munmap(s->control, s->size);
	if (s->kick_fd >= 0)
		close(s->kick_fd);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	free(s);
}

void cl_served_free(struct cl_queue *queue)
{
	struct vfnc_device *dev = queue->pub.device;

	if (!queue->served)
		return;
	if (dev->shell) {
		nvme_discard_sq(&dev->shell->ctrl, queue->pub.sq);
		nvme_discard_cq(&dev->shell->ctrl, queue->pub.cq);
	}
	queue->pub.sq = NULL;
	queue->pub.cq = NULL;
	served_free(queue->served);
	queue->served = NULL;
}

struct vfnc_buffer *cl_served_lists(const struct cl_queue *queue)
{
	return queue->served ? queue->served->lists : NULL;
}

static int served_map(struct vfnc *conn, struct cl_served *s, int fd)
{
	int ret = cl_memfd_check(conn, "queue", fd, s->size, sizeof(*s->control));
	void *mem;

	if (ret < 0)
		return ret;
	mem = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return cl_fail(conn, -errno, "cannot map the queue: %s", strerror(errno));
	s->control = mem;
	return 0;
}

/* Where the daemon says that the queues are. */
static int served_check(struct vfnc *conn, const struct cl_served *s, uint32_t entries)
{
	const struct served_control *c = s->control;

	if (c->magic == SERVED_MAGIC && c->version == SERVED_VERSION && c->entries == entries &&
	    c->sq_offset % 64 == 0 && c->cq_offset % 16 == 0 && c->sq_offset >= sizeof(*c) &&
	    c->sq_offset <= s->size && c->cq_offset <= s->size &&
	    (uint64_t)entries * 64 <= s->size - c->sq_offset &&
	    (uint64_t)entries * 16 <= s->size - c->cq_offset)
		return 0;
	return cl_fail(conn, -EPROTO, "the daemon's queue has another layout (version %u)",
		       c->version);
}

static int served_join(struct cl_queue *queue, struct cl_served *s, struct nvme_ctrl *ctrl)
{
	struct vfnc_queue *pub = &queue->pub;
	struct served_control *c = s->control;
	struct nvme_join_queue what = {
		.vaddr = (uint8_t *)c + c->cq_offset,
		.qsize = (int)pub->entries,
		.dbbuf = {&c->cq_head, &c->cq_event},
		.kick = served_kick,
		.kick_arg = s,
		.pages = s->lists->vaddr,
		.pages_iova = s->lists->iova,
	};
	struct vfnc *conn = pub->device->conn;

	if (pub->qid > UINT16_MAX || nvme_cq_join(ctrl, (int)pub->qid, &what))
		return cl_fail(conn, -EPROTO, "queue %u: %s", pub->qid, vfn_error());
	pub->cq = &ctrl->cq[pub->qid];
	what.vaddr = (uint8_t *)c + c->sq_offset;
	what.dbbuf = (struct nvme_dbbuf){&c->sq_tail, &c->sq_event};
	if (nvme_sq_join(ctrl, (int)pub->qid, pub->cq, &what)) {
		int ret = cl_fail(conn, -errno, "queue %u: %s", pub->qid, vfn_error());

		nvme_discard_cq(ctrl, pub->cq);
		pub->cq = NULL;
		return ret;
	}
	pub->sq = &ctrl->sq[pub->qid];
	return 0;
}

int cl_served_take(struct cl_queue *queue, const Vfnd__QueueCreateAnswer *answer, struct fdset *fds)
{
	struct vfnc_device *dev = queue->pub.device;
	struct cl_served *s = calloc(1, sizeof(*s));
	struct nvme_ctrl *ctrl;
	int fd, ret = 0;

	if (!s)
		return cl_fail(dev->conn, -ENOMEM, "no memory");
	s->size = answer->size;
	fd = fdset_take(fds, 0);
	s->kick_fd = fdset_take(fds, 1);
	s->wake_fd = fdset_take(fds, 2);
	if (fd < 0 || s->kick_fd < 0 || s->wake_fd < 0)
		ret = cl_fail(dev->conn, -EPROTO, "the daemon sent no memory with the queue");
	if (ret == 0)
		ret = served_map(dev->conn, s, fd);
	if (fd >= 0)
		close(fd);
	if (ret == 0)
		ret = served_check(dev->conn, s, queue->pub.entries);
	ctrl = ret == 0 ? vfnc_device_ctrl(dev) : NULL;
	if (ret == 0 && !ctrl)
		ret = -ENOMEM; /* the reason is kept already */
	if (ret == 0)
		ret = vfnc_buffer_alloc(
			dev, (size_t)(queue->pub.entries - 1) * __mps_to_pagesize(ctrl->config.mps),
			&s->lists);
	if (ret == 0)
		ret = served_join(queue, s, ctrl);
	if (ret < 0) {
		vfnc_buffer_free(s->lists);
		served_free(s);
		return ret;
	}
	queue->served = s;
	return 0;
}

/* ---- waiting ----------------------------------------------------------------------------- */

int cl_served_fds(const struct cl_queue *queue, int fds[2])
{
	fds[0] = queue->served->wake_fd;
	return 1;
}

int cl_served_arm(struct cl_queue *queue)
{
	struct nvme_cq *cq = queue->pub.cq;

	__atomic_store_n(&queue->served->control->cq_wake, htole32(cq->head), __ATOMIC_RELEASE);
	/* The index before the look at the queue: the daemon does it the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __nvme_cq_ready(cq);
}

void cl_served_disarm(struct cl_queue *queue)
{
	struct cl_served *s = queue->served;
	char bytes[16];

	__atomic_store_n(&s->control->cq_wake, SERVED_AWAKE, __ATOMIC_RELEASE);
	while (recv(s->wake_fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

void cl_served_woken(struct cl_queue *queue)
{
	char byte;

	/* A look that finds no more would be one more call: a byte that is left ends the next sleep early. */
	(void)!recv(queue->served->wake_fd, &byte, sizeof(byte), MSG_DONTWAIT);
}

void cl_served_awake(struct cl_queue *queue)
{
	__atomic_store_n(&queue->served->control->cq_wake, SERVED_AWAKE, __ATOMIC_RELEASE);
}
