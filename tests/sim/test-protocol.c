/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vfio-user protocol: versions, malformed messages, fds, regions, pipelining, many clients. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

static int try_version(const void *payload, size_t len)
{
	uint8_t reply[512];
	size_t n = sizeof(reply);
	struct cl c;
	int err;

	cl_connect(&c, &srv);
	err = cl_call_try(&c, 1, payload, len, NULL, 0, reply, &n);
	if (err)
		ck_assert(cl_closed(&c));
	cl_close(&c);
	return err;
}

START_TEST(test_versions)
{
	ck_assert_int_eq(try_version("\0\0\1\0", 4), 0);
	ck_assert_int_eq(try_version("\0\0\0\0{\"capabilities\":{\"what\":[1]}}", 34), 0);
	ck_assert_int_eq(try_version("\0\0\377\0{}", 7), 0);
	ck_assert_int_eq(try_version("\1\0\0\0{}", 7), EINVAL);
	ck_assert_int_eq(try_version("\0\0\1\0{\"capabilities\":", 21), EINVAL);
	ck_assert_int_eq(try_version("\0\0\1\0{}", 6), EINVAL); /* no NUL */
	ck_assert_int_eq(try_version("\0\0\1\0[]", 7), EINVAL);
	ck_assert_int_eq(try_version("\0\0\1\0{\"capabilities\":3}", 23), EINVAL);
	ck_assert_int_eq(try_version("\0\0", 2), EINVAL);
}
END_TEST

START_TEST(test_smaller_minor)
{
	uint8_t reply[512];
	size_t n = sizeof(reply);
	struct cl c;

	cl_connect(&c, &srv);
	ck_assert_int_eq(cl_call_try(&c, 1, "\0\0\0\0", 4, NULL, 0, reply, &n), 0);
	ck_assert_uint_eq(reply[2] | reply[3], 0);
	/* A second time makes no sense, and does no harm. */
	n = sizeof(reply);
	ck_assert_int_eq(cl_call_try(&c, 1, "\0\0\0\0", 4, NULL, 0, reply, &n), EINVAL);
	cl_reg32(&c, 8);
	cl_close(&c);
}
END_TEST

START_TEST(test_version_comes_first)
{
	uint32_t info[4] = {16, 0, 0, 0};
	size_t n = sizeof(info);
	struct cl c;

	cl_connect(&c, &srv);
	ck_assert_int_eq(cl_call_try(&c, 4, info, sizeof(info), NULL, 0, info, &n), EINVAL);
	ck_assert(cl_closed(&c));
	cl_close(&c);
}
END_TEST

static const uint32_t bad_sizes[] = {0, 1, 15, 1048576 + 33, UINT32_MAX};

START_TEST(test_header_sizes)
{
	uint32_t h[4] = {7 | 4 << 16, bad_sizes[_i], 0, 0};
	struct cl c;

	cl_connect(&c, &srv);
	cl_version(&c);
	cl_send(&c, h, sizeof(h), NULL, 0);
	ck_assert_int_eq(cl_reply(&c, 7, 4, NULL, NULL, NULL), EINVAL);
	ck_assert(cl_closed(&c));
	cl_close(&c);
}
END_TEST

START_TEST(test_every_command_cut_short)
{
	static const struct {
		uint16_t cmd;
		size_t len;
	} full[] = {{2, 32}, {3, 24}, {4, 16}, {5, 32},	 {6, 16},
		    {7, 16}, {8, 20}, {9, 16}, {10, 17}, {15, 8}};
	uint8_t zero[64] = {0};
	struct cl c;

	cl_connect(&c, &srv);
	cl_version(&c);
	for (unsigned int i = 0; i < sizeof(full) / sizeof(full[0]); i++) {
		for (size_t len = 0; len < full[i].len; len++) {
			uint8_t reply[64];
			size_t n = sizeof(reply);

			ck_assert_int_eq(
				cl_call_try(&c, full[i].cmd, zero, len, NULL, 0, reply, &n),
				EINVAL);
		}
	}
	/* Reset is the one without payload. */
	ck_assert_int_eq(cl_call_try(&c, 13, zero, 4, NULL, 0, NULL, NULL), EINVAL);
	ck_assert_int_eq(cl_call_try(&c, 13, NULL, 0, NULL, 0, NULL, NULL), 0);
	for (unsigned int cmd = 0; cmd < 300; cmd++) {
		if (cmd >= 1 && cmd <= 15 && cmd != 14 && cmd != 11 && cmd != 12)
			continue;
		ck_assert_int_eq(cl_call_try(&c, cmd, zero, 32, NULL, 0, NULL, NULL), EINVAL);
	}
	cl_close(&c);
}
END_TEST

