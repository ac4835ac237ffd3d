/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command of a served queue may name: every check passed and failed, by one byte where that
 * can be. */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/data/check.h"
#include "random.h"

#define PAGE 4096u
#define A    0x100000u /* 64 pages */
#define B    0x200000u /* 8 pages */
#define LIST 0x7000000u

static struct data_rules rules;
static struct data_map map;
static struct data_buffer a, b;
static _Alignas(4096) uint8_t mem_a[64 * PAGE], mem_b[8 * PAGE];
static _Alignas(4096) uint64_t list_mem[PAGE / 8];
static struct data_list list;
static struct data_refs refs;
static uint64_t length;

static void setup(void)
{
	memset(&rules, 0, sizeof(rules));
	rules.page_size = PAGE;
	rules.max_transfer = 512 * PAGE;
	rules.sgls = 1 | DATA_SGLS_BIT_BUCKET;
	rules.formats.n = 3;
	rules.formats.of[0] = (struct data_format){.nsid = 1, .shift = 9};
	rules.formats.of[1] = (struct data_format){.nsid = 2, .shift = 12, .metadata = 8};
	rules.formats.of[2] =
		(struct data_format){.nsid = 5, .shift = 9, .metadata = 8, .extended = true};
	memset(&map, 0, sizeof(map));
	a = (struct data_buffer){.iova = A, .size = sizeof(mem_a), .vaddr = mem_a};
	b = (struct data_buffer){.iova = B, .size = sizeof(mem_b), .vaddr = mem_b};
	ck_assert_int_eq(data_map_add(&map, &a), 0);
	ck_assert_int_eq(data_map_add(&map, &b), 0);
	memset(mem_a, 0, sizeof(mem_a));
	memset(mem_b, 0, sizeof(mem_b));
	memset(list_mem, 0, sizeof(list_mem));
	list = (struct data_list){.entries = list_mem, .iova = LIST};
	memset(&refs, 0, sizeof(refs));
}

static void teardown(void)
{
	data_map_clear(&map);
}

static union nvme_cmd rw(uint8_t opcode, uint32_t nsid, uint32_t blocks, uint64_t prp1,
			 uint64_t prp2)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(nsid);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(blocks - 1));
	cmd.dptr.prp1 = cpu_to_le64(prp1);
	cmd.dptr.prp2 = cpu_to_le64(prp2);
	return cmd;
}

/* Checked, and what was held given back; a refused command holds nothing. */
static uint16_t check(union nvme_cmd *cmd)
{
	uint16_t status = data_check(&rules, &map, cmd, &list, &refs, &length);

	if (status == 0)
		data_refs_drop(&map, &refs);
	ck_assert_uint_eq(a.busy + b.busy + map.many + refs.n + refs.many, 0);
	return status;
}

static uint16_t check_rw(uint32_t blocks, uint64_t prp1, uint64_t prp2)
{
	union nvme_cmd cmd = rw(2, 1, blocks, prp1, prp2);

	return check(&cmd);
}

static void put(uint64_t iova, uint64_t value)
{
	uint8_t *p = iova >= B ? mem_b + (iova - B) : mem_a + (iova - A);

	value = (uint64_t)cpu_to_le64(value);
	memcpy(p, &value, 8);
}

START_TEST(test_one_prp)
{
	union nvme_cmd cmd = rw(2, 1, 8, A, 0xdeadbeef000);

	ck_assert_uint_eq(check(&cmd), 0);
	ck_assert_uint_eq(length, 4096);
	ck_assert_uint_eq(le64_to_cpu(cmd.dptr.prp1), A);
	ck_assert_uint_eq((uint64_t)cmd.dptr.prp2, 0);
	/* a byte before, a byte beyond, as near as dwords allow */
	ck_assert_uint_eq(check_rw(1, A - 4, 0), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_rw(1, A + sizeof(mem_a) - 512, 0), 0);
	ck_assert_uint_eq(check_rw(1, A + sizeof(mem_a), 0), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_rw(1, 0, 0), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_rw(1, UINT64_MAX - 511, 0), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_rw(1, A + 1, 0), DATA_PRP_OFFSET);
	ck_assert_uint_eq(check_rw(1, A + 2, 0), DATA_PRP_OFFSET);
	ck_assert_uint_eq(check_rw(1, A + 4, 0), 0);
}
END_TEST

