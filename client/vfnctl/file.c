/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/vfnctl/vfnctl.h"

int file_read(const struct tool *tool, const char *path, void *data, size_t size)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	size_t done = 0;
	ssize_t n = 0;

	if (fd < 0)
		return report(tool, EXIT_FILE, "%s: %s", path, strerror(errno));
	do {
		n = read(fd, (char *)data + done, size - done);
		if (n > 0)
			done += (size_t)n;
	} while ((n > 0 && done < size) || (n < 0 && errno == EINTR));
	if (n < 0)
		report(tool, 0, "%s: %s", path ? path : "standard input", strerror(errno));
	if (path)
		close(fd);
	return n < 0 ? EXIT_FILE : EXIT_OK;
}

/* Pipes and devices have no size: read until the end. */
int file_load(const struct tool *tool, const char *path, uint8_t **data, size_t *size, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = EXIT_OK;
	size_t room = 0;
	uint8_t *grown;
	ssize_t n = 1;

	*data = NULL;
	*size = 0;
	if (fd < 0)
		return report(tool, EXIT_FILE, "%s: %s", path, strerror(errno));
	while (code == EXIT_OK && n > 0) {
		if (*size == room) {
			room = room ? 2 * room : 65536;
			grown = realloc(*data, room);
			if (!grown) {
				code = report(tool, EXIT_FILE, "no memory");
				break;
			}
			*data = grown;
		}
		do
			n = read(fd, *data + *size, room - *size);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			code = report(tool, EXIT_FILE, "%s: %s", path, strerror(errno));
		else
			*size += (size_t)n;
		if (*size > max)
			code = report(tool, EXIT_USAGE, "%s: more than %zu bytes", path, max);
	}
	close(fd);
	if (code) {
		free(*data);
		*data = NULL;
	}
	return code;
}

int file_write(const struct tool *tool, const char *path, const void *data, size_t size)
{
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : STDOUT_FILENO;
	size_t done = 0;
	int err = 0;

	if (fd < 0)
		return report(tool, EXIT_FILE, "%s: %s", path, strerror(errno));
	if (!path)
		fflush(stdout);
	while (done < size && !err) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			err = errno;
	}
	if (path && close(fd) < 0 && !err)
		err = errno;
	if (err)
		return report(tool, EXIT_FILE, "%s: %s", path ? path : "standard output",
			      strerror(err));
	return EXIT_OK;
}
