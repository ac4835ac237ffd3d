/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/tally.h"

#include <inttypes.h>
#include <libnvme.h>
#include <string.h>

#define COUNTER(name, metric, help) COUNTER_OF(struct vfnc_tally, name, metric "_total", help, false, false)
#define GAUGE(name, metric, help)   COUNTER_OF(struct vfnc_tally, name, metric, help, true, false)

const struct counter tally_counters[] = {
	COUNTER(submitted, "commands_submitted", "Commands submitted."),
	COUNTER(completed, "commands_completed", "Commands completed."),
	COUNTER(failed, "commands_failed", "Commands completed with another status than success."),
	COUNTER(lost, "commands_lost", "Requests that ended without a completion."),
	GAUGE(outstanding, "commands_outstanding", "Commands under way."),
	COUNTER(refused, "commands_refused", "Commands refused by a check."),
	COUNTER(bytes_read, "read_bytes", "Bytes that commands have read."),
	COUNTER(bytes_written, "written_bytes", "Bytes that commands have written."),
	COUNTER(interrupts, "interrupts", "Interrupts of the queues' vectors."),
	COUNTER(kicks, "kicks", "Kicks of clients."),
	COUNTER(wakes, "wakes", "Clients woken."),
	COUNTER(refused_opcode, "refused_opcode", "Refused for the opcode."),
	COUNTER(refused_field, "refused_field", "Refused for another field."),
	COUNTER(refused_memory, "refused_memory", "Refused for memory of others."),
	COUNTER(refused_fused, "refused_fused", "Refused as a part of a fused pair."),
	COUNTER(refused_namespace, "refused_namespace", "Refused for the namespace."),
	COUNTER(refused_sgl, "refused_sgl", "Refused for an SGL."),
	COUNTER(refused_prp, "refused_prp", "Refused for a PRP."),
	COUNTERS_END,
};

const double tally_percents[TALLY_PERCENTS] = {50, 90, 99, 99.9};

bool tally_is_queue(const struct vfnc_tally *row)
{
	return row->kind == VFNC_TALLY_QUEUE || row->kind == VFNC_TALLY_ADMIN || row->kind == VFNC_TALLY_DELETED;
}

const char *tally_mode(const struct vfnc_tally *row)
{
	static const char *const modes[] = {"request", "served", "direct", "raw"};

	if (row->kind == VFNC_TALLY_ADMIN)
		return "admin";
	if (row->kind == VFNC_TALLY_DELETED)
		return "deleted";
	return (unsigned int)row->mode < sizeof(modes) / sizeof(modes[0]) ? modes[row->mode] : "unknown";
}

const char *tally_priority(const struct vfnc_tally *row)
{
	static const char *const names[] = {"-", "urgent", "high", "medium", "low"};

	return row->priority < sizeof(names) / sizeof(names[0]) ? names[row->priority] : "unknown";
}

const char *tally_time(uint64_t ns, char text[TALLY_TIME_SIZE])
{
	static const char *const units[] = {"us", "ms", "s"};
	double value = (double)ns / 1000;
	int unit = 0;

	if (ns < 1000) {
		snprintf(text, TALLY_TIME_SIZE, "%" PRIu64 "ns", ns);
		return text;
	}
	while (unit < 2 && value >= 999.5) {
		value /= 1000;
		unit++;
	}
	snprintf(text, TALLY_TIME_SIZE, "%.*f%s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0,
		 value < 99999999 ? value : 99999999, units[unit]);
	return text;
}

#define DECADE(unit) (unit), 5 * (unit) / 2, 5 * (unit)

const uint64_t tally_bounds[TALLY_BOUNDS] = {
	DECADE(UINT64_C(1000)),
	DECADE(UINT64_C(10000)),
	DECADE(UINT64_C(100000)),
	DECADE(UINT64_C(1000000)),
	DECADE(UINT64_C(10000000)),
	DECADE(UINT64_C(100000000)),
	DECADE(UINT64_C(1000000000)),
	UINT64_C(10000000000),
};

void tally_cumulate(const struct vfnc_latency *l, uint64_t counts[TALLY_BOUNDS])
{
	uint64_t seen = 0;
	uint32_t at = 0;

	for (int i = 0; i < TALLY_BOUNDS; i++) {
		while (at < l->n_buckets && l->buckets[at].bound_ns <= tally_bounds[i])
			seen += l->buckets[at++].count;
		counts[i] = seen;
	}
}

/* ---- text ---------------------------------------------------------------------------------------- */

static uint64_t mean(const struct vfnc_latency *l)
{
	return l->count ? l->sum_ns / l->count : 0;
}

