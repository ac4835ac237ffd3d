/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queue pairs of sessions. Made in steps: memory (worker), Create I/O CQ, Create I/O SQ; taken down in
 * the opposite order, the memory last, when the controller has confirmed that both queues are gone.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/device/queue.h"
#include "daemon/journal.h"

#define NVME_SC_INVALID_QID   0x0101 /* command specific: Invalid Queue Identifier */
#define NVME_QUEUE_DEFAULT    64     /* entries */

#define queue_of_job(j) container_of(j, struct queue, job)

static void queue_delete_cq(struct queue *q);
static void queue_discard(struct queue *q);

static unsigned int queue_timeout(const struct queue *q)
{
	return 2 * q->nd->dev->devices->config->abort_timeout_ms;
}

static unsigned int queue_status(const struct command_result *result)
{
	return le16_to_cpu(result->cqe.sfp) >> 1 & 0x7ff;
}

void nvme_queue_free(struct queue *q)
{
	struct opening *o = q->opening;

	lease_remove(&q->lease);
	nvme_tally_end(q);
	if (q->direct)
		nvme_direct_free(q);
	if (q->qid) {
		q->nd->queues[q->qid] = NULL;
		q->nd->dev->stats.queue_pairs--;
	}
	o->nraw -= q->counted;
	if (!q->pair) {
		quota_release(o->user, QUOTA_QUEUES, 1);
		LIST_REMOVE(q, link);
	}
	opening_hold(o);
	if (q->made)
		q->made(q->made_arg, q->error ? q->error : -ECANCELED,
			q->error ? q->text : "the device was closed or reset meanwhile", NULL);
	if (q->deleted)
		q->deleted(q->deleted_arg, 0, NULL);
	free(q);
	opening_release(o);
}

static void queue_discard_run(struct job *job)
{
	struct queue *q = queue_of_job(job);

	if (q->direct)
		nvme_direct_discard(q);
	nvme_discard_sq(&q->nd->ctrl, &q->nd->ctrl.sq[q->qid]);
	nvme_discard_cq(&q->nd->ctrl, &q->nd->ctrl.cq[q->qid]);
}

static void queue_discard_done(struct job *job)
{
	struct queue *q = queue_of_job(job);
	struct opening *o = q->opening;

	nvme_queue_free(q);
	opening_release(o);
}

static void queue_discard(struct queue *q)
{
	if (q->direct)
		nvme_direct_over(q);
	if (!q->has_memory) {
		nvme_queue_free(q);
		return;
	}
	q->has_memory = false;
	q->job.run = queue_discard_run;
	q->job.done = queue_discard_done;
	opening_post(q->opening, &q->job);
}

/* The controller will not let go of a queue: only a reset makes its memory ours again. */
static void queue_stuck(struct queue *q, const char *what, unsigned int status)
{
	char why[128];

	snprintf(why, sizeof(why), "%s of queue %u failed with status %03xh", what, q->qid, status);
	nvme_recover(q->nd, why);
}

static void queue_cq_deleted(void *arg, const struct command_result *result)
{
	struct queue *q = arg;
	unsigned int status = queue_status(result);

	if (result->error)
		return; /* the reset under way frees it */
	if (status && status != NVME_SC_INVALID_QID) {
		queue_stuck(q, "Delete I/O Completion Queue", status);
		return;
	}
	q->has_cq = false;
	queue_discard(q);
}

static void queue_delete_cq(struct queue *q)
{
	union nvme_cmd sqe = {.delete_q = {.opcode = NVME_OPCODE_DELETE_CQ,
					   .qid = cpu_to_le16(q->qid)}};

	if (!q->has_cq) {
		queue_discard(q);
		return;
	}
	/* The controller does not delete a completion queue before the last one that completes into it. */
	q->waits = q->mode == QUEUE_RAW && nvme_raw_cq_used(q);
	if (q->waits)
		return;
	if (nvme_internal(q->nd, &sqe, 0, queue_timeout(q), queue_cq_deleted, q) < 0)
		queue_stuck(q, "Delete I/O Completion Queue", 0);
}

/* Its memory is the session's, which has the completions. */
static void queue_raw_sq_deleted(struct queue *q)
{
	struct opening *o = q->opening;
	struct queue *cq;

	opening_hold(o);
	queue_delete_cq(q);
	while ((cq = nvme_raw_cq_waiting(o)))
		queue_delete_cq(cq);
	opening_release(o);
}

