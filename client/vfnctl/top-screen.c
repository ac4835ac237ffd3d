/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

#include "client/vfnctl/progress.h"
#include "client/vfnctl/top.h"

/* At latest a signal is noticed that came between the look for it and the wait for keys; a new size is told by one. */
#define SIGNALS_MS 500

struct screen {
	struct top *top;
	unsigned int interval_ms;
	int scrolled; /* rows that are above what is shown */
};

static void show_line(int y, const char *line, const char *end)
{
	mvaddnstr(y, 0, line, end - line < COLS ? (int)(end - line) : COLS);
}

static void show(struct screen *s)
{
	const struct top *top = s->top;
	int rows = LINES - 1 - TOP_FIRST, n = 0, y = 0;
	char *text = NULL, *line, *end;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	top_print(top, out);
	if (fclose(out) != 0)
		return;
	for (line = text; *line; line = strchr(line, '\n') + 1)
		n++;
	/* As far as there is something. */
	if (s->scrolled > n - TOP_FIRST - rows)
		s->scrolled = n - TOP_FIRST - rows;
	if (s->scrolled < 0)
		s->scrolled = 0;
	erase();
	n = 0;
	for (line = text; y < LINES - 1 && *line; line = end + 1, n++) {
		end = strchr(line, '\n');
		if (n >= TOP_FIRST && n < TOP_FIRST + s->scrolled)
			continue;
		if (n == TOP_HEADING)
			attron(A_REVERSE);
		show_line(y++, line, end);
		attroff(A_REVERSE);
	}
	free(text);
	mvprintw(LINES - 1, 0, "q quit  tab 1 2 3 %s  < > r by %s%s  + - every %u.%u s", top_view_name(top->view),
		 top_sort_name(top), top->reverse ? ", least first" : "", s->interval_ms / 1000,
		 s->interval_ms / 100 % 10);
	refresh();
}

enum answer { ANSWER_QUIT, ANSWER_NOTHING, ANSWER_SHOW, ANSWER_LOOK };

static enum answer view_key(struct screen *s, enum top_view view)
{
	s->scrolled = 0;
	top_set_view(s->top, view);
	return ANSWER_LOOK;
}

static enum answer answer_key(struct screen *s, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return ANSWER_QUIT;
	case '+':
		s->interval_ms *= s->interval_ms < 60000 ? 2 : 1;
		return ANSWER_SHOW;
	case '-':
		s->interval_ms /= s->interval_ms > 200 ? 2 : 1;
		return ANSWER_SHOW;
	case '\t':
		return view_key(s, (s->top->view + 1) % TOP_VIEWS);
	case '1':
	case '2':
	case '3':
		return view_key(s, (enum top_view)(key - '1'));
	case '<':
	case '>':
		top_sort_step(s->top, key == '<' ? -1 : 1);
		return ANSWER_SHOW;
	case 'r':
		s->top->reverse = !s->top->reverse;
		return ANSWER_SHOW;
	case KEY_UP:
	case KEY_DOWN:
		s->scrolled += key == KEY_UP ? -1 : 1;
		return ANSWER_SHOW;
	case KEY_PPAGE:
	case KEY_NPAGE:
		s->scrolled += (key == KEY_PPAGE ? -1 : 1) * (LINES - 1 - TOP_FIRST);
		return ANSWER_SHOW;
	case KEY_RESIZE:
		/* Terminals move things on their own account then. */
		clearok(stdscr, TRUE);
		return ANSWER_SHOW;
	default:
		return ANSWER_NOTHING;
	}
}

/* The keys of one interval, which begins anew with each; false: it is enough. */
static bool keys(struct screen *s)
{
	int64_t end = progress_now_ms() + s->interval_ms;

	for (;;) {
		int64_t left = end - progress_now_ms();
		enum answer answer = ANSWER_NOTHING;
		int key;

		timeout(left > SIGNALS_MS ? SIGNALS_MS : left > 0 ? (int)left : 0);
		key = getch();
		if (key != ERR) {
			answer = answer_key(s, key);
			end = progress_now_ms() + s->interval_ms;
		} else if (left <= SIGNALS_MS) {
			answer = ANSWER_LOOK;
		}
		if (answer == ANSWER_QUIT || progress_interrupted())
			return false;
		if (answer == ANSWER_LOOK)
			return true;
		if (answer == ANSWER_SHOW)
			show(s);
	}
}

int top_screen(struct tool *tool, struct top *top, unsigned int interval_ms, uint32_t count)
{
	struct screen s = {.top = top, .interval_ms = interval_ms};
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
		show(&s);
		if ((count && --count == 0) || !keys(&s))
			break;
	}
	endwin();
	delscreen(screen);
	progress_end();
	return top_report(tool, code);
}
