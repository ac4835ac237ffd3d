/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/perf.h"

static double perf_mib(const struct perf_options *opts, const struct perf_result *result)
{
	return perf_iops(result) * opts->size / (1 << 20);
}

void perf_print_row(const struct perf_options *opts, const struct perf_result *result, bool first)
{
	if (first)
		printf("%6s %12s %9s %9s %9s %9s %9s %9s  us\n", "depth", "IOPS", "MiB/s",
		       "average", "50%", "99%", "99.9%", "max");
	printf("%6u %12.0f %9.2f %9.2f %9.2f %9.2f %9.2f %9.2f\n", result->depth, perf_iops(result),
	       perf_mib(opts, result), result->average, result->percentiles[0],
	       result->percentiles[3], result->percentiles[4], result->max);
}

void perf_print_latencies(const struct histogram *hist)
{
	uint64_t seen = 0;

	printf("%14s %10s %12s\n", "up to us", "share %", "commands");
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!hist->buckets[i])
			continue;
		seen += hist->buckets[i];
		printf("%14.3f %10.4f %12llu\n", perf_us(histogram_value(i)),
		       100 * (double)seen / (double)hist->count,
		       (unsigned long long)hist->buckets[i]);
	}
}

/* A JSON string. What is not ASCII is passed on: it is UTF-8, or was never a name. */
static void perf_print_string(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

void perf_print_json(FILE *out, const struct perf_options *opts, const struct perf_result *results,
		     unsigned int n)
{
	fputs("{\"device\": ", out);
	perf_print_string(out, opts->device);
	fprintf(out,
		", \"nsid\": %u, \"workload\": \"%s\", \"size\": %u, \"read_percent\": %u, "
		"\"warmup\": %g, \"core\": %d,\n \"results\": [",
		opts->nsid, opts->workload, opts->size, opts->read_percent, opts->warmup,
		opts->core);
	for (unsigned int i = 0; i < n; i++) {
		const struct perf_result *r = &results[i];

		fprintf(out,
			"%s\n    {\"depth\": %u, \"seconds\": %.6f, \"commands\": %llu, "
			"\"reads\": %llu, \"errors\": %llu,\n"
			"     \"iops\": %.1f, \"mib_per_second\": %.3f,\n"
			"     \"latency_us\": {\"average\": %.4f, \"min\": %.4f, \"max\": %.4f, "
			"\"percentiles\": {",
			i ? "," : "", r->depth, r->secs, (unsigned long long)r->commands,
			(unsigned long long)r->reads, (unsigned long long)r->errors, perf_iops(r),
			perf_mib(opts, r), r->average, r->min, r->max);
		for (size_t j = 0; j < ARRAY_SIZE(perf_percentiles); j++)
			fprintf(out, "%s\"%g\": %.4f", j ? ", " : "", perf_percentiles[j],
				r->percentiles[j]);
		fputs("}}}", out);
	}
	fputs("\n]}\n", out);
}
