/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Write, read back, compare: with long PRP lists, and with vectors of pieces of memory.
 *
 *     cc io.c $(pkg-config --cflags --libs libvfn) -o io
 *     ./io 0000:01:00.0 [NAMESPACE [FIRST-BLOCK]]
 *
 * It OVERWRITES up to 1 MiB of the namespace (1 when none is named) from FIRST-BLOCK (0) on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/nvme.h>

/* Opcodes: NVM Express Base Specification 2.0, 5; NVM Command Set Specification, 3.2. */
#define IDENTIFY   0x06
#define WRITE	   0x01
#define READ	   0x02
#define CNS_NS	   0x00
#define IO_QID	   1
#define IO_ENTRIES 32
#define PIECES	   8

struct io {
	struct nvme_ctrl ctrl;
	uint32_t nsid;
	uint64_t slba;
	uint64_t blocks; /* of the namespace */
	size_t block_size;
	size_t max; /* bytes of the longest transfer */

	unsigned char *out, *in; /* what is written, and what is read */
	uint64_t out_iova, in_iova;
};

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, vfn_error());
	return -1;
}

/* ---- the namespace ------------------------------------------------------------------------- */

/* Identify Namespace: NVM Command Set Specification, 4.1.5.1. */
static int namespace_facts(struct io *io)
{
	union nvme_cmd cmd = {
		.identify = {.opcode = IDENTIFY, .nsid = cpu_to_le32(io->nsid), .cns = CNS_NS}};
	unsigned char *data = io->in;
	leint32_t lbaf;
	leint64_t nsze;
	int format;

	/* nvme_admin() executes one command and waits; it sets up the data pointer by itself. */
	if (nvme_admin(&io->ctrl, &cmd, data, 4096, NULL))
		return fail("Identify Namespace");

	memcpy(&nsze, data, sizeof(nsze));
	io->blocks = le64_to_cpu(nsze);
	if (!io->blocks) {
		fprintf(stderr, "there is no namespace %" PRIu32 "\n", io->nsid);
		return -1;
	}

	/* FLBAS: bits 3:0, and 6:5 above them where there are more than 16 formats */
	format = (data[26] & 0xf) | (data[25] > 15 ? (data[26] >> 5 & 0x3) << 4 : 0);
	memcpy(&lbaf, data + 128 + 4 * format, sizeof(lbaf));
	io->block_size = (size_t)1 << (le32_to_cpu(lbaf) >> 16 & 0xff);
	if (le32_to_cpu(lbaf) & 0xffff) {
		fprintf(stderr, "namespaces with metadata are beyond this example\n");
		return -1;
	}
	return 0;
}

/* The longest transfer, in whole blocks: what controller, namespace and memory allow. */
static int choose_length(struct io *io, size_t memory)
{
	size_t unit = __mps_to_pagesize(io->ctrl.config.mpsmin);
	uint64_t left;

	if (io->slba >= io->blocks) {
		fprintf(stderr, "the namespace ends at block %" PRIu64 "\n", io->blocks);
		return -1;
	}
	left = io->blocks - io->slba;
	io->max = memory;
	if (io->ctrl.config.mdts && unit << io->ctrl.config.mdts < io->max)
		io->max = unit << io->ctrl.config.mdts;
	if (left < io->max / io->block_size)
		io->max = (size_t)left * io->block_size;
	if (65536 * io->block_size < io->max)
		io->max = 65536 * io->block_size;
	io->max -= io->max % io->block_size;
	if (!io->max) {
		fprintf(stderr, "blocks of %zu bytes are beyond this example\n", io->block_size);
		return -1;
	}

	printf("namespace %" PRIu32 ": %" PRIu64 " blocks of %zu bytes; %zu KiB at once\n",
	       io->nsid, io->blocks, io->block_size, io->max >> 10);
	return 0;
}

/* ---- commands ------------------------------------------------------------------------------ */

/*
 * One command over `len` bytes: at `iova`, or, with `niov`, in pieces. Waits for it, since this
 * example is about the data; async.c has many of them under way.
 */
static int transfer(struct io *io, uint8_t opcode, uint64_t iova, struct iovec *iov, int niov,
		    size_t len)
{
	struct nvme_rq *rq = nvme_rq_acquire(&io->ctrl.sq[IO_QID]);
	union nvme_cmd cmd = {
		.rw = {
			.opcode = opcode,
			.nsid = cpu_to_le32(io->nsid),
			.slba = cpu_to_le64(io->slba),
			.nlb = cpu_to_le16((uint16_t)(len / io->block_size - 1)), /* 0's based */
		}};
	int err;

	if (!rq) {
		perror("no room in the queue");
		return -1;
	}
	if (niov)
		err = nvme_rq_mapv(&io->ctrl, rq, &cmd, iov, niov);
	else
		err = nvme_rq_map_prp(&io->ctrl, rq, &cmd, iova, len);
	if (err) {
		nvme_rq_release(rq);
		return fail("data pointer");
	}

	nvme_rq_exec(rq, &cmd);
	err = nvme_rq_spin(rq, NULL);

	/* Neither done nor failed: its tracker, and the data, stay the controller's. */
	if (err && errno != EIO)
		return fail("no completion");
	nvme_rq_release(rq);
	return err ? fail(opcode == WRITE ? "Write" : "Read") : 0;
}

/* Other data in each round, so that what an earlier round has left is not taken for this one's. */
static void fill(struct io *io, size_t len, unsigned int round)
{
	for (size_t i = 0; i < len; i++)
		io->out[i] = (unsigned char)(i * 31 + i / 251 + round * 83);
	memset(io->in, 0, len);
}

