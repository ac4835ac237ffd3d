/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list-ns and list-secondary: lists that Identify gives. */
#include "config.h"

#include <libnvme.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/print.h"

struct settings {
	bool csi_given, all;
	uint8_t csi;
};

static const struct value values[] = {
	OPTIONAL(struct settings, csi, 'y', "csi", UINT8_MAX, "those of this command set"),
	SWITCH(struct settings, all, 'a', "all", "also those that are not attached"),
	VALUES_END,
};

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	uint8_t data[NVME_IDENTIFY_DATA_SIZE], cns;
	int code;

	if (tool->nsid_given && (!tool->nsid || tool->nsid > UINT32_MAX - 1))
		return report(tool, EXIT_USAGE, "--namespace-id: from 1 to 0xfffffffe");
	if (s->csi_given)
		cns = s->all ? NVME_IDENTIFY_CNS_CSI_ALLOCATED_NS_LIST
			     : NVME_IDENTIFY_CNS_CSI_NS_ACTIVE_LIST;
	else
		cns = s->all ? NVME_IDENTIFY_CNS_ALLOCATED_NS_LIST
			     : NVME_IDENTIFY_CNS_NS_ACTIVE_LIST;
	/* The list begins behind the identifier of the command. */
	code = command_identify(tool, cns, tool->nsid_given ? tool->nsid - 1 : 0, 0, s->csi, data);
	if (code == EXIT_OK)
		print_ns_list(stdout, data, tool->format);
	return code;
}

const struct command cmd_list_ns = {
	.name = "list-ns",
	.summary = "the controller's namespaces",
	.doc = "List the active namespaces, from --namespace-id on; with --all those that exist.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_NSID,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};

struct secondary_settings {
	uint16_t cntid;
	uint32_t entries;
};

static const struct secondary_settings secondary_defaults = {.entries = NVME_ID_SECONDARY_CTRL_MAX};

static const struct value secondary_values[] = {
	NUMBER(struct secondary_settings, cntid, 'c', "cntid", UINT16_MAX,
	       "the lowest controller identifier"),
	NUMBER(struct secondary_settings, entries, 'e', "num-entries", UINT32_MAX,
	       "how many entries, all if not given"),
	VALUES_END,
};

static int run_secondary(struct tool *tool, void *settings)
{
	const struct secondary_settings *s = settings;
	uint8_t data[NVME_IDENTIFY_DATA_SIZE];
	int code;

	if (!s->entries)
		return report(tool, EXIT_USAGE, "--num-entries: 1 is the least");
	code = command_identify(tool, NVME_IDENTIFY_CNS_SECONDARY_CTRL_LIST, tool->nsid, s->cntid, 0,
				data);
	if (code == EXIT_OK)
		print_secondary(stdout, data, s->entries, tool->format);
	return code;
}

const struct command cmd_list_secondary = {
	.name = "list-secondary",
	.summary = "the controller's secondary controllers",
	.doc = "List the secondary controllers of this primary controller, and the flexible resources "
	       "that each has.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY | OPT_NSID,
	.values = secondary_values,
	.defaults = &secondary_defaults,
	.settings_size = sizeof(struct secondary_settings),
	.run = run_secondary,
};
