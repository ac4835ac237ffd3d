/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Class pci: the daemon drives nothing, and a session does it all by BARs, buffers and interrupts. The device is an
 * NVMe controller that is left undriven: what it does is known (NVMe Base 2.0, 3.5.1 on how it is brought up).
 */
#include "int.h"
#include "raw.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REG_CAP  0x00
#define REG_CC	 0x14
#define REG_CSTS 0x1c
#define REG_AQA	 0x24
#define REG_ASQ	 0x28
#define REG_ACQ	 0x30
#define DOORBELLS 0x1000
#define ENTRIES	 8u

static uint32_t bar32(struct vfnc_device *dev, uint64_t offset)
{
	uint32_t v;

	OK(vfnc_device_connection(dev), vfnc_bar_read(dev, 0, offset, 4, &v, 4));
	return v;
}

static void bar_set32(struct vfnc_device *dev, uint64_t offset, uint32_t v)
{
	OK(vfnc_device_connection(dev), vfnc_bar_write(dev, 0, offset, 4, &v, 4));
}

static void bar_set64(struct vfnc_device *dev, uint64_t offset, uint64_t v)
{
	bar_set32(dev, offset, (uint32_t)v);
	bar_set32(dev, offset + 4, (uint32_t)(v >> 32));
}

/* ---- a driver in the client -------------------------------------------------------------------- */

struct driver {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_buffer *buf; /* a page each: submission queue, completion queue, data */
	struct vfnc_interrupt *irq;
	unsigned int tail, head, phase;
};

static void driver_ready(struct driver *d, uint32_t ready)
{
	uint64_t end = int_now_ms() + INT_SOON_MS;

	while ((bar32(d->dev, REG_CSTS) & 1) != ready) {
		CHECK(int_now_ms() < end, "CSTS is %#x, CSTS.RDY %u was waited for", bar32(d->dev, REG_CSTS), ready);
		int_pause();
	}
}

