/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What sessions and queues have counted, for everybody: numbers, and nothing of what commands were about. Rows go into
 * answers of a packet each; where one ends the next one goes on, by the numbers of openings and queues, which only
 * grow: later ones come first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/device/class.h"
#include "daemon/device/queue.h"
#include "daemon/rpc/rpc.h"

#define PAGE_ROWS  256
#define PAGE_BYTES (56u * 1024)

/* Places of an opening's rows among them, from the first one down; queues have theirs in between. */
#define ROW_ALL	    UINT64_MAX
#define ROW_SESSION (UINT64_MAX - 1)
#define ROW_QUEUE   2 /* and the queue's number */
#define ROW_ADMIN   1
#define ROW_DELETED 0

struct tally_row {
	Vfnd__Tally row;
	Vfnd__Latency latency;
	Vfnd__StatusCount status[TALLY_STATUSES + 1], *statuses[TALLY_STATUSES + 1];
	uint64_t bound[HISTOGRAM_BUCKETS], count[HISTOGRAM_BUCKETS];
};

struct tally_page {
	const Vfnd__TallyRequest *req;
	Vfnd__TallyAnswer answer;
	Vfnd__Tally *list[PAGE_ROWS];
	struct tally_row rows[PAGE_ROWS];
	size_t bytes;
	bool full;
	uint64_t opening, last; /* whose rows are being added, and the last one that was */
};

static void tally_fill_status(struct tally_row *r, const struct tally *t)
{
	uint64_t other = counter_get(&t->other);
	size_t n = 0;

	for (unsigned int i = 0; i < TALLY_STATUSES && t->status[i].used; i++, n++) {
		vfnd__status_count__init(&r->status[n]);
		r->status[n].status = t->status[i].used & ~TALLY_USED;
		r->status[n].count = t->status[i].count;
	}
	if (other) {
		vfnd__status_count__init(&r->status[n]);
		r->status[n++].count = other;
	}
	for (size_t i = 0; i < n; i++)
		r->statuses[i] = &r->status[i];
	r->row.errors = r->statuses;
	r->row.n_errors = n;
}

static void tally_fill_latency(struct tally_row *r, const struct histogram *h)
{
	size_t n = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!h->buckets[i])
			continue;
		r->bound[n] = histogram_ns(histogram_bound(h, i));
		r->count[n++] = h->buckets[i];
	}
	vfnd__latency__init(&r->latency);
	r->latency.sum_ns = histogram_ns(h->sum);
	r->latency.max_ns = histogram_ns(h->max);
	r->latency.bound_ns = r->bound;
	r->latency.count = r->count;
	r->latency.n_bound_ns = r->latency.n_count = n;
	r->row.latency = &r->latency;
}

/* `t` is a copy, which nobody counts in. */
static void tally_fill(struct tally_row *r, const struct tally *t, bool latency)
{
	Vfnd__Tally *to = &r->row;

	to->submitted = t->submitted;
	to->completed = t->completed;
	to->failed = t->failed;
	to->lost = t->lost;
	/* Refused ones of a burst are over before the burst is counted. */
	if (t->submitted > t->completed + t->lost)
		to->outstanding = t->submitted - t->completed - t->lost;
	to->refused = t->refused;
	to->bytes_read = t->bytes_read;
	to->bytes_written = t->bytes_written;
	to->interrupts = t->interrupts;
	to->kicks = t->kicks;
	to->wakes = t->wakes;
	to->refused_opcode = t->refused_by[TALLY_REFUSED_OPCODE];
	to->refused_field = t->refused_by[TALLY_REFUSED_FIELD];
	to->refused_memory = t->refused_by[TALLY_REFUSED_MEMORY];
	to->refused_fused = t->refused_by[TALLY_REFUSED_FUSED];
	to->refused_namespace = t->refused_by[TALLY_REFUSED_NAMESPACE];
	to->refused_sgl = t->refused_by[TALLY_REFUSED_SGL];
	to->refused_prp = t->refused_by[TALLY_REFUSED_PRP];
	tally_fill_status(r, t);
	if (latency)
		tally_fill_latency(r, &t->latency);
}

static struct tally *tally_begin(void)
{
	static struct tally tally;

	memset(&tally, 0, sizeof(tally));
	tally_init(&tally);
	return &tally;
}

/* The page's next row, to be filled and given to tally_add(). There is one more than is ever added. */
static struct tally_row *tally_next(struct tally_page *p, Vfnd__TallyKind kind)
{
	struct tally_row *r = &p->rows[p->answer.n_rows];

	vfnd__tally__init(&r->row);
	r->row.kind = kind;
	return r;
}

/* Add a row, filled but for what `t` has; the place is for going on behind it. */
static void tally_add(struct tally_page *p, struct tally_row *r, const struct tally *t, uint64_t place)
{
	size_t bytes;

	tally_fill(r, t, p->req->latency);
	bytes = vfnd__tally__get_packed_size(&r->row) + 8; /* key and length */
	/* The first one fits in any case. */
	if (p->answer.n_rows == PAGE_ROWS - 1 || (p->answer.n_rows && p->bytes + bytes > PAGE_BYTES)) {
		p->full = true;
		p->answer.next_opening = p->opening;
		p->answer.next_row = p->last;
		return;
	}
	p->bytes += bytes;
	p->list[p->answer.n_rows++] = &r->row;
	p->last = place;
}

