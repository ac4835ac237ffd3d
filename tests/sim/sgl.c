/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "sgl.h"

#include <linux/types.h>
#include <nvme/types.h>
#include <stdlib.h>
#include <string.h>

/* Descriptors that are copied at once; it is the host's memory, so each is read only once. */
#define SGL_CHUNK 64

/* More than any honest list has: one whose segments lead in a circle ends here. */
#define SGL_MOST (1u << 20)

#define SGL_TYPE_DATA	 0x0
#define SGL_TYPE_BUCKET	 0x1
#define SGL_TYPE_SEGMENT 0x2
#define SGL_TYPE_LAST	 0x3

struct sgl_desc {
	uint64_t addr;
	uint32_t len;
	uint8_t reserved[3];
	uint8_t id; /* 3:0 sub type, 7:4 type */
};
static_assert(sizeof(struct sgl_desc) == 16, "SGL descriptor");

struct sgl_walk {
	const struct sgl *sgl;
	uint64_t left; /* bytes that are not described yet */
	unsigned int n;
	unsigned int seen; /* descriptors */
};

bool sgl_support_ok(uint32_t sgls)
{
	const uint32_t extras = NVME_CTRL_SGLS_BIT_BUCKET | NVME_CTRL_SGLS_MPTR_BYTE_ALIGNED |
				NVME_CTRL_SGLS_OVERSIZE | NVME_CTRL_SGLS_MPTR_SGL;
	uint32_t support = sgls & NVME_CTRL_SGLS_SUPPORTED;

	return !sgls || (support && support != 3 && !(sgls & ~extras & ~support));
}

static bool sgl_is_segment(const struct sgl_desc *desc)
{
	return desc->id >> 4 == SGL_TYPE_SEGMENT || desc->id >> 4 == SGL_TYPE_LAST;
}

static uint16_t sgl_too_short_or_long(const struct sgl *sgl)
{
	return sgl->metadata ? NVME_SC_SGL_INVALID_METADATA : NVME_SC_SGL_INVALID_DATA;
}

static bool sgl_room(const struct sgl *sgl, unsigned int n)
{
	unsigned int room = n < 128 ? 256 : 2 * n;
	struct prp_seg *segs;

	if (n < *sgl->room)
		return true;
	segs = realloc(*sgl->segs, room * sizeof(*segs));
	if (!segs)
		return false;
	*sgl->segs = segs;
	*sgl->room = room;
	return true;
}

/* A data block or bit bucket. */
static uint16_t sgl_piece(struct sgl_walk *w, const struct sgl_desc *desc)
{
	bool bucket = desc->id >> 4 == SGL_TYPE_BUCKET;
	uint64_t addr = bucket ? SEG_DISCARD : desc->addr, len = desc->len;
	struct prp_seg *last;

	if (bucket && !w->sgl->to_host)
		return 0;
	if (!bucket && (w->sgl->sgls & NVME_CTRL_SGLS_SUPPORTED) == 2 && ((addr | len) & 3))
		return NVME_SC_SGL_INVALID_GRANULARITY;
	if (len > w->left) {
		if (!(w->sgl->sgls & NVME_CTRL_SGLS_OVERSIZE))
			return sgl_too_short_or_long(w->sgl);
		len = w->left;
	}
	if (!len)
		return 0;
	w->left -= len;
	last = w->n ? &(*w->sgl->segs)[w->n - 1] : NULL;
	if (last && (bucket ? last->iova == addr
			    : last->iova != SEG_DISCARD && last->iova + last->len == addr)) {
		last->len += len;
		return 0;
	}
	if (!sgl_room(w->sgl, w->n))
		return NVME_SC_INTERNAL;
	(*w->sgl->segs)[w->n++] = (struct prp_seg){addr, len};
	return 0;
}

/* What any descriptor must be, wherever it is. */
static uint16_t sgl_check(const struct sgl_walk *w, const struct sgl_desc *desc)
{
	uint8_t type = desc->id >> 4;

	if (type > SGL_TYPE_LAST || (desc->id & 0xf) ||
	    (type == SGL_TYPE_BUCKET && !(w->sgl->sgls & NVME_CTRL_SGLS_BIT_BUCKET)))
		return NVME_SC_SGL_INVALID_TYPE;
	if (sgl_is_segment(desc) && (!desc->len || desc->len % 16 || desc->addr % 8))
		return NVME_SC_SGL_INVALID_LAST;
	return 0;
}

/* One segment; what its last descriptor points at, if anything, replaces *at. */
static uint16_t sgl_segment(struct dma *d, struct sgl_walk *w, struct sgl_desc *at, bool *more)
{
	bool last = at->id >> 4 == SGL_TYPE_LAST;
	struct sgl_desc chunk[SGL_CHUNK];
	uint32_t count = at->len / 16;
	uint64_t addr = at->addr;
	uint16_t status;

	*more = false;
	while (count) {
		uint32_t take = count < SGL_CHUNK ? count : SGL_CHUNK;

		w->seen += take;
		if (w->seen > SGL_MOST)
			return NVME_SC_SGL_INVALID_COUNT;
		if (dma_read(d, addr, chunk, take * sizeof(*chunk)))
			return NVME_SC_DATA_XFER_ERROR;
		addr += take * sizeof(*chunk);
		count -= take;
		for (uint32_t i = 0; i < take; i++) {
			bool end = !count && i == take - 1;

			status = sgl_check(w, &chunk[i]);
			if (!status && sgl_is_segment(&chunk[i])) {
				if (!end)
					return NVME_SC_SGL_INVALID_COUNT;
				if (last)
					return NVME_SC_SGL_INVALID_LAST;
				*at = chunk[i];
				*more = true;
				return 0;
			}
			if (!status)
				status = sgl_piece(w, &chunk[i]);
			if (status)
				return status;
		}
	}
	/* Only a last segment may lead nowhere. */
	return last ? 0 : NVME_SC_SGL_INVALID_LAST;
}

uint16_t sgl_walk(struct dma *d, const struct sgl *sgl, const void *first, uint64_t len,
		  unsigned int *n)
{
	struct sgl_walk w = {.sgl = sgl, .left = len};
	struct sgl_desc at;
	uint16_t status;
	bool more;

	*n = 0;
	memcpy(&at, first, sizeof(at));
	status = sgl_check(&w, &at);
	more = !status && sgl_is_segment(&at);
	if (!status && !more) {
		/* The command itself has room for a data block or a way to more, nothing else. */
		status = at.id >> 4 == SGL_TYPE_DATA ? sgl_piece(&w, &at)
						     : NVME_SC_SGL_INVALID_TYPE;
	}
	while (!status && more)
		status = sgl_segment(d, &w, &at, &more);
	if (!status && w.left)
		status = sgl_too_short_or_long(sgl);
	*n = w.n;
	return status ? status | NVME_SC_DNR : 0;
}
