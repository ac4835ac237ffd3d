/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/print.h"

static int run(struct tool *tool, void *settings)
{
	uint32_t nsid = tool->nsid_given ? tool->nsid : UINT32_MAX;
	struct vfnc_completion cpl;
	uint8_t data[512] = {0};
	int code;

	if (vfnc_smart_log(tool->dev, nsid, data, &cpl) < 0)
		return report_daemon(tool);
	code = report_status(&cpl);
	if (code == EXIT_OK)
		print_smart(stdout, data, vfnc_device_address(tool->dev), nsid, tool->format,
			    tool->human);
	return code;
}

const struct command cmd_smart_log = {
	.name = "smart-log",
	.summary = "SMART / Health Information log page",
	.doc = "Read the SMART / Health Information log page of the controller, or with "
	       "--namespace-id of a namespace where the controller keeps one each.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY | OPT_HUMAN | OPT_NSID,
	.run = run,
};
