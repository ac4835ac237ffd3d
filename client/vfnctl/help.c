/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfnctl help: for people, and for what is made of the table of commands. */
#include "config.h"

#include <string.h>

#include "client/vfnctl/main.h"

void help_print(FILE *out)
{
	fprintf(out, "usage: vfnctl [-H HOST] COMMAND [DEVICE] [OPTION...]\n\n"
		     "DEVICE is an address as `vfnctl list' shows it; it may be left out where the "
		     "daemon\nhas one device.\n\n");
	for (const struct command *const *c = command_table; *c; c++)
		fprintf(out, "  %-20s %s\n", (*c)->name, (*c)->summary);
	fprintf(out, "  %-20s %s\n", "help [COMMAND]", "explain a command");
	fprintf(out, "  %-20s %s\n", "--version", "print the version");
	fprintf(out,
		"\nThe daemon is reached at --socket PATH, else $VFND_SOCKET, else %s;\n"
		"with -H HOST the command runs on another machine, by ssh.\n",
		VFNC_DEFAULT_SOCKET);
}

int help_unknown(const char *name)
{
	fprintf(stderr, "vfnctl: there is no command '%s': `vfnctl help' names them\n", name);
	return EXIT_USAGE;
}

static void print_words_option(const struct argp_option *o, void *arg)
{
	printf("--%s%s\n", o->name, o->arg ? "=" : "");
	if (o->key < 0x80)
		printf("-%c%s\n", o->key, o->arg ? "=" : "");
}

/*
 * What can stand behind vfnctl, or behind a command, a word a line, for completion: what takes an
 * argument has a = behind it.
 */
static int print_words(const char *name)
{
	const struct command *cmd = name ? table_find(name) : NULL;

	if (name && !cmd)
		return EXIT_USAGE;
	if (!cmd) {
		for (const struct command *const *c = command_table; *c; c++)
			printf("%s\n", (*c)->name);
		printf("help\n--host=\n--version\n");
		return EXIT_OK;
	}
	options_walk(cmd, print_words_option, NULL);
	printf("--help\n");
	if (cmd->groups & (OPT_DEVICE | OPT_ADDRESS))
		printf("DEVICE\n");
	return EXIT_OK;
}

static void put_troff(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++)
		if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '\n')
			fputs("\n.br\n", stdout);
		else
			putchar(*text);
}

/* The page has what is common to all commands once. */
static void print_man_option(const struct argp_option *o, void *arg)
{
	if (strcmp(o->name, "socket") == 0)
		return;
	fputs(".TP\n", stdout);
	if (o->key < 0x80) {
		fputs("\\fB\\-", stdout);
		putchar(o->key);
		if (o->arg)
			printf("\\fP \\fI%s", o->arg);
		fputs("\\fP, ", stdout);
	}
	fputs("\\fB\\-\\-", stdout);
	put_troff(o->name);
	if (o->arg)
		printf("=\\fP\\fI%s", o->arg);
	fputs("\\fP\n", stdout);
	put_troff(o->doc);
	putchar('\n');
}

/* A section for each command: doc/vfnctl.1 has it between its begin and end marks. */
static int print_man(void)
{
	for (const struct command *const *c = command_table; *c; c++) {
		fputs(".SS ", stdout);
		put_troff((*c)->name);
		putchar('\n');
		put_troff((*c)->doc);
		putchar('\n');
		if ((*c)->alias) {
			fputs("It is also called\n.BR ", stdout);
			put_troff((*c)->alias);
			fputs(" .\n", stdout);
		}
		options_walk(*c, print_man_option, NULL);
	}
	return EXIT_OK;
}

int help_run(int argc, char **argv)
{
	const struct command *cmd;

	if (argc == 0) {
		help_print(stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[0], "--words") == 0)
		return print_words(argc > 1 ? argv[1] : NULL);
	if (strcmp(argv[0], "--man") == 0)
		return print_man();
	cmd = table_find(argv[0]);
	if (!cmd)
		return help_unknown(argv[0]);
	options_help(cmd);
	return EXIT_OK;
}
