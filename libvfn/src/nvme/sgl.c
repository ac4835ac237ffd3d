/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sgl - scatter gather lists (NVMe base, 4.1.2)
 *
 * One piece of memory is a data block in the command itself. Several are data blocks in a segment
 * that the command points at; where they are more than a page holds, a segment's last descriptor
 * points at the next one, as a last segment when that one is.
 *
 * The metadata's SGL is the same, but for the first descriptor: it is in memory of its own, at
 * which the command points, and not in the command. That memory is the end of the tracker's page.
 */
#include <errno.h>
#include <string.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

/* Most bytes that go into one descriptor: whole pages, so that what is left is aligned as before. */
#define BLOCK_MAX 0xfffff000u

struct sgl {
	struct nvme_ctrl *ctrl;
	struct nvme_rq *rq;
	bool meta;
	struct nvme_sgld first;	   /* the data block, or what points at the first segment */
	struct nvme_sgld *link;	   /* the descriptor of the present segment */
	struct nvme_sgld *segment; /* NULL: there is none yet */
	struct nvme_rq_list *list; /* the present segment's page; NULL: the tracker's own */
	size_t room;		   /* descriptors that the present segment can have */
	size_t n;		   /* descriptors in it */
	size_t blocks;		   /* data blocks and bit buckets in all */
};

static size_t per_page(const struct nvme_ctrl *ctrl)
{
	return __mps_to_pagesize(ctrl->config.mps) / sizeof(struct nvme_sgld);
}

static int fail(const struct nvme_ctrl *ctrl, int err, const char *why)
{
	errno = err;
	vfn_error_set("%s: no SGL: %s", nvme_name(ctrl), why);
	return -1;
}

static void describe(struct nvme_sgld *sgld, enum nvme_sgld_type type, uint64_t iova, uint32_t len)
{
	memset(sgld, 0, sizeof(*sgld));
	sgld->addr = cpu_to_le64(iova);
	sgld->len = cpu_to_le32(len);
	sgld->type = (uint8_t)(type << 4);
}

/* Memory for one more segment. */
static int segment_open(struct sgl *sgl)
{
	struct nvme_rq_list *list;
	size_t room;

	if (!sgl->meta && !sgl->segment) {
		sgl->segment = sgl->rq->page.vaddr;
		sgl->room = per_page(sgl->ctrl) - 1;
		return 0;
	}

	/*
	 * Every other segment is one shorter: QEMU takes the link of a segment for the one that led
	 * to it when both are in the same place, and then for a wrong one if it says "last".
	 */
	room = per_page(sgl->ctrl);
	if (sgl->room == room)
		room--;

	list = sgl->meta ? nvme_rq_next_meta_list(sgl->ctrl, sgl->rq, sgl->list)
			 : nvme_rq_next_list(sgl->ctrl, sgl->rq, sgl->list);
	if (!list)
		return -1;
	sgl->list = list;
	sgl->segment = list->mem.vaddr;
	sgl->room = room;
	return 0;
}

/* The present segment is done: tell its place and length to what points at it. */
static void segment_close(struct sgl *sgl, bool last)
{
	uint64_t iova = sgl->list ? sgl->list->mem.iova : sgl->rq->page.iova;
	uint32_t *dirty = sgl->list ? &sgl->list->nprps : &sgl->rq->nprps;
	uint32_t nprps = (uint32_t)(sgl->n * sizeof(*sgl->segment) / sizeof(leint64_t));

	describe(sgl->link, last ? NVME_SGLD_TYPE_LAST_SEGMENT : NVME_SGLD_TYPE_SEGMENT, iova,
		 (uint32_t)(sgl->n * sizeof(*sgl->segment)));
	if (*dirty < nprps)
		*dirty = nprps;
}

/* Begin the first segment with `first`, or the next one with the last descriptor of the present. */
static int segment_next(struct sgl *sgl)
{
	struct nvme_sgld *link = sgl->segment ? &sgl->segment[sgl->n - 1] : &sgl->first;
	struct nvme_sgld moved = *link;
	struct sgl before = *sgl;

	if (segment_open(sgl))
		return -1;
	if (before.segment)
		segment_close(&before, false);
	sgl->link = link;
	sgl->segment[0] = moved;
	sgl->n = 1;
	return 0;
}

