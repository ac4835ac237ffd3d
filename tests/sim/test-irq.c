/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts: MSI-X with its masks, through the table and by message; INTx with mask and unmask. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NONE = 1, BOOL = 2, EVENTFD = 4, MASK = 8, UNMASK = 16, TRIGGER = 32 };
enum { INTX, MSI, MSIX, ERR, REQ };

static struct srv srv;
static struct cl c;
static uint64_t iova;
static int fds[65];

static void setup(void)
{
	static const char *const args[] = {"--ns", "16M", NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	iova = cl_iova(&c, cl_alloc(&c, 4096));
	for (int i = 0; i < 65; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static int set_irqs(uint32_t flags, uint32_t index, uint32_t start, uint32_t count, const int *efd,
		    unsigned int n)
{
	uint32_t set[5] = {20, flags, index, start, count};

	return cl_call_try(&c, 8, set, sizeof(set), efd, n, NULL, NULL);
}

static int set_bools(uint32_t flags, uint32_t index, uint32_t start, uint32_t count,
		     const uint8_t *data, size_t len)
{
	uint8_t buf[20 + 128];
	uint32_t set[5] = {20, flags, index, start, count};

	memcpy(buf, set, 20);
	memcpy(buf + 20, data, len);
	return cl_call_try(&c, 8, buf, 20 + len, NULL, 0, NULL, NULL);
}

/* Interrupts on `fd`: waits up to `ms` for the first. */
static uint64_t count(int fd, int ms)
{
	struct pollfd p = {fd, POLLIN, 0};
	uint64_t n = 0;

	if (poll(&p, 1, ms) == 1)
		ck_assert_int_eq(read(fd, &n, 8), 8);
	return n;
}

static void post_read(void)
{
	struct tsqe e = {.opcode = 2, .nsid = 1, .prp1 = iova, .cdw12 = 7};

	cl_submit(&c, 1, e);
}

static void take(void)
{
	struct tcqe cqe;

	ck_assert(cl_wait(&c, 1, &cqe, 2000));
	ck_assert_uint_eq(cqe.sfp >> 1, 0);
}

static unsigned int capability(uint8_t id)
{
	uint8_t at = cl_cfg16(&c, 0x34);

	while (at && (cl_cfg16(&c, at) & 0xff) != id)
		at = cl_cfg16(&c, at) >> 8;
	return at;
}

START_TEST(test_info)
{
	static const uint32_t counts[] = {1, 0, 65, 1, 1};
	uint32_t info[4];

	for (uint32_t i = 0; i < 5; i++) {
		uint32_t ask[4] = {16, 0, i, 0};
		size_t n = sizeof(info);

		ck_assert_int_eq(cl_call_try(&c, 7, ask, 16, NULL, 0, info, &n), 0);
		ck_assert_uint_eq(info[3], counts[i]);
		ck_assert_uint_eq(info[1] & 1, 1);
		ck_assert_uint_eq(info[1] & 6, i == INTX ? 6 : 0);
	}
	ck_assert_int_eq(
		cl_call_try(&c, 7, (uint32_t[4]){16, 0, 5, 0}, 16, NULL, 0, info, &(size_t){16}),
		EINVAL);
}
END_TEST

START_TEST(test_bad_sets)
{
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, 5, 0, 1, fds, 1), EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 66, NULL, 0), EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 65, 1, fds, 1), EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, UINT32_MAX, 2, NULL, 0), EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 2, fds, 1), EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 1, fds, 2), EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | NONE | TRIGGER, MSIX, 0, 1, fds, 1), EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER | MASK, MSIX, 0, 1, fds, 1), EINVAL);
	ck_assert_int_eq(set_irqs(TRIGGER, MSIX, 0, 1, NULL, 0), EINVAL);
	ck_assert_int_eq(set_irqs(NONE, MSIX, 0, 1, NULL, 0), EINVAL);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 0, 1, fds, 1), EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | MASK, INTX, 0, 1, fds, 1), EINVAL);
	ck_assert_int_eq(set_bools(BOOL | TRIGGER, MSIX, 0, 4, (const uint8_t *)"\1\1", 2), EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER | 0x40, MSIX, 0, 1, fds, 1), EINVAL);
	ck_assert_int_eq(srv_stat(&srv, "vectors"), 0);
}
END_TEST

