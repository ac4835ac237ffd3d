/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfn-perf - reads and writes a second, and how long each takes
 *
 * One core, one queue pair, polling. As many commands are outstanding as the depth says, and each
 * that completes is followed by the next. All memory is there before the clock starts; time is that
 * of the processor's counter.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/nvme.h>

#include "tests/bench/histogram.h"

#define QID	   1
#define MAX_DEPTHS 32
#define MAX_DEPTH  1024
#define DRAIN_SECS 30

enum { OPC_WRITE = 0x1, OPC_READ = 0x2, OPC_IDENTIFY = 0x6 };

struct options {
	const char *device;
	unsigned int depths[MAX_DEPTHS];
	unsigned int ndepths;
	uint32_t size; /* bytes of a command */
	const char *workload;
	bool random;
	unsigned int read_percent;
	double secs, warmup;
	uint32_t nsid;
	bool json;
};

/* A command that is made again and again. */
struct slot {
	union nvme_cmd cmd;
	uint64_t iova;
	uint64_t start; /* ticks */
};

struct perf {
	struct options opts;
	struct nvme_ctrl ctrl;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	struct slot *slots;
	void *data;
	size_t data_len;
	uint64_t units; /* places for a command in the namespace */
	uint32_t blocks; /* a command's */
	uint64_t next;	 /* place, when not at random */
	uint64_t random;
	struct histogram hist;
};

struct result {
	uint64_t commands, reads, errors;
	double secs;
};

static int usage(void)
{
	fputs("usage: vfn-perf [-q DEPTH[,DEPTH...]] [-o BYTES] [-w WORKLOAD] [-M READ%]\n"
	      "                [-t SECONDS] [-a SECONDS] [-n NSID] [-j] -r DEVICE\n"
	      "\n"
	      "  -q  commands outstanding, 1 to 1024 (1,2,4,8,16,32,64,128)\n"
	      "  -o  bytes of a command (512)\n"
	      "  -w  read, write, rw, randread, randwrite, randrw (randread)\n"
	      "  -M  reads among a hundred commands of rw and randrw (50)\n"
	      "  -t  seconds for each depth (2)\n"
	      "  -a  seconds of warm-up before that, not counted (0.5)\n"
	      "  -n  namespace (1)\n"
	      "  -j  print JSON\n"
	      "  -r  0000:01:00.0, vfio-user:/path, or 'trtype:PCIe traddr:0000:01:00.0'\n"
	      "\n"
	      "Workloads that write destroy what the namespace holds.\n",
	      stderr);
	return 2;
}

static int fail(const char *what)
{
	const char *reason = vfn_error();

	fprintf(stderr, "vfn-perf: %s: %s\n", what, reason && *reason ? reason : strerror(errno));
	return -1;
}

static bool parse_number(const char *s, double least, double most, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(s, &end);
	return end != s && !*end && !errno && *value >= least && *value <= most;
}

