/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SGLs of data and of metadata, walked as a controller walks them, and compared with the pieces
 * that they were made from.
 */
#include "unit.h"

#include "data-rig.h"
#include "nvme/regs.h"

#define PIECES 1200

/* A controller's way through an SGL: the next data block or bit bucket, false at the end. */
struct walk {
	struct nvme_sgld at;
	struct nvme_sgld *segment;
	int segments; /* so far */
	int used, count;
	bool last; /* it was said to be the last segment */
	bool begun;
};

static int type_of(const struct nvme_sgld *sgld)
{
	EXPECT((sgld->type & 0xf) == 0); /* an address, not an offset */
	EXPECT(!(sgld->rsvd12[0] | sgld->rsvd12[1] | sgld->rsvd12[2]));
	return sgld->type >> 4;
}

static bool walk_next(struct walk *w)
{
	int type;

	if (w->begun && w->used == w->count)
		return false;
	if (w->begun)
		w->at = w->segment[w->used++];
	w->begun = true;

	type = type_of(&w->at);
	if (type == NVME_SGLD_TYPE_DATA_BLOCK || type == NVME_SGLD_TYPE_BIT_BUCKET)
		return true;

	/* what points at a segment is the last of its own, and nothing points out of a last one */
	EXPECT(type == NVME_SGLD_TYPE_SEGMENT || type == NVME_SGLD_TYPE_LAST_SEGMENT);
	EXPECT(w->used == w->count && !w->last);
	EXPECT(le64_to_cpu(w->at.addr) % 8 == 0);
	EXPECT(le32_to_cpu(w->at.len) && le32_to_cpu(w->at.len) % 16 == 0);
	w->segment = list_page(le64_to_cpu(w->at.addr));
	w->count = (int)(le32_to_cpu(w->at.len) / 16);
	EXPECT((le64_to_cpu(w->at.addr) & (rig.pagesize - 1)) + le32_to_cpu(w->at.len) <=
	       rig.pagesize);
	w->used = 0;
	w->segments++;
	w->last = type == NVME_SGLD_TYPE_LAST_SEGMENT;
	return walk_next(w);
}

/* Walk an SGL and compare with the pieces; returns the number of segments. */
static int check_pieces(const struct nvme_sgld *first, const struct nvme_iova *iov, int n)
{
	struct walk w = {.at = *first};

	for (int i = 0; i < n; i++) {
		bool discard = iov[i].iova == NVME_IOVA_DISCARD;

		if (!walk_next(&w))
			ck_abort_msg("%d pieces in place of %d", i, n);
		EXPECT((type_of(&w.at) == NVME_SGLD_TYPE_BIT_BUCKET) == discard);
		EXPECT(le64_to_cpu(w.at.addr) == (discard ? 0 : iov[i].iova));
		EXPECT(le32_to_cpu(w.at.len) == iov[i].len);
	}
	EXPECT(!walk_next(&w));
	EXPECT(!w.segments || w.last);
	return w.segments;
}

static int check_data(const struct nvme_iova *iov, int n)
{
	union nvme_cmd cmd = {.opcode = 1, .flags = 0x83};

	if (nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, n))
		ck_abort_msg("%s", vfn_error());
	EXPECT(cmd.flags == 0x43);
	EXPECT(cmd.opcode == 1 && !cmd.mptr);
	return check_pieces(&cmd.dptr.sgl, iov, n);
}

static int check_meta(const struct nvme_iova *iov, int n)
{
	union nvme_cmd cmd = {.opcode = 1, .flags = 0x43};
	struct nvme_sgld data = cmd.dptr.sgl;

	if (nvme_rq_mapv_mptr_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, n))
		ck_abort_msg("%s", vfn_error());
	EXPECT(cmd.flags == 0x83);
	EXPECT(!memcmp(&data, &cmd.dptr.sgl, sizeof(data)));
	EXPECT(le64_to_cpu(cmd.mptr) % 8 == 0);
	return check_pieces(list_page(le64_to_cpu(cmd.mptr)), iov, n);
}

static void sgl_setup(int mps, uint32_t sgls)
{
	rig_setup(mps);
	rig.fake.ctrl.config.sgls = sgls;
	rig.fake.ctrl.flags = NVME_CTRL_F_SGLS_SUPPORTED;
	if (SGLS_SUPPORT(sgls) == SGLS_SUPPORT_DWORD)
		rig.fake.ctrl.flags |= NVME_CTRL_F_SGLS_DWORD_ALIGNMENT;
}