START_TEST(test_two_prps)
{
	ck_assert_uint_eq(check_rw(2, A + PAGE - 512, B), 0);
	ck_assert_uint_eq(check_rw(2, A + PAGE - 512, B + 4), DATA_PRP_OFFSET);
	ck_assert_uint_eq(check_rw(2, A + PAGE - 512, B + sizeof(mem_b)), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_rw(2, A + PAGE - 512, B - PAGE), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_rw(2, A + PAGE - 512, 0), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_rw(16, A + 4, B),
			  DATA_TRANSFER_ERROR); /* 3 pages: a list, of zeroes */
}
END_TEST

START_TEST(test_prp_list)
{
	union nvme_cmd cmd;

	/* 1 + 7 pages, backwards, from a list that begins somewhere */
	for (unsigned int i = 0; i < 7; i++)
		put(B + 0x100 + 8 * i, A + (20 - i) * PAGE);
	cmd = rw(1, 1, 64, A, B + 0x100);
	ck_assert_uint_eq(check(&cmd), 0);
	ck_assert_uint_eq(length, 64 * 512);
	ck_assert_uint_eq(le64_to_cpu(cmd.dptr.prp2), LIST);
	for (unsigned int i = 0; i < PAGE / 8; i++)
		ck_assert_uint_eq(list_mem[i], i < 7 ? A + (20 - i) * PAGE : 0);

	ck_assert_uint_eq(check_rw(64, A, B + 0x104), DATA_PRP_OFFSET);
	ck_assert_uint_eq(check_rw(64, A, B + sizeof(mem_b)), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_rw(64, A, 0x999000), DATA_TRANSFER_ERROR);
	put(B + 0x100 + 8 * 3, A + 8);
	ck_assert_uint_eq(check_rw(64, A, B + 0x100), DATA_PRP_OFFSET);
	put(B + 0x100 + 8 * 3, LIST);
	ck_assert_uint_eq(check_rw(64, A, B + 0x100), DATA_TRANSFER_ERROR);
	put(B + 0x100 + 8 * 3, A + 64 * PAGE);
	ck_assert_uint_eq(check_rw(64, A, B + 0x100), DATA_TRANSFER_ERROR);
	/* the last entry is only as long as what is left */
	put(B + 0x100 + 8 * 3, A);
	put(B + 0x100 + 8 * 6, A + 63 * PAGE);
	ck_assert_uint_eq(check_rw(64, A + 4, B + 0x100),
			  DATA_TRANSFER_ERROR); /* an eighth entry: 0 */
	ck_assert_uint_eq(check_rw(57, A, B + 0x100), 0);

	/* a shorter list leaves nothing of the longer one */
	cmd = rw(1, 1, 24, A, B + 0x100);
	ck_assert_uint_eq(check(&cmd), 0);
	for (unsigned int i = 2; i < PAGE / 8; i++)
		ck_assert_uint_eq(list_mem[i], 0);
}
END_TEST

