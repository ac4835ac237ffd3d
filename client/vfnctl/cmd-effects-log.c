/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <endian.h>
#include <libnvme.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/print.h"

/* CAP.CSS: the controller has command sets that CC.CSS and this log page can choose among. */
#define CAP_CSS_SETS (UINT64_C(1) << 43)

struct settings {
	bool csi_given;
	uint8_t csi;
};

static const struct value values[] = {
	OPTIONAL(struct settings, csi, 'c', "csi", UINT8_MAX,
		 "the command set (if not given, those of NVM and of zoned namespaces)"),
	VALUES_END,
};

static int get(struct tool *tool, uint8_t csi, void *data)
{
	struct command_log log = {
		.nsid = NVME_NSID_ALL, .lid = NVME_LOG_LID_CMD_EFFECTS, .csi = csi};

	return command_log(tool, &log, data, sizeof(struct nvme_cmd_effects_log));
}

/* Without --csi: zoned namespaces only where the controller has them, which it says in its list. */
static int has_zns(struct tool *tool, bool *zns)
{
	struct vfnc_completion cpl;
	struct nvme_id_iocs iocs;
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_identify,
		.cdw10 = UINT32_C(0xffff0000) | NVME_IDENTIFY_CNS_COMMAND_SET_STRUCTURE,
		.data_in = &iocs,
		.length = sizeof(iocs),
	};
	uint64_t cap;

	*zns = false;
	if (vfnc_register_read(tool->dev, "cap", &cap) < 0)
		return report_daemon(tool);
	if (!(cap & CAP_CSS_SETS))
		return EXIT_OK;
	if (vfnc_admin(tool->dev, &cmd, &cpl) < 0)
		return report_daemon(tool);
	for (int i = 0; vfnc_ok(&cpl) && i < 512; i++)
		*zns |= le64toh(iocs.iocsc[i]) >> NVME_CSI_ZNS & 1;
	return EXIT_OK;
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	uint8_t data[2][sizeof(struct nvme_cmd_effects_log)];
	struct print_effects sets[2];
	size_t n = 0;
	bool zns = false;
	int code = EXIT_OK;

	if (!s->csi_given && tool->format != FORMAT_BINARY)
		code = has_zns(tool, &zns);
	if (zns)
		sets[n++].csi = NVME_CSI_ZNS;
	sets[n++].csi = s->csi;
	for (size_t i = 0; i < n && code == EXIT_OK; i++) {
		sets[i].data = data[i];
		code = get(tool, sets[i].csi, data[i]);
	}
	if (code == EXIT_OK)
		print_effects(stdout, sets, n, tool->format, tool->human);
	return code;
}

const struct command cmd_effects_log = {
	.name = "effects-log",
	.summary = "Commands Supported and Effects log page",
	.doc = "Read the Commands Supported and Effects log page: the commands that the controller "
	       "knows, and what they can change. With --human-readable: CSUPP supported, LBCC logical "
	       "blocks change, NCC namespaces' capabilities change, NIC the inventory of namespaces "
	       "changes, CCC the controller's capabilities change, USS a UUID may be selected.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY | OPT_HUMAN,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};
