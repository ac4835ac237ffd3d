/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session's packets, through rpc_packet(), in a daemon that has no device.
 *
 * Input: packets one after another, each with a head of three bytes: its length (little endian), and how many
 * descriptors come with it. Hello is said already unless the first byte of the input is odd.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/rpc/rpc.h"
#include "proto/frame.h"
#include "tests/unit/daemon/host.h"

static void packet(struct session *s, const uint8_t *data, size_t size, unsigned int nfds)
{
	struct fdset fds = FDSET_INIT;
	uint8_t *exact = malloc(size);

	/* In memory of just that size the sanitizer sees a step too far. */
	if (!exact || !session_alive(s))
		goto out;
	memcpy(exact, data, size);
	while (nfds-- > 0)
		fdset_add_dup(&fds, 0);
	rpc_packet(s, exact, size, &fds);
	fdset_close(&fds);
out:
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[FRAME_MAX];
	struct session *s;
	int client, before;

	if (!host.base)
		host_start();
	if (size < 1)
		return 0;
	before = host_fds();
	if (host_connect(&s, &client) < 0)
		abort();
	session_ref(s);
	if (!(*data & 1))
		session_greet(s, 1, "fuzz");
	data++;
	size--;
	while (size >= 3) {
		size_t n = data[0] | (size_t)data[1] << 8;
		unsigned int nfds = data[2] % (FDSET_MAX + 1);

		data += 3;
		size -= 3;
		if (n > size)
			n = size;
		if (n > 0)
			packet(s, data, n, nfds);
		data += n;
		size -= n;
		while (recv(client, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
	/* Whatever it was: afterwards nothing is left of it. */
	session_end(s, "done");
	session_unref(s);
	close(client);
	if (host_fds() != before || lease_count() != 0)
		abort();
	return 0;
}
