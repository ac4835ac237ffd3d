/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of sessions as they are given, and identifiers of queues that sessions make by such commands. What a
 * command does to the session's own queues and memory is the session's affair. Refused is what would take
 * queues, commands or events away from others.
 *
 * While such commands or queues are there, the memory that they may name stays: no buffer of the session is freed.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdio.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/device/subscription.h"

#define RAW_NUMBER_OF_QUEUES   0x07
#define RAW_HOST_MEMORY_BUFFER 0x0d
#define RAW_OPCODE_DATA_QUEUE  0x45 /* Controller Data Queue (NVMe Base 2.1, 5.1.4) */
#define RAW_DATA_QUEUE_CREATE  0

static int raw_refuse(char *text, size_t size, const char *what)
{
	snprintf(text, size, "%s", what);
	return -EPERM;
}

static struct queue *raw_queue_of(struct nvme_device *nd, uint32_t qid)
{
	return qid && qid <= nd->nqueues ? nd->queues[qid] : NULL;
}

static uint32_t raw_qid(const union nvme_cmd *sqe)
{
	return le32_to_cpu(sqe->cdw10) & 0xffff;
}

static int raw_check_create(struct opening *o, const union nvme_cmd *sqe, char *text, size_t size)
{
	struct nvme_device *nd = nvme_of(o->device);
	uint32_t qid = raw_qid(sqe), cqid = le32_to_cpu(sqe->cdw11) >> 16;
	const struct queue *q = raw_queue_of(nd, qid), *cq = raw_queue_of(nd, cqid);

	if (qid && qid <= nd->nqueues && !(q && q->opening == o && q->mode == QUEUE_RAW &&
					 q->phase == QUEUE_LIVE)) {
		snprintf(text, size, "queue %u was not set aside for this session: ask for an identifier first",
			 qid);
		return -EPERM;
	}
	if (sqe->opcode == NVME_OPCODE_CREATE_SQ && cq && (cq->opening != o || cq->mode != QUEUE_RAW))
		return raw_refuse(text, size, "the completion queue is not of the session's making");
	return 0;
}

static int raw_check_delete(struct opening *o, const union nvme_cmd *sqe, char *text, size_t size)
{
	const struct queue *q = raw_queue_of(nvme_of(o->device), raw_qid(sqe));

	if (q && (q->opening != o || q->pair || (q->mode != QUEUE_RAW && q->mode != QUEUE_REQUEST)))
		return raw_refuse(text, size, "the queue is another session's, or is deleted by a request");
	return 0;
}

static bool raw_has(const struct command_list *list, uint16_t cid)
{
	const struct command *cmd;

	TAILQ_FOREACH (cmd, list, link)
		if (!cmd->queue && cmd->rq && cmd->rq->cid == cid)
			return true;
	return false;
}

static int raw_check_abort(struct opening *o, const union nvme_cmd *sqe, char *text, size_t size)
{
	struct nvme_device *nd = nvme_of(o->device);
	uint16_t cid = (uint16_t)(le32_to_cpu(sqe->cdw10) >> 16);
	const struct queue *q = raw_queue_of(nd, raw_qid(sqe));
	const struct opening *other;

	if (q && (q->opening != o || q->pair))
		return raw_refuse(text, size, "the command to abort is another session's");
	if (raw_qid(sqe) != 0)
		return 0;
	if (raw_has(&nd->internal, cid))
		return raw_refuse(text, size, "the command to abort is the daemon's");
	LIST_FOREACH (other, &o->device->openings, in_device)
		if (other != o && raw_has(&other->commands, cid))
			return raw_refuse(text, size, "the command to abort is another session's");
	return 0;
}

static int raw_check_admin(struct opening *o, const union nvme_cmd *sqe, char *text, size_t size)
{
	switch (sqe->opcode) {
	case NVME_OPCODE_DELETE_SQ:
	case NVME_OPCODE_DELETE_CQ:
		return raw_check_delete(o, sqe, text, size);
	case NVME_OPCODE_CREATE_SQ:
	case NVME_OPCODE_CREATE_CQ:
		return raw_check_create(o, sqe, text, size);
	case NVME_OPCODE_ABORT:
		return raw_check_abort(o, sqe, text, size);
	case NVME_OPCODE_SET_FEATURES:
		if ((le32_to_cpu(sqe->cdw10) & 0xff) == RAW_NUMBER_OF_QUEUES)
			return raw_refuse(text, size, "Number of Queues is set by the daemon");
		return 0;
	case NVME_OPCODE_AER:
		return raw_refuse(text, size, "asynchronous events are the daemon's: subscribe to them");
	case NVME_OPCODE_DBBUF:
		return raw_refuse(text, size, "Doorbell Buffer Config would move the doorbells of all queues");
	default:
		return 0;
	}
}

int nvme_raw_recheck(const struct command *cmd, char *text, size_t size)
{
	return cmd->raw && !cmd->queue ? raw_check_admin(cmd->opening, &cmd->sqe, text, size) : 0;
}

/* Before it is sent: whatever becomes of it, the controller may know the queue from now on. */
static void raw_note(struct opening *o, const union nvme_cmd *sqe)
{
	struct queue *q = raw_queue_of(nvme_of(o->device), raw_qid(sqe));

	if (!q || q->mode != QUEUE_RAW)
		return;
	if (sqe->opcode == NVME_OPCODE_CREATE_CQ) {
		q->has_cq = true;
	} else if (sqe->opcode == NVME_OPCODE_CREATE_SQ) {
		q->has_sq = true;
		q->cqid = (uint16_t)(le32_to_cpu(sqe->cdw11) >> 16);
	} else {
		return;
	}
	o->nraw += !q->counted;
	q->counted = true;
}

