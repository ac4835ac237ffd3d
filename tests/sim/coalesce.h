/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coalesce - interrupts for several completions (NVMe Base 2.0, features 08h and 09h)
 *
 * A vector waits for as many completions as the aggregation threshold says, at most for the aggregation time since
 * the first of them. The admin queue's do not wait, nor do those of vectors for which it is turned off.
 */
#ifndef SIM_COALESCE_H
#define SIM_COALESCE_H

struct cq;
struct ctrl;

/* The queue has cq->news completions that its vector's interrupt is for: raise it, or have it wait. */
void coalesce_raise(struct ctrl *c, const struct cq *cq);

/* Raise what has waited long enough. */
void coalesce_poll(struct ctrl *c);

/* Nothing waits any longer: the rules are others from now on. */
void coalesce_flush(struct ctrl *c);

/* The queues are gone, and what has waited. */
void coalesce_reset(struct ctrl *c);

#endif
