/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/journal.h"

#define NVME_SC_SQ_DELETED 0x08 /* Command Aborted due to SQ Deletion */
#define STRAYS_TOLD	   8

static struct nvme_sq *nvme_sq_of(struct command *cmd)
{
	struct nvme_ctrl *ctrl = &cmd->nd->ctrl;

	return cmd->queue ? &ctrl->sq[cmd->queue->qid] : ctrl->adminq.sq;
}

int nvme_slot_take(struct nvme_device *nd, struct opening *o)
{
	if (nd->nfree <= (o ? NVME_SLOTS_RESERVED : 0) || (o && o->slots == NVME_SESSION_SLOTS))
		return -1;
	if (o)
		o->slots++;
	return nd->free_slots[--nd->nfree];
}

static void nvme_slot_give(struct command *cmd)
{
	if (cmd->slot < 0)
		return;
	cmd->nd->free_slots[cmd->nd->nfree++] = (uint16_t)cmd->slot;
	if (cmd->opening)
		cmd->opening->slots--;
	cmd->slot = -1;
}

uint8_t *nvme_slot_memory(struct command *cmd)
{
	return cmd->nd->slots + (size_t)cmd->slot * COMMAND_INLINE_MAX;
}

void nvme_timer_set(struct command *cmd, unsigned int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	if (ms)
		evtimer_add(&cmd->timer, &tv);
}

static void nvme_waiting_remove(struct command *cmd)
{
	struct nvme_device *nd = cmd->nd;

	if (cmd->limited)
		nvme_limit_leave(cmd);
	else if (cmd->waits)
		TAILQ_REMOVE(cmd->queue ? &nd->held : &nd->pending, cmd, waiting);
	cmd->waits = false;
}

static void nvme_waiting_add(struct command *cmd, bool first)
{
	struct nvme_device *nd = cmd->nd;

	cmd->phase = COMMAND_PENDING;
	cmd->waits = true;
	if (first)
		TAILQ_INSERT_HEAD(&nd->pending, cmd, waiting);
	else
		TAILQ_INSERT_TAIL(cmd->queue ? &nd->held : &nd->pending, cmd, waiting);
}

/* Commands that may change the format of a namespace, or which namespaces there are. */
static bool nvme_is_barrier(const struct command *cmd)
{
	if (cmd->queue || !cmd->opening)
		return false;
	switch (cmd->sqe.opcode) {
	case 0x0d: /* Namespace Management */
	case 0x10: /* Firmware Commit: may activate an image with other namespaces */
	case 0x15: /* Namespace Attachment */
	case 0x1c: /* Virtualization Management */
	case 0x20: /* Capacity Management */
	case 0x80: /* Format NVM */
	case 0x84: /* Sanitize */
		return true;
	default:
		return cmd->sqe.opcode >= 0xc0; /* the vendor's: who knows */
	}
}

static void nvme_count_done(struct command *cmd, const struct nvme_cqe *cqe)
{
	struct device_stats *stats = &cmd->nd->dev->stats;
	bool ok = nvme_cqe_ok((struct nvme_cqe *)cqe);

	stats->completed++;
	stats->failed += !ok;
	if (ok && (cmd->sqe.opcode & 3) == 1)
		stats->bytes_written += cmd->least;
	else if (ok && (cmd->sqe.opcode & 3) == 2)
		stats->bytes_read += cmd->least;
	nvme_tally_done(cmd, cqe, ok);
}

/* Once: a command that was given up is told to nobody when it ends after all. */
static void nvme_tell(struct command *cmd, const struct command_result *result)
{
	command_done done = cmd->done;
	struct session_stats *stats = NULL;

	if (cmd->told)
		return;
	nvme_trace(cmd, result->error ? NULL : &result->cqe, result->error);
	cmd->told = true;
	if (cmd->opening) {
		cmd->nd->dev->stats.outstanding--;
		if (result->error)
			counter_add(&nvme_tally_of(cmd)->lost, 1);
		if (cmd->opening->session)
			stats = session_stats(cmd->opening->session);
	}
	if (stats) {
		stats->outstanding--;
		stats->completed += result->error == 0;
	}
	cmd->done = NULL;
	if (done)
		done(cmd->arg, result);
}

