/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What two sessions did: number 7 with two served queues, and number 5, which came before and has a direct one. They
 * are told in two answers.
 */
#include "config.h"

#include "canned-tally.h"

#include <string.h>

struct numbers {
	Vfnd__TallyKind kind;
	uint64_t session, queue;
	uint64_t submitted, completed, failed, refused, bytes_read, bytes_written, interrupts;
	uint64_t count[4]; /* of latencies, by canned_bounds */
};

#define KIND(name) VFND__TALLY_KIND__TALLY_KIND_##name

/* The device is the sum of what is ended and the sessions, a session that of its other rows. */
static const struct numbers canned_rows[] = {
	{KIND(DEVICE), 0, 0, 1010, 1000, 3, 2, 4096000, 512000, 77, {500, 400, 90, 8}},
	{KIND(ENDED), 0, 0, 100, 100, 0, 0, 409600, 0, 9, {0, 100, 0, 0}},
	{KIND(SESSION), 7, 0, 905, 895, 3, 2, 3682304, 512000, 50, {500, 300, 85, 8}},
	{KIND(QUEUE), 7, 3, 700, 690, 3, 2, 3672064, 0, 40, {400, 200, 80, 8}},
	{KIND(QUEUE), 7, 2, 100, 100, 0, 0, 0, 512000, 8, {50, 50, 0, 0}},
	{KIND(ADMIN), 7, 0, 5, 5, 0, 0, 10240, 0, 0, {0, 0, 5, 0}},
	{KIND(DELETED), 7, 0, 100, 100, 0, 0, 0, 0, 2, {50, 50, 0, 0}},
	{KIND(SESSION), 5, 0, 5, 5, 0, 0, 4096, 0, 0, {0, 0, 5, 0}},
	{KIND(QUEUE), 5, 1, 0, 0, 0, 0, 0, 0, 0, {0, 0, 0, 0}},
	{KIND(ADMIN), 5, 0, 5, 5, 0, 0, 4096, 0, 0, {0, 0, 5, 0}},
	{KIND(DELETED), 5, 0, 0, 0, 0, 0, 0, 0, 0, {0, 0, 0, 0}},
};

#define CANNED_ROWS  (sizeof(canned_rows) / sizeof(canned_rows[0]))
#define CANNED_FIRST 7 /* rows of the first answer */

static const uint64_t canned_bounds[4] = {10000, 20000, 100000, 1000000};

static _Thread_local struct {
	Vfnd__Tally row;
	Vfnd__Latency latency;
	Vfnd__StatusCount status[2], *statuses[2];
	uint64_t bound[4], count[4];
} rows[CANNED_ROWS];

static void canned_errors(size_t i)
{
	vfnd__status_count__init(&rows[i].status[0]);
	vfnd__status_count__init(&rows[i].status[1]);
	rows[i].status[0].status = 0x80;
	rows[i].status[0].count = 2;
	rows[i].status[1].status = 0x281;
	rows[i].status[1].count = 1;
	rows[i].statuses[0] = &rows[i].status[0];
	rows[i].statuses[1] = &rows[i].status[1];
	rows[i].row.errors = rows[i].statuses;
	rows[i].row.n_errors = 2;
}

static void canned_latency(size_t i)
{
	Vfnd__Latency *l = &rows[i].latency;

	vfnd__latency__init(l);
	l->bound_ns = rows[i].bound;
	l->count = rows[i].count;
	for (unsigned int k = 0; k < 4; k++) {
		if (!canned_rows[i].count[k])
			continue;
		rows[i].bound[l->n_count] = canned_bounds[k];
		rows[i].count[l->n_count++] = canned_rows[i].count[k];
		l->sum_ns += canned_bounds[k] * canned_rows[i].count[k];
		l->max_ns = canned_bounds[k];
	}
	/* the longest is somewhere in its bucket */
	if (l->max_ns == canned_bounds[3])
		l->max_ns -= 5000;
	l->n_bound_ns = l->n_count;
	rows[i].row.latency = l;
}

static Vfnd__Tally *canned_row(size_t i, bool latency)
{
	const struct numbers *n = &canned_rows[i];
	Vfnd__Tally *row = &rows[i].row;

	vfnd__tally__init(row);
	row->kind = n->kind;
	row->session = n->session;
	row->queue = n->queue;
	if (n->kind == KIND(DEVICE)) {
		row->sessions = 2;
		row->queues = 3;
		row->events = 4;
		row->resets = 1;
		row->buffer_bytes = 8192;
	} else if (n->kind == KIND(SESSION)) {
		row->pid = n->session == 7 ? 1234 : 999;
		row->uid = 1000;
		row->program = (char *)(n->session == 7 ? "load \"a\\b\"" : "copy");
		row->queues = n->session == 7 ? 2 : 1;
		row->requests = 42;
		row->requests_refused = 1;
	} else if (n->kind == KIND(QUEUE)) {
		row->mode = n->session == 7 ? VFND__QUEUE_MODE__QUEUE_MODE_SERVED
					    : VFND__QUEUE_MODE__QUEUE_MODE_DIRECT;
		row->qid = 64 + (uint32_t)n->queue;
		row->pair = (uint32_t)n->queue;
		row->entries = 128;
		row->priority = n->session == 7 ? (uint32_t)n->queue - 1 : 0;
		row->by_controller = n->queue == 3;
	}
	row->submitted = n->submitted;
	row->completed = n->completed;
	row->outstanding = n->submitted - n->completed;
	row->failed = n->failed;
	row->refused = n->refused;
	row->refused_prp = n->refused;
	row->bytes_read = n->bytes_read;
	row->bytes_written = n->bytes_written;
	row->interrupts = n->interrupts;
	if (n->failed)
		canned_errors(i);
	if (latency)
		canned_latency(i);
	return row;
}

static bool canned_wanted(const Vfnd__TallyRequest *req, const struct numbers *n)
{
	if ((req->session && n->session != req->session) || (req->queue && n->queue != req->queue))
		return false;
	switch (n->kind) {
	case KIND(DEVICE):
		return true;
	case KIND(ENDED):
		return req->sessions || req->queues;
	case KIND(SESSION):
		return req->sessions;
	default:
		return req->queues;
	}
}

void canned_tally(const Vfnd__TallyRequest *req, Vfnd__TallyAnswer *answer)
{
	static _Thread_local Vfnd__Tally *list[CANNED_ROWS];
	bool more = req->next_opening != 0;

	vfnd__tally_answer__init(answer);
	answer->rows = list;
	for (size_t i = more ? CANNED_FIRST : 0; i < (more ? CANNED_ROWS : CANNED_FIRST); i++)
		if (canned_wanted(req, &canned_rows[i]))
			list[answer->n_rows++] = canned_row(i, req->latency);
	if (!more && (req->sessions || req->queues)) {
		answer->next_opening = 5;
		answer->next_row = UINT64_MAX;
	}
}
