/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sgl - scatter gather lists (NVMe base, 4.1.2)
 *
 * One piece of memory is a data block in the command itself. Several are data blocks in a segment
 * that the command points at; where they are more than a page holds, a segment's last descriptor
 * points at the next one, as a last segment when that one is.
 */
#include <errno.h>
#include <string.h>

#include "nvme/internal.h"

struct sgl {
	struct nvme_ctrl *ctrl;
	struct nvme_rq *rq;
	size_t per_page;	   /* descriptors */
	struct nvme_sgld first;	   /* for the command: the data block, or the first segment */
	struct nvme_sgld *link;	   /* the descriptor of the present segment */
	struct nvme_sgld *segment; /* NULL: there is none yet */
	struct nvme_rq_list *list; /* the present segment's page; NULL: the tracker's own */
	size_t n;		   /* descriptors in the present segment */
	size_t blocks;		   /* data blocks in all */
};

static void describe(struct nvme_sgld *sgld, enum nvme_sgld_type type, uint64_t iova, uint32_t len)
{
	memset(sgld, 0, sizeof(*sgld));
	sgld->addr = cpu_to_le64(iova);
	sgld->len = cpu_to_le32(len);
	sgld->type = (uint8_t)(type << 4);
}

/* The present segment is done: tell its length to what points at it. */
static void segment_close(struct sgl *sgl, bool last)
{
	uint64_t iova = sgl->list ? sgl->list->mem.iova : sgl->rq->page.iova;

	describe(sgl->link, last ? NVME_SGLD_TYPE_LAST_SEGMENT : NVME_SGLD_TYPE_SEGMENT, iova,
		 (uint32_t)(sgl->n * sizeof(*sgl->segment)));

	/* descriptors are two PRP entries long; what follows them is for a later PRP list to clear
	 */
	if (sgl->list)
		sgl->list->nprps = (uint32_t)(2 * sgl->per_page);
	else
		sgl->rq->nprps = (uint32_t)(2 * sgl->per_page);
}

static int segment_next(struct sgl *sgl)
{
	struct nvme_rq_list *next = nvme_rq_next_list(sgl->ctrl, sgl->rq, sgl->list);
	struct nvme_sgld last = sgl->segment[sgl->n - 1];
	struct nvme_sgld *link = &sgl->segment[sgl->n - 1];

	if (!next)
		return -1;

	segment_close(sgl, false);
	sgl->link = link;
	sgl->list = next;
	sgl->segment = next->mem.vaddr;
	memset(sgl->segment, 0, sgl->per_page * sizeof(*sgl->segment));
	sgl->segment[0] = last;
	sgl->n = 1;
	return 0;
}

static int add_block(struct sgl *sgl, uint64_t iova, uint32_t len)
{
	if (!sgl->blocks++) {
		describe(&sgl->first, NVME_SGLD_TYPE_DATA_BLOCK, iova, len);
		return 0;
	}

	if (!sgl->segment) {
		sgl->segment = sgl->rq->page.vaddr;
		memset(sgl->segment, 0, sgl->per_page * sizeof(*sgl->segment));
		sgl->segment[0] = sgl->first;
		sgl->link = &sgl->first;
		sgl->n = 1;
	}
	if (sgl->n == sgl->per_page && segment_next(sgl))
		return -1;
	describe(&sgl->segment[sgl->n++], NVME_SGLD_TYPE_DATA_BLOCK, iova, len);
	return 0;
}

static int fail(const struct sgl *sgl, int err, const char *why)
{
	errno = err;
	vfn_error_set("%s: no SGL: %s", nvme_name(sgl->ctrl), why);
	return -1;
}

static int build(struct sgl *sgl, struct iovec *iov, int niov)
{
	struct nvme_iov_iter iter = {sgl->ctrl, iov, niov, 0};
	uint64_t iova;
	size_t len;
	int r;

	while ((r = nvme_iov_next(&iter, &iova, &len)) > 0) {
		if ((sgl->ctrl->flags & NVME_CTRL_F_SGLS_DWORD_ALIGNMENT) && ((iova | len) & 0x3))
			return fail(sgl, EINVAL, "the controller wants whole, aligned dwords");
		if (len > UINT32_MAX)
			return fail(sgl, EINVAL, "a piece of 4 GiB or more");
		if (add_block(sgl, iova, (uint32_t)len))
			return -1;
	}
	if (r < 0)
		return -1;
	return sgl->blocks ? 0 : fail(sgl, EINVAL, "no data");
}

int nvme_rq_mapv_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov)
{
	size_t pagesize = __mps_to_pagesize(ctrl->config.mps);
	struct sgl sgl = {
		.ctrl = ctrl,
		.rq = rq,
		.per_page = pagesize / sizeof(struct nvme_sgld),
	};
	int r;

	if (!(ctrl->flags & NVME_CTRL_F_SGLS_SUPPORTED))
		return fail(&sgl, ENOTSUP, "the controller has none");

	r = build(&sgl, iov, niov);
	if (sgl.segment)
		segment_close(&sgl, true);
	if (r)
		return -1;

	cmd->flags &= (uint8_t) ~(NVME_CMD_FLAGS_PSDT_MASK << NVME_CMD_FLAGS_PSDT_SHIFT);
	cmd->flags |= NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG << NVME_CMD_FLAGS_PSDT_SHIFT;
	cmd->dptr.sgl = sgl.first;
	return 0;
}

int nvme_rq_mapv(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, struct iovec *iov,
		 int niov)
{
	/* admin commands take PRPs on every PCIe controller (4.1) */
	if ((ctrl->flags & NVME_CTRL_F_SGLS_SUPPORTED) && rq->sq->id != NVME_AQ)
		return nvme_rq_mapv_sgl(ctrl, rq, cmd, iov, niov);
	return nvme_rq_mapv_prp(ctrl, rq, cmd, iov, niov);
}
