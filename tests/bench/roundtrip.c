/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roundtrip - a read from a controller that does nothing, in round trips of a cache line
 *
 * Driver and vfnd-sim --null poll on a core each. Three things are measured in turn, many times for
 * a short while: a bare round trip of a cache line between the two cores, reads one after the
 * other, and reads with many outstanding. Of each the best time counts: whatever else runs on the
 * machine only ever makes them longer.
 */
#include "tests/bench/perf.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bounce.h"

#define DEEP 128

/* In a window. Each is less than a time slice. */
#define ROUNDS	   2000
#define READS	   2000
#define READS_DEEP 20000
#define WARMUP_US  200 /* the simulator may have gone to sleep */

#define BAR	 4.0 /* round trips for a read, one after the other */
#define BAR_DEEP 0.8 /* and with many outstanding */

struct options {
	const char *sim;
	int cores[2]; /* driver, simulator */
	unsigned int windows;
	uint32_t size;
	bool registers, json, bars;
};

struct best {
	double trip, read, deep; /* ns */
};

static char dir[] = "/tmp/vfn-roundtrip-XXXXXX";

static int usage(FILE *out, int status)
{
	fputs("usage: roundtrip [OPTION]...\n"
	      "\n"
	      "  -s, --sim PATH      the vfnd-sim to start (that of the build)\n"
	      "  -c, --cores A,B     of driver and simulator (the first two that may be used)\n"
	      "  -n, --windows N     times that each thing is measured (300)\n"
	      "  -o, --io-size BYTES of a read (512)\n"
	      "      --no-shadow     without shadow doorbells\n"
	      "  -j, --json          print JSON\n"
	      "  -b, --bars          fail above 4 round trips for a read, or 0.8 with 128 at "
	      "once\n",
	      out);
	return status;
}

