/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rig-data - an engine with queue pairs and clients in memory, and the controller's end played by
 * the test
 *
 * The controller keeps what it was given, in order, until the test completes it. A client is the
 * other end of a served queue: it writes commands and doorbells as libvfn would.
 */
#ifndef VFND_TESTS_RIG_DATA_H
#define VFND_TESTS_RIG_DATA_H

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfn/nvme.h>

#include "daemon/data/engine.h"
#include "nvme/internal.h"

#define RIG_PAGE  4096u
#define RIG_IOVA  0x100000u
#define RIG_LISTS 0x40000000u

struct rig_pair {
	struct data_pair pair;
	struct nvme_sq sq;
	struct nvme_cq cq;
	leint32_t doorbells[2];
	unsigned int sq_head, cq_tail, phase; /* the controller's */
	union nvme_cmd *taken;		      /* commands that it has, in order */
	unsigned int ntaken, qsize;
	uint64_t seen; /* in all */
};

struct rig_client {
	struct served served;
	struct data_map map;
	struct data_buffer buffer;
	uint8_t *memory; /* of `buffer` */
	struct served_control *control;
	void *shared;
	uint32_t tail, head, phase;
	int wake_fd; /* the client's end */
};

static struct nvme_ctrl rig_ctrl;

static inline void rig_pair_init(struct rig_pair *p, int qsize)
{
	memset(p, 0, sizeof(*p));
	p->qsize = (unsigned int)qsize;
	p->phase = 1;
	p->cq = (struct nvme_cq){.vaddr = calloc((size_t)qsize, 16),
				 .id = 1,
				 .qsize = qsize,
				 .entry_size = 16,
				 .doorbell = &p->doorbells[1],
				 .vector = -1,
				 .ctrl = &rig_ctrl};
	p->sq = (struct nvme_sq){.cq = &p->cq,
				 .vaddr = calloc((size_t)qsize, 64),
				 .id = 1,
				 .qsize = qsize,
				 .entry_size = 64,
				 .doorbell = &p->doorbells[0],
				 .ctrl = &rig_ctrl};
	p->sq.pages.vaddr = calloc((size_t)qsize, RIG_PAGE);
	p->sq.pages.iova = RIG_LISTS;
	p->taken = calloc((size_t)qsize, 64);
	if (nvme_rq_setup(&rig_ctrl, &p->sq, qsize - 1) || data_pair_init(&p->pair, &p->sq, &p->cq))
		abort();
}

static inline void rig_pair_fini(struct rig_pair *p)
{
	data_pair_fini(&p->pair);
	nvme_rq_forget_lost(&p->sq);
	free(p->sq.rqs);
	free(p->sq.pages.vaddr);
	free(p->sq.vaddr);
	free(p->cq.vaddr);
	free(p->taken);
}

/* The controller fetches what it was told of. */
static inline void rig_fetch(struct rig_pair *p)
{
	unsigned int tail = le32_to_cpu(p->doorbells[0]);

	while (p->sq_head != tail) {
		p->taken[p->ntaken++] = ((union nvme_cmd *)p->sq.vaddr)[p->sq_head];
		p->sq_head = (p->sq_head + 1) % p->qsize;
		p->seen++;
	}
}

/* And completes the command that it has at `at`. */
static inline void rig_complete(struct rig_pair *p, unsigned int at, uint16_t status)
{
	struct nvme_cqe *cqe = (struct nvme_cqe *)p->cq.vaddr + p->cq_tail;

	cqe->qw0 = (leint64_t)(0x1234 + (uint64_t)p->taken[at].cid);
	cqe->sqhd = cpu_to_le16((uint16_t)p->sq_head);
	cqe->sqid = cpu_to_le16(1);
	cqe->cid = p->taken[at].cid;
	STORE(cqe->sfp, cpu_to_le16((uint16_t)(status << 1 | p->phase)));
	p->cq_tail = (p->cq_tail + 1) % p->qsize;
	p->phase ^= !p->cq_tail;
	p->ntaken--;
	memmove(&p->taken[at], &p->taken[at + 1], (p->ntaken - at) * sizeof(p->taken[0]));
}

