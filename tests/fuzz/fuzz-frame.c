/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet as a hostile peer may send it, through frame_recv().
 *
 * Input: how many descriptors (modulo 64), in how many messages of control data (modulo 4), the receiver's room (16
 * bits, little endian), then the packet.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/frame.h"
#include "proto/vfnd.pb-c.h"
#include "tests/unit/daemon/host.h"

#define MOST_FDS 64

static ssize_t send_all(int sock, const uint8_t *data, size_t size, unsigned int nfds, unsigned int parts)
{
	static union {
		struct cmsghdr align;
		char buf[4 * CMSG_SPACE(sizeof(int) * MOST_FDS)];
	} control;
	struct iovec iov = {(void *)data, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	size_t at = 0;

	memset(&control, 0, sizeof(control));
	for (unsigned int i = 0; nfds > 0 && i <= parts; i++) {
		unsigned int n = i == parts ? nfds : nfds / 2 + 1;
		struct cmsghdr *c = (struct cmsghdr *)(control.buf + at);

		if (n == 0)
			break;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n); /* all of them descriptor 0 */
		at += CMSG_SPACE(sizeof(int) * n);
		nfds -= n;
	}
	if (at > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = at;
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[FRAME_MAX + 16];
	struct fdset fds = FDSET_INIT;
	unsigned int nfds, parts;
	size_t cap;
	int sv[2], before;
	ssize_t n;
	uint8_t *buf;

	if (size < 4)
		return 0;
	nfds = data[0] % MOST_FDS;
	parts = data[1] % 4;
	cap = (size_t)(data[2] | data[3] << 8) + 1;
	data += 4;
	size -= 4;
	if (size > sizeof(out))
		size = sizeof(out);
	before = host_fds();
	buf = malloc(cap); /* no byte more: the sanitizer looks */
	if (!buf || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		abort();
	if (send_all(sv[0], data, size, nfds, parts) >= 0) {
		n = frame_recv(sv[1], buf, cap, &fds, 0);
		if (n > (ssize_t)cap || (n <= 0 && fds.n) || fds.n > FDSET_MAX ||
		    (n > 0 && fds.n != (int)nfds) || (n > 0 && memcmp(buf, data, size) != 0))
			abort();
		/* A client unpacks what the daemon sends in the same way. */
		if (n > 0) {
			Vfnd__Answer *answer = vfnd__answer__unpack(NULL, (size_t)n, buf);

			if (answer) {
				frame_pack(&answer->base, out, sizeof(out));
				vfnd__answer__free_unpacked(answer, NULL);
			}
		}
		fdset_close(&fds);
	}
	free(buf);
	close(sv[0]);
	close(sv[1]);
	if (host_fds() != before)
		abort();
	return 0;
}