#define ALL (SGLS_SUPPORT_BYTE | SGLS_BIT_BUCKET | SGLS_MPTR_BYTE | SGLS_MPTR_SGL)

/*
 * Segments that `n` pieces take, of which the first has room for `room` and the others, in turn,
 * for `other` and one more or less, so that no two links in a row are in the same place.
 */
static int segments(int n, int room, int other)
{
	int count = 1;

	if (n == 1)
		return 0;
	for (; n > room; count++) {
		int t = room;

		n -= room - 1;
		room = other;
		other = t;
	}
	return count;
}

/* Pieces with a gap between them, so that none are joined, of any alignment. */
static void gaps(struct nvme_iova *iov, int n)
{
	for (int i = 0; i < n; i++)
		iov[i] = (struct nvme_iova){0x50000001 + (uint64_t)i * 101, (uint64_t)(i % 64 + 1)};
}

START_TEST(test_segments)
{
	static struct nvme_iova iov[PIECES];
	int page = 256; /* descriptors in one of 4 KiB */

	sgl_setup(0, ALL);
	gaps(iov, PIECES);
	ck_assert_int_eq(check_data(iov, 1), 0);
	ck_assert_int_eq(check_data(iov, 2), 1);
	/* the end of the tracker's page is for the metadata */
	for (int n = page - 6; n < page + 6; n++)
		ck_assert_int_eq(check_data(iov, n), n <= page - 1 ? 1 : 2);
	for (int n = 2 * page - 6; n < 2 * page + 6; n++)
		ck_assert_int_eq(check_data(iov, n), segments(n, page - 1, page));
	ck_assert_int_eq(check_data(iov, PIECES), 5);
	ck_assert_int_eq(check_data(iov, 3), 1);
	ck_assert_int_eq(check_data(iov, 1), 0);
	rig_teardown();
}
END_TEST

START_TEST(test_page_sizes)
{
	static struct nvme_iova iov[8300];

	gaps(iov, 8300);
	for (int mps = 0; mps <= 5; mps++) {
		int page = (int)(__mps_to_pagesize(mps) / 16);

		sgl_setup(mps, ALL);
		for (int n = page - 2; n < page + 2; n++) {
			ck_assert_int_eq(check_data(iov, n), n <= page - 1 ? 1 : 2);
			ck_assert_int_eq(check_meta(iov, n), n <= page ? 1 : 2);
		}
		ck_assert_int_eq(check_data(iov, 8300), segments(8300, page - 1, page));
		ck_assert_int_eq(check_meta(iov, 8300), segments(8300, page, page - 1));
		rig_teardown();
	}
}
END_TEST

/* What an SGL leaves in the tracker's pages does not stay in a shorter PRP list. */
START_TEST(test_prp_after)
{
	static struct nvme_iova iov[PIECES];
	union nvme_cmd cmd = {.opcode = 2};
	leint64_t *entries;

	sgl_setup(0, ALL);
	gaps(iov, PIECES);
	for (int way = 0; way < 3; way++) {
		if (way == 0)
			check_data(iov, 200);
		else if (way == 1)
			check_meta(iov, 1);
		else
			check_data(iov, PIECES);
		ck_assert_int_eq(
			nvme_rq_map_prp(&rig.fake.ctrl, rig.rq, &cmd, 0x40000000, 4 * 4096), 0);
		entries = list_page(le64_to_cpu(cmd.dptr.prp2));
		for (int i = 3; i < 512; i++)
			EXPECT(!entries[i]);
	}
	/* in the list's second page, too */
	ck_assert_int_eq(nvme_rq_map_prp(&rig.fake.ctrl, rig.rq, &cmd, 0x40000000, 520 * 4096), 0);
	entries = list_page(le64_to_cpu(cmd.dptr.prp2));
	entries = list_page(le64_to_cpu(entries[511]));
	for (int i = 8; i < 512; i++)
		EXPECT(!entries[i]);
	EXPECT(entries[7]);
	rig_teardown();
}
END_TEST

