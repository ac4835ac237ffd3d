/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An asynchronous back end, as a library of many back ends has one: submit with a callback, poke
 * it for completions, drain it.
 *
 *     cc async.c $(pkg-config --cflags --libs libvfn) -o async
 *     ./async 0000:01:00.0 [NAMESPACE [DEPTH]]
 *
 * The program below the back end writes 512 chunks of 4 KiB, with DEPTH (16) of them under way, and
 * reads each back, from the callback of its write, to compare it. It OVERWRITES the first 2 MiB of
 * the namespace (1).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/nvme.h>

/* Opcodes: NVM Express Base Specification 2.0, 5; NVM Command Set Specification, 3.2. */
#define IDENTIFY 0x06
#define WRITE	 0x01
#define READ	 0x02
#define IO_QID	 1

/* ---- the back end -------------------------------------------------------------------------- */

struct backend {
	struct nvme_ctrl ctrl;
	struct nvme_sq *sq;
	uint32_t nsid;
	uint64_t blocks;
	size_t block_size;
	unsigned int outstanding;
	struct op *free; /* a list of those that are not under way */
	struct op *ops;
};

/* Called once for each command that was submitted: `err` is 0, or EIO if the controller failed it.
 */
typedef void (*backend_fn)(struct backend *be, int err, void *arg);

/* What the tracker of a command points at. One for each tracker: made before, never during I/O. */
struct op {
	backend_fn fn;
	void *arg;
	struct op *next;
};

/*
 * Begin to read or write `len` bytes (whole blocks) at block `lba`, from or to `buf`, which is
 * mapped in the controller's context. 0, or -1 and `fn` will not be called: EBUSY the queue is
 * full, poke it first; or of nvme_rq_mapv().
 */
static int backend_submit(struct backend *be, uint8_t opcode, uint64_t lba, void *buf, size_t len,
			  backend_fn fn, void *arg)
{
	union nvme_cmd cmd = {
		.rw = {
			.opcode = opcode,
			.nsid = cpu_to_le32(be->nsid),
			.slba = cpu_to_le64(lba),
			.nlb = cpu_to_le16((uint16_t)(len / be->block_size - 1)), /* 0's based */
		}};
	struct iovec iov = {buf, len};
	struct nvme_rq *rq = nvme_rq_acquire(be->sq);
	struct op *op = be->free;
	int err;

	if (!rq)
		return -1;
	if (nvme_rq_mapv(&be->ctrl, rq, &cmd, &iov, 1)) {
		err = errno;
		nvme_rq_release(rq);
		errno = err;
		return -1;
	}

	/* There are as many as trackers, so where a tracker was free one of them is, too. */
	be->free = op->next;
	op->fn = fn;
	op->arg = arg;
	rq->opaque = op;

	/* Only posted: backend_poke() tells the controller of all that has come together. */
	nvme_rq_post(rq, &cmd);
	be->outstanding++;
	return 0;
}

/*
 * Tell the controller of what was submitted, and call back for at most `max` commands that have
 * completed; how many these were. Callbacks may submit.
 */
static int backend_poke(struct backend *be, int max)
{
	struct nvme_cq *cq = be->sq->cq;
	int n = 0;

	nvme_sq_update_tail(be->sq);
	while (n < max) {
		struct nvme_cqe *cqe = nvme_cq_get_cqe(cq);
		struct nvme_rq *rq;
		struct op *op;
		int err;

		if (!cqe)
			break;
		n++;
		rq = __nvme_rq_from_cqe(be->sq, cqe);
		if (!rq)
			continue;
		op = rq->opaque;
		err = nvme_cqe_ok(cqe) ? 0 : EIO;

		/* Everything is given back before the callback, which may want it again. */
		nvme_rq_release(rq);
		op->next = be->free;
		be->free = op;
		be->outstanding--;
		op->fn(be, err, op->arg);
	}
	if (n) {
		nvme_cq_update_head(cq);
		/* what callbacks have submitted */
		nvme_sq_update_tail(be->sq);
	}
	return n;
}

