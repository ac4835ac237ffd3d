/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * modes - random reads in one of the ways that there are to a controller, counted and timed
 *
 * A command line names one way, size and depth; what was found is printed as lines "metric value unit". tests/bench/run
 * calls it for all of them.
 */
#include "tests/bench/counters.h"
#include "tests/bench/heap.h"
#include "tests/bench/idle.h"
#include "tests/bench/perf.h"
#include "tests/bench/relay.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfn/client.h>

#define MODES_MAX_DEPTH 1024
#define MODES_SOON_MS	20000
#define MODES_RANDOM	0x9e3779b97f4a7c15ull
#define MODES_BLOCK	512
#define MODES_PARTS	10 /* of a run, of which the fastest is reported */
#define MODES_LESS	10 /* the shorter run, to the longer one */

/* What callgrind counts, by name: run gives it these. */
#define MODES_COUNTED __attribute__((noinline))

struct modes;

/* A way: each returns what it says, or -1 with a message printed. */
struct way {
	const char *name;
	int (*open)(struct modes *m);	/* 0 */
	int (*submit)(struct modes *m); /* 0: one more is on its way, when flush() was called */
	void (*flush)(struct modes *m);
	int (*reap)(struct modes *m); /* waits; how many have come back */
	void (*close)(struct modes *m);
};

struct modes {
	const struct way *way;
	const char *device;
	uint32_t size;
	unsigned int depth, spin_us, processes;
	uint64_t commands, warmup;
	pid_t daemon;
	bool idle;

	/* libvfn */
	struct perf perf;

	/* through the daemon */
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
	struct nvme_ctrl *ctrl;
	struct vfnc_namespace ns;
	uint64_t units, random;
	uint64_t tickets[MODES_MAX_DEPTH]; /* a ring */
	uint64_t first, next;

	int relay;
};

static int modes_fail(struct modes *m, const char *what)
{
	fprintf(stderr, "modes: %s: %s\n", what, vfnc_error(m->conn));
	return -1;
}

static uint64_t modes_unit(struct modes *m)
{
	m->random = m->random * 6364136223846793005ull + 1442695040888963407ull;
	return (m->random >> 33) % m->units;
}

/* ---- libvfn in this process -------------------------------------------------------------- */

static int modes_libvfn_open(struct modes *m)
{
	perf_defaults(&m->perf.opts);
	m->perf.opts.depths[0] = m->depth;
	m->perf.opts.ndepths = 1;
	m->perf.opts.size = m->size;
	m->perf.opts.registers = false;
	m->perf.opts.workload = "randread";
	m->perf.opts.random = true;
	m->perf.opts.read_percent = 100;
	snprintf(m->perf.opts.device, sizeof(m->perf.opts.device), "%s", m->device);
	if (perf_setup(&m->perf))
		return -1;
	m->units = m->perf.units;
	return 0;
}

/* Of either: reads are built and their completions taken by libvfn's functions. */
static MODES_COUNTED int modes_post(struct modes *m, struct nvme_ctrl *ctrl, struct nvme_sq *sq, uint64_t iova,
		      uint32_t blocks, uint64_t slba)
{
	union nvme_cmd cmd = {.rw = {.opcode = 2}};
	struct nvme_rq *rq = nvme_rq_acquire(sq);

	if (!rq)
		return perf_fail("a tracker");
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(blocks - 1));
	/* Each tracker has a place of its own. */
	if (nvme_rq_map_prp(ctrl, rq, &cmd, iova + (uint64_t)(rq - sq->rqs) * m->size, m->size)) {
		nvme_rq_release(rq);
		return perf_fail("mapping");
	}
	nvme_rq_post(rq, &cmd);
	return 0;
}

