/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/counters.h"
#include "client/vfnctl/fields.h"

struct settings {
	bool daemon;
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

	for (; c->name; c++)
		json_object_object_add(obj, c->name, json_object_new_uint64(counter_value(st, c)));
	json_object_object_add(root, name, obj);
}

/* A device, or NULL: the daemon alone, with its counters. */
struct sample {
	const char *address;
	struct vfnc_statistics st;
};

/* A label's value in Prometheus' text: backslash, quote and line feed are escaped. */
static void print_label(const char *text)
{
	for (; *text; text++)
		if (*text == '\n')
			fputs("\\n", stdout);
		else if (*text == '\\' || *text == '"')
			printf("\\%c", *text);
		else
			putchar(*text);
}

/* All samples of a name stand together, as Prometheus wants them. */
static void print_prometheus(const struct sample *samples, int n, const struct counter *counters,
			     const char *prefix)
{
	for (const struct counter *c = counters; c->name; c++) {
		printf("# HELP vfnd_%s%s %s\n# TYPE vfnd_%s%s %s\n", prefix, c->metric, c->help, prefix,
		       c->metric, c->gauge ? "gauge" : "counter");
		for (int i = 0; i < n; i++) {
			printf("vfnd_%s%s", prefix, c->metric);
			if (samples[i].address) {
				fputs("{device=\"", stdout);
				print_label(samples[i].address);
				fputs("\"}", stdout);
			}
			if (c->nanoseconds)
				printf(" %.9f\n", (double)counter_value(&samples[i].st, c) / 1e9);
			else
				printf(" %" PRIu64 "\n", counter_value(&samples[i].st, c));
		}
	}
}

/* The one that is named, or all that are ready; others have no counters. */
static int run_prometheus(struct tool *tool, const struct settings *s)
{
	struct vfnc_device_entry *entries = NULL;
	struct vfnc_device *dev;
	struct sample daemon = {0}, *samples = NULL;
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
	for (int i = 0; i < n && code == EXIT_OK; i++) {
		if (tool->address ? strcmp(tool->address, entries[i].address) != 0
				  : entries[i].state != VFNC_DEVICE_READY)
			continue;
		if (vfnc_open(tool->conn, entries[i].address, &dev) < 0 ||
		    vfnc_statistics(tool->conn, dev, &samples[count].st) < 0)
			code = report_daemon(tool);
		samples[count++].address = entries[i].address;
	}
	if (code == EXIT_OK && tool->address && !count)
		code = report(tool, EXIT_DAEMON, "there is no device %s: vfnctl list shows them",
			      tool->address);
	if (code == EXIT_OK) {
		print_prometheus(&daemon, 1, counters_daemon, "");
		print_prometheus(samples, count, counters_device, "device_");
		print_prometheus(samples, count, counters_served, "");
	}
	free(samples);
	free(entries);
	return code;
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct vfnc_device *dev = NULL;
	struct vfnc_statistics st;

	if (s->daemon && tool->address)
		return report(tool, EXIT_USAGE, "--daemon and a device exclude each other");
	if (tool->format == FORMAT_PROMETHEUS)
		return run_prometheus(tool, s);
	if (!s->daemon && vfnc_open(tool->conn, tool->address, &dev) < 0)
		return report_daemon(tool);
	if (vfnc_statistics(tool->conn, dev, &st) < 0)
		return report_daemon(tool);
	if (tool->format == FORMAT_JSON) {
		struct json_object *root = json_object_new_object();

		add(root, "daemon", &st, counters_daemon);
		if (dev) {
			add(root, "device", &st, counters_device);
			add(root, "served", &st, counters_served);
		}
		field_json_print(stdout, root);
		return EXIT_OK;
	}
	print_text(&st, counters_daemon);
	if (dev) {
		print_text(&st, counters_device);
		print_text(&st, counters_served);
	}
	return EXIT_OK;
}

static const struct value values[] = {
	SWITCH(struct settings, daemon, 'd', "daemon", "of the daemon alone, without a device"),
	VALUES_END,
};

const struct command cmd_stats = {
	.name = "stats",
	.summary = "counters of the daemon and a device",
	.doc = "Show the counters of the daemon and of a device. The format prometheus is for node_exporter's "
	       "textfile collector; without a device it has all that are ready.",
	.groups = OPT_ADDRESS | OPT_FORMAT | OPT_PROMETHEUS,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};
