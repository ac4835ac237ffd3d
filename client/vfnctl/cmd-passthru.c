/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admin-passthru and io-passthru: one command as the user spells it out. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/huge.h"
#include "client/vfnctl/print.h"

enum { KEY_HUGE = VALUE_LONG };

struct settings {
	struct vfnc_cmd cmd;
	const char *input_file, *metadata_file;
	uint32_t data_len, metadata_len;
	struct vfnc_buffer_opts place;
	uint8_t prefill;
	bool opcode_given, read, write, raw, show, dry_run, latency;
	uint8_t *data, *metadata; /* the user's side */
	struct vfnc_buffer *buffer, *meta_buffer;
	struct vfnc_queue *queue;
};

static const struct argp_option options[] = {
	{"opcode", 'o', "NUM", 0, "opcode (required)", 0},
	{"flags", 'f', "NUM", 0, "FUSE and PSDT; the daemon takes 0 only", 0},
	{"prefill", 'p', "NUM", 0, "fill the data with this byte before", 0},
	{"data-len", 'l', "NUM", 0, "bytes of data", 0},
	HUGE_OPTION(KEY_HUGE),
	{"metadata-len", 'm', "NUM", 0, "bytes of metadata in a separate buffer", 0},
	{"timeout", 't', "MS", 0, "abort it after so many milliseconds", 0},
	{"cdw2", '2', "NUM", 0, "command dword 2", 0},
	{"cdw3", '3', "NUM", 0, "command dword 3", 0},
	{"cdw10", '4', "NUM", 0, "command dword 10", 0},
	{"cdw11", '5', "NUM", 0, "command dword 11", 0},
	{"cdw12", '6', "NUM", 0, "command dword 12", 0},
	{"cdw13", '7', "NUM", 0, "command dword 13", 0},
	{"cdw14", '8', "NUM", 0, "command dword 14", 0},
	{"cdw15", '9', "NUM", 0, "command dword 15", 0},
	{"input-file", 'i', "FILE", 0, "where data comes from or goes to", 0},
	{"metadata", 'M', "FILE", 0, "where metadata comes from or goes to", 0},
	{"raw-binary", 'b', NULL, 0, "data to standard output as it is", 0},
	{"show-command", 's', NULL, 0, "print the command before it is sent", 0},
	{"dry-run", 'd', NULL, 0, "print the command and do not send it", 0},
	{"read", 'r', NULL, 0, "data comes from the controller", 0},
	{"write", 'w', NULL, 0, "data goes to the controller", 0},
	{"latency", 'T', NULL, 0, "print how long it took", 0},
	{0},
};

/* Data's direction: as told, else as the opcode's lowest bits say. */
static void check(struct argp_state *state, struct settings *s)
{
	unsigned int bits = s->cmd.opcode & 3;

	if (!s->opcode_given)
		argp_error(state, "--opcode is needed");
	if (s->read && s->write)
		argp_error(state, "--read and --write exclude each other");
	if (!s->read && !s->write && s->data_len) {
		s->write = bits == 1;
		s->read = bits == 2;
		if (!s->read && !s->write)
			argp_error(state, "data's direction is not given: --read or --write");
	}
	if ((s->read || s->write) && !s->data_len)
		argp_error(state, "the data's length is not given: --data-len");
	if (s->place.page_size && !s->data_len)
		argp_error(state, "--huge-pages goes with --data-len");
}

static error_t option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct settings *s = settings;
	uint32_t *dword = NULL;
	const char *name = NULL;

	switch (key) {
	case 'o':
		s->cmd.opcode = (uint8_t)option_number(state, "--opcode", arg, UINT8_MAX);
		s->opcode_given = true;
		return 0;
	case 'f':
		s->cmd.flags = (uint8_t)option_number(state, "--flags", arg, UINT8_MAX);
		return 0;
	case 'p':
		s->prefill = (uint8_t)option_number(state, "--prefill", arg, UINT8_MAX);
		return 0;
	case 'i':
		s->input_file = arg;
		return 0;
	case 'M':
		s->metadata_file = arg;
		return 0;
	case 'b':
		s->raw = true;
		return 0;
	case 's':
		s->show = true;
		return 0;
	case 'd':
		s->dry_run = true;
		return 0;
	case 'r':
		s->read = true;
		return 0;
	case 'w':
		s->write = true;
		return 0;
	case 'T':
		s->latency = true;
		return 0;
	case KEY_HUGE:
		s->place.page_size = option_number(state, "--huge-pages", arg, UINT64_MAX);
		return 0;
	case 'l':
		dword = &s->data_len, name = "--data-len";
		break;
	case 'm':
		dword = &s->metadata_len, name = "--metadata-len";
		break;
	case 't':
		dword = &s->cmd.timeout_ms, name = "--timeout";
		break;
	case '2':
		dword = &s->cmd.cdw2, name = "--cdw2";
		break;
	case '3':
		dword = &s->cmd.cdw3, name = "--cdw3";
		break;
	case '4':
		dword = &s->cmd.cdw10, name = "--cdw10";
		break;
	case '5':
		dword = &s->cmd.cdw11, name = "--cdw11";
		break;
	case '6':
		dword = &s->cmd.cdw12, name = "--cdw12";
		break;
	case '7':
		dword = &s->cmd.cdw13, name = "--cdw13";
		break;
	case '8':
		dword = &s->cmd.cdw14, name = "--cdw14";
		break;
	case '9':
		dword = &s->cmd.cdw15, name = "--cdw15";
		break;
	case ARGP_KEY_END:
		check(state, s);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	*dword = (uint32_t)option_number(state, name, arg, UINT32_MAX);
	return 0;
}