static const char *status_name(uint16_t status)
{
	return status ? nvme_status_to_string(status, false) : "others";
}

void tally_print_errors(FILE *out, const struct vfnc_tally *row)
{
	for (uint32_t i = 0; i < row->n_errors; i++)
		fprintf(out, "status_%#05x      : %" PRIu64 " (%s)\n", row->errors[i].status, row->errors[i].count,
			status_name(row->errors[i].status));
}

static void print_bar(FILE *out, const char *sign, uint64_t bound, uint64_t n, uint64_t all)
{
	char text[TALLY_TIME_SIZE];

	if (!n)
		return;
	fprintf(out, "  %-2s %-13s: %-12" PRIu64, sign, tally_time(bound, text), n);
	for (uint64_t i = 0; i < (n * 50 + all - 1) / all; i++)
		fputc('#', out);
	fputc('\n', out);
}

void tally_print_latency(FILE *out, const struct vfnc_latency *l)
{
	uint64_t counts[TALLY_BOUNDS], last = 0;
	char text[TALLY_TIME_SIZE];

	fprintf(out, "latency_count     : %" PRIu64 "\n", l->count);
	if (!l->count)
		return;
	fprintf(out, "latency_mean      : %s\n", tally_time(mean(l), text));
	for (size_t i = 0; i < TALLY_PERCENTS; i++)
		fprintf(out, "latency_p%-9g: %s\n", tally_percents[i],
			tally_time(vfnc_latency_percentile(l, tally_percents[i]), text));
	fprintf(out, "latency_max       : %s\n", tally_time(l->max_ns, text));
	tally_cumulate(l, counts);
	for (int i = 0; i < TALLY_BOUNDS; i++) {
		print_bar(out, "<=", tally_bounds[i], counts[i] - last, l->count);
		last = counts[i];
	}
	print_bar(out, ">", tally_bounds[TALLY_BOUNDS - 1], l->count - last, l->count);
}

static void print_heads(FILE *out, bool latency)
{
	fprintf(out, " %6s %10s %8s %8s %14s %14s %10s", "OUTST", "COMMANDS", "FAILED", "REFUSED", "READ", "WRITTEN",
		"IRQS");
	if (latency)
		fprintf(out, " %8s %8s %8s %8s %8s", "P50", "P90", "P99", "P99.9", "MAX");
	fputc('\n', out);
}

static void print_numbers(FILE *out, const struct vfnc_tally *row, bool latency)
{
	char text[TALLY_TIME_SIZE];

	fprintf(out, " %6" PRIu64 " %10" PRIu64 " %8" PRIu64 " %8" PRIu64 " %14" PRIu64 " %14" PRIu64 " %10" PRIu64,
		row->outstanding, row->completed, row->failed, row->refused, row->bytes_read, row->bytes_written,
		row->interrupts);
	for (size_t i = 0; latency && i < TALLY_PERCENTS; i++)
		fprintf(out, " %8s",
			row->latency.count ? tally_time(vfnc_latency_percentile(&row->latency, tally_percents[i]), text)
					   : "-");
	if (latency)
		fprintf(out, " %8s", row->latency.count ? tally_time(row->latency.max_ns, text) : "-");
	fputc('\n', out);
}

void tally_print_sessions(FILE *out, const struct vfnc_tally *rows, int n, bool latency)
{
	fprintf(out, "%-8s %7s %7s %-16s %6s", "SESSION", "PID", "UID", "PROGRAM", "QUEUES");
	print_heads(out, latency);
	for (int i = 0; i < n; i++) {
		if (rows[i].kind == VFNC_TALLY_SESSION)
			fprintf(out, "%-8" PRIu64 " %7u %7u %-16.16s %6u", rows[i].session, rows[i].pid, rows[i].uid,
				rows[i].program, rows[i].queues);
		else if (rows[i].kind == VFNC_TALLY_ENDED)
			fprintf(out, "%-8s %7s %7s %-16s %6s", "ended", "", "", "", "");
		else
			continue;
		print_numbers(out, &rows[i], latency);
	}
}

