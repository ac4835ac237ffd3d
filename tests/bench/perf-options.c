/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/perf.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char perf_usage[] =
	"usage: vfn-perf [OPTION]... -r DEVICE\n"
	"\n"
	"  -q, --io-depth DEPTHS     commands outstanding, 1 to 1024: 8, or 1,4,32, or 1-128\n"
	"                            for powers of two; each is measured (1-128)\n"
	"  -o, --io-size BYTES       of a command; K and M may follow (512)\n"
	"  -w, --io-pattern NAME     read, write, rw, randread, randwrite, randrw (randread)\n"
	"  -M, --rwmixread PERCENT   reads of rw and randrw (50)\n"
	"  -t, --time SECONDS        for each depth (2)\n"
	"  -d, --number-ios N        end a depth after so many commands, if the time allows\n"
	"  -a, -W, --warmup-time SECONDS\n"
	"                            before that, not counted (0.5)\n"
	"  -c, --core-mask MASK      run on this core: 0x4 or [2] (any)\n"
	"  -n, --nsid NSID           namespace (1)\n"
	"  -L, --latencies           print how latencies are distributed\n"
	"  -j[FILE], --json[=FILE]   print JSON in place of the table, or besides it to FILE\n"
	"  -p, --plot FILE           draw IOPS and latency over depth, as SVG\n"
	"      --no-shadow           leave shadow doorbells alone\n"
	"  -r, --transport DEVICE    0000:01:00.0, vfio-user:/path, 'trtype:PCIe traddr:01:00.0',\n"
	"                            'trtype:VFIOUSER traddr:/path'\n"
	"  -h, --help                print this\n"
	"\n"
	"Workloads that write destroy what the namespace holds.\n";

enum { OPT_NO_SHADOW = 0x100 };

