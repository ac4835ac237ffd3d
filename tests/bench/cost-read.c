/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost - what one 512-byte read costs through level two, on a queue in memory
 *
 *     cost path|base each|batch plain|shadow READS
 *     cost order
 *
 * `path` makes READS reads: acquire a tracker, fill in opcode, namespace and LBA, map its PRPs,
 * execute it; then get the completion, find its tracker, release that, update the head. A stand-in
 * for the controller completes at once. `base` runs the same loops and the same stand-in, as often
 * and with the same work, without any call of libvfn: the difference is libvfn's. `batch` posts 32
 * reads for each doorbell, and consumes 32 completions for each.
 *
 * `order` checks that what tells the ways to ring a doorbell apart is not looked at before the
 * event index asks for the doorbell: it lies in memory that must not be touched.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nvme/internal.h"

#define QSIZE 64
#define BATCH 32
#define IOVA  0x100000000ull

#define BENCH_NOINLINE __attribute__((noinline))

/* The controller's end of the pair. */
struct device {
	union nvme_cmd *sqes;
	struct nvme_cqe *cqes;
	unsigned int sq_head, cq_tail, phase;
};

static struct device device;
static struct nvme_ctrl ctrl;
static leint32_t doorbells[2], shadow[2], eventidx[2];

/* Fetch and complete `n` commands. */
static BENCH_NOINLINE void device_complete(struct device *dev, unsigned int n)
{
	while (n--) {
		struct nvme_cqe *cqe = &dev->cqes[dev->cq_tail];

		cqe->dw0 = 0;
		cqe->sqhd = cpu_to_le16((uint16_t)dev->sq_head);
		cqe->sqid = cpu_to_le16(1);
		cqe->cid = dev->sqes[dev->sq_head].cid;
		STORE(cqe->sfp, cpu_to_le16((uint16_t)dev->phase));
		dev->sq_head = (dev->sq_head + 1) % QSIZE;
		dev->cq_tail = (dev->cq_tail + 1) % QSIZE;
		dev->phase ^= !dev->cq_tail;
	}
	barrier();
}

static void bad(const char *what)
{
	fprintf(stderr, "cost: %s\n", what);
	exit(1);
}

static inline struct nvme_rq *prepare(struct nvme_sq *sq, union nvme_cmd *cmd, unsigned long slba)
{
	struct nvme_rq *rq = nvme_rq_acquire(sq);

	cmd->rw.opcode = 0x2;
	cmd->rw.nsid = cpu_to_le32(1);
	cmd->rw.slba = cpu_to_le64(slba);
	if (!rq || nvme_rq_map_prp(&ctrl, rq, cmd, IOVA + slba * 512, 512))
		abort();
	return rq;
}

static inline void consume(struct nvme_sq *sq, struct nvme_cq *cq)
{
	struct nvme_cqe *cqe = nvme_cq_get_cqe(cq);
	struct nvme_rq *rq;

	if (!cqe)
		abort();
	rq = __nvme_rq_from_cqe(sq, cqe);
	if (!rq)
		abort();
	nvme_rq_release(rq);
}

static BENCH_NOINLINE void path_each(struct nvme_sq *sq, unsigned long reads)
{
	struct nvme_cq *cq = sq->cq;
	union nvme_cmd cmd = {0};

	for (unsigned long i = 0; i < reads; i++) {
		struct nvme_rq *rq = prepare(sq, &cmd, i);

		nvme_rq_exec(rq, &cmd);
		device_complete(&device, 1);
		consume(sq, cq);
		nvme_cq_update_head(cq);
	}
}

static BENCH_NOINLINE void base_each(struct nvme_sq *sq, unsigned long reads)
{
	for (unsigned long i = 0; i < reads; i++)
		device_complete(&device, 1);
}

static BENCH_NOINLINE void path_batch(struct nvme_sq *sq, unsigned long reads)
{
	struct nvme_cq *cq = sq->cq;
	union nvme_cmd cmd = {0};

	for (unsigned long i = 0; i < reads; i += BATCH) {
		for (unsigned long j = i; j < i + BATCH; j++) {
			struct nvme_rq *rq = prepare(sq, &cmd, j);

			nvme_rq_post(rq, &cmd);
		}
		nvme_sq_update_tail(sq);
		device_complete(&device, BATCH);
		for (int j = 0; j < BATCH; j++)
			consume(sq, cq);
		nvme_cq_update_head(cq);
	}
}

