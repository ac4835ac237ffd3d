/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt coalescing (NVMe Base 2.0, features 08h and 09h), where it is configured: threshold and time are set
 * once a bring-up, with each vector left out. A vector is let in as long as so much is outstanding that the
 * threshold is reached by itself, and left out again when interrupts show that it is not: who has one command
 * outstanding waits for nothing. Vectors of direct queues and of polling threads stay as they are.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdlib.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/journal.h"

#define COALESCE_FEATURE 0x08
#define COALESCE_VECTOR  0x09
#define COALESCE_OFF	 (1u << 16) /* Coalescing Disable */
#define COALESCE_UNIT_US 100
#define COALESCE_STREAK  16 /* interrupts in a row that find enough outstanding */
#define COALESCE_LOW	 2  /* that find too little: one may be at a burst's end */

static void coalesce_fill(union nvme_cmd *sqe, uint8_t fid, uint32_t value)
{
	*sqe = (union nvme_cmd){.opcode = NVME_OPCODE_SET_FEATURES};
	sqe->cdw10 = cpu_to_le32(fid);
	sqe->cdw11 = cpu_to_le32(value);
}

int nvme_coalesce_setup(struct nvme_device *nd)
{
	const struct device_settings *s = &nd->dev->settings;
	uint32_t units = (s->coalesce_us + COALESCE_UNIT_US - 1) / COALESCE_UNIT_US;
	struct nvme_cqe cqe;
	union nvme_cmd sqe;

	nd->coalesces = false;
	if (s->coalesce < 2 || !nd->nvectors)
		return 0;
	/* Each vector first, so that none waits in between. */
	for (unsigned int i = 0; i <= nd->nvectors; i++) {
		if (i < nd->nvectors)
			coalesce_fill(&sqe, COALESCE_VECTOR, COALESCE_OFF | i);
		else
			coalesce_fill(&sqe, COALESCE_FEATURE, units << 8 | (s->coalesce - 1));
		if (nvme_admin(&nd->ctrl, &sqe, NULL, 0, &cqe) == 0)
			continue;
		if (errno != EIO)
			return -1;
		journal_warn(nd->dev->address, 0, "interrupts are not coalesced: the controller refuses feature %02xh, "
			     "status %03xh", i < nd->nvectors ? COALESCE_VECTOR : COALESCE_FEATURE,
			     le16_to_cpu(cqe.sfp) >> 1 & 0x7ff);
		return 0;
	}
	nd->coalesces = true;
	return 0;
}

void nvme_coalesce_begin(struct nvme_device *nd, bool unknown)
{
	for (unsigned int i = 0; i < nd->nvectors; i++) {
		nd->vectors[i].coalesced = unknown;
		nd->vectors[i].asked = false;
		nd->vectors[i].streak = nd->vectors[i].low = 0;
	}
}

static void coalesce_set(void *arg, const struct command_result *result);

static void coalesce_ask(struct nvme_vector *v, bool want)
{
	struct nvme_device *nd = v->nd;
	union nvme_cmd sqe;

	coalesce_fill(&sqe, COALESCE_VECTOR, (want ? 0 : COALESCE_OFF) | v->index);
	v->asked = nvme_internal(nd, &sqe, 0, nd->dev->devices->config->command_timeout_ms, coalesce_set, v) == 0;
}

static void coalesce_set(void *arg, const struct command_result *result)
{
	struct nvme_vector *v = arg;

	if (result->error)
		return; /* a reset, after which all begins again */
	v->asked = false;
	if (!nvme_cqe_ok(&result->cqe)) {
		journal_warn(v->nd->dev->address, 0, "interrupts are not coalesced any more: status %03xh",
			     le16_to_cpu(result->cqe.sfp) >> 1 & 0x7ff);
		v->nd->coalesces = false;
		return;
	}
	v->coalesced = !v->coalesced;
	nvme_coalesce_leave(v);
}

void nvme_coalesce_leave(struct nvme_vector *v)
{
	if (v->nd->coalesces && v->given && v->coalesced && !v->asked)
		coalesce_ask(v, false);
}

/* The most commands that its queues had outstanding since the last look. */
static unsigned int coalesce_outstanding(struct nvme_device *nd, unsigned int vector)
{
	unsigned int n = 0;

	for (unsigned int qid = 1; qid <= nd->nqueues; qid++) {
		struct queue *q = nd->queues[qid];

		if (!q || !q->has_sq || q->mode == QUEUE_RAW || q->direct || nd->ctrl.cq[qid].vector != (int)vector)
			continue;
		if (q->pair) {
			n += q->pair->data.peak;
			q->pair->data.peak = q->pair->data.inflight;
		} else {
			n += q->peak;
			q->peak = q->sent;
		}
	}
	return n;
}

void nvme_coalesce_look(struct nvme_vector *v)
{
	struct nvme_device *nd = v->nd;
	bool want;

	if (!nd->coalesces || v->index == 0 || v->given || v->asked)
		return;
	if (coalesce_outstanding(nd, v->index) >= nd->dev->settings.coalesce) {
		v->low = 0;
		if (v->streak < COALESCE_STREAK)
			v->streak++;
	} else if (!v->coalesced || ++v->low == COALESCE_LOW) {
		v->streak = v->low = 0;
	}
	/* Once in it stays until too little is outstanding. */
	want = v->streak == COALESCE_STREAK || (v->coalesced && v->streak);
	if (want != v->coalesced)
		coalesce_ask(v, want);
}
