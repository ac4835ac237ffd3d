/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PRPs and SGLs for every alignment and length, walked as a controller walks them, and compared
 * with what the specification says they must describe.
 */
#include "unit.h"

#include "fake-queue.h"

#define MIB (1024 * 1024)

struct rig {
	struct fake fake;
	struct nvme_rq *rq;
	struct iommu_ctx *ctx;
	struct nvme_mem pages;
	size_t pagesize;
};

static struct rig rig;

static void rig_setup(int mps)
{
	fake_init(&rig.fake, 4);
	rig.ctx = iommu_get_context("test-prp");
	ck_assert_ptr_nonnull(rig.ctx);
	rig.fake.ctrl.pci.dev.ctx = rig.ctx;
	rig.fake.ctrl.config.mps = mps;
	rig.pagesize = __mps_to_pagesize(mps);
	ck_assert_int_eq(nvme_mem_alloc(&rig.fake.ctrl, rig.pagesize, &rig.pages), 0);
	rig.rq = nvme_rq_acquire(rig.fake.sq);
	rig.rq->page.vaddr = rig.pages.vaddr;
	rig.rq->page.iova = rig.pages.iova;
}

static void rig_teardown(void)
{
	nvme_rq_free_lists(&rig.fake.ctrl, rig.rq);
	nvme_mem_free(&rig.fake.ctrl, &rig.pages);
	ck_assert_uint_eq(iommu_mappings(rig.ctx), 0);
	iommu_put_context(rig.ctx);
	fake_free(&rig.fake);
}

/* The list page at `iova` as the controller reads it. */
static void *list_page(uint64_t iova)
{
	if (iova - rig.pages.iova < rig.pagesize)
		return (char *)rig.pages.vaddr + (iova - rig.pages.iova);
	for (struct nvme_rq_list *list = rig.rq->lists; list; list = list->next) {
		if (iova - list->mem.iova < rig.pagesize)
			return (char *)list->mem.vaddr + (iova - list->mem.iova);
	}
	ck_abort_msg("a list at %#llx, where there is no memory", (unsigned long long)iova);
	return NULL;
}

/* How a controller goes through PRPs (4.1.1). Each call gives the next piece. */
struct walk {
	const union nvme_cmd *cmd;
	size_t left; /* bytes of the transfer */
	uint64_t at; /* in the list: address of the next entry */
	int n;
};

static uint64_t list_read(struct walk *w)
{
	leint64_t *entry = list_page(w->at);
	uint64_t last = (w->at & (rig.pagesize - 1)) + 8 == rig.pagesize;
	uint64_t value = le64_to_cpu(*entry);

	EXPECT(w->at % 8 == 0);
	if (last && w->left > rig.pagesize) {
		/* more data than one page: this is the link */
		EXPECT(value % 8 == 0);
		w->at = value;
		return list_read(w);
	}
	w->at += 8;
	return value;
}

static uint64_t walk_next(struct walk *w, size_t *len)
{
	uint64_t prp1 = le64_to_cpu(w->cmd->dptr.prp1), prp2 = le64_to_cpu(w->cmd->dptr.prp2);
	uint64_t addr;

	if (w->n++ == 0) {
		addr = prp1;
		*len = rig.pagesize - (prp1 & (rig.pagesize - 1));
		if (*len > w->left)
			*len = w->left;
		w->left -= *len;
		w->at = w->left > rig.pagesize ? prp2 : 0;
		return addr;
	}

	addr = w->at ? list_read(w) : prp2;
	EXPECT((addr & (rig.pagesize - 1)) == 0);
	*len = w->left < rig.pagesize ? w->left : rig.pagesize;
	w->left -= *len;
	return addr;
}

/* After the list's last entry, its page must be zero to the end. */
static void check_rest(const struct walk *w)
{
	uint64_t at = w->at;

	if (!at)
		return;
	for (; at & (rig.pagesize - 1); at += 8)
		EXPECT(*(leint64_t *)list_page(at) == 0);
}

