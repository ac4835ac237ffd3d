/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfnctl - what main.c, the commands and the decoders share
 *
 * A command is one file cmd-NAME.c with one struct command, and a line in main.c's table. Results go
 * to stdout, all else to stderr. Exit codes are EXIT_*; a command's function returns one of them.
 */
#ifndef VFNCTL_H
#define VFNCTL_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vfn/client.h"

enum {
	EXIT_OK = 0,
	EXIT_STATUS = 1, /* the controller completed a command with another status than success */
	EXIT_USAGE = 2,
	EXIT_DAEMON = 3, /* the daemon cannot be reached, or refused */
	EXIT_FILE = 4,   /* a local file, or no memory */
};

enum format {
	FORMAT_NORMAL,
	FORMAT_JSON,
	FORMAT_BINARY,
};

/* Groups of options that several commands share; their values are in struct tool. */
enum {
	OPT_DEVICE = 1 << 0, /* a device as argument; opened before the command runs */
	OPT_FORMAT = 1 << 1, /* -o normal|json */
	OPT_BINARY = 1 << 2, /* and binary, -b */
	OPT_HUMAN = 1 << 3,  /* -H */
	OPT_NSID = 1 << 4,   /* -n */
	OPT_ADDRESS = 1 << 5, /* a device as argument, which the command opens itself if at all */
};

struct tool {
	const char *name; /* of the command, for messages */
	const char *socket;
	const char *address;
	enum format format;
	bool human;
	bool nsid_given;
	uint32_t nsid;
	struct vfnc *conn;
	struct vfnc_device *dev; /* NULL without OPT_DEVICE */
};

struct command {
	const char *name;
	const char *summary; /* one line, for help */
	const char *doc;     /* what it does, in sentences */
	unsigned int groups;
	const struct argp_option *options; /* its own, or NULL */
	/* as an argp parser; `settings` are the command's, zeroed at first. ARGP_KEY_END comes too. */
	error_t (*option)(int key, const char *arg, struct argp_state *state, void *settings);
	size_t settings_size;
	int (*run)(struct tool *tool, void *settings);
};

extern const struct command cmd_admin_passthru, cmd_events, cmd_id_ctrl, cmd_id_ns, cmd_info,
	cmd_io_passthru, cmd_list, cmd_read, cmd_show_regs, cmd_smart_log, cmd_stats, cmd_write;

/* ---- options.c ---- */

/* A number, decimal, 0x hexadecimal or 0 octal, up to `max`; else an error of usage, and exit. */
uint64_t option_number(struct argp_state *state, const char *name, const char *arg, uint64_t max);

/* Parse what follows the command's name. Usage errors end the program with EXIT_USAGE. */
void options_parse(const struct command *cmd, int argc, char **argv, struct tool *tool,
		   void *settings);

/* Prints the command's help to stdout. */
void options_help(const struct command *cmd);

/* ---- report.c ---- */

/* The daemon's reason of the last failure. EXIT_DAEMON. */
int report_daemon(const struct tool *tool);

/* Says how a command ended if it failed, as nvme-cli does. EXIT_OK or EXIT_STATUS. */
int report_status(const struct vfnc_completion *cpl);

/* A message to stderr with the command's name before it. Returns `code`. */
int report(const struct tool *tool, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Flushes stdout; EXIT_FILE when what was printed could not be written, else `code`. */
int report_output(const struct tool *tool, int code);

/* The namespace asked for with -n, or the only active one. 0 or EXIT_*. */
int report_nsid(struct tool *tool, uint32_t *nsid);

/* ---- file.c ---- */

/* Up to `size` bytes from a file (NULL: stdin) into zeroed memory. EXIT_*. */
int file_read(const struct tool *tool, const char *path, void *data, size_t size);

/* All of it to a file (NULL: stdout). EXIT_*. */
int file_write(const struct tool *tool, const char *path, const void *data, size_t size);

#endif
