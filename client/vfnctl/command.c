/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One command and its data, for commands that send one. */
#include "config.h"

#include <endian.h>
#include <libnvme.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/progress.h"

int command_admin(struct tool *tool, const struct vfnc_cmd *cmd, struct vfnc_completion *cpl)
{
	int64_t start = progress_now_ms();
	struct vfnc_completion own;
	int ret;

	if (!cpl)
		cpl = &own;
	do
		ret = vfnc_admin(tool->dev, cmd, cpl);
	while (progress_again(ret, start));
	if (ret < 0)
		return report_daemon(tool);
	return report_status(cpl);
}

/* Data that is too long to be sent with the message goes through a buffer. */
static int command_buffered(struct tool *tool, struct vfnc_cmd *cmd, void *data, size_t len, bool out,
			    struct vfnc_completion *cpl)
{
	struct vfnc_buffer *buf;
	int code;

	if (vfnc_buffer_alloc(tool->dev, len, &buf) < 0)
		return report_daemon(tool);
	if (out)
		memcpy(buf->vaddr, data, len);
	cmd->buffer = buf;
	code = command_admin(tool, cmd, cpl);
	if (!out && code == EXIT_OK)
		memcpy(data, buf->vaddr, len);
	cmd->buffer = NULL;
	vfnc_buffer_free(buf);
	return code;
}

int command_admin_read(struct tool *tool, struct vfnc_cmd *cmd, void *data, size_t len,
		       struct vfnc_completion *cpl)
{
	struct vfnc_limits limits;
	int code;

	vfnc_limits(tool->conn, &limits);
	cmd->length = len;
	if (len > limits.max_inline)
		return command_buffered(tool, cmd, data, len, false, cpl);
	cmd->data_in = len ? data : NULL;
	code = command_admin(tool, cmd, cpl);
	cmd->data_in = NULL;
	return code;
}

int command_admin_write(struct tool *tool, struct vfnc_cmd *cmd, const void *data, size_t len,
			struct vfnc_completion *cpl)
{
	struct vfnc_limits limits;
	int code;

	vfnc_limits(tool->conn, &limits);
	cmd->length = len;
	if (len > limits.max_inline)
		return command_buffered(tool, cmd, (void *)data, len, true, cpl);
	cmd->data_out = len ? data : NULL;
	code = command_admin(tool, cmd, cpl);
	cmd->data_out = NULL;
	return code;
}

int command_identify(struct tool *tool, uint8_t cns, uint32_t nsid, uint16_t cntid, uint8_t csi,
		     void *data)
{
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_identify,
		.nsid = nsid,
		.cdw10 = (uint32_t)cntid << 16 | cns,
		.cdw11 = (uint32_t)csi << 24,
	};

	return command_admin_read(tool, &cmd, data, NVME_IDENTIFY_DATA_SIZE, NULL);
}

/* Longest part of a log page that one command may bring. */
static int command_log_max(struct tool *tool, size_t *max)
{
	struct vfnc_device_info *info;

	if (vfnc_device_info(tool->dev, &info) < 0)
		return report_daemon(tool);
	*max = info->max_transfer && info->max_transfer < COMMAND_LOG_MAX ? info->max_transfer
									  : COMMAND_LOG_MAX;
	free(info);
	return EXIT_OK;
}

int command_log(struct tool *tool, const struct command_log *log, void *data, size_t len)
{
	size_t max = COMMAND_LOG_MAX;
	uint8_t *part;
	int code = EXIT_OK;

	if (len > NVME_LOG_PAGE_PDU_SIZE)
		code = command_log_max(tool, &max);
	part = malloc(len < max ? len + 3 : max);
	if (!part)
		return report(tool, EXIT_FILE, "no memory");
	for (size_t done = 0; done < len && code == EXIT_OK; done += max) {
		size_t n = len - done < max ? len - done : max;
		uint32_t numd = (uint32_t)((n + 3) / 4 - 1);
		uint64_t offset = log->offset + done;
		/* Events stay until the last part was read. */
		bool retain = log->rae || done + n < len;
		struct vfnc_cmd cmd = {
			.opcode = nvme_admin_get_log_page,
			.nsid = log->nsid,
			.cdw10 = numd << 16 | (uint32_t)retain << 15 | (log->lsp & 0x7fu) << 8 |
				 log->lid,
			.cdw11 = (uint32_t)log->lsi << 16 | numd >> 16,
			.cdw12 = (uint32_t)offset,
			.cdw13 = (uint32_t)(offset >> 32),
			.cdw14 = (uint32_t)log->csi << 24 | (uint32_t)log->ot << 23 | log->uuid,
		};

		code = command_admin_read(tool, &cmd, part, (n + 3) & ~(size_t)3, NULL);
		if (code == EXIT_OK)
			memcpy((uint8_t *)data + done, part, n);
	}
	free(part);
	return code;
}

int command_log_page(struct tool *tool, uint8_t lid, bool rae, void *data, size_t len)
{
	struct command_log log = {.nsid = NVME_NSID_ALL, .lid = lid, .rae = rae};

	return command_log(tool, &log, data, len);
}

int command_io(struct tool *tool, const struct vfnc_cmd *cmd)
{
	struct vfnc_completion cpl;
	struct vfnc_queue *queue;
	int code;

	if (vfnc_queue_create(tool->dev, NULL, &queue) < 0)
		return report_daemon(tool);
	if (vfnc_io(queue, cmd, &cpl) < 0)
		code = report_daemon(tool);
	else
		code = report_status(&cpl);
	vfnc_queue_delete(queue);
	return code;
}
