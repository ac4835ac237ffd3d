/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The controller memory buffer and the host memory buffer: registers, features, and what is
 * refused. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DNR	0x4000
#define CMBLOC	0x38
#define CMBSZ	0x3c
#define CMBMSC	0x50
#define CMBSTS	0x58
#define CBA	0x100000000ull
#define SIZE	0x40000u
#define CRE	1u
#define CMSE	2u
#define SEQ	(DNR | 0xc)
#define FIELD	(DNR | 0x2)
#define XFER	(DNR | 0x4)
#define CMB_USE (DNR | 0x12)

static struct srv srv;
static struct cl c;

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M", "--cmb", "256K", "--hmb", "64K,1M", NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	cl_pair(&c, 1, 16, -1);
}

static void teardown(void)
{
	cl_close(&c);
	srv_serves(&srv);
	srv_stop(&srv);
}

static void place(uint64_t cba)
{
	cl_set32(&c, CMBMSC + 4, cba >> 32);
	cl_set32(&c, CMBMSC, (uint32_t)cba | CRE | CMSE);
}

static uint8_t *map_cmb(void)
{
	uint8_t info[64] = {0}, *mem;
	uint32_t w[8] = {32, 0, 4};
	size_t n = sizeof(info);
	int fd;

	ck_assert_int_eq(cl_reply(&c, cl_post(&c, 5, 0, w, 32, NULL, 0), 5, info, &n, &fd), 0);
	ck_assert_uint_eq(n, 32);
	ck_assert_uint_eq(((uint32_t *)info)[1], 7); /* read, write, mmap; no capabilities */
	ck_assert_uint_eq(*(uint64_t *)(info + 16), SIZE);
	ck_assert_int_ge(fd, 0);
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, *(uint64_t *)(info + 24));
	ck_assert_ptr_ne(mem, MAP_FAILED);
	ck_assert_int_lt(ftruncate(fd, 0), 0);
	close(fd);
	return mem;
}

START_TEST(test_cmb_registers)
{
	uint32_t bar = 0xffffffff;

	ck_assert_uint_eq(cl_reg64(&c, 0) >> 57 & 1, 1);
	ck_assert_uint_eq(cl_reg32(&c, CMBSZ), 0);
	ck_assert_uint_eq(cl_reg32(&c, CMBLOC), 0);
	cl_set32(&c, CMBMSC, CRE);
	ck_assert_uint_eq(cl_reg32(&c, CMBSZ), 0x1f | 64 << 12);
	ck_assert_uint_eq(cl_reg32(&c, CMBLOC) & 7, 4);
	ck_assert_int_eq(srv_stat(&srv, "cmb"), 0);
	place(CBA);
	ck_assert_uint_eq(cl_reg64(&c, CMBMSC), CBA | CRE | CMSE);
	ck_assert_uint_eq(cl_reg32(&c, CMBSTS), 0);
	ck_assert_int_eq(srv_stat(&srv, "cmb"), 1);
	place(UINT64_MAX & ~0xfffull);
	ck_assert_uint_eq(cl_reg32(&c, CMBSTS), 1);
	ck_assert_int_eq(srv_stat(&srv, "cmb"), 0);
	place(CBA);
	/* CC.EN leaves it alone, a function reset does not */
	cl_set32(&c, 0x14, 0);
	ck_assert_int_eq(srv_stat(&srv, "cmb"), 1);
	ck_assert_int_eq(cl_call_try(&c, 13, NULL, 0, NULL, 0, NULL, &(size_t){0}), 0);
	ck_assert_int_eq(srv_stat(&srv, "cmb"), 0);
	ck_assert_uint_eq(cl_reg64(&c, CMBMSC), 0);
	/* the size of its BAR, as everybody asks for it */
	ck_assert_int_eq(cl_write_try(&c, 7, 0x20, &bar, 4), 0);
	ck_assert_int_eq(cl_read_try(&c, 7, 0x20, &bar, 4), 0);
	ck_assert_uint_eq(bar, (uint32_t)-SIZE | 0xc);
}
END_TEST