void nvme_raw_completed(struct command *cmd, const struct nvme_cqe *cqe)
{
	struct nvme_device *nd = cmd->nd;
	uint32_t qid = raw_qid(&cmd->sqe);

	if (cmd->queue || !nvme_cqe_ok((struct nvme_cqe *)cqe))
		return;
	switch (cmd->sqe.opcode) {
	/* Memory that the controller keeps, and no identifier of ours to take it back by. */
	case NVME_OPCODE_CREATE_SQ:
	case NVME_OPCODE_CREATE_CQ:
		cmd->opening->tainted |= !raw_queue_of(nd, qid);
		break;
	case RAW_OPCODE_DATA_QUEUE:
		cmd->opening->tainted |= (qid & 0xff) == RAW_DATA_QUEUE_CREATE;
		break;
	case NVME_OPCODE_SET_FEATURES:
		cmd->opening->tainted |= (qid & 0xff) == RAW_HOST_MEMORY_BUFFER;
		if ((qid & 0xff) == NVME_FEATURE_ASYNC_EVENTS)
			nvme_events_configured(nd, le32_to_cpu(cmd->sqe.cdw11));
		break;
	default:
		break;
	}
}

/* What it transfers as far as that can be told, for the session's limit and what is counted; nothing depends on it. */
static uint64_t raw_bytes(const struct nvme_device *nd, const struct queue *q, const union nvme_cmd *sqe)
{
	uint64_t bytes, meta;
	char text[160];

	return nvme_data_length(nd, !q, sqe, &bytes, &meta, text, sizeof(text)) == 0 ? bytes : 0;
}

int nvme_submit_raw(struct opening *o, struct queue *q, const struct raw_spec *spec, command_done done,
		    void *arg, char *text, size_t size)
{
	struct nvme_device *nd = nvme_of(o->device);
	struct command *cmd;
	int ret = nvme_check_queue(nd, q, text, size);

	if (ret == 0 && !q)
		ret = raw_check_admin(o, &spec->sqe, text, size);
	if (ret == 0 && !q && spec->keep_cid)
		ret = raw_refuse(text, size, "identifiers in the admin queue are the daemon's");
	if (ret < 0)
		return ret;
	cmd = nvme_command_new(nd, o, q, &spec->sqe, done, arg);
	if (!cmd) {
		snprintf(text, size, "out of memory");
		return -ENOMEM;
	}
	cmd->raw = true;
	cmd->least = raw_bytes(nd, q, &spec->sqe);
	cmd->keep_cid = spec->keep_cid;
	cmd->id = spec->id;
	o->nraw++;
	if (!q)
		raw_note(o, &spec->sqe);
	return nvme_submit_command(cmd, spec->timeout_ms, text, size);
}

struct command *nvme_raw_find(struct nvme_device *nd, unsigned int qid, uint16_t cid)
{
	struct queue *q = raw_queue_of(nd, qid);
	struct command *cmd;

	if (!q || !q->kept)
		return NULL;
	TAILQ_FOREACH (cmd, &q->opening->commands, link)
		if (cmd->queue == q && cmd->keep_cid && cmd->rq && cmd->sqe.cid == cid)
			return cmd;
	return NULL;
}

void nvme_raw_stray(struct opening *o, const struct nvme_cqe *cqe)
{
	struct device_event event = {
		.kind = DEVICE_EVENT_COMPLETION,
		.dw0 = le32_to_cpu(cqe->dw0),
		.log = (const uint8_t *)cqe,
		.log_length = sizeof(*cqe),
	};

	subscription_tell(o, &event);
}

/* ---- identifiers -------------------------------------------------------------------------------- */

void nvme_raw_queue_create(struct opening *o, class_queue_done done, void *arg)
{
	struct nvme_device *nd = nvme_of(o->device);
	unsigned int qid = 1;
	struct queue *q;
	int ret;

	/* From the end: the daemon takes its own from the beginning. */
	for (qid = nd->nqueues; qid && nd->queues[qid]; qid--)
		;
	if (!qid) {
		done(arg, -ENOSPC, "all queue identifiers of the controller are in use", NULL);
		return;
	}
	q = nvme_queue_new(o, (uint16_t)qid, 0);
	if (!q) {
		ret = -errno;
		done(arg, ret, ret == -EDQUOT ? "the user has as many queues as the configuration allows (queues)"
					      : "out of memory", NULL);
		return;
	}
	q->mode = QUEUE_RAW;
	q->phase = QUEUE_LIVE;
	ret = lease_add(session_leases(o->session), &q->lease, LEASE_QUEUE);
	if (ret < 0) {
		nvme_queue_free(q);
		done(arg, ret, "out of memory", NULL);
		return;
	}
	done(arg, 0, NULL, q);
}

bool nvme_raw_cq_used(const struct queue *cq)
{
	const struct queue *q;

	LIST_FOREACH (q, &cq->opening->queues, link)
		if (q != cq && q->mode == QUEUE_RAW && q->has_sq && q->cqid == cq->qid)
			return true;
	return false;
}

struct queue *nvme_raw_cq_waiting(struct opening *o)
{
	struct queue *q;

	LIST_FOREACH (q, &o->queues, link)
		if (q->mode == QUEUE_RAW && q->phase == QUEUE_DELETING && !q->has_sq && q->waits &&
		    !nvme_raw_cq_used(q))
			return q;
	return NULL;
}