static void queue_sq_deleted(void *arg, const struct command_result *result)
{
	struct queue *q = arg;
	unsigned int status = queue_status(result);

	if (result->error)
		return;
	if (status && status != NVME_SC_INVALID_QID) {
		queue_stuck(q, "Delete I/O Submission Queue", status);
		return;
	}
	q->has_sq = false;
	if (q->mode == QUEUE_RAW) {
		queue_raw_sq_deleted(q);
		return;
	}
	/* What the controller completed before is in the completion queue; the rest never will be. */
	if (q->pair) {
		nvme_pair_sq_gone(q->pair);
	} else if (!q->direct) {
		nvme_reap(q->nd, q->qid);
		nvme_queue_flush(q);
	}
	nvme_send_waiting(q->nd);
	/* The next queue of this number may have a command of the same identifier. */
	q->named = nvme_abort_left(q);
	if (!q->named)
		queue_delete_cq(q);
}

void nvme_queue_unnamed(struct queue *q)
{
	if (q->named)
		queue_delete_cq(q);
	q->named = false;
}

static void queue_start_delete(struct queue *q)
{
	union nvme_cmd sqe = {.delete_q = {.opcode = NVME_OPCODE_DELETE_SQ,
					   .qid = cpu_to_le16(q->qid)}};

	q->phase = QUEUE_DELETING;
	lease_remove(&q->lease);
	if (!q->has_sq)
		queue_delete_cq(q);
	else if (nvme_internal(q->nd, &sqe, 0, queue_timeout(q), queue_sq_deleted, q) < 0)
		queue_stuck(q, "Delete I/O Submission Queue", 0);
}

void nvme_queue_delete(struct queue *q, class_done done, void *arg)
{
	q->deleted = done;
	q->deleted_arg = arg;
	if (q->served) {
		lease_remove(&q->lease);
		nvme_served_delete(q);
		return;
	}
	if (q->mode == QUEUE_RAW && !q->opening->ending && nvme_raw_cq_used(q)) {
		q->deleted = NULL;
		done(arg, -EBUSY, "another queue of the session completes into it: delete that first");
		return;
	}
	queue_start_delete(q);
}

void nvme_queue_delete_pair(struct queue *q, struct opening *o, class_done done, void *arg)
{
	q->opening = o;
	q->deleted = done;
	q->deleted_arg = arg;
	queue_start_delete(q);
}

/* Making it has failed at some step: undo those before. */
static void queue_undo(struct queue *q, int error, const char *text)
{
	q->error = error;
	snprintf(q->text, sizeof(q->text), "%.*s", (int)sizeof(q->text) - 1, text);
	queue_start_delete(q);
}

static void queue_undo_status(struct queue *q, const char *what, unsigned int status)
{
	char text[128];

	snprintf(text, sizeof(text), "%s was refused with status %03xh", what, status);
	queue_undo(q, -EIO, text);
}

static void queue_sq_created(void *arg, const struct command_result *result)
{
	struct queue *q = arg;
	class_queue_done made = q->made;
	int ret;

	if (result->error)
		return;
	if (queue_status(result)) {
		queue_undo_status(q, "Create I/O Submission Queue", queue_status(result));
		return;
	}
	q->has_sq = true;
	if (q->pair) {
		q->phase = QUEUE_LIVE;
		q->made = NULL;
		made(q->made_arg, 0, NULL, q);
		return;
	}
	if (q->opening->ending) {
		queue_start_delete(q);
		return;
	}
	ret = q->direct ? nvme_direct_start(q) : 0;
	if (ret == 0)
		ret = lease_add(session_leases(q->opening->session), &q->lease, LEASE_QUEUE);
	if (ret < 0) {
		queue_undo(q, ret, "out of memory");
		return;
	}
	nvme_tally_begin(q);
	q->phase = QUEUE_LIVE;
	q->made = NULL;
	made(q->made_arg, 0, NULL, q);
}

static void queue_cq_created(void *arg, const struct command_result *result)
{
	struct queue *q = arg;
	int ret;

	if (result->error)
		return;
	if (queue_status(result)) {
		queue_undo_status(q, "Create I/O Completion Queue", queue_status(result));
		return;
	}
	q->has_cq = true;
	ret = nvme_internal(q->nd, &q->create_sq, 0, queue_timeout(q), queue_sq_created, q);
	if (ret < 0)
		queue_undo(q, ret, "Create I/O Submission Queue could not be sent");
}