START_TEST(test_cmb_data)
{
	uint8_t *mem = map_cmb(), *host = cl_alloc(&c, 8192), buf[16];
	struct tsqe create = {.opcode = 5, .cdw10 = 2 | 15 << 16, .cdw11 = 1};

	/* by message, within its bounds */
	ck_assert_int_eq(cl_write_try(&c, 4, SIZE - 16, "sixteen bytes ..", 16), 0);
	ck_assert_int_eq(memcmp(mem + SIZE - 16, "sixteen bytes ..", 16), 0);
	ck_assert_int_eq(cl_read_try(&c, 4, SIZE - 16, buf, 16), 0);
	ck_assert_int_eq(memcmp(buf, "sixteen bytes ..", 16), 0);
	ck_assert_int_eq(cl_read_try(&c, 4, SIZE - 15, buf, 16), EINVAL);
	ck_assert_int_eq(cl_write_try(&c, 4, UINT64_MAX, buf, 16), EINVAL);

	memset(mem, 0x5a, 4096);
	/* it answers nowhere yet: such addresses are nobody's */
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, CBA, 0), XFER);
	place(CBA);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, CBA, 0), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, host), 0), 0);
	ck_assert_int_eq(memcmp(mem, host, 4096), 0);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, CBA + SIZE - 4096, 0), 0);
	ck_assert_int_eq(memcmp(mem, mem + SIZE - 4096, 4096), 0);
	/* data here and there, or beyond the end */
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 16, CBA, cl_iova(&c, host)), CMB_USE);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 16, CBA + SIZE - 4096, CBA + SIZE), CMB_USE);
	/* a queue, too */
	create.prp1 = CBA + SIZE - 4096;
	create.cdw10 = 2 | 511 << 16;
	ck_assert_uint_eq(cl_exec(&c, 0, create, NULL), CMB_USE);

	/* the host's memory at that place is not seen */
	place(cl_iova(&c, host));
	memset(host, 0x11, 8192);
	memset(mem, 0x22, 8192);
	ck_assert_uint_eq(cl_io(&c, 1, 1, 0, 8, cl_iova(&c, host), 0), 0);
	place(CBA);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, host) + 4096, 0), 0);
	ck_assert_uint_eq(host[4096], 0x22);
	munmap(mem, SIZE);
}
END_TEST

struct desc {
	uint64_t addr;
	uint32_t pages, rsvd;
};

static uint16_t set(uint32_t dw11, uint32_t size, uint64_t list, uint32_t count)
{
	struct tsqe e = {.opcode = 9, .cdw10 = 0x0d, .cdw11 = dw11, .cdw12 = size};

	e.cdw13 = (uint32_t)list;
	e.cdw14 = list >> 32;
	e.cdw15 = count;
	return cl_exec(&c, 0, e, NULL);
}

static uint32_t get(uint32_t *attrs)
{
	uint32_t dw0;
	uint8_t *page = cl_alloc(&c, 4096);
	struct tsqe e = {.opcode = 0x0a, .cdw10 = 0x0d, .prp1 = cl_iova(&c, page)};

	ck_assert_uint_eq(cl_exec(&c, 0, e, &dw0), 0);
	memcpy(attrs, page, 16);
	return dw0;
}

