/* SPDX-License-Identifier: GPL-2.0-or-later */
/* read, write and compare: logical blocks from and to files. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libnvme.h>

#include "client/vfnctl/huge.h"
#include "client/vfnctl/tags.h"

enum { KEY_HUGE = VALUE_LONG };

struct settings {
	struct vfnc_buffer_opts place;
	uint64_t slba, data_size, metadata_size;
	uint32_t nlb; /* counts from 0 */
	uint32_t control;
	uint32_t dsm, dspec;
	struct tags tags;
	const char *data_file, *metadata_file;
	bool show, dry_run, latency;
};

static const struct argp_option options[] = {
	{"start-block", 's', "NUM", 0, "first block", 0},
	{"block-count", 'c', "NUM", 0, "number of blocks, counted from 0: 0 is one block", 0},
	{"data-size", 'z', "NUM", 0, "bytes of data (else what the blocks have)", 0},
	HUGE_OPTION(KEY_HUGE),
	{"metadata-size", 'y', "NUM", 0, "bytes of metadata in a separate buffer", 0},
	{"data", 'd', "FILE", 0, "data's file (else standard input or output)", 0},
	{"metadata", 'M', "FILE", 0, "metadata's file", 0},
	{"ref-tag", 'r', "NUM", 0, "reference tag of protection information", 0},
	{"storage-tag", 'g', "NUM", 0, "storage tag of protection information", 0},
	{"prinfo", 'p', "NUM", 0, "protection information: action and checks", 0},
	{"app-tag-mask", 'm', "NUM", 0, "mask of the application tag", 0},
	{"app-tag", 'a', "NUM", 0, "application tag", 0},
	{"limited-retry", 'l', NULL, 0, "try less hard", 0},
	{"force-unit-access", 'f', NULL, 0, "to the medium before the command is complete", 0},
	{"storage-tag-check", 'C', NULL, 0, "check the storage tag", 0},
	{"dir-type", 'T', "NUM", 0, "directive type (write)", 0},
	{"dir-spec", 'S', "NUM", 0, "directive specific value (write)", 0},
	{"dsm", 'D', "NUM", 0, "dataset management attributes", 0},
	{"show-command", 'v', NULL, 0, "print the command before it is sent", 0},
	{"dry-run", 'w', NULL, 0, "print the command and do not send it", 0},
	{"latency", 't', NULL, 0, "print how long it took", 0},
	{0},
};