static void driver_enable(struct driver *d)
{
	memset(d->buf->vaddr, 0, d->buf->size);
	d->tail = d->head = 0;
	d->phase = 1;
	bar_set32(d->dev, REG_CC, 0);
	driver_ready(d, 0);
	bar_set32(d->dev, REG_AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	bar_set64(d->dev, REG_ASQ, d->buf->iova);
	bar_set64(d->dev, REG_ACQ, d->buf->iova + 4096);
	bar_set32(d->dev, REG_CC, 6u << 16 | 4u << 20 | 1);
	driver_ready(d, 1);
}

static struct driver driver_open(void)
{
	struct driver d = {.conn = int_connect()};

	d.dev = int_open(d.conn, env.device);
	d.buf = int_buffer(d.dev, 3 * 4096);
	OK(d.conn, vfnc_interrupt_create(d.dev, 0, &d.irq));
	driver_enable(&d);
	return d;
}

/* Identify Controller into the data page; the doorbell is rung. */
static void driver_identify(struct driver *d)
{
	uint8_t *sqe = (uint8_t *)d->buf->vaddr + 64 * d->tail;
	uint64_t data = d->buf->iova + 8192;

	memset(sqe, 0, 64);
	memset((char *)d->buf->vaddr + 8192, 0, 4096);
	sqe[0] = 0x06;
	sqe[2] = (uint8_t)(d->tail + 1);
	memcpy(sqe + 24, &data, 8);
	sqe[40] = 1;
	d->tail = (d->tail + 1) % ENTRIES;
	bar_set32(d->dev, DOORBELLS, d->tail);
}

static bool driver_completed(const struct driver *d)
{
	const volatile uint16_t *cqe = (const volatile uint16_t *)((char *)d->buf->vaddr + 4096 + 16 * d->head);

	return (cqe[7] & 1) == d->phase;
}

static void driver_take(struct driver *d)
{
	const uint16_t *cqe = (const uint16_t *)((char *)d->buf->vaddr + 4096 + 16 * d->head);

	CHECK(driver_completed(d), "there is no completion");
	CHECK(cqe[7] >> 1 == 0, "the status is %#x", cqe[7] >> 1);
	CHECK(((uint8_t *)d->buf->vaddr)[8192 + 24], "Identify brought no model");
	d->head = (d->head + 1) % ENTRIES;
	d->phase ^= d->head == 0;
	bar_set32(d->dev, DOORBELLS + (4u << (bar32(d->dev, REG_CAP + 4) & 15)), d->head);
}

static void driver_await(struct driver *d)
{
	uint64_t end = int_now_ms() + INT_SOON_MS;

	while (!driver_completed(d)) {
		CHECK(int_now_ms() < end, "the command does not complete");
		int_pause();
	}
}

static void driver_interrupted(struct driver *d)
{
	uint64_t n;
	int ret;

	do
		ret = vfnc_interrupt_wait(d->irq, INT_SOON_MS, &n);
	while (ret == -EINTR);
	CHECK(ret == 1 && n >= 1, "no interrupt came: %d", ret);
}

static void pci_driven(void)
{
	struct driver d = driver_open();

	for (unsigned int i = 0; i < 3 * ENTRIES; i++) {
		driver_identify(&d);
		driver_interrupted(&d);
		driver_take(&d);
		if (d.irq->automasked)
			OK(d.conn, vfnc_interrupt_mask(d.irq, false, NULL));
	}
	vfnc_disconnect(d.conn);
}

/* ---- interrupts -------------------------------------------------------------------------------- */

static void pci_masked(void)
{
	struct driver d = driver_open();
	struct pollfd p = {.fd = d.irq->fd, .events = POLLIN};
	uint64_t missed = 77;

	driver_identify(&d);
	driver_interrupted(&d);
	driver_take(&d);
	OK(d.conn, vfnc_interrupt_mask(d.irq, true, &missed));
	CHECK(missed == 0, "%llu were missed before anything was masked", (unsigned long long)missed);
	driver_identify(&d);
	driver_await(&d);
	driver_take(&d);
	/* The interrupt goes before the completion is taken, if it goes at all. */
	bar32(d.dev, REG_CSTS);
	CHECK(poll(&p, 1, 0) == 0, "a masked vector has signalled");
	OK(d.conn, vfnc_interrupt_mask(d.irq, false, &missed));
	CHECK(missed >= 1 || d.irq->kind == VFNC_INTERRUPT_INTX, "the interrupt that came is not told");
	driver_identify(&d);
	driver_interrupted(&d);
	driver_take(&d);
	/* Masked and unmasked twice, it is as before. */
	OK(d.conn, vfnc_interrupt_mask(d.irq, true, NULL));
	OK(d.conn, vfnc_interrupt_mask(d.irq, true, NULL));
	OK(d.conn, vfnc_interrupt_mask(d.irq, false, NULL));
	OK(d.conn, vfnc_interrupt_mask(d.irq, false, NULL));
	driver_identify(&d);
	driver_interrupted(&d);
	driver_take(&d);
	vfnc_disconnect(d.conn);
}

static void pci_vectors(void)
{
	struct driver d = driver_open();
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, env.device);
	struct vfnc_interrupt *irq, *last;
	struct vfnc_device_info *info;
	uint64_t deadline;
	int ret;

	OK(conn, vfnc_device_info(dev, &info));
	CHECK(info->vectors >= 1, "the device has no vectors");
	FAILS_SAYING(conn, EBUSY, "has vector 0", vfnc_interrupt_create(dev, 0, &irq));
	FAILS_SAYING(conn, EINVAL, "counted from 0", vfnc_interrupt_create(dev, info->vectors, &irq));
	FAILS(conn, EINVAL, vfnc_interrupt_create(dev, UINT32_MAX, &irq));
	CHECK(!irq, "something was made");
	if (info->vectors > 1) {
		OK(conn, vfnc_interrupt_create(dev, info->vectors - 1, &last));
		CHECK(vfnc_interrupt_wait(last, 0, NULL) == 0, "it has signalled");
		OK(conn, vfnc_interrupt_free(last));
	}
	free(info);
	/* Given back by its owner, and by the end of its owner. */
	OK(d.conn, vfnc_interrupt_free(d.irq));
	OK(conn, vfnc_interrupt_create(dev, 0, &irq));
	vfnc_disconnect(conn);
	deadline = int_now_ms() + INT_SOON_MS;
	while ((ret = vfnc_interrupt_create(d.dev, 0, &d.irq)) == -EBUSY && int_now_ms() < deadline)
		int_pause();
	OK(d.conn, ret);
	driver_identify(&d);
	driver_interrupted(&d);
	driver_take(&d);
	vfnc_disconnect(d.conn);
}

/* ---- BARs, configuration space ----------------------------------------------------------------- */

static void pci_spaces(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_capability *caps;
	struct vfnc_device_info *info;
	uint8_t whole[16], space[256];
	bool msix = false, exp = false;
	int n;

	OK(conn, vfnc_device_info(dev, &info));
	CHECK(strcmp(info->device.class_name, "pci") == 0, "the class is %s", info->device.class_name);
	CHECK(info->class_code == 0x010802 && info->bar_size[0] && !*info->device.model && !info->vs,
	      "class code %06x, model \"%s\"", info->class_code, info->device.model);
	free(info);
	OK(conn, vfnc_bar_read(dev, 0, 0, 4, whole, sizeof(whole)));
	FAILS(conn, EINVAL, vfnc_bar_read(dev, 0, 2, 4, whole, 4));
	FAILS(conn, EINVAL, vfnc_bar_read(dev, 5, 0, 4, whole, 4));
	OK(conn, vfnc_config_read(dev, 0, space, sizeof(space)));
	n = vfnc_capabilities(dev, &caps);
	OK(conn, n);
	for (int i = 0; i < n; i++) {
		msix |= !caps[i].extended && caps[i].id == PCI_CAP_ID_MSIX;
		exp |= !caps[i].extended && caps[i].id == PCI_CAP_ID_EXP;
		CHECK(caps[i].extended ? caps[i].offset >= 256 : space[caps[i].offset] == caps[i].id,
		      "capability %x is not at %x", caps[i].id, caps[i].offset);
	}
	CHECK(exp && msix, "not the capabilities that it has");
	free(caps);
	/* What would take the device from the daemon is refused as of a controller. */
	FAILS_SAYING(conn, EPERM, "BARs", vfnc_config_write(dev, PCI_BASE_ADDRESS_0, 4, &(uint32_t){0}, 4));
	vfnc_disconnect(conn);
}

