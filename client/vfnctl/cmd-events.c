/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include <libnvme.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/kinds.h"
#include "client/vfnctl/progress.h"
#include "client/vfnctl/vfnctl.h"

struct settings {
	uint64_t count; /* 0: without end */
	int timeout_ms; /* of the whole; -1: without limit */
	bool timeout_given;
};

static const char *type_name(uint32_t type)
{
	static const char *const names[] = {"error", "SMART / health", "notice", "immediate"};

	switch (type) {
	case 6:
		return "I/O command specific";
	case 7:
		return "vendor specific";
	default:
		return type < 4 ? names[type] : "unknown";
	}
}

static const char *info_name(uint32_t type, uint32_t info)
{
	static const char *const error[] = {
		"write to invalid doorbell register", "invalid doorbell write value",
		"diagnostic failure",		      "persistent internal error",
		"transient internal error",	      "firmware image load error"};
	static const char *const smart[] = {"NVM subsystem reliability", "temperature threshold",
					    "spare below threshold"};
	static const char *const notice[] = {"namespace attribute changed",
					     "firmware activation starting",
					     "telemetry log changed",
					     "asymmetric namespace access change",
					     "predictable latency event aggregate log change",
					     "LBA status information alert",
					     "endurance group event aggregate log page change"};

	if (type == 0 && info < sizeof(error) / sizeof(error[0]))
		return error[info];
	if (type == 1 && info < sizeof(smart) / sizeof(smart[0]))
		return smart[info];
	if (type == 2 && info < sizeof(notice) / sizeof(notice[0]))
		return notice[info];
	return "unknown";
}

static bool has_smart(const struct vfnc_event *e)
{
	return e->log_page == NVME_LOG_LID_SMART && e->log_length >= 3;
}

static void print_text(const struct vfnc_event *e)
{
	if (e->kind == VFNC_EVENT_GAP) {
		printf("%" PRIu64 " events lost, up to event %" PRIu64 ": they were not read in time\n", e->lost,
		       e->sequence);
		return;
	}
	if (e->lost)
		printf("%" PRIu64 " events lost\n", e->lost);
	printf("event %" PRIu64 ": ", e->sequence);
	switch (e->kind) {
	case VFNC_EVENT_GONE:
		printf("device gone: %s\n", e->reason);
		break;
	case VFNC_EVENT_COMPLETION:
		printf("completion that no command waits for:");
		for (uint32_t i = 0; i < e->log_length; i++)
			printf("%s%02x", i % 4 ? "" : " ", e->log[i ^ 3]);
		putchar('\n');
		break;
	case VFNC_EVENT_RESET:
	case VFNC_EVENT_DISABLED:
		printf("controller %s: %s; %u commands and %u queues of this session\n",
		       e->kind == VFNC_EVENT_RESET ? "reset" : "disabled", e->reason, e->dw0, e->type);
		break;
	case VFNC_EVENT_ENABLED:
		printf("controller enabled: %s, CC %#x\n", e->reason, e->dw0);
		break;
	default:
		printf("%s (%u), %s (%#x), log page %#x", type_name(e->type), e->type,
		       info_name(e->type, e->info), e->info, e->log_page);
		if (has_smart(e))
			printf(", critical_warning %#x, temperature %d Kelvin", e->log[0],
			       e->log[1] | e->log[2] << 8);
		putchar('\n');
		break;
	}
}

