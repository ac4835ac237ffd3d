/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arbiter - which submission queue is next (NVMe Base 2.0, 3.4.4 and feature 01h)
 *
 * Round robin is queue_poll() itself as long as nobody asks for more; here are weighted round robin with an urgent
 * class, queues that nothing is taken from for a while, and a note of the order in which commands were taken.
 */
#ifndef SIM_ARBITER_H
#define SIM_ARBITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctrl;

/* QPRIO of Create I/O Submission Queue. */
enum arbiter_class {
	ARBITER_URGENT,
	ARBITER_HIGH,
	ARBITER_MEDIUM,
	ARBITER_LOW,
	ARBITER_CLASSES,
};

#define ARBITER_NOTES 4096

struct arbiter {
	bool wrr;	    /* CC.AMS */
	bool hold;	    /* nothing is taken from I/O queues */
	bool noting;	    /* in `notes` */
	bool chooses;	    /* one of these: arbiter_round() does it all */
	unsigned int burst; /* most commands at a time */
	unsigned int most;  /* the same of round robin, where others are to have their turn */
	unsigned int weight[ARBITER_CLASSES];
	unsigned int turn;   /* the class whose credit is being used */
	unsigned int credit; /* commands that it may have yet */
	unsigned int next[ARBITER_CLASSES]; /* where in ctrl->live_sq to look first */
	unsigned int nnotes;
	uint16_t notes[ARBITER_NOTES]; /* queues in the order in which commands were taken from them */
};

/* The controller is being enabled, or the feature has been set: take over what they say. */
void arbiter_enable(struct ctrl *c, bool wrr);
void arbiter_update(struct ctrl *c);

/* In place of round robin, where it `chooses`: true when something was taken; *more when there is more. */
bool arbiter_round(struct ctrl *c, bool *more);

/* Take nothing from I/O queues, and note from then on what is taken; or let them go on. */
void arbiter_hold(struct ctrl *c, bool on);

/* What was noted as text, "QID*COMMANDS" each. */
void arbiter_print(const struct ctrl *c, char *out, size_t room);

#endif