static bool parse_depths(struct options *opts, char *list)
{
	char *save = NULL;
	double v;

	opts->ndepths = 0;
	for (char *s = strtok_r(list, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		if (opts->ndepths == MAX_DEPTHS || !parse_number(s, 1, MAX_DEPTH, &v))
			return false;
		opts->depths[opts->ndepths++] = (unsigned int)v;
	}
	return opts->ndepths;
}

static bool parse_workload(struct options *opts, const char *s, unsigned int mix)
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

static int parse(struct options *opts, int argc, char **argv)
{
	const char *workload = "randread", *traddr;
	double v, mix = 50;
	int c;

	*opts = (struct options){.size = 512, .secs = 2, .warmup = 0.5, .nsid = 1};
	for (unsigned int q = 1; q <= 128; q *= 2)
		opts->depths[opts->ndepths++] = q;

	while ((c = getopt(argc, argv, "q:o:w:M:t:a:n:r:j")) != -1) {
		bool ok = true;

		switch (c) {
		case 'q':
			ok = parse_depths(opts, optarg);
			break;
		case 'o':
			if ((ok = parse_number(optarg, 1, 1 << 30, &v)))
				opts->size = (uint32_t)v;
			break;
		case 'w':
			workload = optarg;
			break;
		case 'M':
			ok = parse_number(optarg, 0, 100, &mix);
			break;
		case 't':
			ok = parse_number(optarg, 0.01, 1e6, &opts->secs);
			break;
		case 'a':
			ok = parse_number(optarg, 0, 1e6, &opts->warmup);
			break;
		case 'n':
			if ((ok = parse_number(optarg, 1, UINT32_MAX - 1, &v)))
				opts->nsid = (uint32_t)v;
			break;
		case 'r':
			traddr = strstr(optarg, "traddr:");
			opts->device = traddr ? traddr + strlen("traddr:") : optarg;
			break;
		case 'j':
			opts->json = true;
			break;
		default:
			return -1;
		}
		if (!ok) {
			fprintf(stderr, "vfn-perf: -%c %s is out of range\n", c, optarg);
			return -1;
		}
	}
	if (!parse_workload(opts, workload, (unsigned int)mix)) {
		fprintf(stderr, "vfn-perf: there is no workload %s\n", workload);
		return -1;
	}
	return optind == argc && opts->device ? 0 : -1;
}

/* Learn the namespace's size, and how many of its blocks make a command. */
static int identify(struct perf *perf)
{
	union nvme_cmd cmd = {.identify = {.opcode = OPC_IDENTIFY}};
	uint64_t nsze, limit;
	unsigned int format, shift;
	unsigned char *id;
	void *mem;
	int r;

	if (pgmap(&mem, 4096) < 0)
		return fail("memory for Identify");
	id = mem;
	cmd.identify.nsid = cpu_to_le32(perf->opts.nsid);
	r = nvme_admin(&perf->ctrl, &cmd, mem, 4096, NULL);
	memcpy(&nsze, id, sizeof(nsze));
	nsze = le64_to_cpu((leint64_t)nsze);
	format = id[26] & 0xf;
	shift = id[128 + 4 * format + 2];
	pgunmap(mem, 4096);
	if (r)
		return fail("Identify Namespace");

	limit = perf->ctrl.config.mdts
			? 1ull << (12 + perf->ctrl.config.mpsmin + perf->ctrl.config.mdts)
			: UINT64_MAX;
	if (!nsze || shift < 9 || shift > 31) {
		fprintf(stderr, "vfn-perf: there is no namespace %u\n", perf->opts.nsid);
		return -1;
	}
	if (perf->opts.size & ((1u << shift) - 1) || perf->opts.size > limit ||
	    perf->opts.size >> shift > 65536 || perf->opts.size >> shift > nsze) {
		fprintf(stderr, "vfn-perf: a command of %u bytes is not possible: blocks of %u\n",
			perf->opts.size, 1u << shift);
		return -1;
	}
	perf->blocks = perf->opts.size >> shift;
	perf->units = nsze / perf->blocks;
	return 0;
}

/* Memory, mapped, for the deepest queue, and the queue. */
static int prepare(struct perf *perf)
{
	struct options *opts = &perf->opts;
	size_t stride = ((size_t)opts->size + 4095) & ~(size_t)4095;
	unsigned int deepest = 0;
	uint64_t iova;

	for (unsigned int i = 0; i < opts->ndepths; i++)
		deepest = opts->depths[i] > deepest ? opts->depths[i] : deepest;
	if (deepest > (unsigned int)perf->ctrl.config.mqes) {
		fprintf(stderr, "vfn-perf: the controller's queues hold %d commands\n",
			perf->ctrl.config.mqes);
		return -1;
	}

	perf->slots = calloc(deepest, sizeof(*perf->slots));
	if (!perf->slots)
		return fail("memory for commands");
	perf->data_len = stride * deepest;
	if (pgmap(&perf->data, perf->data_len) < 0)
		return fail("memory for data");
	/* every page is there before the clock starts */
	memset(perf->data, 0x5a, perf->data_len);
	if (iommu_map_vaddr(__iommu_ctx(&perf->ctrl), perf->data, perf->data_len, &iova, 0))
		return fail("mapping memory for data");
	for (unsigned int i = 0; i < deepest; i++) {
		perf->slots[i].iova = iova + i * stride;
		perf->slots[i].cmd.rw.nsid = cpu_to_le32(opts->nsid);
		perf->slots[i].cmd.rw.nlb = cpu_to_le16((uint16_t)(perf->blocks - 1));
	}

	if (nvme_create_ioqpair(&perf->ctrl, QID, (int)deepest + 1, -1, 0))
		return fail("creating queues");
	perf->sq = &perf->ctrl.sq[QID];
	perf->cq = &perf->ctrl.cq[QID];
	return 0;
}

/* xorshift64*: cheap, and the same in every run */
static inline uint64_t next_random(struct perf *perf)
{
	uint64_t x = perf->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	perf->random = x;
	return x * 2685821657736338717ull;
}

/* Scale 64 random bits to 0 .. n - 1. */
static inline uint64_t scale(uint64_t random, uint64_t n)
{
	return (uint64_t)((unsigned __int128)random * n >> 64);
}

/* Post the next command in `slot`, without the doorbell. -1 when that is not possible. */
static inline int issue(struct perf *perf, struct slot *slot)
{
	struct nvme_rq *rq = nvme_rq_acquire(perf->sq);
	uint64_t unit;
	bool read = perf->opts.read_percent == 100;

	if (!rq)
		return -1;
	if (perf->opts.random) {
		unit = scale(next_random(perf), perf->units);
	} else {
		unit = perf->next++;
		if (perf->next == perf->units)
			perf->next = 0;
	}
	if (!read && perf->opts.read_percent)
		read = scale(next_random(perf), 100) < perf->opts.read_percent;

	rq->opaque = slot;
	slot->cmd.opcode = read ? OPC_READ : OPC_WRITE;
	slot->cmd.rw.slba = cpu_to_le64(unit * perf->blocks);
	if (nvme_rq_map_prp(&perf->ctrl, rq, &slot->cmd, slot->iova, perf->opts.size))
		return -1;
	slot->start = get_ticks();
	nvme_rq_post(rq, &slot->cmd);
	return 0;
}

/* Keep `depth` commands going, for the warm-up and then for the time that counts. */
static int run(struct perf *perf, unsigned int depth, struct result *result)
{
	uint64_t freq = __vfn_ticks_freq, now = get_ticks();
	uint64_t begin = now + (uint64_t)(perf->opts.warmup * (double)freq);
	uint64_t end = begin + (uint64_t)(perf->opts.secs * (double)freq);
	uint64_t last = begin;
	unsigned int busy = 0;

	memset(result, 0, sizeof(*result));
	histogram_clear(&perf->hist);
	for (; busy < depth; busy++) {
		if (issue(perf, &perf->slots[busy]))
			return fail("posting a command");
	}
	nvme_sq_update_tail(perf->sq);

	while (busy) {
		struct nvme_cqe *cqe;
		bool any = false;

		while ((cqe = nvme_cq_get_cqe(perf->cq))) {
			struct nvme_rq *rq = __nvme_rq_from_cqe(perf->sq, cqe);
			struct slot *slot;

			any = true;
			if (!rq)
				continue;
			slot = rq->opaque;
			now = get_ticks();
			nvme_rq_release(rq);
			if (now >= begin && now < end) {
				histogram_add(&perf->hist, now - slot->start);
				result->commands++;
				result->reads += slot->cmd.opcode == OPC_READ;
				last = now;
			}
			if (unlikely(!nvme_cqe_ok(cqe)))
				result->errors++;
			if (now >= end)
				busy--;
			else if (issue(perf, slot))
				return fail("posting a command");
		}
		if (any) {
			nvme_cq_update_head(perf->cq);
			nvme_sq_update_tail(perf->sq);
		} else {
			now = get_ticks();
			if (now > end && now - end > DRAIN_SECS * freq) {
				fprintf(stderr, "vfn-perf: %u commands do not complete\n", busy);
				return -1;
			}
		}
	}
	result->secs = (double)(last - begin) / (double)freq;
	return 0;
}

static double us(uint64_t ticks)
{
	return (double)ticks * 1e6 / (double)__vfn_ticks_freq;
}

static void print(const struct perf *perf, unsigned int depth, const struct result *result,
		  bool first)
{
	static const double percentiles[] = {50, 90, 95, 99, 99.9, 99.99};
	const struct histogram *hist = &perf->hist;
	double iops = result->secs > 0 ? (double)result->commands / result->secs : 0;
	double mib = iops * perf->opts.size / (1 << 20);
	double average = hist->count ? us(hist->sum) / (double)hist->count : 0;

	if (!perf->opts.json) {
		if (first)
			printf("%6s %12s %9s %9s %9s %9s %9s %9s  us\n", "depth", "IOPS", "MiB/s",
			       "average", "50%", "99%", "99.9%", "max");
		printf("%6u %12.0f %9.2f %9.2f %9.2f %9.2f %9.2f %9.2f\n", depth, iops, mib, average,
		       us(histogram_percentile(hist, 50)), us(histogram_percentile(hist, 99)),
		       us(histogram_percentile(hist, 99.9)), us(hist->max));
		return;
	}

	printf("%s\n    {\"depth\": %u, \"seconds\": %.6f, \"commands\": %llu, \"reads\": %llu, "
	       "\"errors\": %llu,\n     \"iops\": %.1f, \"mib_per_second\": %.3f,\n"
	       "     \"latency_us\": {\"average\": %.3f, \"min\": %.3f, \"max\": %.3f, "
	       "\"percentiles\": {",
	       first ? "" : ",", depth, result->secs, (unsigned long long)result->commands,
	       (unsigned long long)result->reads, (unsigned long long)result->errors, iops, mib,
	       average, hist->count ? us(hist->min) : 0, us(hist->max));
	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
		printf("%s\"%g\": %.3f", i ? ", " : "", percentiles[i],
		       us(histogram_percentile(hist, percentiles[i])));
	printf("}}}");
}

static int measure(struct perf *perf)
{
	const struct options *opts = &perf->opts;
	struct result result;
	int r = 0;

	if (opts->json) {
		/* a name is printed as it is: what JSON cannot hold is not in a device's name */
		printf("{\"device\": \"%s\", \"workload\": \"%s\", \"size\": %u, "
		       "\"read_percent\": %u, \"warmup\": %g,\n \"results\": [",
		       opts->device, opts->workload, opts->size, opts->read_percent, opts->warmup);
	}
	for (unsigned int i = 0; i < opts->ndepths; i++) {
		if (run(perf, opts->depths[i], &result))
			return -1;
		print(perf, opts->depths[i], &result, !i);
		fflush(stdout);
		if (result.errors) {
			fprintf(stderr, "vfn-perf: %llu commands failed\n",
				(unsigned long long)result.errors);
			r = -1;
		}
	}
	if (opts->json)
		printf("\n]}\n");
	return r;
}

int main(int argc, char **argv)
{
	static struct perf perf = {.random = 88172645463325252ull};
	int r = -1;

	if (parse(&perf.opts, argc, argv))
		return usage();
	if (strpbrk(perf.opts.device, "\"\\\n")) {
		fprintf(stderr, "vfn-perf: no device has such a name\n");
		return 2;
	}
	if (nvme_init(&perf.ctrl, perf.opts.device, NULL)) {
		fail(perf.opts.device);
		return 1;
	}
	if (!identify(&perf) && !prepare(&perf))
		r = measure(&perf);

	/* the controller is done with the memory only after this */
	nvme_close(&perf.ctrl);
	if (perf.data)
		pgunmap(perf.data, perf.data_len);
	free(perf.slots);
	return r ? 1 : 0;
}