/* Until nothing is under way. 0, or -1 when nothing completes for ten seconds. */
static int backend_drain(struct backend *be)
{
	uint64_t last = get_ticks();

	while (be->outstanding) {
		if (backend_poke(be, INT32_MAX)) {
			last = get_ticks();
		} else if (get_ticks() - last > 10 * __vfn_ticks_freq) {
			errno = ETIMEDOUT;
			vfn_error_set("%u commands do not complete", be->outstanding);
			return -1;
		}
	}
	return 0;
}

/* Identify Namespace: NVM Command Set Specification, 4.1.5.1. */
static int backend_namespace(struct backend *be)
{
	union nvme_cmd cmd = {.identify = {.opcode = IDENTIFY, .nsid = cpu_to_le32(be->nsid)}};
	unsigned char data[4096];
	leint32_t lbaf;
	leint64_t nsze;

	/* A buffer that is not mapped does for nvme_admin(): the data goes through a copy. */
	if (nvme_admin(&be->ctrl, &cmd, data, sizeof(data), NULL))
		return -1;
	memcpy(&nsze, data, sizeof(nsze));
	memcpy(&lbaf, data + 128 + 4 * (data[26] & 0xf), sizeof(lbaf));
	be->blocks = le64_to_cpu(nsze);
	be->block_size = (size_t)1 << (le32_to_cpu(lbaf) >> 16 & 0xff);
	if (be->blocks && !(le32_to_cpu(lbaf) & 0xffff))
		return 0;
	errno = ENOTSUP;
	vfn_error_set("namespace %" PRIu32 " is not active, or has metadata", be->nsid);
	return -1;
}

/* Nothing may be under way any more, or else the memory that it uses must outlive this. */
static void backend_close(struct backend *be)
{
	nvme_close(&be->ctrl);
	free(be->ops);
}

/* 0, or -1 and vfn_error() says why; nothing is left behind then. */
static int backend_open(struct backend *be, const char *device, uint32_t nsid, int depth)
{
	/* one entry more: a queue that is full to the last could not be told from an empty one */
	int entries = depth + 1;

	*be = (struct backend){.nsid = nsid};
	if (nvme_init(&be->ctrl, device, NULL))
		return -1;
	if (backend_namespace(be))
		goto close;
	if (entries > be->ctrl.config.mqes + 1) {
		errno = EINVAL;
		vfn_error_set("the controller's queues have %d entries at most",
			      be->ctrl.config.mqes + 1);
		goto close;
	}
	if (nvme_create_ioqpair(&be->ctrl, IO_QID, entries, -1, 0))
		goto close;
	be->sq = &be->ctrl.sq[IO_QID];

	be->ops = newn_t((unsigned int)depth, struct op);
	for (int i = 0; i < depth; i++) {
		be->ops[i].next = be->free;
		be->free = &be->ops[i];
	}
	return 0;

close:
	backend_close(be);
	return -1;
}

/* ---- a program that uses it ---------------------------------------------------------------- */

#define CHUNKS	  512
#define CHUNK_LEN 4096

/* What one slot is at: it writes a chunk, reads it, takes the next one. */
struct slot {
	struct work *work;
	uint64_t chunk;
	unsigned char *out, *in;
};

struct work {
	uint64_t next; /* the chunk that nobody has taken yet */
	uint64_t compared;
	unsigned int most; /* commands under way at the same time */
	bool failed;
};

static void on_written(struct backend *be, int err, void *arg);
static void on_read(struct backend *be, int err, void *arg);

static void give_up(struct work *work, const char *what, const char *why)
{
	if (!work->failed)
		fprintf(stderr, "%s: %s\n", what, why);
	work->failed = true;
}

static void submit(struct backend *be, struct slot *slot, uint8_t opcode)
{
	struct work *work = slot->work;
	bool write = opcode == WRITE;

	if (backend_submit(be, opcode, slot->chunk * (CHUNK_LEN / be->block_size),
			   write ? slot->out : slot->in, CHUNK_LEN, write ? on_written : on_read,
			   slot))
		give_up(work, "submit", strerror(errno));
	if (be->outstanding > work->most)
		work->most = be->outstanding;
}