static void tally_device(struct tally_page *p, struct device *dev)
{
	struct tally_row *r = tally_next(p, VFND__TALLY_KIND__TALLY_KIND_DEVICE);
	struct tally *t = tally_begin();

	device_tally(dev, t, p->req->latency);
	r->row.sessions = device_sessions(dev);
	r->row.queues = (uint32_t)dev->stats.queue_pairs;
	r->row.events = dev->stats.events;
	r->row.resets = dev->stats.resets;
	r->row.buffer_bytes = dev->stats.buffer_bytes;
	/* Its own, in place of the sum over queues. */
	t->interrupts = dev->stats.interrupts;
	tally_add(p, r, t, ROW_ALL);
	if (!p->req->sessions && !p->req->queues)
		return;
	r = tally_next(p, VFND__TALLY_KIND__TALLY_KIND_ENDED);
	t = tally_begin();
	tally_merge(t, &dev->ended, p->req->latency);
	tally_add(p, r, t, ROW_ALL);
}

static void tally_session(struct tally_page *p, struct opening *o)
{
	struct tally_row *r = tally_next(p, VFND__TALLY_KIND__TALLY_KIND_SESSION);
	struct tally *t = tally_begin();
	struct queue *q;

	r->row.session = o->session_number;
	if (o->session) {
		r->row.pid = (uint32_t)session_cred(o->session)->pid;
		r->row.uid = session_cred(o->session)->uid;
		r->row.program = (char *)session_program(o->session);
		r->row.requests = session_stats(o->session)->requests;
		r->row.requests_refused = session_stats(o->session)->refused;
	}
	for (q = LIST_FIRST(&o->queues); q; q = queue_next(q))
		r->row.queues++;
	opening_tally(o, t, p->req->latency);
	tally_add(p, r, t, ROW_SESSION);
}

static void tally_queue(struct tally_page *p, const struct opening *o, struct queue *q)
{
	struct tally_row *r = tally_next(p, VFND__TALLY_KIND__TALLY_KIND_QUEUE);
	struct tally *t = tally_begin();
	bool by_controller;

	r->row.session = o->session_number;
	r->row.queue = queue_number(q);
	r->row.qid = queue_qid(q);
	r->row.pair = queue_pair(q);
	r->row.mode = (uint32_t)queue_mode(q);
	r->row.entries = queue_entries(q);
	r->row.priority = (uint32_t)queue_priority(q, &by_controller);
	r->row.by_controller = by_controller;
	if (queue_tally(q))
		tally_merge(t, queue_tally(q), p->req->latency);
	t->interrupts = queue_interrupts(q);
	tally_add(p, r, t, ROW_QUEUE + queue_number(q));
}

static void tally_rest(struct tally_page *p, const struct opening *o, Vfnd__TallyKind kind, const struct tally *from,
		       uint64_t place)
{
	struct tally_row *r = tally_next(p, kind);
	struct tally *t = tally_begin();

	r->row.session = o->session_number;
	if (from)
		tally_merge(t, from, p->req->latency);
	tally_add(p, r, t, place);
}

/* Rows of the opening that come after the place. */
static void tally_opening(struct tally_page *p, struct opening *o, uint64_t after)
{
	const Vfnd__TallyRequest *req = p->req;
	struct queue *q;

	p->opening = o->number;
	p->last = after;
	if (req->sessions && !req->queue && after > ROW_SESSION)
		tally_session(p, o);
	if (!req->queues)
		return;
	for (q = LIST_FIRST(&o->queues); q && !p->full; q = queue_next(q))
		if (after > ROW_QUEUE + queue_number(q) && (!req->queue || req->queue == queue_number(q)))
			tally_queue(p, o, q);
	if (req->queue)
		return;
	if (after > ROW_ADMIN && !p->full)
		tally_rest(p, o, VFND__TALLY_KIND__TALLY_KIND_ADMIN, o->admin, ROW_ADMIN);
	if (after > ROW_DELETED && !p->full)
		tally_rest(p, o, VFND__TALLY_KIND__TALLY_KIND_DELETED, o->gone, ROW_DELETED);
}

static void tally_openings(struct tally_page *p, struct device *dev)
{
	const Vfnd__TallyRequest *req = p->req;
	struct opening *o;

	LIST_FOREACH (o, &dev->openings, in_device) {
		if (p->full)
			break;
		if ((req->next_opening && o->number > req->next_opening) ||
		    (req->session && o->session_number != req->session))
			continue;
		tally_opening(p, o, o->number == req->next_opening ? req->next_row : ROW_ALL);
	}
}

void rpc_tally(struct rpc_call *call)
{
	const Vfnd__TallyRequest *req = call->request->tally;
	struct device *dev = device_find(rpc_host.devices, req->address);
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct tally_page *p;

	if (!dev) {
		rpc_fail(call, *req->address ? -ENODEV : -EINVAL, "tally.address", "%s",
			 *req->address ? "the daemon has no such device; list tells what it has"
				       : device_which(rpc_host.devices));
		return;
	}
	if (req->queue && !req->session) {
		rpc_fail(call, -EINVAL, "tally.session", "queues have numbers of their session: name it");
		return;
	}
	p = calloc(1, sizeof(*p)); /* what is not used of it is never touched */
	if (!p) {
		rpc_fail(call, -ENOMEM, NULL, "the daemon is out of memory");
		return;
	}
	p->req = req;
	vfnd__tally_answer__init(&p->answer);
	p->answer.rows = p->list;
	/* While it is being claimed it is the worker's. */
	if (dev->class->counted && (dev->state == DEVICE_READY || dev->state == DEVICE_RESETTING))
		dev->class->counted(dev);
	if (!req->next_opening && !req->session)
		tally_device(p, dev);
	if (req->sessions || req->queues)
		tally_openings(p, dev);
	answer.body_case = VFND__ANSWER__BODY_TALLY;
	answer.tally = &p->answer;
	rpc_answer(call, &answer, NULL);
	free(p);
}