static void show(const struct settings *s)
{
	const struct vfnc_cmd *c = &s->cmd;

	printf("opcode       : %02x\nflags        : %02x\nrsvd1        : 0000\n", c->opcode,
	       c->flags);
	printf("nsid         : %08x\ncdw2         : %08x\ncdw3         : %08x\n", c->nsid, c->cdw2,
	       c->cdw3);
	printf("data_len     : %08x\nmetadata_len : %08x\n", s->data_len, s->metadata_len);
	printf("cdw10        : %08x\ncdw11        : %08x\ncdw12        : %08x\n", c->cdw10, c->cdw11,
	       c->cdw12);
	printf("cdw13        : %08x\ncdw14        : %08x\ncdw15        : %08x\n", c->cdw13, c->cdw14,
	       c->cdw15);
	printf("timeout_ms   : %08x\n", c->timeout_ms);
}

/* Small data goes with the message, where it is not to be in huge pages; the rest through a buffer. EXIT_*. */
static int prepare_data(struct tool *tool, struct settings *s)
{
	struct vfnc_limits limits;
	int code = EXIT_OK;

	vfnc_limits(tool->conn, &limits);
	if (s->data_len <= limits.max_inline && !s->place.page_size) {
		s->data = calloc(1, s->data_len);
		if (!s->data)
			return report(tool, EXIT_FILE, "no memory");
	} else {
		code = huge_alloc(tool, s->data_len, &s->place, &s->buffer);
		if (code)
			return code;
		s->data = s->buffer->vaddr;
	}
	if (s->prefill)
		memset(s->data, s->prefill, s->data_len);
	if (s->write)
		code = file_read(tool, s->input_file, s->data, s->data_len);
	s->cmd.length = s->data_len;
	if (s->buffer)
		s->cmd.buffer = s->buffer;
	else if (s->write)
		s->cmd.data_out = s->data;
	else
		s->cmd.data_in = s->data;
	return code;
}

static int prepare_metadata(struct tool *tool, struct settings *s)
{
	if (vfnc_buffer_alloc(tool->dev, s->metadata_len, &s->meta_buffer) < 0)
		return report_daemon(tool);
	s->metadata = s->meta_buffer->vaddr;
	s->cmd.meta_buffer = s->meta_buffer;
	s->cmd.meta_length = s->metadata_len;
	if (s->prefill)
		memset(s->metadata, s->prefill, s->metadata_len);
	if (s->write && s->metadata_file)
		return file_read(tool, s->metadata_file, s->metadata, s->metadata_len);
	return EXIT_OK;
}

static int output(struct tool *tool, const struct settings *s)
{
	int code = EXIT_OK;

	if (s->metadata_len && s->read && s->metadata_file)
		code = file_write(tool, s->metadata_file, s->metadata, s->metadata_len);
	if (!s->read || code)
		return code;
	if (s->input_file)
		return file_write(tool, s->input_file, s->data, s->data_len);
	if (s->raw)
		return file_write(tool, NULL, s->data, s->data_len);
	field_dump(stdout, s->data, s->data_len);
	return EXIT_OK;
}

static int execute(struct tool *tool, struct settings *s, bool admin)
{
	const char *kind = admin ? "Admin" : "IO";
	const char *name = print_opcode(admin, s->cmd.opcode);
	struct vfnc_completion cpl;
	struct timespec a, b;
	int code, ret;

	clock_gettime(CLOCK_MONOTONIC, &a);
	ret = admin ? vfnc_admin(tool->dev, &s->cmd, &cpl) : vfnc_io(s->queue, &s->cmd, &cpl);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (ret < 0)
		return report_daemon(tool);
	if (s->latency)
		printf("%s Command %s latency: %lld us\n", kind, name,
		       (long long)(b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
	code = report_status(&cpl);
	if (code)
		return code;
	fflush(stdout);
	fprintf(stderr, "%s Command %s is Success and result: 0x%08x\n", kind, name, cpl.dw0);
	return output(tool, s);
}

static int run(struct tool *tool, void *settings, bool admin)
{
	struct settings *s = settings;
	int code = EXIT_OK;

	s->cmd.nsid = tool->nsid;
	if (s->show || s->dry_run)
		show(s);
	if (s->dry_run)
		return EXIT_OK;
	if (s->data_len)
		code = prepare_data(tool, s);
	if (code == EXIT_OK && s->metadata_len)
		code = prepare_metadata(tool, s);
	if (code == EXIT_OK && !admin && vfnc_queue_create(tool->dev, NULL, &s->queue) < 0)
		code = report_daemon(tool);
	if (code == EXIT_OK)
		code = execute(tool, s, admin);
	if (!s->buffer)
		free(s->data);
	return code;
}

static int run_admin(struct tool *tool, void *settings)
{
	return run(tool, settings, true);
}

static int run_io(struct tool *tool, void *settings)
{
	return run(tool, settings, false);
}

const struct command cmd_admin_passthru = {
	.name = "admin-passthru",
	.summary = "any admin command",
	.doc = "Send an admin command as the options spell it out and show its result.",
	.groups = OPT_DEVICE | OPT_NSID,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_admin,
};

const struct command cmd_io_passthru = {
	.name = "io-passthru",
	.summary = "any I/O command",
	.doc = "Send an I/O command as the options spell it out and show its result.",
	.groups = OPT_DEVICE | OPT_NSID,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run_io,
};