START_TEST(test_vaddrs)
{
	union nvme_cmd cmd = {.opcode = 2}, before;
	struct nvme_iova want[3];
	struct iovec iov[5];
	char *a, *b, on_stack[16];

	sgl_setup(0, ALL);
	a = mapped(IOVA_A);
	b = mapped(IOVA_B);

	/* neighbours are joined, over page boundaries too; empty pieces are none */
	iov[0] = (struct iovec){a + 3, 5000};
	iov[1] = (struct iovec){NULL, 0};
	iov[2] = (struct iovec){a + 5003, 9000};
	iov[3] = (struct iovec){b, 1};
	iov[4] = (struct iovec){a, 1};
	ck_assert_int_eq(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 5), 0);
	want[0] = (struct nvme_iova){IOVA_A + 3, 14000};
	want[1] = (struct nvme_iova){IOVA_B, 1};
	want[2] = (struct nvme_iova){IOVA_A, 1};
	ck_assert_int_eq(check_pieces(&cmd.dptr.sgl, want, 3), 1);

	ck_assert_int_eq(nvme_rq_mapv_mptr_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov + 3, 2), 0);
	ck_assert_int_eq(check_pieces(list_page(le64_to_cpu(cmd.mptr)), want + 1, 2), 1);
	ck_assert_int_eq(check_pieces(&cmd.dptr.sgl, want, 3), 1);

	before = cmd;
#define REFUSED(call, err)                                                                         \
	do {                                                                                       \
		errno = 0;                                                                         \
		ck_assert_int_eq(call, -1);                                                        \
		ck_assert_int_eq(errno, err);                                                      \
		ck_assert_mem_eq(&before, &cmd, sizeof(cmd));                                      \
	} while (0)
	iov[1] = (struct iovec){on_stack, sizeof(on_stack)};
	REFUSED(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), EFAULT);
	REFUSED(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 0), EINVAL);
	REFUSED(nvme_rq_mapv_mptr_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), EFAULT);
	REFUSED(nvme_rq_mapv_mptr_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 0), EINVAL);
	/* only where it is asked for is no address data to discard */
	iov[1] = (struct iovec){NULL, 512};
	REFUSED(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), EFAULT);
	iov[0] = (struct iovec){a, SIZE_MAX};
	REFUSED(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), EINVAL);
	/* a mapping that ends too soon */
	iov[0] = (struct iovec){b + AREA - 100, 101};
	REFUSED(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), EFAULT);
	rig.fake.ctrl.flags = 0;
	iov[0] = (struct iovec){a, 512};
	REFUSED(nvme_rq_mapv_sgl(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), ENOTSUP);

	unmapped(b);
	unmapped(a);
	rig_teardown();
}
END_TEST

START_TEST(test_discard)
{
	static struct nvme_iova many[PIECES];
	struct nvme_iova iov[] = {{NVME_IOVA_DISCARD, 512}, {0x1000, 512}, {NVME_IOVA_DISCARD, 7},
				  {0x3000, 3},		    {0x8000, 9}};
	struct nvme_iova joined[] = {
		{NVME_IOVA_DISCARD, 512}, {NVME_IOVA_DISCARD, 512}, {0x1000, 1}, {0x1001, 5}};
	struct nvme_iova want[] = {{NVME_IOVA_DISCARD, 1024}, {0x1000, 6}};
	union nvme_cmd cmd = {.opcode = 2}, before;
	struct iovec vec[3];
	char *a;

	sgl_setup(0, ALL);
	a = mapped(IOVA_A);
	/* a command has no room for a bit bucket */
	ck_assert_int_eq(check_data(iov, 1), 1);
	ck_assert_int_eq(check_data(iov, 5), 1);
	for (int i = 0; i < PIECES; i++)
		many[i] = (struct nvme_iova){i & 1 ? 0x1000 + (uint64_t)i * 64 : NVME_IOVA_DISCARD,
					     (uint64_t)i + 1};
	ck_assert_int_eq(check_data(many, PIECES), 5);
	ck_assert_int_eq(nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, joined, 4), 0);
	check_pieces(&cmd.dptr.sgl, want, 2);

	vec[0] = (struct iovec){a + 8, 504};
	vec[1] = (struct iovec){NULL, 3584};
	vec[2] = (struct iovec){a, 8};
	ck_assert_int_eq(nvme_rq_mapv_sgl_discard(&rig.fake.ctrl, rig.rq, &cmd, vec, 3), 0);
	iov[0] = (struct nvme_iova){IOVA_A + 8, 504};
	iov[1] = (struct nvme_iova){NVME_IOVA_DISCARD, 3584};
	iov[2] = (struct nvme_iova){IOVA_A, 8};
	ck_assert_int_eq(check_pieces(&cmd.dptr.sgl, iov, 3), 1);

	/* what is discarded is not bound to dwords */
	rig.fake.ctrl.flags |= NVME_CTRL_F_SGLS_DWORD_ALIGNMENT;
	iov[1].len = 3;
	ck_assert_int_eq(check_data(iov, 3), 1);

	before = cmd;
	REFUSED(nvme_rq_mapv_mptr_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 3), EINVAL);
	rig.fake.ctrl.config.sgls &= ~SGLS_BIT_BUCKET;
	REFUSED(nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 3), ENOTSUP);
	REFUSED(nvme_rq_mapv_sgl_discard(&rig.fake.ctrl, rig.rq, &cmd, vec, 3), ENOTSUP);
	unmapped(a);
	rig_teardown();
}
END_TEST

