/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -H HOST: the same command on another machine, by ssh. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/vfnctl/main.h"

/* As a POSIX shell reads it back unchanged: in single quotes, each of its own outside of them. */
static void put_quoted(FILE *out, const char *text)
{
	fputs(" '", out);
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text, out);
	fputc('\'', out);
}

int host_run(const char *host, char **argv)
{
	char *line = NULL, *ssh[] = {(char *)"ssh", NULL, (char *)"--", (char *)host, NULL, NULL};
	size_t size;
	FILE *out;

	if (!*host || *host == '-') {
		fprintf(stderr, "vfnctl: --host: '%s' is no host: [USER@]NAME is wanted\n", host);
		return EXIT_USAGE;
	}
	out = open_memstream(&line, &size);
	if (!out) {
		fprintf(stderr, "vfnctl: no memory\n");
		return EXIT_FILE;
	}
	fputs("vfnctl", out);
	for (; *argv; argv++)
		put_quoted(out, *argv);
	if (fclose(out) != 0) {
		fprintf(stderr, "vfnctl: no memory\n");
		return EXIT_FILE;
	}
	/* A terminal there as well hands interrupts on and shows progress; it would spoil data. */
	ssh[1] = (char *)(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? "-t" : "-T");
	ssh[4] = line;
	execvp(ssh[0], ssh);
	fprintf(stderr, "vfnctl: --host: ssh cannot be executed: %s%s\n", strerror(errno),
		errno == ENOENT ? ": install openssh-client" : "");
	free(line);
	return EXIT_FILE;
}
