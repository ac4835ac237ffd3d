/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue - submission and completion queues: fetching, posting, kept commands
 *
 * Doorbells are looked at in memory that clients store to: doorbell.h.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "ctrl.h"

/* Create queue `qid` (checked by the caller) at `addr` with `size` entries, of an enum arbiter_class. */
void queue_add_sq(struct ctrl *c, uint16_t qid, uint16_t cqid, uint32_t size, uint64_t addr, uint8_t class);
void queue_add_cq(struct ctrl *c, uint16_t qid, uint32_t size, uint64_t addr, bool ien,
		  uint16_t vector);

/* Delete. Kept commands of a submission queue complete as aborted where there is room. */
void queue_del_sq(struct ctrl *c, uint16_t qid);
void queue_del_cq(struct ctrl *c, uint16_t qid);

/* Everything goes, nothing is completed: the controller is reset. */
void queue_reset(struct ctrl *c);

/* It has a command that can be taken; take at most that many: how many were. */
bool queue_ready(struct ctrl *c, struct sq *sq);
unsigned int queue_serve(struct ctrl *c, struct sq *sq, unsigned int most);

/* One round over all queues; true when something was done. */
bool queue_poll(struct ctrl *c);

/*
 * Before sleeping: asks for rings and looks once more. False: there is work, do not sleep. Else
 * *deadline is when a kept command is due (UINT64_MAX: none), and *timer tells that some queue's
 * doorbell can change without a sign.
 */
bool queue_arm(struct ctrl *c, uint64_t *deadline, bool *timer);

/* Completes a command that was kept; it is taken off the list and freed. */
void queue_finish(struct ctrl *c, struct held *h, uint16_t status, uint32_t dw0);

/* Keeps a copy of `cmd`; NULL when memory is short. */
struct held *queue_hold(struct ctrl *c, const struct cmd *cmd, enum held_why why, uint64_t when);

/* Doorbell configuration was accepted, for the two buffers at these addresses. */
void queue_dbbuf(struct ctrl *c, uint64_t shadow, uint64_t event);

/* A doorbell was written by message: dword `idx` of them. */
void queue_ring(struct ctrl *c, unsigned int idx, uint32_t value);

/* Whether INTx ought to be asserted. */
bool queue_intx(struct ctrl *c);

#endif
