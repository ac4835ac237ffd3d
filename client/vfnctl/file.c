/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
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
