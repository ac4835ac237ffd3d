/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw-download and fw-commit. */
#include "config.h"

#include <libnvme.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/progress.h"

#define IMAGE_MAX (UINT32_C(1) << 30)

struct download_settings {
	const char *file;
	uint32_t xfer;
	uint32_t offset; /* dwords */
	bool progress, ignore_overlap;
};

static const struct value download_values[] = {
	NEEDED_STRING(struct download_settings, file, 'f', "fw", "FILE", "the image"),
	NUMBER(struct download_settings, xfer, 'x', "xfer", UINT32_MAX,
	       "bytes of a part (else what the controller wants, or 4096)"),
	NUMBER(struct download_settings, offset, 'o', "offset", UINT32_MAX,
	       "where the image begins, in dwords"),
	SWITCH(struct download_settings, progress, 'p', "progress",
	       "show progress also where standard error is no terminal"),
	SWITCH(struct download_settings, ignore_overlap, 'i', "ignore-ovr",
	       "go on where the controller says that parts overlap"),
	VALUES_END,
};

/* The size of a part, by the controller's granularity (FWUG) and the longest transfer. */
static int part_size(struct tool *tool, const struct download_settings *s, uint32_t *size,
		     uint32_t *grain)
{
	struct vfnc_device_info *info;
	struct nvme_id_ctrl id;
	uint64_t max;
	int code = command_identify(tool, NVME_IDENTIFY_CNS_CTRL, 0, 0, 0, &id);

	if (code)
		return code;
	if (vfnc_device_info(tool->dev, &info) < 0)
		return report_daemon(tool);
	max = info->max_transfer;
	free(info);
	*grain = id.fwug && id.fwug != 0xff ? id.fwug * 4096u : 4;
	*size = s->xfer;
	if (!*size)
		*size = *grain > 4 ? *grain : 4096;
	if (!s->xfer && max && *size > max)
		*size = (uint32_t)max;
	if (*size % *grain)
		return report(tool, EXIT_USAGE, "--xfer: the controller takes multiples of %u bytes",
			      *grain);
	if (max && *size > max)
		return report(tool, EXIT_USAGE, "--xfer: the controller transfers %llu bytes at most",
			      (unsigned long long)max);
	return EXIT_OK;
}

static void show_part(const struct download_settings *s, size_t done, size_t size)
{
	static const char format[] = "Firmware download: transferring 0x%08zx/0x%08zx bytes: %03u%%";
	unsigned int percent = (unsigned int)(done * 100 / size);

	if (s->progress)
		fprintf(stderr, "\rFirmware download: transferring 0x%08zx/0x%08zx bytes: %03u%%",
			done, size, percent);
	else
		progress_show(format, done, size, percent);
}

static int download_part(struct tool *tool, const struct download_settings *s, uint32_t len,
			 size_t at, struct vfnc_buffer *buf)
{
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_fw_download,
		.cdw10 = len / 4 - 1,
		.cdw11 = s->offset + (uint32_t)(at / 4),
		.timeout_ms = 120000,
		.buffer = buf,
		.length = len,
	};
	struct vfnc_completion cpl = {0};
	int code;

	code = progress_command(tool, &cmd, &cpl, NULL, NULL);
	if (code == EXIT_STATUS && s->ignore_overlap &&
	    (cpl.status & 0x7ff) == (NVME_SCT_CMD_SPECIFIC << 8 | NVME_SC_OVERLAPPING_RANGE))
		code = EXIT_OK;
	return code;
}

static int download(struct tool *tool, const struct download_settings *s, const uint8_t *image,
		    size_t size, uint32_t part, uint32_t grain)
{
	struct vfnc_buffer *buf;
	int code = EXIT_OK;
	size_t at = 0;

	if (vfnc_buffer_alloc(tool->dev, part, &buf) < 0)
		return report_daemon(tool);
	progress_begin();
	while (at < size && code == EXIT_OK) {
		uint32_t len = size - at < part ? (uint32_t)(size - at) : part;

		show_part(s, at, size);
		memcpy(buf->vaddr, image + at, len);
		if (len % grain) { /* the last: filled up with zeroes */
			memset((uint8_t *)buf->vaddr + len, 0, grain - len % grain);
			code = download_part(tool, s, len + grain - len % grain, at, buf);
		} else {
			code = download_part(tool, s, len, at, buf);
		}
		if (code == EXIT_OK)
			at += len;
	}
	progress_end();
	if (s->progress)
		fputc('\n', stderr);
	if (code)
		report(tool, 0,
		       code == EXIT_SIGINT ? "interrupted after %zu of %zu bytes: nothing is committed"
					   : "failed after %zu of %zu bytes: nothing is committed",
		       at, size);
	/* An interrupted command may still read the buffer; the session's end frees it. */
	if (code == EXIT_OK)
		vfnc_buffer_free(buf);
	return code;
}

