/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's device "edu" by class pci: registers, interrupts and DMA of what is no controller (QEMU's docs/specs/edu). */
#include "int.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define EDU_ID	       0x00
#define EDU_LIVE       0x04
#define EDU_FACTORIAL  0x08
#define EDU_STATUS     0x20
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_RAISE  0x60
#define EDU_IRQ_ACK    0x64
#define EDU_DMA_FROM   0x80
#define EDU_DMA_TO     0x88
#define EDU_DMA_COUNT  0x90
#define EDU_DMA	       0x98
#define EDU_MEMORY     0x40000u /* of the device, for DMA */
#define EDU_SPAN       2048u /* of it at once: QEMU ends at a request for all of it */
#define EDU_COMPUTING  0x01u
#define EDU_STATUS_IRQ 0x80u
#define EDU_START      1u
#define EDU_TO_RAM     2u
#define EDU_DMA_IRQ    4u

struct edu {
	struct vfnc *conn;
	struct vfnc_device *dev;
};

static struct edu edu_open(void)
{
	struct edu e = {.dev = int_open_new()};

	e.conn = vfnc_device_connection(e.dev);
	return e;
}

static uint32_t edu_get(const struct edu *e, uint64_t offset)
{
	uint32_t v;

	OK(e->conn, vfnc_bar_read(e->dev, 0, offset, 4, &v, 4));
	return v;
}

static void edu_set(const struct edu *e, uint64_t offset, uint32_t v)
{
	OK(e->conn, vfnc_bar_write(e->dev, 0, offset, 4, &v, 4));
}

static void edu_set64(const struct edu *e, uint64_t offset, uint64_t v)
{
	OK(e->conn, vfnc_bar_write(e->dev, 0, offset, 8, &v, 8));
}

static void edu_while(const struct edu *e, uint64_t offset, uint32_t bits)
{
	uint64_t end = int_now_ms() + INT_SOON_MS;

	while (edu_get(e, offset) & bits) {
		CHECK(int_now_ms() < end, "register %#llx is %#x", (unsigned long long)offset, edu_get(e, offset));
		int_pause();
	}
}

static void edu_registers(void)
{
	struct edu e = edu_open();
	struct vfnc_device_info *info;

	OK(e.conn, vfnc_device_info(e.dev, &info));
	CHECK(strcmp(info->device.class_name, "pci") == 0 && info->device.vendor_id == 0x1234 &&
		      info->device.device_id == 0x11e8 && info->bar_size[0] == 1 << 20,
	      "class %s, %04x:%04x", info->device.class_name, info->device.vendor_id, info->device.device_id);
	free(info);
	CHECK((edu_get(&e, EDU_ID) & 0xffff) == 0x00ed, "the identification is %#x", edu_get(&e, EDU_ID));
	edu_set(&e, EDU_LIVE, 0x12345678);
	CHECK(edu_get(&e, EDU_LIVE) == ~UINT32_C(0x12345678), "it is not alive: %#x", edu_get(&e, EDU_LIVE));
	edu_set(&e, EDU_STATUS, 0);
	for (uint32_t n = 1, product = 1; n <= 12; n++) {
		product *= n;
		edu_set(&e, EDU_FACTORIAL, n);
		edu_while(&e, EDU_STATUS, EDU_COMPUTING);
		CHECK(edu_get(&e, EDU_FACTORIAL) == product, "%u! is %u", n, edu_get(&e, EDU_FACTORIAL));
	}
	vfnc_disconnect(e.conn);
}

static void edu_await(struct edu *e, struct vfnc_interrupt *irq, uint32_t reason)
{
	int ret;

	do
		ret = vfnc_interrupt_wait(irq, INT_SOON_MS, NULL);
	while (ret == -EINTR);
	CHECK(ret == 1, "no interrupt came: %d", ret);
	CHECK(edu_get(e, EDU_IRQ_STATUS) == reason, "the reason is %#x, not %#x", edu_get(e, EDU_IRQ_STATUS), reason);
	edu_set(e, EDU_IRQ_ACK, reason);
	if (irq->automasked)
		OK(e->conn, vfnc_interrupt_mask(irq, false, NULL));
}