static int add_block(struct sgl *sgl, enum nvme_sgld_type type, uint64_t iova, uint32_t len)
{
	if (!sgl->blocks++) {
		describe(&sgl->first, type, iova, len);
		return 0;
	}
	if (sgl->n == sgl->room && segment_next(sgl))
		return -1;
	describe(&sgl->segment[sgl->n++], type, iova, len);
	return 0;
}

static int add_piece(struct sgl *sgl, uint64_t iova, uint64_t len)
{
	bool discard = iova == NVME_IOVA_DISCARD;

	if (discard && sgl->meta)
		return fail(sgl->ctrl, EINVAL, "metadata cannot be discarded");
	if (discard && !(sgl->ctrl->config.sgls & SGLS_BIT_BUCKET))
		return fail(sgl->ctrl, ENOTSUP, "the controller cannot discard data");
	if (!discard && (sgl->ctrl->flags & NVME_CTRL_F_SGLS_DWORD_ALIGNMENT) &&
	    ((iova | len) & 0x3))
		return fail(sgl->ctrl, EINVAL, "the controller wants whole, aligned dwords");

	while (len) {
		uint32_t n = len < BLOCK_MAX ? (uint32_t)len : BLOCK_MAX;

		if (add_block(sgl,
			      discard ? NVME_SGLD_TYPE_BIT_BUCKET : NVME_SGLD_TYPE_DATA_BLOCK,
			      discard ? 0 : iova, n))
			return -1;
		len -= n;
		if (!discard)
			iova += n;
	}
	return 0;
}

static int build(struct sgl *sgl, struct nvme_iov_iter *iter)
{
	uint64_t iova, len;
	int r;

	while ((r = nvme_iov_next(iter, &iova, &len)) > 0) {
		r = add_piece(sgl, iova, len);
		if (r)
			break;
	}
	if (!r && !sgl->blocks)
		r = fail(sgl->ctrl, EINVAL, "no data");

	/* the command has room for a data block or the way to a segment, and for no bit bucket */
	if (!r && !sgl->segment && sgl->first.type == NVME_SGLD_TYPE_BIT_BUCKET << 4)
		r = segment_next(sgl);

	/* after a failure, too: what was written there is for a later PRP list to clear */
	if (sgl->segment)
		segment_close(sgl, true);
	return r;
}

static void set_psdt(union nvme_cmd *cmd, enum nvme_cmd_flags_psdt psdt)
{
	cmd->flags &= (uint8_t) ~(NVME_CMD_FLAGS_PSDT_MASK << NVME_CMD_FLAGS_PSDT_SHIFT);
	cmd->flags |= (uint8_t)(psdt << NVME_CMD_FLAGS_PSDT_SHIFT);
}

static int psdt(const union nvme_cmd *cmd)
{
	return cmd->flags >> NVME_CMD_FLAGS_PSDT_SHIFT & NVME_CMD_FLAGS_PSDT_MASK;
}

static int map_data(struct nvme_rq *rq, union nvme_cmd *cmd, struct nvme_iov_iter *iter)
{
	struct sgl sgl = {.ctrl = iter->ctrl, .rq = rq};

	if (!(iter->ctrl->flags & NVME_CTRL_F_SGLS_SUPPORTED))
		return fail(iter->ctrl, ENOTSUP, "the controller has none");
	if (build(&sgl, iter))
		return -1;

	set_psdt(cmd, NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG);
	cmd->dptr.sgl = sgl.first;
	return 0;
}

