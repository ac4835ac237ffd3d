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
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vfn/client.h"

enum {
	EXIT_OK = 0,
	EXIT_STATUS = 1, /* the controller completed a command with another status than success */
	EXIT_USAGE = 2,
	EXIT_DAEMON = 3, /* the daemon cannot be reached, or refused */
	EXIT_FILE = 4,   /* a local file, or no memory */
	EXIT_SIGINT = 130, /* interrupted while the controller was at work, see stderr */
};

enum format {
	FORMAT_NORMAL,
	FORMAT_JSON,
	FORMAT_BINARY,
	FORMAT_PROMETHEUS,
};

/* Groups of options that several commands share; their values are in struct tool. */
enum {
	OPT_DEVICE = 1 << 0, /* a device as argument; opened before the command runs */
	OPT_FORMAT = 1 << 1, /* -o normal|json */
	OPT_BINARY = 1 << 2, /* and binary, -b */
	OPT_HUMAN = 1 << 3,  /* -H */
	OPT_NSID = 1 << 4,   /* -n */
	OPT_ADDRESS = 1 << 5, /* a device as argument, which the command opens itself if at all */
	OPT_NSID_NEEDED = 1 << 6, /* with OPT_NSID: which has no default */
	OPT_LOCAL = 1 << 7, /* does without the daemon */
	OPT_PROMETHEUS = 1 << 8, /* with OPT_FORMAT: also prometheus */
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

enum value_kind {
	VALUE_NUMBER,
	VALUE_SWITCH,
	VALUE_TEXT,
};

/*
 * An option that puts what is given into a member of the command's settings. A table of them ends
 * with VALUES_END.
 */
struct value {
	const char *name; /* without the dashes */
	int key;          /* a character, or VALUE_LONG and above: no short form */
	const char *arg;  /* what its argument is called */
	const char *doc;
	enum value_kind kind;
	uint16_t offset; /* of the member */
	uint8_t size;    /* bytes of a number */
	bool needed;
	uint16_t given; /* 1 and the offset of a bool that tells whether it was given; 0: none */
	uint64_t max;   /* of a number */
};

#define VALUE_LONG 0x2000
#define VALUE_MEMBER(type, member)                                                                 \
	.offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

/* A number up to `max`, needed or not; one that may be left out, with member_given beside it. */
#define NUMBER(type, member, key_, name_, max_, doc_)                                              \
	{.name = (name_), .key = (key_), .arg = "NUM", .doc = (doc_), .kind = VALUE_NUMBER,        \
	 VALUE_MEMBER(type, member), .max = (max_)}
#define NEEDED(type, member, key_, name_, max_, doc_)                                              \
	{.name = (name_), .key = (key_), .arg = "NUM", .doc = (doc_), .kind = VALUE_NUMBER,        \
	 VALUE_MEMBER(type, member), .max = (max_), .needed = true}
#define OPTIONAL(type, member, key_, name_, max_, doc_)                                            \
	{.name = (name_), .key = (key_), .arg = "NUM", .doc = (doc_), .kind = VALUE_NUMBER,        \
	 VALUE_MEMBER(type, member), .max = (max_), .given = offsetof(type, member##_given) + 1}
#define SWITCH(type, member, key_, name_, doc_)                                                    \
	{.name = (name_), .key = (key_), .doc = (doc_), .kind = VALUE_SWITCH,                      \
	 VALUE_MEMBER(type, member)}
#define STRING(type, member, key_, name_, arg_, doc_)                                                \
	{.name = (name_), .key = (key_), .arg = (arg_), .doc = (doc_), .kind = VALUE_TEXT,         \
	 VALUE_MEMBER(type, member)}
#define NEEDED_STRING(type, member, key_, name_, arg_, doc_)                                         \
	{.name = (name_), .key = (key_), .arg = (arg_), .doc = (doc_), .kind = VALUE_TEXT,         \
	 VALUE_MEMBER(type, member), .needed = true}
#define VALUES_END {0}

struct command {
	const char *name;
	const char *alias; /* another name, or NULL */
	const char *summary; /* one line, for help */
	const char *doc;     /* what it does, in sentences */
	unsigned int groups;
	const struct value *values; /* its own options, or NULL */
	const void *defaults;       /* settings before the options, or NULL: zeroes */
	/* In place of `values`, or beside it for what is more than a value. */
	const struct argp_option *options;
	/* as an argp parser; `settings` are the command's. ARGP_KEY_END comes too. */
	error_t (*option)(int key, const char *arg, struct argp_state *state, void *settings);
	size_t settings_size;
	int (*run)(struct tool *tool, void *settings);
};

/* ---- table.c ---- */

/* Every command, in the order in which help shows them; NULL behind the last. */
extern const struct command *const command_table[];

/* By name or alias; NULL: there is none. */
const struct command *table_find(const char *name);

/* ---- options.c ---- */

/* A number, decimal, 0x hexadecimal or 0 octal, up to `max`; else an error of usage, and exit. */
uint64_t option_number(struct argp_state *state, const char *name, const char *arg, uint64_t max);

/* Parse what follows the command's name. Usage errors end the program with EXIT_USAGE. */
void options_parse(const struct command *cmd, int argc, char **argv, struct tool *tool,
		   void *settings);

/* Prints the command's help to stdout. */
void options_help(const struct command *cmd);

/* Calls `each` for every option of the command, those of its groups included, in help's order. */
void options_walk(const struct command *cmd,
		  void (*each)(const struct argp_option *option, void *arg), void *arg);

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

/* All of a file, to be given to free(3); no more than `max` bytes. EXIT_*. */
int file_load(const struct tool *tool, const char *path, uint8_t **data, size_t *size, size_t max);

/* All of it to a file (NULL: stdout). EXIT_*. */
int file_write(const struct tool *tool, const char *path, const void *data, size_t size);

#endif
