/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "prp.h"

#include <linux/types.h>
#include <nvme/types.h>

/* Entries of a list that are copied at once; it is the host's memory, so each is read only once. */
#define PRP_CHUNK 64

#define PRP_BAD_OFFSET (NVME_SC_PRP_INVALID_OFFSET | NVME_SC_DNR)

struct prp_out {
	struct prp_seg *segs;
	unsigned int n;
	unsigned int room;
};

static bool prp_add(struct prp_out *out, uint64_t iova, uint64_t len)
{
	struct prp_seg *last = out->n ? &out->segs[out->n - 1] : NULL;

	if (last && last->iova + last->len == iova) {
		last->len += len;
		return true;
	}
	if (out->n == out->room)
		return false;
	out->segs[out->n++] = (struct prp_seg){iova, len};
	return true;
}

static uint16_t prp_list(struct dma *d, size_t page, uint64_t list, uint64_t len,
			 struct prp_out *out)
{
	uint64_t chunk[PRP_CHUNK];

	if (list & 7)
		return PRP_BAD_OFFSET;
	while (len) {
		uint64_t in_page = (page - (list & (page - 1))) / 8;
		uint64_t pages = (len + page - 1) / page;
		uint64_t take = in_page < PRP_CHUNK ? in_page : PRP_CHUNK;
		bool chain = pages > in_page && take == in_page;

		if (take > pages)
			take = pages;
		if (dma_read(d, list, chunk, take * 8))
			return NVME_SC_DATA_XFER_ERROR | NVME_SC_DNR;
		for (uint64_t i = 0; i < take - chain; i++) {
			uint64_t part = len < page ? len : page;

			if (chunk[i] & (page - 1))
				return PRP_BAD_OFFSET;
			if (!prp_add(out, chunk[i], part))
				return NVME_SC_INTERNAL;
			len -= part;
		}
		list += take * 8;
		if (chain) {
			/* The last entry of a page that does not suffice names the next list page.
			 */
			list = chunk[take - 1];
			if (list & (page - 1))
				return PRP_BAD_OFFSET;
		}
	}
	return 0;
}

uint16_t prp_walk_slow(struct dma *d, size_t page, uint64_t prp1, uint64_t prp2, uint64_t len,
		       struct prp_seg *segs, unsigned int room, unsigned int *n)
{
	struct prp_out out = {.segs = segs, .room = room};
	uint64_t first = page - (prp1 & (page - 1));
	uint16_t status = 0;

	*n = 0;
	if (!len)
		return 0;
	if (prp1 & 3)
		return PRP_BAD_OFFSET;
	if (first > len)
		first = len;
	if (!prp_add(&out, prp1, first))
		return NVME_SC_INTERNAL;
	len -= first;
	if (len && len <= page) {
		if (prp2 & (page - 1))
			return PRP_BAD_OFFSET;
		if (!prp_add(&out, prp2, len))
			return NVME_SC_INTERNAL;
	} else if (len) {
		status = prp_list(d, page, prp2, len, &out);
	}
	*n = out.n;
	return status;
}
