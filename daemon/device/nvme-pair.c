/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue pairs that served queues are forwarded to. Each served queue has a pair of its own as
 * long as the controller has free ones; further ones share. A pair has no opening of its own: one
 * of its users' answers for it, as the steps of making and deleting it need one that stays.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <vfn/support.h>

#include "daemon/data/check.h"

/* Fewest entries, since others may come to share it. */
#define PAIR_ENTRIES 128u

void nvme_pair_leave(struct nvme_served *served)
{
	struct nvme_pair *pair = served->pair;
	struct nvme_served *other;

	LIST_REMOVE(served, link);
	served->pair = NULL;
	pair->nusers--;
	other = LIST_FIRST(&pair->users);
	if (other && pair->queue)
		pair->queue->opening = other->queue->opening;
}

static void pair_free(struct nvme_pair *pair)
{
	if (pair->irq.driver) {
		data_driver_unwatch(&pair->irq);
		close(pair->irq.fd);
	}
	data_pair_fini(&pair->data);
	LIST_REMOVE(pair, link);
	free(pair);
}

static void pair_deleted(void *arg, int error, const char *text)
{
	struct nvme_pair *pair = arg;
	struct nvme_served *served;

	pair->queue = NULL;
	while ((served = LIST_FIRST(&pair->users))) {
		nvme_pair_leave(served);
		nvme_served_unpaired(served);
	}
	pair_free(pair);
}

struct pair_add {
	struct nvme_pair *pair;
	int ret;
};

static void pair_add(struct data_engine *engine, void *arg)
{
	struct pair_add *add = arg;

	add->ret = data_engine_add_pair(engine, &add->pair->data);
}

struct pair_unname {
	struct nvme_pair *pair;
	struct nvme_rq *rq;
};

static void pair_unname(struct data_engine *engine, void *arg)
{
	struct pair_unname *un = arg;

	data_pair_unname(&un->pair->data, un->rq);
}

void nvme_pair_unname(struct nvme_pair *pair, struct nvme_rq *rq)
{
	struct pair_unname un = {pair, rq};

	data_driver_call(pair->nd->driver, pair_unname, &un);
}

static void pair_remove(struct data_engine *engine, void *arg)
{
	struct nvme_pair *pair = arg;

	/* What the controller completed before is in the completion queue; the rest never will be.
	 */
	data_pair_reap(engine, &pair->data);
	data_engine_fail_pair(engine, &pair->data, DATA_ABORTED_SQ_DELETED);
	data_engine_remove_pair(engine, &pair->data);
}

/* A polling driver is woken by the interrupt itself. By a copy: pairs share the vector. */
static int pair_watch(struct nvme_pair *pair)
{
	struct nvme_device *nd = pair->nd;
	int ret;

	if (!nd->poll_vector)
		return 0;
	pair->irq.fd = dup(nd->vectors[nd->poll_vector].fd);
	if (pair->irq.fd < 0)
		return -errno;
	ret = data_driver_watch(nd->driver, &pair->irq);
	if (ret < 0)
		close(pair->irq.fd);
	return ret;
}

static int pair_attach(struct nvme_pair *pair)
{
	struct nvme_ctrl *ctrl = &pair->nd->ctrl;
	uint16_t qid = pair->queue->qid;
	struct pair_add add = {.pair = pair};
	int ret = data_pair_init(&pair->data, &ctrl->sq[qid], &ctrl->cq[qid]);

	if (ret == 0)
		ret = pair_watch(pair);
	if (ret < 0)
		return ret;
	data_driver_call(pair->nd->driver, pair_add, &add);
	pair->attached = add.ret == 0;
	return add.ret;
}

/* Everybody who waits for it is told; one that could not be made has nobody after that. */
static void pair_tell(struct nvme_pair *pair, int error, const char *text)
{
	struct nvme_served *served, *next;

	for (served = LIST_FIRST(&pair->users); served; served = next) {
		next = LIST_NEXT(served, link);
		if (error < 0)
			nvme_pair_leave(served);
		nvme_served_paired(served, error, text);
	}
}