static void check_prp(uint64_t iova, size_t len)
{
	union nvme_cmd cmd = {.opcode = 2, .flags = 0x43, .nsid = 1};
	struct walk w = {&cmd, len, 0, 0};
	uint64_t addr = iova;

	if (nvme_rq_map_prp(&rig.fake.ctrl, rig.rq, &cmd, iova, len))
		ck_abort_msg("%#llx + %zu: %s", (unsigned long long)iova, len, vfn_error());
	EXPECT(cmd.flags == 0x03);
	EXPECT(cmd.opcode == 2);

	while (w.left) {
		size_t n;
		uint64_t got = walk_next(&w, &n);

		if (got != addr)
			ck_abort_msg("%#llx + %zu: %#llx in place of %#llx",
				     (unsigned long long)iova, len, (unsigned long long)got,
				     (unsigned long long)addr);
		addr += n;
	}
	EXPECT(addr == iova + len);
	if (w.n == 1)
		EXPECT(cmd.dptr.prp2 == 0);
	check_rest(&w);
}

/* Every dword of a page as a start, with lengths around every page boundary near it. */
START_TEST(test_alignments)
{
	rig_setup(0);
	for (uint64_t offset = 0; offset < 4096; offset += 4) {
		size_t room = 4096 - offset;

		check_prp(0x10000000 + offset, 1);
		for (size_t pages = 0; pages < 4; pages++) {
			check_prp(0x10000000 + offset, room + pages * 4096);
			check_prp(0x10000000 + offset, room + pages * 4096 + 1);
			check_prp(0x10000000 + offset, room + pages * 4096 + 4095);
			if (room + pages * 4096 > 1)
				check_prp(0x10000000 + offset, room + pages * 4096 - 1);
		}
		check_prp(0x10000000 + offset, MIB);
	}
	rig_teardown();
}
END_TEST

/* Lengths up to 1 MiB at a few alignments, in an order that lets lists shrink and grow. */
START_TEST(test_lengths)
{
	static const uint64_t offsets[] = {0, 4, 8, 512, 2048, 4088, 4092};

	rig_setup(0);
	for (size_t len = 512; len <= MIB; len += 512)
		check_prp(0x40000000 + offsets[len / 512 % ARRAY_SIZE(offsets)], len);
	for (size_t i = 0; i < 3000; i++) {
		size_t len = (size_t)(i * 2654435761u % MIB) + 1;

		check_prp(0xfffffff000 + (i * 40503u % 1024) * 4, len);
	}
	for (size_t len = MIB; len; len /= 2)
		check_prp(0x40000000, len);
	rig_teardown();
}
END_TEST

/* Lists over several pages: around the places where a page is just full. */
START_TEST(test_chains)
{
	rig_setup(0);
	for (size_t n = 1; n <= 4; n++) {
		/* n pages hold 511 entries each, but the last, which holds 512 */
		size_t full = (n * 511 + 1) * 4096 + 4096;

		for (int d = -2; d <= 2; d++) {
			check_prp(0x80000000, full + (size_t)(d * 4096));
			check_prp(0x80000000, full + (size_t)(d * 4096) - 1);
			check_prp(0x80000000, full + (size_t)(d * 4096) + 1);
			check_prp(0x80000ffc, full + (size_t)(d * 4096));
			check_prp(0x80000004, full + (size_t)(d * 4096));
		}
	}
	check_prp(0x80000000, 64 * MIB);
	check_prp(0x80000000, 3 * 4096);
	check_prp(0x80000000, 64 * MIB - 4096 * 600);
	rig_teardown();
}
END_TEST

START_TEST(test_page_sizes)
{
	for (int mps = 1; mps <= 4; mps++) {
		size_t page = __mps_to_pagesize(mps);

		rig_setup(mps);
		ck_assert_uint_eq(rig.pages.iova % page, 0);
		for (size_t offset = 0; offset < page; offset += 4 * 61) {
			check_prp(0x40000000 + offset, 1);
			check_prp(0x40000000 + offset, page);
			check_prp(0x40000000 + offset, 2 * page);
			check_prp(0x40000000 + offset, 2 * page + 4);
			check_prp(0x40000000 + offset, MIB);
		}
		check_prp(0x40000000, page / 8 * page + page);
		check_prp(0x40000000, page / 8 * page + 2 * page);
		check_prp(0x40000000, page / 8 * page + 3 * page);
		rig_teardown();
	}
}
END_TEST

