/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * subscription - who is told of a device's events
 *
 * Each subscription counts the events it was due: a client that sees a gap knows how many it lost.
 * Loop thread only.
 */
#ifndef VFND_DAEMON_DEVICE_SUBSCRIPTION_H
#define VFND_DAEMON_DEVICE_SUBSCRIPTION_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/device/opening.h"

enum device_event_kind {
	DEVICE_EVENT_ASYNC, /* the controller's asynchronous event */
	DEVICE_EVENT_GONE,
	DEVICE_EVENT_RESET,
	DEVICE_EVENT_COMPLETION, /* that nobody waits for; its entry is in `log` */
};

struct device_event {
	enum device_event_kind kind;
	uint32_t dw0;         /* ASYNC: of the completion */
	const uint8_t *log;   /* ASYNC: beginning of the log page that clears it; may be NULL */
	size_t log_length;
	const char *reason;   /* GONE, RESET */
	unsigned int kind_of_reset, commands, queues; /* RESET: what a session has lost by it */
};

struct subscription {
	struct lease lease;
	LIST_ENTRY(subscription) link;
	struct opening *opening;
	uint64_t sequence; /* events it was due */
};

/* How an event reaches a client; set once at start. */
typedef void (*subscription_deliver)(struct subscription *sub, const struct device_event *event);
void subscription_set_deliver(subscription_deliver deliver);

/* 0 or -ENOMEM */
int subscription_create(struct opening *opening, struct subscription **out);
/* As it was before a take-over. */
int subscription_restore(struct opening *opening, uint64_t handle, uint64_t sequence);
void subscription_free(struct subscription *sub);
struct subscription *subscription_find(struct session *session, uint64_t handle);

/* Tell every subscriber of the device. */
void subscription_publish(struct device *device, const struct device_event *event);

/* Tell the subscribers of one session. */
void subscription_tell(struct opening *opening, const struct device_event *event);

#endif
