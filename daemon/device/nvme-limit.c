/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of sessions with limits: those beyond wait in order, and behind served queues that wait. */
#include "daemon/device/nvme.h"

#include <errno.h>

#include <event2/event.h>

#include <vfn/support.h>

bool nvme_limit_holds(const struct command *cmd)
{
	struct opening *o = cmd->opening;

	return data_limit_set(&o->limit) &&
	       (!TAILQ_EMPTY(&o->limited) || o->limit.aside || !data_limit_room(&o->limit, get_ticks()));
}

void nvme_limit_charge(struct command *cmd)
{
	data_limit_charge(&cmd->opening->limit, 1, cmd->least);
}

static void limit_alarm(struct opening *o)
{
	uint64_t us = data_limit_wait(&o->limit, get_ticks()) * 1000000 / o->limit.freq + 1;
	struct timeval tv = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};

	evtimer_add(o->limit_timer, &tv);
}

static void limit_over(evutil_socket_t fd, short what, void *arg)
{
	struct opening *o = arg;
	struct command *cmd;

	/* A reset ends those that wait. */
	if (o->device->state != DEVICE_READY)
		return;
	opening_hold(o);
	while ((cmd = TAILQ_FIRST(&o->limited)) && data_limit_room(&o->limit, get_ticks()))
		nvme_send_limited(cmd);
	if (cmd)
		limit_alarm(o);
	opening_release(o);
}

int nvme_limit_wait(struct command *cmd)
{
	struct opening *o = cmd->opening;
	struct queue *q = cmd->queue;

	if (q->sent + q->limited + 1 >= q->entries)
		return -EAGAIN;
	if (!o->limit_timer)
		o->limit_timer = evtimer_new(o->device->devices->base, limit_over, o);
	if (!o->limit_timer)
		return -ENOMEM;
	if (TAILQ_EMPTY(&o->limited))
		limit_alarm(o);
	cmd->phase = COMMAND_PENDING;
	cmd->limited = cmd->waits = true;
	q->limited++;
	TAILQ_INSERT_TAIL(&o->limited, cmd, waiting);
	return 0;
}

void nvme_limit_leave(struct command *cmd)
{
	TAILQ_REMOVE(&cmd->opening->limited, cmd, waiting);
	cmd->queue->limited--;
	cmd->limited = false;
}
