/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"
#include "queue.h"

#include <string.h>

static struct held *aer_first(struct ctrl *c)
{
	struct held *h;

	TAILQ_FOREACH (h, &c->held, link) {
		if (h->why == HELD_EVENT)
			return h;
	}
	return NULL;
}

/* Reports what can be reported: a request is there, and the type's last event has been read. */
void aer_deliver(struct ctrl *c)
{
	struct aer *a = &c->aer;

	a->fresh = false;
	for (unsigned int i = 0; i < a->n && a->waiting;) {
		struct event *e = &a->queue[i];
		uint32_t dw0 = e->type | (uint32_t)e->info << 8 | (uint32_t)e->lid << 16;

		if (a->masked & 1u << e->type) {
			i++;
			continue;
		}
		a->masked |= 1u << e->type;
		a->lid[e->type] = e->lid;
		queue_finish(c, aer_first(c), 0, dw0);
		a->n--;
		memmove(e, e + 1, (a->n - i) * sizeof(*e));
	}
}

void aer_raise(struct ctrl *c, uint8_t type, uint8_t info, uint8_t lid)
{
	struct aer *a = &c->aer;
	struct event e = {type & 7, info, lid};

	/* The same thing twice is one event until the host has heard of it. */
	for (unsigned int i = 0; i < a->n; i++) {
		if (!memcmp(&a->queue[i], &e, sizeof(e)))
			return;
	}
	if (a->n == CTRL_EVENTS)
		return;
	a->queue[a->n++] = e;
	/*
	 * Delivered at the next round: whoever found the reason may be in the middle of a message
	 * or a queue, and the completion may need messages of its own.
	 */
	a->fresh = true;
}

void aer_smart(struct ctrl *c, uint8_t bits)
{
	uint8_t fresh = bits & ~c->critical_warning & features_event_config(c);

	c->critical_warning = bits;
	if (fresh & NVME_SMART_CRIT_SPARE)
		aer_raise(c, NVME_AER_SMART, NVME_AER_SMART_SPARE_THRESHOLD, NVME_LOG_LID_SMART);
	if (fresh & NVME_SMART_CRIT_TEMPERATURE)
		aer_raise(c, NVME_AER_SMART, NVME_AER_SMART_TEMPERATURE_THRESHOLD,
			  NVME_LOG_LID_SMART);
	if (fresh & ~(NVME_SMART_CRIT_SPARE | NVME_SMART_CRIT_TEMPERATURE))
		aer_raise(c, NVME_AER_SMART, NVME_AER_SMART_SUBSYSTEM_RELIABILITY,
			  NVME_LOG_LID_SMART);
}

/* The log has told of all that was noted there, so what waits would lead to an empty one. */
static void aer_forget(struct aer *a, uint8_t type, uint8_t lid)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < a->n; i++) {
		if (a->queue[i].type != type || a->queue[i].lid != lid)
			a->queue[n++] = a->queue[i];
	}
	a->n = n;
}

void aer_log_read(struct ctrl *c, uint8_t lid)
{
	if (lid == NVME_LOG_LID_CHANGED_NS)
		aer_forget(&c->aer, NVME_AER_NOTICE, lid);
	for (uint8_t type = 0; type < 8; type++) {
		if ((c->aer.masked & 1u << type) && c->aer.lid[type] == lid)
			c->aer.masked &= ~(1u << type);
	}
	aer_deliver(c);
}

bool aer_request(struct ctrl *c, struct cmd *cmd)
{
	if (c->aer.waiting > CTRL_AERL) {
		cmd->status = SIM_SCT_SPECIFIC | NVME_SC_ASYNC_LIMIT | NVME_SC_DNR;
		return true;
	}
	if (!queue_hold(c, cmd, HELD_EVENT, 0)) {
		cmd->status = NVME_SC_INTERNAL;
		return true;
	}
	aer_deliver(c);
	return false;
}

void aer_reset(struct ctrl *c)
{
	memset(&c->aer, 0, sizeof(c->aer));
}