static BENCH_NOINLINE void base_batch(struct nvme_sq *sq, unsigned long reads)
{
	for (unsigned long i = 0; i < reads; i += BATCH) {
		for (unsigned long j = i; j < i + BATCH; j++)
			barrier();
		device_complete(&device, BATCH);
		for (int j = 0; j < BATCH; j++)
			barrier();
	}
}

static void setup(struct nvme_sq *sq, struct nvme_cq *cq, bool with_shadow)
{
	*cq = (struct nvme_cq){
		.vaddr = calloc(QSIZE, sizeof(struct nvme_cqe)),
		.id = 1,
		.qsize = QSIZE,
		.entry_size = sizeof(struct nvme_cqe),
		.doorbell = &doorbells[1],
		.vector = -1,
		.ctrl = &ctrl,
	};
	*sq = (struct nvme_sq){
		.cq = cq,
		.vaddr = calloc(QSIZE, sizeof(union nvme_cmd)),
		.id = 1,
		.qsize = QSIZE,
		.entry_size = sizeof(union nvme_cmd),
		.doorbell = &doorbells[0],
		.ctrl = &ctrl,
	};
	if (with_shadow) {
		sq->dbbuf = (struct nvme_dbbuf){&shadow[0], &eventidx[0]};
		cq->dbbuf = (struct nvme_dbbuf){&shadow[1], &eventidx[1]};
		/* a controller that polls */
		eventidx[0] = eventidx[1] = cpu_to_le32(UINT32_MAX);
	}
	if (!sq->vaddr || !cq->vaddr || nvme_rq_setup(&ctrl, sq, QSIZE - 1))
		bad("no memory");
	device = (struct device){.sqes = sq->vaddr, .cqes = cq->vaddr, .phase = 1};
}

static sigjmp_buf touched;

static void on_segv(int sig)
{
	(void)sig;
	siglongjmp(touched, 1);
}

/* Memory that is `len` bytes long to use, with one page after it that is out of bounds. */
static void *fenced(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);

	if (mem == MAP_FAILED)
		bad("no memory");
	return mem + page - len;
}

static void fence(void *mem, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (mprotect((char *)mem + len, page, PROT_NONE))
		bad("mprotect");
}

/* True when an update of either doorbell touched what lies beyond the fence. */
static bool update_touches(struct nvme_sq *sq, struct nvme_cq *cq, bool tail)
{
	if (sigsetjmp(touched, 1))
		return true;
	if (tail) {
		sq->tail = (uint16_t)((sq->tail + 1) % QSIZE);
		nvme_sq_update_tail(sq);
	} else {
		cq->head = (uint16_t)((cq->head + 1) % QSIZE);
		nvme_cq_update_head(cq);
	}
	return false;
}

static int order(void)
{
	static const size_t sq_len = offsetof(struct nvme_sq, kick);
	static const size_t cq_len = offsetof(struct nvme_cq, kick);
	struct nvme_sq *sq = fenced(sq_len);
	struct nvme_cq *cq = fenced(cq_len);

	setup(sq, cq, true);
	/* a device without mapped doorbells, as far as that may be looked at */
	sq->doorbell = cq->doorbell = NULL;
	fence(sq, sq_len);
	fence(cq, cq_len);
	signal(SIGSEGV, on_segv);

	for (int tail = 0; tail < 2; tail++) {
		const char *name = tail ? "submission" : "completion";

		if (update_touches(sq, cq, tail))
			return printf("%s: transport looked at before the event index\n", name), 1;
		/* now the controller asks for the doorbell */
		eventidx[0] = shadow[0];
		eventidx[1] = shadow[1];
		if (!update_touches(sq, cq, tail))
			return printf("%s: the fence does not work\n", name), 1;
		eventidx[0] = eventidx[1] = cpu_to_le32(UINT32_MAX);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct nvme_sq sq;
	struct nvme_cq cq;
	unsigned long reads;
	bool path, batch;

	if (argc == 2 && !strcmp(argv[1], "order"))
		return order();
	if (argc != 5)
		bad("usage: cost path|base each|batch plain|shadow READS");

	path = !strcmp(argv[1], "path");
	batch = !strcmp(argv[2], "batch");
	setup(&sq, &cq, !strcmp(argv[3], "shadow"));
	reads = strtoul(argv[4], NULL, 0);

	if (batch)
		(path ? path_batch : base_batch)(&sq, reads);
	else
		(path ? path_each : base_each)(&sq, reads);

	/* all went through, or the numbers are worth nothing */
	if (path && (sq.tail != (batch ? (reads + BATCH - 1) / BATCH * BATCH : reads) % QSIZE ||
		     cq.head != sq.tail))
		bad("not every read went through");
	return 0;
}
