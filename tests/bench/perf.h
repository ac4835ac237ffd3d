/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf - the engine of vfn-perf and roundtrip
 *
 * One core, one queue pair, polling. As many commands are outstanding as the depth says, and each
 * that completes is followed by the next. All memory is there before the clock starts; time is that
 * of the processor's counter.
 */
#ifndef VFND_BENCH_PERF_H
#define VFND_BENCH_PERF_H

#include <stdio.h>

#include <vfn/nvme.h>

#include "tests/bench/histogram.h"

#define PERF_MAX_DEPTHS 32
#define PERF_MAX_DEPTH	1024

struct perf_options {
	char device[256];
	unsigned int depths[PERF_MAX_DEPTHS];
	unsigned int ndepths;
	uint32_t size; /* bytes of a command */
	const char *workload;
	bool random;
	unsigned int read_percent;
	double secs, warmup;
	uint64_t commands; /* for each depth at most; 0: as many as the time allows */
	uint32_t nsid;
	int core;	/* to run on; -1: any */
	bool registers; /* leave shadow doorbells alone */
	bool latencies; /* print all of them */
	bool json;
	const char *json_file; /* NULL: standard output */
	const char *plot;      /* the file, or NULL */
};

/* A command that is made again and again. */
struct perf_slot {
	union nvme_cmd cmd;
	uint64_t iova;
	uint64_t start; /* ticks */
};

struct perf {
	struct perf_options opts;
	struct nvme_ctrl ctrl;
	bool up; /* the controller is */
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	struct perf_slot *slots;
	unsigned int nslots;
	void *data;
	size_t data_len;
	uint64_t units;	 /* places for a command in the namespace */
	uint32_t blocks; /* a command's */
	uint64_t next;	 /* place, when not at random */
	uint64_t random;
	struct histogram hist;
};

struct perf_result {
	unsigned int depth;
	uint64_t commands, reads, errors;
	double secs;
	double average, min, max; /* latencies in us */
	double percentiles[7];	  /* the same, of perf_percentiles[] */
};

extern const double perf_percentiles[7];

/* What counts in one run: from `warmup` ticks after its start, for `ticks` or `commands`. */
struct perf_window {
	uint64_t warmup, ticks;
	uint64_t commands; /* 0: no limit */
};

/*
 * The command line, into `opts`. 0; 1: help was asked for and printed; -1 with a message on
 * standard error.
 */
int perf_parse(struct perf_options *opts, int argc, char **argv);

/* What perf_parse() begins with. */
void perf_defaults(struct perf_options *opts);

/* "0x4", "4", "[2]": the one core that a mask or list names, or -1. */
int perf_parse_core(const char *text);

/* Depths as "8", "1,4,32", or "1-128" in powers of two from the first. */
bool perf_parse_depths(struct perf_options *opts, const char *text);

/* A name as libvfn wants it, also from a transport identifier "trtype:... traddr:...". */
bool perf_parse_device(struct perf_options *opts, const char *text);

/* Run on the core that the options name, if they do. 0, or -1 with a message. */
int perf_pin(const struct perf_options *opts);

/*
 * Bring the device up and make ready for the deepest queue. 0, or -1 with a message;
 * perf_teardown() in both cases.
 */
int perf_setup(struct perf *perf);
void perf_teardown(struct perf *perf);

/*
 * Keep `depth` commands going for `window`, then wait for all. Latencies are in perf->hist, what
 * was counted in *result. 0, or -1 with a message.
 */
int perf_run(struct perf *perf, unsigned int depth, const struct perf_window *window,
	     struct perf_result *result);

/* Ticks of get_ticks() in microseconds. */
static inline double perf_us(uint64_t ticks)
{
	return (double)ticks * 1e6 / (double)__vfn_ticks_freq;
}

static inline double perf_iops(const struct perf_result *result)
{
	return result->secs > 0 ? (double)result->commands / result->secs : 0;
}

/* A line of the table, with its head before the first. */
void perf_print_row(const struct perf_options *opts, const struct perf_result *result, bool first);

/* The histogram's buckets that are not empty, with the share of commands up to each. */
void perf_print_latencies(const struct histogram *hist);

/* All results, as one JSON object. */
void perf_print_json(FILE *out, const struct perf_options *opts, const struct perf_result *results,
		     unsigned int n);

/* IOPS and latency over depth, as an SVG picture. */
void perf_print_svg(FILE *out, const struct perf_options *opts, const struct perf_result *results,
		    unsigned int n);

/* "what: reason" to standard error; -1. */
int perf_fail(const char *what);

#endif
