/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

#include "client/vfnctl/progress.h"
#include "client/vfnctl/top.h"

/* The line that names the columns, below that of the daemon and an empty one. */
#define HEADING 2

static void show(const struct top *top, unsigned int interval_ms)
{
	char *text = NULL, *line, *end;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	top_print(top, out);
	if (fclose(out) != 0)
		return;
	erase();
	line = text;
	for (int y = 0; y < LINES - 1 && *line; y++) {
		end = strchr(line, '\n');
		if (y == HEADING)
			attron(A_REVERSE);
		mvaddnstr(y, 0, line, end - line < COLS ? (int)(end - line) : COLS);
		if (y == HEADING)
			attroff(A_REVERSE);
		line = end + 1;
	}
	mvprintw(LINES - 1, 0, "q quit   + - every %u.%u s", interval_ms / 1000, interval_ms / 100 % 10);
	refresh();
	free(text);
}

/* The keys of one interval; false: it is enough. */
static bool keys(const struct top *top, unsigned int *interval_ms)
{
	int key;

	timeout((int)*interval_ms);
	key = getch();
	if (key == 'q' || key == 'Q')
		return false;
	if (key == '+' && *interval_ms < 60000)
		*interval_ms *= 2;
	if (key == '-' && *interval_ms > 200)
		*interval_ms /= 2;
	if (key != ERR) /* the interval begins anew, and the size may be another */
		show(top, *interval_ms);
	return !progress_interrupted();
}

int top_screen(struct tool *tool, struct top *top, unsigned int interval_ms, uint32_t count)
{
	SCREEN *screen = NULL;
	int code, known;

	/* newterm() loses memory where there is no such terminal */
	if (setupterm(NULL, STDOUT_FILENO, &known) == OK) {
		del_curterm(cur_term);
		screen = newterm(NULL, stdout, stdin);
	}
	if (!screen)
		return report(tool, EXIT_USAGE,
			      "this terminal is not known (TERM): --batch prints without a screen");
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	progress_begin();
	for (;;) {
		code = top_sample(top);
		if (code)
			break;
		show(top, interval_ms);
		if ((count && --count == 0) || !keys(top, &interval_ms))
			break;
	}
	endwin();
	delscreen(screen);
	progress_end();
	return top_report(tool, code);
}