static MODES_COUNTED int modes_take(struct nvme_sq *sq, struct nvme_cq *cq)
{
	struct nvme_cqe *cqe;
	int n = 0;

	while ((cqe = nvme_cq_get_cqe(cq))) {
		struct nvme_rq *rq = __nvme_rq_from_cqe(sq, cqe);

		if (!rq || !nvme_cqe_ok(cqe)) {
			fprintf(stderr, "modes: a command failed\n");
			return -1;
		}
		nvme_rq_release(rq);
		n++;
	}
	if (n)
		nvme_cq_update_head(cq);
	return n;
}

static MODES_COUNTED void modes_ring(struct nvme_sq *sq)
{
	nvme_sq_update_tail(sq);
}

static int modes_poll(struct nvme_sq *sq, struct nvme_cq *cq)
{
	while (!__nvme_cq_ready(cq))
		;
	return modes_take(sq, cq);
}

static int modes_libvfn_submit(struct modes *m)
{
	struct perf *perf = &m->perf;

	return modes_post(m, &perf->ctrl, perf->sq, perf->slots[0].iova, perf->blocks,
			  modes_unit(m) * perf->blocks);
}

static void modes_libvfn_flush(struct modes *m)
{
	modes_ring(m->perf.sq);
}

static int modes_libvfn_reap(struct modes *m)
{
	return modes_poll(m->perf.sq, m->perf.cq);
}

static void modes_libvfn_close(struct modes *m)
{
	perf_teardown(&m->perf);
}

/* ---- the daemon ---------------------------------------------------------------------------- */

static int modes_connect(struct modes *m)
{
	int ret = vfnc_connect(NULL, &m->conn);

	if (ret < 0)
		return modes_fail(m, "no connection");
	if (vfnc_open(m->conn, m->device, &m->dev) < 0)
		return modes_fail(m, m->device);
	return 0;
}

static int modes_queue(struct modes *m, enum vfnc_queue_mode mode)
{
	struct vfnc_queue_opts opts = {.mode = mode, .entries = m->depth + 1, .spin_us = m->spin_us};

	if (modes_connect(m) < 0)
		return -1;
	if (vfnc_namespace(m->dev, 1, &m->ns) < 0)
		return modes_fail(m, "namespace 1");
	if (m->size % m->ns.block_size) {
		fprintf(stderr, "modes: blocks are of %u bytes\n", m->ns.block_size);
		return -1;
	}
	m->units = m->ns.blocks / (m->size / m->ns.block_size);
	if (vfnc_buffer_alloc(m->dev, (size_t)(m->depth + 1) * m->size, &m->buf) < 0)
		return modes_fail(m, "no buffer");
	if (vfnc_queue_create(m->dev, &opts, &m->queue) < 0)
		return modes_fail(m, "no queue");
	return 0;
}

static void modes_disconnect(struct modes *m)
{
	vfnc_disconnect(m->conn);
}

static void modes_no_flush(struct modes *m)
{
	(void)m;
}

/* ---- requests ------------------------------------------------------------------------------ */

static int modes_request_open(struct modes *m)
{
	return modes_queue(m, VFNC_QUEUE_REQUEST);
}

static int modes_request_submit(struct modes *m)
{
	uint64_t at = m->next % m->depth, unit = modes_unit(m);
	uint32_t blocks = m->size / m->ns.block_size;
	struct vfnc_cmd cmd = {.opcode = 2,
			       .nsid = 1,
			       .cdw10 = (uint32_t)(unit * blocks),
			       .cdw11 = (uint32_t)(unit * blocks >> 32),
			       .cdw12 = blocks - 1,
			       .buffer = m->buf,
			       .offset = at * m->size,
			       .length = m->size};

	if (vfnc_submit(m->queue, &cmd, &m->tickets[at]) < 0)
		return modes_fail(m, "submit");
	m->next++;
	return 0;
}

static int modes_request_reap(struct modes *m)
{
	struct vfnc_completion c;

	if (vfnc_wait(m->conn, m->tickets[m->first % m->depth], &c, MODES_SOON_MS) < 0)
		return modes_fail(m, "wait");
	m->first++;
	if (!vfnc_ok(&c)) {
		fprintf(stderr, "modes: status %#x\n", c.status);
		return -1;
	}
	return 1;
}

