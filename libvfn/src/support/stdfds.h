/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stdfds - programs that were started without standard input, output or standard error
 *
 * The next descriptor that is opened would take its place: what a program prints would go into a socket or a file,
 * and be no failure.
 */
#ifndef VFN_SUPPORT_STDFDS_H
#define VFN_SUPPORT_STDFDS_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * To be called before anything is opened, at the beginning of main(). What is missing is replaced by /dev/null the
 * wrong way round, so that reading from it or writing to it still fails with EBADF.
 */
static inline void stdfds_occupy(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(126);
}

#endif
