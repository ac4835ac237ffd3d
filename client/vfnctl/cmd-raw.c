/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raw: 64 bytes that a controller is to make of what it can. */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/huge.h"

#define RAW_BYTES  64
#define RAW_DWORDS (RAW_BYTES / 4)
#define RAW_PRP1   6 /* command dwords of the data pointer */
#define RAW_PRP2   8

enum { KEY_HIGHEST = VALUE_LONG, KEY_HUGE };

struct settings {
	const char *hex, *command_file, *input_file;
	uint32_t dword[RAW_DWORDS];
	bool given[RAW_DWORDS];
	uint32_t length, timeout_ms;
	struct vfnc_buffer_opts place;
	bool io, keep_cid, iova_given, highest, dword_given;
	uint8_t sqe[RAW_BYTES];
	struct vfnc_buffer *buffer;
};

/* N=VALUE */
static void set_dword(struct argp_state *state, struct settings *s, const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 0);

	if (end == arg || *end != '=' || n >= RAW_DWORDS)
		argp_error(state, "--dword: '%s' is not NUM=VALUE, with NUM from 0 to 15", arg);
	s->dword[n] = (uint32_t)option_number(state, "--dword", end + 1, UINT32_MAX);
	s->given[n] = s->dword_given = true;
}

static error_t option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct settings *s = settings;

	switch (key) {
	case 'x':
		s->hex = arg;
		return 0;
	case 'f':
		s->command_file = arg;
		return 0;
	case 'd':
		set_dword(state, s, arg);
		return 0;
	case 'l':
		s->length = (uint32_t)option_number(state, "--data-len", arg, UINT32_MAX);
		return 0;
	case 'i':
		s->input_file = arg;
		return 0;
	case 't':
		s->timeout_ms = (uint32_t)option_number(state, "--timeout", arg, UINT32_MAX);
		return 0;
	case 'Q':
		s->io = true;
		return 0;
	case 'k':
		s->keep_cid = true;
		return 0;
	case 'a':
		s->place.iova = option_number(state, "--iova", arg, UINT64_MAX);
		s->place.place = VFNC_IOVA_FIXED;
		s->iova_given = true;
		return 0;
	case KEY_HIGHEST:
		s->place.place = VFNC_IOVA_HIGHEST;
		s->highest = true;
		return 0;
	case KEY_HUGE:
		s->place.page_size = option_number(state, "--huge-pages", arg, UINT64_MAX);
		return 0;
	case ARGP_KEY_END:
		if (!s->hex && !s->command_file && !s->dword_given)
			argp_error(state, "which command? --hex, --command-file or --dword is needed");
		if (s->highest && s->iova_given)
			argp_error(state, "--iova and --highest exclude each other");
		if ((s->place.place || s->place.page_size) && !s->length)
			argp_error(state, "--iova, --highest and --huge-pages go with --data-len");
		if (s->hex && s->command_file)
			argp_error(state, "--hex and --command-file exclude each other");
		if (s->keep_cid && !s->io)
			argp_error(state, "--keep-cid goes with --io: in the admin queue identifiers are the daemon's");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Two digits a byte, with white space anywhere; what is missing is zero. EXIT_*. */
static int parse_hex(struct tool *tool, struct settings *s)
{
	unsigned int digits = 0;

	for (const char *p = s->hex; *p; p++) {
		static const char all[] = "0123456789abcdef";
		const char *at = strchr(all, tolower((unsigned char)*p));

		if (isspace((unsigned char)*p))
			continue;
		if (!at || digits == 2 * RAW_BYTES)
			return report(tool, EXIT_USAGE, "--hex: up to %d pairs of hexadecimal digits are needed",
				      RAW_BYTES);
		s->sqe[digits / 2] |= (uint8_t)((at - all) << (digits % 2 ? 0 : 4));
		digits++;
	}
	return digits % 2 ? report(tool, EXIT_USAGE, "--hex: half a byte") : EXIT_OK;
}

static void put_dword(struct settings *s, unsigned int n, uint32_t v)
{
	for (unsigned int i = 0; i < 4; i++)
		s->sqe[4 * n + i] = (uint8_t)(v >> 8 * i);
}

/* The buffer is put into the data pointer, as far as two PRPs go, where the user has not put anything there. */
static int prepare_data(struct tool *tool, struct settings *s)
{
	int code = huge_alloc(tool, s->length, &s->place, &s->buffer);
	uint64_t iova, second;

	if (code)
		return code;
	iova = s->buffer->iova;
	second = s->length > 4096 ? iova + 4096 : 0;
	fprintf(stderr, "buffer of %zu bytes at I/O address %#" PRIx64 "\n", s->buffer->size, iova);
	for (unsigned int i = 0; i < 2; i++) {
		if (!s->given[RAW_PRP1 + i])
			put_dword(s, RAW_PRP1 + i, (uint32_t)(iova >> 32 * i));
		if (!s->given[RAW_PRP2 + i] && second)
			put_dword(s, RAW_PRP2 + i, (uint32_t)(second >> 32 * i));
	}
	return s->input_file ? file_read(tool, s->input_file, s->buffer->vaddr, s->length) : EXIT_OK;
}

static void output_json(const struct settings *s, const struct vfnc_completion *c)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "dw0", json_object_new_uint64(c->dw0));
	json_object_object_add(root, "dw1", json_object_new_uint64(c->dw1));
	json_object_object_add(root, "sqhd", json_object_new_int(c->sqhd));
	json_object_object_add(root, "sqid", json_object_new_int(c->sqid));
	json_object_object_add(root, "cid", json_object_new_int(c->cid));
	json_object_object_add(root, "status", json_object_new_int(c->status));
	if (s->buffer) {
		json_object_object_add(root, "iova", json_object_new_uint64(s->buffer->iova));
		field_json_hex(root, "data", s->buffer->vaddr, s->length);
	}
	field_json_print(stdout, root);
}