static void pair_made(void *arg, int error, const char *text, struct queue *queue)
{
	struct nvme_pair *pair = arg;

	if (!queue) {
		pair->queue = NULL;
		pair_tell(pair, error, text);
		pair_free(pair);
		return;
	}
	pair->state = PAIR_LIVE;
	error = pair_attach(pair);
	if (error < 0) {
		/* Somebody has to answer for its deletion: those who waited leave only then. */
		pair->state = PAIR_DELETING;
		nvme_queue_delete_pair(queue, queue->opening, pair_deleted, pair);
		return;
	}
	pair_tell(pair, 0, NULL);
}

/* The controller's queue has one class: where that counts, only those of it can share the pair. */
static bool pair_suits(const struct nvme_pair *pair, enum queue_priority priority)
{
	return pair->state != PAIR_DELETING && (!pair->nd->wrr || pair->priority == priority);
}

static struct nvme_pair *pair_least_used(struct nvme_device *nd, enum queue_priority priority)
{
	struct nvme_pair *pair, *best = NULL;

	LIST_FOREACH (pair, &nd->pairs, link)
		if (pair_suits(pair, priority) && (!best || pair->nusers < best->nusers))
			best = pair;
	return best;
}

/*
 * Whoever has many queues of one class must not leave those of others without any: where classes count, the last
 * pairs are for those that have none.
 */
static bool pair_may_make(struct nvme_device *nd, enum queue_priority priority)
{
	unsigned int nfree = 0, without = 0;

	if (!nd->wrr || !pair_least_used(nd, priority))
		return true;
	for (unsigned int qid = 1; qid <= nd->nqueues; qid++)
		nfree += !nd->queues[qid];
	for (int other = QUEUE_PRIORITY_HIGH; other <= QUEUE_PRIORITY_LOW; other++)
		without += !pair_least_used(nd, (enum queue_priority)other);
	return nfree > without;
}

static void pair_join(struct nvme_pair *pair, struct nvme_served *served)
{
	served->pair = pair;
	LIST_INSERT_HEAD(&pair->users, served, link);
	pair->nusers++;
}

void nvme_pair_get(struct nvme_served *served, unsigned int entries)
{
	enum queue_priority priority = served->queue->priority;
	struct nvme_device *nd = served->nd;
	bool make = pair_may_make(nd, priority);
	struct nvme_pair *pair = make ? calloc(1, sizeof(*pair)) : NULL;
	int ret = make ? -ENOMEM : -ENOSPC;

	if (pair) {
		pair->nd = nd;
		pair->priority = priority;
		LIST_INSERT_HEAD(&nd->pairs, pair, link);
		pair_join(pair, served);
		ret = nvme_queue_create_pair(served->queue->opening, pair,
					     entries > PAIR_ENTRIES ? entries : PAIR_ENTRIES,
					     pair_made, pair, &pair->queue);
		if (ret == 0)
			return;
		nvme_pair_leave(served);
		pair_free(pair);
	}
	pair = ret == -ENOSPC ? pair_least_used(nd, priority) : NULL;
	if (!pair) {
		nvme_served_paired(served, ret,
				   ret != -ENOSPC ? "out of memory"
				   : nd->wrr	  ? "all queue pairs of the controller are in use, none by served "
						    "queues of this priority"
						  : "all queue pairs of the controller are in use");
		return;
	}
	pair_join(pair, served);
	if (pair->state == PAIR_LIVE)
		nvme_served_paired(served, 0, NULL);
}

bool nvme_pair_put(struct nvme_served *served)
{
	struct nvme_pair *pair = served->pair;

	if (pair->nusers > 1 || pair->state != PAIR_LIVE)
		return pair->state == PAIR_DELETING;
	pair->state = PAIR_DELETING;
	nvme_queue_delete_pair(pair->queue, served->queue->opening, pair_deleted, pair);
	return true;
}

void nvme_pair_sq_gone(struct nvme_pair *pair)
{
	if (pair->attached)
		data_driver_call(pair->nd->driver, pair_remove, pair);
	pair->attached = false;
	nvme_abort_drop(pair->queue);
}

void nvme_pair_gone(struct nvme_pair *pair)
{
	if (pair->queue)
		nvme_abort_drop(pair->queue);
	pair->attached = false;
	if (pair->state != PAIR_LIVE)
		return;
	pair->state = PAIR_DELETING;
	pair->queue->deleted = pair_deleted;
	pair->queue->deleted_arg = pair;
}
