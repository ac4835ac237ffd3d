/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PRPs: NVMe Base 2.0, 4.1.1; SGLs: 4.1.2. What the client's memory holds is loaded once, entry by
 * entry: a list that changes meanwhile is as good as another list.
 */
#include "daemon/data/check.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "daemon/data/length.h"

#define PSDT_SHIFT NVME_CMD_FLAGS_PSDT_SHIFT
#define PSDT_MASK  NVME_CMD_FLAGS_PSDT_MASK

#define SGL_BYTES 16u

struct check {
	const struct data_rules *rules;
	struct data_map *map;
	union nvme_cmd *sqe;
	struct data_list *list;
	struct data_refs *refs;
	uint32_t room; /* entries of 8 bytes that the list may have */
	uint32_t n;    /* and has */
	uint32_t high; /* and had */
};

static bool check_hold(struct check *c, uint64_t iova, uint64_t len)
{
	struct data_buffer *b = data_map_find(c->map, iova, len);

	if (!b)
		return false;
	data_refs_hold(c->map, c->refs, b);
	return true;
}

/* A huge page that the client has given back, and that nobody has any more, reads as zeroes this way. */
static bool check_load_lossy(const struct data_buffer *b, uint64_t offset, uint64_t *value)
{
	leint64_t bytes;

	if (pread(b->fd, &bytes, sizeof(bytes), (off_t)(b->at + offset)) != sizeof(bytes))
		return false;
	*value = le64_to_cpu(bytes);
	return true;
}

/* 8 bytes of the client's memory; false where it has none there. `iova` is a multiple of 8. */
static bool check_load(struct check *c, uint64_t iova, uint64_t *value)
{
	struct data_buffer *b = data_map_find(c->map, iova, 8);

	if (!b)
		return false;
	if (__builtin_expect(b->lossy, 0))
		return check_load_lossy(b, iova - b->iova, value);
	*value = le64_to_cpu(*(const volatile leint64_t *)(b->vaddr + (iova - b->iova)));
	return true;
}

static void check_put(struct check *c, uint64_t value)
{
	c->list->entries[c->n++] = cpu_to_le64(value);
	c->high = c->high > c->n ? c->high : c->n;
}

/* ---- PRPs -------------------------------------------------------------------------------- */

/* The list at `at`, for `left` bytes. A list's last entry in a page links to the next one. */
static uint16_t check_prp_list(struct check *c, uint64_t at, uint64_t left)
{
	uint64_t page = c->rules->page_size;

	if (at & 7)
		return DATA_PRP_OFFSET;
	while (left) {
		uint64_t value, piece = left < page ? left : page;

		if (!check_load(c, at, &value))
			return DATA_TRANSFER_ERROR;
		if ((at & (page - 1)) == page - 8 && left > page) {
			if (value & (page - 1))
				return DATA_PRP_OFFSET;
			at = value;
			/* The link's target is never a link itself: a loop of them makes progress.
			 */
			if (!check_load(c, at, &value))
				return DATA_TRANSFER_ERROR;
		}
		if (value & (page - 1))
			return DATA_PRP_OFFSET;
		if (c->n == c->room)
			return DATA_INVALID_FIELD;
		if (!check_hold(c, value, piece))
			return DATA_TRANSFER_ERROR;
		check_put(c, value);
		left -= piece;
		at += 8;
	}
	c->sqe->dptr.prp2 = cpu_to_le64(c->list->iova);
	return DATA_OK;
}

static uint16_t check_prps(struct check *c, uint64_t len)
{
	uint64_t page = c->rules->page_size;
	uint64_t prp1 = le64_to_cpu(c->sqe->dptr.prp1), prp2 = le64_to_cpu(c->sqe->dptr.prp2);
	uint64_t first = page - (prp1 & (page - 1));

	if (prp1 & 3)
		return DATA_PRP_OFFSET;
	if (first > len)
		first = len;
	if (!check_hold(c, prp1, first))
		return DATA_TRANSFER_ERROR;
	len -= first;
	if (!len) {
		c->sqe->dptr.prp2 = 0;
		return DATA_OK;
	}
	if (len > page)
		return check_prp_list(c, prp2, len);
	if (prp2 & (page - 1))
		return DATA_PRP_OFFSET;
	return check_hold(c, prp2, len) ? DATA_OK : DATA_TRANSFER_ERROR;
}

/* ---- SGLs -------------------------------------------------------------------------------- */

struct sgl {
	uint64_t addr;
	uint32_t len;
	uint8_t type, sub;
};

static struct sgl sgl_parse(uint64_t low, uint64_t high)
{
	return (struct sgl){
		.addr = low,
		.len = (uint32_t)high,
		.type = (uint8_t)(high >> 60),
		.sub = (uint8_t)(high >> 56 & 0xf),
	};
}

