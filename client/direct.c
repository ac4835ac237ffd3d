/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Direct queues: queue pairs of the controller in memory of the daemon's, with the doorbells that belong to them.
 */
#include "client/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vfn/nvme.h>

enum {
	DIRECT_CQ,
	DIRECT_SQ,
	DIRECT_PAGES,
	DIRECT_DOORBELLS,
	DIRECT_SHADOW,
	DIRECT_EVENT,
	DIRECT_MAPPINGS,
};

struct cl_direct {
	struct {
		void *base;
		size_t len;
	} map[DIRECT_MAPPINGS];
	int irq_fd, wake_fd; /* irq_fd -1: its interrupts are bytes on the other */
	int both_fd;	     /* an epoll of the two */
	int kick_fd[2];	     /* submission queue, completion queue */
};

static void direct_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void direct_free(struct cl_direct *d)
{
	for (int i = 0; i < DIRECT_MAPPINGS; i++)
		if (d->map[i].base)
			munmap(d->map[i].base, d->map[i].len);
	direct_close(&d->irq_fd);
	direct_close(&d->wake_fd);
	direct_close(&d->both_fd);
	direct_close(&d->kick_fd[0]);
	direct_close(&d->kick_fd[1]);
	free(d);
}

void cl_direct_free(struct cl_queue *queue)
{
	struct nvme_ctrl *ctrl;

	if (!queue->direct)
		return;
	ctrl = queue->pub.cq->ctrl;
	nvme_discard_sq(ctrl, queue->pub.sq);
	nvme_discard_cq(ctrl, queue->pub.cq);
	queue->pub.sq = NULL;
	queue->pub.cq = NULL;
	direct_free(queue->direct);
	queue->direct = NULL;
}

/* ---- what came with the answer ----------------------------------------------------------- */

/*
 * Map `len` bytes at `at` by descriptor `n` of the set. Memory must not be able to shrink under us; a device's
 * descriptor has no size to look at.
 */
static int direct_map(struct vfnc *conn, struct cl_direct *d, int which, struct fdset *fds, int n,
		      uint64_t at, uint64_t len, void **out)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	uint64_t into = at & (__VFN_PAGESIZE - UINT64_C(1));
	int fd = fdset_take(fds, n), ret = 0;
	struct stat st;
	void *mem;

	if (fd < 0)
		return cl_fail(conn, -EPROTO, "the daemon sent no memory with the queue");
	if (at > INT64_MAX || len > SIZE_MAX - __VFN_PAGESIZE ||
	    (which != DIRECT_DOORBELLS &&
	     ((fcntl(fd, F_GET_SEALS) & seals) != seals || fstat(fd, &st) < 0 ||
	      at > (uint64_t)st.st_size || len > (uint64_t)st.st_size - at)))
		ret = cl_fail(conn, -EPROTO, "the daemon's queue memory is not what it is told to be");
	if (ret == 0) {
		mem = mmap(NULL, (size_t)(len + into), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   (off_t)(at - into));
		if (mem == MAP_FAILED) {
			ret = cl_fail(conn, -errno, "cannot map the queue: %s", strerror(errno));
		} else {
			d->map[which].base = mem;
			d->map[which].len = (size_t)(len + into);
			*out = (char *)mem + into;
		}
	}
	close(fd);
	return ret;
}

static void direct_kick_sq(void *arg, uint32_t offset, uint32_t value)
{
	struct cl_direct *d = arg;

	(void)offset;
	(void)value;
	(void)!eventfd_write(d->kick_fd[0], 1);
}

static void direct_kick_cq(void *arg, uint32_t offset, uint32_t value)
{
	struct cl_direct *d = arg;

	(void)offset;
	(void)value;
	(void)!eventfd_write(d->kick_fd[1], 1);
}

/* Everything in the order of the descriptors: see DirectQueue in vfnd.proto. */
static int direct_unpack(struct vfnc *conn, struct cl_direct *d, const Vfnd__DirectQueue *a,
			 struct fdset *fds, uint32_t entries, size_t page, struct nvme_join_queue *cq,
			 struct nvme_join_queue *sq)
{
	int ret, n = 0;
	void *mem, *events;

