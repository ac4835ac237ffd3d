/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/data/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/support.h>

/* The array, grown where it has no room for one more than `n`. NULL: out of memory, and it is as it was. */
static void *engine_room(void *array, unsigned int n, unsigned int *room)
{
	unsigned int want = *room ? 2 * *room : 8;

	if (n < *room)
		return array;
	array = reallocarray(array, want, sizeof(void *));
	if (array)
		*room = want;
	return array;
}

int data_engine_add_pair(struct data_engine *engine, struct data_pair *pair)
{
	struct data_pair **pairs = engine_room(engine->pairs, engine->npairs, &engine->pairs_room);

	if (!pairs)
		return -ENOMEM;
	engine->pairs = pairs;
	pairs[engine->npairs++] = pair;
	return 0;
}

void data_engine_remove_pair(struct data_engine *engine, struct data_pair *pair)
{
	for (unsigned int i = 0; i < engine->npairs; i++) {
		if (engine->pairs[i] == pair) {
			engine->pairs[i] = engine->pairs[--engine->npairs];
			return;
		}
	}
}

int data_engine_add(struct data_engine *engine, struct served *served)
{
	/* Room for all to be active: waking one up cannot fail. */
	struct served **active = engine_room(engine->active, engine->nserved, &engine->active_room);

	if (!active)
		return -ENOMEM;
	engine->active = active;
	engine->nserved++;
	served->engine = engine;
	served_start(served);
	/* The client may have been quicker. */
	data_engine_kick(engine, served);
	return 0;
}

static void engine_step(struct data_engine *engine)
{
	unsigned int top = 0;

	while (top < SERVED_LOW && !engine->nbusy[top])
		top++;
	for (unsigned int i = 0; i < SERVED_PRIORITIES; i++)
		engine->step[i] = (uint8_t)(i > top ? i - top : 0);
}

static void engine_busy(struct data_engine *engine, struct served *q)
{
	if (!q->busy && !engine->nbusy[q->priority]++)
		engine_step(engine);
	q->busy = true;
}

void data_engine_rest(struct data_engine *engine, struct served *q)
{
	if (q->busy && !--engine->nbusy[q->priority])
		engine_step(engine);
	q->busy = false;
}

/* Active or not, it is in that other state now: a kick that is on its way wakes no stopped one. */
static void engine_deactivate(struct data_engine *engine, struct served *q, enum served_state state)
{
	if (q->state == SERVED_ACTIVE) {
		struct served *last = engine->active[--engine->nactive];

		engine->active[q->slot] = last;
		last->slot = q->slot;
	} else if (q->state == SERVED_ASIDE) {
		TAILQ_REMOVE(&engine->aside, q, aside);
		q->limit->aside--;
	}
	q->state = state;
	if (!q->inflight)
		data_engine_rest(engine, q);
}

void data_engine_remove(struct data_engine *engine, struct served *q)
{
	engine_deactivate(engine, q, SERVED_STOPPED);
	if (q->touched) {
		struct served **at = &engine->touched;

		while (*at != q)
			at = &(*at)->next_touched;
		*at = q->next_touched;
		q->touched = false;
	}
	data_engine_rest(engine, q);
	engine->nserved--;
}

static void engine_activate(struct data_engine *engine, struct served *q)
{
	q->state = SERVED_ACTIVE;
	q->idle = 0;
	q->slot = engine->nactive;
	engine->active[engine->nactive++] = q;
	engine_busy(engine, q);
}

void data_engine_kick(struct data_engine *engine, struct served *q)
{
	if (q->state != SERVED_ASLEEP)
		return;
	engine_activate(engine, q);
	served_disarm(q);
}

void data_engine_stop(struct data_engine *engine, struct served *q)
{
	engine_deactivate(engine, q, SERVED_STOPPED);
	if (!q->inflight && q->drained)
		q->drained(q);
}

void data_engine_pause(struct data_engine *engine)
{
	engine->paused = true;
	if (!engine->inflight && engine->quiet)
		engine->quiet(engine);
}

void data_engine_resume(struct data_engine *engine)
{
	engine->paused = false;
}

/* A client that sleeps has the more of a wake-up the more is done when it comes. */
static bool engine_holds(const struct data_engine *engine, const struct served *q)
{
	return q->inflight && engine->moved - q->touched_at < engine->hold;
}

static void engine_tell(struct data_engine *engine, bool all)
{
	struct served *q, *held = NULL;

	while ((q = engine->touched)) {
		engine->touched = q->next_touched;
		if (served_asked(q) && !all && engine_holds(engine, q)) {
			q->next_touched = held;
			held = q;
			continue;
		}
		q->touched = false;
		if (q->asked)
			served_wake(q);
	}
	engine->touched = held;
}

void data_engine_tell(struct data_engine *engine)
{
	engine_tell(engine, true);
}

/* ---- limits ------------------------------------------------------------------------------ */

/* The next look at those that wait is when the first of them may go. */
static void engine_await(struct data_engine *engine, struct served *q, uint64_t now, bool first)
{
	uint64_t due = now + data_limit_wait(q->limit, now);

	if (first || (int64_t)(due - engine->due) < 0)
		engine->due = due;
}

static void engine_put_aside(struct data_engine *engine, struct served *q, uint64_t now)
{
	engine_deactivate(engine, q, SERVED_ASIDE);
	if (!engine->aside.tqh_last)
		TAILQ_INIT(&engine->aside);
	engine_await(engine, q, now, TAILQ_EMPTY(&engine->aside));
	TAILQ_INSERT_TAIL(&engine->aside, q, aside);
	q->limit->aside++;
}

