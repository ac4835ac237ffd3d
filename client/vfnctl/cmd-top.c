/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "client/vfnctl/progress.h"
#include "client/vfnctl/top.h"

struct settings {
	uint32_t interval, count;
	bool batch, reverse;
	const char *view, *sort;
};

static const struct settings defaults = {.interval = 1000};

static const struct value values[] = {
	NUMBER(struct settings, interval, 'd', "delay", 3600000,
	       "milliseconds between two looks, 1000 if not given"),
	NUMBER(struct settings, count, 'c', "count", UINT32_MAX, "end after so many looks"),
	SWITCH(struct settings, batch, 'b', "batch", "print one table below the other"),
	STRING(struct settings, view, 'v', "view", "VIEW", "devices (if not given), sessions or queues"),
	STRING(struct settings, sort, 's', "sort", "COLUMN", "by this column, as it is headed; the most first"),
	SWITCH(struct settings, reverse, 'r', "reverse", "the least first"),
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

/* What is shown at first. EXIT_OK or EXIT_USAGE. */
static int choose(struct tool *tool, struct top *top, const struct settings *s)
{
	enum top_view view = TOP_DEVICES;

	while (s->view && view < TOP_VIEWS && strcmp(s->view, top_view_name(view)) != 0)
		view++;
	if (view == TOP_VIEWS)
		return report(tool, EXIT_USAGE, "--view: '%s' is not devices, sessions or queues", s->view);
	top_set_view(top, view);
	if (s->sort)
		top->sort = top_sort_find(top, s->sort);
	if (s->sort && top->sort < 0) {
		char names[256];

		top_sort_list(top, names, sizeof(names));
		return report(tool, EXIT_USAGE, "--sort: '%s' is no column of numbers of the %s: these are %s", s->sort,
			      top_view_name(view), names);
	}
	top->reverse = s->reverse;
	return EXIT_OK;
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
	code = choose(tool, top, s);
	if (code == EXIT_OK)
		code = s->batch ? run_batch(tool, top, s) : top_screen(tool, top, s->interval, s->count);
	top_free(top);
	return code;
}

const struct command cmd_top = {
	.name = "top",
	.summary = "what happens on all devices, live",
	.doc = "Show all devices, sessions or queues with outstanding commands, rates, latencies and interrupts since "
	       "the last look, again and again, until q is pressed. Tab, or 1, 2 and 3, change what is shown, < and "
	       "> the column that it is sorted by, r the direction, + and - how often; arrows and pages scroll.",
	.values = values,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.run = run,
};