/* All that it was told of, in order. How many these were. */
static inline unsigned int rig_complete_all(struct rig_pair *p)
{
	unsigned int n = 0;

	rig_fetch(p);
	for (; p->ntaken; n++)
		rig_complete(p, 0, 0);
	return n;
}

static inline void rig_rules(struct data_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
	rules->page_size = RIG_PAGE;
	rules->max_transfer = 512 * (uint64_t)RIG_PAGE;
	rules->formats.n = 3;
	rules->formats.of[0] = (struct data_format){.nsid = 1, .shift = 9};
	rules->formats.of[1] = (struct data_format){.nsid = 2, .shift = 12, .metadata = 8};
	rules->formats.of[2] =
		(struct data_format){.nsid = 5, .shift = 9, .metadata = 8, .extended = true};
}

/* A client with `pages` of memory at `iova`, and a queue on the pair. */
static inline void rig_client_init(struct rig_client *c, struct data_engine *e, struct rig_pair *p,
				   uint32_t entries, uint64_t iova, size_t pages)
{
	int fds[2];

	memset(c, 0, sizeof(*c));
	c->memory = aligned_alloc(RIG_PAGE, pages * RIG_PAGE);
	memset(c->memory, 0, pages * RIG_PAGE);
	c->buffer =
		(struct data_buffer){.iova = iova, .size = pages * RIG_PAGE, .vaddr = c->memory};
	c->shared = aligned_alloc(RIG_PAGE, served_size(entries, RIG_PAGE));
	memset(c->shared, 0, served_size(entries, RIG_PAGE));
	c->control = c->shared;
	c->phase = 1;
	if (data_map_add(&c->map, &c->buffer) || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds))
		abort();
	c->wake_fd = fds[1];
	c->served = (struct served){
		.pair = &p->pair,
		.map = &c->map,
		.control = c->control,
		.sqes = (uint8_t *)c->shared + served_sq_offset(RIG_PAGE),
		.cqes = (uint64_t *)((uint8_t *)c->shared + served_cq_offset(entries, RIG_PAGE)),
		.entries = entries,
		.qid = 7,
		.window = SERVED_BURST,
		.wake_fd = fds[0],
	};
	if (data_engine_add(e, &c->served))
		abort();
}

static inline void rig_client_fini(struct rig_client *c, struct data_engine *e)
{
	data_engine_remove(e, &c->served);
	data_map_clear(&c->map);
	close(c->wake_fd);
	close(c->served.wake_fd);
	free(c->memory);
	free(c->shared);
}

/* Put a command into the queue; the tail is told by rig_ring(). */
static inline void rig_push(struct rig_client *c, const union nvme_cmd *cmd)
{
	memcpy((uint8_t *)c->shared + served_sq_offset(RIG_PAGE) + (size_t)c->tail * 64, cmd, 64);
	c->tail = (c->tail + 1) % c->served.entries;
}

/* As nvme_sq_update_tail(); true when the client would kick. */
static inline bool rig_ring(struct rig_client *c)
{
	uint32_t old = c->control->sq_tail;

	__atomic_store_n(&c->control->sq_tail, c->tail, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __nvme_dbbuf_need_event(c->control->sq_event, c->tail, old);
}

/* The next completion, or false. */
static inline bool rig_pop(struct rig_client *c, struct nvme_cqe *cqe)
{
	struct nvme_cqe *at = (struct nvme_cqe *)((uint8_t *)c->shared +
						  served_cq_offset(c->served.entries, RIG_PAGE)) +
			      c->head;

	if ((le16_to_cpu(at->sfp) & 1) != c->phase)
		return false;
	*cqe = *at;
	c->head = (c->head + 1) % c->served.entries;
	c->phase ^= !c->head;
	__atomic_store_n(&c->control->cq_head, c->head, __ATOMIC_SEQ_CST);
	return true;
}

static inline union nvme_cmd rig_read(uint16_t cid, uint64_t slba, uint32_t blocks, uint64_t prp1)
{
	union nvme_cmd cmd = {.rw = {.opcode = 2, .cid = cid}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(blocks - 1));
	cmd.dptr.prp1 = cpu_to_le64(prp1);
	return cmd;
}

#endif