/* ---- served and direct queues ------------------------------------------------------------------------- */

static int modes_shared_open(struct modes *m, enum vfnc_queue_mode mode)
{
	if (modes_queue(m, mode) < 0)
		return -1;
	m->ctrl = vfnc_device_ctrl(m->dev);
	return m->ctrl ? 0 : modes_fail(m, "no controller");
}

static int modes_served_open(struct modes *m)
{
	return modes_shared_open(m, VFNC_QUEUE_SERVED);
}

static int modes_direct_open(struct modes *m)
{
	return modes_shared_open(m, VFNC_QUEUE_DIRECT);
}

static int modes_direct_reap(struct modes *m)
{
	return modes_poll(m->queue->sq, m->queue->cq);
}

static int modes_served_submit(struct modes *m)
{
	uint32_t blocks = m->size / m->ns.block_size;

	return modes_post(m, m->ctrl, m->queue->sq, m->buf->iova, blocks, modes_unit(m) * blocks);
}

static void modes_served_flush(struct modes *m)
{
	modes_ring(m->queue->sq);
}

static int modes_served_reap(struct modes *m)
{
	int n = modes_take(m->queue->sq, m->queue->cq);

	while (n == 0) {
		int ret = vfnc_queue_wait(m->queue, MODES_SOON_MS);

		if (ret != 1) {
			fprintf(stderr, "modes: no completion: %s\n", ret ? strerror(-ret) : "timeout");
			return -1;
		}
		n = modes_take(m->queue->sq, m->queue->cq);
	}
	return n;
}

/* ---- registers ----------------------------------------------------------------------------- */

static int modes_register_submit(struct modes *m)
{
	uint64_t value;

	if (vfnc_register_read(m->dev, "vs", &value) < 0)
		return modes_fail(m, "register");
	return 0;
}

static int modes_register_reap(struct modes *m)
{
	(void)m;
	return 1;
}

/* ---- bare messages ------------------------------------------------------------------------- */

static int modes_relay_open(struct modes *m)
{
	m->relay = relay_start(m->processes);
	return m->relay < 0 ? perf_fail("relay") : 0;
}

static int modes_relay_submit(struct modes *m)
{
	char message[RELAY_MESSAGE] = {0};

	return send(m->relay, message, sizeof(message), MSG_NOSIGNAL) < 0 ? perf_fail("send") : 0;
}

static int modes_relay_reap(struct modes *m)
{
	char message[RELAY_MESSAGE];

	return recv(m->relay, message, sizeof(message), 0) <= 0 ? perf_fail("receive") : 1;
}

static void modes_relay_close(struct modes *m)
{
	if (m->relay >= 0)
		relay_stop(m->relay);
}

static const struct way modes_ways[] = {
	{"libvfn", modes_libvfn_open, modes_libvfn_submit, modes_libvfn_flush, modes_libvfn_reap,
	 modes_libvfn_close},
	{"request", modes_request_open, modes_request_submit, modes_no_flush, modes_request_reap,
	 modes_disconnect},
	{"served", modes_served_open, modes_served_submit, modes_served_flush, modes_served_reap,
	 modes_disconnect},
	{"direct", modes_direct_open, modes_served_submit, modes_served_flush, modes_direct_reap,
	 modes_disconnect},
	{"register", modes_connect, modes_register_submit, modes_no_flush, modes_register_reap,
	 modes_disconnect},
	{"relay", modes_relay_open, modes_relay_submit, modes_no_flush, modes_relay_reap,
	 modes_relay_close},
};

/* ---- measuring ----------------------------------------------------------------------------- */

static int modes_loop(struct modes *m, uint64_t commands)
{
	uint64_t sent = 0, done = 0;

	while (done < commands) {
		int n;

		for (; sent < commands && sent - done < m->depth; sent++)
			if (m->way->submit(m) < 0)
				return -1;
		m->way->flush(m);
		n = m->way->reap(m);
		if (n < 0)
			return -1;
		done += (uint64_t)n;
	}
	return 0;
}

