/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace: the commands of one device or of all as they complete. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/list.h"
#include "client/vfnctl/print.h"
#include "client/vfnctl/progress.h"

struct settings {
	const char *scope, *opcodes, *statuses;
	uint64_t session, count; /* count 0: without end */
	uint32_t timeout_ms, entries;
	uint16_t queue;
	bool timeout_ms_given, queue_given;
	bool admin, io, failed, all_devices;
};

/* A device that is traced. */
struct source {
	struct vfnc_device *dev;
	struct vfnc_trace *trace;
};

struct run {
	struct tool *tool;
	const struct settings *s;
	struct vfnc_trace_filter filter;
	bool scope_given;
	uint8_t opcodes[256];
	struct source *sources;
	struct pollfd *fds;
	unsigned int n;
	uint64_t shown, lost;
	int64_t deadline; /* ms; -1: none */
};

/* ---- what is wanted ---------------------------------------------------------------------- */

static int parse_scope(struct run *r)
{
	static const char *const names[] = {"session", "user", "all"};
	const char *scope = r->s->scope;

	r->scope_given = scope != NULL;
	r->filter.scope = VFNC_TRACE_ALL;
	for (unsigned int i = 0; scope; i++) {
		if (i == sizeof(names) / sizeof(names[0]))
			return report(r->tool, EXIT_USAGE, "--scope: '%s' is not session, user or all", scope);
		if (strcmp(scope, names[i]) == 0) {
			r->filter.scope = (enum vfnc_trace_scope)i;
			break;
		}
	}
	return EXIT_OK;
}

static int parse_filter(struct run *r)
{
	const struct settings *s = r->s;
	struct vfnc_trace_filter *f = &r->filter;
	uint64_t values[256];
	int n;

	if (s->admin && s->io)
		return report(r->tool, EXIT_USAGE, "--admin and --io exclude each other");
	if (s->opcodes) {
		n = list_parse(r->tool, "--opcode", s->opcodes, 0xff, values, 256);
		if (n < 0)
			return EXIT_USAGE;
		for (int i = 0; i < n; i++)
			r->opcodes[i] = (uint8_t)values[i];
		f->opcodes = r->opcodes;
		f->n_opcodes = (uint32_t)n;
	}
	if (s->statuses) {
		n = list_parse(r->tool, "--status", s->statuses, 0x7ff, values, VFNC_TRACE_STATUSES);
		if (n < 0)
			return EXIT_USAGE;
		for (int i = 0; i < n; i++)
			f->statuses[i] = (uint16_t)values[i];
		f->n_statuses = (uint32_t)n;
	}
	f->session = s->session;
	f->no_admin = s->io;
	f->no_io = s->admin;
	f->has_queue = s->queue_given;
	f->queue = s->queue;
	f->failed = s->failed;
	f->entries = s->entries;
	return parse_scope(r);
}

/* ---- devices ----------------------------------------------------------------------------- */

/* With as much as may be seen, where it was not said how much that should be. EXIT_*. */
static int start(struct run *r, struct source *src)
{
	struct vfnc_trace_filter filter = r->filter;
	int ret = vfnc_trace_open(src->dev, &filter, &src->trace);

	if (ret == -EPERM && !r->scope_given) {
		fprintf(stderr, "%s: this user's commands alone; %s\n", vfnc_device_address(src->dev),
			vfnc_error(r->tool->conn));
		filter.scope = VFNC_TRACE_USER;
		ret = vfnc_trace_open(src->dev, &filter, &src->trace);
	}
	if (ret < 0)
		return report_daemon(r->tool);
	return EXIT_OK;
}

static int add(struct run *r, const char *address)
{
	struct source *src = &r->sources[r->n];
	int code;

	if (vfnc_open(r->tool->conn, address, &src->dev) < 0)
		return report_daemon(r->tool);
	code = start(r, src);
	if (code == EXIT_OK)
		r->n++;
	return code;
}

static int add_all(struct run *r)
{
	struct vfnc_device_entry *entries;
	int n = vfnc_list(r->tool->conn, &entries), code = EXIT_OK;

	if (n < 0)
		return report_daemon(r->tool);
	r->sources = calloc((size_t)n + 1, sizeof(*r->sources));
	if (!r->sources)
		code = report(r->tool, EXIT_FILE, "no memory");
	for (int i = 0; i < n && code == EXIT_OK; i++)
		if (entries[i].state == VFNC_DEVICE_READY)
			code = add(r, entries[i].address);
	free(entries);
	if (code == EXIT_OK && !r->n)
		return report(r->tool, EXIT_DAEMON, "the daemon has no device that is ready");
	return code;
}

