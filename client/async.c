/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands with a callback, and the one place where callbacks are made. */
#include "client/private.h"

#include <errno.h>

static int start(struct vfnc_device *dev, struct vfnc_queue *queue, const struct vfnc_cmd *cmd,
		 vfnc_command_fn fn, void *opaque, uint64_t *ticket)
{
	struct cl_call *call;
	int ret;

	if (ticket)
		*ticket = 0;
	if (!fn)
		return cl_fail(dev->conn, -EINVAL, "a function to be called is needed");
	ret = cl_command_start(dev, queue, cmd, &call);
	if (ret < 0)
		return ret;
	call->fn = fn;
	call->opaque = opaque;
	dev->conn->started++;
	if (ticket)
		*ticket = call->id;
	return 0;
}

int vfnc_start_admin(struct vfnc_device *dev, const struct vfnc_cmd *cmd, vfnc_command_fn fn,
		     void *opaque, uint64_t *ticket)
{
	return start(dev, NULL, cmd, fn, opaque, ticket);
}

int vfnc_start(struct vfnc_queue *queue, const struct vfnc_cmd *cmd, vfnc_command_fn fn,
	       void *opaque, uint64_t *ticket)
{
	return start(queue->device, queue, cmd, fn, opaque, ticket);
}

int vfnc_cancel(struct vfnc *conn, uint64_t ticket)
{
	Vfnd__CancelRequest op = VFND__CANCEL_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_call *call = cl_rpc_find(conn, ticket);
	int ret;

	if (!call || call->state != CL_WAITING || (!call->ticket && !call->fn))
		return cl_fail(conn, -ENOENT, "no command with ticket %llu is outstanding",
			       (unsigned long long)ticket);
	if (!vfnc_has_feature(conn, "cancel"))
		return cl_fail(conn, -EOPNOTSUPP, "the daemon cannot cancel commands");
	op.request = ticket;
	req.op_case = VFND__REQUEST__OP_CANCEL;
	req.cancel = &op;
	ret = cl_rpc_start(conn, &req, VFND__ANSWER__BODY_DONE, &call);
	/* That it was too late says the command's own answer. */
	if (ret == 0)
		cl_rpc_abandon(conn, call);
	return ret;
}

void vfnc_set_event_function(struct vfnc *conn, vfnc_event_fn fn, void *opaque)
{
	conn->event_fn = fn;
	conn->event_opaque = opaque;
}

bool vfnc_ready(const struct vfnc *conn)
{
	return !TAILQ_EMPTY(&conn->due) || (conn->event_fn && !TAILQ_EMPTY(&conn->events)) ||
	       conn->dead;
}

static bool tell_command(struct vfnc *conn)
{
	struct cl_call *call = TAILQ_FIRST(&conn->due);
	struct vfnc_completion completion;
	vfnc_command_fn fn;
	uint64_t ticket;
	void *opaque;
	int ret;

	if (!call)
		return false;
	fn = call->fn;
	opaque = call->opaque;
	ticket = call->id;
	ret = cl_command_finish(conn, call, &completion);
	fn(opaque, ticket, ret, ret < 0 ? NULL : &completion);
	return true;
}

static bool tell_event(struct vfnc *conn)
{
	struct vfnc_event event;

	if (!conn->event_fn || !cl_event_take(conn, &event))
		return false;
	conn->event_fn(conn->event_opaque, &event);
	return true;
}

/* The connection is lost: one command that will never be answered. */
static bool tell_lost(struct vfnc *conn)
{
	for (unsigned int i = 0; conn->started && i < CL_BUCKETS; i++) {
		struct cl_call *call;

		LIST_FOREACH (call, &conn->calls[i], hash) {
			vfnc_command_fn fn = call->fn;
			void *opaque = call->opaque;
			uint64_t ticket = call->id;

			if (!fn)
				continue;
			cl_rpc_free(conn, call);
			cl_fail(conn, conn->dead, "%s", conn->why_dead);
			fn(opaque, ticket, conn->dead, NULL);
			return true;
		}
	}
	return false;
}

int vfnc_process(struct vfnc *conn, unsigned int most)
{
	unsigned int n = 0, limit;

	if (conn->processing)
		return cl_fail(conn, -EBUSY, "a callback must not call vfnc_process()");
	conn->processing = true;
	/* A lost connection is told below, after what had come before. */
	cl_rpc_drain(conn);
	/* What callbacks bring about is left for the next time: the program has more to do. */
	limit = conn->started + conn->n_events;
	if (most && most < limit)
		limit = most;
	while (n < limit &&
	       (tell_command(conn) || tell_event(conn) || (conn->dead && tell_lost(conn))))
		n++;
	conn->processing = false;
	if (n == 0 && conn->dead)
		return cl_fail(conn, conn->dead, "%s", conn->why_dead);
	return (int)n;
}
