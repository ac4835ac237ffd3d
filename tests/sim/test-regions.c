/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regions: what is told about them, and access to configuration space and registers. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

static struct srv srv;

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M", NULL};

	srv_start(&srv, args);
}

static void teardown(void)
{
	srv_serves(&srv);
	srv_stop(&srv);
}

START_TEST(test_region_info)
{
	uint8_t buf[64] = {0}, info[64];
	uint32_t *w = (uint32_t *)info;
	struct cl c;
	int fd;

	cl_connect(&c, &srv);
	cl_version(&c);
	for (uint32_t index = 0; index < 9; index++) {
		size_t n = sizeof(info);

		memset(buf, 0, sizeof(buf));
		((uint32_t *)buf)[0] = 32;
		((uint32_t *)buf)[2] = index;
		ck_assert_int_eq(
			cl_reply(&c, cl_post(&c, 5, 0, buf, 32, NULL, 0), 5, info, &n, &fd), 0);
		ck_assert_uint_eq(n, 32);
		ck_assert_int_eq(fd, -1);
		ck_assert_uint_eq(w[2], index);
		ck_assert_uint_eq(w[3], 0);
		/* BAR0 tells how much it would take to hear of the mappable area. */
		ck_assert_uint_eq(w[0], index ? 32 : 64);
		ck_assert_uint_eq(*(uint64_t *)(info + 16), index == 0	 ? 0x8000
							    : index == 7 ? 4096
									 : 0);
	}
	((uint32_t *)buf)[2] = 9;
	ck_assert_int_eq(cl_call_try(&c, 5, buf, 32, NULL, 0, info, &(size_t){64}), EINVAL);
	((uint32_t *)buf)[2] = 0;
	((uint32_t *)buf)[0] = 31;
	ck_assert_int_eq(cl_call_try(&c, 5, buf, 32, NULL, 0, info, &(size_t){64}), EINVAL);
	cl_map_doorbells(&c);
	cl_close(&c);
}
END_TEST

