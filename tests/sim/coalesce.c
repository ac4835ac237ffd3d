/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "coalesce.h"
#include "cmd.h"

#define COALESCE_UNIT_NS 100000ull

static void coalesce_fire(struct ctrl *c, unsigned int vector)
{
	struct irq_vector *v = &c->irq.vec[vector];

	v->waiting = 0;
	v->due = UINT64_MAX;
	irq_raise(&c->irq, vector);
}

static void coalesce_next(struct ctrl *c)
{
	c->irq.due = UINT64_MAX;
	for (unsigned int i = 0; i < c->irq.nvec; i++) {
		if (c->irq.vec[i].due < c->irq.due)
			c->irq.due = c->irq.vec[i].due;
	}
}

void coalesce_raise(struct ctrl *c, const struct cq *cq)
{
	uint32_t feature = features_coalescing(c), threshold = (feature & 0xff) + 1, units = feature >> 8 & 0xff;
	struct irq_vector *v = &c->irq.vec[cq->vector];

	v->waiting += cq->news;
	/* A threshold of one, or no time, is no coalescing. */
	if (!cq->qid || threshold < 2 || !units || c->feat.no_coalesce[cq->vector] || v->waiting >= threshold) {
		coalesce_fire(c, cq->vector);
		return;
	}
	if (v->due != UINT64_MAX)
		return;
	v->due = ctrl_now() + units * COALESCE_UNIT_NS;
	if (v->due < c->irq.due)
		c->irq.due = v->due;
}

void coalesce_poll(struct ctrl *c)
{
	uint64_t now = ctrl_now();

	if (now < c->irq.due)
		return;
	for (unsigned int i = 0; i < c->irq.nvec; i++) {
		if (c->irq.vec[i].due > now)
			continue;
		c->irq.late++;
		coalesce_fire(c, i);
	}
	coalesce_next(c);
}

void coalesce_flush(struct ctrl *c)
{
	for (unsigned int i = 0; i < c->irq.nvec; i++) {
		if (c->irq.vec[i].due != UINT64_MAX)
			coalesce_fire(c, i);
	}
	coalesce_next(c);
}

void coalesce_reset(struct ctrl *c)
{
	for (unsigned int i = 0; i < c->irq.nvec; i++) {
		c->irq.vec[i].waiting = 0;
		c->irq.vec[i].due = UINT64_MAX;
	}
	c->irq.due = UINT64_MAX;
}