/* What one run has found, and how fast the fastest part of it was. */
struct modes_run {
	struct counts client, daemon;
	uint64_t client_heap, daemon_heap; /* HEAP_UNKNOWN: not counted */
	uint64_t ticks;			   /* a part's */
	bool calls;
};

/* How often the daemon has asked its heap, if it tells. */
static uint64_t modes_daemon_heap(struct modes *m)
{
	uint64_t value;

	if (m->way->submit != modes_register_submit || vfnc_register_read(m->dev, "heap", &value) < 0)
		return HEAP_UNKNOWN;
	return value;
}

static int modes_run(struct modes *m, struct counters *counters, uint64_t part, struct modes_run *run)
{
	uint64_t daemon = modes_daemon_heap(m), client = heap_calls();

	run->ticks = UINT64_MAX;
	counters_start(counters);
	for (int i = 0; i < MODES_PARTS; i++) {
		uint64_t start = get_ticks(), ticks;

		if (modes_loop(m, part) < 0)
			return -1;
		ticks = get_ticks() - start;
		run->ticks = ticks < run->ticks ? ticks : run->ticks;
	}
	counters_stop(counters);
	/* The daemon is asked first: what that takes is in both runs, and falls out of their difference. */
	daemon = daemon == HEAP_UNKNOWN ? daemon : modes_daemon_heap(m) - daemon;
	run->client_heap = client == HEAP_UNKNOWN ? client : heap_calls() - client;
	run->daemon_heap = daemon;
	run->client = counters->client.counts;
	run->daemon = counters->daemon.counts;
	return 0;
}

static void modes_count(const char *name, uint64_t few, uint64_t many, double commands)
{
	if (many != HEAP_UNKNOWN)
		printf("%s %.5f 1/command\n", name, ((double)many - (double)few) / commands);
}

static void modes_print(const struct modes *m, const struct modes_run *few, const struct modes_run *many,
			double commands)
{
	if (few->calls) {
		modes_count("client_system_calls", few->client.calls, many->client.calls, commands);
		modes_count("client_memory_calls", few->client.memory, many->client.memory, commands);
	}
	modes_count("client_sleeps", few->client.sleeps, many->client.sleeps, commands);
	modes_count("client_heap", few->client_heap, many->client_heap, commands);
	if (!m->daemon)
		return;
	if (few->calls) {
		modes_count("daemon_system_calls", few->daemon.calls, many->daemon.calls, commands);
		modes_count("daemon_memory_calls", few->daemon.memory, many->daemon.memory, commands);
	}
	modes_count("daemon_sleeps", few->daemon.sleeps, many->daemon.sleeps, commands);
	modes_count("daemon_heap", few->daemon_heap, many->daemon_heap, commands);
}

/*
 * Two runs, one of them longer: what their counts differ by belongs to the commands that one had more, and what
 * measuring takes falls out.
 */
static int modes_measure(struct modes *m)
{
	uint64_t few = m->commands / MODES_PARTS / MODES_LESS + 1;
	uint64_t many = few + m->commands / MODES_PARTS;
	struct modes_run runs[2];
	struct counters counters;
	int ret;

	/* a part ends with nothing outstanding: let it be some batches */
	few = (few + m->depth - 1) / m->depth * m->depth;
	many = (many + m->depth - 1) / m->depth * m->depth + few;
	if (modes_loop(m, m->warmup) < 0)
		return -1;
	if (counters_open(&counters, m->daemon) < 0)
		return perf_fail("counting");
	ret = modes_run(m, &counters, few, &runs[0]);
	if (ret == 0)
		ret = modes_run(m, &counters, many, &runs[1]);
	counters_close(&counters);
	if (ret < 0)
		return -1;
	runs[0].calls = runs[1].calls = counters.calls;
	printf("commands %" PRIu64 " count\n", m->warmup + (few + many) * MODES_PARTS);
	printf("time %.1f ns\n", perf_us(runs[1].ticks) * 1000 / (double)many);
	modes_print(m, &runs[0], &runs[1], (double)(many - few) * MODES_PARTS);
	return 0;
}

