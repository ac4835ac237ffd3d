/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reset, subsystem-reset, claim, release: devices come, go, and begin again. */
#include "config.h"

#include "client/vfnctl/kinds.h"
#include "client/vfnctl/vfnctl.h"

struct settings {
	enum vfnc_reset_kind kind;
};

static error_t option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct settings *s = settings;

	return key == 'k' ? kinds_parse(state, arg, &s->kind) : ARGP_ERR_UNKNOWN;
}

static int reset(struct tool *tool, enum vfnc_reset_kind kind)
{
	struct vfnc_reset_result r;

	if (vfnc_reset(tool->dev, kind, &r) < 0)
		return report_daemon(tool);
	printf("reset and ready: CSTS was %#x, %u commands ended, %u queues are gone\n", r.csts, r.commands,
	       r.queues);
	return EXIT_OK;
}

static int run_reset(struct tool *tool, void *settings)
{
	return reset(tool, ((const struct settings *)settings)->kind);
}

static int run_subsystem(struct tool *tool, void *settings)
{
	return reset(tool, VFNC_RESET_SUBSYSTEM);
}

static int run_claim(struct tool *tool, void *settings)
{
	if (!tool->address)
		return report(tool, EXIT_USAGE, "which device?");
	return vfnc_claim(tool->conn, tool->address) < 0 ? report_daemon(tool) : EXIT_OK;
}

static int run_release(struct tool *tool, void *settings)
{
	if (!tool->address)
		return report(tool, EXIT_USAGE, "which device?");
	return vfnc_release(tool->conn, tool->address) < 0 ? report_daemon(tool) : EXIT_OK;
}

const struct command cmd_reset = {
	.name = "reset",
	.summary = "reset a device",
	.doc = "Reset a device, or shut it down, and bring it up again. All sessions lose their queues, and are told.",
	.groups = OPT_DEVICE,
	.options = kinds_options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_reset,
};

const struct command cmd_subsystem_reset = {
	.name = "subsystem-reset",
	.summary = "reset the whole NVM subsystem",
	.doc = "Reset the NVM subsystem (NSSR), and bring the controller up again.",
	.groups = OPT_DEVICE,
	.run = run_subsystem,
};

const struct command cmd_claim = {
	.name = "claim",
	.summary = "have the daemon claim a device",
	.doc = "Have the daemon claim a device, and wait until it is ready. One that cannot be claimed is listed, "
	       "with the reason, until `vfnctl release' takes it off the list.",
	.groups = OPT_ADDRESS,
	.run = run_claim,
};

const struct command cmd_release = {
	.name = "release",
	.summary = "have the daemon release a device",
	.doc = "Have the daemon release a device: its sessions lose it, once their commands have ended.",
	.groups = OPT_ADDRESS,
	.run = run_release,
};
