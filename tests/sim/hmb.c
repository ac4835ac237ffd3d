/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"
#include "hmb.h"

#include <stdio.h>
#include <string.h>

/* Byte offsets in a command, for the error log. */
#define AT_CDW11 44
#define AT_CDW12 48
#define AT_CDW13 52
#define AT_CDW15 60

#define HMB_ENABLE 1u
#define HMB_RETURN 2u

/* Host Memory Buffer Descriptor Entry (NVMe base 1.4, 5.21.1.13). */
struct hmb_desc {
	uint64_t addr;
	uint32_t pages; /* of CC.MPS */
	uint32_t reserved;
};

static uint64_t hmb_word(uint64_t page, uint64_t round, unsigned int i)
{
	uint64_t x = (page << 9 | i) * 0x9e3779b97f4a7c15ull ^ round * 0xbf58476d1ce4e5b9ull;

	return x ^ x >> 29;
}

static void hmb_pattern(uint64_t page, uint64_t round, uint64_t *words)
{
	for (unsigned int i = 0; i < HMB_UNIT / 8; i++)
		words[i] = hmb_word(page, round, i);
}

static uint64_t hmb_page_iova(const struct hmb *h, uint64_t page)
{
	uint64_t off = page * HMB_UNIT;

	for (unsigned int i = 0; i < h->n; i++) {
		if (off < h->chunk[i].len)
			return h->chunk[i].iova + off;
		off -= h->chunk[i].len;
	}
	return 0;
}

static void hmb_error(struct hmb *h, uint64_t iova, const char *what)
{
	if (!h->errors++)
		fprintf(stderr, "vfnd-sim: host memory buffer at %#llx: %s\n",
			(unsigned long long)iova, what);
}

/* Pages below next have the pattern of this round already. */
static void hmb_check_page(struct ctrl *c, uint64_t page)
{
	uint64_t have[HMB_UNIT / 8], want[HMB_UNIT / 8];
	struct hmb *h = &c->hmb;
	uint64_t iova = hmb_page_iova(h, page);

	hmb_pattern(page, h->round + (page < h->next), want);
	h->checked++;
	if (dma_read(&c->dma, iova, have, sizeof(have)))
		hmb_error(h, iova, "cannot be read any more");
	else if (memcmp(have, want, sizeof(have)))
		hmb_error(h, iova, "somebody else has written there");
}

static int hmb_write_page(struct ctrl *c, uint64_t page, uint64_t round)
{
	uint64_t words[HMB_UNIT / 8];

	hmb_pattern(page, round, words);
	return dma_write(&c->dma, hmb_page_iova(&c->hmb, page), words, sizeof(words));
}

static void hmb_check_all(struct ctrl *c)
{
	for (uint64_t page = 0; page < c->hmb.pages; page++)
		hmb_check_page(c, page);
}

void hmb_look(struct ctrl *c)
{
	struct hmb *h = &c->hmb;

	hmb_check_page(c, h->next);
	/* It is used, not just kept. */
	if (hmb_write_page(c, h->next, h->round + 1))
		hmb_error(h, hmb_page_iova(h, h->next), "cannot be written any more");
	if (++h->next == h->pages) {
		h->next = 0;
		h->round++;
	}
}

void hmb_reset(struct ctrl *c, bool forget)
{
	c->hmb.enabled = false;
	if (forget)
		c->hmb.known = false;
}

/* Reads the descriptors into c->hmb; false with the command's status. */
static bool hmb_read_list(struct ctrl *c, struct cmd *cmd, uint64_t list, uint32_t count)
{
	struct hmb *h = &c->hmb;
	uint64_t total = 0;

	h->n = 0;
	h->pages = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct hmb_desc d;
		uint64_t len;

		if (dma_read(&c->dma, list + i * sizeof(d), &d, sizeof(d))) {
			cmd_fail(cmd, NVME_SC_DATA_XFER_ERROR, AT_CDW13, 0);
			return false;
		}
		len = d.pages * (uint64_t)c->page;
		total += d.pages;
		if (!d.pages || (d.addr & (c->page - 1)) || d.addr + (len - 1) < d.addr) {
			cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW13, 0);
			return false;
		}
		if (!dma_covered(&c->dma, d.addr, len, true) ||
		    !dma_covered(&c->dma, d.addr, len, false)) {
			cmd_fail(cmd, NVME_SC_DATA_XFER_ERROR, AT_CDW13, 0);
			return false;
		}
		/* What is too small, or one too many, is not used. */
		if (len < (uint64_t)HMB_MIN_ENTRY * HMB_UNIT || h->n == HMB_MAX_ENTRIES)
			continue;
		h->chunk[h->n++] = (struct hmb_chunk){d.addr, len};
		h->pages += len / HMB_UNIT;
	}
	if (total != cmd->sqe.cdw12 || h->pages < h->min) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW12, 0);
		return false;
	}
	return true;
}

static void hmb_enable(struct ctrl *c, struct cmd *cmd)
{
	uint64_t list = cmd->sqe.cdw13 | (uint64_t)cmd->sqe.cdw14 << 32;
	bool given_back = cmd->sqe.cdw11 & HMB_RETURN;
	uint32_t size = cmd->sqe.cdw12, count = cmd->sqe.cdw15;
	struct hmb *h = &c->hmb, before = c->hmb;

	if (h->enabled) {
		cmd_fail(cmd, NVME_SC_CMD_SEQ_ERROR, AT_CDW11, 0);
		return;
	}
	if ((list & 0xf) || !count || count > HMB_MAX_DESCRIPTORS) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, (list & 0xf) ? AT_CDW13 : AT_CDW15, 0);
		return;
	}
	/* The same memory as before the reset, or it is not given back. */
	if (given_back && (!h->known || h->list != list || h->size != size || h->count != count)) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 1);
		return;
	}
	if (!hmb_read_list(c, cmd, list, count)) {
		*h = before;
		return;
	}
	if (given_back &&
	    (h->n != before.n || memcmp(h->chunk, before.chunk, h->n * sizeof(h->chunk[0])))) {
		*h = before;
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 1);
		return;
	}
	h->enabled = h->known = true;
	h->list = list;
	h->size = size;
	h->count = count;
	if (given_back) {
		hmb_check_all(c);
		return;
	}
	h->next = 0;
	h->round++;
	for (uint64_t page = 0; page < h->pages; page++) {
		if (hmb_write_page(c, page, h->round))
			hmb_error(h, hmb_page_iova(h, page), "cannot be written");
	}
}

void hmb_set(struct ctrl *c, struct cmd *cmd)
{
	struct hmb *h = &c->hmb;

	if (cmd->sqe.cdw11 & HMB_ENABLE) {
		hmb_enable(c, cmd);
		return;
	}
	/* Disabling what is not enabled succeeds. */
	if (h->enabled)
		hmb_check_all(c);
	h->enabled = false;
}

void hmb_get(struct ctrl *c, struct cmd *cmd)
{
	const struct hmb *h = &c->hmb;
	struct nvme_host_mem_buf_attrs *attrs = (void *)c->bounce;

	memset(c->bounce, 0, 4096);
	if (h->enabled) {
		attrs->hsize = h->size;
		attrs->hmdlal = (uint32_t)h->list;
		attrs->hmdlau = h->list >> 32;
		attrs->hmdlec = h->count;
	}
	(void)admin_send(c, cmd, c->bounce, 4096);
	cmd->dw0 = h->enabled ? HMB_ENABLE : 0;
}
