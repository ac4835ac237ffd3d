/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client - a session with one queue of any mode and one buffer, which reads, writes and verifies
 */
#ifndef VFND_TESTS_INT_CLIENT_H
#define VFND_TESTS_INT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vfn/client.h>
#include <vfn/nvme.h>

struct client {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
	struct nvme_ctrl *ctrl; /* NULL: a queue of requests */
	uint32_t nsid, bs;
	uint64_t blocks;
};

/* "request", "served" or "direct" */
const char *client_mode_name(enum vfnc_queue_mode mode);

/* For the first namespace of the device `address`, NULL: of the first one; `size` bytes of buffer. */
void client_open(struct client *c, const char *address, enum vfnc_queue_mode mode, uint32_t entries,
		 size_t size);
/* On the first device; where all queue pairs are in use it is a served queue, whatever was asked for. */
void client_open_shared(struct client *c, enum vfnc_queue_mode mode, uint32_t entries, size_t size);
/* From now on `nsid` is read and written, not the first namespace. */
void client_choose(struct client *c, uint32_t nsid);
/* Its connection is closed. */
void client_close(struct client *c);

/*
 * Not for requests: a read or write of `length` bytes with data at `offset` of the buffer is posted, and
 * not yet rung for.
 */
struct nvme_rq *client_post(struct client *c, bool write, uint64_t slba, size_t length, uint64_t offset);
/* The next completion's status, which must be there; its tracker is free again. */
uint16_t client_take(struct client *c);
/* The same, waiting for it. */
uint16_t client_reap(struct client *c);

/* A read or write in any mode succeeds. */
void client_rw(struct client *c, bool write, uint64_t slba, size_t length, uint64_t offset);
/*
 * Write `length` bytes, read them back and compare, within 4096 blocks from `base` on. The
 * buffer has room for two of it.
 */
void client_verify(struct client *c, unsigned int writer, uint32_t generation, uint64_t base, size_t length);

#endif
