/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvfnclient - commands with a callback
 *
 * A part of <vfn/client.h>, which includes it. Results, threads and lifetimes are as said there.
 */
#ifndef VFN_CLIENT_ASYNC_H
#define VFN_CLIENT_ASYNC_H

#include "vfn/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- commands with a callback, for programs with a loop of their own ----------------------------
 *
 *     while (running) {
 *         struct pollfd p = {.fd = vfnc_fd(conn), .events = POLLIN};
 *
 *         if (!vfnc_ready(conn))
 *             poll(&p, 1, -1);
 *         if (vfnc_process(conn, 0) < 0)
 *             break;
 *     }
 *
 * Callbacks run inside vfnc_process() and nowhere else, in the thread that calls it. A callback may make
 * every call on the connection, also such that wait, but vfnc_process() (-EBUSY) and vfnc_disconnect().
 * Where it frees a queue or a device, commands of that still end with their callbacks.
 */

/*
 * A command is over; called once for each command that was started, but for those that were forgotten
 * (vfnc_forget()) and those that are outstanding when the connection is freed. `error` is 0 and `completion`
 * what the controller said; or a negative errno, why there is no completion (that of vfnc_wait(): the
 * controller was reset, the daemon is gone), with `completion` NULL and vfnc_error() telling more. `completion`
 * is valid during the callback.
 */
typedef void (*vfnc_command_fn)(void *opaque, uint64_t ticket, int error,
				const struct vfnc_completion *completion);

/*
 * Send a command, do not wait, and have `fn` called with `opaque` when it is over. *ticket (which may be NULL)
 * names the command until then, for vfnc_forget() and vfnc_cancel(). 0; data and errors as of
 * vfnc_submit_admin() and vfnc_submit(), and -EINVAL without a function; when it fails the callback is
 * never called.
 */
int vfnc_start_admin(struct vfnc_device *dev, const struct vfnc_cmd *cmd, vfnc_command_fn fn,
		     void *opaque, uint64_t *ticket);
int vfnc_start(struct vfnc_queue *queue, const struct vfnc_cmd *cmd, vfnc_command_fn fn,
	       void *opaque, uint64_t *ticket);

/* An event of a subscription; valid during the callback. */
struct vfnc_event;
typedef void (*vfnc_event_fn)(void *opaque, const struct vfnc_event *event);

/* Have vfnc_process() hand out events to `fn`; NULL: they are kept for vfnc_event_wait(), as at first. */
void vfnc_set_event_function(struct vfnc *conn, vfnc_event_fn fn, void *opaque);

/* Whether vfnc_process() has something to do although vfnc_fd() may not be readable: ask before sleeping. */
bool vfnc_ready(const struct vfnc *conn);

/*
 * Take what has come, without waiting, and make the callbacks that are due, at most `most` (0: all). The
 * number of callbacks made. When the connection is lost every command that is outstanding with a callback
 * is told so, and after the last one the reason is returned: -ECONNRESET, -EPIPE, -EPROTO or -EMFILE.
 *   -EBUSY  called from a callback
 */
int vfnc_process(struct vfnc *conn, unsigned int most);

#ifdef __cplusplus
}
#endif

#endif