START_TEST(test_msix_set)
{
	/* As a virtual machine does it: the first vector without an fd, then one at a time. */
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 1, NULL, 0), 0);
	for (int i = 0; i < 65; i++)
		ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, i, 1, &fds[i], 1), 0);
	ck_assert_int_eq(srv_stat(&srv, "vectors"), 65);
	/* Fired by message: all of a range, those that are true. */
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 3, 2, NULL, 0), 0);
	ck_assert_uint_eq(count(fds[2], 0), 0);
	ck_assert_uint_eq(count(fds[3], 1000), 1);
	ck_assert_uint_eq(count(fds[4], 1000), 1);
	ck_assert_uint_eq(count(fds[5], 0), 0);
	ck_assert_int_eq(set_bools(BOOL | TRIGGER, MSIX, 8, 3, (const uint8_t *)"\1\0\1", 3), 0);
	ck_assert_uint_eq(count(fds[8], 1000), 1);
	ck_assert_uint_eq(count(fds[9], 0), 0);
	ck_assert_uint_eq(count(fds[10], 1000), 1);
	/* Another eventfd in place of one, none in place of some, none at all. */
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 8, 1, &fds[20], 1), 0);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 8, 1, NULL, 0), 0);
	ck_assert_uint_eq(count(fds[20], 1000), 1);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 60, 5, NULL, 0), 0);
	ck_assert_int_eq(srv_stat(&srv, "vectors"), 60);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 0, 0, NULL, 0), 0);
	ck_assert_int_eq(srv_stat(&srv, "vectors"), 0);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, ERR, 0, 1, fds, 1), 0);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, REQ, 0, 1, fds, 1), 0);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSI, 0, 0, NULL, 0), 0);
}
END_TEST

START_TEST(test_msix_masks)
{
	unsigned int cap = capability(0x11);
	uint32_t pba;

	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 4, fds, 4), 0);
	cl_pair(&c, 1, 16, 2);
	(void)count(fds[0], 100);
	/* Before it had an eventfd a vector was masked; now it is not. */
	ck_assert_uint_eq(cl_reg32(&c, 0x2000 + 2 * 16 + 12), 0);
	ck_assert_uint_eq(cl_reg32(&c, 0x2000 + 9 * 16 + 12), 1);

	/* The vector's mask, in the table. */
	cl_set32(&c, 0x2000 + 2 * 16 + 12, 1);
	post_read();
	take();
	ck_assert_uint_eq(count(fds[2], 50), 0);
	pba = cl_reg32(&c, 0x5000);
	ck_assert_uint_eq(pba, 4);
	cl_set32(&c, 0x2000 + 2 * 16 + 12, 0);
	ck_assert_uint_eq(count(fds[2], 1000), 1);
	ck_assert_uint_eq(cl_reg32(&c, 0x5000), 0);

	/* By message. */
	ck_assert_int_eq(set_irqs(NONE | MASK, MSIX, 2, 1, NULL, 0), 0);
	post_read();
	take();
	ck_assert_uint_eq(count(fds[2], 50), 0);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, MSIX, 2, 1, NULL, 0), 0);
	ck_assert_uint_eq(count(fds[2], 1000), 1);

	/* The function's. */
	cl_cfg_set16(&c, cap + 2, 0xc000);
	post_read();
	take();
	ck_assert_uint_eq(count(fds[2], 50), 0);
	ck_assert_uint_eq(cl_reg32(&c, 0x5000), 4);
	cl_cfg_set16(&c, cap + 2, 0x8000);
	ck_assert_uint_eq(count(fds[2], 1000), 1);

	/* No eventfd: pending until there is one. */
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 2, 1, NULL, 0), 0);
	post_read();
	take();
	ck_assert_uint_eq(cl_reg32(&c, 0x5000), 4);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 2, 1, &fds[5], 1), 0);
	ck_assert_uint_eq(count(fds[5], 1000), 1);

	/* The table keeps what is written. */
	cl_set64(&c, 0x2000 + 7 * 16, 0x1122334455667788ull);
	ck_assert_uint_eq(cl_reg64(&c, 0x2000 + 7 * 16), 0x1122334455667788ull);
	/* A reset of the function forgets it; the eventfds stay. */
	ck_assert_int_eq(cl_call_try(&c, 13, NULL, 0, NULL, 0, NULL, NULL), 0);
	ck_assert_uint_eq(cl_reg64(&c, 0x2000 + 7 * 16), 0);
	ck_assert_int_eq(srv_stat(&srv, "vectors"), 4);
}
END_TEST

