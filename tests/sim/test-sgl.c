/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SGLs and metadata: what they move, and the status of what is wrong with them. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <string.h>

#define DNR	    0x4000
#define LAST_BAD    (DNR | 0x0d)
#define COUNT_BAD   (DNR | 0x0e)
#define DATA_BAD    (DNR | 0x0f)
#define META_BAD    (DNR | 0x10)
#define TYPE_BAD    (DNR | 0x11)
#define GRAIN_BAD   (DNR | 0x1e)
#define TRANSFER    (DNR | 0x04)
#define FIELD_BAD   (DNR | 0x02)
#define COMPARE_BAD (DNR | 0x285)

#define DATA	0x00
#define BUCKET	0x10
#define SEGMENT 0x20
#define LAST	0x30

struct desc {
	uint64_t addr;
	uint32_t len;
	uint8_t reserved[3];
	uint8_t id;
};

static struct srv srv;
static struct cl c;
static uint8_t *buf;	  /* 64 KiB of data */
static struct desc *list; /* 64 KiB of descriptors */

static void up(const char *option, const char *value)
{
	const char *args[] = {"--ns", "16M", option, value, NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	cl_pair(&c, 1, 16, -1);
	buf = cl_alloc(&c, 65536);
	list = cl_alloc(&c, 65536);
}

static void down(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static uint64_t at(size_t offset)
{
	return cl_iova(&c, buf + offset);
}

static struct desc desc(uint8_t id, uint64_t addr, uint32_t len)
{
	return (struct desc){.addr = addr, .len = len, .id = id};
}

static struct tsqe rw(uint8_t op, uint64_t slba, uint32_t blocks, struct desc d)
{
	struct tsqe e = {.opcode = op, .flags = 0x40, .nsid = 1};

	memcpy(&e.prp1, &d, sizeof(d));
	e.cdw10 = slba;
	e.cdw12 = blocks - 1;
	return e;
}

static uint16_t sgl_io(uint8_t op, uint64_t slba, uint32_t blocks, struct desc d)
{
	return cl_exec(&c, 1, rw(op, slba, blocks, d), NULL);
}

/* The list's first `n` descriptors as the one segment of a command. */
static uint16_t list_io(uint8_t op, uint32_t blocks, uint32_t n)
{
	return sgl_io(op, 0, blocks, desc(LAST, cl_iova(&c, list), n * 16));
}

static void fill(void)
{
	for (size_t i = 0; i < 32768; i++)
		buf[i] = i * 7 + (i >> 8);
}

START_TEST(test_moves)
{
	up("--mdts", "5");
	fill();
	/* one block of data in the command, at any byte */
	ck_assert_uint_eq(sgl_io(1, 0, 8, desc(DATA, at(3), 4096)), 0);
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(DATA, at(32769), 4096)), 0);
	ck_assert_mem_eq(buf + 3, buf + 32769, 4096);

	/* in pieces, back to front, with empty ones */
	for (uint32_t i = 0; i < 512; i++)
		list[i] = desc(DATA, at(32768 + (511 - i) * 8), i == 100 ? 0 : 8);
	list[512] = desc(DATA, at(40960), 8);
	memset(buf + 32768, 0, 16384);
	ck_assert_uint_eq(list_io(2, 8, 513), 0);
	for (uint32_t i = 0; i < 512; i++) {
		uint32_t k = i < 100 ? i : i - 1;
		size_t to = 32768 + (511 - i) * 8;

		if (i != 100)
			ck_assert_mem_eq(buf + to, buf + 3 + k * 8, 8);
	}
	ck_assert_mem_eq(buf + 40960, buf + 3 + 511 * 8, 8);

	/* over three segments, of which the second is just the way to the third */
	list[0] = desc(DATA, at(3), 1000);
	list[1] = desc(SEGMENT, cl_iova(&c, &list[100]), 16);
	list[100] = desc(LAST, cl_iova(&c, &list[200]), 32);
	list[200] = desc(DATA, at(1003), 1);
	list[201] = desc(DATA, at(1004), 3095);
	ck_assert_uint_eq(sgl_io(5, 0, 8, desc(SEGMENT, cl_iova(&c, list), 32)), 0);
	buf[4098] ^= 1;
	ck_assert_uint_eq(sgl_io(5, 0, 8, desc(SEGMENT, cl_iova(&c, list), 32)), COMPARE_BAD);
	down();
}
END_TEST

