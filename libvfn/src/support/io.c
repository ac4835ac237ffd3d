/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <vfn/support/io.h>

ssize_t readmaxfd(int fd, void *buf, size_t count)
{
	size_t n = 0;

	while (n < count) {
		ssize_t r = read(fd, (char *)buf + n, count - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (!r)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

ssize_t writeallfd(int fd, const void *buf, size_t count)
{
	size_t n = 0;

	while (n < count) {
		ssize_t r = write(fd, (const char *)buf + n, count - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (!r) {
			errno = EIO;
			return -1;
		}
		n += (size_t)r;
	}
	return (ssize_t)n;
}

static void close_keep_errno(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
}

ssize_t readmax(const char *path, void *buf, size_t count)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t r;

	if (fd < 0)
		return -1;
	r = readmaxfd(fd, buf, count);
	close_keep_errno(fd);
	return r;
}

ssize_t writeall(const char *path, const void *buf, size_t count)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t r;

	if (fd < 0)
		return -1;
	r = writeallfd(fd, buf, count);
	close_keep_errno(fd);
	return r;
}