static void pci_mapped(void)
{
	struct driver d = driver_open();
	long page = sysconf(_SC_PAGESIZE);
	volatile uint32_t *mem;
	void *at;
	int ret;

	FAILS_SAYING(d.conn, EINVAL, "whole pages", vfnc_bar_map(d.dev, 0, 0, 100, &at));
	FAILS(d.conn, EINVAL, vfnc_bar_map(d.dev, 0, 100, (size_t)page, &at));
	FAILS(d.conn, EINVAL, vfnc_bar_map(d.dev, 0, UINT64_MAX & ~UINT64_C(4095), (size_t)page, &at));
	FAILS_SAYING(d.conn, EINVAL, "no BAR 7", vfnc_bar_map(d.dev, 7, 0, (size_t)page, &at));
	/* Of the software controller doorbells can be mapped, and of the kernel's VFIO all but the MSI-X table. */
	ret = vfnc_bar_map(d.dev, 0, DOORBELLS, (size_t)page, &at);
	OK(d.conn, ret);
	mem = at;
	driver_identify(&d);
	driver_interrupted(&d);
	driver_take(&d);
	(void)mem[0];
	munmap(at, (size_t)page);
	if (env.sim_control)
		FAILS_SAYING(d.conn, EOPNOTSUPP, "cannot be mapped", vfnc_bar_map(d.dev, 0, 0, (size_t)page, &at));
	vfnc_disconnect(d.conn);
}

/* ---- what it does not have ------------------------------------------------------------------------ */

static void pci_not_there(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_queue_opts served = {.mode = VFNC_QUEUE_SERVED};
	struct vfnc_statistics stats;
	struct vfnc_queue *queue;
	uint8_t id[4096], sqe[64] = {6};
	struct vfnc_completion c;
	uint64_t value;

	FAILS_SAYING(conn, EOPNOTSUPP, "class pci", vfnc_identify_ctrl(dev, id, NULL));
	FAILS_SAYING(conn, EOPNOTSUPP, "class pci", vfnc_queue_create(dev, NULL, &queue));
	FAILS_SAYING(conn, EOPNOTSUPP, "class pci", vfnc_queue_create(dev, &served, &queue));
	FAILS_SAYING(conn, EOPNOTSUPP, "class pci", vfnc_raw_queue(dev, &queue));
	FAILS_SAYING(conn, EOPNOTSUPP, "class pci", vfnc_raw(dev, NULL, sqe, NULL, &c));
	FAILS_SAYING(conn, EOPNOTSUPP, "class pci", vfnc_doorbell(dev, 1, false, 0));
	FAILS_SAYING(conn, ENOTSUP, "function reset", vfnc_reset(dev, VFNC_RESET_CONTROLLER, NULL));
	FAILS(conn, ENOENT, vfnc_register_read(dev, "cap", &value));
	FAILS(conn, ENOENT, vfnc_register_write(dev, "cc", 0));
	OK(conn, vfnc_register_read_at(dev, 0, 8, &value));
	OK(conn, vfnc_statistics(conn, dev, &stats));
	CHECK(stats.queue_pairs == 0, "%llu queue pairs", (unsigned long long)stats.queue_pairs);
	FAILS(conn, ENOENT, vfnc_cancel(conn, 1));
	vfnc_disconnect(conn);
}

/* Without raw = yes a session looks, and has memory and interrupts. */
static void pci_not_allowed(void)
{
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, env.device2);
	struct vfnc_interrupt *irq;
	uint32_t v = 0;
	void *mem;

	OK(conn, vfnc_bar_read(dev, 0, REG_CAP, 4, &v, 4));
	int_buffer(dev, 4096);
	OK(conn, vfnc_interrupt_create(dev, 0, &irq));
	FAILS_SAYING(conn, EPERM, "raw = yes", vfnc_bar_write(dev, 0, REG_AQA, 4, &v, 4));
	FAILS_SAYING(conn, EPERM, "raw = yes", vfnc_config_write(dev, PCI_INTERRUPT_LINE, 1, &v, 1));
	FAILS_SAYING(conn, EPERM, "raw = yes", vfnc_bar_map(dev, 0, DOORBELLS, 4096, &mem));
	vfnc_disconnect(conn);
}

