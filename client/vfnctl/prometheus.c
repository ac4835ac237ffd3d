/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/prometheus.h"

#include <inttypes.h>

/* A label's value: backslash, quote and line feed are escaped. */
static void print_label(const char *name, const char *text)
{
	printf("%s=\"", name);
	for (; *text; text++)
		if (*text == '\n')
			fputs("\\n", stdout);
		else if (*text == '\\' || *text == '"')
			printf("\\%c", *text);
		else
			putchar(*text);
	putchar('"');
}

static void print_head(const char *name, const char *help, const char *type)
{
	printf("# HELP vfnd_%s %s\n# TYPE vfnd_%s %s\n", name, help, name, type);
}

static void print_seconds(uint64_t ns)
{
	printf(" %" PRIu64 ".%09u\n", ns / 1000000000, (unsigned int)(ns % 1000000000));
}

static void print_counter(const void *of, const struct counter *counter)
{
	if (counter->nanoseconds)
		print_seconds(counter_value(of, counter));
	else
		printf(" %" PRIu64 "\n", counter_value(of, counter));
}

void prometheus_counters(const struct prometheus_sample *samples, int n, const struct counter *counters,
			 const char *prefix)
{
	char name[96];

	for (const struct counter *c = counters; c->name; c++) {
		snprintf(name, sizeof(name), "%s%s", prefix, c->metric);
		print_head(name, c->help, c->gauge ? "gauge" : "counter");
		for (int i = 0; i < n; i++) {
			printf("vfnd_%s", name);
			if (samples[i].address) {
				putchar('{');
				print_label("device", samples[i].address);
				putchar('}');
			}
			print_counter(&samples[i].st, c);
		}
	}
}

/* ---- devices ------------------------------------------------------------------------------------- */

static const struct vfnc_tally *device_row(const struct prometheus_sample *sample)
{
	for (int i = 0; i < sample->n; i++)
		if (sample->rows[i].kind == VFNC_TALLY_DEVICE)
			return &sample->rows[i];
	return NULL;
}

static void print_bucket(const char *address, const char *le, uint64_t count)
{
	fputs("vfnd_device_latency_seconds_bucket{", stdout);
	print_label("device", address);
	printf(",le=\"%s\"} %" PRIu64 "\n", le, count);
}

/* The same bounds each time, whatever there is: they are a part of the samples' names. */
static void print_histogram(const char *address, const struct vfnc_latency *l)
{
	uint64_t counts[TALLY_BOUNDS];
	char le[24];

	tally_cumulate(l, counts);
	for (int i = 0; i < TALLY_BOUNDS; i++) {
		snprintf(le, sizeof(le), "%g", (double)tally_bounds[i] / 1e9);
		print_bucket(address, le, counts[i]);
	}
	print_bucket(address, "+Inf", l->count);
	fputs("vfnd_device_latency_seconds_sum{", stdout);
	print_label("device", address);
	putchar('}');
	print_seconds(l->sum_ns);
	fputs("vfnd_device_latency_seconds_count{", stdout);
	print_label("device", address);
	printf("} %" PRIu64 "\n", l->count);
}

void prometheus_devices(const struct prometheus_sample *samples, int n)
{
	print_head("device_errors_total", "Commands of any kind that failed, by status (SCT and SC; 0: others).",
		   "counter");
	for (int i = 0; i < n; i++) {
		const struct vfnc_tally *row = device_row(&samples[i]);

		for (uint32_t k = 0; row && k < row->n_errors; k++) {
			fputs("vfnd_device_errors_total{", stdout);
			print_label("device", samples[i].address);
			printf(",status=\"0x%03x\"} %" PRIu64 "\n", row->errors[k].status, row->errors[k].count);
		}
	}
	print_head("device_latency_seconds", "How long commands of any kind took.", "histogram");
	for (int i = 0; i < n; i++) {
		const struct vfnc_tally *row = device_row(&samples[i]);

		if (row)
			print_histogram(samples[i].address, &row->latency);
	}
}

/* ---- sessions and queues ------------------------------------------------------------------------- */

static void print_session_labels(const char *address, const struct vfnc_tally *row)
{
	print_label("device", address);
	printf(",session=\"%" PRIu64 "\",pid=\"%u\",uid=\"%u\",", row->session, row->pid, row->uid);
	print_label("program", row->program);
}

static void print_queue_labels(const char *address, const struct vfnc_tally *row)
{
	print_label("device", address);
	printf(",session=\"%" PRIu64 "\",queue=\"%" PRIu64 "\",mode=\"%s\"", row->session, row->queue,
	       tally_mode(row));
}

static bool is_session(const struct vfnc_tally *row)
{
	return row->kind == VFNC_TALLY_SESSION;
}

/* What rows are taken, and what they are called. */
struct subject {
	const char *prefix;
	bool (*is)(const struct vfnc_tally *row);
	void (*labels)(const char *address, const struct vfnc_tally *row);
};

typedef void (*print_row)(const struct subject *s, const char *name, const char *address,
			  const struct vfnc_tally *row, const struct counter *counter);

static void print_rows(const struct subject *s, const char *name, const struct prometheus_sample *samples, int n,
		       print_row print, const struct counter *counter)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < samples[i].n; k++)
			if (s->is(&samples[i].rows[k]))
				print(s, name, samples[i].address, &samples[i].rows[k], counter);
}

static void print_value(const struct subject *s, const char *name, const char *address, const struct vfnc_tally *row,
			const struct counter *counter)
{
	printf("vfnd_%s{", name);
	s->labels(address, row);
	putchar('}');
	print_counter(row, counter);
}

static void print_summary(const struct subject *s, const char *name, const char *address, const struct vfnc_tally *row,
			  const struct counter *counter)
{
	(void)counter;
	for (size_t i = 0; row->latency.count && i < TALLY_PERCENTS; i++) {
		printf("vfnd_%s{", name);
		s->labels(address, row);
		printf(",quantile=\"%g\"}", tally_percents[i] / 100);
		print_seconds(vfnc_latency_percentile(&row->latency, tally_percents[i]));
	}
	printf("vfnd_%s_sum{", name);
	s->labels(address, row);
	putchar('}');
	print_seconds(row->latency.sum_ns);
	printf("vfnd_%s_count{", name);
	s->labels(address, row);
	printf("} %" PRIu64 "\n", row->latency.count);
}

static void print_subject(const struct subject *s, const struct prometheus_sample *samples, int n)
{
	char name[96];

	for (const struct counter *c = tally_counters; c->name; c++) {
		snprintf(name, sizeof(name), "%s_%s", s->prefix, c->metric);
		print_head(name, c->help, c->gauge ? "gauge" : "counter");
		print_rows(s, name, samples, n, print_value, c);
	}
	snprintf(name, sizeof(name), "%s_latency_seconds", s->prefix);
	print_head(name, "How long commands took.", "summary");
	print_rows(s, name, samples, n, print_summary, NULL);
}

void prometheus_sessions(const struct prometheus_sample *samples, int n)
{
	static const struct subject sessions = {"session", is_session, print_session_labels};

	print_subject(&sessions, samples, n);
}

void prometheus_queues(const struct prometheus_sample *samples, int n)
{
	static const struct subject queues = {"queue", tally_is_queue, print_queue_labels};

	print_subject(&queues, samples, n);
}
