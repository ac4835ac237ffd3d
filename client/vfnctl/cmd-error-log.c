/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <libnvme.h>
#include <stdlib.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/print.h"

#define ENTRIES_MAX 256 /* ELPE has eight bits */

struct settings {
	uint32_t entries;
};

static const struct settings defaults = {.entries = 64};

static const struct value values[] = {
	NUMBER(struct settings, entries, 'e', "log-entries", UINT32_MAX,
	       "how many entries, 64 if not given; never more than the controller has"),
	VALUES_END,
};

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct nvme_id_ctrl id;
	unsigned int n = s->entries;
	void *log;
	int code;

	if (!n)
		return report(tool, EXIT_USAGE, "--log-entries: 1 is the least");
	code = command_identify(tool, NVME_IDENTIFY_CNS_CTRL, 0, 0, 0, &id);
	if (code)
		return code;
	if (n > id.elpe + 1u)
		n = id.elpe + 1u;
	log = calloc(ENTRIES_MAX, sizeof(struct nvme_error_log_page));
	if (!log)
		return report(tool, EXIT_FILE, "no memory");
	code = command_log_page(tool, NVME_LOG_LID_ERROR, false, log,
				n * sizeof(struct nvme_error_log_page));
	if (code == EXIT_OK)
		print_error_log(stdout, log, n, vfnc_device_address(tool->dev), tool->format);
	free(log);
	return code;
}

const struct command cmd_error_log = {
	.name = "error-log",
	.summary = "Error Information log page",
	.doc = "Read the Error Information log page: the last errors, the newest first.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY,
	.values = values,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.run = run,
};
