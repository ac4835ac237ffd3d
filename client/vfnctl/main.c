/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfnctl: look at and use the devices of vfnd. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/main.h"
#include "libvfn/src/support/stdfds.h"

static int run(const struct command *cmd, int argc, char **argv)
{
	struct tool tool = {.name = cmd->name};
	void *settings = calloc(1, cmd->settings_size + 1);
	int code;

	if (!settings)
		return report(&tool, EXIT_FILE, "no memory");
	if (cmd->defaults)
		memcpy(settings, cmd->defaults, cmd->settings_size);
	options_parse(cmd, argc, argv, &tool, settings);
	if (cmd->groups & OPT_LOCAL)
		code = report_output(&tool, cmd->run(&tool, settings));
	else if (vfnc_connect(tool.socket, &tool.conn) < 0 ||
	    ((cmd->groups & OPT_DEVICE) && vfnc_open(tool.conn, tool.address, &tool.dev) < 0))
		code = report_daemon(&tool);
	else
		code = report_output(&tool, cmd->run(&tool, settings));
	vfnc_disconnect(tool.conn);
	free(settings);
	return code;
}

/* -H HOST, -HHOST, --host HOST or --host=HOST; how many arguments it takes, 0: none of these. */
static int parse_host(char **argv, const char **host)
{
	if (strcmp(argv[0], "-H") == 0 || strcmp(argv[0], "--host") == 0) {
		*host = argv[1] ? argv[1] : "";
		return argv[1] ? 2 : 1;
	}
	if (strncmp(argv[0], "--host=", 7) == 0)
		*host = argv[0] + 7;
	else if (strncmp(argv[0], "-H", 2) == 0)
		*host = argv[0] + 2;
	else
		return 0;
	return 1;
}

/* Without a command: only that what was printed has arrived is left to be seen. */
static int printed(int code)
{
	static const struct tool tool = {.name = "help"};

	return report_output(&tool, code);
}

int main(int argc, char **argv)
{
	const char *host = NULL;
	const struct command *cmd;

	stdfds_occupy();
	argc--, argv++;
	if (argc > 0) {
		int n = parse_host(argv, &host);

		argc -= n, argv += n;
	}
	if (host && argc > 0)
		return host_run(host, argv);
	if (argc < 1) {
		help_print(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "version") == 0) {
		printf("vfnctl %s\n", PACKAGE_VERSION);
		return printed(EXIT_OK);
	}
	if (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0)
		return printed(help_run(argc - 1, argv + 1));
	if (argv[0][0] == '-') {
		fprintf(stderr, "vfnctl: the command comes first, then its options: `vfnctl help' "
				"names the commands\n");
		return EXIT_USAGE;
	}
	cmd = table_find(argv[0]);
	return cmd ? run(cmd, argc, argv) : help_unknown(argv[0]);
}