void nvme_command_free(struct command *cmd)
{
	struct opening *o = cmd->opening;

	event_del(&cmd->timer);
	nvme_slot_give(cmd);
	if (cmd->data)
		cmd->data->busy--;
	if (cmd->meta)
		cmd->meta->busy--;
	if (o && cmd->raw)
		o->nraw--;
	if (o)
		TAILQ_REMOVE(&o->commands, cmd, link);
	else
		TAILQ_REMOVE(&cmd->nd->internal, cmd, link);
	free(cmd);
	if (o)
		opening_step(o);
}

/* The controller is done with it: the tracker can be used again, unless an Abort names it. */
static void nvme_unsend(struct command *cmd)
{
	struct nvme_device *nd = cmd->nd;
	bool kept;

	nvme_abort_ended(cmd);
	if (!cmd->rq)
		return;
	kept = nvme_abort_keeps(cmd);
	if (!kept)
		nvme_rq_release(cmd->rq);
	cmd->rq = NULL;
	if (cmd->queue) {
		cmd->queue->kept -= cmd->keep_cid;
		cmd->queue->sent--;
		nd->io_sent--;
	} else {
		nd->admin_sent -= !kept;
	}
}

void nvme_finish(struct command *cmd, const struct nvme_cqe *cqe, int error, const char *text)
{
	struct nvme_device *nd = cmd->nd;
	struct command_result result = {.error = error, .text = text, .timed_out = cmd->timed_out};
	bool barrier = nd->barrier == cmd, sent = cmd->phase != COMMAND_PENDING;

	nvme_waiting_remove(cmd);
	nvme_unsend(cmd);
	if (cqe) {
		result.cqe = *cqe;
		if (cmd->opening)
			nvme_count_done(cmd, cqe);
		if (cmd->raw)
			nvme_raw_completed(cmd, cqe);
	}
	if (cmd->slot >= 0 && !cmd->out && cqe) {
		result.data = nvme_slot_memory(cmd);
		result.length = cmd->length;
	}
	nvme_tell(cmd, &result);
	if (barrier)
		nd->barrier = NULL;
	nd->refreshing |= barrier && sent;
	nvme_command_free(cmd);
	if (barrier && sent)
		nvme_ns_refresh(nd);
	else if (barrier)
		nvme_send_waiting(nd);
}

static int nvme_map(struct command *cmd)
{
	/* No more than will be transferred, however large the client's memory is. */
	if (cmd->least == 0 || cmd->length == 0)
		return 0;
	if (nvme_rq_map_prp(&cmd->nd->ctrl, cmd->rq, &cmd->sqe, cmd->iova, cmd->least) == 0)
		return 0;
	return -errno;
}

/* Puts the command on its queue. -EAGAIN without a place. */
static int nvme_send(struct command *cmd)
{
	struct nvme_device *nd = cmd->nd;
	int ret;

	cmd->rq = nvme_rq_acquire(nvme_sq_of(cmd));
	if (!cmd->rq)
		return -EAGAIN;
	ret = nvme_map(cmd);
	if (ret < 0) {
		nvme_rq_release(cmd->rq);
		cmd->rq = NULL;
		return ret;
	}
	cmd->rq->opaque = cmd->keep_cid ? NULL : cmd;
	cmd->phase = COMMAND_SENT;
	cmd->submitted = get_ticks();
	if (cmd->queue) {
		cmd->queue->kept += cmd->keep_cid;
		cmd->queue->sent++;
		if (cmd->queue->sent > cmd->queue->peak)
			cmd->queue->peak = cmd->queue->sent;
		nd->io_sent++;
	} else {
		nd->admin_sent++;
	}
	if (cmd->keep_cid)
		nvme_sq_exec(nvme_sq_of(cmd), &cmd->sqe);
	else
		nvme_rq_exec(cmd->rq, &cmd->sqe);
	nvme_look_soon(nd);
	return 0;
}

static bool nvme_admin_has_place(const struct nvme_device *nd, const struct command *cmd)
{
	return nd->admin_sent + (cmd->opening ? nd->admin_reserved : 0) < nd->admin_places;
}