static int output(struct tool *tool, const struct settings *s, const struct vfnc_completion *c)
{
	if (tool->format == FORMAT_BINARY)
		return s->buffer ? file_write(tool, NULL, s->buffer->vaddr, s->length) : EXIT_OK;
	if (tool->format == FORMAT_JSON) {
		output_json(s, c);
		return EXIT_OK;
	}
	printf("dw0    : %08x\ndw1    : %08x\nsqhd   : %04x\nsqid   : %04x\ncid    : %04x\nstatus : %04x\n",
	       c->dw0, c->dw1, c->sqhd, c->sqid, c->cid, c->status);
	if (s->buffer && !s->input_file)
		field_dump(stdout, s->buffer->vaddr, s->length);
	return EXIT_OK;
}

static int run(struct tool *tool, void *settings)
{
	struct settings *s = settings;
	struct vfnc_raw_opts opts = {.keep_cid = s->keep_cid, .timeout_ms = s->timeout_ms};
	struct vfnc_queue *queue = NULL;
	struct vfnc_completion c;
	int code = EXIT_OK;

	if (s->hex)
		code = parse_hex(tool, s);
	else if (s->command_file)
		code = file_read(tool, s->command_file, s->sqe, sizeof(s->sqe));
	for (unsigned int i = 0; i < RAW_DWORDS; i++)
		if (s->given[i])
			put_dword(s, i, s->dword[i]);
	if (code == EXIT_OK && s->length)
		code = prepare_data(tool, s);
	if (code == EXIT_OK && s->io && vfnc_queue_create(tool->dev, NULL, &queue) < 0)
		code = report_daemon(tool);
	if (code)
		return code;
	if (vfnc_raw(tool->dev, queue, s->sqe, &opts, &c) < 0)
		return report_daemon(tool);
	code = output(tool, s, &c);
	return code ? code : report_status(&c);
}

static const struct argp_option options[] = {
	{"hex", 'x', "DIGITS", 0, "the command, two digits a byte; what is missing is zero", 0},
	{"command-file", 'f', "FILE", 0, "the command, 64 bytes", 0},
	{"dword", 'd', "NUM=VALUE", 0, "command dword 0 to 15, after these; may be given several times", 0},
	{"data-len", 'l', "BYTES", 0,
	 "allocate a buffer; PRP 1 and 2 name it where dwords 6 to 9 are not given", 0},
	{"input-file", 'i', "FILE", 0, "what is in the buffer at first", 0},
	{"iova", 'a', "NUM", 0, "the buffer's I/O address; else the lowest that is free", 0},
	{"highest", KEY_HIGHEST, NULL, 0, "the buffer at the highest I/O address that is free", 0},
	HUGE_OPTION(KEY_HUGE),
	{"io", 'Q', NULL, 0, "on an I/O queue made for it, else on the admin queue", 0},
	{"keep-cid", 'k', NULL, 0, "under the identifier in dword 0; with --io", 0},
	{"timeout", 't', "MS", 0, "abort it after so many milliseconds", 0},
	{0},
};

const struct command cmd_raw = {
	.name = "raw",
	.summary = "64 bytes of a command as they are",
	.doc = "Send a command that nobody checks and show what comes of it: the completion queue entry and the "
	       "buffer. The device's configuration must have raw = yes.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run,
};
