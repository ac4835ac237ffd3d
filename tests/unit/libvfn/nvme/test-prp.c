/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PRPs for every alignment and length, walked as a controller walks them, and compared
 * with what the specification says they must describe.
 */
#include "unit.h"

#include "data-rig.h"

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

/* The same shapes by IOVAs, which nothing looks up: none of these is mapped. */
START_TEST(test_iovas)
{
	union nvme_cmd by_iova = {.opcode = 2, .flags = 0x40}, whole = {.opcode = 2}, before;
	struct nvme_iova iov[600], split[] = {
		{0x7000100, 0xf00}, {0x7001000, 0x10}, {0x1, 0}, {0x7001010, 0x12345}};

	rig_setup(0);
	ck_assert_int_eq(nvme_rq_mapv_prp_iova(&rig.fake.ctrl, rig.rq, &by_iova, split, 4), 0);
	ck_assert_uint_eq(by_iova.flags, 0);
	{
		struct walk w = {&by_iova, 0xf00 + 0x10 + 0x12345, 0, 0};
		uint64_t at = 0x7000100;
		size_t n;

		for (; w.left; at += n)
			EXPECT(walk_next(&w, &n) == at);
		check_rest(&w);
	}

	/* pages in reverse, over two pages of list */
	for (int i = 0; i < 600; i++)
		iov[i] = (struct nvme_iova){0x9000000 - (uint64_t)i * 8192, 4096};
	ck_assert_int_eq(nvme_rq_mapv_prp_iova(&rig.fake.ctrl, rig.rq, &by_iova, iov, 600), 0);
	{
		struct walk w = {&by_iova, 600 * 4096, 0, 0};

		for (int i = 0; i < 600; i++) {
			size_t n;

			EXPECT(walk_next(&w, &n) == iov[i].iova && n == 4096);
		}
		check_rest(&w);
	}

	/* the last byte of all can be had, the one behind it cannot */
	iov[0] = (struct nvme_iova){UINT64_MAX - 8191, 8192};
	ck_assert_int_eq(nvme_rq_mapv_prp_iova(&rig.fake.ctrl, rig.rq, &by_iova, iov, 1), 0);
	ck_assert_int_eq(nvme_rq_map_prp(&rig.fake.ctrl, rig.rq, &whole, UINT64_MAX - 8191, 8192),
			 0);
	ck_assert_mem_eq(&whole, &by_iova, sizeof(whole));
	ck_assert_uint_eq(le64_to_cpu(whole.dptr.prp2), UINT64_MAX - 4095);

	before = by_iova;
#define REFUSED(...)                                                                               \
	do {                                                                                       \
		struct nvme_iova v[] = {__VA_ARGS__};                                              \
		errno = 0;                                                                         \
		ck_assert_int_eq(nvme_rq_mapv_prp_iova(&rig.fake.ctrl, rig.rq, &by_iova, v,        \
						       ARRAY_SIZE(v)),                             \
				 -1);                                                              \
		ck_assert_int_eq(errno, EINVAL);                                                   \
		ck_assert_mem_eq(&before, &by_iova, sizeof(before));                               \
	} while (0)
	REFUSED({UINT64_MAX - 8191, 8193});
	REFUSED({0x1000, UINT64_MAX});
	REFUSED({0x1002, 512});
	REFUSED({0x1000, 0});
	REFUSED({0x1000, 4096}, {0x8004, 4092});
	REFUSED({0x1000, 4096}, {0x8000, 4092}, {0x9000, 4096});
	REFUSED({0x1000, 4096}, {NVME_IOVA_DISCARD, 4096});
	REFUSED({NVME_IOVA_DISCARD, 4096});
#undef REFUSED
	rig_teardown();
}
END_TEST

UNIT_MAIN("nvme-prp", tcase_add_test(tc, test_alignments); tcase_add_test(tc, test_lengths);
	  tcase_add_test(tc, test_chains); tcase_add_test(tc, test_page_sizes);
	  tcase_add_test(tc, test_refused); tcase_add_test(tc, test_vectors);
	  tcase_add_test(tc, test_vectors_refused); tcase_add_test(tc, test_iovas))
