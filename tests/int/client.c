/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <errno.h>
#include <string.h>

#include "blocks.h"
#include "int.h"

const char *client_mode_name(enum vfnc_queue_mode mode)
{
	static const char *const names[] = {
		[VFNC_QUEUE_REQUEST] = "request",
		[VFNC_QUEUE_SERVED] = "served",
		[VFNC_QUEUE_DIRECT] = "direct",
	};

	return names[mode];
}

void client_choose(struct client *c, uint32_t nsid)
{
	struct vfnc_namespace ns = int_namespace(c->dev, nsid);

	c->nsid = nsid;
	c->bs = ns.block_size;
	c->blocks = ns.blocks;
}

static void client_begin(struct client *c, const char *address)
{
	*c = (struct client){.dev = int_open(int_connect(), address)};
	c->conn = vfnc_device_connection(c->dev);
	client_choose(c, 1);
}

static void client_end_open(struct client *c, size_t size)
{
	c->buf = int_buffer(c->dev, size);
	if (c->queue->mode == VFNC_QUEUE_REQUEST)
		return;
	c->ctrl = vfnc_device_ctrl(c->dev);
	CHECK(c->ctrl && c->queue->sq && c->queue->cq, "the queue has no queues");
}

void client_open(struct client *c, const char *address, enum vfnc_queue_mode mode, uint32_t entries,
		 size_t size)
{
	struct vfnc_queue_opts opts = {.mode = mode, .entries = entries, .spin_us = 20};

	client_begin(c, address);
	OK(c->conn, vfnc_queue_create(c->dev, &opts, &c->queue));
	CHECK(c->queue->mode == mode, "it is another queue");
	client_end_open(c, size);
}

void client_open_shared(struct client *c, enum vfnc_queue_mode mode, uint32_t entries, size_t size)
{
	struct vfnc_queue_opts opts = {.mode = mode, .entries = entries, .spin_us = 20};
	int ret;

	client_begin(c, NULL);
	ret = vfnc_queue_create(c->dev, &opts, &c->queue);
	if (ret == -ENOSPC) {
		opts.mode = VFNC_QUEUE_SERVED;
		ret = vfnc_queue_create(c->dev, &opts, &c->queue);
	}
	OK(c->conn, ret);
	client_end_open(c, size);
}

void client_close(struct client *c)
{
	vfnc_disconnect(c->conn);
}

struct nvme_rq *client_post(struct client *c, bool write, uint64_t slba, size_t length, uint64_t offset)
{
	struct nvme_rq *rq = nvme_rq_acquire(c->queue->sq);
	union nvme_cmd cmd = {.rw = {.opcode = write ? 1 : 2}};

	CHECK(rq, "no tracker is left");
	cmd.rw.nsid = cpu_to_le32(c->nsid);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(length / c->bs - 1));
	CHECK(!nvme_rq_map_prp(c->ctrl, rq, &cmd, c->buf->iova + offset, length), "%s", vfn_error());
	nvme_rq_post(rq, &cmd);
	return rq;
}

uint16_t client_take(struct client *c)
{
	struct nvme_cqe *cqe = nvme_cq_get_cqe(c->queue->cq);
	struct nvme_rq *rq;
	uint16_t status;

	CHECK(cqe, "the queue woke up for nothing");
	rq = nvme_rq_from_cqe(c->ctrl, cqe);
	CHECK(rq && rq->sq == c->queue->sq, "a completion of command %u, which is none of ours", cqe->cid);
	status = le16_to_cpu(cqe->sfp) >> 1;
	nvme_rq_release(rq);
	nvme_cq_update_head(c->queue->cq);
	return status;
}

uint16_t client_reap(struct client *c)
{
	int ret;

	do
		ret = vfnc_queue_wait(c->queue, INT_SOON_MS);
	while (ret == -EINTR);
	CHECK(ret == 1, "no completion came: %d", ret);
	return client_take(c);
}

void client_rw(struct client *c, bool write, uint64_t slba, size_t length, uint64_t offset)
{
	uint32_t nlb = (uint32_t)(length / c->bs);

	if (!c->ctrl) {
		OK(c->conn, write ? vfnc_write(c->queue, c->nsid, slba, nlb, c->buf, offset, length, NULL)
				  : vfnc_read(c->queue, c->nsid, slba, nlb, c->buf, offset, length, NULL));
		return;
	}
	client_post(c, write, slba, length, offset);
	nvme_sq_update_tail(c->queue->sq);
	CHECK(client_reap(c) == 0, "%s of block %llu failed", write ? "write" : "read",
	      (unsigned long long)slba);
}

void client_verify(struct client *c, unsigned int writer, uint32_t generation, uint64_t base, size_t length)
{
	char *out = c->buf->vaddr, *in = out + c->buf->size / 2;
	uint32_t nlb = (uint32_t)(length / c->bs);
	uint64_t lba = base + int_random(4096 - nlb);

	blocks_fill(out, c->bs, nlb, writer, generation, lba);
	client_rw(c, true, lba, length, 0);
	memset(in, 0xa5, length);
	client_rw(c, false, lba, length, c->buf->size / 2);
	CHECK(!memcmp(out, in, length), "writer %u: what was written at block %llu is not what is there",
	      writer, (unsigned long long)lba);
}