/* Lists that go on in another page, as far as a page of the daemon's describes. */
START_TEST(test_prp_chain)
{
	union nvme_cmd cmd;
	unsigned int n = 0;

	rules.max_transfer = 1024ull * PAGE;
	rules.formats.of[0].shift = 12;
	put(B + PAGE - 16, A + PAGE);
	put(B + PAGE - 8, B + 2 * PAGE); /* link */
	for (unsigned int i = 0; i < 511; i++)
		put(B + 2 * PAGE + 8 * i, A + (i % 64) * PAGE);
	put(B + 2 * PAGE + 8 * 511, A + 3 * PAGE); /* the last one: data, or a link */
	cmd = rw(2, 1, 1 + 1 + 512 - 1, A, B + PAGE - 16);
	ck_assert_uint_eq(check(&cmd), 0);
	for (unsigned int i = 0; i < PAGE / 8; i++)
		n += list_mem[i] != 0;
	ck_assert_uint_eq(n, 512);
	cmd = rw(2, 1, 1 + 1 + 512, A, B + PAGE - 16);
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_FIELD); /* longer than that */
	put(B + PAGE - 8, B + 2 * PAGE + 8);
	cmd = rw(2, 1, 400, A, B + PAGE - 16);
	ck_assert_uint_eq(check(&cmd), DATA_PRP_OFFSET);
	put(B + PAGE - 8, 0x5000);
	ck_assert_uint_eq(check(&cmd), DATA_TRANSFER_ERROR);
	/* a link to itself is a list that does not end by itself */
	put(B + 2 * PAGE + 8 * 511, B + 2 * PAGE);
	put(B + PAGE - 8, B + 2 * PAGE);
	cmd = rw(2, 1, 1024, A, B + PAGE - 16);
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_FIELD);
	rules.max_transfer = 8 * PAGE;
	cmd = rw(2, 1, 9, A, B);
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_FIELD);
}
END_TEST

static union nvme_cmd sgl_cmd(uint32_t blocks, uint64_t addr, uint32_t len, unsigned int type)
{
	union nvme_cmd cmd = rw(2, 1, blocks, 0, 0);

	cmd.flags = NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG << 6;
	cmd.dptr.sgl = (struct nvme_sgld){
		.addr = cpu_to_le64(addr), .len = cpu_to_le32(len), .type = (uint8_t)(type << 4)};
	return cmd;
}

static uint16_t check_sgl(uint32_t blocks, uint64_t addr, uint32_t len, unsigned int type)
{
	union nvme_cmd cmd = sgl_cmd(blocks, addr, len, type);

	return check(&cmd);
}

static void put_sgl(uint64_t at, uint64_t addr, uint32_t len, unsigned int type)
{
	put(at, addr);
	put(at + 8, len | (uint64_t)type << 60);
}

enum { BLOCK = 0, BUCKET = 1, SEGMENT = 2, LAST = 3, KEYED = 4 };

START_TEST(test_sgl_block)
{
	union nvme_cmd cmd = sgl_cmd(3, A + 1, 1536, BLOCK);

	ck_assert_uint_eq(check(&cmd), 0);
	ck_assert_uint_eq(le64_to_cpu(cmd.dptr.sgl.addr), A + 1);
	for (unsigned int i = 0; i < PAGE / 8; i++)
		ck_assert_uint_eq(list_mem[i], 0);
	ck_assert_uint_eq(check_sgl(3, A, 1535, BLOCK), DATA_SGL_LENGTH);
	ck_assert_uint_eq(check_sgl(3, A, 1537, BLOCK), DATA_SGL_LENGTH);
	ck_assert_uint_eq(check_sgl(3, A, UINT32_MAX, BLOCK), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_sgl(1, A + sizeof(mem_a) - 511, 512, BLOCK), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_sgl(1, A - 1, 512, BLOCK), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_sgl(1, A, 512, KEYED), DATA_SGL_TYPE);
	ck_assert_uint_eq(check_sgl(1, A, 512, 0xf), DATA_SGL_TYPE);
	cmd = sgl_cmd(1, A, 512, BLOCK);
	cmd.dptr.sgl.type |= 1; /* an offset, for fabrics */
	ck_assert_uint_eq(check(&cmd), DATA_SGL_TYPE);
	rules.sgls |= DATA_SGLS_LONGER;
	ck_assert_uint_eq(check_sgl(3, A, 1537, BLOCK), 0);
	rules.sgls = DATA_SGLS_DWORD;
	ck_assert_uint_eq(check_sgl(1, A + 2, 512, BLOCK), DATA_SGL_GRANULARITY);
	ck_assert_uint_eq(check_sgl(1, A + 4, 512, BLOCK), 0);
	ck_assert_uint_eq(check_sgl(1, 0, 512, BUCKET), DATA_SGL_TYPE);
	rules.sgls = 0;
	ck_assert_uint_eq(check_sgl(1, A, 512, BLOCK), DATA_INVALID_FIELD);
}
END_TEST