/* As served_forward(), as far as the session may. The queue may be put aside. */
static unsigned int engine_forward_limited(struct data_engine *engine, struct served *q, uint64_t now)
{
	unsigned int n = 0, taken = 1;

	while (taken && n < q->window) {
		unsigned int room = data_limit_room(q->limit, now);
		uint64_t spent = q->spent;

		if (!room) {
			if (served_pending(q))
				engine_put_aside(engine, q, now);
			break;
		}
		taken = served_forward(q, room < q->window - n ? room : q->window - n);
		data_limit_charge(q->limit, taken, q->spent - spent);
		n += taken;
	}
	return n;
}

/* One whose turn in the round it is: not before those that wait already. */
static unsigned int engine_forward_behind(struct data_engine *engine, struct served *q)
{
	uint64_t now = engine->clock();

	if (!q->limit->aside)
		return engine_forward_limited(engine, q, now);
	if (served_pending(q))
		engine_put_aside(engine, q, now);
	return 0;
}

/* Those that there is room for, in order: who gets something is the last one then. */
static unsigned int engine_take_back(struct data_engine *engine)
{
	struct served *q, *next, *last = TAILQ_LAST(&engine->aside, served_list);
	uint64_t now = engine->clock();
	bool first = true;
	unsigned int n = 0;

	if ((int64_t)(now - engine->due) < 0)
		return 0;
	for (q = TAILQ_FIRST(&engine->aside); q; q = next) {
		next = q == last ? NULL : TAILQ_NEXT(q, aside);
		if (data_limit_room(q->limit, now)) {
			engine_deactivate(engine, q, SERVED_ACTIVE);
			engine_activate(engine, q);
			n += engine_forward_limited(engine, q, now);
		}
		if (q->state == SERVED_ASIDE) {
			engine_await(engine, q, now, first);
			first = false;
		}
	}
	return n;
}

bool data_engine_due(const struct data_engine *engine, uint64_t *ticks)
{
	int64_t wait;

	if (TAILQ_EMPTY(&engine->aside) || engine->paused || engine->halted)
		return false;
	wait = (int64_t)(engine->due - engine->clock());
	*ticks = wait > 0 ? (uint64_t)wait : 0;
	return true;
}

/* ---- rounds ------------------------------------------------------------------------------ */

static unsigned int engine_forward(struct data_engine *engine)
{
	unsigned int n = 0, count, at;

	if (unlikely(!TAILQ_EMPTY(&engine->aside)))
		n = engine_take_back(engine);
	count = engine->nactive;
	if (!count)
		return n;
	/* Each is first in its turn: what the pairs have no places for is not always the same
	 * one's. */
	at = engine->first + 1;
	at = at < count ? at : 0;
	engine->first = at;
	while (count--) {
		struct served *q;
		unsigned int taken;

		if (at >= engine->nactive)
			at = 0;
		q = engine->active[at];
		if (unlikely(q->limit)) {
			taken = engine_forward_behind(engine, q);
			if (q->state == SERVED_ASIDE) {
				n += taken;
				if (!engine->nactive)
					break;
				continue;
			}
		} else {
			taken = served_forward(q, q->window);
		}
		n += taken;
		if (taken || q->blocked) {
			q->idle = 0;
		} else if (unlikely((uint64_t)++q->idle * engine->nactive > engine->patience)) {
			q->idle = 0;
			if (served_arm(q)) {
				engine_deactivate(engine, q, SERVED_ASLEEP);
				if (!engine->nactive)
					break;
				continue; /* another one has its place */
			}
		}
		at++;
	}
	return n;
}

unsigned int data_engine_round(struct data_engine *engine)
{
	unsigned int n = 0, taken;

	if (unlikely(engine->halted))
		return 0;
	if (engine->inflight) {
		for (unsigned int i = 0; i < engine->npairs; i++)
			if (engine->pairs[i]->inflight)
				n += data_pair_reap(engine, engine->pairs[i]);
		if (unlikely(engine->paused) && !engine->inflight && engine->quiet)
			engine->quiet(engine);
	}
	if (likely(!engine->paused) && (taken = engine_forward(engine))) {
		n += taken;
		for (unsigned int i = 0; i < engine->npairs; i++) {
			struct data_pair *pair = engine->pairs[i];

			if (pair->inflight > pair->peak)
				pair->peak = pair->inflight;
			nvme_sq_update_tail(pair->sq);
		}
	}
	engine->moved += n;
	engine_tell(engine, false);
	return n;
}

bool data_engine_settle(struct data_engine *engine)
{
	engine_tell(engine, true);
	/* Paused, nobody is looked at before the end of that, which starts all over. */
	if (engine->paused || engine->halted)
		return true;
	for (unsigned int i = engine->nactive; i-- > 0;) {
		struct served *q = engine->active[i];

		if (q->blocked)
			continue;
		if (!served_arm(q))
			return false;
		engine_deactivate(engine, q, SERVED_ASLEEP);
	}
	return true;
}

void data_engine_fail_pair(struct data_engine *engine, struct data_pair *pair, uint16_t status)
{
	data_pair_fail(engine, pair, status);
	engine_tell(engine, true);
}

void data_engine_fail(struct data_engine *engine, uint16_t status)
{
	for (unsigned int i = 0; i < engine->npairs; i++)
		data_engine_fail_pair(engine, engine->pairs[i], status);
	if (engine->paused && engine->quiet)
		engine->quiet(engine);
}

void data_engine_clear(struct data_engine *engine)
{
	free(engine->pairs);
	free(engine->active);
	engine->pairs = NULL;
	engine->active = NULL;
	engine->npairs = engine->pairs_room = engine->nactive = engine->active_room = 0;
}