static int modes_usage(FILE *out, int status)
{
	fputs("usage: modes [OPTION]... MODE\n"
	      "\n"
	      "MODE: libvfn, request, served, direct, register, or relay; or idle, which needs -D\n"
	      "  -d, --device ADDRESS  as libvfn or the daemon ($VFND_SOCKET) names it\n"
	      "  -o, --io-size BYTES   of a read (512)\n"
	      "  -q, --depth N         commands outstanding, 1 to 1024 (1)\n"
	      "  -n, --commands N      that are counted (10000)\n"
	      "  -w, --warmup N        commands before them (1000)\n"
	      "  -s, --spin-us N       that a served queue's client looks before it sleeps (0)\n"
	      "  -p, --processes N     that a message of the relay goes through (2)\n"
	      "  -D, --daemon PID      count this process, too\n",
	      out);
	return status;
}

static int modes_number(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end || end == text || *text == '-' || *value > max ? -1 : 0;
}

static int modes_parse(struct modes *m, int argc, char **argv)
{
	static const struct option names[] = {
		{"device", required_argument, NULL, 'd'},   {"io-size", required_argument, NULL, 'o'},
		{"depth", required_argument, NULL, 'q'},    {"commands", required_argument, NULL, 'n'},
		{"warmup", required_argument, NULL, 'w'},   {"spin-us", required_argument, NULL, 's'},
		{"processes", required_argument, NULL, 'p'}, {"daemon", required_argument, NULL, 'D'},
		{"help", no_argument, NULL, 'h'},	    {0},
	};
	uint64_t v;
	int c;

	while ((c = getopt_long(argc, argv, "d:o:q:n:w:s:p:D:h", names, NULL)) != -1) {
		if (c == 'd') {
			m->device = optarg;
			continue;
		}
		if (c == 'h')
			return modes_usage(stdout, 1);
		if (c == '?' || modes_number(optarg, INT32_MAX, &v) < 0)
			return modes_usage(stderr, -1);
		switch (c) {
		case 'o':
			m->size = (uint32_t)v;
			break;
		case 'q':
			m->depth = (unsigned int)v;
			break;
		case 'n':
			m->commands = v;
			break;
		case 'w':
			m->warmup = v;
			break;
		case 's':
			m->spin_us = (unsigned int)v;
			break;
		case 'p':
			m->processes = (unsigned int)v;
			break;
		default:
			m->daemon = (pid_t)v;
		}
	}
	if (optind != argc - 1 || !m->depth || m->depth > MODES_MAX_DEPTH || !m->commands ||
	    !m->size || m->size % MODES_BLOCK || !m->processes || m->processes > 8)
		return modes_usage(stderr, -1);
	for (size_t i = 0; i < ARRAY_SIZE(modes_ways); i++)
		if (!strcmp(modes_ways[i].name, argv[optind]))
			m->way = &modes_ways[i];
	m->idle = m->daemon && !strcmp(argv[optind], "idle");
	return m->way || m->idle ? 0 : modes_usage(stderr, -1);
}

int main(int argc, char **argv)
{
	static struct modes m = {.size = 512,
				 .depth = 1,
				 .commands = 10000,
				 .warmup = 1000,
				 .processes = 2,
				 .random = MODES_RANDOM,
				 .relay = -1};
	int ret = modes_parse(&m, argc, argv);

	if (ret)
		return ret > 0 ? 0 : 2;
	if (m.idle)
		return idle_measure(m.device, m.daemon) < 0 ? 1 : 0;
	ret = m.way->open(&m);
	if (ret == 0)
		ret = modes_measure(&m);
	m.way->close(&m);
	return ret < 0 ? 1 : 0;
}