START_TEST(test_refused)
{
	union nvme_cmd cmd, before;

	rig_setup(0);
	memset(&cmd, 0x5a, sizeof(cmd));
	before = cmd;
#define REFUSED(iova, len)                                                                         \
	do {                                                                                       \
		errno = 0;                                                                         \
		ck_assert_int_eq(nvme_rq_map_prp(&rig.fake.ctrl, rig.rq, &cmd, iova, len), -1);    \
		ck_assert_int_eq(errno, EINVAL);                                                   \
		ck_assert(!memcmp(&cmd, &before, sizeof(cmd)));                                    \
	} while (0)
	REFUSED(0x10001, 512);
	REFUSED(0x10002, 512);
	REFUSED(0x10003, 512);
	REFUSED(0x10000, 0);
	REFUSED(UINT64_MAX - 4095, 8192);
	REFUSED(0x10000, SIZE_MAX);
#undef REFUSED
	rig_teardown();
}
END_TEST

#define AREA (64 * 4096)

/* Memory at two places, so that pieces are not neighbours as IOVAs unless they are meant to be. */
static char *mapped(uint64_t iova)
{
	void *mem;

	/* The page behind is not mapped for the device, wherever the next area comes to lie. */
	ck_assert_int_eq(pgmap(&mem, AREA + __VFN_PAGESIZE), AREA + __VFN_PAGESIZE);
	ck_assert_int_eq(iommu_map_vaddr(rig.ctx, mem, AREA, &iova, IOMMU_MAP_FIXED_IOVA), 0);
	return mem;
}

static void unmapped(void *mem)
{
	ck_assert_int_eq(iommu_unmap_vaddr(rig.ctx, mem, NULL), 0);
	ck_assert_int_eq(pgunmap(mem, AREA + __VFN_PAGESIZE), 0);
}

#define IOVA_A 0x20000000ull
#define IOVA_B 0x30000000ull

static uint64_t iova_of(const char *a, const char *p)
{
	return p >= a && p < a + AREA ? IOVA_A + (uint64_t)(p - a) : 0;
}

/* The pieces of `iov` in pages as IOVAs, by the slow and simple way: byte for byte at page starts.
 */
static void check_iov(const char *a, const char *b, struct iovec *iov, int n)
{
	union nvme_cmd cmd = {.opcode = 2};
	struct walk w = {&cmd, 0, 0, 0};
	size_t in_walk = 0, len = 0;
	uint64_t got = 0;

	for (int i = 0; i < n; i++)
		w.left += iov[i].iov_len;
	ck_assert_msg(!nvme_rq_mapv_prp(&rig.fake.ctrl, rig.rq, &cmd, iov, n), "%s", vfn_error());

	for (int i = 0; i < n; i++) {
		for (size_t done = 0; done < iov[i].iov_len; done++) {
			const char *p = (char *)iov[i].iov_base + done;
			uint64_t want = iova_of(a, p);

			if (!want)
				want = IOVA_B + (uint64_t)(p - b);
			if (in_walk == len) {
				got = walk_next(&w, &len);
				in_walk = 0;
			}
			if (got + in_walk++ != want)
				ck_abort_msg("piece %d, byte %zu", i, done);
		}
	}
	ck_assert_uint_eq(w.left, 0);
	ck_assert_uint_eq(in_walk, len);
	check_rest(&w);
}