int nvme_send_or_wait(struct command *cmd)
{
	struct nvme_device *nd = cmd->nd;
	int ret = -EAGAIN;

	if (cmd->queue) {
		if (nvme_limit_holds(cmd))
			return nvme_limit_wait(cmd);
		ret = 0;
		if (nd->barrier || nd->refreshing)
			nvme_waiting_add(cmd, false);
		else
			ret = nvme_send(cmd);
		if (ret == 0)
			nvme_limit_charge(cmd);
		return ret;
	}
	if (nvme_is_barrier(cmd)) {
		if (nd->barrier || nd->refreshing)
			return -EAGAIN;
		if (nvme_direct_excludes(nd, &cmd->sqe))
			return -EBUSY;
		nd->barrier = cmd;
		if (!nvme_served_pause(nd) || nd->io_sent > 0) {
			cmd->phase = COMMAND_PENDING;
			return 0;
		}
	}
	if (nvme_admin_has_place(nd, cmd))
		ret = nvme_send(cmd);
	if (ret == -EAGAIN) {
		nvme_waiting_add(cmd, !cmd->opening);
		ret = 0;
	}
	if (ret < 0 && nd->barrier == cmd) {
		nd->barrier = NULL;
		nvme_served_resume(nd);
	}
	return ret;
}

/* A held command's namespace may have another format by now. */
static int nvme_check_held(struct nvme_device *nd, struct command *cmd, char *text, size_t size)
{
	uint64_t need, meta;
	int ret;

	if (cmd->raw)
		return 0;
	ret = nvme_data_length(nd, false, &cmd->sqe, &need, &meta, text, size);
	if (ret < 0)
		return ret;
	if (need > cmd->length || (cmd->meta && meta > cmd->meta_length)) {
		snprintf(text, size, "the namespace was formatted while the command waited");
		return -ESTALE;
	}
	cmd->least = ret == 1 ? 0 : need;
	if (ret == 1)
		cmd->sqe.mptr = 0;
	return 0;
}

static void nvme_send_held(struct nvme_device *nd, struct command *cmd)
{
	char text[160] = "out of memory";
	int ret;

	nvme_waiting_remove(cmd);
	ret = nvme_check_held(nd, cmd, text, sizeof(text));
	if (ret == 0) {
		ret = nvme_send(cmd);
		if (ret == -EAGAIN)
			snprintf(text, sizeof(text), "the queue is full");
	}
	if (ret < 0)
		nvme_finish(cmd, NULL, ret, text);
}

void nvme_send_limited(struct command *cmd)
{
	struct nvme_device *nd = cmd->nd;

	nvme_waiting_remove(cmd);
	nvme_limit_charge(cmd);
	if (nd->barrier || nd->refreshing)
		nvme_waiting_add(cmd, false);
	else
		nvme_send_held(nd, cmd);
}

void nvme_send_waiting(struct nvme_device *nd)
{
	struct command *cmd;

	if (nd->dev->state != DEVICE_READY)
		return;
	if (nd->barrier && nd->barrier->phase == COMMAND_PENDING && nd->io_sent == 0 &&
	    !nd->barrier->waits && nvme_served_pause(nd))
		nvme_waiting_add(nd->barrier, false);
	while ((cmd = TAILQ_FIRST(&nd->pending)) && nvme_admin_has_place(nd, cmd)) {
		char text[256] = "the command could not be sent";
		int ret;

		nvme_waiting_remove(cmd);
		ret = nvme_raw_recheck(cmd, text, sizeof(text));
		if (ret == 0)
			ret = nvme_send(cmd);
		if (ret < 0)
			nvme_finish(cmd, NULL, ret, text);
		else if (cmd == nd->barrier)
			nvme_timer_set(cmd, cmd->timeout_ms); /* its own time begins now */
	}
	while (!nd->barrier && !nd->refreshing && (cmd = TAILQ_FIRST(&nd->held)))
		nvme_send_held(nd, cmd);
	if (!nd->barrier && !nd->refreshing)
		nvme_served_resume(nd);
}