START_TEST(test_intx)
{
	uint16_t cmd = cl_cfg16(&c, 4) & ~0x400;

	cl_cfg_set16(&c, 4, cmd);
	cl_pair(&c, 1, 16, 0);
	/* A guest's kernel unmasks before it has anything. */
	ck_assert_int_eq(set_irqs(NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, INTX, 0, 1, fds, 1), 0);
	(void)count(fds[0], 50);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	(void)count(fds[0], 50);

	post_read();
	ck_assert_uint_eq(count(fds[0], 1000), 1);
	ck_assert_uint_eq(cl_cfg16(&c, 6) & 8, 8);
	/* It has masked itself: a second completion is silent. */
	post_read();
	ck_assert_uint_eq(count(fds[0], 50), 0);
	/* Unmasked with the line still asserted: again. */
	ck_assert_int_eq(set_irqs(NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	ck_assert_uint_eq(count(fds[0], 1000), 1);
	take();
	take();
	ck_assert_uint_eq(cl_cfg16(&c, 6) & 8, 0);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	ck_assert_uint_eq(count(fds[0], 50), 0);

	/* Unmask by eventfd, as a hypervisor's resampling does it. */
	ck_assert_int_eq(set_irqs(EVENTFD | UNMASK, INTX, 0, 1, &fds[1], 1), 0);
	post_read();
	ck_assert_uint_eq(count(fds[0], 1000), 1);
	ck_assert_int_eq(eventfd_write(fds[1], 1), 0);
	ck_assert_uint_eq(count(fds[0], 1000), 1);
	take();
	ck_assert_int_eq(eventfd_write(fds[1], 1), 0);
	ck_assert_uint_eq(count(fds[0], 50), 0);

	/* Masked by message, by the controller, by the command register. */
	ck_assert_int_eq(set_irqs(NONE | MASK, INTX, 0, 1, NULL, 0), 0);
	post_read();
	take();
	ck_assert_uint_eq(count(fds[0], 50), 0);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	ck_assert_uint_eq(count(fds[0], 50), 0);
	cl_set32(&c, 0xc, 1);
	post_read();
	ck_assert_uint_eq(count(fds[0], 50), 0);
	cl_set32(&c, 0x10, 1);
	ck_assert_uint_eq(count(fds[0], 1000), 1);
	take();
	ck_assert_int_eq(set_irqs(NONE | UNMASK, INTX, 0, 1, NULL, 0), 0);
	cl_cfg_set16(&c, 4, cmd | 0x400);
	post_read();
	ck_assert_uint_eq(count(fds[0], 50), 0);
	cl_cfg_set16(&c, 4, cmd);
	ck_assert_uint_eq(count(fds[0], 1000), 1);
	take();
}
END_TEST

/* An eventfd that nobody empties must not stop the device. */
START_TEST(test_full_eventfd)
{
	int fd = eventfd(0, 0);

	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 1, &fd, 1), 0);
	ck_assert_int_eq(eventfd_write(fd, UINT64_MAX - 1), 0);
	cl_pair(&c, 1, 16, 0);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, iova, 0), 0);
	close(fd);
}
END_TEST