void tally_print_queues(FILE *out, const struct vfnc_tally *rows, int n, bool latency)
{
	fprintf(out, "%-8s %6s %-8s %6s %6s %7s %-8s", "SESSION", "QUEUE", "MODE", "QID", "PAIR", "ENTRIES",
		"PRIORITY");
	print_heads(out, latency);
	for (int i = 0; i < n; i++) {
		const struct vfnc_tally *row = &rows[i];

		if (row->kind == VFNC_TALLY_QUEUE)
			fprintf(out, "%-8" PRIu64 " %6" PRIu64 " %-8s %6u %6u %7u %-8s", row->session, row->queue,
				tally_mode(row), row->qid, row->pair, row->entries, tally_priority(row));
		else if (tally_is_queue(row))
			fprintf(out, "%-8" PRIu64 " %6s %-8s %6s %6s %7s %-8s", row->session, "-", tally_mode(row), "-",
				"-", "-", "-");
		else if (row->kind == VFNC_TALLY_ENDED)
			fprintf(out, "%-8s %6s %-8s %6s %6s %7s %-8s", "ended", "", "", "", "", "", "");
		else
			continue;
		print_numbers(out, row, latency);
	}
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void add_number(struct json_object *to, const char *name, uint64_t value)
{
	json_object_object_add(to, name, json_object_new_uint64(value));
}

void tally_json_errors(struct json_object *to, const struct vfnc_tally *row)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < row->n_errors; i++) {
		struct json_object *o = json_object_new_object();

		add_number(o, "status", row->errors[i].status);
		json_object_object_add(o, "text", json_object_new_string(status_name(row->errors[i].status)));
		add_number(o, "count", row->errors[i].count);
		json_object_array_add(array, o);
	}
	json_object_object_add(to, "errors", array);
}

void tally_json_latency(struct json_object *to, const struct vfnc_latency *l)
{
	static const char *const names[TALLY_PERCENTS] = {"p50_ns", "p90_ns", "p99_ns", "p99_9_ns"};
	struct json_object *o = json_object_new_object(), *array = json_object_new_array();

	add_number(o, "count", l->count);
	add_number(o, "sum_ns", l->sum_ns);
	add_number(o, "mean_ns", mean(l));
	for (size_t i = 0; i < TALLY_PERCENTS; i++)
		add_number(o, names[i], vfnc_latency_percentile(l, tally_percents[i]));
	add_number(o, "max_ns", l->max_ns);
	for (uint32_t i = 0; i < l->n_buckets; i++) {
		struct json_object *b = json_object_new_object();

		add_number(b, "bound_ns", l->buckets[i].bound_ns);
		add_number(b, "count", l->buckets[i].count);
		json_object_array_add(array, b);
	}
	json_object_object_add(o, "buckets", array);
	json_object_object_add(to, "latency", o);
}

static void json_numbers(struct json_object *to, const struct vfnc_tally *row, bool latency)
{
	counters_json(to, row, tally_counters);
	tally_json_errors(to, row);
	if (latency)
		tally_json_latency(to, &row->latency);
}

static void json_ended(struct json_object *to, const struct vfnc_tally *row, bool latency)
{
	struct json_object *o = json_object_new_object();

	json_numbers(o, row, latency);
	json_object_object_add(to, "ended", o);
}

void tally_json_sessions(struct json_object *to, const struct vfnc_tally *rows, int n, bool latency)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < n; i++) {
		struct json_object *o;

		if (rows[i].kind == VFNC_TALLY_ENDED)
			json_ended(to, &rows[i], latency);
		if (rows[i].kind != VFNC_TALLY_SESSION)
			continue;
		o = json_object_new_object();
		add_number(o, "session", rows[i].session);
		add_number(o, "pid", rows[i].pid);
		add_number(o, "uid", rows[i].uid);
		json_object_object_add(o, "program", json_object_new_string(rows[i].program));
		add_number(o, "queues", rows[i].queues);
		add_number(o, "requests", rows[i].requests);
		add_number(o, "requests_refused", rows[i].requests_refused);
		json_numbers(o, &rows[i], latency);
		json_object_array_add(array, o);
	}
	json_object_object_add(to, "sessions", array);
}

void tally_json_queues(struct json_object *to, const struct vfnc_tally *rows, int n, bool latency)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < n; i++) {
		struct json_object *o;

		if (rows[i].kind == VFNC_TALLY_ENDED)
			json_ended(to, &rows[i], latency);
		if (!tally_is_queue(&rows[i]))
			continue;
		o = json_object_new_object();
		add_number(o, "session", rows[i].session);
		json_object_object_add(o, "mode", json_object_new_string(tally_mode(&rows[i])));
		if (rows[i].kind == VFNC_TALLY_QUEUE) {
			add_number(o, "queue", rows[i].queue);
			add_number(o, "qid", rows[i].qid);
			add_number(o, "pair", rows[i].pair);
			add_number(o, "entries", rows[i].entries);
			json_object_object_add(o, "priority", json_object_new_string(tally_priority(&rows[i])));
			json_object_object_add(o, "by_controller", json_object_new_boolean(rows[i].by_controller));
		}
		json_numbers(o, &rows[i], latency);
		json_object_array_add(array, o);
	}
	json_object_object_add(to, "queues", array);
}