static const struct option perf_long[] = {
	{"io-depth", required_argument, NULL, 'q'},
	{"io-size", required_argument, NULL, 'o'},
	{"io-pattern", required_argument, NULL, 'w'},
	{"rwmixread", required_argument, NULL, 'M'},
	{"time", required_argument, NULL, 't'},
	{"number-ios", required_argument, NULL, 'd'},
	{"warmup-time", required_argument, NULL, 'a'},
	{"core-mask", required_argument, NULL, 'c'},
	{"nsid", required_argument, NULL, 'n'},
	{"latencies", no_argument, NULL, 'L'},
	{"json", optional_argument, NULL, 'j'},
	{"plot", required_argument, NULL, 'p'},
	{"no-shadow", no_argument, NULL, OPT_NO_SHADOW},
	{"transport", required_argument, NULL, 'r'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static bool perf_number(const char *s, double least, double most, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(s, &end);
	return end != s && !*end && !errno && *value >= least && *value <= most;
}

static bool perf_count(const char *s, uint64_t least, uint64_t most, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(s, &end, 0);
	return *s >= '0' && *s <= '9' && !*end && !errno && *value >= least && *value <= most;
}

static bool perf_size(const char *s, uint32_t *size)
{
	unsigned int shift = 0;
	size_t len = strlen(s);
	char digits[16];
	uint64_t v;

	if (!len || len >= sizeof(digits))
		return false;
	strcpy(digits, s);
	if (strchr("kK", s[len - 1]))
		shift = 10;
	else if (strchr("mM", s[len - 1]))
		shift = 20;
	if (shift)
		digits[len - 1] = '\0';
	if (!perf_count(digits, 1, (1u << 30) >> shift, &v))
		return false;
	*size = (uint32_t)(v << shift);
	return true;
}

static bool perf_add_depth(struct perf_options *opts, uint64_t depth)
{
	if (opts->ndepths == PERF_MAX_DEPTHS)
		return false;
	opts->depths[opts->ndepths++] = (unsigned int)depth;
	return true;
}

bool perf_parse_depths(struct perf_options *opts, const char *text)
{
	char word[32], *dash;
	uint64_t from, to;

	opts->ndepths = 0;
	do {
		size_t len = strcspn(text, ",");

		if (len >= sizeof(word))
			return false;
		memcpy(word, text, len);
		word[len] = '\0';
		text += len;
		dash = strchr(word, '-');
		if (dash)
			*dash++ = '\0';
		if (!perf_count(word, 1, PERF_MAX_DEPTH, &from))
			return false;
		to = from;
		if (dash && !perf_count(dash, from, PERF_MAX_DEPTH, &to))
			return false;
		for (; from < to; from *= 2) {
			if (!perf_add_depth(opts, from))
				return false;
		}
		if (!perf_add_depth(opts, to))
			return false;
	} while (*text++);
	return true;
}

int perf_parse_core(const char *text)
{
	char digits[16], *end;
	uint64_t v;

	if (*text == '[') {
		size_t len = strlen(text);

		if (len < 3 || len - 2 >= sizeof(digits) || text[len - 1] != ']')
			return -1;
		memcpy(digits, text + 1, len - 2);
		digits[len - 2] = '\0';
		return perf_count(digits, 0, 1023, &v) ? (int)v : -1;
	}
	/* masks are hexadecimal, with or without 0x */
	errno = 0;
	v = strtoull(text, &end, 16);
	if (end == text || *end || errno || *text == '-' || !v || v & (v - 1))
		return -1;
	return __builtin_ctzll(v);
}

/* The word after `key` in a transport identifier, into `word`. */
static bool perf_word(const char *text, const char *key, char *word, size_t room)
{
	const char *at = strstr(text, key);
	size_t len;

	if (!at)
		return false;
	at += strlen(key);
	len = strcspn(at, " \t");
	if (!len || len >= room)
		return false;
	memcpy(word, at, len);
	word[len] = '\0';
	return true;
}

bool perf_parse_device(struct perf_options *opts, const char *text)
{
	char type[16] = "PCIE", addr[sizeof(opts->device) - 32];
	unsigned int bus, dev, fn;
	struct stat st;
	int n;

	if (!strstr(text, "traddr:")) {
		n = snprintf(opts->device, sizeof(opts->device), "%s", text);
		return n > 0 && (size_t)n < sizeof(opts->device);
	}
	if (!perf_word(text, "traddr:", addr, sizeof(addr)) ||
	    (strstr(text, "trtype:") && !perf_word(text, "trtype:", type, sizeof(type))))
		return false;
	if (!strcasecmp(type, "VFIOUSER")) {
		/* an endpoint is told by the folder that its socket is in */
		bool dir = !stat(addr, &st) && S_ISDIR(st.st_mode);

		snprintf(opts->device, sizeof(opts->device), "vfio-user:%s%s", addr,
			 dir ? "/cntrl" : "");
		return true;
	}
	if (strcasecmp(type, "PCIE"))
		return false;
	/* the domain may be left out */
	if (sscanf(addr, "%2x:%2x.%1x%n", &bus, &dev, &fn, &n) == 3 && !addr[n])
		snprintf(opts->device, sizeof(opts->device), "0000:%02x:%02x.%x", bus, dev, fn);
	else
		snprintf(opts->device, sizeof(opts->device), "%s", addr);
	return true;
}

static bool perf_workload(struct perf_options *opts, const char *s, unsigned int mix)
{
	opts->workload = s;
	opts->random = !strncmp(s, "rand", 4);
	if (opts->random)
		s += 4;
	if (!strcmp(s, "read"))
		opts->read_percent = 100;
	else if (!strcmp(s, "write"))
		opts->read_percent = 0;
	else if (!strcmp(s, "rw"))
		opts->read_percent = mix;
	else
		return false;
	return true;
}

void perf_defaults(struct perf_options *opts)
{
	*opts = (struct perf_options){
		.size = 512,
		.workload = "randread",
		.random = true,
		.read_percent = 100,
		.secs = 2,
		.warmup = 0.5,
		.nsid = 1,
		.core = -1,
	};
	perf_parse_depths(opts, "1-128");
}

static bool perf_option(struct perf_options *opts, int c, const char *arg, double *mix)
{
	uint64_t v;

	switch (c) {
	case 'q':
		return perf_parse_depths(opts, arg);
	case 'o':
		return perf_size(arg, &opts->size);
	case 'w':
		opts->workload = arg;
		return true;
	case 'M':
		return perf_number(arg, 0, 100, mix);
	case 't':
		return perf_number(arg, 0.001, 1e6, &opts->secs);
	case 'd':
		return perf_count(arg, 1, UINT64_MAX, &opts->commands);
	case 'a':
	case 'W':
		return perf_number(arg, 0, 1e6, &opts->warmup);
	case 'c':
		opts->core = perf_parse_core(arg);
		return opts->core >= 0;
	case 'n':
		if (!perf_count(arg, 1, UINT32_MAX - 1, &v))
			return false;
		opts->nsid = (uint32_t)v;
		return true;
	case 'r':
		return perf_parse_device(opts, arg);
	case 'p':
		opts->plot = arg;
		return *arg;
	case 'j':
		opts->json = true;
		opts->json_file = arg;
		return true;
	case 'L':
		opts->latencies = true;
		return true;
	default:
		opts->registers = true;
		return true;
	}
}

int perf_parse(struct perf_options *opts, int argc, char **argv)
{
	double mix = 50;
	int c;

	perf_defaults(opts);
	while ((c = getopt_long(argc, argv, "q:o:w:M:t:d:a:W:c:n:r:p:j::Lh", perf_long, NULL)) !=
	       -1) {
		if (c == 'h') {
			fputs(perf_usage, stdout);
			return 1;
		}
		if (c == '?') {
			fputs(perf_usage, stderr);
			return -1;
		}
		if (!perf_option(opts, c, optarg, &mix)) {
			fprintf(stderr, "vfn-perf: -%c %s is not possible%s\n", c, optarg,
				c == 'c' ? ": one core is used" : "");
			return -1;
		}
	}
	if (!perf_workload(opts, opts->workload, (unsigned int)mix)) {
		fprintf(stderr, "vfn-perf: there is no workload %s\n", opts->workload);
		return -1;
	}
	if (optind != argc || !*opts->device) {
		fputs(perf_usage, stderr);
		return -1;
	}
	return 0;
}