	ret = direct_map(conn, d, DIRECT_CQ, fds, n++, a->cq_at, (uint64_t)entries << NVME_CQES,
			 &cq->vaddr);
	if (ret == 0)
		ret = direct_map(conn, d, DIRECT_SQ, fds, n++, a->sq_at,
				 (uint64_t)entries << NVME_SQES, &sq->vaddr);
	if (ret == 0)
		ret = direct_map(conn, d, DIRECT_PAGES, fds, n++, a->pages_at,
				 (uint64_t)(entries - 1) * page, &sq->pages);
	d->wake_fd = fdset_take(fds, n++);
	if (a->interrupt)
		d->irq_fd = fdset_take(fds, n++);
	if (ret == 0 && (d->wake_fd < 0 || (a->interrupt && d->irq_fd < 0)))
		ret = cl_fail(conn, -EPROTO, "the daemon sent nothing to wait for with the queue");
	if (ret == 0 && a->doorbell_size) {
		ret = direct_map(conn, d, DIRECT_DOORBELLS, fds, n++, a->doorbell_at,
				 a->doorbell_size, &mem);
		if (ret == 0 && (a->doorbell_size < 4 || a->sq_doorbell % 4 || a->sq_doorbell > a->doorbell_size - 4 ||
				 a->cq_doorbell % 4 || a->cq_doorbell > a->doorbell_size - 4))
			ret = cl_fail(conn, -EPROTO, "the daemon's doorbells are out of bounds");
		if (ret == 0) {
			sq->doorbell = (char *)mem + a->sq_doorbell;
			cq->doorbell = (char *)mem + a->cq_doorbell;
		}
	}
	if (ret == 0 && a->shadow_size) {
		ret = direct_map(conn, d, DIRECT_SHADOW, fds, n++, a->shadow_at, a->shadow_size, &mem);
		if (ret == 0)
			ret = direct_map(conn, d, DIRECT_EVENT, fds, n++, a->event_at, a->shadow_size,
					 &events);
		if (ret == 0 && (a->shadow_size < 4 || a->sq_shadow % 4 || a->sq_shadow > a->shadow_size - 4 ||
				 a->cq_shadow % 4 || a->cq_shadow > a->shadow_size - 4))
			ret = cl_fail(conn, -EPROTO, "the daemon's doorbells are out of bounds");
		if (ret == 0) {
			sq->dbbuf.doorbell = (char *)mem + a->sq_shadow;
			sq->dbbuf.eventidx = (char *)events + a->sq_shadow;
			cq->dbbuf.doorbell = (char *)mem + a->cq_shadow;
			cq->dbbuf.eventidx = (char *)events + a->cq_shadow;
		}
	}
	if (ret == 0 && a->kick) {
		d->kick_fd[0] = fdset_take(fds, n++);
		d->kick_fd[1] = fdset_take(fds, n++);
		if (d->kick_fd[0] < 0 || d->kick_fd[1] < 0)
			ret = cl_fail(conn, -EPROTO, "the daemon sent nothing to ring by");
		sq->kick = direct_kick_sq;
		cq->kick = direct_kick_cq;
		sq->kick_arg = cq->kick_arg = d;
	}
	return ret;
}

static int direct_watch(struct vfnc *conn, struct cl_direct *d)
{
	struct epoll_event e = {.events = EPOLLIN};

	d->both_fd = epoll_create1(EPOLL_CLOEXEC);
	if (d->both_fd < 0 || epoll_ctl(d->both_fd, EPOLL_CTL_ADD, d->wake_fd, &e) < 0 ||
	    (d->irq_fd >= 0 && epoll_ctl(d->both_fd, EPOLL_CTL_ADD, d->irq_fd, &e) < 0))
		return cl_fail(conn, -errno, "cannot watch the queue: %s", strerror(errno));
	return 0;
}

