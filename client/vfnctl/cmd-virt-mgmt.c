/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <libnvme.h>

#include "client/vfnctl/command.h"

struct settings {
	uint16_t cntlid, nr;
	uint8_t rt, act;
};

static const struct value values[] = {
	NEEDED(struct settings, cntlid, 'c', "cntlid", UINT16_MAX, "the controller's identifier"),
	NUMBER(struct settings, rt, 'r', "rt", 1, "resources: 0 queues, 1 interrupts"),
	NEEDED(struct settings, act, 'a', "act", 15,
	       "1 give flexible resources to the primary controller, 7 take a secondary one offline, 8 "
	       "assign resources to it, 9 take it online"),
	NUMBER(struct settings, nr, 'n', "nr", UINT16_MAX, "number of resources"),
	VALUES_END,
};

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct vfnc_completion cpl;
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_virtual_mgmt,
		.cdw10 = (uint32_t)s->cntlid << 16 | (uint32_t)s->rt << 8 | s->act,
		.cdw11 = s->nr,
	};
	int code;

	if (s->act != 1 && s->act != 7 && s->act != 8 && s->act != 9)
		return report(tool, EXIT_USAGE, "--act: 1, 7, 8 or 9, not %u", s->act);
	code = command_admin(tool, &cmd, &cpl);
	if (code == EXIT_OK)
		printf("success, Number of Controller Resources Modified (NRM):%#x\n", cpl.dw0);
	return code;
}

const struct command cmd_virt_mgmt = {
	.name = "virt-mgmt",
	.summary = "resources and state of secondary controllers",
	.doc = "Send Virtualization Management: move flexible resources between the primary controller "
	       "and its secondary ones, and take these online or offline.",
	.groups = OPT_DEVICE,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};