START_TEST(test_sgl_segments)
{
	union nvme_cmd cmd;

	put_sgl(B, A, 100, BLOCK);
	put_sgl(B + 16, B + 0x800, 32, LAST);
	put_sgl(B + 0x800, 0x123, 12, BUCKET);
	put_sgl(B + 0x810, A + 0x1000, 400, BLOCK);
	cmd = sgl_cmd(1, B, 32, SEGMENT);
	ck_assert_uint_eq(check(&cmd), 0);
	/* one segment of the daemon's, without the link */
	ck_assert_uint_eq(le64_to_cpu(cmd.dptr.sgl.addr), LIST);
	ck_assert_uint_eq(le32_to_cpu(cmd.dptr.sgl.len), 48);
	ck_assert_uint_eq(cmd.dptr.sgl.type, LAST << 4);
	ck_assert_uint_eq(list_mem[0], A);
	ck_assert_uint_eq(list_mem[2], 0); /* the bucket's address is nothing */
	ck_assert_uint_eq(list_mem[4], A + 0x1000);
	ck_assert_uint_eq(list_mem[6], 0);

	/* in a write the bucket counts for nothing */
	cmd = sgl_cmd(1, B, 32, SEGMENT);
	cmd.opcode = 1;
	ck_assert_uint_eq(check(&cmd), DATA_SGL_LENGTH);

	ck_assert_uint_eq(check_sgl(1, B, 0, SEGMENT), DATA_INVALID_SGL_SEGMENT);
	ck_assert_uint_eq(check_sgl(1, B, 31, SEGMENT), DATA_INVALID_SGL_SEGMENT);
	ck_assert_uint_eq(check_sgl(1, B + 4, 32, SEGMENT), DATA_INVALID_SGL_SEGMENT);
	ck_assert_uint_eq(check_sgl(1, B, 32, LAST),
			  DATA_INVALID_SGL_SEGMENT); /* a link in the last one */
	ck_assert_uint_eq(check_sgl(1, B, 48, SEGMENT),
			  DATA_INVALID_SGL_SEGMENT); /* a link before the end */
	ck_assert_uint_eq(check_sgl(1, B, 16, SEGMENT), DATA_INVALID_SGL_SEGMENT); /* no link */
	ck_assert_uint_eq(check_sgl(1, 0x4000, 32, SEGMENT), DATA_TRANSFER_ERROR);
	ck_assert_uint_eq(check_sgl(1, B + sizeof(mem_b) - 16, 32, SEGMENT), DATA_TRANSFER_ERROR);
	put_sgl(B + 0x810, A + 0x1000, 401, BLOCK);
	ck_assert_uint_eq(check_sgl(1, B, 32, SEGMENT), DATA_SGL_LENGTH);
	put_sgl(B + 0x810, LIST, 400, BLOCK);
	ck_assert_uint_eq(check_sgl(1, B, 32, SEGMENT), DATA_TRANSFER_ERROR);
	/* segments that lead to themselves */
	put_sgl(B + 16, B, 32, SEGMENT);
	ck_assert_uint_eq(check_sgl(1, B, 32, SEGMENT), DATA_INVALID_SGL_COUNT);
	put_sgl(B, B, 16, SEGMENT);
	ck_assert_uint_eq(check_sgl(1, B, 16, SEGMENT), DATA_INVALID_SGL_COUNT);
	/* more descriptors than fit, each of two bytes */
	for (unsigned int i = 0; i < 257; i++)
		put_sgl(B + 16 * i, A + 2 * i, 2, BLOCK);
	ck_assert_uint_eq(check_sgl(1, B, 256 * 16, LAST), 0);
	ck_assert_uint_eq(check_sgl(1, B, 257 * 16, LAST), DATA_INVALID_SGL_COUNT);
}
END_TEST

