/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <endian.h>
#include <errno.h>
#include <libnvme.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/print.h"
#include "client/vfnctl/progress.h"

#define POLL_MS 500

struct settings {
	const char *action;
	bool no_dealloc, invert, ause, wait, passes_given, pattern_given;
	uint8_t passes;
	uint32_t pattern;
};

static const struct value values[] = {
	NEEDED_STRING(struct settings, action, 'a', "sanact", "ACTION",
		    "1 exit-failure, 2 start-block-erase, 3 start-overwrite or 4 start-crypto-erase"),
	SWITCH(struct settings, no_dealloc, 'd', "no-dealloc", "do not deallocate blocks afterwards"),
	SWITCH(struct settings, invert, 'i', "oipbp", "overwrite: invert the pattern between passes"),
	OPTIONAL(struct settings, passes, 'n', "owpass", 16, "overwrite: passes, 1 to 16"),
	SWITCH(struct settings, ause, 'u', "ause",
	       "a failure may be left without sanitizing again (unrestricted exit)"),
	OPTIONAL(struct settings, pattern, 'p', "ovrpat", UINT32_MAX, "overwrite: the pattern"),
	SWITCH(struct settings, wait, 'w', "wait", "wait until it is done, and tell how it ended"),
	VALUES_END,
};

static const char *const actions[] = {
	NULL, "exit-failure", "start-block-erase", "start-overwrite", "start-crypto-erase",
};
#define N_ACTIONS (sizeof(actions) / sizeof(actions[0]))

/* By number or name; 0: it is none. */
static uint32_t parse_action(const char *text)
{
	char *end;
	unsigned long n;

	for (uint32_t i = 1; i < N_ACTIONS; i++)
		if (strcmp(text, actions[i]) == 0)
			return i;
	errno = 0;
	n = strtoul(text, &end, 0);
	return errno || end == text || *end || n >= N_ACTIONS ? 0 : (uint32_t)n;
}

static int wait_end(struct tool *tool)
{
	struct nvme_sanitize_log_page log;
	unsigned int status;
	int code;

	progress_show("sanitizing: 0.0%%");
	for (;;) {
		/* the event belongs to those who have subscribed */
		code = command_log_page(tool, NVME_LOG_LID_SANITIZE, true, &log, sizeof(log));
		if (code)
			return code;
		status = le16toh(log.sstat) & NVME_SANITIZE_SSTAT_STATUS_MASK;
		if (status != NVME_SANITIZE_SSTAT_STATUS_IN_PROGESS)
			break;
		progress_show("sanitizing: %.1f%%", le16toh(log.sprog) * 100.0 / 65536);
		if (!progress_sleep(POLL_MS)) {
			progress_clear();
			return report(tool, EXIT_SIGINT,
				      "interrupted: the controller goes on sanitizing, nothing can stop "
				      "it; `vfnctl sanitize-log' shows how far it is");
		}
	}
	progress_clear();
	printf("%s\n", print_sanitize_status(status));
	return status == NVME_SANITIZE_SSTAT_STATUS_COMPLETED_FAILED ? EXIT_STATUS : EXIT_OK;
}

static int check(struct tool *tool, const struct settings *s, uint32_t action)
{
	bool overwrite = action == NVME_SANITIZE_SANACT_START_OVERWRITE;

	if (!action)
		return report(tool, EXIT_USAGE,
			      "--sanact: '%s' is none of 1 exit-failure, 2 start-block-erase, 3 "
			      "start-overwrite and 4 start-crypto-erase",
			      s->action);
	if (!overwrite && (s->passes_given || s->pattern_given || s->invert))
		return report(tool, EXIT_USAGE,
			      "--owpass, --oipbp and --ovrpat belong to --sanact=start-overwrite");
	if (s->passes_given && !s->passes)
		return report(tool, EXIT_USAGE, "--owpass: 1 to 16");
	if (action == NVME_SANITIZE_SANACT_EXIT_FAILURE && (s->no_dealloc || s->ause))
		return report(tool, EXIT_USAGE,
			      "--no-dealloc and --ause are for what starts a sanitize operation");
	return EXIT_OK;
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	uint32_t action = parse_action(s->action);
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_sanitize_nvm,
		/* 16 passes are 0 */
		.cdw10 = action | (uint32_t)s->ause << 3 | (s->passes & 0xfu) << 4 |
			 (uint32_t)s->invert << 8 | (uint32_t)s->no_dealloc << 9,
		.cdw11 = s->pattern,
		.timeout_ms = 120000,
	};
	int code = check(tool, s, action);

	if (code)
		return code;
	progress_begin();
	code = command_admin(tool, &cmd, NULL);
	if (code == EXIT_OK && s->wait && action != NVME_SANITIZE_SANACT_EXIT_FAILURE)
		code = wait_end(tool);
	progress_end();
	return code;
}

const struct command cmd_sanitize = {
	.name = "sanitize",
	.summary = "sanitize the subsystem: all data is lost",
	.doc = "Send Sanitize: all user data in the subsystem becomes unreadable, and nothing stops it "
	       "once it has begun. There is no warning before. The command is complete when the operation "
	       "has begun; with --wait its progress is shown on a terminal until it ends, and the exit code "
	       "is 1 if it failed.",
	.groups = OPT_DEVICE,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};
