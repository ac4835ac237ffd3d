/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Use the controller memory buffer: a submission queue and data in memory of the controller's own.
 *
 *     cc cmb.c $(pkg-config --cflags --libs libvfn) -o cmb
 *     ./cmb 0000:01:00.0 [NAMESPACE]
 *
 * It OVERWRITES the first 4 KiB of the namespace (1): they are written from host memory, read by
 * the controller into its own buffer, and compared there by the processor; then the other way
 * round, as far as the controller allows it.
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
#define LEN	 4096
#define IO_QID	 1
#define ENTRIES	 16

struct cmb {
	struct nvme_ctrl ctrl;
	struct nvme_cmb buffer;
	uint32_t nsid;
	size_t block_size;
	unsigned char *host; /* LEN bytes of host memory */
	uint64_t host_iova;
	unsigned char *data; /* LEN bytes of the buffer */
	uint64_t data_iova;
};

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, vfn_error());
	return -1;
}

/* Identify Namespace: NVM Command Set Specification, 4.1.5.1. */
static int namespace_facts(struct cmb *cmb)
{
	union nvme_cmd cmd = {.identify = {.opcode = IDENTIFY, .nsid = cpu_to_le32(cmb->nsid)}};
	leint32_t lbaf;
	leint64_t nsze;

	if (nvme_admin(&cmb->ctrl, &cmd, cmb->host, 4096, NULL))
		return fail("Identify Namespace");
	memcpy(&nsze, cmb->host, sizeof(nsze));
	memcpy(&lbaf, cmb->host + 128 + 4 * (cmb->host[26] & 0xf), sizeof(lbaf));
	cmb->block_size = (size_t)1 << (le32_to_cpu(lbaf) >> 16 & 0xff);
	if (!nsze || (le32_to_cpu(lbaf) & 0xffff) || cmb->block_size > LEN) {
		fprintf(stderr, "namespace %" PRIu32 " is not active, or not for this example\n",
			cmb->nsid);
		return -1;
	}
	return 0;
}

/* Read or write LEN bytes from block 0 on, and wait. */
static int transfer(struct cmb *cmb, uint8_t opcode, uint64_t iova)
{
	struct nvme_rq *rq = nvme_rq_acquire(&cmb->ctrl.sq[IO_QID]);
	union nvme_cmd cmd = {
		.rw = {
			.opcode = opcode,
			.nsid = cpu_to_le32(cmb->nsid),
			.nlb = cpu_to_le16((uint16_t)(LEN / cmb->block_size - 1)), /* 0's based */
		}};

	if (!rq) {
		perror("no room in the queue");
		return -1;
	}
	if (nvme_rq_map_prp(&cmb->ctrl, rq, &cmd, iova, LEN)) {
		nvme_rq_release(rq);
		return fail("data pointer");
	}
	nvme_rq_exec(rq, &cmd);
	if (nvme_rq_spin(rq, NULL)) {
		if (errno == EIO)
			nvme_rq_release(rq);
		return fail(opcode == WRITE ? "Write" : "Read");
	}
	nvme_rq_release(rq);
	return 0;
}

/*
 * What the processor does with the buffer goes over the bus, where it may matter how wide an access
 * is: aligned words are right everywhere, memcpy() and memcmp() need not be.
 */
static void fill_words(void *mem, unsigned int seed)
{
	uint32_t *word = mem;

	for (uint32_t i = 0; i < LEN / sizeof(*word); i++)
		STORE(word[i], i * 2654435761u + seed);
}

static int check_words(const void *mem, unsigned int seed, const char *what)
{
	const uint32_t *word = mem;

	for (uint32_t i = 0; i < LEN / sizeof(*word); i++) {
		if (LOAD(word[i]) != i * 2654435761u + seed) {
			fprintf(stderr, "%s: byte %zu and on is wrong\n", what, i * sizeof(*word));
			return -1;
		}
	}
	printf("%s: %d bytes compared\n", what, LEN);
	return 0;
}

/* Data from host memory, and back into the buffer; then the other way round. */
static int transfers(struct cmb *cmb)
{
	if (cmb->buffer.flags & NVME_CMB_RDS) {
		fill_words(cmb->host, 1);
		if (transfer(cmb, WRITE, cmb->host_iova) || transfer(cmb, READ, cmb->data_iova) ||
		    check_words(cmb->data, 1, "read into the buffer"))
			return -1;
	} else {
		printf("the controller does not read into the buffer\n");
	}

	if (cmb->buffer.flags & NVME_CMB_WDS) {
		memset(cmb->host, 0, LEN);
		fill_words(cmb->data, 2);
		if (transfer(cmb, WRITE, cmb->data_iova) || transfer(cmb, READ, cmb->host_iova) ||
		    check_words(cmb->host, 2, "written from the buffer"))
			return -1;
	} else {
		printf("the controller does not write from the buffer\n");
	}
	return 0;
}

