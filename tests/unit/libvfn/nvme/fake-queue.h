/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-queue - a queue pair in memory, with the controller's end played by the test
 */
#ifndef VFND_TESTS_FAKE_QUEUE_H
#define VFND_TESTS_FAKE_QUEUE_H

#include <stdlib.h>
#include <string.h>

#include "nvme/internal.h"

/* For inner loops: check's own assertions each make a system call. */
#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg("%s", #cond);                                                 \
	} while (0)

struct fake {
	struct nvme_ctrl ctrl;
	struct nvme_sq *sq; /* ctrl.sq[1], unless fake_init() was told otherwise */
	struct nvme_cq *cq;
	leint32_t sq_doorbell, cq_doorbell; /* stores to the doorbells */
	leint32_t shadow[2], eventidx[2];   /* submission, completion */

	/* the controller's end */
	int tail; /* of the completion queue */
	int phase;
	int head; /* of the submission queue */
	unsigned int kicks;
	uint32_t kicked; /* the last value */
};

static inline void fake_kick(void *arg, uint32_t offset, uint32_t value)
{
	struct fake *fake = arg;

	(void)offset;
	fake->kicks++;
	fake->kicked = value;
}

/* A pair of `qsize` entries with the identifier 1, with trackers that have no pages. */
static inline void fake_init(struct fake *fake, int qsize)
{
	memset(fake, 0, sizeof(*fake));
	fake->ctrl.opts = (struct nvme_ctrl_opts){1, 1, 0};
	fake->ctrl.sq = calloc(3, sizeof(struct nvme_sq));
	fake->ctrl.cq = calloc(3, sizeof(struct nvme_cq));
	fake->sq = &fake->ctrl.sq[1];
	fake->cq = &fake->ctrl.cq[1];

	*fake->cq = (struct nvme_cq){
		.vaddr = calloc((size_t)qsize, 16),
		.id = 1,
		.qsize = qsize,
		.entry_size = 16,
		.doorbell = &fake->cq_doorbell,
		.vector = -1,
		.ctrl = &fake->ctrl,
	};
	*fake->sq = (struct nvme_sq){
		.cq = fake->cq,
		.vaddr = calloc((size_t)qsize, 64),
		.id = 1,
		.qsize = qsize,
		.entry_size = 64,
		.doorbell = &fake->sq_doorbell,
		.ctrl = &fake->ctrl,
	};
	ck_assert_int_eq(nvme_rq_setup(&fake->ctrl, fake->sq, qsize - 1), 0);
	fake->phase = 1;
}

static inline void fake_shadow(struct fake *fake)
{
	fake->sq->dbbuf = (struct nvme_dbbuf){&fake->shadow[0], &fake->eventidx[0]};
	fake->cq->dbbuf = (struct nvme_dbbuf){&fake->shadow[1], &fake->eventidx[1]};
}

static inline void fake_free(struct fake *fake)
{
	free(fake->cq->vaddr);
	free(fake->sq->vaddr);
	free(fake->sq->rqs);
	free(fake->ctrl.sq);
	free(fake->ctrl.cq);
}

/* Complete as a controller does: all but the phase first. dw0 is set to the CID, to tell entries
 * apart. */
static inline void fake_complete(struct fake *fake, uint16_t sqid, uint16_t cid, uint16_t status)
{
	struct nvme_cqe *cqe = (struct nvme_cqe *)fake->cq->vaddr + fake->tail;

	cqe->dw0 = cpu_to_le32(cid);
	cqe->dw1 = 0;
	cqe->sqhd = 0;
	cqe->sqid = cpu_to_le16(sqid);
	cqe->cid = cid;
	__atomic_store_n(&cqe->sfp, cpu_to_le16((uint16_t)(status << 1 | fake->phase)),
			 __ATOMIC_RELEASE);

	if (++fake->tail == fake->cq->qsize) {
		fake->tail = 0;
		fake->phase ^= 1;
	}
}

#endif