START_TEST(test_pieces)
{
	struct {
		uint32_t head[4];
		uint32_t info[4];
	} m = {{9 | 4 << 16, 32, 0, 0}, {16, 0, 0, 0}};
	uint32_t info[4];
	size_t n;
	struct cl c;

	cl_connect(&c, &srv);
	cl_version(&c);
	for (size_t cut = 1; cut < sizeof(m); cut++) {
		cl_send(&c, &m, cut, NULL, 0);
		usleep(300);
		cl_send(&c, (uint8_t *)&m + cut, sizeof(m) - cut, NULL, 0);
		n = sizeof(info);
		ck_assert_int_eq(cl_reply(&c, 9, 4, info, &n, NULL), 0);
		ck_assert_uint_eq(n, 16);
		ck_assert_uint_eq(info[1] & 3, 3); /* reset, PCI */
		ck_assert_uint_eq(info[2], 9);
		ck_assert_uint_eq(info[3], 5);
	}
	/* And one that never ends. */
	cl_send(&c, &m, 20, NULL, 0);
	cl_close(&c);
}
END_TEST

START_TEST(test_garbage)
{
	uint8_t junk[4096];
	uint32_t x = 12345;

	for (int round = 0; round < 60; round++) {
		struct cl c;
		ssize_t sent;

		cl_connect(&c, &srv);
		if (round & 1)
			cl_version(&c);
		for (size_t i = 0; i < sizeof(junk); i++) {
			x = x * 1664525 + 1013904223;
			junk[i] = x >> 24;
		}
		if (round & 2) { /* plausible headers, senseless contents */
			for (size_t i = 0; i + 64 <= sizeof(junk); i += 64) {
				uint32_t h[4] = {(junk[i] % 20) << 16, 64, 0, 0};

				memcpy(junk + i, h, sizeof(h));
			}
		}
		sent = send(c.fd, junk, sizeof(junk), MSG_NOSIGNAL);
		ck_assert_int_eq(sent, sizeof(junk));
		if (round % 3 == 0)
			usleep(1000);
		cl_close(&c);
	}
}
END_TEST

START_TEST(test_fds_where_none_belong)
{
	uint32_t info[4] = {16, 0, 0, 0};
	int fds[100];
	unsigned int before;
	struct cl c;
	uint8_t reply[64];
	size_t n;

	cl_connect(&c, &srv);
	cl_version(&c);
	before = srv_fds(&srv);
	for (int i = 0; i < 100; i++)
		fds[i] = eventfd(0, 0);
	n = sizeof(reply);
	ck_assert_int_eq(cl_call_try(&c, 4, info, 16, fds, 1, reply, &n), EINVAL);
	n = sizeof(reply);
	ck_assert_int_eq(cl_call_try(&c, 4, info, 16, fds, 100, reply, &n), EINVAL);
	n = sizeof(reply);
	ck_assert_int_eq(cl_call_try(&c, 13, NULL, 0, fds, 3, reply, &n), EINVAL);
	/* fds with the middle of a message belong to nothing. */
	cl_send(&c, "\3\0\4\0\40\0\0\0\0\0\0\0\0\0\0\0", 16, NULL, 0);
	cl_send(&c, info, 16, fds, 20);
	n = sizeof(reply);
	ck_assert_int_eq(cl_reply(&c, 3, 4, reply, &n, NULL), 0);
	n = sizeof(reply);
	ck_assert_int_eq(cl_call_try(&c, 4, info, 16, NULL, 0, reply, &n), 0);
	srv_fds_back_to(&srv, before);
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	cl_close(&c);
}
END_TEST

