/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGTERM: what is outstanding is finished, then all is given back. The last program of a daemon. */
#include "blocks.h"
#include "int.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define STOP_SESSIONS 4
#define STOP_DEPTH    32
#define STOP_LENGTH   ((size_t)64 << 10)

static void stop_terminate(void)
{
	struct vfnc_queue *queue[STOP_SESSIONS];
	struct vfnc_device *dev[STOP_SESSIONS];
	struct vfnc *conn[STOP_SESSIONS];
	int pidfd = int_pidfd(env.daemon), ret;
	struct vfnc_statistics stats;
	uint64_t ticket, outstanding = 0, deadline;
	struct vfnc_subscription *sub;
	struct vfnc_event event;

	if (env.sim_control)
		sim_tell(env.sim_control, "delay io 1 0 300");
	for (unsigned int i = 0; i < STOP_SESSIONS; i++) {
		struct vfnc_buffer *buf;
		size_t bs;

		dev[i] = int_open_new();
		conn[i] = vfnc_device_connection(dev[i]);
		queue[i] = int_queue(dev[i], STOP_DEPTH + 1);
		buf = int_buffer(dev[i], STOP_LENGTH);
		bs = int_namespace(dev[i], 1).block_size;
		for (unsigned int k = 0; k < STOP_DEPTH; k++) {
			struct vfnc_cmd cmd = int_rw(true, 1, 1000 * i, (uint32_t)(STOP_LENGTH / bs),
						     buf, 0, STOP_LENGTH);

			OK(conn[i], vfnc_submit(queue[i], &cmd, &ticket));
		}
		OK(conn[i], vfnc_subscribe(dev[i], &sub));
		/* When this is answered, the daemon has taken what was sent before. */
		OK(conn[i], vfnc_statistics(conn[i], dev[i], &stats));
		outstanding = stats.outstanding;
	}
	deadline = int_now_ms() + INT_SOON_MS;
	CHECK(kill(env.daemon, SIGTERM) == 0, "kill: %s", strerror(errno));
	int_note("%llu commands were outstanding", (unsigned long long)outstanding);
	CHECK(!env.sim_control || outstanding > STOP_DEPTH, "that is too few");
	for (unsigned int i = 0; i < STOP_SESSIONS; i++) {
		for (unsigned int k = 0; k < STOP_DEPTH; k++)
			int_complete_any(conn[i]);
		/* The signal may still be on its way to the daemon's loop. */
		do
			ret = vfnc_flush(queue[i], 1, NULL);
		while (ret == 0 && int_now_ms() < deadline);
		CHECK(ret == -ECONNRESET || ret == -EPIPE, "a command after that: %d (%s)", ret,
		      vfnc_error(conn[i]));
		do
			OK(conn[i], vfnc_event_wait(conn[i], &event, INT_SOON_MS));
		while (event.kind == VFNC_EVENT_ASYNC);
		CHECK(event.kind == VFNC_EVENT_GONE && int_contains(event.reason, "the daemon is stopping"),
		      "an event of kind %d: %s", event.kind, event.reason);
	}
	CHECK(int_await_exit(pidfd, INT_SOON_MS), "the daemon does not end");
	CHECK(access(env.socket, F_OK) < 0 && errno == ENOENT, "%s is still there", env.socket);
	for (unsigned int i = 0; i < STOP_SESSIONS; i++)
		vfnc_disconnect(conn[i]);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("SIGTERM finishes what is outstanding", stop_terminate),
		{0},
	};

	return int_main("stop", cases);
}
