/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * subscription - who is told of a device's events
 *
 * Each subscription counts the events it was due. A client that does not read loses events, never unnoticed: the
 * numbers tell, and an event of its own says so as soon as there is room again.
 * Loop thread only.
 */
#ifndef VFND_DAEMON_DEVICE_SUBSCRIPTION_H
#define VFND_DAEMON_DEVICE_SUBSCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/device/opening.h"

enum device_event_kind {
	DEVICE_EVENT_ASYNC, /* the controller's asynchronous event */
	DEVICE_EVENT_GONE,
	DEVICE_EVENT_RESET,
	DEVICE_EVENT_DISABLED, /* by request, as RESET says */
	DEVICE_EVENT_ENABLED,  /* `dw0` is CC */
	DEVICE_EVENT_GAP,      /* the subscription's `lost` */
	DEVICE_EVENT_COMPLETION, /* that nobody waits for; its entry is in `log` */
};

struct device_event {
	enum device_event_kind kind;
	uint32_t dw0;         /* ASYNC: of the completion */
	const uint8_t *log;   /* ASYNC: beginning of the log page that clears it; may be NULL */
	size_t log_length;
	const char *reason;   /* GONE, RESET, DISABLED, ENABLED */
	bool last; /* GAP: before the last event */
	unsigned int kind_of_reset, commands, queues; /* RESET, DISABLED: what a session has lost by it */
};

struct subscription {
	struct lease lease;
	LIST_ENTRY(subscription) link;
	struct opening *opening;
	uint64_t sequence; /* events it was due */
	uint64_t lost;     /* the last so many of them were not sent, as its client does not read */
};

/* How an event reaches a client; set once at start. 0, -ENOBUFS it had no room; another -errno: nobody is there. */
typedef int (*subscription_deliver)(struct subscription *sub, const struct device_event *event);
void subscription_set_deliver(subscription_deliver deliver);

/* 0 or -ENOMEM */
int subscription_create(struct opening *opening, struct subscription **out);
/* As it was before a take-over. */
int subscription_restore(struct opening *opening, uint64_t handle, uint64_t sequence);
void subscription_free(struct subscription *sub);
struct subscription *subscription_find(struct session *session, uint64_t handle);

/* Tell every subscriber of the device. */
void subscription_publish(struct device *device, const struct device_event *event);

/* There is room again: say how many events were lost, if any. */
void subscription_catch_up(struct opening *opening);

/* Tell the subscribers of one session. */
void subscription_tell(struct opening *opening, const struct device_event *event);

#endif
