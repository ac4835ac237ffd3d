/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/data/tally.h"

#include <stdlib.h>

#define TALLY_STATUS 0x7ffu /* code and type; not how often to retry, and whether */

void tally_init(struct tally *t)
{
	histogram_init(&t->latency);
}

struct tally *tally_get(struct tally **tally)
{
	if (!*tally) {
		*tally = calloc(1, sizeof(**tally));
		if (*tally)
			tally_init(*tally);
	}
	return *tally;
}

static void tally_count(struct tally *t, uint16_t used, uint64_t n)
{
	for (unsigned int i = 0; i < TALLY_STATUSES; i++) {
		struct tally_status *s = &t->status[i];

		if (!s->used) {
			counter_set(&s->count, n);
			/* Who sees that it is used sees a count. */
			__atomic_store_n(&s->used, used, __ATOMIC_RELEASE);
			return;
		}
		if (s->used == used) {
			counter_add(&s->count, n);
			return;
		}
	}
	counter_add(&t->other, n);
}

void tally_fail(struct tally *t, uint16_t status)
{
	counter_add(&t->failed, 1);
	tally_count(t, (uint16_t)(TALLY_USED | (status & TALLY_STATUS)), 1);
}

static void tally_sum(uint64_t *to, const uint64_t *from)
{
	counter_add(to, counter_get(from));
}

void tally_merge(struct tally *to, const struct tally *from, bool latency)
{
	/* What has ended before what was begun: of a queue at work no more has ended then. */
	tally_sum(&to->completed, &from->completed);
	tally_sum(&to->lost, &from->lost);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	tally_sum(&to->submitted, &from->submitted);
	tally_sum(&to->failed, &from->failed);
	tally_sum(&to->refused, &from->refused);
	for (unsigned int i = 0; i < TALLY_REFUSALS; i++)
		tally_sum(&to->refused_by[i], &from->refused_by[i]);
	tally_sum(&to->bytes_read, &from->bytes_read);
	tally_sum(&to->bytes_written, &from->bytes_written);
	tally_sum(&to->kicks, &from->kicks);
	tally_sum(&to->wakes, &from->wakes);
	tally_sum(&to->interrupts, &from->interrupts);
	for (unsigned int i = 0; i < TALLY_STATUSES; i++) {
		const struct tally_status *s = &from->status[i];
		uint16_t used = __atomic_load_n(&s->used, __ATOMIC_ACQUIRE);

		if (!used)
			break;
		tally_count(to, used, counter_get(&s->count));
	}
	tally_sum(&to->other, &from->other);
	/* What has no completion has no latency either. */
	if (latency && counter_get(&from->completed))
		histogram_merge(&to->latency, &from->latency);
}