START_TEST(test_maps)
{
	int fd = memfd_create("m", 0), other = memfd_create("o", 0);
	struct {
		uint32_t argsz, flags;
		uint64_t iova, size;
	} um = {24, 2, 0, 0};
	size_t n = sizeof(um);
	unsigned int before;
	struct cl c;

	ck_assert_int_eq(ftruncate(fd, 1 << 20) | ftruncate(other, 1 << 20), 0);
	cl_connect(&c, &srv);
	cl_version(&c);
	before = srv_fds(&srv);
	ck_assert_int_eq(cl_map_try(&c, 0x100000, 0x10000, 0, 3, fd), 0);
	ck_assert_int_eq(cl_map_try(&c, 0x100000, 0x10000, 0, 3, fd), 0); /* the same again */
	ck_assert_int_eq(cl_map_try(&c, 0x100000, 0x10000, 0, 3, other), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, 0x100000, 0x10000, 0x1000, 3, fd), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, 0x10f000, 0x2000, 0, 3, fd), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, 0xff000, 0x2000, 0, 3, fd), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, 0x104000, 0x1000, 0, 3, fd), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, 0x0, 0x1000000, 0, 3, fd), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, 0x200000, 0, 0, 3, fd), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, 0x200000, 0x1000, 0, 0, fd), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, 0x200000, 0x1000, 0, 0x103, fd), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, UINT64_MAX - 0xfff, 0x2000, 0, 3, fd), EINVAL);
	ck_assert_int_eq(cl_map_try(&c, UINT64_MAX - 0xfff, 0x1000, 0, 3, fd), 0);
	ck_assert_int_eq(cl_map_try(&c, 0x110000, 0x1000, 0, 7, fd), 0); /* neighbours */
	ck_assert_int_eq(cl_map_try(&c, 0xff000, 0x1000, 0, 1, fd), 0);
	ck_assert_int_eq(cl_map_try(&c, 0x300000, 0x1000, 0, 3, -1), 0); /* by message only */
	ck_assert_int_eq(cl_map_try(&c, 0x300000, 0x1000, 0, 3, -1), 0);
	ck_assert_int_eq(srv_stat(&srv, "mappings"), 5);
	ck_assert_int_eq(cl_unmap_try(&c, 0x100000, 0x1000), ENOENT);
	ck_assert_int_eq(cl_unmap_try(&c, 0x101000, 0xf000), ENOENT);
	ck_assert_int_eq(cl_unmap_try(&c, 0x100000, 0x11000), ENOENT);
	ck_assert_int_eq(cl_unmap_try(&c, 0x100000, 0x10000), 0);
	ck_assert_int_eq(cl_unmap_try(&c, 0x100000, 0x10000), ENOENT);
	um.size = 4096;
	ck_assert_int_eq(cl_call_try(&c, 3, &um, sizeof(um), NULL, 0, &um, &n), EINVAL);
	um.size = 0;
	n = sizeof(um);
	ck_assert_int_eq(cl_call_try(&c, 3, &um, sizeof(um), NULL, 0, &um, &n), 0);
	ck_assert_int_eq(srv_stat(&srv, "mappings"), 0);
	ck_assert_int_eq(srv_stat(&srv, "mapped_bytes"), 0);
	srv_fds_back_to(&srv, before);
	cl_close(&c);
	close(fd);
	close(other);
}
END_TEST

