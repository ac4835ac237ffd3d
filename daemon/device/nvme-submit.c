/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of sessions: checked against what they will transfer, given their memory, and sent. */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vfn/support.h>

#include "daemon/config.h"

int nvme_check_queue(const struct nvme_device *nd, const struct queue *q, char *text, size_t size)
{
	int ret = device_usable(nd->dev);

	if (ret < 0) {
		snprintf(text, size, "the device is %s", device_state_name(nd->dev));
		return ret;
	}
	if (q && q->phase != QUEUE_LIVE) {
		snprintf(text, size, "the queue is being deleted");
		return -ENOENT;
	}
	if (q && q->mode != QUEUE_REQUEST) {
		snprintf(text, size, "commands of this queue go into its memory");
		return -EINVAL;
	}
	return 0;
}

/* Checks what the client asks for, against what the command will transfer. */
static int nvme_check(struct nvme_device *nd, struct opening *o, struct queue *q,
		      const struct command_spec *spec, uint64_t *need, char *text, size_t size)
{
	uint64_t meta;
	int ret = nvme_check_queue(nd, q, text, size);

	if (ret < 0)
		return ret;
	ret = nvme_data_length(nd, !q, &spec->sqe, need, &meta, text, size);
	if (ret < 0)
		return ret;
	if (spec->length < *need) {
		snprintf(text, size,
			 "opcode %02xh transfers %" PRIu64 " bytes, the data has room for %" PRIu64,
			 spec->sqe.opcode, *need, spec->length);
		return -EINVAL;
	}
	if (spec->meta && spec->meta_length < meta) {
		snprintf(text, size,
			 "opcode %02xh transfers %" PRIu64 " bytes of metadata, not %" PRIu64,
			 spec->sqe.opcode, meta, spec->meta_length);
		return -EINVAL;
	}
	if (*need > (uint64_t)NVME_LIST_PAGES * nd->page_size) {
		snprintf(text, size, "at most %" PRIu64 " bytes go into one command",
			 (uint64_t)NVME_LIST_PAGES * nd->page_size);
		return -E2BIG;
	}
	if ((spec->data && ((spec->data->iova + spec->offset) & 3)) ||
	    (spec->meta && ((spec->meta->iova + spec->meta_offset) & 3))) {
		snprintf(text, size, "data starts at a multiple of 4 bytes");
		return -EINVAL;
	}
	if (spec->data && spec->data->opening != o) {
		snprintf(text, size, "the buffer is of another device");
		return -EINVAL;
	}
	if (spec->meta && spec->meta->opening != o) {
		snprintf(text, size, "the metadata buffer is of another device");
		return -EINVAL;
	}
	return ret;
}

static int nvme_fill(struct command *cmd, const struct command_spec *spec, char *text, size_t size)
{
	struct nvme_device *nd = cmd->nd;

	cmd->length = spec->length;
	if (spec->data) {
		cmd->iova = spec->data->iova + spec->offset;
		cmd->data = spec->data;
		cmd->data->busy++;
	} else if (spec->length) {
		cmd->slot = nvme_slot_take(nd, cmd->opening);
		if (cmd->slot < 0) {
			snprintf(text, size, "all places for inline data are in use; use a buffer");
			return -EAGAIN;
		}
		cmd->iova = nd->slots_iova + (uint64_t)cmd->slot * COMMAND_INLINE_MAX;
		cmd->out = spec->out != NULL;
		if (spec->out)
			memcpy(nvme_slot_memory(cmd), spec->out, spec->length);
		else
			memset(nvme_slot_memory(cmd), 0, spec->length);
	}
	if (spec->meta) {
		cmd->meta = spec->meta;
		cmd->meta_length = spec->meta_length;
		cmd->meta->busy++;
		cmd->sqe.mptr = cpu_to_le64(spec->meta->iova + spec->meta_offset);
	}
	return 0;
}

int nvme_submit_command(struct command *cmd, unsigned int timeout_ms, char *text, size_t size)
{
	struct nvme_device *nd = cmd->nd;
	struct opening *o = cmd->opening;
	const struct config *config = o->device->devices->config;
	const char *full = cmd->queue ? "the queue is full" : "namespaces are being changed; try again";
	int ret;

	cmd->timeout_ms = timeout_ms ? timeout_ms : config->command_timeout_ms;
	ret = nvme_send_or_wait(cmd);
	if (ret < 0) {
		if (ret == -EAGAIN)
			snprintf(text, size, "%s", full);
		else if (ret == -EBUSY)
			nvme_direct_who(nd, text, size);
		else
			snprintf(text, size, "no PRP list can be made: %s", strerror(-ret));
		nvme_command_free(cmd);
		return ret;
	}
	/* While a barrier waits for I/O to end, everybody waits for it: not for as long as one client likes. */
	nvme_timer_set(cmd, nd->barrier == cmd && cmd->phase == COMMAND_PENDING &&
				    cmd->timeout_ms > config->abort_timeout_ms
				    ? config->abort_timeout_ms : cmd->timeout_ms);
	counter_add(&nvme_tally_of(cmd)->submitted, 1);
	o->device->stats.submitted++;
	o->device->stats.outstanding++;
	session_stats(o->session)->submitted++;
	session_stats(o->session)->outstanding++;
	return 0;
}

int nvme_submit(struct opening *o, struct queue *q, const struct command_spec *spec,
		command_done done, void *arg, char *text, size_t size)
{
	struct nvme_device *nd = nvme_of(o->device);
	struct command *cmd;
	uint64_t need;
	int ret = nvme_check(nd, o, q, spec, &need, text, size);
	/* Held until namespaces are known again, it may well have its data. */
	bool no_pointers = ret == 1 && !(q && (nd->barrier || nd->refreshing));

	if (ret < 0)
		return ret;
	cmd = nvme_command_new(nd, o, q, &spec->sqe, done, arg);
	if (!cmd) {
		snprintf(text, size, "out of memory");
		return -ENOMEM;
	}
	cmd->least = need;
	cmd->id = spec->id;
	ret = no_pointers ? 0 : nvme_fill(cmd, spec, text, size);
	if (ret < 0) {
		nvme_command_free(cmd);
		return ret;
	}
	return nvme_submit_command(cmd, spec->timeout_ms, text, size);
}
