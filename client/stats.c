/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters of the daemon and a device; and what sessions and queues have counted: several answers, made one array. */
#include "client/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int vfnc_statistics(struct vfnc *conn, const struct vfnc_device *dev, struct vfnc_statistics *st)
{
	Vfnd__StatisticsRequest op = VFND__STATISTICS_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	const Vfnd__StatisticsAnswer *a;
	struct cl_call *call;
	int ret;

	op.device = dev ? dev->handle : 0;
	req.op_case = VFND__REQUEST__OP_STATISTICS;
	req.statistics = &op;
	ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_STATISTICS, &call);
	if (ret < 0)
		return ret;
	a = call->answer->statistics;
	*st = (struct vfnc_statistics){
		.sessions = a->sessions,
		.sessions_total = a->sessions_total,
		.requests = a->requests,
		.refused = a->refused,
		.leases = a->leases,
		.fds = a->fds,
		.uptime_ns = a->uptime_ns,
		.submitted = a->submitted,
		.completed = a->completed,
		.failed = a->failed,
		.timed_out = a->timed_out,
		.aborts = a->aborts,
		.outstanding = a->outstanding,
		.bytes_read = a->bytes_read,
		.bytes_written = a->bytes_written,
		.interrupts = a->interrupts,
		.events = a->events,
		.resets = a->resets,
		.queue_pairs = a->queue_pairs,
		.buffers = a->buffers,
		.buffer_bytes = a->buffer_bytes,
		.mappings = a->mappings,
		.quarantined_bytes = a->quarantined_bytes,
		.session_submitted = a->session_submitted,
		.session_completed = a->session_completed,
		.session_outstanding = a->session_outstanding,
		.served_queues = a->served_queues,
		.served_completed = a->served_completed,
		.served_failed = a->served_failed,
		.served_refused = a->served_refused,
		.served_bytes_read = a->served_bytes_read,
		.served_bytes_written = a->served_bytes_written,
		.served_outstanding = a->served_outstanding,
		.served_kicks = a->served_kicks,
		.served_wakes = a->served_wakes,
		.served_rounds = a->served_rounds,
		.served_sleeps = a->served_sleeps,
		.refused_opcode = a->refused_opcode,
		.refused_field = a->refused_field,
		.refused_memory = a->refused_memory,
		.refused_fused = a->refused_fused,
		.refused_namespace = a->refused_namespace,
		.refused_sgl = a->refused_sgl,
		.refused_prp = a->refused_prp,
	};
	cl_rpc_free(conn, call);
	return 0;
}

/* ---- of sessions and queues ---------------------------------------------------------------------- */

/* The answers, and what is in all of them. */
struct tally_pages {
	struct cl_call **calls;
	size_t n, room;
	size_t rows, buckets, errors, strings;
};

/* Where the block's parts go on. */
struct tally_parts {
	struct vfnc_latency_bucket *buckets;
	struct vfnc_status_count *errors;
	char *strings;
};

static int tally_check(struct vfnc *conn, const Vfnd__Tally *row)
{
	const Vfnd__Latency *l = row->latency;

	if (!l)
		return 0;
	if (l->n_bound_ns != l->n_count)
		return cl_rpc_kill(conn, -EPROTO, "the daemon told %zu bounds and %zu counts of latencies",
				   l->n_bound_ns, l->n_count);
	for (size_t i = 1; i < l->n_bound_ns; i++)
		if (l->bound_ns[i] <= l->bound_ns[i - 1])
			return cl_rpc_kill(conn, -EPROTO, "the daemon told bounds of latencies out of order");
	return 0;
}

/* Takes the call over. */
static int tally_page_add(struct vfnc *conn, struct tally_pages *p, struct cl_call *call)
{
	const Vfnd__TallyAnswer *a = call->answer->tally;

	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 4;
		struct cl_call **calls = reallocarray(p->calls, room, sizeof(struct cl_call *));

		if (!calls) {
			cl_rpc_free(conn, call);
			return cl_fail(conn, -ENOMEM, "no memory");
		}
		p->calls = calls;
		p->room = room;
	}
	p->calls[p->n++] = call;
	p->rows += a->n_rows;
	for (size_t i = 0; i < a->n_rows; i++) {
		const Vfnd__Tally *row = a->rows[i];
		int ret = tally_check(conn, row);

		if (ret < 0)
			return ret;
		p->buckets += row->latency ? row->latency->n_count : 0;
		p->errors += row->n_errors;
		p->strings += strlen(row->program) + 1;
	}
	return 0;
}

static int tally_ask(struct vfnc *conn, Vfnd__TallyRequest *op, struct tally_pages *p)
{
	const Vfnd__TallyAnswer *a;
	int ret;

	do {
		Vfnd__Request req = VFND__REQUEST__INIT;
		struct cl_call *call;

		req.op_case = VFND__REQUEST__OP_TALLY;
		req.tally = op;
		ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_TALLY, &call);
		if (ret < 0)
			return ret;
		a = call->answer->tally;
		/* It goes down, or would have no end. */
		if (op->next_opening && a->next_opening &&
		    (a->next_opening > op->next_opening ||
		     (a->next_opening == op->next_opening && a->next_row >= op->next_row))) {
			cl_rpc_free(conn, call);
			return cl_rpc_kill(conn, -EPROTO, "the daemon's answers to tally do not come to an end");
		}
		op->next_opening = a->next_opening;
		op->next_row = a->next_row;
		ret = tally_page_add(conn, p, call);
	} while (ret == 0 && op->next_opening);
	return ret;
}