static void queue_memory_run(struct job *job)
{
	struct queue *q = queue_of_job(job);
	struct nvme_ctrl *ctrl = &q->nd->ctrl;
	int vector = (int)q->vector;

	vfn_error_set("%s", "");
	if (q->direct) {
		if (nvme_direct_prepare(q) < 0)
			job_fail(job, -errno);
		return;
	}
	if (nvme_prep_create_iocq(ctrl, q->qid, (int)q->entries, vector, &q->create_cq) < 0) {
		job_fail(job, -errno);
		return;
	}
	if (nvme_prep_create_iosq(ctrl, q->qid, (int)q->entries, &ctrl->cq[q->qid],
				  nvme_arbitrate_flags(q), &q->create_sq) < 0) {
		job_fail(job, -errno);
		nvme_discard_cq(ctrl, &ctrl->cq[q->qid]);
	}
}

static void queue_memory_done(struct job *job)
{
	struct queue *q = queue_of_job(job);
	struct opening *o = q->opening;
	int ret;

	q->has_memory = job->error == 0;
	if (job->error < 0 || (o->ending && !q->pair)) {
		queue_undo(q, job->error ? job->error : -ECANCELED,
			   job->error ? job->text : "the device was closed meanwhile");
	} else {
		ret = nvme_internal(q->nd, &q->create_cq, 0, queue_timeout(q), queue_cq_created, q);
		if (ret < 0)
			queue_undo(q, ret, "Create I/O Completion Queue could not be sent");
	}
	opening_release(o);
}

static int queue_pick_qid(const struct nvme_device *nd)
{
	for (unsigned int qid = 1; qid <= nd->nqueues; qid++)
		if (!nd->queues[qid])
			return (int)qid;
	return 0;
}

struct queue *nvme_queue_new(struct opening *o, uint16_t qid, unsigned int entries)
{
	struct nvme_device *nd = nvme_of(o->device);
	struct queue *q;

	if (quota_charge(o->user, QUOTA_QUEUES, 1) < 0) {
		errno = EDQUOT;
		return NULL;
	}
	q = calloc(1, sizeof(*q));
	/* A served queue has one already. */
	if (q && qid)
		q->tally = calloc(1, sizeof(*q->tally));
	if (!q || (qid && !q->tally)) {
		free(q);
		quota_release(o->user, QUOTA_QUEUES, 1);
		errno = ENOMEM;
		return NULL;
	}
	if (q->tally)
		tally_init(q->tally);
	q->number = ++o->last_queue;
	q->opening = o;
	q->nd = nd;
	q->qid = qid;
	q->entries = entries;
	if (qid) {
		nd->queues[qid] = q;
		nd->dev->stats.queue_pairs++;
	}
	LIST_INSERT_HEAD(&o->queues, q, link);
	return q;
}

static void queue_make_memory(struct queue *q, class_queue_done done, void *arg)
{
	if (!q->direct)
		q->vector = nvme_vector_of(q->nd, q->qid, q->pair);
	q->made = done;
	q->made_arg = arg;
	q->job.run = queue_memory_run;
	q->job.done = queue_memory_done;
	opening_post(q->opening, &q->job);
}

int nvme_queue_create_pair(struct opening *o, struct nvme_pair *pair, unsigned int entries,
			   class_queue_done done, void *arg, struct queue **out)
{
	struct nvme_device *nd = nvme_of(o->device);
	unsigned int most = (unsigned int)nd->ctrl.config.mqes + 1;
	int qid = queue_pick_qid(nd);
	struct queue *q;

	if (!qid)
		return -ENOSPC;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct queue){
		.opening = o,
		.nd = nd,
		.pair = pair,
		.priority = pair->priority,
		.qid = (uint16_t)qid,
		.entries = entries < most ? entries : most,
	};
	nd->queues[qid] = q;
	nd->dev->stats.queue_pairs++;
	*out = q;
	queue_make_memory(q, done, arg);
	return 0;
}

