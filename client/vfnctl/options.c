/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/vfnctl.h"

#define KEY_SOCKET 0x1000
#define VALUES_MAX 40

struct parse {
	const struct command *cmd;
	struct tool *tool;
	void *settings;
	bool binary;
	uint64_t given; /* a bit for each of cmd->values */
	struct argp_child children[8];
	struct argp_option values[VALUES_MAX + 1];
	struct argp values_argp;
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

static void put_number(void *at, uint8_t size, uint64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)value;
		break;
	default:
		*(uint64_t *)at = value;
		break;
	}
}

static void check_needed(struct argp_state *state, const struct parse *p)
{
	for (int i = 0; p->cmd->values[i].name; i++)
		if (p->cmd->values[i].needed && !(p->given >> i & 1))
			argp_error(state, "--%s is needed", p->cmd->values[i].name);
}

static error_t parse_values(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	const struct value *v = p->cmd->values;
	char name[48];
	uint8_t *at;

	if (key == ARGP_KEY_END)
		check_needed(state, p);
	while (v->name && v->key != key)
		v++;
	if (!v->name)
		return ARGP_ERR_UNKNOWN;
	p->given |= UINT64_C(1) << (v - p->cmd->values);
	at = (uint8_t *)p->settings + v->offset;
	switch (v->kind) {
	case VALUE_NUMBER:
		snprintf(name, sizeof(name), "--%s", v->name);
		put_number(at, v->size, option_number(state, name, arg, v->max));
		break;
	case VALUE_SWITCH:
		*(bool *)at = true;
		break;
	case VALUE_TEXT:
		*(const char **)at = arg;
		break;
	}
	if (v->given)
		*(bool *)((uint8_t *)p->settings + v->given - 1) = true;
	return 0;
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
	bool prometheus = p->cmd->groups & OPT_PROMETHEUS;

	switch (key) {
	case 'o':
		if (strcmp(arg, "normal") == 0)
			p->tool->format = FORMAT_NORMAL;
		else if (strcmp(arg, "json") == 0)
			p->tool->format = FORMAT_JSON;
		else if (strcmp(arg, "binary") == 0 && binary)
			p->tool->format = FORMAT_BINARY;
		else if (strcmp(arg, "prometheus") == 0 && prometheus)
			p->tool->format = FORMAT_PROMETHEUS;
		else
			argp_error(state, "--output-format: '%s' is not %s", arg,
				   binary	? "normal, json or binary"
				   : prometheus ? "normal, json or prometheus"
						: "normal or json");
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
static const struct argp_option prometheus_options[] = {
	{"output-format", 'o', "FORMAT", 0, "normal, json or prometheus", 0},
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
static const struct argp prometheus = {.options = prometheus_options, .parser = parse_format};
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
		if ((p->cmd->groups & OPT_NSID_NEEDED) && !p->tool->nsid_given)
			argp_error(state, "--namespace-id is needed");
		break;
	default:
		break;
	}
	return p->cmd->option ? p->cmd->option(key, arg, state, p->settings) : ARGP_ERR_UNKNOWN;
}

/* Enough for "vfnctl COMMAND", the program's name in messages. */
static char full_name[64];

/* The table of values as argp has it, and the children that the command's groups are. */
static void make_argp(struct parse *p, struct argp *argp)
{
	const struct command *cmd = p->cmd;
	int n = 0;

	for (int i = 0; cmd->values && cmd->values[i].name && i < VALUES_MAX; i++)
		p->values[i] = (struct argp_option){
			.name = cmd->values[i].name,
			.key = cmd->values[i].key,
			.arg = cmd->values[i].arg,
			.doc = cmd->values[i].doc,
		};
	p->values_argp = (struct argp){.options = p->values, .parser = parse_values};
	if (cmd->values)
		p->children[n++].argp = &p->values_argp;
	if (cmd->groups & OPT_NSID)
		p->children[n++].argp = &nsid;
	if (cmd->groups & OPT_BINARY)
		p->children[n++].argp = &format3;
	else if (cmd->groups & OPT_PROMETHEUS)
		p->children[n++].argp = &prometheus;
	else if (cmd->groups & OPT_FORMAT)
		p->children[n++].argp = &format2;
	if (cmd->groups & OPT_BINARY)
		p->children[n++].argp = &binary;
	if (cmd->groups & OPT_HUMAN)
		p->children[n++].argp = &human;
	p->children[n].argp = &common;
	*argp = (struct argp){
		.options = cmd->options,
		.parser = parse,
		.args_doc = cmd->groups & (OPT_DEVICE | OPT_ADDRESS) ? "[DEVICE]" : NULL,
		.doc = cmd->doc,
		.children = p->children,
	};
	snprintf(full_name, sizeof(full_name), "vfnctl %s", cmd->name);
}

void options_parse(const struct command *cmd, int argc, char **argv, struct tool *tool,
		   void *settings)
{
	struct parse p = {.cmd = cmd, .tool = tool, .settings = settings};
	struct argp argp;

	make_argp(&p, &argp);
	argv[0] = full_name;
	program_invocation_name = program_invocation_short_name = full_name;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &p);
}

void options_help(const struct command *cmd)
{
	struct parse p = {.cmd = cmd};
	struct argp argp;

	make_argp(&p, &argp);
	argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~(ARGP_HELP_EXIT_OK | ARGP_HELP_EXIT_ERR),
		  full_name);
}

void options_walk(const struct command *cmd,
		  void (*each)(const struct argp_option *option, void *arg), void *arg)
{
	struct parse p = {.cmd = cmd};
	struct argp argp;

	make_argp(&p, &argp);
	for (const struct argp_option *o = cmd->options; o && o->name; o++)
		each(o, arg);
	for (const struct argp_child *c = p.children; c->argp; c++)
		for (const struct argp_option *o = c->argp->options; o->name; o++)
			each(o, arg);
}
