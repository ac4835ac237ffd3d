/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prp - physical region pages (NVMe base, 4.1.1)
 *
 * PRP1 is where the data begin, at any dword of a page; every further page is named by its address.
 * One further page goes into PRP2, more of them into a list that PRP2 points at. A list's page ends
 * with the address of the next one when there are more entries than it holds.
 */
#include <errno.h>
#include <string.h>

#include "nvme/internal.h"

struct prps {
	struct nvme_ctrl *ctrl;
	struct nvme_rq *rq;
	size_t pagesize;
	uint64_t prp1;
	uint64_t prp2;
	uint64_t end;	/* where the data so far end */
	uint64_t pages; /* that the data so far are in */

	/* the list's present page */
	struct nvme_rq_list *list; /* NULL: the tracker's own page */
	leint64_t *entries;
	uint32_t n; /* entries written there */
};

static uint32_t *list_dirty(struct prps *prps)
{
	return prps->list ? &prps->list->nprps : &prps->rq->nprps;
}

/* Clear what an earlier, longer list left behind in the present page. */
static void list_finish(struct prps *prps)
{
	uint32_t *dirty = list_dirty(prps);

	size_t most = prps->pagesize / sizeof(*prps->entries);
	size_t end = *dirty < most ? *dirty : most;

	if (end > prps->n)
		memset(&prps->entries[prps->n], 0, (end - prps->n) * sizeof(*prps->entries));
	*dirty = prps->n;
}

/* Continue the list in a further page; the last entry moves there, and makes room for the link. */
static int list_chain(struct prps *prps)
{
	struct nvme_rq_list *next = nvme_rq_next_list(prps->ctrl, prps->rq, prps->list);
	leint64_t last = prps->entries[prps->n - 1];

	if (!next)
		return -1;

	prps->entries[prps->n - 1] = cpu_to_le64(next->mem.iova);
	list_finish(prps);
	prps->list = next;
	prps->entries = next->mem.vaddr;
	prps->entries[0] = last;
	prps->n = 1;
	return 0;
}

static int add_page(struct prps *prps, uint64_t addr)
{
	switch (prps->pages++) {
	case 0:
		prps->prp1 = addr;
		return 0;
	case 1:
		prps->prp2 = addr;
		return 0;
	case 2:
		prps->entries = prps->rq->page.vaddr;
		prps->entries[0] = cpu_to_le64(prps->prp2);
		prps->n = 1;
		prps->prp2 = prps->rq->page.iova;
		break;
	default:
		break;
	}

	if (prps->n == prps->pagesize / sizeof(*prps->entries) && list_chain(prps))
		return -1;
	prps->entries[prps->n++] = cpu_to_le64(addr);
	return 0;
}

static int bad(const struct prps *prps, uint64_t iova, const char *why)
{
	errno = EINVAL;
	vfn_error_set("%s: no PRPs for memory at %#llx: %s", nvme_name(prps->ctrl),
		      (unsigned long long)iova, why);
	return -1;
}

static int add(struct prps *prps, uint64_t iova, uint64_t len)
{
	uint64_t offset = iova & (prps->pagesize - 1);

	if (iova == NVME_IOVA_DISCARD)
		return bad(prps, iova, "only SGLs can discard data");
	if (len && iova + (len - 1) < iova)
		return bad(prps, iova, "it wraps around");

	if (prps->pages && iova == prps->end) {
		/* goes on within the last page, if that is not full */
		uint64_t room = offset ? prps->pagesize - offset : 0;
		uint64_t n = len < room ? len : room;

		iova += n;
		len -= n;
		prps->end = iova;
	} else if (prps->pages) {
		if (offset)
			return bad(prps, iova, "only the first piece may begin within a page");
		if (prps->end & (prps->pagesize - 1))
			return bad(prps, prps->end, "only the last piece may end within a page");
	} else if (iova & 0x3) {
		return bad(prps, iova, "it is not aligned to a dword");
	}

	while (len) {
		uint64_t room = prps->pagesize - (iova & (prps->pagesize - 1));
		uint64_t n = len < room ? len : room;

		if (add_page(prps, iova))
			return -1;
		iova += n;
		len -= n;
		prps->end = iova;
	}
	return 0;
}

static void start(struct prps *prps, struct nvme_ctrl *ctrl, struct nvme_rq *rq)
{
	*prps = (struct prps){
		.ctrl = ctrl,
		.rq = rq,
		.pagesize = __mps_to_pagesize(ctrl->config.mps),
	};
}

/* After a failure: what was written into list pages must not outlive this, either. */
static int give_up(struct prps *prps)
{
	int saved = errno;

	if (prps->entries) {
		uint32_t *dirty = list_dirty(prps);

		if (*dirty < prps->n)
			*dirty = prps->n;
	}
	errno = saved;
	return -1;
}

static int finish(struct prps *prps, union nvme_cmd *cmd)
{
	if (!prps->pages) {
		errno = EINVAL;
		vfn_error_set("%s: no PRPs for a transfer of 0 bytes", nvme_name(prps->ctrl));
		return -1;
	}

	if (prps->entries)
		list_finish(prps);
	cmd->flags &= (uint8_t) ~(NVME_CMD_FLAGS_PSDT_MASK << NVME_CMD_FLAGS_PSDT_SHIFT);
	cmd->dptr.prp1 = cpu_to_le64(prps->prp1);
	cmd->dptr.prp2 = cpu_to_le64(prps->prp2);
	return 0;
}

int __nvme_rq_map_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		      uint64_t iova, size_t len)
{
	struct prps prps;

	start(&prps, ctrl, rq);
	if (add(&prps, iova, len))
		return give_up(&prps);
	return finish(&prps, cmd);
}

static int map_pieces(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		      struct nvme_iov_iter *iter)
{
	struct prps prps;
	uint64_t iova, len;
	int r;

	start(&prps, ctrl, rq);
	while ((r = nvme_iov_next(iter, &iova, &len)) > 0) {
		if (add(&prps, iova, len))
			return give_up(&prps);
	}
	if (r < 0)
		return give_up(&prps);
	return finish(&prps, cmd);
}

int nvme_rq_mapv_prp(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
		     struct iovec *iov, int niov)
{
	struct nvme_iov_iter iter = {.ctrl = ctrl, .iov = iov, .niov = niov};

	return map_pieces(ctrl, rq, cmd, &iter);
}

int nvme_rq_mapv_prp_iova(struct nvme_ctrl *ctrl, struct nvme_rq *rq, union nvme_cmd *cmd,
			  const struct nvme_iova *iov, int niov)
{
	struct nvme_iov_iter iter = {.ctrl = ctrl, .iovas = iov, .niov = niov};

	return map_pieces(ctrl, rq, cmd, &iter);
}