static int compare(const struct io *io, size_t len, const char *what)
{
	for (size_t i = 0; i < len; i++) {
		if (io->out[i] != io->in[i]) {
			fprintf(stderr, "%s: byte %zu is %02x, not %02x\n", what, i, io->in[i],
				io->out[i]);
			return -1;
		}
	}
	printf("%-22s %8zu bytes written, read back and compared\n", what, len);
	return 0;
}

/* ---- the two ways -------------------------------------------------------------------------- */

/* Memory that is one piece as IOVAs. Beyond two pages the command points at a list of pages. */
static int contiguous(struct io *io, size_t len, unsigned int round)
{
	size_t pages = (len + __VFN_PAGESIZE - 1) / __VFN_PAGESIZE;
	char what[32];

	fill(io, len, round);
	if (transfer(io, WRITE, io->out_iova, NULL, 0, len) ||
	    transfer(io, READ, io->in_iova, NULL, 0, len))
		return -1;
	snprintf(what, sizeof(what), "%zu page%s:", pages, pages == 1 ? "" : "s");
	return compare(io, len, what);
}

/*
 * The same data in pieces that do not follow each other. Written from pieces in one order and read
 * into pieces in another, so that both ends of the vector are tried. Pieces are whole pages, which
 * PRPs need; where the controller has SGLs, nvme_rq_mapv() makes one.
 */
static int vectors(struct io *io, size_t len, unsigned int round)
{
	size_t piece = len / PIECES / __VFN_PAGESIZE * __VFN_PAGESIZE;
	struct iovec out[PIECES], in[PIECES];

	/* What a namespace or a controller does not allow is no reason to fail. */
	if (!piece || PIECES * piece % io->block_size) {
		printf("%d pieces: the longest transfer is too short for them\n", PIECES);
		return 0;
	}
	len = PIECES * piece;

	fill(io, len, round);
	for (size_t i = 0; i < PIECES; i++) {
		out[i] = (struct iovec){io->out + (i ^ 1) * piece, piece};
		in[i] = (struct iovec){io->in + (i ^ 1) * piece, piece};
	}
	if (transfer(io, WRITE, 0, out, PIECES, len) || transfer(io, READ, 0, in, PIECES, len) ||
	    compare(io, len, "8 pieces, swapped:"))
		return -1;

	/* What the pieces were swapped to on the medium is seen by a plain read. */
	memset(io->in, 0, len);
	if (transfer(io, READ, io->in_iova, NULL, 0, len))
		return -1;
	for (size_t i = 0; i < PIECES; i++) {
		if (memcmp(io->in + i * piece, io->out + (i ^ 1) * piece, piece) != 0) {
			fprintf(stderr, "piece %zu is not where it was written\n", i);
			return -1;
		}
	}
	printf("%-22s %8zu bytes, each piece where it belongs\n", "the same in one piece:", len);
	return 0;
}

static int run(struct io *io, size_t memory)
{
	unsigned int round = 1;

	if (namespace_facts(io) || choose_length(io, memory))
		return -1;
	if (nvme_create_ioqpair(&io->ctrl, IO_QID, IO_ENTRIES, -1, 0))
		return fail("queue pair");

	/* One block, then twice as much each time: one page, two pages, lists. */
	for (size_t len = io->block_size; len < io->max; len *= 4) {
		if (contiguous(io, len, round++))
			return -1;
	}
	if (contiguous(io, io->max, round++) || vectors(io, io->max, round))
		return -1;

	/* nvme_close() would do; in good order: */
	if (nvme_delete_ioqpair(&io->ctrl, IO_QID))
		return fail("delete the queue pair");
	return 0;
}

/* ---- memory, and the program --------------------------------------------------------------- */

static int with_memory(struct io *io)
{
	struct iommu_ctx *ctx = __iommu_ctx(&io->ctrl);
	size_t half = (size_t)1 << 20;
	ssize_t len;
	void *mem;
	int err;

	len = pgmapn(&mem, 2, half);
	if (len < 0)
		return fail("memory");
	if (iommu_map_vaddr(ctx, mem, (size_t)len, &io->out_iova, 0)) {
		pgunmap(mem, (size_t)len);
		return fail("mapping");
	}
	io->out = mem;
	io->in = io->out + half;
	io->in_iova = io->out_iova + half;

	err = run(io, half);

	/* Disabled before its memory goes: had it not answered, it could still write there. */
	nvme_reset(&io->ctrl);
	iommu_unmap_vaddr(ctx, mem, NULL);
	pgunmap(mem, (size_t)len);
	return err;
}

static bool number(const char *text, uint64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoull(text, &end, 0);
	return !errno && end != text && !*end && text[0] != '-';
}

int main(int argc, char **argv)
{
	uint64_t nsid = 1, slba = 0;
	struct io io = {0};
	int err;

	if (argc < 2 || argc > 4 || (argc > 2 && !number(argv[2], &nsid)) ||
	    (argc > 3 && !number(argv[3], &slba)) || !nsid || nsid >= UINT32_MAX) {
		fprintf(stderr, "usage: %s DEVICE [NAMESPACE [FIRST-BLOCK]]\n", argv[0]);
		return 2;
	}
	io.nsid = (uint32_t)nsid;
	io.slba = slba;

	if (nvme_init(&io.ctrl, argv[1], NULL)) {
		fail(argv[1]);
		return 1;
	}
	err = with_memory(&io);
	nvme_close(&io.ctrl);
	return err ? 1 : 0;
}