START_TEST(test_metadata)
{
	union nvme_cmd cmd = rw(2, 2, 1, A, 0);

	cmd.mptr = cpu_to_le64(B + sizeof(mem_b) - 8);
	ck_assert_uint_eq(check(&cmd), 0);
	cmd.mptr = cpu_to_le64(B + sizeof(mem_b) - 4);
	ck_assert_uint_eq(check(&cmd), DATA_TRANSFER_ERROR);
	cmd.mptr = cpu_to_le64(B + 2);
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_FIELD);
	cmd.mptr = 0;
	ck_assert_uint_eq(check(&cmd), DATA_TRANSFER_ERROR);
	/* none needed: none given */
	cmd = rw(2, 1, 1, A, 0);
	cmd.mptr = cpu_to_le64(0x4000);
	ck_assert_uint_eq(check(&cmd), 0);
	ck_assert_uint_eq((uint64_t)cmd.mptr, 0);
	/* extended: one byte beyond */
	cmd = rw(2, 5, 8, A + sizeof(mem_a) - PAGE, 0);
	ck_assert_uint_eq(check(&cmd), DATA_TRANSFER_ERROR);
	cmd = rw(2, 5, 8, A, B);
	ck_assert_uint_eq(check(&cmd), 0);
	ck_assert_uint_eq(length, 8 * 520);

	/* an SGL of metadata */
	cmd = rw(2, 2, 2, 0, 0);
	cmd.flags = NVME_CMD_FLAGS_PSDT_SGL_MPTR_SGL << 6;
	cmd.dptr.sgl = (struct nvme_sgld){.addr = cpu_to_le64(A), .len = cpu_to_le32(8192)};
	cmd.mptr = cpu_to_le64(B);
	put_sgl(B, A + 8, 16, BLOCK);
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_FIELD);
	rules.sgls |= DATA_SGLS_MPTR;
	ck_assert_uint_eq(check(&cmd), 0);
	ck_assert_uint_eq(le64_to_cpu(cmd.mptr), LIST + PAGE - 16);
	ck_assert_uint_eq(list_mem[510], A + 8);
	cmd.mptr = cpu_to_le64(B);
	put_sgl(B, A + 8, 15, BLOCK);
	ck_assert_uint_eq(check(&cmd), DATA_SGL_LENGTH);
	put_sgl(B, A - 8, 16, BLOCK);
	ck_assert_uint_eq(check(&cmd), DATA_TRANSFER_ERROR);
	put_sgl(B, A, 16, LAST);
	ck_assert_uint_eq(check(&cmd), DATA_SGL_TYPE);
	/* and what it left is gone with the next list */
	put(B, A);
	put(B + 8, A);
	ck_assert_uint_eq(check_rw(24, A, B), 0);
	for (unsigned int i = 2; i < PAGE / 8; i++)
		ck_assert_uint_eq(list_mem[i], 0);
}
END_TEST

