/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/wake.h"

#include <errno.h>
#include <sys/socket.h>

int wake_open(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	shutdown(pair[0], SHUT_RD);
	return 0;
}
