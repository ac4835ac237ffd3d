/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log pages that are one structure: fw-log, changed-ns-list-log, self-test-log, sanitize-log. */
#include "config.h"

#include <libnvme.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/print.h"

static int run_fw(struct tool *tool, void *settings)
{
	struct nvme_firmware_slot log;
	int code = command_log_page(tool, NVME_LOG_LID_FW_SLOT, false, &log, sizeof(log));

	if (code == EXIT_OK)
		print_fw_log(stdout, &log, vfnc_device_address(tool->dev), tool->format);
	return code;
}

const struct command cmd_fw_log = {
	.name = "fw-log",
	.summary = "Firmware Slot Information log page",
	.doc = "Read the Firmware Slot Information log page: which slot is active, and what is in "
	       "each.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY,
	.run = run_fw,
};

static int run_changed_ns(struct tool *tool, void *settings)
{
	uint8_t log[4096];
	int code = command_log_page(tool, NVME_LOG_LID_CHANGED_NS, true, log, sizeof(log));

	if (code == EXIT_OK)
		print_changed_ns(stdout, log, vfnc_device_address(tool->dev), tool->format);
	return code;
}

const struct command cmd_changed_ns_list_log = {
	.name = "changed-ns-list-log",
	.summary = "Changed Namespace List log page",
	.doc = "Read the Changed Namespace List log page, and leave the event that it belongs to. The "
	       "daemon reads and clears it when the controller reports a change, and hands it on: see "
	       "vfnctl events.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY,
	.run = run_changed_ns,
};

struct self_test_settings {
	uint8_t entries;
	bool verbose;
};

static const struct self_test_settings self_test_defaults = {.entries = NVME_LOG_ST_MAX_RESULTS};

static const struct value self_test_values[] = {
	NUMBER(struct self_test_settings, entries, 'e', "dst-entries", NVME_LOG_ST_MAX_RESULTS,
	       "how many results, all 20 if not given"),
	SWITCH(struct self_test_settings, verbose, 'v', "verbose", "say what the numbers mean"),
	VALUES_END,
};

static int run_self_test(struct tool *tool, void *settings)
{
	const struct self_test_settings *s = settings;
	struct nvme_self_test_log log;
	int code = command_log_page(tool, NVME_LOG_LID_DEVICE_SELF_TEST, false, &log, sizeof(log));

	if (code == EXIT_OK)
		print_self_test_log(stdout, &log, s->entries, vfnc_device_address(tool->dev),
				    tool->format, s->verbose);
	return code;
}

const struct command cmd_self_test_log = {
	.name = "self-test-log",
	.summary = "Device Self-test log page",
	.doc = "Read the Device Self-test log page: the test under way, and the results of the last "
	       "ones, the newest first.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY,
	.values = self_test_values,
	.defaults = &self_test_defaults,
	.settings_size = sizeof(struct self_test_settings),
	.run = run_self_test,
};

struct sanitize_settings {
	bool rae;
};

static const struct value sanitize_values[] = {
	SWITCH(struct sanitize_settings, rae, 'r', "rae", "leave the event that it belongs to"),
	VALUES_END,
};

static int run_sanitize(struct tool *tool, void *settings)
{
	const struct sanitize_settings *s = settings;
	struct nvme_sanitize_log_page log;
	int code = command_log_page(tool, NVME_LOG_LID_SANITIZE, s->rae, &log, sizeof(log));

	if (code == EXIT_OK)
		print_sanitize_log(stdout, &log, vfnc_device_address(tool->dev), tool->format,
				   tool->human);
	return code;
}

const struct command cmd_sanitize_log = {
	.name = "sanitize-log",
	.summary = "Sanitize Status log page",
	.doc = "Read the Sanitize Status log page: how far a sanitize operation is, or how the last "
	       "one ended.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY | OPT_HUMAN,
	.values = sanitize_values,
	.settings_size = sizeof(struct sanitize_settings),
	.run = run_sanitize,
};