START_TEST(test_region_access)
{
	static const uint8_t data[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t cfg[4096];
	struct cl c;

	cl_connect(&c, &srv);
	cl_version(&c);
	ck_assert_int_eq(cl_read_try(&c, 7, 0, cfg, 4096), 0);
	ck_assert_uint_eq(cfg[9] | cfg[10] << 8 | cfg[11] << 16, 0x010802);
	ck_assert_int_eq(cl_read_try(&c, 7, 1, cfg, 4096), EINVAL);
	ck_assert_int_eq(cl_read_try(&c, 7, 4095, cfg, 1), 0);
	ck_assert_int_eq(cl_read_try(&c, 7, 4096, cfg, 1), EINVAL);
	ck_assert_int_eq(cl_read_try(&c, 7, UINT64_MAX, cfg, 2), EINVAL);
	ck_assert_int_eq(cl_read_try(&c, 7, 0, cfg, 0), EINVAL);
	ck_assert_int_eq(cl_read_try(&c, 0, 0x14, cfg, 1), EINVAL);
	ck_assert_int_eq(cl_read_try(&c, 0, 0x14, cfg, 2), EINVAL);
	ck_assert_int_eq(cl_read_try(&c, 0, 0x15, cfg, 4), EINVAL);
	ck_assert_int_eq(cl_read_try(&c, 0, 0x14, cfg, 8), EINVAL);
	ck_assert_int_eq(cl_read_try(&c, 0, 0x8000, cfg, 4), EINVAL);
	ck_assert_int_eq(cl_read_try(&c, 0, UINT64_MAX - 3, cfg, 4), EINVAL);
	for (uint32_t r = 1; r < 12; r++) {
		if (r != 7)
			ck_assert_int_eq(cl_read_try(&c, r, 0, cfg, 4), EINVAL);
	}
	ck_assert_int_eq(cl_write_try(&c, 0, 0x24, data, 2), EINVAL);
	ck_assert_int_eq(cl_write_try(&c, 0, 0x26, data, 4), EINVAL);
	ck_assert_uint_eq(cl_reg32(&c, 0x24), 0);
	/* Registers that are read only. */
	ck_assert_int_eq(cl_write_try(&c, 0, 0, data, 8), 0);
	ck_assert_uint_ne(cl_reg32(&c, 0), UINT32_MAX);
	/* Halves of 64-bit registers. */
	cl_set32(&c, 0x28, 0x12345000);
	cl_set32(&c, 0x2c, 0x7f);
	ck_assert_uint_eq(cl_reg64(&c, 0x28), 0x7f12345000ull);
	cl_close(&c);
}
END_TEST

START_TEST(test_config_space)
{
	struct cl c;
	uint32_t v = UINT32_MAX;
	uint8_t cap, seen = 0;

	cl_connect(&c, &srv);
	cl_version(&c);
	ck_assert_int_eq(cl_write_try(&c, 7, 0x10, &v, 4), 0);
	ck_assert_int_eq(cl_read_try(&c, 7, 0x10, &v, 4), 0);
	ck_assert_uint_eq(v, 0xffff8004); /* 32 KiB, 64-bit */
	v = UINT32_MAX;
	ck_assert_int_eq(cl_write_try(&c, 7, 0x14, &v, 4), 0);
	ck_assert_int_eq(cl_read_try(&c, 7, 0x14, &v, 4), 0);
	ck_assert_uint_eq(v, UINT32_MAX);
	v = UINT32_MAX;
	ck_assert_int_eq(cl_write_try(&c, 7, 0x30, &v, 4), 0); /* no ROM */
	ck_assert_int_eq(cl_read_try(&c, 7, 0x30, &v, 4), 0);
	ck_assert_uint_eq(v, 0);
	cl_cfg_set16(&c, 0, 0xdead);
	ck_assert_uint_ne(cl_cfg16(&c, 0), 0xdead);
	ck_assert_uint_eq(cl_cfg16(&c, 6) & 0x10, 0x10);
	ck_assert_int_eq(cl_read_try(&c, 7, 0x34, &cap, 1), 0);
	while (cap) {
		uint16_t head = cl_cfg16(&c, cap);

		if ((head & 0xff) == 0x11) {
			ck_assert_uint_eq(cl_cfg16(&c, cap + 2) & 0x7ff, 64);
			seen |= 1;
		} else if ((head & 0xff) == 0x10) {
			uint32_t devcap;

			ck_assert_int_eq(cl_read_try(&c, 7, cap + 4, &devcap, 4), 0);
			ck_assert_uint_eq(devcap >> 28 & 1, 1); /* FLR */
			seen |= 2;
			/* FLR: the command register is at its beginning, the bit reads as 0. */
			cl_cfg_set16(&c, 4, 6);
			cl_cfg_set16(&c, cap + 8, 0x8000);
			ck_assert_uint_eq(cl_cfg16(&c, 4), 0);
			ck_assert_uint_eq(cl_cfg16(&c, cap + 8) & 0x8000, 0);
		} else if ((head & 0xff) == 0x01) {
			seen |= 4;
		}
		cap = head >> 8;
	}
	ck_assert_uint_eq(seen, 7);
	cl_close(&c);
}
END_TEST

START_TEST(test_write_multi)
{
	struct {
		uint64_t n;
		struct {
			uint64_t off;
			uint32_t region, count;
			uint64_t data;
		} one[3];
	} m = {3, {{0x28, 0, 8, 0x1000}, {0x30, 0, 8, 0x2000}, {0x24, 0, 4, 0x1f001f}}};
	uint64_t done;
	size_t n = sizeof(done);
	struct cl c;

	cl_connect(&c, &srv);
	cl_version(&c);
	ck_assert_int_eq(cl_call_try(&c, 15, &m, sizeof(m), NULL, 0, &done, &n), 0);
	ck_assert_uint_eq(done, 3);
	ck_assert_uint_eq(cl_reg64(&c, 0x28), 0x1000);
	ck_assert_uint_eq(cl_reg64(&c, 0x30), 0x2000);
	ck_assert_uint_eq(cl_reg32(&c, 0x24), 0x1f001f);
	m.n = 1000000;
	n = sizeof(done);
	ck_assert_int_eq(cl_call_try(&c, 15, &m, sizeof(m), NULL, 0, &done, &n), EINVAL);
	m.n = 3;
	m.one[0].count = 9;
	n = sizeof(done);
	ck_assert_int_eq(cl_call_try(&c, 15, &m, sizeof(m), NULL, 0, &done, &n), EINVAL);
	cl_close(&c);
}
END_TEST

START_TEST(test_no_reply_wanted)
{
	struct {
		uint64_t off;
		uint32_t region, count, value;
	} __attribute__((packed)) m = {0x24, 0, 4, 0x30003};
	struct pollfd p;
	struct cl c;

	cl_connect(&c, &srv);
	cl_version(&c);
	cl_post(&c, 10, 0x10, &m, sizeof(m), NULL, 0);
	m.off = 0x25; /* not even an error */
	cl_post(&c, 10, 0x10, &m, sizeof(m), NULL, 0);
	p = (struct pollfd){c.fd, POLLIN, 0};
	ck_assert_int_eq(poll(&p, 1, 100), 0);
	ck_assert_uint_eq(cl_reg32(&c, 0x24), 0x30003);
	cl_close(&c);
}
END_TEST

UNIT_MAIN("sim-regions", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_region_info);
	tcase_add_test(tc, test_region_access);
	tcase_add_test(tc, test_config_space);
	tcase_add_test(tc, test_write_multi);
	tcase_add_test(tc, test_no_reply_wanted);
})
