/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that the loop has sent, for those who trace the device. */
#include "daemon/device/nvme.h"

#include <endian.h>
#include <string.h>

#include <vfn/support.h>

#include "daemon/device/tracer.h"

static uint16_t nvme_trace_flags(const struct command *cmd)
{
	return (uint16_t)((cmd->raw ? TRACE_RAW : 0) | (cmd->opening ? 0 : TRACE_DAEMON) |
			  (cmd->timed_out ? TRACE_TIMED_OUT : 0) | (cmd->told ? TRACE_LATE : 0));
}

void nvme_trace(const struct command *cmd, const struct nvme_cqe *cqe, int error)
{
	const struct trace_list *traces = &cmd->nd->dev->traces;
	struct trace_owner owner;
	struct trace_entry entry;

	if (!traces->n)
		return;
	owner = tracer_owner(cmd->opening);
	entry = (struct trace_entry){
		.length = htole64(cmd->least),
		.qid = htole16(cmd->queue ? cmd->queue->qid : 0),
		.cid = htole16(cmd->sqe.cid),
		.flags = htole16(nvme_trace_flags(cmd)),
		.error = htole32((uint32_t)-error),
	};
	if (cqe) {
		/* as the controller wrote it */
		memcpy(&entry.result, &cqe->qw0, sizeof(entry.result));
		entry.status = htole16(le16_to_cpu(cqe->sfp) >> 1);
	}
	memcpy(entry.sqe, &cmd->sqe, sizeof(entry.sqe));
	trace_put(traces, TRACE_LANE_LOOP, &owner, &entry, cmd->submitted);
}