static int direct_join(struct cl_queue *queue, struct nvme_ctrl *ctrl, const struct nvme_join_queue *cq,
		       const struct nvme_join_queue *sq)
{
	struct vfnc_queue *pub = &queue->pub;
	struct vfnc *conn = pub->device->conn;

	if (pub->qid > UINT16_MAX)
		return cl_fail(conn, -EPROTO, "no queue has the number %u", pub->qid);
	/* The daemon has let go of a queue, by a reset, that is still there on this side. */
	if (ctrl->cq[pub->qid].vaddr)
		return cl_fail(conn, -EEXIST, "the queue that was number %u is gone: delete it first", pub->qid);
	if (nvme_cq_join(ctrl, (int)pub->qid, cq))
		return cl_fail(conn, -EPROTO, "queue %u: %s", pub->qid, vfn_error());
	pub->cq = &ctrl->cq[pub->qid];
	if (nvme_sq_join(ctrl, (int)pub->qid, pub->cq, sq)) {
		int ret = cl_fail(conn, -errno, "queue %u: %s", pub->qid, vfn_error());

		nvme_discard_cq(ctrl, pub->cq);
		pub->cq = NULL;
		return ret;
	}
	pub->sq = &ctrl->sq[pub->qid];
	return 0;
}

int cl_direct_take(struct cl_queue *queue, const Vfnd__QueueCreateAnswer *answer, struct fdset *fds)
{
	struct vfnc_device *dev = queue->pub.device;
	const Vfnd__DirectQueue *a = answer->direct;
	struct nvme_join_queue cq = {.qsize = (int)answer->entries}, sq = cq;
	struct nvme_ctrl *ctrl;
	struct cl_direct *d;
	size_t page;
	int ret;

	if (!a || answer->entries > 65536)
		return cl_fail(dev->conn, -EPROTO, "the daemon tells nothing of the queue");
	d = calloc(1, sizeof(*d));
	if (!d)
		return cl_fail(dev->conn, -ENOMEM, "no memory");
	d->irq_fd = d->wake_fd = d->both_fd = d->kick_fd[0] = d->kick_fd[1] = -1;
	cq.iova = a->cq_iova;
	sq.iova = a->sq_iova;
	sq.pages_iova = a->pages_iova;
	ctrl = vfnc_device_ctrl(dev);
	if (!ctrl) {
		direct_free(d);
		return -ENOMEM; /* the reason is kept already */
	}
	page = (size_t)__mps_to_pagesize(ctrl->config.mps);
	page = page > (size_t)__VFN_PAGESIZE ? page : (size_t)__VFN_PAGESIZE;
	ret = direct_unpack(dev->conn, d, a, fds, answer->entries, page, &cq, &sq);
	if (ret == 0)
		ret = direct_watch(dev->conn, d);
	if (ret == 0)
		ret = direct_join(queue, ctrl, &cq, &sq);
	if (ret < 0) {
		direct_free(d);
		return ret;
	}
	queue->direct = d;
	return 0;
}

/* ---- waiting ----------------------------------------------------------------------------- */

int cl_direct_fds(const struct cl_queue *queue, int fds[2])
{
	const struct cl_direct *d = queue->direct;
	int n = 0;

	if (d->irq_fd >= 0)
		fds[n++] = d->irq_fd;
	fds[n++] = d->wake_fd;
	return n;
}

int cl_direct_fd(const struct cl_queue *queue)
{
	return queue->direct->both_fd;
}

/* Every completion has its interrupt, after it: what was not seen yet will be told. */
int cl_direct_arm(struct cl_queue *queue)
{
	return __nvme_cq_ready(queue->pub.cq);
}

void cl_direct_disarm(struct cl_queue *queue)
{
	struct cl_direct *d = queue->direct;
	char bytes[16];
	eventfd_t n;

	if (d->irq_fd >= 0)
		(void)!eventfd_read(d->irq_fd, &n);
	while (recv(d->wake_fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}
