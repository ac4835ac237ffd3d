/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doorbell - what hosts say in the page of doorbells, and in the shadow doorbells
 *
 * A host that has configured shadow doorbells moves a queue on there, and a register write is no
 * more than a ring. One that goes on with registers for a queue (most do for the admin queue) is
 * followed there.
 */
#ifndef SIM_DOORBELL_H
#define SIM_DOORBELL_H

#include "ctrl.h"

#define DOORBELL_NO_RING UINT32_MAX /* event index of a queue that is polled */

/* Dwords from the first doorbell, with the stride between them (CAP.DSTRD). */
static inline unsigned int doorbell_sq_slot(const struct ctrl *c, uint16_t qid)
{
	return 2u * qid << c->opts.dstrd;
}

static inline unsigned int doorbell_cq_slot(const struct ctrl *c, uint16_t qid)
{
	return (2u * qid + 1) << c->opts.dstrd;
}

/* The shadow buffer is on, and reaches as far: it is one memory page. */
static inline bool doorbell_shadowed(const struct ctrl *c, unsigned int slot)
{
	return slot < c->shadow_words;
}

/* When the host is to ring, where shadow doorbells are in use. */
static inline void doorbell_want(struct ctrl *c, unsigned int slot, uint32_t value)
{
	if (doorbell_shadowed(c, slot))
		c->event[slot] = value;
}

/* Shadow buffers, looked up again when the client has changed its mappings. */
void doorbell_look_up(struct ctrl *c);

static inline void doorbell_find_shadow(struct ctrl *c)
{
	if (c->dbbuf && c->dbbuf_gen != c->dma.gen)
		doorbell_look_up(c);
}

/* A queue begins: both of its places are 0. */
void doorbell_init(struct ctrl *c, struct doorbell *db, unsigned int slot);

/* True when something was written that `db` does not know. */
static inline bool doorbell_news(const struct ctrl *c, const struct doorbell *db, unsigned int slot)
{
	return c->doorbells[slot] != db->page ||
	       (doorbell_shadowed(c, slot) && c->shadow[slot] != db->shadow);
}

/* Brings `db` of a queue of `size` entries up to date; what counts. */
uint32_t doorbell_update(struct ctrl *c, struct doorbell *db, unsigned int slot, uint32_t size);

#endif
