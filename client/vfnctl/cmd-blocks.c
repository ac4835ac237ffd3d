/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write-zeroes, verify and flush: I/O commands without data. */
#include "config.h"

#include <libnvme.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/tags.h"

struct settings {
	uint64_t slba;
	uint16_t nlb; /* counts from 0 */
	uint8_t prinfo;
	bool retry, fua, check, deallocate;
	struct tags tags;
};

#define BLOCK_VALUES                                                                               \
	NUMBER(struct settings, slba, 's', "start-block", UINT64_MAX, "first block"),              \
		NUMBER(struct settings, nlb, 'c', "block-count", UINT16_MAX,                       \
		       "number of blocks, counted from 0: 0 is one block"),                        \
		SWITCH(struct settings, retry, 'l', "limited-retry", "try less hard"),             \
		SWITCH(struct settings, fua, 'f', "force-unit-access",                             \
		       "what is cached goes to the medium first"),                                 \
		NUMBER(struct settings, prinfo, 'p', "prinfo", 15,                                 \
		       "protection information: action and checks"),                               \
		NUMBER(struct settings, tags.reference, 'r', "ref-tag", UINT64_MAX,                \
		       "reference tag of protection information"),                                 \
		NUMBER(struct settings, tags.mask, 'm', "app-tag-mask", UINT16_MAX,                \
		       "mask of the application tag"),                                             \
		NUMBER(struct settings, tags.application, 'a', "app-tag", UINT16_MAX,              \
		       "application tag"),                                                         \
		NUMBER(struct settings, tags.storage, 'S', "storage-tag", UINT64_MAX,              \
		       "storage tag of protection information"),                                   \
		SWITCH(struct settings, check, 'C', "storage-tag-check", "check the storage tag")

static const struct value zeroes_values[] = {
	BLOCK_VALUES,
	SWITCH(struct settings, deallocate, 'd', "deac", "the blocks may be deallocated"),
	VALUES_END,
};

static const struct value verify_values[] = {BLOCK_VALUES, VALUES_END};

static int run(struct tool *tool, const struct settings *s, uint8_t opcode, const char *done)
{
	struct vfnc_cmd cmd = {
		.opcode = opcode,
		.cdw10 = (uint32_t)s->slba,
		.cdw11 = (uint32_t)(s->slba >> 32),
		.cdw12 = s->nlb | (uint32_t)s->retry << 31 | (uint32_t)s->fua << 30 |
			 (uint32_t)s->prinfo << 26 | (uint32_t)s->deallocate << 25 |
			 (uint32_t)s->check << 24,
	};
	int code = report_nsid(tool, &cmd.nsid);

	if (code == EXIT_OK)
		code = tags_set(tool, &s->tags, &cmd);
	if (code == EXIT_OK)
		code = command_io(tool, &cmd);
	if (code == EXIT_OK)
		printf("%s\n", done);
	return code;
}

static int run_zeroes(struct tool *tool, void *settings)
{
	return run(tool, settings, nvme_cmd_write_zeroes, "NVME Write Zeroes Success");
}

static int run_verify(struct tool *tool, void *settings)
{
	return run(tool, settings, nvme_cmd_verify, "NVME Verify Success");
}

static int run_flush(struct tool *tool, void *settings)
{
	struct vfnc_cmd cmd = {.opcode = nvme_cmd_flush};
	int code = report_nsid(tool, &cmd.nsid);

	if (code == EXIT_OK)
		code = command_io(tool, &cmd);
	if (code == EXIT_OK)
		printf("NVMe Flush: success\n");
	return code;
}

const struct command cmd_write_zeroes = {
	.name = "write-zeroes",
	.summary = "set logical blocks to zero",
	.doc = "Send Write Zeroes. Without --namespace-id: to the only active namespace.",
	.groups = OPT_DEVICE | OPT_NSID,
	.values = zeroes_values,
	.settings_size = sizeof(struct settings),
	.run = run_zeroes,
};

const struct command cmd_verify = {
	.name = "verify",
	.summary = "have logical blocks read and checked",
	.doc = "Send Verify: the controller reads the blocks and checks them, and transfers nothing.",
	.groups = OPT_DEVICE | OPT_NSID,
	.values = verify_values,
	.settings_size = sizeof(struct settings),
	.run = run_verify,
};

const struct command cmd_flush = {
	.name = "flush",
	.summary = "what was written to the medium",
	.doc = "Send Flush: what was written before is on the medium when it is complete. Without "
	       "--namespace-id: of the only active namespace.",
	.groups = OPT_DEVICE | OPT_NSID,
	.run = run_flush,
};