/* More pieces than a list of pages could have. */
START_TEST(test_many_pieces)
{
	up("--mdts", "0");
	fill();
	ck_assert_uint_eq(sgl_io(1, 0, 8, desc(DATA, at(0), 4096)), 0);
	for (uint32_t i = 0; i < 4096; i++)
		list[i] = desc(DATA, at(61440 - i), 1);
	ck_assert_uint_eq(list_io(2, 8, 4096), 0);
	for (uint32_t i = 0; i < 4096; i++)
		ck_assert_uint_eq(buf[61440 - i], buf[i]);
	down();
}
END_TEST

START_TEST(test_buckets)
{
	up("--mdts", "5");
	fill();
	ck_assert_uint_eq(sgl_io(1, 0, 8, desc(DATA, at(0), 4096)), 0);
	memset(buf + 32768, 0xee, 4096);
	list[0] = desc(BUCKET, 0, 100);
	list[1] = desc(DATA, at(32768), 10);
	list[2] = desc(BUCKET, 0, 3000);
	list[3] = desc(BUCKET, 0, 486);
	list[4] = desc(DATA, at(32778), 500);
	ck_assert_uint_eq(list_io(2, 8, 5), 0);
	ck_assert_mem_eq(buf + 32768, buf + 100, 10);
	ck_assert_mem_eq(buf + 32778, buf + 3596, 500);
	ck_assert_uint_eq(buf[32768 + 510], 0xee);
	list[0] = desc(BUCKET, 0, 4096);
	ck_assert_uint_eq(list_io(2, 8, 1), 0);
	/* a write has nothing to discard: the pieces alone have to suffice */
	list[0] = desc(BUCKET, 0, 9999);
	list[1] = desc(DATA, at(0), 4096);
	ck_assert_uint_eq(list_io(1, 8, 2), 0);
	list[1].len = 4095;
	ck_assert_uint_eq(list_io(1, 8, 2), DATA_BAD);
	/* none in the command itself */
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(BUCKET, 0, 4096)), TYPE_BAD);
	down();
}
END_TEST

START_TEST(test_bad)
{
	uint64_t iova;
	struct tsqe e;

	up("--mdts", "5");
	iova = cl_iova(&c, list);
	memset(buf, 0x5a, 8192);
	/* lengths */
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(DATA, at(0), 4095)), DATA_BAD);
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(DATA, at(0), 4097)), DATA_BAD);
	list[0] = desc(DATA, at(0), 2048);
	list[1] = desc(DATA, at(2048), 2047);
	ck_assert_uint_eq(list_io(2, 8, 2), DATA_BAD);
	list[1].len = 2049;
	ck_assert_uint_eq(list_io(2, 8, 2), DATA_BAD);
	list[1].len = 2048;
	ck_assert_uint_eq(list_io(2, 8, 2), 0);
	/* segments: empty, not of descriptors, not at a qword, not there */
	for (unsigned int id = SEGMENT; id <= LAST; id += 16) {
		ck_assert_uint_eq(sgl_io(2, 0, 8, desc(id, iova, 0)), LAST_BAD);
		ck_assert_uint_eq(sgl_io(2, 0, 8, desc(id, iova, 31)), LAST_BAD);
		ck_assert_uint_eq(sgl_io(2, 0, 8, desc(id, iova + 4, 32)), LAST_BAD);
		ck_assert_uint_eq(sgl_io(2, 0, 8, desc(id, 0x2000, 32)), TRANSFER);
	}
	/* a segment that leads nowhere, a last one that leads on, one in the middle */
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(SEGMENT, iova, 32)), LAST_BAD);
	list[1] = desc(LAST, iova + 32, 16);
	list[2] = desc(DATA, at(2048), 2048);
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(SEGMENT, iova, 32)), 0);
	ck_assert_uint_eq(list_io(2, 8, 2), LAST_BAD);
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(SEGMENT, iova, 48)), COUNT_BAD);
	ck_assert_uint_eq(list_io(2, 8, 3), COUNT_BAD);
	/* in a circle */
	list[0] = desc(SEGMENT, iova, 16);
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(SEGMENT, iova, 16)), COUNT_BAD);
	/* types and sub types that are not there */
	for (unsigned int id = 1; id < 256; id += id < 16 ? 1 : 16) {
		if (id == BUCKET || id == SEGMENT || id == LAST)
			continue;
		list[0] = desc(id, at(0), 4096);
		ck_assert_uint_eq(sgl_io(2, 0, 8, list[0]), TYPE_BAD);
		ck_assert_uint_eq(list_io(2, 8, 1), TYPE_BAD);
	}
	/* data that cannot be reached; nothing of the rest has moved */
	memset(buf, 0x5a, 4096);
	list[0] = desc(DATA, at(0), 2048);
	list[1] = desc(DATA, 0x3000, 2048);
	ck_assert_uint_eq(list_io(2, 8, 2), TRANSFER);
	list[1].addr = UINT64_MAX - 10;
	ck_assert_uint_eq(list_io(2, 8, 2), TRANSFER);
	for (unsigned int i = 0; i < 2048; i++)
		ck_assert_uint_eq(buf[i], 0x5a);
	/* admin commands have PRPs, and nothing has both */
	e = (struct tsqe){.opcode = 6, .flags = 0x40, .prp1 = at(0), .prp2 = 4096, .cdw10 = 1};
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), FIELD_BAD);
	e = rw(2, 0, 8, desc(DATA, at(0), 4096));
	e.flags = 0xc0;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), FIELD_BAD);
	down();
}
END_TEST