static int map_meta(struct nvme_rq *rq, union nvme_cmd *cmd, struct nvme_iov_iter *iter)
{
	struct sgl sgl = {.ctrl = iter->ctrl, .rq = rq, .meta = true};
	size_t at = per_page(iter->ctrl) - 1;

	if (!(iter->ctrl->config.sgls & SGLS_MPTR_SGL))
		return fail(iter->ctrl, ENOTSUP, "the controller has none for metadata");
	if (psdt(cmd) == NVME_CMD_FLAGS_PSDT_PRP)
		return fail(iter->ctrl, EINVAL, "the data of the command are not described by one");
	if (build(&sgl, iter))
		return -1;

	((struct nvme_sgld *)rq->page.vaddr)[at] = sgl.first;
	rq->nprps = (uint32_t)(2 * per_page(iter->ctrl));
	set_psdt(cmd, NVME_CMD_FLAGS_PSDT_SGL_MPTR_SGL);
	cmd->mptr = cpu_to_le64(rq->page.iova + at * sizeof(sgl.first));
	return 0;
}

int nvme_rq_mapv_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov)
{
	struct nvme_iov_iter iter = {.ctrl = ctrl, .iov = iov, .niov = niov};

	return map_data(rq, cmd, &iter);
}

int nvme_rq_mapv_sgl_discard(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			     struct iovec *iov, int niov)
{
	struct nvme_iov_iter iter = {
		.ctrl = ctrl, .iov = iov, .niov = niov, .null_discards = true};

	return map_data(rq, cmd, &iter);
}

int nvme_rq_mapv_sgl_iova(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  const struct nvme_iova *iov, int niov)
{
	struct nvme_iov_iter iter = {.ctrl = ctrl, .iovas = iov, .niov = niov};

	return map_data(rq, cmd, &iter);
}

/* Whether an SGL is what to try first: admin commands take PRPs on every PCIe controller (4.1). */
static bool prefer_sgl(const struct nvme_ctrl *ctrl, const struct nvme_rq *rq)
{
	return (ctrl->flags & NVME_CTRL_F_SGLS_SUPPORTED) && rq->sq->id != NVME_AQ;
}

/* Whether PRPs may do after an SGL would not. */
static bool prp_may_do(const struct nvme_ctrl *ctrl)
{
	return errno == EINVAL && (ctrl->flags & NVME_CTRL_F_SGLS_DWORD_ALIGNMENT);
}

int nvme_rq_mapv(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd, struct iovec *iov,
		 int niov)
{
	if (prefer_sgl(ctrl, rq)) {
		if (!nvme_rq_mapv_sgl(ctrl, rq, cmd, iov, niov))
			return 0;
		if (!prp_may_do(ctrl))
			return -1;
	}
	return nvme_rq_mapv_prp(ctrl, rq, cmd, iov, niov);
}

int nvme_rq_mapv_iova(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		      const struct nvme_iova *iov, int niov)
{
	if (prefer_sgl(ctrl, rq)) {
		if (!nvme_rq_mapv_sgl_iova(ctrl, rq, cmd, iov, niov))
			return 0;
		if (!prp_may_do(ctrl))
			return -1;
	}
	return nvme_rq_mapv_prp_iova(ctrl, rq, cmd, iov, niov);
}

int nvme_rq_mapv_mptr_sgl(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  struct iovec *iov, int niov)
{
	struct nvme_iov_iter iter = {.ctrl = ctrl, .iov = iov, .niov = niov};

	return map_meta(rq, cmd, &iter);
}

int nvme_rq_mapv_mptr_sgl_iova(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			       const struct nvme_iova *iov, int niov)
{
	struct nvme_iov_iter iter = {.ctrl = ctrl, .iovas = iov, .niov = niov};

	return map_meta(rq, cmd, &iter);
}

int nvme_map_mptr(struct nvme_ctrl *ctrl, union nvme_cmd *cmd, uint64_t iova, uint64_t len)
{
	bool byte = psdt(cmd) != NVME_CMD_FLAGS_PSDT_PRP && (ctrl->config.sgls & SGLS_MPTR_BYTE);

	if (!len || iova + (len - 1) < iova || (!byte && (iova & 0x3))) {
		errno = EINVAL;
		vfn_error_set("%s: no metadata pointer for %llu bytes at %#llx", nvme_name(ctrl),
			      (unsigned long long)len, (unsigned long long)iova);
		return -1;
	}

	if (psdt(cmd) == NVME_CMD_FLAGS_PSDT_SGL_MPTR_SGL)
		set_psdt(cmd, NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG);
	cmd->mptr = cpu_to_le64(iova);
	return 0;
}
