/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <libnvme.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/print.h"
#include "client/vfnctl/progress.h"

#define POLL_MS 500

/* Self-test codes (STC) */
enum {
	STC_SHOW = 0x0, /* nvme-cli's, not the controller's: tell how far it is */
	STC_SHORT = 0x1,
	STC_EXTENDED = 0x2,
	STC_VENDOR = 0xe,
	STC_ABORT = 0xf,
};

struct settings {
	uint8_t code;
	bool wait;
};

static const struct value values[] = {
	NUMBER(struct settings, code, 's', "self-test-code", 15,
	       "0 tell how far a test is, 1 start a short one, 2 an extended one, 14 a vendor's, 15 abort "
	       "the one under way"),
	SWITCH(struct settings, wait, 'w', "wait", "wait until it is done, and tell how it ended"),
	VALUES_END,
};

static int send_code(struct tool *tool, uint8_t code)
{
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_dev_self_test,
		.nsid = tool->nsid_given ? tool->nsid : NVME_NSID_ALL,
		.cdw10 = code,
	};

	return command_admin(tool, &cmd, NULL);
}

static int get_log(struct tool *tool, struct nvme_self_test_log *log)
{
	return command_log_page(tool, NVME_LOG_LID_DEVICE_SELF_TEST, false, log, sizeof(*log));
}

/* The test that was waited for, if it was started here, does not go on without who wanted it. */
static int interrupted(struct tool *tool, bool ours)
{
	progress_clear();
	if (!ours)
		return report(tool, EXIT_SIGINT, "interrupted: the self-test goes on");
	if (send_code(tool, STC_ABORT) == EXIT_OK)
		return report(tool, EXIT_SIGINT, "interrupted: the self-test was aborted");
	return report(tool, EXIT_SIGINT, "interrupted: the self-test goes on, it cannot be aborted");
}

static int wait_end(struct tool *tool, bool ours)
{
	struct nvme_self_test_log log;
	int code;

	progress_show("self-test: 0%%");
	for (;;) {
		code = get_log(tool, &log);
		if (code || !(log.current_operation & 0xf))
			break;
		progress_show("self-test: %u%%", log.completion & 0x7f);
		if (!progress_sleep(POLL_MS))
			return interrupted(tool, ours);
	}
	progress_clear();
	if (code)
		return code;
	print_self_test_log(stdout, &log, 1, vfnc_device_address(tool->dev), FORMAT_NORMAL, true);
	return log.result[0].dsts & 0xf ? EXIT_STATUS : EXIT_OK;
}

static int show(struct tool *tool)
{
	struct nvme_self_test_log log;
	int code = get_log(tool, &log);

	if (code)
		return code;
	if (log.current_operation & 0xf)
		printf("progress %u%%\n", log.completion & 0x7f);
	else
		printf("no self test running\n");
	return EXIT_OK;
}

static int start(struct tool *tool, uint8_t stc)
{
	int code = send_code(tool, stc);

	if (code)
		return code;
	if (stc == STC_SHORT)
		printf("Short Device self-test started\n");
	else if (stc == STC_EXTENDED)
		printf("Extended Device self-test started\n");
	else if (stc == STC_VENDOR)
		printf("Vendor Specific Device self-test started\n");
	else if (stc == STC_ABORT)
		printf("Aborting device self-test operation\n");
	fflush(stdout);
	return EXIT_OK;
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	bool wait = s->wait && s->code != STC_ABORT;
	int code;

	if (s->code == STC_SHOW && !wait)
		return show(tool);
	progress_begin();
	code = s->code == STC_SHOW ? EXIT_OK : start(tool, s->code);
	if (code == EXIT_OK && wait)
		code = wait_end(tool, s->code != STC_SHOW);
	progress_end();
	return code;
}

const struct command cmd_device_self_test = {
	.name = "device-self-test",
	.summary = "start, watch or abort a self-test",
	.doc = "Start a device self-test, of the controller and all namespaces where --namespace-id is "
	       "not given, or tell how far one is. With --wait progress is shown on a terminal, and the "
	       "exit code is 1 unless the test found nothing; a test that was started here is aborted "
	       "when that is interrupted.",
	.groups = OPT_DEVICE | OPT_NSID,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};