START_TEST(test_without)
{
	up("--sgls", "0");
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(DATA, at(0), 4096)), FIELD_BAD);
	down();
}
END_TEST

/* Dwords, without anything else, but longer lists than data. */
START_TEST(test_dwords)
{
	struct tsqe e = {.opcode = 6, .cdw10 = 1};

	up("--sgls", "0x40002");
	e.prp1 = at(0);
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_mem_eq(buf + 536, "\2\0\4\0", 4);
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(DATA, at(4), 4096)), 0);
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(DATA, at(2), 4096)), GRAIN_BAD);
	list[0] = desc(DATA, at(0), 2046);
	list[1] = desc(DATA, at(2048), 2050);
	ck_assert_uint_eq(list_io(2, 8, 2), GRAIN_BAD);
	list[0] = desc(BUCKET, 0, 4096);
	ck_assert_uint_eq(list_io(2, 8, 1), TYPE_BAD);
	memset(buf, 0x5a, 8192);
	ck_assert_uint_eq(sgl_io(2, 0, 8, desc(DATA, at(0), 8192)), 0);
	ck_assert_uint_eq(buf[4095], 0);
	ck_assert_uint_eq(buf[4096], 0x5a);
	list[0] = desc(DATA, at(0), 8192);
	list[1] = desc(DATA, at(8192), 8192);
	ck_assert_uint_eq(list_io(2, 8, 2), 0);
	e = rw(2, 0, 8, desc(DATA, at(0), 4096));
	e.flags = 0x80;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), FIELD_BAD);
	down();
}
END_TEST

static struct tsqe meta_rw(uint8_t op, uint64_t slba, uint32_t blocks, uint64_t data, uint8_t flags,
			   uint64_t mptr)
{
	struct tsqe e = rw(op, slba, blocks, desc(DATA, data, blocks * 512));

	e.flags = flags;
	if (!flags)
		e.prp2 = 0;
	e.mptr = mptr;
	return e;
}

