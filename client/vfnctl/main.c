/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfnctl: look at and use the devices of vfnd. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/vfnctl.h"

static const struct command *const commands[] = {
	&cmd_list,      &cmd_info, &cmd_show_regs, &cmd_id_ctrl,        &cmd_id_ns,
	&cmd_smart_log, &cmd_read, &cmd_write,     &cmd_admin_passthru, &cmd_io_passthru,
	&cmd_events,    &cmd_stats,
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *out)
{
	fprintf(out, "usage: vfnctl COMMAND [DEVICE] [OPTION...]\n\n"
		     "DEVICE is an address as `vfnctl list' shows it; it may be left out where the "
		     "daemon\nhas one device.\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "  %-16s %s\n", "help [COMMAND]", "explain a command");
	fprintf(out, "  %-16s %s\n", "--version", "print the version");
	fprintf(out, "\nThe daemon is reached at --socket PATH, else $VFND_SOCKET, else %s.\n",
		VFNC_DEFAULT_SOCKET);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	fprintf(stderr, "vfnctl: there is no command '%s': `vfnctl help' names them\n", name);
	return NULL;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct tool tool = {.name = cmd->name};
	void *settings = calloc(1, cmd->settings_size + 1);
	int code;

	if (!settings)
		return report(&tool, EXIT_FILE, "no memory");
	options_parse(cmd, argc, argv, &tool, settings);
	if (vfnc_connect(tool.socket, &tool.conn) < 0 ||
	    ((cmd->groups & OPT_DEVICE) && vfnc_open(tool.conn, tool.address, &tool.dev) < 0))
		code = report_daemon(&tool);
	else
		code = report_output(&tool, cmd->run(&tool, settings));
	vfnc_disconnect(tool.conn);
	free(settings);
	return code;
}

int main(int argc, char **argv)
{
	const struct command *cmd;

	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		printf("vfnctl %s\n", PACKAGE_VERSION);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
		if (argc < 3) {
			help(stdout);
			return EXIT_OK;
		}
		cmd = find(argv[2]);
		if (!cmd)
			return EXIT_USAGE;
		options_help(cmd);
		return EXIT_OK;
	}
	if (argv[1][0] == '-') {
		fprintf(stderr, "vfnctl: the command comes first, then its options: `vfnctl help' "
				"names the commands\n");
		return EXIT_USAGE;
	}
	cmd = find(argv[1]);
	return cmd ? run(cmd, argc - 1, argv + 1) : EXIT_USAGE;
}