static int run_download(struct tool *tool, void *settings)
{
	const struct download_settings *s = settings;
	uint8_t *image;
	size_t size;
	uint32_t part, grain;
	int code = file_load(tool, s->file, &image, &size, IMAGE_MAX);

	if (code)
		return code;
	if (!size || size % 4)
		code = report(tool, EXIT_USAGE, "%s: %zu bytes: an image is a multiple of 4", s->file,
			      size);
	else if (UINT64_C(4) * s->offset + size > UINT64_C(4) * UINT32_MAX)
		code = report(tool, EXIT_USAGE, "--offset: the image would end behind 16 GiB");
	if (code == EXIT_OK)
		code = part_size(tool, s, &part, &grain);
	if (code == EXIT_OK)
		code = download(tool, s, image, size, part, grain);
	if (code == EXIT_OK)
		printf("Firmware download success\n");
	free(image);
	return code;
}

const struct command cmd_fw_download = {
	.name = "fw-download",
	.summary = "send a firmware image to the controller",
	.doc = "Send an image by Firmware Image Download. It does nothing until vfnctl fw-commit puts it "
	       "into a slot. On a terminal progress is shown; interrupted, it stops between two parts.",
	.groups = OPT_DEVICE,
	.values = download_values,
	.settings_size = sizeof(struct download_settings),
	.run = run_download,
};

struct commit_settings {
	uint8_t slot, action, bpid;
};

static const struct value commit_values[] = {
	NUMBER(struct commit_settings, slot, 's', "slot", 7, "firmware slot; 0: the controller chooses"),
	NUMBER(struct commit_settings, action, 'a', "action", 7,
	       "0 put the image into the slot, 1 and activate it with the next reset, 2 activate the "
	       "slot's image with the next reset, 3 activate it now, 6 put it into the boot partition, 7 "
	       "activate the boot partition"),
	NUMBER(struct commit_settings, bpid, 'b', "bpid", 1, "boot partition"),
	VALUES_END,
};

/* Statuses that tell what is still to be done (NVMe Base, "Firmware Commit": the commit succeeded). */
static const char *commit_hint(uint16_t status)
{
	if ((status >> 8 & 7) != NVME_SCT_CMD_SPECIFIC)
		return NULL;
	switch (status & 0xff) {
	case NVME_SC_FW_NEEDS_CONV_RESET:
		return "it is committed, and active after a conventional (PCI) reset";
	case NVME_SC_FW_NEEDS_SUBSYS_RESET:
		return "it is committed, and active after a reset of the subsystem";
	case NVME_SC_FW_NEEDS_RESET:
		return "it is committed, and active after a reset of the controller";
	case NVME_SC_FW_NEEDS_MAX_TIME:
		return "it needs longer than is allowed: use --action 1 and reset the controller";
	default:
		return NULL;
	}
}

static void show_commit(const struct commit_settings *s, uint32_t result)
{
	static const char overlap[] = "Detected an overlapping firmware/boot partition image update command "
				      "sequence due to processing a command from";

	printf("Success committing firmware action:%u slot:%u", s->action, s->slot);
	if (s->action >= 6)
		printf(" bpid:%u", s->bpid);
	putchar('\n');
	if (result & 3)
		printf("Multiple Update Detected (MUD) Value: %u\n", result);
	if (result & 2)
		printf("%s a Management Endpoint\n", overlap);
	if (result & 1)
		printf("%s an Admin SQ on a controller\n", overlap);
}

static int run_commit(struct tool *tool, void *settings)
{
	const struct commit_settings *s = settings;
	struct vfnc_completion cpl = {0};
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_fw_commit,
		.cdw10 = (uint32_t)s->bpid << 31 | (uint32_t)s->action << 3 | s->slot,
		.timeout_ms = 120000,
	};
	const char *hint;
	int code;

	if (s->action == 4 || s->action == 5)
		return report(tool, EXIT_USAGE, "--action: %u is reserved: 0 to 3, 6 or 7", s->action);
	code = command_admin(tool, &cmd, &cpl);
	hint = code == EXIT_STATUS ? commit_hint(cpl.status) : NULL;
	if (hint)
		report(tool, 0, "%s", hint);
	if (code == EXIT_OK)
		show_commit(s, cpl.dw0);
	return code;
}

const struct command cmd_fw_commit = {
	.name = "fw-commit",
	.alias = "fw-activate",
	.summary = "put a firmware image into a slot, or activate it",
	.doc = "Send Firmware Commit. Where the controller says that a reset is needed to activate the "
	       "image, that is said, and the exit code is 1.",
	.groups = OPT_DEVICE,
	.values = commit_values,
	.settings_size = sizeof(struct commit_settings),
	.run = run_commit,
};
