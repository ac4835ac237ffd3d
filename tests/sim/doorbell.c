/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "doorbell.h"
#include "cmd.h"

void doorbell_look_up(struct ctrl *c)
{
	size_t a = c->page, b = c->page;

	c->dbbuf_gen = c->dma.gen;
	c->shadow = dma_ptr(&c->dma, c->dbbuf_shadow, &a, true);
	c->event = dma_ptr(&c->dma, c->dbbuf_event, &b, true);
	if (!c->shadow || !c->event || a < c->page || b < c->page)
		c->shadow = c->event = NULL;
	c->shadow_words = c->shadow ? c->page / 4 : 0;
}

void doorbell_init(struct ctrl *c, struct doorbell *db, unsigned int slot)
{
	*db = (struct doorbell){0};
	c->doorbells[slot] = 0;
	doorbell_find_shadow(c);
	if (!doorbell_shadowed(c, slot))
		return;
	/* What a former queue of this number left there must not be taken for news. */
	c->shadow[slot] = 0;
	/* It is awake, and asks before it sleeps. */
	__atomic_store_n(&c->event[slot], DOORBELL_NO_RING, __ATOMIC_RELEASE);
}

/* What the host says must be an entry of the queue; else it is told once, and nothing changes. */
static void doorbell_accept(struct ctrl *c, struct doorbell *db, uint32_t value, uint32_t size)
{
	if (value < size) {
		db->value = value;
		return;
	}
	aer_raise(c, NVME_AER_ERROR, NVME_AER_ERROR_INVALID_DB_VAL, NVME_LOG_LID_ERROR);
}

uint32_t doorbell_update(struct ctrl *c, struct doorbell *db, unsigned int slot, uint32_t size)
{
	/* Hosts write the shadow first: seen in this order, a ring never overtakes it. */
	uint32_t page = __atomic_load_n(&c->doorbells[slot], __ATOMIC_ACQUIRE);

	if (doorbell_shadowed(c, slot)) {
		uint32_t shadow = __atomic_load_n(&c->shadow[slot], __ATOMIC_ACQUIRE);

		if (shadow != db->shadow) {
			db->by_shadow = true;
			db->shadow = shadow;
			doorbell_accept(c, db, shadow, size);
		}
		if (db->by_shadow) {
			db->page = page;
			return db->value;
		}
	}
	if (page != db->page) {
		db->page = page;
		doorbell_accept(c, db, page, size);
		if (doorbell_shadowed(c, slot))
			c->shadow[slot] = db->shadow = page;
	}
	return db->value;
}
