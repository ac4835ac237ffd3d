/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * served - a client with a served queue, for programs of the integration suite
 */
#ifndef VFND_TESTS_INT_SERVED_H
#define VFND_TESTS_INT_SERVED_H

#include <vfn/nvme.h>

#include "int.h"

/* The second device's queues are served by a polling thread; NULL is the first one. */
static const char *where;

struct client {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
	struct nvme_ctrl *ctrl;
	uint32_t bs;
	uint64_t blocks;
};

static inline struct vfnc_queue *served_queue(struct vfnc_device *dev, uint32_t entries)
{
	struct vfnc_queue_opts opts = {
		.mode = VFNC_QUEUE_SERVED, .entries = entries, .spin_us = 20};
	struct vfnc_queue *queue;

	OK(vfnc_device_connection(dev), vfnc_queue_create(dev, &opts, &queue));
	return queue;
}

static inline void client_open(struct client *c, uint32_t entries, size_t size)
{
	struct vfnc_namespace ns;

	c->dev = int_open(int_connect(), where);
	c->conn = vfnc_device_connection(c->dev);
	ns = int_namespace(c->dev, 1);
	c->bs = ns.block_size;
	c->blocks = ns.blocks;
	c->queue = served_queue(c->dev, entries);
	c->ctrl = vfnc_device_ctrl(c->dev);
	CHECK(c->ctrl && c->queue->sq && c->queue->cq, "the queue has no queues");
	c->buf = int_buffer(c->dev, size);
}

static inline void client_close(struct client *c)
{
	vfnc_disconnect(c->conn);
}

/* A read or write of `blocks` blocks is posted, with data at `offset` of the buffer. */
static inline void client_post(struct client *c, bool write, uint64_t slba, uint32_t blocks,
			uint64_t offset)
{
	struct nvme_rq *rq = nvme_rq_acquire(c->queue->sq);
	union nvme_cmd cmd = {.rw = {.opcode = write ? 1 : 2}};

	CHECK(rq, "no tracker is left");
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(blocks - 1));
	CHECK(!nvme_rq_map_prp(c->ctrl, rq, &cmd, c->buf->iova + offset, (size_t)blocks * c->bs),
	      "%s", vfn_error());
	nvme_rq_post(rq, &cmd);
}

/* The next completion's status; its tracker is free again. */
static inline uint16_t client_reap(struct client *c)
{
	struct nvme_cqe *cqe;
	struct nvme_rq *rq;
	uint16_t status;
	int ret = vfnc_queue_wait(c->queue, INT_SOON_MS);

	CHECK(ret == 1, "no completion came: %d", ret);
	cqe = nvme_cq_get_cqe(c->queue->cq);
	CHECK(cqe, "the queue woke up for nothing");
	rq = nvme_rq_from_cqe(c->ctrl, cqe);
	CHECK(rq && rq->sq == c->queue->sq, "a completion of command %u, which is none of ours",
	      cqe->cid);
	status = le16_to_cpu(cqe->sfp) >> 1;
	nvme_rq_release(rq);
	nvme_cq_update_head(c->queue->cq);
	return status;
}

static inline uint16_t client_do(struct client *c, bool write, uint64_t slba, uint32_t blocks,
			  uint64_t offset)
{
	client_post(c, write, slba, blocks, offset);
	nvme_sq_update_tail(c->queue->sq);
	return client_reap(c);
}

static inline uint16_t refused_by(struct client *c, union nvme_cmd cmd)
{
	struct nvme_rq *rq = nvme_rq_acquire(c->queue->sq);

	CHECK(rq, "no tracker is left");
	nvme_rq_exec(rq, &cmd);
	return client_reap(c) & 0x3fff;
}

/* The second device has been given back what others had of it, for those who count after this. */
static inline void settle_polled(void)
{
	uint64_t deadline = int_now_ms() + INT_SOON_MS;
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, env.device2);
	struct vfnc_statistics s;

	for (;;) {
		OK(conn, vfnc_statistics(conn, dev, &s));
		if (s.sessions == 1 && !s.queue_pairs && !s.buffers)
			break;
		CHECK(int_now_ms() < deadline, "%llu queue pairs and %llu buffers are left",
		      (unsigned long long)s.queue_pairs, (unsigned long long)s.buffers);
		int_pause();
	}
	vfnc_disconnect(conn);
}

#endif