static uint16_t feature(uint8_t fid, uint32_t value)
{
	return cl_exec(&c, 0, (struct tsqe){.opcode = 9, .cdw10 = fid, .cdw11 = value}, NULL);
}

/* `n` reads at once; their completions have come. */
static void reads(unsigned int n)
{
	struct tsqe e = {.opcode = 2, .nsid = 1, .prp1 = iova, .cdw12 = 7};
	struct tcqe cqe;

	for (unsigned int i = 0; i < n; i++)
		cl_submit(&c, 1, e);
	for (unsigned int i = 0; i < n; i++)
		ck_assert(cl_wait(&c, 1, &cqe, 10000));
}

#define TIME_MS 25 /* of 255 units of 100 microseconds */

/* Several completions an interrupt, or one after a time: not of the admin queue, nor where it is turned off. */
START_TEST(test_coalescing)
{
	uint64_t begun, n;

	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 2, fds, 2), 0);
	cl_pair(&c, 1, 32, 1);
	count(fds[0], 0);
	reads(3);
	ck_assert_uint_ge(count(fds[1], 10000), 1);
	ck_assert_uint_eq(feature(8, 255 << 8 | 7), 0);
	count(fds[1], 0);
	/* as many as the threshold says: under load some may be late */
	for (int i = 0; i < 10; i++) {
		reads(8);
		n = count(fds[1], 10000);
		ck_assert_uint_ge(n, 1);
		ck_assert_uint_le(n, 3);
		while (count(fds[1], 2 * TIME_MS))
			;
	}
	/* fewer: not before the time */
	begun = cl_now_ms();
	reads(3);
	ck_assert_uint_ge(count(fds[1], 10000), 1);
	ck_assert_uint_ge(cl_now_ms() - begun, TIME_MS);
	/* the admin queue's at once; more than the time would be seen to pass 20 times */
	begun = cl_now_ms();
	for (int i = 0; i < 20; i++) {
		count(fds[0], 0);
		ck_assert_uint_eq(cl_exec(&c, 0, (struct tsqe){.opcode = 10, .cdw10 = 8}, NULL), 0);
		ck_assert_uint_eq(count(fds[0], 10000), 1);
	}
	/* what waits is told when the rules change */
	reads(2);
	ck_assert_uint_eq(feature(9, 1 << 16 | 1), 0);
	ck_assert_uint_ge(count(fds[1], 10000), 1);
	for (int i = 0; i < 5; i++) {
		reads(1);
		ck_assert_uint_eq(count(fds[1], 10000), 1);
	}
	ck_assert_uint_eq(feature(9, 1), 0);
	reads(2);
	ck_assert_uint_eq(feature(8, 0), 0);
	ck_assert_uint_ge(count(fds[1], 10000), 1);
	ck_assert_uint_eq(feature(9, 65), 0x4002);
}
END_TEST

/* A reset forgets what has waited. */
START_TEST(test_coalescing_reset)
{
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 2, fds, 2), 0);
	cl_pair(&c, 1, 32, 1);
	ck_assert_uint_eq(feature(8, 255 << 8 | 255), 0);
	reads(3);
	cl_set32(&c, 0x14, 0);
	count(fds[1], 0);
	ck_assert_uint_eq(count(fds[1], 3 * TIME_MS), 0);
	cl_enable(&c, 32);
	ck_assert_uint_eq(feature(8, 0), 0);
}
END_TEST

UNIT_MAIN("sim-irq", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_info);
	tcase_add_test(tc, test_bad_sets);
	tcase_add_test(tc, test_msix_set);
	tcase_add_test(tc, test_msix_masks);
	tcase_add_test(tc, test_intx);
	tcase_add_test(tc, test_full_eventfd);
	tcase_add_test(tc, test_coalescing);
	tcase_add_test(tc, test_coalescing_reset);
})
