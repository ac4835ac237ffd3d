/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Aborts. The controller comes to one whenever it likes, and takes what has the identifier then: so
 * the command that is named may well have completed, but its identifier is no other's before the
 * Abort has ended. The tracker of such a command is free, but on no stack.
 */
#include "daemon/device/nvme.h"

#include <errno.h>

#include "daemon/config.h"

#define ABORT_TRIES 6

static struct command *abort_of(const struct nvme_device *nd, const struct nvme_rq *rq)
{
	struct command *abort;

	TAILQ_FOREACH (abort, &nd->internal, link)
		if (abort->names == rq)
			return abort;
	return NULL;
}

bool nvme_abort_keeps(struct command *cmd)
{
	if (cmd->phase == COMMAND_SENT || !abort_of(cmd->nd, cmd->rq))
		return false;
	cmd->rq->opaque = NULL;
	atomic_store_relaxed(&cmd->rq->state, NVME_RQ_FREE);
	return true;
}

bool nvme_abort_left(const struct queue *q)
{
	const struct command *abort;

	TAILQ_FOREACH (abort, &q->nd->internal, link)
		if (abort->names_queue == q)
			return true;
	return false;
}

void nvme_abort_drop(struct queue *q)
{
	struct command *abort;

	TAILQ_FOREACH (abort, &q->nd->internal, link)
		if (abort->names_queue == q)
			abort->names = NULL;
}

static void abort_give_back(struct nvme_device *nd, struct queue *q, struct nvme_rq *rq)
{
	if (q && q->pair) {
		nvme_pair_unname(q->pair, rq);
	} else if (!__nvme_rq_busy(rq)) {
		nvme_rq_release(rq);
		nd->admin_sent -= !q;
	}
}

/* The command that has the tracker still, or NULL. One under an identifier of its session's is not the tracker's. */
static struct command *abort_target(const struct queue *q, const struct nvme_rq *rq)
{
	struct command *cmd = rq->opaque;

	if (!__nvme_rq_busy(rq) || (q && q->pair))
		return NULL;
	if (cmd || !q)
		return cmd;
	TAILQ_FOREACH (cmd, &q->opening->commands, link)
		if (cmd->rq == rq)
			break;
	return cmd;
}

void nvme_abort_ended(struct command *abort)
{
	struct nvme_device *nd = abort->nd;
	struct queue *q = abort->names_queue;

	if (abort->names) {
		abort->named = abort_target(q, abort->names);
		abort_give_back(nd, q, abort->names);
	}
	abort->names = NULL;
	abort->names_queue = NULL;
	if (q && nd->owned && !nvme_abort_left(q))
		nvme_queue_unnamed(q);
}

/*
 * An Abort may be quicker than the command, which the controller has not fetched yet. Where a client does not
 * want that any more it is worth some others; one whose time is over has been there for long.
 */
static void abort_again(struct command *cmd)
{
	if (cmd->phase != COMMAND_ABORTING || !cmd->cancelled || cmd->timed_out ||
	    cmd->abort_tries == ABORT_TRIES)
		return;
	cmd->phase = COMMAND_SENT;
	nvme_timer_set(cmd, 20u << cmd->abort_tries++);
}

static void abort_done(void *arg, const struct command_result *result)
{
	struct command *abort = arg;

	abort->nd->aborts--;
	/* Dword 0, bit 0: not aborted (NVMe Base 2.0, 5.1). */
	if (!result->error && abort->named && (le64_to_cpu(result->cqe.qw0) & 1))
		abort_again(abort->named);
}

unsigned int nvme_abort_places(const struct nvme_device *nd)
{
	return nd->aborts < nd->max_aborts ? nd->max_aborts - nd->aborts : 0;
}

int nvme_abort_send(struct nvme_device *nd, struct queue *q, struct nvme_rq *rq, uint16_t cid)
{
	unsigned int ms = nd->dev->devices->config->abort_timeout_ms;
	union nvme_cmd sqe = {.opcode = NVME_OPCODE_ABORT};
	struct command *abort;
	int ret;

	if (!nvme_abort_places(nd))
		return -EAGAIN;
	sqe.cdw10 = cpu_to_le32((uint32_t)cid << 16 | (q ? q->qid : 0));
	ret = nvme_internal(nd, &sqe, 0, 2 * ms, abort_done, NULL);
	if (ret < 0)
		return ret;
	abort = TAILQ_LAST(&nd->internal, command_list);
	abort->arg = abort;
	abort->names = rq;
	abort->names_queue = q;
	nd->aborts++;
	nd->dev->stats.aborts++;
	return 0;
}

void nvme_abort(struct command *cmd)
{
	struct nvme_device *nd = cmd->nd;

	if (cmd->phase != COMMAND_SENT)
		return;
	if (!nvme_abort_places(nd)) {
		nvme_timer_set(cmd, 20); /* its turn comes */
		return;
	}
	cmd->phase = COMMAND_ABORTING;
	/* A controller need not abort: a command that was only unwanted has the time that it had. */
	nvme_timer_set(cmd, cmd->cancelled && !cmd->timed_out
				    ? cmd->timeout_ms : nd->dev->devices->config->abort_timeout_ms);
	nvme_abort_send(nd, cmd->queue, cmd->rq, nvme_cid_of(cmd));
}

bool nvme_cancel(struct opening *o, uint64_t id)
{
	struct command *cmd;

	TAILQ_FOREACH (cmd, &o->commands, link)
		if (cmd->id == id && !cmd->told)
			break;
	if (!cmd)
		return false;
	cmd->cancelled = true;
	if (cmd->phase == COMMAND_PENDING)
		nvme_finish(cmd, NULL, -ECANCELED, "cancelled before it was sent");
	else
		nvme_abort(cmd);
	return true;
}