START_TEST(test_vectors)
{
	char *a, *b;

	rig_setup(0);
	a = mapped(IOVA_A);
	b = mapped(IOVA_B);

	check_iov(a, b, (struct iovec[]){{a + 512, 4096}}, 1);
	check_iov(a, b, (struct iovec[]){{a, 4096}, {b, 512}}, 2);
	check_iov(a, b, (struct iovec[]){{a + 4, 4092}, {b, 4096}, {a + 8192, 4}}, 3);
	check_iov(
		a, b,
		(struct iovec[]){
			{a + 100, 20 * 4096 - 100}, {b, 8192}, {a + 4096, 4096}, {b + 40960, 513}},
		4);

	/* pieces that follow each other within a page count as one; empty ones as none */
	check_iov(a, b, (struct iovec[]){{a, 512}, {a + 512, 512}, {a + 1024, 9000}}, 3);
	check_iov(a, b, (struct iovec[]){{NULL, 0}, {b, 4096}, {NULL, 0}, {a, 77}, {NULL, 0}}, 5);
	check_iov(a, b, (struct iovec[]){{a, 4095}, {a + 4095, 1}, {b, 8192}}, 3);

	unmapped(b);
	unmapped(a);
	rig_teardown();
}
END_TEST

START_TEST(test_vectors_refused)
{
	union nvme_cmd cmd = {.opcode = 2}, before = cmd;
	struct iovec iov[3];
	char *a, *b, on_stack[64];

	rig_setup(0);
	a = mapped(IOVA_A);
	b = mapped(IOVA_B);

#define TRY(n, err)                                                                                \
	do {                                                                                       \
		errno = 0;                                                                         \
		ck_assert_int_eq(nvme_rq_mapv_prp(&rig.fake.ctrl, rig.rq, &cmd, iov, n), -1);      \
		ck_assert_int_eq(errno, err);                                                      \
		ck_assert(!memcmp(&cmd, &before, sizeof(cmd)));                                    \
	} while (0)
	iov[0] = (struct iovec){a, 4000};
	iov[1] = (struct iovec){b, 4096};
	TRY(2, EINVAL);
	iov[0] = (struct iovec){a, 4096};
	iov[1] = (struct iovec){b + 4, 4092};
	TRY(2, EINVAL);
	iov[1] = (struct iovec){b, 4095};
	iov[2] = (struct iovec){a + 8192, 4096};
	TRY(3, EINVAL);
	iov[0] = (struct iovec){a + 2, 512};
	TRY(1, EINVAL);
	TRY(0, EINVAL);
	iov[0] = (struct iovec){on_stack, sizeof(on_stack)};
	TRY(1, EFAULT);
	/* a mapping that ends too soon */
	iov[0] = (struct iovec){a, 4096};
	iov[1] = (struct iovec){b + AREA - 4096, 8192};
	TRY(2, EFAULT);
	iov[0] = (struct iovec){a, SIZE_MAX};
	TRY(1, EINVAL);
#undef TRY

	/* what was refused half way leaves nothing behind for the next list */
	iov[0] = (struct iovec){a, 40 * 4096};
	iov[1] = (struct iovec){b + 4, 4};
	ck_assert_int_eq(nvme_rq_mapv_prp(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), -1);
	check_prp(0x50000000, 3 * 4096);

	unmapped(b);
	unmapped(a);
	rig_teardown();
}
END_TEST

/* Walk an SGL and compare with the pieces; returns the number of segments. */
static int check_sgl(const struct iovec *iov, const uint64_t *iovas, int n)
{
	union nvme_cmd cmd = {.opcode = 1};
	struct nvme_sgld at, *segment = NULL;
	int segments = 0, used = 0, count = 0;

	ck_assert_msg(!nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, (struct iovec *)iov, n), "%s",
		      vfn_error());
	ck_assert_uint_eq(cmd.flags >> 6, 1);

	at = cmd.dptr.sgl;
	for (int i = 0; i < n;) {
		int type = at.type >> 4;

		ck_assert_int_eq(at.type & 0xf, 0);
		if (type == NVME_SGLD_TYPE_DATA_BLOCK) {
			ck_assert_uint_eq(le64_to_cpu(at.addr), iovas[i]);
			ck_assert_uint_eq(le32_to_cpu(at.len), iov[i].iov_len);
			if (++i == n)
				break;
			ck_assert_int_lt(used, count);
			at = segment[used++];
			continue;
		}

		/* a segment's descriptor is the last one of its own segment */
		ck_assert_int_eq(used, count);
		ck_assert(type == NVME_SGLD_TYPE_SEGMENT || type == NVME_SGLD_TYPE_LAST_SEGMENT);
		segment = list_page(le64_to_cpu(at.addr));
		count = (int)(le32_to_cpu(at.len) / 16);
		ck_assert_int_gt(count, 0);
		ck_assert_int_eq((segment[count - 1].type >> 4) == NVME_SGLD_TYPE_DATA_BLOCK,
				 type == NVME_SGLD_TYPE_LAST_SEGMENT);
		used = 0;
		at = segment[used++];
		segments++;
	}
	ck_assert_int_eq(used, count);
	return segments;
}