static void take_next(struct backend *be, struct slot *slot)
{
	struct work *work = slot->work;

	if (work->next == CHUNKS || work->failed)
		return;
	slot->chunk = work->next++;
	for (size_t i = 0; i < CHUNK_LEN; i++)
		slot->out[i] = (unsigned char)(i * 13 + i / 256 + slot->chunk * 71);
	memset(slot->in, 0, CHUNK_LEN);
	submit(be, slot, WRITE);
}

static void on_written(struct backend *be, int err, void *arg)
{
	struct slot *slot = arg;

	if (err)
		give_up(slot->work, "write", strerror(err));
	else
		submit(be, slot, READ);
}

static void on_read(struct backend *be, int err, void *arg)
{
	struct slot *slot = arg;

	if (err) {
		give_up(slot->work, "read", strerror(err));
	} else if (memcmp(slot->out, slot->in, CHUNK_LEN) != 0) {
		give_up(slot->work, "compare", "what was read is not what was written");
	} else {
		slot->work->compared++;
		take_next(be, slot);
	}
}

static int run(struct backend *be, struct slot *slots, int depth)
{
	struct work work = {0};
	uint64_t start = get_ticks();

	for (int i = 0; i < depth; i++) {
		slots[i].work = &work;
		take_next(be, &slots[i]);
	}
	if (backend_drain(be)) {
		fprintf(stderr, "drain: %s\n", vfn_error());
		return -1;
	}
	if (work.failed)
		return -1;

	printf("%" PRIu64 " chunks of %d bytes written, read back and compared\n", work.compared,
	       CHUNK_LEN);
	printf("at most %u commands under way; %.1f ms\n", work.most,
	       (double)(get_ticks() - start) * 1000 / (double)__vfn_ticks_freq);
	return 0;
}

static int with_memory(struct backend *be, int depth)
{
	struct iommu_ctx *ctx = __iommu_ctx(&be->ctrl);
	struct slot *slots;
	ssize_t len;
	void *mem;
	int err;

	if (be->block_size > CHUNK_LEN || be->blocks * be->block_size < CHUNKS * CHUNK_LEN) {
		fprintf(stderr, "the namespace has not %d chunks of %d bytes\n", CHUNKS, CHUNK_LEN);
		return -1;
	}

	/* Mapped once, before there is any I/O: mapping costs much more than a command does. */
	len = pgmapn(&mem, 2 * (unsigned int)depth, CHUNK_LEN);
	if (len < 0 || iommu_map_vaddr(ctx, mem, (size_t)len, NULL, 0)) {
		fprintf(stderr, "memory: %s\n", vfn_error());
		if (len > 0)
			pgunmap(mem, (size_t)len);
		return -1;
	}
	slots = znewn_t((unsigned int)depth, struct slot);
	for (int i = 0; i < depth; i++) {
		slots[i].out = (unsigned char *)mem + 2 * (size_t)i * CHUNK_LEN;
		slots[i].in = slots[i].out + CHUNK_LEN;
	}

	err = run(be, slots, depth);

	/* Disabled before its memory goes: what has not completed could still write there. */
	nvme_reset(&be->ctrl);
	iommu_unmap_vaddr(ctx, mem, NULL);
	pgunmap(mem, (size_t)len);
	free(slots);
	return err;
}

int main(int argc, char **argv)
{
	unsigned long nsid = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	unsigned long depth = argc > 3 ? strtoul(argv[3], NULL, 0) : 16;
	struct backend be;
	int err;

	if (argc < 2 || argc > 4 || !nsid || nsid >= UINT32_MAX || !depth || depth > 1024) {
		fprintf(stderr, "usage: %s DEVICE [NAMESPACE [DEPTH]]\n", argv[0]);
		return 2;
	}
	if (backend_open(&be, argv[1], (uint32_t)nsid, (int)depth)) {
		fprintf(stderr, "%s: %s\n", argv[1], vfn_error());
		return 1;
	}
	err = with_memory(&be, (int)depth);
	backend_close(&be);
	return err ? 1 : 0;
}
