/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/opening.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/device/buffer.h"
#include "daemon/device/class.h"
#include "daemon/device/device.h"
#include "daemon/device/queue.h"
#include "daemon/device/subscription.h"
#include "daemon/device/tracer.h"
#include "daemon/journal.h"

int opening_restore(struct session *session, struct device *device, uint64_t handle,
		    struct opening **out)
{
	struct opening *o = calloc(1, sizeof(*o));
	int ret;

	if (!o)
		return -ENOMEM;
	ret = lease_restore(session_leases(session), &o->lease, LEASE_OPENING, handle);
	if (ret < 0) {
		free(o);
		return ret;
	}
	o->session = session;
	o->session_number = session_number(session);
	o->user = quota_ref(session_user(session));
	o->device = device;
	o->number = ++device->last_opening;
	LIST_INIT(&o->buffers);
	LIST_INIT(&o->queues);
	LIST_INIT(&o->interrupts);
	LIST_INIT(&o->subscriptions);
	LIST_INIT(&o->tracers);
	LIST_INIT(&o->kept);
	TAILQ_INIT(&o->commands);
	TAILQ_INIT(&o->limited);
	data_limit_init(&o->limit, device->settings.session_commands,
			device->settings.session_bytes, __vfn_ticks_freq, get_ticks());
	LIST_INSERT_HEAD(session_openings(session), o, in_session);
	LIST_INSERT_HEAD(&device->openings, o, in_device);
	*out = o;
	return 0;
}

int opening_create(struct session *session, struct device *device, struct opening **out)
{
	return opening_restore(session, device, session_leases(session)->last + 1, out);
}

struct opening *opening_find(struct session *session, uint64_t handle)
{
	struct lease *lease = lease_find(session_leases(session), handle, LEASE_OPENING);

	return lease ? container_of(lease, struct opening, lease) : NULL;
}

struct opening *opening_of(struct session *session, const struct device *device)
{
	struct opening *o;

	LIST_FOREACH (o, session_openings(session), in_session)
		if (o->device == device)
			return o;
	return NULL;
}

/* What is not one of its queues'. */
static void opening_merge(const struct opening *o, struct tally *to, bool latency)
{
	if (o->admin)
		tally_merge(to, o->admin, latency);
	if (o->gone)
		tally_merge(to, o->gone, latency);
}

static void opening_free(struct opening *o)
{
	struct device *device = o->device;

	journal_debug(o->device->address, o->session_number, "everything was given back");
	o->device->stats.quarantined_bytes -= o->quarantined_bytes;
	if (o->grace)
		event_free(o->grace);
	if (o->limit_timer)
		event_free(o->limit_timer);
	data_map_clear(&o->map);
	opening_merge(o, &device->ended, true);
	free(o->admin);
	free(o->gone);
	LIST_REMOVE(o, in_device);
	quota_put(o->user);
	if (o->ended)
		o->ended(o->ended_arg);
	free(o);
	device_opening_gone(device);
}

/* Commands that do not end keep their opening, and its memory stays mapped, until they do. */
static void opening_quarantine(evutil_socket_t fd, short what, void *arg)
{
	struct opening *o = arg;
	struct buffer *b;

	if (o->quarantined)
		return;
	o->quarantined = true;
	LIST_FOREACH (b, &o->buffers, link)
		o->quarantined_bytes += b->size;
	o->device->stats.quarantined_bytes += o->quarantined_bytes;
	journal_warn(o->device->address, o->session_number,
		     "the controller does not finish its commands: %llu bytes stay mapped",
		     (unsigned long long)o->quarantined_bytes);
	if (o->ended) {
		/* Nobody should wait for what may never come. */
		o->ended(o->ended_arg);
		o->ended = NULL;
	}
}

void opening_step(struct opening *o)
{
	struct buffer *b, *next;

	device_step(o->device);
	if (!o->ending || o->stepping)
		return;
	o->stepping = true; /* what is called here may step again */
	o->device->class->quiesce(o);
	o->stepping = false;
	if (!LIST_EMPTY(&o->queues) || !TAILQ_EMPTY(&o->commands) || o->jobs > 0)
		return;
	o->waits = keep_needed(o);
	if (o->waits)
		return;
	/* The worker resets before it unmaps. */
	if (o->tainted)
		o->device->class->recover(o->device, "the memory of a session that has ended is in use by it");
	o->tainted = false;
	if (LIST_EMPTY(&o->buffers)) {
		opening_free(o);
		return;
	}
	for (b = LIST_FIRST(&o->buffers); b; b = next) {
		next = LIST_NEXT(b, link);
		buffer_free(b, NULL, NULL); /* by the worker: the list stays as it is */
	}
}

void opening_end(struct opening *o, void (*ended)(void *arg), void *arg)
{
	/* Twice the abort's time: for the deletion of the queues, too. */
	unsigned int ms = o->device->devices->config->abort_timeout_ms;
	struct timeval tv = {.tv_sec = ms / 1000 * 2 + 1};
	struct subscription *sub;
	struct buffer *b;

	if (o->ending)
		return;
	o->ending = true;
	o->ended = ended;
	o->ended_arg = arg;
	LIST_REMOVE(o, in_session);
	lease_remove(&o->lease);
	while ((sub = LIST_FIRST(&o->subscriptions)))
		subscription_free(sub);
	tracer_end_all(o);
	LIST_FOREACH (b, &o->buffers, link)
		lease_remove(&b->lease);
	/* A class's queue starts with its lease: void at once, like the others. */
	o->device->class->forget(o);
	o->session = NULL;
	o->grace = evtimer_new(o->device->devices->base, opening_quarantine, o);
	if (o->grace)
		evtimer_add(o->grace, &tv);
	opening_step(o);
}

void opening_tally(const struct opening *o, struct tally *to, bool latency)
{
	struct queue *q;

	opening_merge(o, to, latency);
	for (q = LIST_FIRST(&o->queues); q; q = queue_next(q)) {
		const struct tally *tally = queue_tally(q);

		if (!tally)
			continue;
		tally_merge(to, tally, latency);
		counter_add(&to->interrupts, queue_interrupts(q));
	}
}

void opening_hold(struct opening *o)
{
	o->jobs++;
}

void opening_release(struct opening *o)
{
	o->jobs--;
	opening_step(o);
}

void opening_post(struct opening *o, struct job *job)
{
	opening_hold(o);
	worker_post(o->device->worker, job);
}
