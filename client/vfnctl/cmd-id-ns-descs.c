/* SPDX-License-Identifier: GPL-2.0-or-later */
/* id-ns-descs and nvm-id-ns: what else there is to know of a namespace. */
#include "config.h"

#include <libnvme.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/print.h"

static int run_descs(struct tool *tool, void *settings)
{
	uint8_t data[NVME_IDENTIFY_DATA_SIZE];
	uint32_t nsid;
	int code = report_nsid(tool, &nsid);

	if (code == EXIT_OK)
		code = command_identify(tool, NVME_IDENTIFY_CNS_NS_DESC_LIST, nsid, 0, 0, data);
	if (code == EXIT_OK)
		print_descs(stdout, data, nsid, tool->format);
	return code;
}

const struct command cmd_id_ns_descs = {
	.name = "id-ns-descs",
	.alias = "ns-descs",
	.summary = "a namespace's identifiers",
	.doc = "Show the Namespace Identification Descriptors. Without --namespace-id: of the only "
	       "active namespace.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY | OPT_NSID,
	.run = run_descs,
};

struct settings {
	uint8_t uuid;
	bool verbose;
};

static const struct value values[] = {
	NUMBER(struct settings, uuid, 'U', "uuid-index", 0x7f, "UUID index"),
	SWITCH(struct settings, verbose, 'v', "verbose", "explain what the fields say"),
	VALUES_END,
};

static int run_nvm(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct nvme_id_ns ns;
	struct nvme_nvm_id_ns nvm;
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_identify,
		.cdw10 = NVME_IDENTIFY_CNS_CSI_NS,
		.cdw11 = (uint32_t)NVME_CSI_NVM << 24,
		.cdw14 = s->uuid,
	};
	int code = report_nsid(tool, &cmd.nsid);

	if (code == EXIT_OK)
		code = command_identify(tool, NVME_IDENTIFY_CNS_NS, cmd.nsid, 0, 0, &ns);
	if (code == EXIT_OK)
		code = command_admin_read(tool, &cmd, &nvm, sizeof(nvm), NULL);
	if (code == EXIT_OK)
		print_nvm_id_ns(stdout, &nvm, &ns, cmd.nsid, tool->format, s->verbose);
	return code;
}

const struct command cmd_nvm_id_ns = {
	.name = "nvm-id-ns",
	.summary = "Identify Namespace of the NVM command set",
	.doc = "Show what the NVM command set says of a namespace: formats of protection information "
	       "and storage tags. Without --namespace-id: of the only active namespace.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY | OPT_NSID,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run_nvm,
};
