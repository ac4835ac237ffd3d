/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "client/vfnctl/print.h"

#define CNS_ALLOCATED_NAMESPACE 0x11

struct settings {
	bool vendor, force;
};

static const struct argp_option options[] = {
	{"vendor-specific", 'v', NULL, 0, "also dump what the vendor has there", 0},
	{"force", 'f', NULL, 0, "also of a namespace that is not attached", 0},
	{0},
};

static error_t option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct settings *s = settings;

	switch (key) {
	case 'v':
		s->vendor = true;
		return 0;
	case 'f':
		s->force = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct vfnc_completion cpl;
	uint8_t data[4096] = {0};
	struct vfnc_cmd cmd = {
		.opcode = 6,
		.cdw10 = s->force ? CNS_ALLOCATED_NAMESPACE : 0,
		.data_in = data,
		.length = sizeof(data),
	};
	int code = report_nsid(tool, &cmd.nsid);

	if (code)
		return code;
	if (vfnc_admin(tool->dev, &cmd, &cpl) < 0)
		return report_daemon(tool);
	code = report_status(&cpl);
	if (code == EXIT_OK)
		print_id_ns(stdout, data, cmd.nsid, tool->format, tool->human, s->vendor);
	return code;
}

const struct command cmd_id_ns = {
	.name = "id-ns",
	.summary = "Identify Namespace",
	.doc = "Send Identify Namespace and show the structure that comes back. Without "
	       "--namespace-id: of the only active namespace.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY | OPT_HUMAN | OPT_NSID,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run,
};