/* A descriptor's length has 32 bits. */
START_TEST(test_long_pieces)
{
	struct nvme_iova iov = {0x10004, 9ull << 30}, pieces[3];
	union nvme_cmd cmd = {.opcode = 2}, before;

	sgl_setup(0, ALL);
	for (int i = 0; i < 3; i++) {
		pieces[i].iova = 0x10004 + i * 0xfffff000ull;
		pieces[i].len = i < 2 ? 0xfffff000 : (9ull << 30) - 2 * 0xfffff000ull;
	}
	ck_assert_int_eq(nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, &iov, 1), 0);
	ck_assert_int_eq(check_pieces(&cmd.dptr.sgl, pieces, 3), 1);
	iov.iova = NVME_IOVA_DISCARD;
	for (int i = 0; i < 3; i++)
		pieces[i].iova = NVME_IOVA_DISCARD;
	ck_assert_int_eq(nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, &iov, 1), 0);
	ck_assert_int_eq(check_pieces(&cmd.dptr.sgl, pieces, 3), 1);

	before = cmd;
	iov = (struct nvme_iova){UINT64_MAX - 511, 513};
	REFUSED(nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, &iov, 1), EINVAL);
	pieces[0] = (struct nvme_iova){NVME_IOVA_DISCARD, UINT64_MAX};
	pieces[1] = (struct nvme_iova){NVME_IOVA_DISCARD, 1};
	REFUSED(nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, pieces, 2), EINVAL);
	rig_teardown();
}
END_TEST

START_TEST(test_dwords)
{
	struct nvme_iova iov[] = {{0x1000, 4096}, {0x4000, 6}};
	union nvme_cmd cmd = {.opcode = 2}, before = cmd;

	sgl_setup(0, SGLS_SUPPORT_DWORD | SGLS_MPTR_SGL);
	REFUSED(nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), EINVAL);
	/* PRPs can describe them */
	ck_assert_int_eq(nvme_rq_mapv_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), 0);
	ck_assert_uint_eq(cmd.flags, 0);
	ck_assert_uint_eq(le64_to_cpu(cmd.dptr.prp2), 0x4000);
	before = cmd;
	iov[1].len = 8;
	iov[0].iova = 0x1002;
	REFUSED(nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), EINVAL);
	REFUSED(nvme_rq_mapv_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), EINVAL);
	iov[0].iova = 0x1004;
	ck_assert_int_eq(nvme_rq_mapv_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), 0);
	ck_assert_uint_eq(cmd.flags, 0x40);
	before = cmd;
	iov[0].len = 6;
	REFUSED(nvme_rq_mapv_mptr_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 2), EINVAL);
	rig_teardown();
}
END_TEST

/* The I/O queue gets an SGL where there are any, the admin queue PRPs. */
START_TEST(test_choice)
{
	union nvme_cmd cmd = {.opcode = 2};
	struct nvme_iova by_iova;
	struct iovec iov;
	char *a;

	sgl_setup(0, ALL);
	a = mapped(IOVA_A);
	iov = (struct iovec){a, 4096};
	by_iova = (struct nvme_iova){IOVA_A, 4096};
	for (int way = 0; way < 2; way++) {
#define MAPV()                                                                                     \
	(way ? nvme_rq_mapv_iova(&rig.fake.ctrl, rig.rq, &cmd, &by_iova, 1)                        \
	     : nvme_rq_mapv(&rig.fake.ctrl, rig.rq, &cmd, &iov, 1))
		ck_assert_int_eq(MAPV(), 0);
		ck_assert_uint_eq(cmd.flags >> 6, 1);
		rig.fake.sq->id = NVME_AQ;
		ck_assert_int_eq(MAPV(), 0);
		ck_assert_uint_eq(cmd.flags >> 6, 0);
		ck_assert_uint_eq(le64_to_cpu(cmd.dptr.prp1), IOVA_A);
		rig.fake.sq->id = 1;
		rig.fake.ctrl.flags = 0;
		ck_assert_int_eq(MAPV(), 0);
		ck_assert_uint_eq(cmd.flags >> 6, 0);
		rig.fake.ctrl.flags = NVME_CTRL_F_SGLS_SUPPORTED;
	}
	unmapped(a);
	rig_teardown();
}
END_TEST

