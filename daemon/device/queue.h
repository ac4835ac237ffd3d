/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue - what is known of a session's queue pair outside of its class
 */
#ifndef VFND_DAEMON_DEVICE_QUEUE_H
#define VFND_DAEMON_DEVICE_QUEUE_H

#include <stdint.h>

#include "daemon/device/class.h"
#include "daemon/device/opening.h"
#include "daemon/lease.h"

struct queue;

struct queue *queue_find(struct session *session, uint64_t handle);
/* The next one of the same opening. */
struct queue *queue_next(struct queue *queue);
struct lease *queue_lease(struct queue *queue);
struct opening *queue_opening(struct queue *queue);
enum queue_mode queue_mode(const struct queue *queue);
uint16_t queue_qid(const struct queue *queue);
/* What counts for its commands, with the daemon or with the controller too: *by_controller. */
enum queue_priority queue_priority(const struct queue *queue, bool *by_controller);
unsigned int queue_entries(const struct queue *queue);
/* Among all that the opening has had, from 1 on. */
uint64_t queue_number(const struct queue *queue);
/* The identifier of the controller's queue pair that its commands go to; 0: there is none (any more). */
uint16_t queue_pair(const struct queue *queue);
/* What has passed it; nothing where its client has the controller's queues. */
const struct tally *queue_tally(const struct queue *queue);
/* Of its vector, since it is there, as of the last device_class.counted(): queues that share one have the same. */
uint64_t queue_interrupts(const struct queue *queue);

#endif
