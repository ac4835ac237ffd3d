// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes and reads on a queue pair, as a back end with callbacks does: the tracker's pointer leads
 * to the request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/nvme.h>

#define DEPTH 16
#define SIZE  8192u

struct backend {
	struct nvme_ctrl ctrl;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	int done, failed;
};

struct request {
	struct backend *backend;
	void (*complete)(struct request *req, struct nvme_cqe *cqe);
	void *buf;
};

static void completed(struct request *req, struct nvme_cqe *cqe)
{
	req->backend->done++;
	if (nvme_set_errno_from_cqe(cqe))
		req->backend->failed++;
}

static int submit(struct backend *b, struct request *req, uint8_t opcode, uint64_t slba, bool vec)
{
	struct nvme_rq *rq = nvme_rq_acquire_atomic(b->sq);
	struct iovec iov[2];
	union nvme_cmd cmd;
	uint64_t iova;

	if (!rq)
		return -1;
	rq->opaque = req;
	memset(&cmd, 0, sizeof(cmd));
	cmd.rw.opcode = opcode;
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16(SIZE / 512 - 1);
	iov[0].iov_base = req->buf;
	iov[0].iov_len = SIZE / 2;
	iov[1].iov_base = (char *)req->buf + SIZE / 2;
	iov[1].iov_len = SIZE / 2;
	if (!iommu_translate_vaddr(__iommu_ctx(&b->ctrl), req->buf, &iova))
		return -1;
	if (vec ? nvme_rq_mapv(&b->ctrl, rq, &cmd, iov, 2)
		: nvme_rq_map_prp(&b->ctrl, rq, &cmd, iova, SIZE)) {
		nvme_rq_release_atomic(rq);
		return -1;
	}
	nvme_rq_post(rq, &cmd);
	return 0;
}

static void poll_all(struct backend *b, int n)
{
	while (b->done < n) {
		struct nvme_cqe *cqe = nvme_cq_get_cqe(b->cq);
		struct nvme_rq *rq;
		struct request *req;

		if (!cqe)
			continue;
		rq = nvme_rq_from_cqe(&b->ctrl, cqe);
		if (!rq)
			continue;
		req = (struct request *)rq->opaque;
		req->complete(req, cqe);
		nvme_rq_release_atomic(rq);
		nvme_cq_update_head(b->cq);
	}
}

int main(int argc, char **argv)
{
	struct request reqs[2 * DEPTH];
	static struct backend b;
	struct timespec ts = {10, 0};
	struct nvme_rq *rq;
	union nvme_cmd cmd;
	void *mem;
	ssize_t len;

	if (argc < 2 || nvme_init(&b.ctrl, argv[1], NULL) ||
	    nvme_create_ioqpair(&b.ctrl, 1, 64, -1, 0x0)) {
		perror("bring-up");
		return 1;
	}
	b.sq = &b.ctrl.sq[1];
	b.cq = &b.ctrl.cq[1];
	len = pgmapn(&mem, 2 * DEPTH, SIZE);
	if (len < 0 || iommu_map_vaddr(__iommu_ctx(&b.ctrl), mem, len, NULL, 0)) {
		perror("memory");
		return 1;
	}
	for (int i = 0; i < 2 * DEPTH; i++) {
		reqs[i].backend = &b;
		reqs[i].complete = completed;
		reqs[i].buf = (char *)mem + (size_t)i * SIZE;
	}
	for (size_t i = 0; i < DEPTH * SIZE; i++)
		((unsigned char *)mem)[i] = (unsigned char)(i * 7 + i / 511);
	for (int i = 0; i < DEPTH; i++) {
		if (submit(&b, &reqs[i], 0x1, (uint64_t)i * SIZE / 512, i % 2))
			return 1;
	}
	nvme_sq_update_tail(b.sq);
	poll_all(&b, DEPTH);
	for (int i = 0; i < DEPTH; i++) {
		if (submit(&b, &reqs[DEPTH + i], 0x2, (uint64_t)i * SIZE / 512, !(i % 2)))
			return 1;
	}
	nvme_sq_update_tail(b.sq);
	poll_all(&b, 2 * DEPTH);
	if (b.failed || memcmp(mem, (char *)mem + DEPTH * SIZE, DEPTH * SIZE)) {
		fprintf(stderr, "what was read is not what was written\n");
		return 1;
	}

	/* One that the controller refuses, waited for with a limit. */
	rq = nvme_rq_acquire(b.sq);
	memset(&cmd, 0, sizeof(cmd));
	cmd.opcode = 0x2;
	cmd.nsid = cpu_to_le32(77);
	if (!rq || nvme_rq_mapv_prp(&b.ctrl, rq, &cmd, NULL, 0) != -1)
		return 1;
	nvme_rq_exec(rq, &cmd);
	if (nvme_rq_wait(rq, NULL, &ts) != -1 || errno != EIO)
		return 1;
	nvme_rq_release(rq);

	if (nvme_delete_ioqpair(&b.ctrl, 1) || iommu_unmap_all(__iommu_ctx(&b.ctrl)))
		return 1;
	pgunmap(mem, len);
	nvme_close(&b.ctrl);
	return 0;
}