/* Eight bytes beside each block. */
START_TEST(test_metadata)
{
	struct tsqe e = {.opcode = 6, .nsid = 1};
	uint8_t *meta;

	up("--metadata", "8");
	meta = buf + 49152;
	e.prp1 = at(0);
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_uint_eq(*(uint64_t *)buf, (16 << 20) / 520);
	ck_assert_uint_eq(buf[26], 1);	/* FLBAS */
	ck_assert_uint_eq(buf[27], 3);	/* MC: both ways */
	ck_assert_uint_eq(buf[132], 8); /* LBAF1: MS, LBADS */
	ck_assert_uint_eq(buf[134], 9);

	fill();
	for (unsigned int i = 0; i < 64; i++)
		meta[i] = 0x80 | i;
	e = meta_rw(1, 5, 8, at(0), 0, at(49152));
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	/* contiguous, by PRPs and at any byte by an SGL */
	for (unsigned int way = 0; way < 2; way++) {
		memset(buf + 32768, 0, 4096);
		memset(meta + 100, 0, 100);
		e = meta_rw(2, 5, 8, at(32768), way ? 0x40 : 0, at(49152 + 100 + way));
		ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
		ck_assert_mem_eq(buf, buf + 32768, 4096);
		ck_assert_mem_eq(meta, meta + 100 + way, 64);
		ck_assert_uint_eq(meta[100 + way + 64], 0);
	}
	e = meta_rw(2, 5, 8, at(32768), 0, at(49153));
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), FIELD_BAD);
	e.mptr = 0x2000;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), TRANSFER);

	/* by an SGL: one block of it, and three by a segment */
	memset(meta + 100, 0, 100);
	list[0] = desc(DATA, at(49152 + 101), 64);
	e = meta_rw(2, 5, 8, at(32768), 0x80, cl_iova(&c, list));
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	ck_assert_mem_eq(meta, meta + 101, 64);
	list[0] = desc(LAST, cl_iova(&c, &list[8]), 48);
	list[8] = desc(DATA, at(49152 + 200), 30);
	list[9] = desc(BUCKET, 0, 4);
	list[10] = desc(DATA, at(49152 + 300), 30);
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	ck_assert_mem_eq(meta, meta + 200, 30);
	ck_assert_mem_eq(meta + 34, meta + 300, 30);
	list[10].len = 29;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), META_BAD);
	list[10].len = 31;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), META_BAD);
	e.mptr += 4;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), LAST_BAD);
	e.mptr = 0x2000;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), TRANSFER);

	/* Compare looks at them, Write Zeroes clears them; the neighbours' stay */
	e = meta_rw(5, 5, 8, at(0), 0, at(49152));
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	meta[63] ^= 1;
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), COMPARE_BAD);
	meta[63] ^= 1;
	e = (struct tsqe){.opcode = 8, .nsid = 1, .cdw10 = 6, .cdw12 = 5};
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	e = meta_rw(2, 5, 8, at(32768), 0, at(49152 + 100));
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	ck_assert_mem_eq(meta, meta + 100, 8);
	ck_assert_mem_eq(meta + 56, meta + 156, 8);
	for (unsigned int i = 8; i < 56; i++)
		ck_assert_uint_eq(meta[100 + i], 0);
	/* the last block's are within the medium */
	e = meta_rw(1, (16 << 20) / 520 - 1, 1, at(0), 0, at(49152));
	ck_assert_uint_eq(cl_exec(&c, 1, e, NULL), 0);
	down();
}
END_TEST

/* The same behind each block's data. */
START_TEST(test_extended)
{
	struct tsqe e = {.opcode = 6, .nsid = 1};

	up("--metadata", "8,extended");
	e.prp1 = at(0);
	ck_assert_uint_eq(cl_exec(&c, 0, e, NULL), 0);
	ck_assert_uint_eq(*(uint64_t *)buf, (16 << 20) / 520);
	ck_assert_uint_eq(buf[26], 0x11); /* FLBAS */
	ck_assert_uint_eq(buf[132], 8);
	fill();
	ck_assert_uint_eq(sgl_io(1, 5, 8, desc(DATA, at(1), 4160)), 0);
	ck_assert_uint_eq(sgl_io(1, 5, 8, desc(DATA, at(1), 4096)), DATA_BAD);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 5, 8, at(32768), at(36864)), 0);
	ck_assert_mem_eq(buf + 1, buf + 32768, 4160);
	/* one block of it, and its neighbours stay when it is cleared */
	ck_assert_uint_eq(cl_io(&c, 1, 8, 6, 1, 0, 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 5, 8, at(32768), at(36864)), 0);
	ck_assert_mem_eq(buf + 1, buf + 32768, 520);
	for (unsigned int i = 520; i < 1040; i++)
		ck_assert_uint_eq(buf[32768 + i], 0);
	ck_assert_mem_eq(buf + 1041, buf + 32768 + 1040, 3120);
	down();
}
END_TEST

UNIT_MAIN("sim-sgl", {
	tcase_add_test(tc, test_moves);
	tcase_add_test(tc, test_many_pieces);
	tcase_add_test(tc, test_buckets);
	tcase_add_test(tc, test_bad);
	tcase_add_test(tc, test_without);
	tcase_add_test(tc, test_dwords);
	tcase_add_test(tc, test_metadata);
	tcase_add_test(tc, test_extended);
})
