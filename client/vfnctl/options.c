/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/vfnctl.h"

#define KEY_SOCKET 0x1000

struct parse {
	const struct command *cmd;
	struct tool *tool;
	void *settings;
	bool binary;
	struct argp_child children[8];
};

uint64_t option_number(struct argp_state *state, const char *name, const char *arg, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 0);
	if (errno || end == arg || *end || strchr(arg, '-') || value > max)
		argp_error(state, "%s: '%s' is not a number from 0 to %llu", name, arg,
			   (unsigned long long)max);
	return value;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	switch (key) {
	case KEY_SOCKET:
		p->tool->socket = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_format(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	bool binary = p->cmd->groups & OPT_BINARY;

	switch (key) {
	case 'o':
		if (strcmp(arg, "normal") == 0)
			p->tool->format = FORMAT_NORMAL;
		else if (strcmp(arg, "json") == 0)
			p->tool->format = FORMAT_JSON;
		else if (strcmp(arg, "binary") == 0 && binary)
			p->tool->format = FORMAT_BINARY;
		else
			argp_error(state, "--output-format: '%s' is not %s", arg,
				   binary ? "normal, json or binary" : "normal or json");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_binary(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	if (key != 'b')
		return ARGP_ERR_UNKNOWN;
	p->binary = true;
	return 0;
}

static error_t parse_human(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	if (key != 'H')
		return ARGP_ERR_UNKNOWN;
	p->tool->human = true;
	return 0;
}

static error_t parse_nsid(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	if (key != 'n')
		return ARGP_ERR_UNKNOWN;
	p->tool->nsid = (uint32_t)option_number(state, "--namespace-id", arg, UINT32_MAX);
	p->tool->nsid_given = true;
	return 0;
}

static const struct argp_option common_options[] = {
	{"socket", KEY_SOCKET, "PATH", 0, "the daemon's socket (else $VFND_SOCKET, else " //
	 VFNC_DEFAULT_SOCKET ")", 50},
	{0},
};
static const struct argp_option format_options[] = {
	{"output-format", 'o', "FORMAT", 0, "normal or json", 0},
	{0},
};
static const struct argp_option format3_options[] = {
	{"output-format", 'o', "FORMAT", 0, "normal, json or binary", 0},
	{0},
};
static const struct argp_option binary_options[] = {
	{"raw-binary", 'b', NULL, 0, "the structure as it is, the same as -o binary", 0},
	{0},
};
static const struct argp_option human_options[] = {
	{"human-readable", 'H', NULL, 0, "explain what the fields say", 0},
	{0},
};
static const struct argp_option nsid_options[] = {
	{"namespace-id", 'n', "NUM", 0, "the namespace", 0},
	{0},
};

static const struct argp common = {.options = common_options, .parser = parse_common};
static const struct argp format2 = {.options = format_options, .parser = parse_format};
static const struct argp format3 = {.options = format3_options, .parser = parse_format};
static const struct argp binary = {.options = binary_options, .parser = parse_binary};
static const struct argp human = {.options = human_options, .parser = parse_human};
static const struct argp nsid = {.options = nsid_options, .parser = parse_nsid};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		for (int i = 0; p->children[i].argp; i++)
			state->child_inputs[i] = p;
		return 0;
	case ARGP_KEY_ARG:
		if (!(p->cmd->groups & (OPT_DEVICE | OPT_ADDRESS)))
			argp_error(state, "'%s': this command takes no device", arg);
		if (p->tool->address)
			argp_error(state, "'%s': one device only", arg);
		p->tool->address = arg;
		return 0;
	case ARGP_KEY_END:
		if (p->binary)
			p->tool->format = FORMAT_BINARY;
		break;
	default:
		break;
	}
	return p->cmd->option ? p->cmd->option(key, arg, state, p->settings) : ARGP_ERR_UNKNOWN;
}

/* Enough for "vfnctl COMMAND", the program's name in messages. */
static char full_name[64];

static void make_argp(const struct command *cmd, struct argp *argp, struct argp_child *children)
{
	int n = 0;

	if (cmd->groups & OPT_NSID)
		children[n++].argp = &nsid;
	if (cmd->groups & OPT_BINARY)
		children[n++].argp = &format3;
	else if (cmd->groups & OPT_FORMAT)
		children[n++].argp = &format2;
	if (cmd->groups & OPT_BINARY)
		children[n++].argp = &binary;
	if (cmd->groups & OPT_HUMAN)
		children[n++].argp = &human;
	children[n].argp = &common;
	*argp = (struct argp){
		.options = cmd->options,
		.parser = parse,
		.args_doc = cmd->groups & (OPT_DEVICE | OPT_ADDRESS) ? "[DEVICE]" : NULL,
		.doc = cmd->doc,
		.children = children,
	};
	snprintf(full_name, sizeof(full_name), "vfnctl %s", cmd->name);
}

void options_parse(const struct command *cmd, int argc, char **argv, struct tool *tool,
		   void *settings)
{
	struct parse p = {.cmd = cmd, .tool = tool, .settings = settings};
	struct argp argp;

	make_argp(cmd, &argp, p.children);
	argv[0] = full_name;
	program_invocation_name = program_invocation_short_name = full_name;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &p);
}

void options_help(const struct command *cmd)
{
	struct parse p = {.cmd = cmd};
	struct argp argp;

	make_argp(cmd, &argp, p.children);
	argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~(ARGP_HELP_EXIT_OK | ARGP_HELP_EXIT_ERR),
		  full_name);
}