START_TEST(test_sgl)
{
	static struct iovec iov[1200];
	static uint64_t iovas[1200];
	union nvme_cmd cmd = {0};
	char *a;

	rig_setup(0);
	a = mapped(IOVA_A);
	errno = 0;
	iov[0] = (struct iovec){a, 4096};
	ck_assert_int_eq(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), -1);
	ck_assert_int_eq(errno, ENOTSUP);

	rig.fake.ctrl.flags = NVME_CTRL_F_SGLS_SUPPORTED;
	/* pieces with a gap between them, so that none are joined */
	for (int i = 0; i < 1200; i++) {
		iov[i] = (struct iovec){a + i * 100, (size_t)(i % 64 + 1)};
		iovas[i] = IOVA_A + (uint64_t)i * 100;
	}
	ck_assert_int_eq(check_sgl(iov, iovas, 1), 0);
	ck_assert_int_eq(check_sgl(iov, iovas, 2), 1);
	for (int n = 250; n < 262; n++)
		ck_assert_int_eq(check_sgl(iov, iovas, n), n <= 256 ? 1 : 2);
	ck_assert_int_eq(check_sgl(iov, iovas, 511), 2);
	ck_assert_int_eq(check_sgl(iov, iovas, 512), 3);
	ck_assert_int_eq(check_sgl(iov, iovas, 1200), 5);

	/* a PRP list in the same page afterwards is clean */
	check_prp(0x50000000, 3 * 4096);
	check_prp(0x50000000, 4 * MIB);

	/* neighbours are joined, over page boundaries too */
	iov[0] = (struct iovec){a, 5000};
	iov[1] = (struct iovec){a + 5000, 9000};
	ck_assert_int_eq(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), 0);
	ck_assert_uint_eq(le32_to_cpu(cmd.dptr.sgl.len), 14000);
	ck_assert_uint_eq(cmd.dptr.sgl.type, 0);

	rig.fake.ctrl.flags |= NVME_CTRL_F_SGLS_DWORD_ALIGNMENT;
	iov[0] = (struct iovec){a + 2, 4};
	errno = 0;
	ck_assert_int_eq(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	iov[0] = (struct iovec){a, 6};
	ck_assert_int_eq(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), -1);

	/* the I/O queue gets an SGL where there are any, the admin queue PRPs */
	iov[0] = (struct iovec){a, 4096};
	ck_assert_int_eq(nvme_rq_mapv(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), 0);
	ck_assert_uint_eq(cmd.flags >> 6, 1);
	rig.fake.sq->id = NVME_AQ;
	ck_assert_int_eq(nvme_rq_mapv(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), 0);
	ck_assert_uint_eq(cmd.flags >> 6, 0);
	ck_assert_uint_eq(le64_to_cpu(cmd.dptr.prp1), IOVA_A);

	unmapped(a);
	rig_teardown();
}
END_TEST

UNIT_MAIN("nvme-prp", tcase_add_test(tc, test_alignments); tcase_add_test(tc, test_lengths);
	  tcase_add_test(tc, test_chains); tcase_add_test(tc, test_page_sizes);
	  tcase_add_test(tc, test_refused); tcase_add_test(tc, test_vectors);
	  tcase_add_test(tc, test_vectors_refused); tcase_add_test(tc, test_sgl))
