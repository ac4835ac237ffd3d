/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What queues have counted, and interrupts. A vector's interrupts are counted by the loop, which reads its eventfd;
 * that of a polling driver nobody ever reads, since this would take wake-ups away: the kernel tells how often it was
 * signalled.
 */
#include "daemon/device/nvme.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include <vfn/support.h>

#include "daemon/device/queue.h"

/* How often the eventfd, which is never read, was signalled. 0: it cannot be told. */
static uint64_t tally_signals(int fd)
{
	unsigned long long n = 0;
	char text[128];
	FILE *f;

	snprintf(text, sizeof(text), "/proc/self/fdinfo/%d", fd);
	f = fopen(text, "re");
	if (!f)
		return 0;
	while (fgets(text, sizeof(text), f) && sscanf(text, "eventfd-count: %llx", &n) != 1)
		;
	fclose(f);
	return n;
}

static void tally_signalled(struct nvme_device *nd, uint64_t n)
{
	struct nvme_vector *v = &nd->vectors[nd->poll_vector];

	if (n <= v->count)
		return;
	nd->dev->stats.interrupts += n - v->count;
	v->count = n;
}

void nvme_tally_interrupts(struct device *dev)
{
	struct nvme_device *nd = nvme_of(dev);

	if (nd->nvectors && nd->poll_vector)
		tally_signalled(nd, tally_signals(nd->vectors[nd->poll_vector].fd));
}

void nvme_tally_hand_over(struct nvme_device *nd)
{
	struct nvme_vector *v = &nd->vectors[nd->poll_vector];
	eventfd_t n;

	if (!nd->nvectors || !nd->poll_vector)
		return;
	if (eventfd_read(v->fd, &n) == 0)
		tally_signalled(nd, n);
	/* Counted from the start again, whoever does it now. No queue uses the vector. */
	v->count = 0;
}

static uint64_t tally_vector(const struct queue *q)
{
	return q->vector < q->nd->nvectors ? q->nd->vectors[q->vector].count : 0;
}

static void tally_vector_refresh(const struct queue *q)
{
	if (q->nd->poll_vector && q->vector == q->nd->poll_vector)
		nvme_tally_interrupts(q->nd->dev);
}

void nvme_tally_begin(struct queue *q)
{
	tally_vector_refresh(q);
	q->interrupts = tally_vector(q);
	q->tallied = true;
}

uint64_t queue_interrupts(const struct queue *q)
{
	return q->tallied ? tally_vector(q) - q->interrupts : 0;
}

void nvme_tally_end(struct queue *q)
{
	struct tally *gone;

	if (!q->tally)
		return;
	gone = tally_get(&q->opening->gone);
	/* The device's sum has it in any case. */
	if (!gone)
		gone = &q->nd->dev->ended;
	tally_vector_refresh(q);
	counter_add(&gone->interrupts, queue_interrupts(q));
	tally_merge(gone, q->tally, true);
	if (!q->served)
		free(q->tally);
	q->tally = NULL;
}

void nvme_tally_done(const struct command *cmd, const struct nvme_cqe *cqe, bool ok)
{
	struct tally *tally = nvme_tally_of(cmd);

	counter_add(&tally->completed, 1);
	if (cmd->told) /* that it was lost, which was a mistake */
		counter_add(&tally->lost, UINT64_MAX);
	if (cmd->submitted)
		histogram_add(&tally->latency, get_ticks() - cmd->submitted);
	if (!ok)
		tally_fail(tally, le16_to_cpu(cqe->sfp) >> 1);
	else if ((cmd->sqe.opcode & 3) == 1)
		counter_add(&tally->bytes_written, cmd->least);
	else if ((cmd->sqe.opcode & 3) == 2)
		counter_add(&tally->bytes_read, cmd->least);
}

void nvme_tally_refused(struct opening *o, struct queue *q)
{
	struct tally *tally = q ? q->tally : tally_get(&o->admin);

	o->device->stats.refused++;
	counter_add(&(tally ? tally : &o->device->ended)->refused, 1);
}

const struct tally *queue_tally(const struct queue *q)
{
	return q->tally;
}

uint64_t queue_number(const struct queue *q)
{
	return q->number;
}

uint16_t queue_pair(const struct queue *q)
{
	if (!q->served)
		return q->qid;
	return q->served->pair && q->served->pair->queue ? q->served->pair->queue->qid : 0;
}
