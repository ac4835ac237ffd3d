/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/print.h"

struct settings {
	bool vendor;
};

static const struct argp_option options[] = {
	{"vendor-specific", 'v', NULL, 0, "also dump what the vendor has there", 0},
	{0},
};

static error_t option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct settings *s = settings;

	if (key != 'v')
		return ARGP_ERR_UNKNOWN;
	s->vendor = true;
	return 0;
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct vfnc_completion cpl;
	uint8_t data[4096] = {0};
	int code;

	if (vfnc_identify_ctrl(tool->dev, data, &cpl) < 0)
		return report_daemon(tool);
	code = report_status(&cpl);
	if (code == EXIT_OK)
		print_id_ctrl(stdout, data, tool->format, tool->human, s->vendor);
	return code;
}

const struct command cmd_id_ctrl = {
	.name = "id-ctrl",
	.summary = "Identify Controller",
	.doc = "Send Identify Controller and show the structure that comes back.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY | OPT_HUMAN,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run,
};
