/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wake - the socket by which a client that sleeps is woken
 *
 * A socket, as a client can make an eventfd block whoever writes it. It goes one way: what the client would send to
 * the daemon's end, which nobody reads, would stay there until that is closed, and be closed with it.
 */
#ifndef VFND_DAEMON_DEVICE_WAKE_H
#define VFND_DAEMON_DEVICE_WAKE_H

/* pair[0] is the daemon's end, pair[1] the client's; both are non-blocking. 0 or -errno. */
int wake_open(int pair[2]);

#endif
