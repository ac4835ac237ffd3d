/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <unistd.h>

#include "client/vfnctl/progress.h"
#include "client/vfnctl/top.h"

struct settings {
	uint32_t interval, count;
	bool batch;
};

static const struct settings defaults = {.interval = 1000};

static const struct value values[] = {
	NUMBER(struct settings, interval, 'd', "delay", 3600000,
	       "milliseconds between two looks, 1000 if not given"),
	NUMBER(struct settings, count, 'c', "count", UINT32_MAX, "end after so many looks"),
	SWITCH(struct settings, batch, 'b', "batch", "print one table below the other"),
	VALUES_END,
};

static int run_batch(struct tool *tool, struct top *top, const struct settings *s)
{
	uint32_t count = s->count;
	int code;

	progress_begin();
	do {
		code = top_sample(top);
		if (code)
			break;
		top_print(top, stdout);
		putchar('\n');
		fflush(stdout);
	} while ((!count || --count) && !ferror(stdout) && progress_sleep(s->interval));
	progress_end();
	return top_report(tool, code);
}

static int run(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct top *top;
	int code;

	if (s->interval < 100)
		return report(tool, EXIT_USAGE, "--delay: 100 milliseconds are the least");
	if (!s->batch && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return report(tool, EXIT_USAGE, "this is no terminal: --batch prints without a screen");
	top = top_new(tool);
	if (!top)
		return report(tool, EXIT_FILE, "no memory");
	code = s->batch ? run_batch(tool, top, s) : top_screen(tool, top, s->interval, s->count);
	top_free(top);
	return code;
}

const struct command cmd_top = {
	.name = "top",
	.summary = "what happens on all devices, live",
	.doc = "Show all devices with their sessions, queue pairs, outstanding commands and rates, again and "
	       "again, until q is pressed. + and - change how often. What it counts itself is part of it: one "
	       "session on each device.",
	.values = values,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.run = run,
};