static void nvme_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct command *cmd = arg;
	struct nvme_device *nd = cmd->nd;
	struct command_result gone = {.error = -ETIMEDOUT, .timed_out = true,
				      .text = "the controller did not complete the command, nor abort it"};

	if (!cmd->opening) {
		char why[128];

		snprintf(why, sizeof(why), "admin command %02xh was not completed in time",
			 cmd->sqe.opcode);
		event_del(&cmd->timer);
		nvme_recover(nd, why);
		return;
	}
	switch (cmd->phase) {
	case COMMAND_PENDING:
		cmd->timed_out = true;
		nd->dev->stats.timed_out++;
		nvme_finish(cmd, NULL, -ETIMEDOUT, "the command waited too long to be sent");
		break;
	case COMMAND_SENT:
		/* Of one that is cancelled it is the turn of its Abort. */
		if (!cmd->opening->ending && !cmd->cancelled) {
			if (!cmd->timed_out)
				nd->dev->stats.timed_out++;
			cmd->timed_out = true;
		}
		nvme_ask_alive(nd);
		nvme_abort(cmd);
		break;
	case COMMAND_ABORTING:
		/* Its memory stays busy until the queue is deleted or the controller reset. */
		journal_warn(nd->dev->address, cmd->opening->session_number,
			     "opcode %02xh on queue %u is neither completed nor aborted",
			     cmd->sqe.opcode, cmd->queue ? cmd->queue->qid : 0);
		cmd->phase = COMMAND_GIVEN_UP;
		nvme_tell(cmd, &gone);
		break;
	default:
		break;
	}
}

struct command *nvme_command_new(struct nvme_device *nd, struct opening *o, struct queue *q,
				 const union nvme_cmd *sqe, command_done done, void *arg)
{
	struct command *cmd = calloc(1, sizeof(*cmd));

	if (!cmd || (o && !q && !tally_get(&o->admin))) {
		free(cmd);
		return NULL;
	}
	cmd->nd = nd;
	cmd->opening = o;
	cmd->queue = q;
	cmd->sqe = *sqe;
	cmd->slot = -1;
	cmd->done = done;
	cmd->arg = arg;
	evtimer_assign(&cmd->timer, nd->dev->devices->base, nvme_timeout, cmd);
	if (o)
		TAILQ_INSERT_TAIL(&o->commands, cmd, link);
	else
		TAILQ_INSERT_TAIL(&nd->internal, cmd, link);
	return cmd;
}

int nvme_internal(struct nvme_device *nd, const union nvme_cmd *sqe, uint32_t length,
		  unsigned int timeout_ms, command_done done, void *arg)
{
	struct command *cmd;
	int ret;

	if (!nd->owned)
		return -ENODEV;
	cmd = nvme_command_new(nd, NULL, NULL, sqe, done, arg);
	if (!cmd)
		return -ENOMEM;
	if (length) {
		cmd->slot = nvme_slot_take(nd, NULL);
		if (cmd->slot < 0) {
			nvme_command_free(cmd);
			return -EAGAIN;
		}
		memset(nvme_slot_memory(cmd), 0, length);
		cmd->iova = nd->slots_iova + (uint64_t)cmd->slot * COMMAND_INLINE_MAX;
		cmd->length = cmd->least = length;
	}
	ret = nvme_send_or_wait(cmd);
	if (ret < 0)
		nvme_command_free(cmd);
	else
		nvme_timer_set(cmd, timeout_ms);
	return ret;
}

int nvme_adopt(struct nvme_device *nd, const union nvme_cmd *sqe, uint16_t cid, command_done done,
	       void *arg)
{
	struct command *cmd = nvme_command_new(nd, NULL, NULL, sqe, done, arg);

	if (!cmd)
		return -ENOMEM;
	cmd->rq = nvme_rq_acquire_cid(nd->ctrl.adminq.sq, cid);
	if (!cmd->rq) {
		nvme_command_free(cmd);
		return -EPROTO;
	}
	cmd->rq->opaque = cmd;
	cmd->phase = COMMAND_SENT;
	cmd->submitted = get_ticks();
	nd->admin_sent++;
	return 0;
}