/* ---- resets, and ends ----------------------------------------------------------------------------- */

static void pci_reset(void)
{
	struct driver d = driver_open();
	struct vfnc_subscription *sub;
	struct vfnc_event event;

	OK(d.conn, vfnc_subscribe(d.dev, &sub));
	OK(d.conn, vfnc_reset(d.dev, VFNC_RESET_FUNCTION, NULL));
	CHECK((bar32(d.dev, REG_CC) & 1) == 0, "it is enabled after its reset");
	OK(d.conn, vfnc_event_wait(d.conn, &event, INT_SOON_MS));
	CHECK(event.kind == VFNC_EVENT_RESET && int_contains(event.reason, "function reset"), "event %d: %s",
	      event.kind, event.reason);
	/* Interrupts and memory are there as before. */
	driver_enable(&d);
	driver_identify(&d);
	driver_interrupted(&d);
	driver_take(&d);
	vfnc_disconnect(d.conn);
}

/* Whose memory the device may still write to: it is reset before that is given back. */
static void pci_left_running(void)
{
	struct driver d = driver_open();
	struct vfnc_device *dev;
	struct vfnc *conn;
	uint64_t end = int_now_ms() + INT_SOON_MS;
	uint32_t cc;
	int ret;

	CHECK(bar32(d.dev, REG_CC) & 1, "it is not enabled");
	vfnc_disconnect(d.conn);
	conn = int_connect();
	dev = int_open(conn, env.device);
	while ((ret = vfnc_bar_read(dev, 0, REG_CC, 4, &cc, 4)) == -EAGAIN || (ret == 0 && cc & 1)) {
		CHECK(int_now_ms() < end, "it is enabled, with memory that is nobody's");
		int_pause();
	}
	OK(conn, ret);
	vfnc_disconnect(conn);
}

/* Sessions of each other's memory, interrupts and so on leave nothing. */
static void pci_nothing_left(void)
{
	struct ledger before;
	struct driver d = driver_open();

	vfnc_disconnect(d.conn);
	ledger_settle();
	ledger_take(&before);
	for (int i = 0; i < 10; i++) {
		d = driver_open();
		driver_identify(&d);
		if (i % 2)
			OK(d.conn, vfnc_close(d.dev));
		vfnc_disconnect(d.conn);
		ledger_settle();
	}
	ledger_await(&before, 2048);
}

/* ---- what nobody should send ----------------------------------------------------------------------- */

static void pci_hostile(void)
{
	Vfnd__InterruptFreeRequest free_op = VFND__INTERRUPT_FREE_REQUEST__INIT;
	Vfnd__InterruptMaskRequest mask_op = VFND__INTERRUPT_MASK_REQUEST__INIT;
	Vfnd__InterruptCreateRequest create_op = VFND__INTERRUPT_CREATE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int sock = raw_hello();
	uint64_t device = raw_open(sock, env.device);

	req.op_case = VFND__REQUEST__OP_INTERRUPT_FREE;
	req.interrupt_free = &free_op;
	free_op.interrupt = device;
	raw_refused(sock, &req, ENOENT, "interrupt_free.interrupt");
	req.op_case = VFND__REQUEST__OP_INTERRUPT_MASK;
	req.interrupt_mask = &mask_op;
	mask_op.interrupt = 4711;
	raw_refused(sock, &req, ENOENT, "interrupt_mask.interrupt");
	req.op_case = VFND__REQUEST__OP_INTERRUPT_CREATE;
	req.interrupt_create = &create_op;
	raw_refused(sock, &req, ENOENT, "interrupt_create.device");
	create_op.device = device;
	create_op.vector = 100000;
	raw_refused(sock, &req, EINVAL, "interrupt_create.vector");
	close(sock);
}

static const struct int_case cases[] = {
	INT_CASE("BARs, configuration space and capabilities", pci_spaces),
	INT_CASE("a client drives it: registers, memory, interrupts", pci_driven),
	INT_CASE("a vector is masked", pci_masked),
	INT_CASE("a vector has one owner", pci_vectors),
	INT_CASE("a BAR is mapped", pci_mapped),
	INT_CASE("what the class does not have", pci_not_there),
	INT_CASE("what needs raw = yes", pci_not_allowed),
	INT_CASE("a function reset", pci_reset),
	INT_CASE("left running, it is reset", pci_left_running),
	INT_CASE("nothing is left of its sessions", pci_nothing_left),
	INT_CASE("handles that are none", pci_hostile),
	{0},
};

int main(void)
{
	return int_main("pci", cases);
}
