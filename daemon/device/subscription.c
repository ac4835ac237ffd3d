/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/subscription.h"

#include <errno.h>
#include <stdlib.h>

#include <vfn/support.h>

#include "daemon/device/device.h"
#include "daemon/journal.h"

static subscription_deliver subscription_out;

void subscription_set_deliver(subscription_deliver deliver)
{
	subscription_out = deliver;
}

int subscription_restore(struct opening *o, uint64_t handle, uint64_t sequence)
{
	struct subscription *sub = calloc(1, sizeof(*sub));
	int ret;

	if (!sub)
		return -ENOMEM;
	sub->opening = o;
	sub->sequence = sequence;
	ret = lease_restore(session_leases(o->session), &sub->lease, LEASE_SUBSCRIPTION, handle);
	if (ret < 0) {
		free(sub);
		return ret;
	}
	LIST_INSERT_HEAD(&o->subscriptions, sub, link);
	return 0;
}

int subscription_create(struct opening *o, struct subscription **out)
{
	int ret = subscription_restore(o, session_leases(o->session)->last + 1, 0);

	if (ret == 0)
		*out = LIST_FIRST(&o->subscriptions);
	return ret;
}

void subscription_free(struct subscription *sub)
{
	lease_remove(&sub->lease);
	LIST_REMOVE(sub, link);
	free(sub);
}

struct subscription *subscription_find(struct session *session, uint64_t handle)
{
	struct lease *lease = lease_find(session_leases(session), handle, LEASE_SUBSCRIPTION);

	return lease ? container_of(lease, struct subscription, lease) : NULL;
}

static void subscription_tell_gap(struct subscription *sub, bool last)
{
	const struct device_event gap = {.kind = DEVICE_EVENT_GAP, .last = last};

	if (!sub->lost || subscription_out(sub, &gap) < 0)
		return;
	journal_warn(sub->opening->device->address, sub->opening->session_number,
		     "%llu events were lost, as they were not read in time", (unsigned long long)sub->lost);
	sub->lost = 0;
}

void subscription_tell(struct opening *o, const struct device_event *event)
{
	struct subscription *sub;

	if (o->ending)
		return;
	LIST_FOREACH (sub, &o->subscriptions, link) {
		if (event->kind == DEVICE_EVENT_GONE)
			subscription_tell_gap(sub, true);
		sub->sequence++;
		/* One that is sent after one that was not would hide the gap. */
		if (sub->lost || (subscription_out && subscription_out(sub, event) == -ENOBUFS))
			sub->lost++;
	}
}

void subscription_catch_up(struct opening *o)
{
	struct subscription *sub;

	if (o->ending)
		return;
	LIST_FOREACH (sub, &o->subscriptions, link)
		subscription_tell_gap(sub, false);
}

void subscription_publish(struct device *device, const struct device_event *event)
{
	struct opening *o;

	device->stats.events++;
	LIST_FOREACH (o, &device->openings, in_device)
		subscription_tell(o, event);
}
