/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <endian.h>
#include <libnvme.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/list.h"

#define RANGES 256

struct settings {
	const char *attributes, *blocks, *starts;
	bool deallocate, write, read, cdw11_given;
	uint32_t cdw11;
};

static const struct value values[] = {
	STRING(struct settings, attributes, 'a', "ctx-attrs", "LIST",
	     "context attributes of each range (else 0)"),
	NEEDED_STRING(struct settings, blocks, 'b', "blocks", "LIST",
		    "number of blocks of each range"),
	STRING(struct settings, starts, 's', "slbs", "LIST", "first block of each range (else 0)"),
	SWITCH(struct settings, deallocate, 'd', "ad", "deallocate the blocks"),
	SWITCH(struct settings, write, 'w', "idw", "they will be written as a whole"),
	SWITCH(struct settings, read, 'r', "idr", "they will be read as a whole"),
	OPTIONAL(struct settings, cdw11, 'c', "cdw11", UINT32_MAX,
		 "command dword 11, in place of the attributes"),
	VALUES_END,
};

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	uint64_t attributes[RANGES] = {0}, blocks[RANGES], starts[RANGES] = {0};
	struct nvme_dsm_range ranges[RANGES] = {0};
	struct vfnc_cmd cmd = {.opcode = nvme_cmd_dsm, .data_out = ranges};
	int n, others, code;

	n = list_parse(tool, "--blocks", s->blocks, UINT32_MAX, blocks, RANGES);
	if (n < 0)
		return EXIT_USAGE;
	others = s->starts ? list_parse(tool, "--slbs", s->starts, UINT64_MAX, starts, RANGES) : n;
	if (others >= 0 && others != n)
		return report(tool, EXIT_USAGE, "--slbs has %d entries, --blocks %d", others, n);
	if (others >= 0 && s->attributes)
		others = list_parse(tool, "--ctx-attrs", s->attributes, UINT32_MAX, attributes, RANGES);
	if (others >= 0 && others != n)
		return report(tool, EXIT_USAGE, "--ctx-attrs has %d entries, --blocks %d", others, n);
	if (others < 0)
		return EXIT_USAGE;
	for (int i = 0; i < n; i++) {
		ranges[i].cattr = htole32((uint32_t)attributes[i]);
		ranges[i].nlb = htole32((uint32_t)blocks[i]);
		ranges[i].slba = htole64(starts[i]);
	}
	cmd.cdw10 = (uint32_t)n - 1;
	cmd.cdw11 = s->cdw11_given ? s->cdw11
				   : (uint32_t)s->deallocate << 2 | (uint32_t)s->write << 1 |
					     (uint32_t)s->read;
	cmd.length = (uint64_t)n * sizeof(ranges[0]);
	code = report_nsid(tool, &cmd.nsid);
	if (code == EXIT_OK)
		code = command_io(tool, &cmd);
	if (code == EXIT_OK)
		printf("NVMe DSM: success\n");
	return code;
}

const struct command cmd_dsm = {
	.name = "dsm",
	.summary = "Dataset Management: deallocate blocks, and hints",
	.doc = "Send Dataset Management for up to 256 ranges of blocks. A LIST has numbers with commas "
	       "between them, one for each range. Without --namespace-id: to the only active "
	       "namespace.",
	.groups = OPT_DEVICE | OPT_NSID,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};