static struct command *nvme_command_of(struct nvme_device *nd, struct nvme_sq *sq, struct nvme_cqe *cqe)
{
	struct command *cmd = nvme_raw_find(nd, (unsigned int)sq->id, cqe->cid);
	/* libvfn would log each that is not outstanding, however many there are: nvme_unexpected(). */
	bool known = cqe->cid < (unsigned int)sq->qsize && sq->rqs[cqe->cid].state != NVME_RQ_FREE;
	struct nvme_rq *rq = cmd || !known ? NULL : __nvme_rq_from_cqe(sq, cqe);

	return rq ? rq->opaque : cmd;
}

/* A completion of a command that is not outstanding: the queue's session may have asked for it. */
static void nvme_unexpected(struct nvme_device *nd, unsigned int qid, const struct nvme_cqe *cqe)
{
	/* A session can bring about as many as it likes: some are told of, then how many they have become. */
	nd->strays++;
	if (nd->strays <= STRAYS_TOLD)
		journal_warn(nd->dev->address, 0, "queue %u: completion of command %u, which is not outstanding",
			     qid, cqe->cid);
	else if (!(nd->strays & (nd->strays - 1)))
		journal_warn(nd->dev->address, 0, "%llu completions of commands that were not outstanding, so far",
			     (unsigned long long)nd->strays);
	if (qid && nd->queues[qid])
		nvme_raw_stray(nd->queues[qid]->opening, cqe);
}

void nvme_reap(struct nvme_device *nd, unsigned int qid)
{
	struct nvme_cq *cq = qid ? &nd->ctrl.cq[qid] : nd->ctrl.adminq.cq;
	struct nvme_sq *sq = qid ? &nd->ctrl.sq[qid] : nd->ctrl.adminq.sq;
	struct nvme_cqe *entry, cqe;
	unsigned int n = 0;

	/* No more than the queue has: a controller that makes up completions must not keep the loop. */
	while (nd->owned && n < (unsigned int)cq->qsize && (entry = nvme_cq_get_cqe(cq))) {
		struct command *cmd = NULL;

		n++;
		cqe = *entry;
		if (le16_to_cpu(cqe.sqid) == qid)
			cmd = nvme_command_of(nd, sq, &cqe);
		if (!cmd) {
			nvme_unexpected(nd, qid, &cqe);
			continue;
		}
		/* Its session was told that it does not end. */
		if (cmd->told && cmd->opening) {
			nvme_trace(cmd, &cqe, 0);
			nvme_raw_stray(cmd->opening, &cqe);
		}
		nvme_finish(cmd, &cqe, 0, NULL);
	}
	/* A completion may have been the reason to reset the controller: the worker has the queues then. */
	if (n == 0 || !nd->owned)
		return;
	nvme_cq_update_head(cq);
	if (!TAILQ_EMPTY(&nd->pending) || nd->barrier || !TAILQ_EMPTY(&nd->held))
		nvme_send_waiting(nd);
}

void nvme_queue_flush(struct queue *q)
{
	struct nvme_cqe cqe = {
		.sqid = cpu_to_le16(q->qid),
		.sfp = cpu_to_le16(NVME_SC_SQ_DELETED << 1),
	};
	struct opening *o = q->opening;
	struct command *cmd;

	opening_hold(o);
	/* From the start again after each: the end of one may end others. */
	do {
		TAILQ_FOREACH (cmd, &o->commands, link)
			if (cmd->queue == q)
				break;
		if (cmd) {
			cqe.cid = cmd->rq ? nvme_cid_of(cmd) : 0;
			nvme_finish(cmd, &cqe, 0, NULL);
		}
	} while (cmd);
	nvme_abort_drop(q);
	opening_release(o);
}

void nvme_fail_all(struct nvme_device *nd, int error, const char *text)
{
	struct opening *o, *next_o;
	struct command *cmd;

	nd->barrier = NULL;
	for (o = LIST_FIRST(&nd->dev->openings); o; o = next_o) {
		opening_hold(o);
		while ((cmd = TAILQ_FIRST(&o->commands)))
			nvme_finish(cmd, NULL, error, text);
		next_o = LIST_NEXT(o, in_device);
		opening_release(o);
	}
	while ((cmd = TAILQ_FIRST(&nd->internal)))
		nvme_finish(cmd, NULL, error, text);
}