static void tally_fill_latency(struct vfnc_latency *to, const Vfnd__Latency *l, struct tally_parts *parts)
{
	to->sum_ns = l->sum_ns;
	to->max_ns = l->max_ns;
	to->n_buckets = (uint32_t)l->n_count;
	to->buckets = parts->buckets;
	for (size_t i = 0; i < l->n_count; i++) {
		to->count += l->count[i];
		*parts->buckets++ = (struct vfnc_latency_bucket){l->bound_ns[i], l->count[i]};
	}
}

static void tally_fill(struct vfnc_tally *to, const Vfnd__Tally *row, struct tally_parts *parts)
{
	*to = (struct vfnc_tally){
		.kind = (enum vfnc_tally_kind)row->kind,
		.pid = row->pid,
		.uid = row->uid,
		.qid = row->qid,
		.session = row->session,
		.queue = row->queue,
		.mode = (enum vfnc_queue_mode)row->mode,
		.pair = row->pair,
		.entries = row->entries,
		.sessions = row->sessions,
		.queues = row->queues,
		.n_errors = (uint32_t)row->n_errors,
		.submitted = row->submitted,
		.completed = row->completed,
		.failed = row->failed,
		.lost = row->lost,
		.outstanding = row->outstanding,
		.refused = row->refused,
		.bytes_read = row->bytes_read,
		.bytes_written = row->bytes_written,
		.interrupts = row->interrupts,
		.kicks = row->kicks,
		.wakes = row->wakes,
		.refused_opcode = row->refused_opcode,
		.refused_field = row->refused_field,
		.refused_memory = row->refused_memory,
		.refused_fused = row->refused_fused,
		.refused_namespace = row->refused_namespace,
		.refused_sgl = row->refused_sgl,
		.refused_prp = row->refused_prp,
		.requests = row->requests,
		.requests_refused = row->requests_refused,
		.events = row->events,
		.resets = row->resets,
		.buffer_bytes = row->buffer_bytes,
		.priority = row->priority <= VFNC_PRIORITY_LOW ? (uint8_t)row->priority : VFNC_PRIORITY_NONE,
		.by_controller = row->by_controller,
	};
	to->program = strcpy(parts->strings, row->program);
	parts->strings += strlen(row->program) + 1;
	to->errors = parts->errors;
	for (size_t i = 0; i < row->n_errors; i++)
		*parts->errors++ = (struct vfnc_status_count){
			.status = (uint16_t)row->errors[i]->status,
			.count = row->errors[i]->count,
		};
	if (row->latency)
		tally_fill_latency(&to->latency, row->latency, parts);
}

static int tally_make(struct vfnc *conn, const struct tally_pages *p, struct vfnc_tally **out)
{
	struct tally_parts parts;
	struct vfnc_tally *to;

	to = malloc(p->rows * sizeof(*to) + p->buckets * sizeof(*parts.buckets) +
		    p->errors * sizeof(*parts.errors) + p->strings + 1);
	if (!to)
		return cl_fail(conn, -ENOMEM, "no memory");
	*out = to;
	parts.buckets = (struct vfnc_latency_bucket *)(to + p->rows);
	parts.errors = (struct vfnc_status_count *)(parts.buckets + p->buckets);
	parts.strings = (char *)(parts.errors + p->errors);
	for (size_t i = 0; i < p->n; i++) {
		const Vfnd__TallyAnswer *a = p->calls[i]->answer->tally;

		for (size_t k = 0; k < a->n_rows; k++)
			tally_fill(to++, a->rows[k], &parts);
	}
	return (int)p->rows;
}

int vfnc_tallies(struct vfnc *conn, const char *address, const struct vfnc_tally_opts *opts,
		 struct vfnc_tally **tallies)
{
	Vfnd__TallyRequest op = VFND__TALLY_REQUEST__INIT;
	struct tally_pages pages = {0};
	int ret;

	*tallies = NULL;
	if (address)
		op.address = (char *)address;
	if (opts) {
		op.sessions = opts->sessions;
		op.queues = opts->queues;
		op.latency = opts->latency;
		op.session = opts->session;
		op.queue = opts->queue;
	}
	ret = tally_ask(conn, &op, &pages);
	if (ret == 0)
		ret = tally_make(conn, &pages, tallies);
	for (size_t i = 0; i < pages.n; i++)
		cl_rpc_free(conn, pages.calls[i]);
	free(pages.calls);
	return ret;
}

uint64_t vfnc_latency_percentile(const struct vfnc_latency *l, double percent)
{
	double want = (double)l->count * percent / 100;
	uint64_t seen = 0;

	for (uint32_t i = 0; i < l->n_buckets; i++) {
		seen += l->buckets[i].count;
		if (seen && (double)seen >= want)
			return l->buckets[i].bound_ns < l->max_ns ? l->buckets[i].bound_ns : l->max_ns;
	}
	return l->max_ns;
}
