/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int fdset_add(struct fdset *set, int fd)
{
	if (set->n == FDSET_MAX)
		return -EMFILE;
	set->fd[set->n++] = fd;
	return 0;
}

int fdset_add_dup(struct fdset *set, int fd)
{
	int dup;

	if (set->n == FDSET_MAX)
		return -EMFILE;
	dup = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (dup < 0)
		return -errno;
	return fdset_add(set, dup);
}

int fdset_take(struct fdset *set, int i)
{
	int fd;

	if (i < 0 || i >= set->n || set->fd[i] < 0)
		return -ENOENT;
	fd = set->fd[i];
	set->fd[i] = -1;
	return fd;
}

/* The peer may have sent a socket that is to linger: the last close(2) would wait, for as long as it says. */
static void fdset_close_one(int fd)
{
	static const struct linger off;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
	close(fd);
}

void fdset_close(struct fdset *set)
{
	int saved = errno;

	for (int i = 0; i < set->n; i++)
		if (set->fd[i] >= 0)
			fdset_close_one(set->fd[i]);
	set->n = 0;
	errno = saved;
}