static int add_devices(struct run *r)
{
	int code;

	if (r->s->all_devices) {
		if (r->tool->address)
			return report(r->tool, EXIT_USAGE, "either a device or --all-devices");
		code = add_all(r);
	} else {
		r->sources = calloc(1, sizeof(*r->sources));
		code = r->sources ? add(r, r->tool->address) : report(r->tool, EXIT_FILE, "no memory");
	}
	if (code == EXIT_OK)
		r->fds = calloc(r->n, sizeof(*r->fds));
	return code == EXIT_OK && !r->fds ? report(r->tool, EXIT_FILE, "no memory") : code;
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool enough(const struct run *r)
{
	return r->s->count && r->shown == r->s->count;
}

/* The trace has ended. EXIT_OK: it goes on. */
static int again(struct run *r, struct source *src, int error)
{
	int code;

	if (error != -ECONNRESET)
		return report(r->tool, EXIT_DAEMON, "%s: %s", vfnc_device_address(src->dev),
			      vfnc_error(r->tool->conn));
	r->lost += vfnc_trace_lost(src->trace);
	/* Its handle means nothing to the new program image. */
	if (vfnc_trace_close(src->trace) < 0)
		return report_daemon(r->tool);
	src->trace = NULL;
	/* A daemon that has ended is found out by this. */
	code = start(r, src);
	if (code == EXIT_OK)
		fprintf(stderr, "%s: the daemon has replaced itself; commands may be missing here\n",
			vfnc_device_address(src->dev));
	return code;
}

/* All that is there. */
static int show(struct run *r, struct source *src)
{
	const char *device = r->s->all_devices ? vfnc_device_address(src->dev) : NULL;
	struct vfnc_trace_entry entry;
	int ret = 0;

	while (!enough(r) && !progress_interrupted()) {
		ret = vfnc_trace_read(src->trace, &entry, 0);
		if (ret < 0)
			break;
		print_trace(stdout, &entry, device, r->tool->format);
		r->shown++;
	}
	if (ret < 0 && ret != -ETIMEDOUT && ret != -EINTR) {
		fflush(stdout);
		return again(r, src, ret);
	}
	return EXIT_OK;
}

/* False: there is no time left. */
static bool await(struct run *r)
{
	int64_t left = r->deadline < 0 ? -1 : r->deadline - progress_now_ms();

	if (r->deadline >= 0 && left <= 0)
		return false;
	for (unsigned int i = 0; i < r->n; i++)
		r->fds[i] = (struct pollfd){.fd = vfnc_trace_fd(r->sources[i].trace), .events = POLLIN};
	/* A signal between the look at it and this is noticed a little later. */
	poll(r->fds, r->n, left < 0 || left > 500 ? 500 : (int)left);
	return true;
}

static int follow(struct run *r)
{
	for (;;) {
		for (unsigned int i = 0; i < r->n; i++) {
			int code = show(r, &r->sources[i]);

			if (code)
				return code;
		}
		if (fflush(stdout) != 0)
			return EXIT_FILE; /* which is said behind here */
		if (enough(r) || progress_interrupted())
			return EXIT_OK;
		if (!await(r))
			return r->s->count ? report(r->tool, EXIT_DAEMON,
						    "%" PRIu64 " of %" PRIu64 " commands came in time", r->shown,
						    r->s->count)
					   : EXIT_OK;
	}
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct run r = {.tool = tool, .s = s, .deadline = -1};
	int code = parse_filter(&r);

	if (code == EXIT_OK)
		code = add_devices(&r);
	if (code == EXIT_OK) {
		if (s->timeout_ms_given)
			r.deadline = progress_now_ms() + s->timeout_ms;
		progress_begin();
		/* who waits for this line knows that nothing is missed from here on */
		for (unsigned int i = 0; i < r.n; i++)
			fprintf(stderr, "tracing %s\n", vfnc_device_address(r.sources[i].dev));
		code = follow(&r);
		progress_end();
		for (unsigned int i = 0; i < r.n; i++)
			if (r.sources[i].trace)
				r.lost += vfnc_trace_lost(r.sources[i].trace);
		fflush(stdout);
		fprintf(stderr, "%" PRIu64 " commands shown, %" PRIu64 " lost\n", r.shown, r.lost);
	}
	free(r.fds);
	free(r.sources);
	return code;
}

static const struct value values[] = {
	STRING(struct settings, scope, VALUE_LONG, "scope", "SCOPE",
	       "session, user or all: whose commands; else all that may be seen"),
	NUMBER(struct settings, session, 's', "session", UINT64_MAX, "of the session of this number alone"),
	STRING(struct settings, opcodes, 'O', "opcode", "LIST", "these opcodes alone, numbers with commas between"),
	STRING(struct settings, statuses, 'S', "status", "LIST",
	       "completed with one of these statuses: code in bits 7:0, type in bits 10:8"),
	SWITCH(struct settings, failed, 'f', "failed",
	       "refused, not completed, or completed with another status than success"),
	SWITCH(struct settings, admin, 'a', "admin", "commands of the admin queue alone"),
	SWITCH(struct settings, io, 'i', "io", "commands of other queues alone"),
	OPTIONAL(struct settings, queue, 'q', "queue", UINT16_MAX,
		 "of this queue alone: the controller's identifier, or a served queue's number"),
	NUMBER(struct settings, count, 'c', "count", UINT64_MAX, "stop after so many"),
	OPTIONAL(struct settings, timeout_ms, 't', "timeout", INT_MAX, "stop after so many milliseconds"),
	NUMBER(struct settings, entries, 'e', "entries", 16384,
	       "that are kept for the reader; older ones are lost"),
	SWITCH(struct settings, all_devices, 'A', "all-devices", "of all devices that are ready"),
	VALUES_END,
};

const struct command cmd_trace = {
	.name = "trace",
	.summary = "show commands as they complete",
	.doc = "Print a line for each command of a device as it completes: when, how long it took, whose it was, the "
	       "command, and what came of it. Commands that the daemon refused, and its own, are among them. "
	       "Commands of other users' sessions and the daemon's are shown where the device's configuration has "
	       "raw = yes. Commands of direct queues do not pass the daemon and are not shown. With -o json a "
	       "line is an object. SIGINT and SIGTERM end it, with exit status 0; it says how many were shown "
	       "and lost. When the daemon replaces itself by a new program image the trace is opened again.",
	.groups = OPT_ADDRESS | OPT_FORMAT,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};