/* A queue pair; its submission queue is in the buffer, if the controller has queues there. */
static int with_queues(struct cmb *cmb)
{
	struct nvme_ctrl *ctrl = &cmb->ctrl;
	struct nvme_queue_mem mem = {.len = ENTRIES << NVME_SQES};
	bool inside = cmb->buffer.flags & NVME_CMB_SQS;
	int err;

	if (inside) {
		mem.vaddr = nvme_cmb_alloc(ctrl, mem.len, &mem.iova);
		if (!mem.vaddr)
			return fail("memory for the submission queue");
	}
	printf("submission queue in %s\n", inside ? "the buffer" : "host memory");

	err = nvme_create_iocq(ctrl, IO_QID, ENTRIES, -1);
	if (err) {
		fail("completion queue");
		goto free_mem;
	}
	err = nvme_create_iosq_at(ctrl, IO_QID, ENTRIES, &ctrl->cq[IO_QID], 0, inside ? &mem : NULL,
				  NULL);
	if (err) {
		fail("submission queue");
		goto free_mem;
	}

	err = transfers(cmb);

	if (nvme_delete_ioqpair(ctrl, IO_QID))
		err = fail("delete the queue pair");
free_mem:
	nvme_cmb_free(ctrl, mem.vaddr);
	return err;
}

static int with_buffer(struct cmb *cmb)
{
	int err;

	if (nvme_cmb_enable(&cmb->ctrl, &cmb->buffer))
		return fail("controller memory buffer");
	printf("controller memory buffer: %zu KiB at IOVA 0x%" PRIx64 ", for%s%s%s%s%s\n",
	       cmb->buffer.size >> 10, cmb->buffer.iova,
	       cmb->buffer.flags & NVME_CMB_SQS ? " submission queues" : "",
	       cmb->buffer.flags & NVME_CMB_CQS ? " completion queues" : "",
	       cmb->buffer.flags & NVME_CMB_LISTS ? " lists" : "",
	       cmb->buffer.flags & NVME_CMB_RDS ? " reads" : "",
	       cmb->buffer.flags & NVME_CMB_WDS ? " writes" : "");

	cmb->data = nvme_cmb_alloc(&cmb->ctrl, LEN, &cmb->data_iova);
	if (!cmb->data) {
		err = fail("memory for data");
	} else {
		err = with_queues(cmb);
		nvme_cmb_free(&cmb->ctrl, cmb->data);
	}
	if (nvme_cmb_disable(&cmb->ctrl))
		err = fail("turn the buffer off");
	return err;
}

static int with_memory(struct cmb *cmb)
{
	struct iommu_ctx *ctx = __iommu_ctx(&cmb->ctrl);
	ssize_t len;
	void *mem;
	int err;

	len = pgmap(&mem, LEN);
	if (len < 0 || iommu_map_vaddr(ctx, mem, (size_t)len, &cmb->host_iova, 0)) {
		if (len > 0)
			pgunmap(mem, (size_t)len);
		return fail("memory");
	}
	cmb->host = mem;

	err = namespace_facts(cmb);
	if (!err)
		err = with_buffer(cmb);

	/* Disabled before its memory goes: had it not answered, it could still write there. */
	nvme_reset(&cmb->ctrl);
	iommu_unmap_vaddr(ctx, mem, NULL);
	pgunmap(mem, (size_t)len);
	return err;
}

int main(int argc, char **argv)
{
	unsigned long nsid = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	struct cmb cmb = {0};
	int err;

	if (argc < 2 || argc > 3 || !nsid || nsid >= UINT32_MAX) {
		fprintf(stderr, "usage: %s DEVICE [NAMESPACE]\n", argv[0]);
		return 2;
	}
	cmb.nsid = (uint32_t)nsid;
	if (nvme_init(&cmb.ctrl, argv[1], NULL)) {
		fail(argv[1]);
		return 1;
	}
	err = with_memory(&cmb);
	nvme_close(&cmb.ctrl);
	return err ? 1 : 0;
}