/* One line an event: a reader can take them as they come. */
static void print_json(const struct vfnc_event *e)
{
	static const char *const kinds[] = {"unknown", "async", "gone", "reset", "completion", "disabled", "enabled",
					     "gap"};
	struct json_object *obj = json_object_new_object();

	json_object_object_add(obj, "sequence", json_object_new_uint64(e->sequence));
	json_object_object_add(obj, "lost", json_object_new_uint64(e->lost));
	json_object_object_add(obj, "kind",
			       json_object_new_string(kinds[e->kind < sizeof(kinds) / sizeof(kinds[0]) ? e->kind : 0]));
	if (e->kind == VFNC_EVENT_ASYNC) {
		json_object_object_add(obj, "dw0", json_object_new_uint64(e->dw0));
		json_object_object_add(obj, "type", json_object_new_uint64(e->type));
		json_object_object_add(obj, "info", json_object_new_uint64(e->info));
		json_object_object_add(obj, "log_page", json_object_new_uint64(e->log_page));
		json_object_object_add(obj, "log_length", json_object_new_uint64(e->log_length));
		if (has_smart(e))
			json_object_object_add(obj, "critical_warning",
					       json_object_new_int(e->log[0]));
	} else if (e->kind == VFNC_EVENT_COMPLETION) {
		char hex[33] = "";

		for (uint32_t i = 0; i < e->log_length && i < 16; i++)
			sprintf(hex + 2 * i, "%02x", e->log[i]);
		json_object_object_add(obj, "cqe", json_object_new_string(hex));
	} else if (e->kind != VFNC_EVENT_GAP) {
		json_object_object_add(obj, "reason", json_object_new_string(e->reason));
	}
	if (e->kind == VFNC_EVENT_RESET || e->kind == VFNC_EVENT_DISABLED) {
		json_object_object_add(obj, "reset", json_object_new_string(kinds_name(e->info)));
		json_object_object_add(obj, "commands", json_object_new_uint64(e->dw0));
		json_object_object_add(obj, "queues", json_object_new_uint64(e->type));
	} else if (e->kind == VFNC_EVENT_ENABLED) {
		json_object_object_add(obj, "cc", json_object_new_uint64(e->dw0));
	}
	printf("%s\n", json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(obj);
}

/* A point of progress_now_ms(), from now. */
static int left_ms(int64_t end)
{
	int64_t ms = end - progress_now_ms();

	return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct vfnc_subscription *sub;
	static struct vfnc_event event;
	int64_t end = progress_now_ms() + s->timeout_ms;

	if (vfnc_subscribe(tool->dev, &sub) < 0)
		return report_daemon(tool);
	/* who waits for this line knows that nothing is missed from here on */
	fprintf(stderr, "subscribed to events of %s\n", vfnc_device_address(tool->dev));
	for (uint64_t n = 0; s->count == 0 || n < s->count; n++) {
		int ret = vfnc_event_wait(tool->conn, &event, s->timeout_given ? left_ms(end) : -1);

		if (ret == -ETIMEDOUT && s->timeout_given)
			return s->count ? report(tool, EXIT_DAEMON,
						 "%" PRIu64 " of %" PRIu64 " events came in time", n,
						 s->count)
					: EXIT_OK;
		if (ret < 0)
			return report_daemon(tool);
		if (tool->format == FORMAT_JSON)
			print_json(&event);
		else if (tool->format == FORMAT_BINARY)
			fwrite(event.log, event.log_length, 1, stdout);
		else
			print_text(&event);
		if (fflush(stdout) != 0)
			return EXIT_FILE;
		if (event.kind == VFNC_EVENT_GONE)
			return report(tool, EXIT_DAEMON, "the device is gone");
	}
	return EXIT_OK;
}

static const struct argp_option options[] = {
	{"count", 'c', "NUM", 0, "stop after so many events", 0},
	{"timeout", 't', "MS", 0, "stop after so many milliseconds", 0},
	{0},
};

static error_t option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct settings *s = settings;

	switch (key) {
	case 'c':
		s->count = option_number(state, "--count", arg, UINT64_MAX);
		return 0;
	case 't':
		s->timeout_ms = (int)option_number(state, "--timeout", arg, INT_MAX);
		s->timeout_given = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct command cmd_events = {
	.name = "events",
	.summary = "wait for events of a device",
	.doc = "Print the events of a device as they come: asynchronous events of the controller, "
	       "resets, the device's end. With -o json a line each; with -o binary the log pages "
	       "that the events name.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY,
	.options = options,
	.option = option,
	.settings_size = sizeof(struct settings),
	.run = run,
};
