/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bar-read, bar-write, config-read, config-write, doorbell: the device's own spaces, byte by byte. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/vfnctl.h"

struct settings {
	const char *name, *input_file;
	uint64_t offset, value;
	unsigned int bar, width;
	uint32_t length, qid;
	bool offset_given, value_given, completion;
};

static error_t option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct settings *s = settings;

	switch (key) {
	case 'B':
		s->bar = (unsigned int)option_number(state, "--bar", arg, 5);
		return 0;
	case 'a':
		s->offset = option_number(state, "--offset", arg, UINT64_MAX);
		s->offset_given = true;
		return 0;
	case 'w':
		s->width = (unsigned int)option_number(state, "--width", arg, 8);
		if (!s->width || s->width & (s->width - 1))
			argp_error(state, "--width: '%s' is not 1, 2, 4 or 8", arg);
		return 0;
	case 'l':
		s->length = (uint32_t)option_number(state, "--length", arg, VFNC_ACCESS_MAX);
		return 0;
	case 'V':
		s->value = option_number(state, "--value", arg, UINT64_MAX);
		s->value_given = true;
		return 0;
	case 'N':
		s->name = arg;
		return 0;
	case 'i':
		s->input_file = arg;
		return 0;
	case 'q':
		s->qid = (uint32_t)option_number(state, "--queue-id", arg, UINT16_MAX);
		return 0;
	case 'c':
		s->completion = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static uint64_t get_le(const uint8_t *bytes, unsigned int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | bytes[n];
	return v;
}

/* Where the bytes are from, the bytes, and their value where they are one access. */
static void output_json(const struct settings *s, const int *bar, const uint8_t *data, uint32_t len)
{
	struct json_object *root = json_object_new_object();

	if (bar)
		json_object_object_add(root, "bar", json_object_new_int(*bar));
	json_object_object_add(root, "offset", json_object_new_uint64(s->offset));
	json_object_object_add(root, "length", json_object_new_uint64(len));
	if (len == s->width)
		json_object_object_add(root, "value", json_object_new_uint64(get_le(data, len)));
	field_json_hex(root, "data", data, len);
	field_json_print(stdout, root);
}

/* One access is a number, several are a dump. `bar`: NULL of configuration space. */
static int output(struct tool *tool, const struct settings *s, const int *bar, const uint8_t *data, uint32_t len)
{
	if (tool->format == FORMAT_BINARY)
		return file_write(tool, NULL, data, len);
	if (tool->format == FORMAT_JSON)
		output_json(s, bar, data, len);
	else if (len == s->width)
		printf("0x%0*" PRIx64 "\n", (int)(2 * s->width), get_le(data, s->width));
	else
		field_dump(stdout, data, len);
	return EXIT_OK;
}

static int run_bar_read(struct tool *tool, void *settings)
{
	static uint8_t data[VFNC_ACCESS_MAX];
	struct settings *s = settings;
	int bar = (int)s->bar;

	s->width = s->width ? s->width : 4;
	s->length = s->length ? s->length : s->width;
	if (vfnc_bar_read(tool->dev, s->bar, s->offset, s->width, data, s->length) < 0)
		return report_daemon(tool);
	return output(tool, s, &bar, data, s->length);
}

static int run_config_read(struct tool *tool, void *settings)
{
	static uint8_t data[4096];
	struct settings *s = settings;
	int n;

	if (s->offset >= sizeof(data) || s->length > sizeof(data) - s->offset)
		return report(tool, EXIT_USAGE, "configuration space has %zu bytes", sizeof(data));
	if (!s->length)
		s->length = s->width ? s->width : (uint32_t)(s->offset < 256 ? 256 - s->offset : 4);
	/* What is read at once; more than a number of the machine's is a dump. */
	if (!s->width)
		s->width = s->length <= 8 ? s->length : 1;
	n = vfnc_config_read(tool->dev, (uint32_t)s->offset, data, s->length);
	if (n < 0)
		return report_daemon(tool);
	if (n == 0)
		return report(tool, EXIT_DAEMON, "the device's configuration space ends before %#" PRIx64,
			      s->offset);
	return output(tool, s, NULL, data, (uint32_t)n);
}

/* What is to be written: a value of one access of at most `widest` bytes, or a file. EXIT_*. */
static int input(struct tool *tool, struct settings *s, unsigned int widest, uint8_t *data, uint32_t *len)
{
	FILE *f;
	int code = EXIT_OK;

	s->width = s->width ? s->width : 4;
	if (s->width > widest)
		return report(tool, EXIT_USAGE, "--width: an access to configuration space has 1, 2 or 4 bytes");
	if (s->value_given == !!s->input_file)
		return report(tool, EXIT_USAGE, "either --value or --input-file is needed");
	if (s->value_given && s->width < 8 && s->value >> 8 * s->width)
		return report(tool, EXIT_USAGE, "the value does not fit into %u bytes", s->width);
	for (unsigned int i = 0; i < 8; i++)
		data[i] = (uint8_t)(s->value >> 8 * i);
	*len = s->width;
	if (s->value_given)
		return EXIT_OK;
	f = fopen(s->input_file, "re");
	if (!f)
		return report(tool, EXIT_FILE, "%s: %m", s->input_file);
	*len = (uint32_t)fread(data, 1, VFNC_ACCESS_MAX, f);
	if (ferror(f))
		code = report(tool, EXIT_FILE, "%s: %m", s->input_file);
	else if (fgetc(f) != EOF)
		code = report(tool, EXIT_USAGE, "%s: more than %d bytes", s->input_file, VFNC_ACCESS_MAX);
	fclose(f);
	return code;
}

static int run_bar_write(struct tool *tool, void *settings)
{
	static uint8_t data[VFNC_ACCESS_MAX];
	struct settings *s = settings;
	uint32_t len;
	int code;

	if (s->name) {
		if (!s->value_given || s->input_file || s->offset_given)
			return report(tool, EXIT_USAGE, "--name goes with --value alone");
		return vfnc_register_write(tool->dev, s->name, s->value) < 0 ? report_daemon(tool) : EXIT_OK;
	}
	if (!s->offset_given)
		return report(tool, EXIT_USAGE, "--offset or --name is needed");
	code = input(tool, s, 8, data, &len);
	if (code)
		return code;
	if (vfnc_bar_write(tool->dev, s->bar, s->offset, s->width, data, len) < 0)
		return report_daemon(tool);
	return EXIT_OK;
}

static int run_config_write(struct tool *tool, void *settings)
{
	static uint8_t data[VFNC_ACCESS_MAX];
	struct settings *s = settings;
	uint32_t len;
	int code;

	if (!s->offset_given || s->offset > 4095)
		return report(tool, EXIT_USAGE, "--offset, 0 to 4095, is needed");
	code = input(tool, s, 4, data, &len);
	if (code)
		return code;
	if (vfnc_config_write(tool->dev, (uint32_t)s->offset, s->width, data, len) < 0)
		return report_daemon(tool);
	return EXIT_OK;
}

static int run_doorbell(struct tool *tool, void *settings)
{
	const struct settings *s = settings;

	if (!s->value_given || s->value > UINT32_MAX)
		return report(tool, EXIT_USAGE, "--value, of 4 bytes, is needed");
	if (vfnc_doorbell(tool->dev, (uint16_t)s->qid, s->completion, (uint32_t)s->value) < 0)
		return report_daemon(tool);
	return EXIT_OK;
}

#define OPTION_OFFSET {"offset", 'a', "NUM", 0, "from this byte on", 0}
#define OPTION_BAR    {"bar", 'B', "NUM", 0, "BAR 0 to 5; 0 where not given", 0}
#define OPTION_WIDTH  {"width", 'w', "BYTES", 0, "of an access: 1, 2, 4 or 8; 4 where not given", 0}
#define OPTION_LENGTH {"length", 'l', "BYTES", 0, "how many; one access where not given", 0}
#define OPTION_VALUE  {"value", 'V', "NUM", 0, "what to write", 0}
#define OPTION_FILE   {"input-file", 'i', "FILE", 0, "the bytes to write, as they are", 0}

static const struct argp_option bar_read_options[] = {
	OPTION_BAR, OPTION_OFFSET, OPTION_WIDTH, OPTION_LENGTH, {0},
};
static const struct argp_option bar_write_options[] = {
	OPTION_BAR,
	OPTION_OFFSET,
	OPTION_WIDTH,
	OPTION_VALUE,
	OPTION_FILE,
	{"name", 'N', "NAME", 0, "a register of the NVMe specification in place of BAR and offset: cc, ...", 0},
	{0},
};
static const struct argp_option config_read_options[] = {
	OPTION_OFFSET,
	{"width", 'w', "BYTES", 0, "read one number of 1, 2, 4 or 8 bytes", 0},
	{"length", 'l', "BYTES", 0, "how many; to byte 255 where not given", 0},
	{0},
};
static const struct argp_option config_write_options[] = {
	OPTION_OFFSET,
	{"width", 'w', "BYTES", 0, "of an access: 1, 2 or 4; 4 where not given", 0},
	OPTION_VALUE,
	OPTION_FILE,
	{0},
};
static const struct argp_option doorbell_options[] = {
	{"queue-id", 'q', "NUM", 0, "the queue's identifier", 0},
	{"completion", 'c', NULL, 0, "the completion queue's head; else the submission queue's tail", 0},
	OPTION_VALUE,
	{0},
};

const struct command cmd_bar_read = {
	.name = "bar-read",
	.summary = "bytes of a BAR",
	.doc = "Read a BAR by accesses of a chosen width.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY,
	.options = bar_read_options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_bar_read,
};

const struct command cmd_bar_write = {
	.name = "bar-write",
	.summary = "write to a BAR or register",
	.doc = "Write to a BAR by accesses of a chosen width, or to a register. The device's configuration must "
	       "have raw = yes.",
	.groups = OPT_DEVICE,
	.options = bar_write_options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_bar_write,
};

const struct command cmd_config_read = {
	.name = "config-read",
	.summary = "PCI configuration space",
	.doc = "Read PCI configuration space.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY,
	.options = config_read_options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_config_read,
};

const struct command cmd_config_write = {
	.name = "config-write",
	.summary = "write to PCI configuration space",
	.doc = "Write to PCI configuration space by accesses of a chosen width. The device's configuration must "
	       "have raw = yes.",
	.groups = OPT_DEVICE,
	.options = config_write_options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_config_write,
};

const struct command cmd_doorbell = {
	.name = "doorbell",
	.summary = "write to a queue's doorbell",
	.doc = "Write any value to a doorbell that is no other session's queue. The device's configuration must "
	       "have raw = yes.",
	.groups = OPT_DEVICE,
	.options = doorbell_options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_doorbell,
};