void nvme_queue_create(struct opening *o, const struct queue_spec *spec, class_queue_done done,
		       void *arg)
{
	unsigned int entries = spec->entries;
	struct nvme_device *nd = nvme_of(o->device);
	unsigned int most = (unsigned int)nd->ctrl.config.mqes + 1;
	int qid = queue_pick_qid(nd);
	struct queue *q;
	const char *why;
	char text[128];
	int ret;

	if (spec->mode == QUEUE_SERVED) {
		nvme_served_create(o, spec, done, arg);
		return;
	}
	ret = spec->mode == QUEUE_DIRECT ? nvme_direct_allowed(nd, &why) : 0;
	if (ret < 0) {
		done(arg, ret, why, NULL);
		return;
	}
	if (entries == 0)
		entries = most < NVME_QUEUE_DEFAULT ? most : NVME_QUEUE_DEFAULT;
	if (entries < 2 || entries > most) {
		snprintf(text, sizeof(text), "the controller takes 2 to %u entries, not %u", most, entries);
		done(arg, -EINVAL, text, NULL);
		return;
	}
	if (!qid) {
		snprintf(text, sizeof(text), "all %u queue pairs of the controller are in use", nd->nqueues);
		done(arg, -ENOSPC, text, NULL);
		return;
	}
	q = nvme_queue_new(o, (uint16_t)qid, entries);
	if (!q) {
		int error = errno;

		done(arg, -error, error == EDQUOT ? "the user has as many queues as the configuration "
						    "allows (queues)" : "out of memory", NULL);
		return;
	}
	q->priority = spec->priority;
	ret = spec->mode == QUEUE_DIRECT ? nvme_direct_new(q) : 0;
	if (ret < 0) {
		q->made = done;
		q->made_arg = arg;
		queue_undo(q, ret, ret == -EDQUOT ? "the user has as much memory as the configuration allows "
						    "(buffer-bytes)" : "out of memory");
		return;
	}
	queue_make_memory(q, done, arg);
}

void nvme_forget(struct opening *o)
{
	struct queue *q;

	LIST_FOREACH (q, &o->queues, link)
		lease_remove(&q->lease);
}

void nvme_quiesce(struct opening *o)
{
	struct command *cmd;
	struct queue *q, *next_q;

	/* From the start again after each: the end of a barrier sends, or ends, others. */
	do {
		TAILQ_FOREACH (cmd, &o->commands, link)
			if (cmd->phase == COMMAND_PENDING)
				break;
		if (cmd)
			nvme_finish(cmd, NULL, -ECANCELED, "the device was closed");
	} while (cmd);
	TAILQ_FOREACH (cmd, &o->commands, link)
		if (!cmd->queue)
			nvme_abort(cmd);
	for (q = LIST_FIRST(&o->queues); q; q = next_q) {
		next_q = LIST_NEXT(q, link);
		if (q->phase == QUEUE_LIVE)
			nvme_queue_delete(q, NULL, NULL);
	}
}

void nvme_queues_gone(struct nvme_device *nd)
{
	for (unsigned int qid = 1; qid <= nd->nqueues; qid++) {
		struct queue *q = nd->queues[qid];

		if (q && q->mode == QUEUE_RAW) {
			nvme_queue_free(q);
			continue;
		}
		/* One whose memory is being made or discarded is ended by the job that is about it. */
		if (!q || !q->has_memory)
			continue;
		q->has_cq = q->has_sq = false;
		q->phase = QUEUE_DELETING;
		lease_remove(&q->lease);
		queue_discard(q);
	}
}

struct queue *queue_find(struct session *session, uint64_t handle)
{
	struct lease *lease = lease_find(session_leases(session), handle, LEASE_QUEUE);

	return lease ? container_of(lease, struct queue, lease) : NULL;
}

struct lease *queue_lease(struct queue *q)
{
	return &q->lease;
}

struct opening *queue_opening(struct queue *q)
{
	return q->opening;
}

enum queue_mode queue_mode(const struct queue *q)
{
	return q->mode;
}

enum queue_priority queue_priority(const struct queue *q, bool *by_controller)
{
	*by_controller = q->nd->wrr && q->mode != QUEUE_RAW;
	return q->served || *by_controller ? q->priority : QUEUE_PRIORITY_NONE;
}

uint16_t queue_qid(const struct queue *q)
{
	return q->served ? q->served->data.qid : q->qid;
}

unsigned int queue_entries(const struct queue *q)
{
	return q->entries;
}

struct queue *queue_next(struct queue *q)
{
	return LIST_NEXT(q, link);
}