static int parse(struct options *opts, int argc, char **argv)
{
	static const struct option names[] = {
		{"sim", required_argument, NULL, 's'},
		{"cores", required_argument, NULL, 'c'},
		{"windows", required_argument, NULL, 'n'},
		{"io-size", required_argument, NULL, 'o'},
		{"no-shadow", no_argument, NULL, 'S'},
		{"json", no_argument, NULL, 'j'},
		{"bars", no_argument, NULL, 'b'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c, n;

	while ((c = getopt_long(argc, argv, "s:c:n:o:jbh", names, NULL)) != -1) {
		switch (c) {
		case 's':
			opts->sim = optarg;
			break;
		case 'c':
			n = 0;
			if (sscanf(optarg, "%d,%d%n", &opts->cores[0], &opts->cores[1], &n) != 2 ||
			    optarg[n] || opts->cores[0] < 0 || opts->cores[1] < 0 ||
			    opts->cores[0] >= CPU_SETSIZE || opts->cores[1] >= CPU_SETSIZE ||
			    opts->cores[0] == opts->cores[1])
				return usage(stderr, 2);
			break;
		case 'n':
		case 'o':
			n = atoi(optarg);
			if (n < 1)
				return usage(stderr, 2);
			*(c == 'n' ? &opts->windows : &opts->size) = (unsigned int)n;
			break;
		case 'S':
			opts->registers = true;
			break;
		case 'j':
			opts->json = true;
			break;
		case 'b':
			opts->bars = true;
			break;
		default:
			return usage(c == 'h' ? stdout : stderr, c == 'h' ? 1 : 2);
		}
	}
	return optind == argc ? 0 : usage(stderr, 2);
}

/* Two cores, where none are given. */
static int choose_cores(int *cores)
{
	cpu_set_t set;
	int n = 0;

	if (cores[0] >= 0)
		return 0;
	if (sched_getaffinity(0, sizeof(set), &set))
		return perf_fail("sched_getaffinity");
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++) {
		if (CPU_ISSET((size_t)i, &set))
			cores[n++] = i;
	}
	if (n < 2) {
		fprintf(stderr, "roundtrip: two cores are needed\n");
		return -1;
	}
	return 0;
}

static int pin(int core)
{
	struct perf_options opts = {.core = core};

	return perf_pin(&opts);
}

static pid_t start_sim(const struct options *opts, const char *path)
{
	const char *argv[] = {opts->sim, "--null", "--socket", path, NULL};
	struct stat st;
	pid_t pid = fork();

	if (pid < 0) {
		perf_fail("fork");
	} else if (!pid) {
		if (pin(opts->cores[1]))
			_exit(1);
		/* its word that it serves is not for our output */
		if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
			_exit(1);
		execv(opts->sim, (char *const *)(uintptr_t)argv);
		fprintf(stderr, "roundtrip: %s: %s\n", opts->sim, strerror(errno));
		_exit(1);
	}
	for (int i = 0; pid > 0 && stat(path, &st); i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -1;
		if (i == 1000) {
			fprintf(stderr, "roundtrip: the simulator does not come up\n");
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			return -1;
		}
		__usleep(10000);
	}
	return pid;
}

static int measure(const struct options *opts, struct perf *perf, struct best *best)
{
	uint64_t second = __vfn_ticks_freq;
	struct perf_window one = {WARMUP_US * second / 1000000, 60 * second, READS};
	struct perf_window many = {WARMUP_US * second / 1000000, 60 * second, READS_DEEP};
	struct perf_result result;

	*best = (struct best){1e18, 1e18, 1e18};
	for (unsigned int i = 0; i < opts->windows; i++) {
		uint64_t ticks = bounce_rounds(opts->cores[1], ROUNDS);
		double v;

		if (!ticks)
			return perf_fail("a thread on the simulator's core");
		v = perf_us(ticks) * 1e3 / ROUNDS;
		best->trip = v < best->trip ? v : best->trip;

		if (perf_run(perf, 1, &one, &result))
			return -1;
		v = result.secs * 1e9 / (double)result.commands;
		best->read = v < best->read ? v : best->read;
		if (result.errors)
			break;

		if (perf_run(perf, DEEP, &many, &result))
			return -1;
		v = result.secs * 1e9 / (double)result.commands;
		best->deep = v < best->deep ? v : best->deep;
		if (result.errors)
			break;
	}
	if (result.errors) {
		fprintf(stderr, "roundtrip: commands failed\n");
		return -1;
	}
	return 0;
}

static void print(const struct options *opts, const struct best *best)
{
	double ratio = best->read / best->trip, deep = best->deep / best->trip;

	if (opts->json) {
		printf("{\"size\": %u, \"shadow\": %s, \"cores\": [%d, %d], \"windows\": %u,\n"
		       " \"roundtrip_ns\": %.1f,\n"
		       " \"results\": [\n"
		       "    {\"depth\": 1, \"ns\": %.1f, \"roundtrips\": %.3f, \"bar\": %.1f},\n"
		       "    {\"depth\": %d, \"ns\": %.1f, \"roundtrips\": %.3f, \"bar\": %.1f}\n"
		       "]}\n",
		       opts->size, opts->registers ? "false" : "true", opts->cores[0],
		       opts->cores[1], opts->windows, best->trip, best->read, ratio, BAR, DEEP,
		       best->deep, deep, BAR_DEEP);
		return;
	}
	printf("bare round trip   %8.1f ns\n", best->trip);
	printf("read, depth 1     %8.1f ns = %.2f round trips (bar: %.1f)\n", best->read, ratio,
	       BAR);
	printf("read, depth %d   %8.1f ns = %.2f round trips (bar: %.1f)\n", DEEP, best->deep, deep,
	       BAR_DEEP);
}

static int run(const struct options *opts, struct perf *perf)
{
	struct best best;

	if (perf_setup(perf) || measure(opts, perf, &best))
		return 1;
	print(opts, &best);
	if (opts->bars && (best.read > BAR * best.trip || best.deep > BAR_DEEP * best.trip)) {
		fprintf(stderr, "roundtrip: above the bars\n");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct perf perf;
	struct options opts = {.cores = {-1, -1}, .windows = 300, .size = 512};
	char sim[PATH_MAX], path[64], *slash;
	pid_t pid;
	int r;

	snprintf(sim, sizeof(sim), "%s", argv[0]);
	slash = strrchr(sim, '/');
	snprintf(slash ? slash + 1 : sim, sizeof(sim) - (size_t)(slash ? slash + 1 - sim : 0),
		 "../sim/vfnd-sim");
	opts.sim = sim;
	r = parse(&opts, argc, argv);
	if (r)
		return r == 1 ? 0 : r;
	if (choose_cores(opts.cores))
		return 1;

	perf_defaults(&perf.opts);
	perf_parse_depths(&perf.opts, "1,128");
	perf.opts.size = opts.size;
	perf.opts.registers = opts.registers;
	if (!mkdtemp(dir)) {
		perf_fail(dir);
		return 1;
	}
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(perf.opts.device, sizeof(perf.opts.device), "vfio-user:%s", path);

	pid = start_sim(&opts, path);
	r = 1;
	if (pid > 0) {
		if (!pin(opts.cores[0]))
			r = run(&opts, &perf);
		perf_teardown(&perf);
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	}
	unlink(path);
	rmdir(dir);
	return r;
}
