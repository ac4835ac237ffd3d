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
void fdset_close_one(int fd)
{
	static const struct linger off;
	int saved = errno;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
	close(fd);
	errno = saved;
}

static void (*fdset_dropper)(int fd) = fdset_close_one;

void fdset_set_dropper(void (*dropper)(int fd))
{
	fdset_dropper = dropper;
}

void fdset_drop_one(int fd)
{
	int saved = errno;

	fdset_dropper(fd);
	errno = saved;
}

static void fdset_each(struct fdset *set, void (*fn)(int fd))
{
	for (int i = 0; i < set->n; i++)
		if (set->fd[i] >= 0)
			fn(set->fd[i]);
	set->n = 0;
}

void fdset_close(struct fdset *set)
{
	fdset_each(set, fdset_close_one);
}

void fdset_drop(struct fdset *set)
{
	fdset_each(set, fdset_drop_one);
}
