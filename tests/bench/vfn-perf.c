/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfn-perf - reads and writes a second, and how long each takes
 */
#include "tests/bench/perf.h"

#include <errno.h>

static int measure(struct perf *perf, struct perf_result *results)
{
	const struct perf_options *opts = &perf->opts;
	struct perf_window window = {
		.warmup = (uint64_t)(opts->warmup * (double)__vfn_ticks_freq),
		.ticks = (uint64_t)(opts->secs * (double)__vfn_ticks_freq),
		.commands = opts->commands,
	};
	bool table = !opts->json || opts->json_file;
	int r = 0;

	for (unsigned int i = 0; i < opts->ndepths; i++) {
		if (perf_run(perf, opts->depths[i], &window, &results[i]))
			return -1;
		if (table) {
			perf_print_row(opts, &results[i], !i || opts->latencies);
			if (opts->latencies)
				perf_print_latencies(&perf->hist);
			fflush(stdout);
		}
		if (results[i].errors) {
			fprintf(stderr, "vfn-perf: %llu commands failed\n",
				(unsigned long long)results[i].errors);
			r = -1;
		}
	}
	return r;
}

typedef void (*print_fn)(FILE *, const struct perf_options *, const struct perf_result *,
			 unsigned int);

static int print(print_fn fn, const char *path, const struct perf_options *opts,
		 const struct perf_result *results)
{
	FILE *out = path ? fopen(path, "we") : stdout;
	int bad;

	if (out) {
		fn(out, opts, results, opts->ndepths);
		bad = fflush(out) || ferror(out);
		if (path)
			bad |= fclose(out) != 0;
		if (!bad)
			return 0;
	}
	fprintf(stderr, "vfn-perf: %s: %s\n", path ? path : "standard output", strerror(errno));
	return -1;
}

int main(int argc, char **argv)
{
	static struct perf perf;
	struct perf_result results[PERF_MAX_DEPTHS];
	const struct perf_options *opts = &perf.opts;
	int r;

	r = perf_parse(&perf.opts, argc, argv);
	if (r)
		return r < 0 ? 2 : 0;
	if (perf_pin(opts))
		return 1;

	r = perf_setup(&perf) ? -1 : measure(&perf, results);
	perf_teardown(&perf);

	if (!r && opts->json)
		r = print(perf_print_json, opts->json_file, opts, results);
	if (!r && opts->plot)
		r = print(perf_print_svg, opts->plot, opts, results);
	return r ? 1 : 0;
}
