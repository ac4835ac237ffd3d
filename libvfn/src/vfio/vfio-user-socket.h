/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfio-user-socket - whole messages through a stream socket, with descriptors, within a time
 *
 * Nothing here raises SIGPIPE or blocks beyond its deadline (a time of vfio_user_now()). Functions
 * return 0, or -1: ETIMEDOUT, ENODEV the peer has hung up, or the errno of the system call.
 */
#ifndef VFN_SRC_VFIO_USER_SOCKET_H
#define VFN_SRC_VFIO_USER_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VFIO_USER_FDS_MAX 16 /* most descriptors taken from, or put into, one message */

/* Milliseconds of a clock that only goes forward. */
int64_t vfio_user_now(void);

/* Connect to the socket at `path`. A descriptor (close-on-exec), or -1. */
int vfio_user_connect(const char *path, int64_t deadline);

/*
 * Send all of `iov` (changed on the way), the descriptors with the first byte. *sent, the bytes
 * that went out, tells after a failure whether the stream is still whole (0).
 */
int vfio_user_send(int fd, struct iovec *iov, int niov, const int *fds, int nfds, int64_t deadline,
		   size_t *sent);

/*
 * Receive exactly `len` bytes. Descriptors that come along are added to fds[*nfds] (close-on-exec,
 * at most VFIO_USER_FDS_MAX; more are closed); after a failure, too.
 */
int vfio_user_recv(int fd, void *buf, size_t len, int *fds, int *nfds, int64_t deadline);

/* True when there is something to read, or the peer has hung up. */
bool vfio_user_readable(int fd);

/* The first `len` bytes without taking them; false when there are fewer now. */
bool vfio_user_peek(int fd, void *buf, size_t len);

/* How many bytes can be read now. */
size_t vfio_user_queued(int fd);

#endif
