// SPDX-License-Identifier: GPL-2.0-or-later
/* A user's program on the installed client library: where no daemon is, it says so. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <vfn/client.h>

int main(void)
{
	struct vfnc *conn;
	int err = vfnc_connect("/nonexistent/vfnd.sock", &conn);

	if (err != -ENOENT || conn) {
		fprintf(stderr, "connecting to no socket returned %d\n", err);
		return 1;
	}
	if (!strstr(vfnc_error(NULL), "/nonexistent/vfnd.sock")) {
		fprintf(stderr, "the error does not name the socket: %s\n", vfnc_error(NULL));
		return 1;
	}
	return 0;
}