START_TEST(test_hmb)
{
	struct desc *list = cl_alloc(&c, 4096);
	uint8_t *mem = cl_alloc(&c, 1 << 20), *id = cl_alloc(&c, 4096);
	uint64_t at = cl_iova(&c, list), data = cl_iova(&c, mem);
	struct tsqe identify = {.opcode = 6, .prp1 = cl_iova(&c, id), .cdw10 = 1};
	uint32_t attrs[4];

	ck_assert_uint_eq(cl_exec(&c, 0, identify, NULL), 0);
	ck_assert_uint_eq(*(uint32_t *)(id + 272), 256);
	ck_assert_uint_eq(*(uint32_t *)(id + 276), 16);
	ck_assert_uint_eq(*(uint32_t *)(id + 332), 2);
	ck_assert_uint_eq(*(uint16_t *)(id + 336), 64);
	ck_assert_uint_eq(get(attrs), 0);

	list[0] = (struct desc){data, 10, 0};
	list[1] = (struct desc){data + 0x20000, 10, 0};
	list[2] = (struct desc){data + 0x40000, 1, 0}; /* too small to be used */
	/* what is wrong is refused, and nothing is enabled */
	ck_assert_uint_eq(set(1, 20, at, 0), FIELD);
	ck_assert_uint_eq(set(1, 20, at + 8, 2), FIELD);
	ck_assert_uint_eq(set(1, 21, at, 2), FIELD); /* not the sum */
	ck_assert_uint_eq(set(1, 10, at, 1), FIELD); /* less than the minimum */
	ck_assert_uint_eq(set(1, 1, at + 32, 1), FIELD);
	ck_assert_uint_eq(set(1, 20, 0x1000, 2), XFER);
	ck_assert_uint_eq(set(3, 20, at, 2), FIELD); /* nothing to return */
	list[1].addr += 512;
	ck_assert_uint_eq(set(1, 20, at, 2), FIELD);
	list[1].addr = 0x123000;
	ck_assert_uint_eq(set(1, 20, at, 2), XFER);
	list[1].addr = data + 0x20000;
	list[1].pages = 0;
	ck_assert_uint_eq(set(1, 10, at, 2), FIELD);
	list[1].pages = 10;
	ck_assert_uint_eq(set(5, 20, at, 2), FIELD); /* a reserved bit */
	ck_assert_int_eq(srv_stat(&srv, "hmb"), 0);
	ck_assert_uint_eq(mem[0], 0);

	ck_assert_uint_eq(set(1, 21, at, 3), 0);
	ck_assert_uint_eq(set(1, 21, at, 3), SEQ);
	ck_assert_uint_eq(get(attrs), 1);
	ck_assert_uint_eq(attrs[0], 21);
	ck_assert_uint_eq(attrs[1] | (uint64_t)attrs[2] << 32, at);
	ck_assert_uint_eq(attrs[3], 3);
	ck_assert_int_eq(srv_stat(&srv, "hmb_pages"), 20);
	ck_assert_int_eq(srv_stat(&srv, "hmb_chunks"), 2);
	/* the whole of what it uses is written, and no more */
	for (unsigned int i = 0; i < 10; i++) {
		ck_assert_uint_ne(*(uint64_t *)(mem + i * 4096 + 4088), 0);
		ck_assert_uint_ne(*(uint64_t *)(mem + 0x20000 + i * 4096), 0);
	}
	for (unsigned int i = 10 * 4096; i < 0x20000; i += 8)
		ck_assert_uint_eq(*(uint64_t *)(mem + i), 0);
	ck_assert_uint_eq(*(uint64_t *)(mem + 0x40000), 0);

	/* I/O commands make it look, too; after a reset it has forgotten, and can be told */
	for (unsigned int i = 0; i < 50; i++)
		ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 1, cl_iova(&c, id), 0), 0);
	ck_assert_int_ge(srv_stat(&srv, "hmb_checked"), 50);
	cl_set32(&c, 0x14, 0);
	ck_assert_int_eq(srv_stat(&srv, "hmb"), 0);
	cl_enable(&c, 32);
	list[0].addr += 4096;
	ck_assert_uint_eq(set(3, 21, at, 3), FIELD);
	list[0].addr -= 4096;
	ck_assert_uint_eq(set(3, 20, at, 3), FIELD);
	ck_assert_uint_eq(set(3, 21, at, 3), 0);
	ck_assert_int_eq(srv_stat(&srv, "hmb_errors"), 0);
	mem[0x20000 + 5 * 4096 + 7] ^= 1;
	ck_assert_uint_eq(set(0, 0, 0, 0), 0);
	ck_assert_int_eq(srv_stat(&srv, "hmb_errors"), 1);
	ck_assert_uint_eq(set(0, 0, 0, 0), 0);
	ck_assert_uint_eq(get(attrs), 0);
	ck_assert_uint_eq(attrs[0], 0);

	/* its memory is taken away: noticed, survived */
	ck_assert_uint_eq(set(1, 21, at, 3), 0);
	ck_assert_int_eq(cl_unmap_try(&c, CL_IOVA, CL_MEM), 0);
	ck_assert_int_eq(srv_stat(&srv, "hmb"), 1);
}
END_TEST

START_TEST(test_options)
{
	static const char *const bad[][2] = {
		{"--cmb", "3M"},    {"--cmb", "2K"},	{"--cmb", "4G"},    {"--cmb", "1M,new"},
		{"--cmb", "much"},  {"--hmb", "1M"},	{"--hmb", "2M,1M"}, {"--hmb", "1M,2M,3M"},
		{"--hmb", "5K,1M"}, {"--hmb", "1M,2G"}, {"--hmb", "1M,"},
	};
	const char *build = getenv("top_builddir");
	char line[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line),
			 "%s/tests/sim/vfnd-sim --socket /nowhere/s --ns 1M %s %s 2>/dev/null",
			 build ? build : ".", bad[i][0], bad[i][1]);
		ck_assert_msg(WEXITSTATUS(system(line)) == 64, "%s %s", bad[i][0], bad[i][1]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim-buffers");
	TCase *tc = tcase_create("sim-buffers");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_cmb_registers);
	tcase_add_test(tc, test_cmb_data);
	tcase_add_test(tc, test_hmb);
	tcase_add_test(tc, test_options);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
