/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drivers are changed by vfnd-bind, as root; here only to be found where the other commands are. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client/vfnctl/vfnctl.h"

#define BIND_PROGRAM SBINDIR "/vfnd-bind"

struct settings {
	bool force;
};

/* Becomes vfnd-bind, whose exit status is ours then. */
static int become(struct tool *tool, bool force)
{
	if (!tool->address)
		return report(tool, EXIT_USAGE, "which device? An address, like 0000:01:00.0");
	if (geteuid() != 0)
		return report(tool, EXIT_USAGE, "only root changes drivers: sudo vfnctl %s %s",
			      tool->name, tool->address);
	fflush(NULL);
	if (force)
		execl(BIND_PROGRAM, "vfnd-bind", "--force", tool->name, tool->address, (char *)NULL);
	else
		execl(BIND_PROGRAM, "vfnd-bind", tool->name, tool->address, (char *)NULL);
	return report(tool, EXIT_FILE, "%s: %s; it is part of vfnd", BIND_PROGRAM, strerror(errno));
}

static int run_bind(struct tool *tool, void *settings)
{
	const struct settings *s = settings;

	return become(tool, s->force);
}

static int run_unbind(struct tool *tool, void *settings)
{
	return become(tool, false);
}

static const struct value values[] = {
	SWITCH(struct settings, force, 'f', "force", "also when its disks are in use by the system"),
	VALUES_END,
};

const struct command cmd_bind = {
	.name = "bind",
	.summary = "give a PCI device to vfio-pci (root)",
	.doc = "Take a PCI device from its driver and give it to vfio-pci, for the daemon to claim. As root, on "
	       "the machine of the device; the exit code is that of vfnd-bind(8), which does it.",
	.groups = OPT_ADDRESS | OPT_LOCAL,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run_bind,
};

const struct command cmd_unbind = {
	.name = "unbind",
	.summary = "give a PCI device back to its driver (root)",
	.doc = "Give a PCI device back to the driver that it had. If the daemon has it, its sessions lose it. As "
	       "root, on the machine of the device; the exit code is that of vfnd-bind(8), which does it.",
	.groups = OPT_ADDRESS | OPT_LOCAL,
	.run = run_unbind,
};