static void check_put_sgl(struct check *c, const struct sgl *sgl)
{
	check_put(c, sgl->addr);
	check_put(c, sgl->len | (uint64_t)sgl->type << 60);
}

/* One data descriptor; *total is how many bytes of the data those so far are for. */
static uint16_t check_sgl_data(struct check *c, const struct sgl *sgl, uint64_t *total)
{
	bool dwords = (c->rules->sgls & DATA_SGLS_SUPPORT) == DATA_SGLS_DWORD;
	bool to_host = (c->sqe->opcode & 3) == 2;

	if (sgl->sub)
		return DATA_SGL_TYPE;
	if (c->n + 2 > c->room)
		return DATA_INVALID_SGL_COUNT;
	switch (sgl->type) {
	case NVME_SGLD_TYPE_DATA_BLOCK:
		if (dwords && ((sgl->addr | sgl->len) & 3))
			return DATA_SGL_GRANULARITY;
		if (sgl->len && !check_hold(c, sgl->addr, sgl->len))
			return DATA_TRANSFER_ERROR;
		*total += sgl->len;
		break;
	case NVME_SGLD_TYPE_BIT_BUCKET:
		if (!(c->rules->sgls & DATA_SGLS_BIT_BUCKET))
			return DATA_SGL_TYPE;
		/* Nothing comes out of a bit bucket: in a write it counts for nothing. */
		if (to_host)
			*total += sgl->len;
		break;
	default:
		return DATA_SGL_TYPE;
	}
	check_put_sgl(c, &(struct sgl){
				 .addr = sgl->type == NVME_SGLD_TYPE_DATA_BLOCK ? sgl->addr : 0,
				 .len = sgl->len,
				 .type = sgl->type,
			 });
	return DATA_OK;
}

static bool sgl_is_segment(const struct sgl *sgl)
{
	return sgl->type == NVME_SGLD_TYPE_SEGMENT || sgl->type == NVME_SGLD_TYPE_LAST_SEGMENT;
}

/* Segment after segment, into one segment of the daemon's. */
static uint16_t check_sgl_segments(struct check *c, struct sgl seg, uint64_t *total)
{
	unsigned int looked = 0;

	for (;;) {
		unsigned int count = seg.len / SGL_BYTES;
		bool last = seg.type == NVME_SGLD_TYPE_LAST_SEGMENT;
		struct sgl next = {0};

		if (seg.sub || !seg.len || seg.len % SGL_BYTES || (seg.addr & 7))
			return DATA_INVALID_SGL_SEGMENT;
		for (unsigned int i = 0; i < count; i++) {
			uint64_t low, high;
			struct sgl sgl;
			uint16_t status;

			/* Empty blocks and segments of links alone would not run out of room. */
			if (++looked > 2 * c->rules->page_size / SGL_BYTES)
				return DATA_INVALID_SGL_COUNT;
			if (!check_load(c, seg.addr + (uint64_t)i * SGL_BYTES, &low) ||
			    !check_load(c, seg.addr + (uint64_t)i * SGL_BYTES + 8, &high))
				return DATA_TRANSFER_ERROR;
			sgl = sgl_parse(low, high);
			if (sgl_is_segment(&sgl)) {
				if (last || i + 1 < count)
					return DATA_INVALID_SGL_SEGMENT;
				next = sgl;
				break;
			}
			status = check_sgl_data(c, &sgl, total);
			if (status)
				return status;
		}
		if (last)
			return DATA_OK;
		if (!sgl_is_segment(&next))
			return DATA_INVALID_SGL_SEGMENT;
		seg = next;
	}
}

static uint16_t check_sgls(struct check *c, uint64_t len)
{
	struct nvme_sgld *d = &c->sqe->dptr.sgl;
	struct sgl sgl = {
		.addr = le64_to_cpu(d->addr),
		.len = le32_to_cpu(d->len),
		.type = d->type >> 4,
		.sub = d->type & 0xf,
	};
	uint64_t total = 0;
	uint16_t status;

	if (!(c->rules->sgls & DATA_SGLS_SUPPORT))
		return DATA_INVALID_FIELD;
	status = sgl_is_segment(&sgl) ? check_sgl_segments(c, sgl, &total)
				      : check_sgl_data(c, &sgl, &total);
	if (status)
		return status;
	if (total < len || (total > len && !(c->rules->sgls & DATA_SGLS_LONGER)))
		return DATA_SGL_LENGTH;
	if (!sgl_is_segment(&sgl))
		c->n = 0; /* it is in the command */
	*d = (struct nvme_sgld){
		.addr = cpu_to_le64(c->n ? c->list->iova : sgl.addr),
		.len = cpu_to_le32(c->n ? c->n * 8 : sgl.len),
		.type = (uint8_t)((c->n ? NVME_SGLD_TYPE_LAST_SEGMENT : sgl.type) << 4),
	};
	return DATA_OK;
}

