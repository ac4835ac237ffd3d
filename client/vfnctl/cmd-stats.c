/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/counters.h"
#include "client/vfnctl/fields.h"
#include "client/vfnctl/prometheus.h"
#include "client/vfnctl/tally.h"

struct settings {
	bool daemon, sessions, queues, latency;
};

static void print_text(const struct vfnc_statistics *st, const struct counter *c)
{
	for (; c->name; c++)
		printf("%-18s: %" PRIu64 "\n", c->name, counter_value(st, c));
}

static void add(struct json_object *root, const char *name, const struct vfnc_statistics *st,
		const struct counter *c)
{
	struct json_object *obj = json_object_new_object();

	counters_json(obj, st, c);
	json_object_object_add(root, name, obj);
}

/* What the settings ask for. The number of rows; -1: that it failed has been said. */
static int fetch(struct tool *tool, const struct settings *s, const char *address, bool latency,
		 struct vfnc_tally **rows)
{
	struct vfnc_tally_opts opts = {.sessions = s->sessions, .queues = s->queues, .latency = latency};
	int n = vfnc_tallies(tool->conn, address, &opts, rows);

	/* An older daemon has no more than it was asked for in its time. */
	if (n == -EOPNOTSUPP && !s->sessions && !s->queues && !s->latency)
		return 0;
	if (n < 0)
		report_daemon(tool);
	return n < 0 ? -1 : n;
}

/* ---- Prometheus ---------------------------------------------------------------------------------- */

static int sample_device(struct tool *tool, const struct settings *s, const char *address,
			 struct prometheus_sample *sample)
{
	struct vfnc_device *dev;

	sample->address = address;
	if (vfnc_open(tool->conn, address, &dev) < 0 || vfnc_statistics(tool->conn, dev, &sample->st) < 0)
		return report_daemon(tool);
	sample->n = fetch(tool, s, address, true, &sample->rows);
	return sample->n < 0 ? EXIT_DAEMON : EXIT_OK;
}

static void print_all(const struct settings *s, const struct prometheus_sample *daemon,
		      const struct prometheus_sample *samples, int n)
{
	prometheus_counters(daemon, 1, counters_daemon, "");
	if (s->daemon)
		return;
	prometheus_counters(samples, n, counters_device, "device_");
	prometheus_counters(samples, n, counters_served, "");
	prometheus_devices(samples, n);
	if (s->sessions)
		prometheus_sessions(samples, n);
	if (s->queues)
		prometheus_queues(samples, n);
}

/* The one that is named, or all that are ready; others have no counters. */
static int run_prometheus(struct tool *tool, const struct settings *s)
{
	struct prometheus_sample daemon = {0}, *samples = NULL;
	struct vfnc_device_entry *entries = NULL;
	int n = 0, count = 0, code = EXIT_OK;

	if (vfnc_statistics(tool->conn, NULL, &daemon.st) < 0)
		return report_daemon(tool);
	if (!s->daemon) {
		n = vfnc_list(tool->conn, &entries);
		samples = n < 0 ? NULL : calloc((size_t)n + 1, sizeof(*samples));
		if (n < 0)
			code = report_daemon(tool);
		else if (!samples)
			code = report(tool, EXIT_FILE, "no memory");
	}
	for (int i = 0; i < n && code == EXIT_OK; i++)
		if (tool->address ? strcmp(tool->address, entries[i].address) == 0
				  : entries[i].state == VFNC_DEVICE_READY)
			code = sample_device(tool, s, entries[i].address, &samples[count++]);
	if (code == EXIT_OK && tool->address && !count)
		code = report(tool, EXIT_DAEMON, "there is no device %s: vfnctl list shows them",
			      tool->address);
	if (code == EXIT_OK)
		print_all(s, &daemon, samples, count);
	for (int i = 0; i < count; i++)
		free(samples[i].rows);
	free(samples);
	free(entries);
	return code;
}

/* ---- one device, or the daemon ------------------------------------------------------------------- */

static void print_json(const struct settings *s, const struct vfnc_statistics *st, const struct vfnc_tally *rows,
		       int n, bool device)
{
	struct json_object *root = json_object_new_object();

	add(root, "daemon", st, counters_daemon);
	if (device) {
		add(root, "device", st, counters_device);
		add(root, "served", st, counters_served);
	}
	if (n) {
		tally_json_errors(root, &rows[0]);
		if (s->latency)
			tally_json_latency(root, &rows[0].latency);
		if (s->sessions)
			tally_json_sessions(root, rows, n, s->latency);
		if (s->queues)
			tally_json_queues(root, rows, n, s->latency);
	}
	field_json_print(stdout, root);
}

static void print_normal(const struct settings *s, const struct vfnc_statistics *st, const struct vfnc_tally *rows,
			 int n, bool device)
{
	print_text(st, counters_daemon);
	if (device) {
		print_text(st, counters_device);
		print_text(st, counters_served);
	}
	if (n) {
		tally_print_errors(stdout, &rows[0]);
		if (s->latency)
			tally_print_latency(stdout, &rows[0].latency);
		if (s->sessions) {
			putchar('\n');
			tally_print_sessions(stdout, rows, n, s->latency);
		}
		if (s->queues) {
			putchar('\n');
			tally_print_queues(stdout, rows, n, s->latency);
		}
	}
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct vfnc_tally *rows = NULL;
	struct vfnc_device *dev = NULL;
	struct vfnc_statistics st;
	int n = 0;

	if (s->daemon && tool->address)
		return report(tool, EXIT_USAGE, "--daemon and a device exclude each other");
	if (s->daemon && (s->sessions || s->queues || s->latency))
		return report(tool, EXIT_USAGE, "sessions, queues and latencies are a device's, not the daemon's");
	if (tool->format == FORMAT_PROMETHEUS)
		return run_prometheus(tool, s);
	if (!s->daemon && vfnc_open(tool->conn, tool->address, &dev) < 0)
		return report_daemon(tool);
	if (vfnc_statistics(tool->conn, dev, &st) < 0)
		return report_daemon(tool);
	if (dev)
		n = fetch(tool, s, vfnc_device_address(dev), s->latency, &rows);
	if (n < 0)
		return EXIT_DAEMON;
	(tool->format == FORMAT_JSON ? print_json : print_normal)(s, &st, rows, n, dev != NULL);
	free(rows);
	return EXIT_OK;
}

static const struct value values[] = {
	SWITCH(struct settings, daemon, 'd', "daemon", "of the daemon alone, without a device"),
	SWITCH(struct settings, sessions, 's', "sessions", "of each session, too"),
	SWITCH(struct settings, queues, 'q', "queues", "of each queue, too"),
	SWITCH(struct settings, latency, 'l', "latency", "how long commands took, too"),
	VALUES_END,
};

const struct command cmd_stats = {
	.name = "stats",
	.summary = "counters of the daemon and a device",
	.doc = "Show the counters of the daemon and of a device: of commands that were requests, of served queues, "
	       "and errors of both by status. Sessions and queues are those that there are, with a row for what has "
	       "ended or was deleted, so that each table adds up to the device; of direct and raw queues the daemon "
	       "only knows that they are there. Latencies are counted from a command's submission to the controller "
	       "until the daemon sees its completion, to a 32nd. The format prometheus is for node_exporter's "
	       "textfile collector; it has latencies always, and without a device all that are ready.",
	.groups = OPT_ADDRESS | OPT_FORMAT | OPT_PROMETHEUS,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};
