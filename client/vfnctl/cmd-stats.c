/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <inttypes.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/vfnctl.h"

struct settings {
	bool daemon;
};

struct row {
	const char *name;
	size_t offset;
};

#define ROW(name) {#name, offsetof(struct vfnc_statistics, name)}

static const struct row daemon_rows[] = {
	ROW(sessions), ROW(sessions_total), ROW(requests), ROW(refused),
	ROW(leases),   ROW(fds),	    ROW(uptime_ns),
};
static const struct row device_rows[] = {
	ROW(submitted),	    ROW(completed),    ROW(failed),	ROW(timed_out),
	ROW(aborts),	    ROW(outstanding),  ROW(bytes_read), ROW(bytes_written),
	ROW(interrupts),    ROW(events),       ROW(resets),	ROW(queue_pairs),
	ROW(buffers),	    ROW(buffer_bytes), ROW(mappings),	ROW(quarantined_bytes),
};
static const struct row served_rows[] = {
	ROW(served_queues),
	ROW(served_completed),
	ROW(served_failed),
	ROW(served_refused),
	ROW(served_bytes_read),
	ROW(served_bytes_written),
	ROW(served_outstanding),
	ROW(served_kicks),
	ROW(served_wakes),
	ROW(served_rounds),
	ROW(served_sleeps),
	ROW(refused_opcode),
	ROW(refused_field),
	ROW(refused_memory),
	ROW(refused_fused),
	ROW(refused_namespace),
	ROW(refused_sgl),
	ROW(refused_prp),
};

static uint64_t value(const struct vfnc_statistics *st, const struct row *row)
{
	return *(const uint64_t *)((const char *)st + row->offset);
}

static void print_text(const struct vfnc_statistics *st, const struct row *rows, size_t n)
{
	for (; n--; rows++)
		printf("%-18s: %" PRIu64 "\n", rows->name, value(st, rows));
}

static void add(struct json_object *root, const char *name, const struct vfnc_statistics *st,
		const struct row *rows, size_t n)
{
	struct json_object *obj = json_object_new_object();

	for (; n--; rows++)
		json_object_object_add(obj, rows->name, json_object_new_uint64(value(st, rows)));
	json_object_object_add(root, name, obj);
}

#define ROWS(a) a, sizeof(a) / sizeof((a)[0])

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct vfnc_device *dev = NULL;
	struct vfnc_statistics st;

	if (s->daemon && tool->address)
		return report(tool, EXIT_USAGE, "--daemon and a device exclude each other");
	if (!s->daemon && vfnc_open(tool->conn, tool->address, &dev) < 0)
		return report_daemon(tool);
	if (vfnc_statistics(tool->conn, dev, &st) < 0)
		return report_daemon(tool);
	if (tool->format == FORMAT_JSON) {
		struct json_object *root = json_object_new_object();

		add(root, "daemon", &st, ROWS(daemon_rows));
		if (dev) {
			add(root, "device", &st, ROWS(device_rows));
			add(root, "served", &st, ROWS(served_rows));
		}
		field_json_print(stdout, root);
		return EXIT_OK;
	}
	print_text(&st, ROWS(daemon_rows));
	if (dev) {
		print_text(&st, ROWS(device_rows));
		print_text(&st, ROWS(served_rows));
	}
	return EXIT_OK;
}

static const struct argp_option options[] = {
	{"daemon", 'd', NULL, 0, "of the daemon alone, without a device", 0},
	{0},
};

static error_t option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct settings *s = settings;

	if (key != 'd')
		return ARGP_ERR_UNKNOWN;
	s->daemon = true;
	return 0;
}

const struct command cmd_stats = {
	.name = "stats",
	.summary = "counters of the daemon and a device",
	.doc = "Show the counters of the daemon and of a device.",
	.groups = OPT_ADDRESS | OPT_FORMAT,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run,
};
