/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frame - one protobuf message as one packet of a SOCK_SEQPACKET socket
 *
 * Neither function blocks on a socket that is non-blocking or with MSG_DONTWAIT among the flags.
 * Thread safe as far as the socket is: two threads may send, each packet arrives whole.
 */
#ifndef VFND_PROTO_FRAME_H
#define VFND_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/fdset.h"

/* Largest packet, bytes. */
#define FRAME_MAX (64u * 1024)

/* Protocol version that this code speaks. */
#define FRAME_VERSION 1

/*
 * Pack `msg` into `buf` of `cap` bytes. Returns the length, or -EMSGSIZE when it does not fit.
 */
ssize_t frame_pack(const ProtobufCMessage *msg, uint8_t *buf, size_t cap);

/*
 * Send `len` bytes (1 to FRAME_MAX) with the descriptors in `fds` (NULL: none) as one packet. The set
 * is left as it is: the kernel has made its own references, the caller closes its own.
 * `flags` as for sendmsg(2); MSG_NOSIGNAL is always set. Returns 0 or -errno (-EAGAIN, -EPIPE,
 * -ECONNRESET; -EMSGSIZE for a bad length).
 */
int frame_send(int sock, const void *buf, size_t len, const struct fdset *fds, int flags);

/*
 * Receive one packet into `buf` of `cap` bytes; descriptors (close-on-exec) are put into `fds`,
 * which must be empty. `flags` as for recvmsg(2).
 *
 * Returns the packet's length; 0 when the peer has closed its end (a packet of no bytes counts as
 * that: no message is empty); or -errno:
 *   -EAGAIN    nothing there
 *   -EINTR     a signal handler ran while it waited; not with MSG_DONTWAIT
 *   -EMSGSIZE  the packet was longer than `cap`; it is dropped whole
 *   -ETOOMANYREFS  it carried more than FDSET_MAX descriptors, or the process has no room for
 *              them; it is dropped whole
 * On any error no descriptor is left in `fds`.
 */
ssize_t frame_recv(int sock, void *buf, size_t cap, struct fdset *fds, int flags);

/*
 * Close a connected socket. close(2) alone would close the descriptors in packets that were not
 * received, and wait where one is a socket that is to linger. Keeps errno.
 */
void frame_close(int sock);

#endif