static void edu_interrupts(void)
{
	struct edu e = edu_open();
	struct vfnc_interrupt *irq;
	struct pollfd p = {.events = POLLIN};
	uint64_t missed;

	OK(e.conn, vfnc_interrupt_create(e.dev, 0, &irq));
	p.fd = irq->fd;
	for (uint32_t i = 1; i <= 5; i++) {
		edu_set(&e, EDU_IRQ_RAISE, i);
		edu_await(&e, irq, i);
	}
	/* One that is raised when a factorial is there. */
	edu_set(&e, EDU_STATUS, EDU_STATUS_IRQ);
	edu_set(&e, EDU_FACTORIAL, 5);
	edu_await(&e, irq, 1);
	CHECK(edu_get(&e, EDU_FACTORIAL) == 120, "5! is %u", edu_get(&e, EDU_FACTORIAL));
	edu_set(&e, EDU_STATUS, 0);
	OK(e.conn, vfnc_interrupt_mask(irq, true, NULL));
	edu_set(&e, EDU_IRQ_RAISE, 0x40);
	edu_get(&e, EDU_IRQ_STATUS);
	CHECK(poll(&p, 1, 0) == 0, "a masked vector has signalled");
	/* A message that came meanwhile is told; a level comes once it can. */
	OK(e.conn, vfnc_interrupt_mask(irq, false, &missed));
	CHECK(missed || irq->kind == VFNC_INTERRUPT_INTX, "the interrupt is lost");
	if (irq->kind == VFNC_INTERRUPT_INTX && !missed)
		edu_await(&e, irq, 0x40);
	else
		edu_set(&e, EDU_IRQ_ACK, 0x40);
	OK(e.conn, vfnc_interrupt_free(irq));
	edu_set(&e, EDU_IRQ_RAISE, 1);
	edu_set(&e, EDU_IRQ_ACK, 1);
	vfnc_disconnect(e.conn);
}

static void edu_copy(struct edu *e, uint64_t from, uint64_t to, uint32_t n, uint32_t how)
{
	edu_set64(e, EDU_DMA_FROM, from);
	edu_set64(e, EDU_DMA_TO, to);
	edu_set64(e, EDU_DMA_COUNT, n);
	edu_set(e, EDU_DMA, EDU_START | how);
	edu_while(e, EDU_DMA, EDU_START);
}

/* Out of a buffer into the device, and back into another place. */
static void edu_dma(void)
{
	struct edu e = edu_open();
	struct vfnc_buffer *buf = int_buffer(e.dev, 8192);
	struct vfnc_interrupt *irq;
	uint8_t *data = buf->vaddr;

	/* Its addresses have 28 bits. */
	CHECK(buf->iova + buf->size < 1 << 28, "the buffer is at %#llx", (unsigned long long)buf->iova);
	OK(e.conn, vfnc_interrupt_create(e.dev, 0, &irq));
	for (unsigned int i = 0; i < EDU_SPAN; i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	edu_copy(&e, buf->iova, EDU_MEMORY, EDU_SPAN, 0);
	edu_copy(&e, EDU_MEMORY, buf->iova + EDU_SPAN, EDU_SPAN, EDU_TO_RAM | EDU_DMA_IRQ);
	edu_await(&e, irq, 0x100);
	CHECK(memcmp(data, data + EDU_SPAN, EDU_SPAN) == 0, "what came back is not what went out");
	vfnc_disconnect(e.conn);
}

/* It says what it cannot. */
static void edu_limits(void)
{
	struct edu e = edu_open();
	struct vfnc_interrupt *irq;
	struct vfnc_capability *caps;
	uint8_t id[4096];
	void *mem;
	int n = vfnc_capabilities(e.dev, &caps);

	OK(e.conn, n);
	CHECK(n >= 1 && caps[0].id == 5, "it has %d capabilities, and no MSI", n);
	free(caps);
	FAILS(e.conn, EOPNOTSUPP, vfnc_identify_ctrl(e.dev, id, NULL));
	FAILS(e.conn, EINVAL, vfnc_interrupt_create(e.dev, 64, &irq));
	/* Its registers take accesses of 4 bytes; the page of them can be mapped. */
	OK(e.conn, vfnc_bar_map(e.dev, 0, 0, 4096, &mem));
	CHECK((((volatile uint32_t *)mem)[EDU_ID / 4] & 0xffff) == 0x00ed, "the mapping shows something else");
	vfnc_disconnect(e.conn);
}

static const struct int_case cases[] = {
	INT_CASE("registers", edu_registers),
	INT_CASE("interrupts", edu_interrupts),
	INT_CASE("DMA", edu_dma),
	INT_CASE("what it has not", edu_limits),
	{0},
};

int main(void)
{
	return int_main("edu", cases);
}