START_TEST(test_opcodes_and_namespaces)
{
	union nvme_cmd cmd = rw(2, 3, 1, A, 0);

	ck_assert_uint_eq(check(&cmd), DATA_INVALID_NAMESPACE);
	cmd = rw(2, 0, 1, A, 0);
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_NAMESPACE);
	cmd = rw(2, UINT32_MAX, 1, A, 0);
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_NAMESPACE);
	cmd = rw(0, UINT32_MAX, 1, 0x123456, 0x999); /* Flush of all */
	ck_assert_uint_eq(check(&cmd), 0);
	ck_assert_uint_eq((uint64_t)cmd.dptr.prp1 | (uint64_t)cmd.dptr.prp2, 0);
	cmd = rw(8, UINT32_MAX, 1, 0, 0);
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_NAMESPACE);
	cmd = rw(0x91, 1, 1, A, 0); /* a vendor's, with data: who knows how much */
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_OPCODE);
	cmd = rw(2, 1, 1, A, 0);
	cmd.flags = 3 << 6;
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_FIELD);
	/* Dataset Management: 256 ranges are a page */
	cmd = (union nvme_cmd){.opcode = 9, .nsid = cpu_to_le32(1), .cdw10 = cpu_to_le32(255)};
	cmd.dptr.prp1 = cpu_to_le64(A + sizeof(mem_a) - PAGE);
	ck_assert_uint_eq(check(&cmd), 0);
	cmd.dptr.prp1 = cpu_to_le64(A + sizeof(mem_a) - PAGE + 4);
	ck_assert_uint_eq(check(&cmd), DATA_TRANSFER_ERROR);
	rules.formats.n = 0;
	cmd = rw(2, 1, 1, A, 0);
	ck_assert_uint_eq(check(&cmd), DATA_INVALID_NAMESPACE);
}
END_TEST

START_TEST(test_busy)
{
	union nvme_cmd cmd = rw(2, 1, 8, A, 0);
	struct data_buffer c = {.iova = B + sizeof(mem_b), .size = PAGE, .vaddr = mem_b};

	ck_assert_uint_eq(data_check(&rules, &map, &cmd, &list, &refs, &length), 0);
	ck_assert_int_eq(data_map_remove(&map, &a), -EBUSY);
	ck_assert_int_eq(data_map_remove(&map, &b), 0);
	ck_assert_int_eq(data_map_remove(&map, &b), -ENOENT);
	data_refs_drop(&map, &refs);
	ck_assert_int_eq(data_map_add(&map, &b), 0);
	ck_assert_int_eq(data_map_add(&map, &c), 0);
	/* three buffers: more than are counted one by one */
	put(B, B + PAGE);
	put(B + 8, B + sizeof(mem_b));
	cmd = rw(2, 1, 24, A, B);
	ck_assert_uint_eq(data_check(&rules, &map, &cmd, &list, &refs, &length), 0);
	ck_assert_int_eq(data_map_remove(&map, &c), -EBUSY);
	ck_assert_int_eq(data_map_remove(&map, &b), -EBUSY);
	data_refs_drop(&map, &refs);
	ck_assert_int_eq(data_map_remove(&map, &c), 0);
	/* it was found last, and is not found any more */
	ck_assert_uint_eq(check_rw(1, B + sizeof(mem_b), 0), DATA_TRANSFER_ERROR);
	c.iova = A + 2 * PAGE;
	ck_assert_int_eq(data_map_add(&map, &c), -EEXIST);
	c.iova = A - PAGE;
	c.size = 2 * PAGE;
	ck_assert_int_eq(data_map_add(&map, &c), -EEXIST);
}
END_TEST

/* True if [addr, addr + len) is the session's. */
static bool mine(uint64_t addr, uint64_t len)
{
	return (addr >= A && addr + len <= A + sizeof(mem_a)) ||
	       (addr >= B && addr + len <= B + sizeof(mem_b));
}