/* ---- the command ------------------------------------------------------------------------- */

/* Metadata in a buffer of their own; in an SGL, one block whose descriptor lies at MPTR. */
static uint16_t check_metadata(struct check *c, unsigned int psdt, uint64_t len)
{
	uint64_t mptr = le64_to_cpu(c->sqe->mptr), low, high;
	struct sgl sgl;

	if (psdt != NVME_CMD_FLAGS_PSDT_SGL_MPTR_SGL) {
		if (mptr & 3)
			return DATA_INVALID_FIELD;
		return check_hold(c, mptr, len) ? DATA_OK : DATA_TRANSFER_ERROR;
	}
	if (!(c->rules->sgls & DATA_SGLS_MPTR) || (mptr & 7))
		return DATA_INVALID_FIELD;
	if (!check_load(c, mptr, &low) || !check_load(c, mptr + 8, &high))
		return DATA_TRANSFER_ERROR;
	sgl = sgl_parse(low, high);
	if (sgl.type != NVME_SGLD_TYPE_DATA_BLOCK || sgl.sub)
		return DATA_SGL_TYPE;
	if (sgl.len != len)
		return DATA_SGL_LENGTH;
	if (!check_hold(c, sgl.addr, len))
		return DATA_TRANSFER_ERROR;
	/* The last place of the page was kept for it. */
	c->list->entries[c->room] = cpu_to_le64(low);
	c->list->entries[c->room + 1] = cpu_to_le64(high);
	c->sqe->mptr = cpu_to_le64(c->list->iova + (uint64_t)c->room * 8);
	return DATA_OK;
}

static uint16_t check_pointers(struct check *c, uint64_t len, uint64_t meta)
{
	unsigned int psdt = c->sqe->flags >> PSDT_SHIFT & PSDT_MASK;
	bool sgl_meta = meta && psdt == NVME_CMD_FLAGS_PSDT_SGL_MPTR_SGL;
	uint16_t status = DATA_OK;

	if (psdt == PSDT_MASK)
		return DATA_INVALID_FIELD;
	c->room = c->rules->page_size / 8 - (sgl_meta ? 2 : 0);
	if (!len) {
		memset(&c->sqe->dptr, 0, sizeof(c->sqe->dptr));
		c->sqe->flags &= (uint8_t) ~(PSDT_MASK << PSDT_SHIFT);
	} else {
		status = psdt == NVME_CMD_FLAGS_PSDT_PRP ? check_prps(c, len) : check_sgls(c, len);
	}
	if (status)
		return status;
	if (meta)
		return check_metadata(c, psdt, meta);
	c->sqe->mptr = 0;
	return DATA_OK;
}

uint16_t data_check_slow(const struct data_rules *rules, struct data_map *map, union nvme_cmd *sqe,
			 struct data_list *list, struct data_refs *refs, uint64_t *length)
{
	struct check c = {.rules = rules, .map = map, .sqe = sqe, .list = list, .refs = refs};
	uint32_t nsid = le32_to_cpu(sqe->nsid), page_entries = rules->page_size / 8, dirty;
	uint64_t meta;
	uint16_t status;

	switch (data_length(&rules->formats, sqe, length, &meta, NULL)) {
	case DATA_LENGTH_UNKNOWN:
		return DATA_INVALID_OPCODE;
	case DATA_LENGTH_NO_NAMESPACE:
		return DATA_INVALID_NAMESPACE;
	default:
		break;
	}
	/* Flush of all namespaces is the controller's to allow. */
	if (!data_format_find(&rules->formats, nsid) &&
	    !(sqe->opcode == 0x00 && nsid == UINT32_MAX))
		return DATA_INVALID_NAMESPACE;
	if (*length > rules->max_transfer)
		return DATA_INVALID_FIELD;
	status = check_pointers(&c, *length, meta);
	/* Behind the list there is nothing, not of this command and not of those before it. */
	dirty = list->used > c.high ? list->used : c.high;
	if (!status && c.room < page_entries) {
		list->used = page_entries;
		dirty = dirty < c.room ? dirty : c.room;
	} else {
		list->used = c.n;
	}
	if (dirty > c.n)
		memset(&list->entries[c.n], 0, (dirty - c.n) * sizeof(*list->entries));
	if (status)
		data_refs_drop(map, refs);
	return status;
}