START_TEST(test_metadata)
{
	static struct nvme_iova iov[PIECES];
	union nvme_cmd cmd = {.opcode = 2}, before;
	struct nvme_iova data[PIECES];

	sgl_setup(0, ALL);
	gaps(iov, PIECES);

	/* contiguous: dwords with PRPs */
	ck_assert_int_eq(nvme_rq_map_prp(&rig.fake.ctrl, rig.rq, &cmd, 0x10000, 4096), 0);
	ck_assert_int_eq(nvme_map_mptr(&rig.fake.ctrl, &cmd, 0x12344, 64), 0);
	ck_assert_uint_eq(le64_to_cpu(cmd.mptr), 0x12344);
	ck_assert_uint_eq(cmd.flags, 0);
	before = cmd;
	for (unsigned int i = 1; i < 4; i++)
		REFUSED(nvme_map_mptr(&rig.fake.ctrl, &cmd, 0x12344 + i, 64), EINVAL);
	REFUSED(nvme_map_mptr(&rig.fake.ctrl, &cmd, 0x12344, 0), EINVAL);
	REFUSED(nvme_map_mptr(&rig.fake.ctrl, &cmd, UINT64_MAX - 3, 5), EINVAL);
	REFUSED(nvme_rq_mapv_mptr_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), EINVAL);

	/* bytes with an SGL, if the controller says so */
	ck_assert_int_eq(nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 255), 0);
	ck_assert_int_eq(nvme_map_mptr(&rig.fake.ctrl, &cmd, 0x12345, 64), 0);
	ck_assert_uint_eq(cmd.flags, 0x40);
	before = cmd;
	rig.fake.ctrl.config.sgls &= ~SGLS_MPTR_BYTE;
	REFUSED(nvme_map_mptr(&rig.fake.ctrl, &cmd, 0x12345, 64), EINVAL);

	/* by an SGL, beside the data's longest in the same page */
	for (int n = 1; n <= PIECES; n = n * 2 + 1) {
		for (int i = 0; i < PIECES; i++)
			data[i] = (struct nvme_iova){iov[i].iova + (1ull << 40), iov[i].len};
		ck_assert_int_eq(
			nvme_rq_mapv_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, data, PIECES), 0);
		ck_assert_int_eq(nvme_rq_mapv_mptr_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, n),
				 0);
		ck_assert_uint_eq(cmd.flags, 0x80);
		ck_assert_int_eq(check_pieces(&cmd.dptr.sgl, data, PIECES), 5);
		ck_assert_int_eq(check_pieces(list_page(le64_to_cpu(cmd.mptr)), iov, n),
				 segments(n, 256, 255));
	}

	/* and contiguous again */
	ck_assert_int_eq(nvme_map_mptr(&rig.fake.ctrl, &cmd, 0x4000, 64), 0);
	ck_assert_uint_eq(cmd.flags, 0x40);

	before = cmd;
	rig.fake.ctrl.config.sgls &= ~SGLS_MPTR_SGL;
	REFUSED(nvme_rq_mapv_mptr_sgl_iova(&rig.fake.ctrl, rig.rq, &cmd, iov, 1), ENOTSUP);
	rig_teardown();
}
END_TEST

UNIT_MAIN("nvme-sgl", tcase_add_test(tc, test_segments); tcase_add_test(tc, test_page_sizes);
	  tcase_add_test(tc, test_prp_after); tcase_add_test(tc, test_vaddrs);
	  tcase_add_test(tc, test_discard); tcase_add_test(tc, test_long_pieces);
	  tcase_add_test(tc, test_dwords); tcase_add_test(tc, test_choice);
	  tcase_add_test(tc, test_metadata))