/* What a passed command lets the controller reach, by walking it as the controller does. */
static void verify_reach(const union nvme_cmd *cmd, uint64_t len)
{
	uint64_t prp1 = le64_to_cpu(cmd->dptr.prp1), prp2 = le64_to_cpu(cmd->dptr.prp2), first;

	if (!len)
		return;
	if (cmd->flags >> 6) {
		uint64_t total = 0;
		unsigned int n = 1;
		const struct nvme_sgld *d = &cmd->dptr.sgl;

		if (d->type >> 4 == LAST) {
			ck_assert_uint_eq(le64_to_cpu(d->addr), LIST);
			n = le32_to_cpu(d->len) / 16;
			d = (const struct nvme_sgld *)list_mem;
		}
		for (unsigned int i = 0; i < n; i++) {
			if (d[i].type >> 4 == BLOCK && d[i].len)
				ck_assert(mine(le64_to_cpu(d[i].addr), le32_to_cpu(d[i].len)));
			total += le32_to_cpu(d[i].len);
		}
		ck_assert_uint_ge(total, len);
		return;
	}
	first = PAGE - prp1 % PAGE;
	first = first > len ? len : first;
	ck_assert(mine(prp1, first));
	len -= first;
	if (len && len <= PAGE)
		ck_assert(mine(prp2, len));
	if (len <= PAGE)
		return;
	ck_assert_uint_eq(prp2, LIST);
	for (unsigned int i = 0; len; i++) {
		uint64_t piece = len < PAGE ? len : PAGE;

		ck_assert_uint_lt(i, PAGE / 8);
		ck_assert(mine(list_mem[i], piece));
		len -= piece;
	}
}

/* Commands and lists of half-sensible random: what passes reaches nothing but the session's own. */
START_TEST(test_random)
{
	uint64_t state = 42;
	unsigned int passed = 0;

	rules.sgls |= DATA_SGLS_MPTR | DATA_SGLS_LONGER;
	for (unsigned int round = 0; round < 200000; round++) {
		static const uint64_t places[] = {
			A,    B, A + PAGE,     B - PAGE,     A + sizeof(mem_a) - PAGE,
			LIST, 0, B + 4 * PAGE, A + 5 * PAGE, A + 9 * PAGE};
		union nvme_cmd cmd = {.opcode = (uint8_t)(random_next(&state) % 8
								  ? random_next(&state) % 3
								  : random_next(&state))};
		uint64_t offset = random_next(&state) % 4
					  ? 0
					  : random_next(&state) % PAGE &
						    (random_next(&state) % 4 ? ~7ull : ~0ull);

		for (unsigned int i = 0; i < 8; i++) {
			uint64_t at =
				(random_next(&state) % 2 ? A : B) + (random_next(&state) % 32 * 8);
			uint64_t value = places[random_next(&state) % 10];

			if (random_next(&state) % 3 == 0)
				value = random_next(&state) % 2048 | (random_next(&state) % 5)
									     << 60;
			put(at, value);
		}
		cmd.flags = (uint8_t)(random_next(&state) % 2 ? 0 : random_next(&state) % 4 << 6);
		cmd.nsid = cpu_to_le32((uint32_t)(random_next(&state) % 7));
		cmd.cdw10 = cpu_to_le32((uint32_t)random_next(&state));
		cmd.cdw12 = cpu_to_le32((uint32_t)(random_next(&state) % 40));
		cmd.mptr = cpu_to_le64(places[random_next(&state) % 10] +
				       8 * (random_next(&state) % 4));
		cmd.dptr.prp1 = cpu_to_le64(places[random_next(&state) % 10] + offset);
		cmd.dptr.prp2 = cpu_to_le64(cmd.flags ? (random_next(&state) % 2048 & ~15ull) |
								(random_next(&state) % 5) << 60
						      : places[random_next(&state) % 10]);
		if (check(&cmd) == 0) {
			passed++;
			verify_reach(&cmd, length);
		}
	}
	ck_assert_uint_gt(passed, 5000);
}
END_TEST

UNIT_MAIN("check", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_one_prp);
	tcase_add_test(tc, test_two_prps);
	tcase_add_test(tc, test_prp_list);
	tcase_add_test(tc, test_prp_chain);
	tcase_add_test(tc, test_sgl_block);
	tcase_add_test(tc, test_sgl_segments);
	tcase_add_test(tc, test_metadata);
	tcase_add_test(tc, test_opcodes_and_namespaces);
	tcase_add_test(tc, test_busy);
	tcase_add_test(tc, test_random);
})
