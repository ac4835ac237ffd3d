/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "arbiter.h"
#include "cmd.h"
#include "queue.h"

#include <stdio.h>

/* Commands taken before sockets have their turn. */
#define ARBITER_ROUND 256

/* The same from one queue before the next has its turn. */
#define ARBITER_TURN 32

#define ARBITER_NO_LIMIT 7

void arbiter_update(struct ctrl *c)
{
	struct arbiter *a = &c->arbiter;
	uint32_t v = features_arbitration(c);

	a->burst = (v & 7) == ARBITER_NO_LIMIT ? UINT32_MAX : 1u << (v & 7);
	a->most = a->burst < ARBITER_TURN ? a->burst : ARBITER_TURN;
	a->weight[ARBITER_LOW] = (v >> 8 & 0xff) + 1;
	a->weight[ARBITER_MEDIUM] = (v >> 16 & 0xff) + 1;
	a->weight[ARBITER_HIGH] = (v >> 24) + 1;
	a->turn = ARBITER_HIGH;
	a->credit = a->weight[ARBITER_HIGH];
}

static void arbiter_chooses(struct arbiter *a)
{
	a->chooses = a->wrr || a->hold || a->noting;
}

void arbiter_enable(struct ctrl *c, bool wrr)
{
	c->arbiter.wrr = wrr;
	arbiter_chooses(&c->arbiter);
	for (unsigned int i = 0; i < ARBITER_CLASSES; i++)
		c->arbiter.next[i] = 0;
	arbiter_update(c);
}

/* The next queue of the class that has a command which can be taken; without weights all are of one. */
static struct sq *arbiter_pick(struct ctrl *c, unsigned int class)
{
	unsigned int *next = &c->arbiter.next[class];

	for (unsigned int i = 0; i < c->nsq; i++) {
		unsigned int at = (*next + i) % c->nsq;
		struct sq *sq = &c->sq[c->live_sq[at]];

		if (!sq->qid || (c->arbiter.wrr && sq->class != class) || !queue_ready(c, sq))
			continue;
		*next = at + 1;
		return sq;
	}
	return NULL;
}

/* A class that has nothing leaves the rest of its credit to the others. */
static struct sq *arbiter_weigh(struct ctrl *c)
{
	struct arbiter *a = &c->arbiter;

	for (unsigned int i = 0; i <= ARBITER_LOW; i++) {
		struct sq *sq = a->credit ? arbiter_pick(c, a->turn) : NULL;

		if (sq)
			return sq;
		a->turn = a->turn == ARBITER_LOW ? ARBITER_HIGH : a->turn + 1;
		a->credit = a->weight[a->turn];
	}
	/* What comes after a pause begins a round. */
	a->turn = ARBITER_HIGH;
	a->credit = a->weight[ARBITER_HIGH];
	return NULL;
}

static void arbiter_note(struct arbiter *a, uint16_t qid, unsigned int n)
{
	while (a->noting && qid && n-- && a->nnotes < ARBITER_NOTES)
		a->notes[a->nnotes++] = qid;
}

bool arbiter_round(struct ctrl *c, bool *more)
{
	struct arbiter *a = &c->arbiter;
	unsigned int done = 0, n;
	uint16_t qid;

	while (done < ARBITER_ROUND && ctrl_running(c)) {
		struct sq *sq = &c->sq[0];
		bool weighed = false;

		/* The admin queue is before all others, urgent ones before those with weights. */
		if (!sq->live || !queue_ready(c, sq)) {
			if (a->hold)
				break;
			sq = arbiter_pick(c, ARBITER_URGENT);
			if (!sq && a->wrr) {
				sq = arbiter_weigh(c);
				weighed = true;
			}
		}
		if (!sq)
			break;
		n = a->wrr ? a->burst : a->most;
		n = weighed && a->credit < n ? a->credit : n;
		qid = sq->qid;
		n = queue_serve(c, sq, n < ARBITER_ROUND ? n : ARBITER_ROUND);
		if (!n)
			break;
		arbiter_note(a, qid, n);
		if (weighed)
			a->credit -= n < a->credit ? n : a->credit;
		done += n;
	}
	*more = done >= ARBITER_ROUND;
	return done != 0;
}

void arbiter_hold(struct ctrl *c, bool on)
{
	c->arbiter.hold = on;
	if (on) {
		c->arbiter.noting = true;
		c->arbiter.nnotes = 0;
	}
	arbiter_chooses(&c->arbiter);
}

void arbiter_print(const struct ctrl *c, char *out, size_t room)
{
	const struct arbiter *a = &c->arbiter;
	size_t at = 0;

	out[0] = 0;
	for (unsigned int i = 0, n; i < a->nnotes && at < room; i += n) {
		for (n = 1; i + n < a->nnotes && a->notes[i + n] == a->notes[i]; n++)
			;
		at += snprintf(out + at, room - at, "%s%u*%u", i ? " " : "", a->notes[i], n);
	}
}