static error_t option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct settings *s = settings;

	switch (key) {
	case 's':
		s->slba = option_number(state, "--start-block", arg, UINT64_MAX);
		return 0;
	case 'c':
		s->nlb = (uint32_t)option_number(state, "--block-count", arg, UINT16_MAX);
		return 0;
	case 'z':
		s->data_size = option_number(state, "--data-size", arg, UINT32_MAX);
		return 0;
	case KEY_HUGE:
		s->place.page_size = option_number(state, "--huge-pages", arg, UINT64_MAX);
		return 0;
	case 'y':
		s->metadata_size = option_number(state, "--metadata-size", arg, UINT32_MAX);
		return 0;
	case 'd':
		s->data_file = arg;
		return 0;
	case 'M':
		s->metadata_file = arg;
		return 0;
	case 'r':
		s->tags.reference = option_number(state, "--ref-tag", arg, UINT64_MAX);
		return 0;
	case 'g':
		s->tags.storage = option_number(state, "--storage-tag", arg, UINT64_MAX);
		return 0;
	case 'p':
		s->control |= (uint32_t)option_number(state, "--prinfo", arg, 15) << 26;
		return 0;
	case 'm':
		s->tags.mask = (uint16_t)option_number(state, "--app-tag-mask", arg, UINT16_MAX);
		return 0;
	case 'a':
		s->tags.application = (uint16_t)option_number(state, "--app-tag", arg, UINT16_MAX);
		return 0;
	case 'l':
		s->control |= UINT32_C(1) << 31;
		return 0;
	case 'f':
		s->control |= UINT32_C(1) << 30;
		return 0;
	case 'C':
		s->control |= UINT32_C(1) << 24;
		return 0;
	case 'T':
		s->control |= (uint32_t)option_number(state, "--dir-type", arg, 15) << 20;
		return 0;
	case 'S':
		s->dspec = (uint32_t)option_number(state, "--dir-spec", arg, UINT16_MAX);
		return 0;
	case 'D':
		s->dsm = (uint32_t)option_number(state, "--dsm", arg, UINT8_MAX);
		return 0;
	case 'v':
		s->show = true;
		return 0;
	case 'w':
		s->dry_run = true;
		return 0;
	case 't':
		s->latency = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Bytes of a block in the data buffer: with its metadata where the format has it there. */
static int block_size(struct tool *tool, uint32_t nsid, uint64_t *size)
{
	struct vfnc_completion cpl;
	struct nvme_id_ns ns;
	unsigned int format;
	int code;

	if (vfnc_identify_ns(tool->dev, nsid, &ns, &cpl) < 0)
		return report_daemon(tool);
	code = report_status(&cpl);
	if (code)
		return code;
	format = (ns.flbas & 0xf) | (ns.nlbaf > 15 ? (ns.flbas >> 5 & 3u) << 4 : 0);
	if (ns.lbaf[format].ds < 9 || ns.lbaf[format].ds > 31)
		return report(tool, EXIT_STATUS, "namespace %u is not active", nsid);
	*size = UINT64_C(1) << ns.lbaf[format].ds;
	if (ns.flbas & 0x10)
		*size += le16toh(ns.lbaf[format].ms);
	return EXIT_OK;
}

static void show(const struct settings *s, const struct vfnc_cmd *cmd)
{
	fprintf(stderr, "opcode       : %02x\nnsid         : %02x\nflags        : %02x\n",
		cmd->opcode, cmd->nsid, cmd->flags);
	fprintf(stderr, "control      : %04x\nnblocks      : %04x\n", cmd->cdw12 >> 16, s->nlb);
	fprintf(stderr, "slba         : %" PRIx64 "\ndsmgmt       : %08x\n", s->slba, cmd->cdw13);
	fprintf(stderr, "reftag       : %" PRIx64 "\napptag       : %04x\nappmask      : %04x\n",
		s->tags.reference, s->tags.application, s->tags.mask);
	fprintf(stderr, "storagetag   : %" PRIx64 "\n", s->tags.storage);
}

static void set_command(const struct settings *s, struct vfnc_cmd *cmd)
{
	cmd->cdw10 = (uint32_t)s->slba;
	cmd->cdw11 = (uint32_t)(s->slba >> 32);
	cmd->cdw12 = s->nlb | s->control;
	cmd->cdw13 = s->dspec << 16 | s->dsm;
}

static int execute(struct tool *tool, const struct settings *s, struct vfnc_queue *queue,
		   const struct vfnc_cmd *cmd)
{
	struct vfnc_completion cpl;
	struct timespec a, b;
	int ret;

	clock_gettime(CLOCK_MONOTONIC, &a);
	ret = vfnc_io(queue, cmd, &cpl);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (ret < 0)
		return report_daemon(tool);
	if (s->latency)
		fprintf(stderr, " latency: %s: %lld us\n", tool->name,
			(long long)(b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
	return report_status(&cpl);
}

static int transfer(struct tool *tool, const struct settings *s, struct vfnc_cmd *cmd)
{
	bool write = cmd->opcode != nvme_cmd_read;
	struct vfnc_buffer *buf, *meta = NULL;
	struct vfnc_queue *queue;
	int code = huge_alloc(tool, cmd->length, &s->place, &buf);

	if (code)
		return code;
	if ((s->metadata_size && vfnc_buffer_alloc(tool->dev, s->metadata_size, &meta) < 0) ||
	    vfnc_queue_create(tool->dev, NULL, &queue) < 0)
		return report_daemon(tool);
	cmd->buffer = buf;
	if (meta) {
		cmd->meta_buffer = meta;
		cmd->meta_length = s->metadata_size;
	}
	if (write)
		code = file_read(tool, s->data_file, buf->vaddr, cmd->length);
	if (write && meta && s->metadata_file && code == EXIT_OK)
		code = file_read(tool, s->metadata_file, meta->vaddr, s->metadata_size);
	if (code == EXIT_OK)
		code = execute(tool, s, queue, cmd);
	if (!write && code == EXIT_OK)
		code = file_write(tool, s->data_file, buf->vaddr, cmd->length);
	if (!write && meta && s->metadata_file && code == EXIT_OK)
		code = file_write(tool, s->metadata_file, meta->vaddr, s->metadata_size);
	if (code == EXIT_OK)
		fprintf(stderr, "%s: Success\n", tool->name);
	return code;
}

static int run(struct tool *tool, const struct settings *s, uint8_t opcode)
{
	struct vfnc_cmd cmd = {.opcode = opcode};
	uint64_t size, needed;
	int code = report_nsid(tool, &cmd.nsid);

	if (code == EXIT_OK)
		code = block_size(tool, cmd.nsid, &size);
	if (code)
		return code;
	needed = size * (s->nlb + UINT64_C(1));
	cmd.length = s->data_size ? s->data_size : needed;
	if (cmd.length < needed) {
		fprintf(stderr, "Rounding data size to fit block count (%" PRIu64 " bytes)\n", needed);
		cmd.length = needed;
	}
	if (cmd.length > needed)
		return report(tool, EXIT_USAGE,
			      "--data-size: %" PRIu64 " bytes, but %u blocks have %" PRIu64
			      ": is --block-count missing?",
			      cmd.length, s->nlb + 1, needed);
	set_command(s, &cmd);
	code = tags_set(tool, &s->tags, &cmd);
	if (code)
		return code;
	if (s->show || s->dry_run)
		show(s, &cmd);
	return s->dry_run ? EXIT_OK : transfer(tool, s, &cmd);
}

static int run_read(struct tool *tool, void *settings)
{
	return run(tool, settings, nvme_cmd_read);
}

static int run_write(struct tool *tool, void *settings)
{
	return run(tool, settings, nvme_cmd_write);
}

static int run_compare(struct tool *tool, void *settings)
{
	return run(tool, settings, nvme_cmd_compare);
}

const struct command cmd_read = {
	.name = "read",
	.summary = "logical blocks to a file",
	.doc = "Copy logical blocks to a file or to standard output. Without --namespace-id: of the "
	       "only active namespace.",
	.groups = OPT_DEVICE | OPT_NSID,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_read,
};

const struct command cmd_write = {
	.name = "write",
	.summary = "a file to logical blocks",
	.doc = "Copy a file or standard input to logical blocks. What is shorter than the blocks is "
	       "filled up with zeroes.",
	.groups = OPT_DEVICE | OPT_NSID,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_write,
};

const struct command cmd_compare = {
	.name = "compare",
	.summary = "logical blocks with a file",
	.doc = "Have the controller compare logical blocks with a file or standard input. What is "
	       "shorter than the blocks is filled up with zeroes. Blocks that differ are the status "
	       "Compare Failure, and exit code 1.",
	.groups = OPT_DEVICE | OPT_NSID,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_compare,
};