/* All of memory goes and comes again, nobody waits for an answer in between. */
START_TEST(test_pipelined_maps)
{
	struct {
		uint32_t argsz, flags;
		uint64_t off, iova, size;
	} map = {32, 3, 0, 0, 0x1000};
	struct {
		uint32_t argsz, flags;
		uint64_t iova, size;
	} um = {24, 0, 0, 0x1000}, back;
	int fd = memfd_create("m", 0);
	uint16_t ids[200];
	unsigned int before;
	struct cl c;

	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	cl_connect(&c, &srv);
	cl_version(&c);
	before = srv_fds(&srv);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 100; i++) {
			map.iova = um.iova = 0x100000 + i * 0x1000;
			map.off = i * 0x1000;
			ids[2 * i] = cl_post(&c, 2, 0, &map, sizeof(map), &fd, 1);
			/* One client attaches the file to its unmap. */
			ids[2 * i + 1] = cl_post(&c, 3, 0, &um, sizeof(um), &fd, i & 1);
		}
		for (int i = 0; i < 100; i++) {
			size_t n = sizeof(back);

			ck_assert_int_eq(cl_reply(&c, ids[2 * i], 2, NULL, NULL, NULL), 0);
			ck_assert_int_eq(cl_reply(&c, ids[2 * i + 1], 3, &back, &n, NULL), 0);
		}
	}
	ck_assert_int_eq(srv_stat(&srv, "mappings"), 0);
	srv_fds_back_to(&srv, before);
	cl_close(&c);
	close(fd);
}
END_TEST

START_TEST(test_second_client_waits)
{
	uint32_t info[4] = {16, 0, 0, 0};
	uint8_t reply[512];
	size_t n = sizeof(reply);
	struct cl a, b;
	struct pollfd p;
	uint16_t id;

	cl_connect(&a, &srv);
	cl_version(&a);
	cl_connect(&b, &srv);
	id = cl_post(&b, 1, 0, "\0\0\1\0", 4, NULL, 0);
	p = (struct pollfd){b.fd, POLLIN, 0};
	ck_assert_int_eq(poll(&p, 1, 200), 0);
	ck_assert_int_eq(cl_call_try(&a, 4, info, 16, NULL, 0, info, &(size_t){16}), 0);
	cl_close(&a);
	ck_assert_int_eq(cl_reply(&b, id, 1, reply, &n, NULL), 0);
	cl_close(&b);
}
END_TEST

/* Nobody reads the answers: the server neither waits nor grows, and goes on when they are read. */
START_TEST(test_client_that_does_not_read)
{
	struct {
		uint64_t off;
		uint32_t region, count;
	} m = {0, 7, 4096};
	uint8_t reply[8192];
	unsigned int sent = 0;
	uint32_t head[4] = {9 << 16, 32, 0, 0}, msg[8];
	struct cl c;

	cl_connect(&c, &srv);
	cl_version(&c);
	memcpy(msg, head, 16);
	memcpy(msg + 4, &m, 16);
	for (;;) {
		ssize_t n = send(c.fd, msg, sizeof(msg), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN && usleep(20000) == 0)
			n = send(c.fd, msg, sizeof(msg), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			break;
		ck_assert_int_eq(n, sizeof(msg));
		sent++;
	}
	ck_assert_uint_gt(sent, 50);
	ck_assert_int_eq(srv_stat(&srv, "connected"), 1);
	for (unsigned int i = 0; i < sent; i++) {
		size_t n = sizeof(reply);

		ck_assert_int_eq(cl_reply(&c, 0, 9, reply, &n, NULL), 0);
		ck_assert_uint_eq(n, 16 + 4096);
	}
	cl_close(&c);
}
END_TEST

UNIT_MAIN("sim-protocol", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_versions);
	tcase_add_test(tc, test_smaller_minor);
	tcase_add_test(tc, test_version_comes_first);
	tcase_add_loop_test(tc, test_header_sizes, 0, 5);
	tcase_add_test(tc, test_every_command_cut_short);
	tcase_add_test(tc, test_pieces);
	tcase_add_test(tc, test_garbage);
	tcase_add_test(tc, test_fds_where_none_belong);
	tcase_add_test(tc, test_maps);
	tcase_add_test(tc, test_pipelined_maps);
	tcase_add_test(tc, test_second_client_waits);
	tcase_add_test(tc, test_client_that_does_not_read);
})
