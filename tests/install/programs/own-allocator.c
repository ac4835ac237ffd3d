// SPDX-License-Identifier: GPL-2.0-or-later
/* A device in a context whose IOVAs and tables are the program's: a page at a time, in an array. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/iommu.h>
#include <vfn/nvme.h>

#define BASE 0x40000000ull
#define SLOT 0x200000ull /* what is mapped here is smaller */
#define MOST 512

static char taken[MOST];
static int given;

static void *space_create(void *opaque, const struct iommu_iova_range *ranges, int nranges,
			  uint64_t page_size)
{
	if (!nranges || !page_size || ranges[0].start > BASE) {
		errno = ERANGE;
		return NULL;
	}
	return opaque;
}

static void space_destroy(void *space)
{
	(void)space;
}

static int space_alloc(void *space, uint64_t len, unsigned long flags, uint64_t *iova)
{
	char *slots = (char *)space;

	(void)flags;
	for (int i = 0; i < MOST && len <= SLOT; i++) {
		if (slots[i])
			continue;
		slots[i] = 1;
		given++;
		*iova = BASE + (uint64_t)i * SLOT;
		return 0;
	}
	errno = ENOSPC;
	return -1;
}

static int space_reserve(void *space, uint64_t iova, uint64_t len)
{
	char *slots = (char *)space;

	(void)len;
	if (iova >= BASE && iova < BASE + MOST * SLOT)
		slots[(iova - BASE) / SLOT] = 1;
	return 0;
}

static void space_release(void *space, uint64_t iova, uint64_t len)
{
	char *slots = (char *)space;

	(void)len;
	if (iova >= BASE && iova < BASE + MOST * SLOT)
		slots[(iova - BASE) / SLOT] = 0;
}

struct table {
	struct {
		uint64_t start, last;
		struct iommu_mapping *m;
	} rows[MOST];
	int n;
};

static int finds;

static void *table_create(void *opaque)
{
	(void)opaque;
	return calloc(1, sizeof(struct table));
}

static int table_insert(void *table, uint64_t start, uint64_t last, struct iommu_mapping *m)
{
	struct table *t = (struct table *)table;

	if (t->n == MOST) {
		errno = ENOMEM;
		return -1;
	}
	t->rows[t->n].start = start;
	t->rows[t->n].last = last;
	t->rows[t->n++].m = m;
	return 0;
}

static void table_remove(void *table, uint64_t start)
{
	struct table *t = (struct table *)table;

	for (int i = 0; i < t->n; i++) {
		if (t->rows[i].start == start) {
			t->rows[i] = t->rows[--t->n];
			return;
		}
	}
}

static struct iommu_mapping *table_find(void *table, uint64_t number)
{
	struct table *t = (struct table *)table;

	finds++;
	for (int i = 0; i < t->n; i++) {
		if (number >= t->rows[i].start && number <= t->rows[i].last)
			return t->rows[i].m;
	}
	return NULL;
}

static struct iommu_mapping *table_next(void *table, uint64_t number)
{
	struct table *t = (struct table *)table;
	struct iommu_mapping *best = NULL;
	uint64_t at = UINT64_MAX;

	for (int i = 0; i < t->n; i++) {
		if (t->rows[i].start >= number && t->rows[i].start <= at) {
			best = t->rows[i].m;
			at = t->rows[i].start;
		}
	}
	return best;
}

static const struct iommu_allocator allocator = {space_create, space_destroy, space_alloc,
						 space_reserve, space_release};
static const struct iommu_lookup lookup = {table_create, free,	     table_insert,
					   table_remove, table_find, table_next};

int main(int argc, char **argv)
{
	struct iommu_ctx *ctx = iommu_get_context("mine");
	static struct nvme_ctrl ctrl;
	struct iovec iov;
	union nvme_cmd cmd;
	struct nvme_rq *rq;
	uint64_t iova;
	void *mem;

	if (argc < 2 || !ctx || iommu_set_allocator(ctx, &allocator, taken) ||
	    iommu_set_lookup(ctx, &lookup, NULL))
		return 1;
	ctrl.pci.dev.ctx = ctx;
	if (nvme_init(&ctrl, argv[1], NULL) || nvme_create_ioqpair(&ctrl, 1, 16, -1, 0)) {
		perror("bring-up");
		return 1;
	}
	if (!given || ctrl.sq[1].iova < BASE || ctrl.sq[1].iova >= BASE + MOST * SLOT)
		return 1;
	if (pgmap(&mem, 8192) < 0 || iommu_map_vaddr(ctx, mem, 8192, &iova, IOMMU_MAP_EPHEMERAL))
		return 1;
	if ((iova - BASE) % SLOT || iommu_set_allocator(ctx, NULL, NULL) != -1 || errno != EBUSY)
		return 1;

	/* what the controller reads and writes lies there */
	rq = nvme_rq_acquire(&ctrl.sq[1]);
	for (int opcode = 1; opcode <= 2; opcode++) {
		memset(mem, opcode == 1 ? 0x77 : 0, 8192);
		memset(&cmd, 0, sizeof(cmd));
		cmd.rw.opcode = (uint8_t)opcode;
		cmd.rw.nsid = cpu_to_le32(1);
		cmd.rw.nlb = cpu_to_le16(15);
		iov.iov_base = mem;
		iov.iov_len = 8192;
		if (nvme_rq_mapv_prp(&ctrl, rq, &cmd, &iov, 1))
			return 1;
		nvme_rq_exec(rq, &cmd);
		if (nvme_rq_spin(rq, NULL))
			return 1;
	}
	nvme_rq_release(rq);
	if (((char *)mem)[0] != 0x77 || ((char *)mem)[8191] != 0x77 || !finds)
		return 1;
	if (iommu_unmap_vaddr(ctx, mem, NULL))
		return 1;
	nvme_close(&ctrl);
	pgunmap(mem, 8192);
	for (int i = 0; i < MOST; i++) {
		if (taken[i])
			return 1;
	}
	return 0;
}
