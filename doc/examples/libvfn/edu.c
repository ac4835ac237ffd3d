/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drive a PCI device that is no NVMe controller: QEMU's `edu`, made for learning.
 *
 *     cc edu.c $(pkg-config --cflags --libs libvfn) -o edu
 *     ./edu 0000:00:05.0
 *
 * Registers by BAR 0, interrupts by an eventfd, and the device's DMA engine, which has 28 address
 * bits only, so that its memory must be at a low IOVA. QEMU's docs/specs/edu describes the device.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vfn/pci.h>
#include <vfn/vfio.h>

#define REGS_LEN      4096
#define REG_ID	      0x00 /* 0xRRrr00ed: major and minor revision */
#define REG_LIVENESS  0x04 /* gives back the inverse of what was written */
#define REG_FACTORIAL 0x08 /* write n, read n! when the status says that it is there */
#define REG_STATUS    0x20
#define REG_IRQ	      0x24 /* why there was an interrupt */
#define REG_IRQ_RAISE 0x60
#define REG_IRQ_ACK   0x64
#define REG_DMA_SRC   0x80
#define REG_DMA_DST   0x88
#define REG_DMA_COUNT 0x90
#define REG_DMA_CMD   0x98

#define STATUS_COMPUTING 0x01
#define STATUS_IRQ	 0x80 /* interrupt when the factorial is there */
#define IRQ_FACTORIAL	 0x01
#define IRQ_DMA		 0x100
#define DMA_START	 0x1
#define DMA_FROM_DEVICE	 0x2
#define DMA_IRQ		 0x4

#define EDU_BUFFER 0x40000 /* where the DMA engine finds the device's own 4 KiB */
#define DMA_MASK   ((UINT64_C(1) << 28) - 1)
#define PATIENCE   10000 /* milliseconds */

struct edu {
	struct vfio_pci_device pci;
	void *regs;
	int efd;
};

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, vfn_error());
	return -1;
}

static int complain(const char *text)
{
	fprintf(stderr, "%s\n", text);
	return -1;
}

/* Registers are little-endian. */
static uint32_t edu_read(const struct edu *edu, unsigned int reg)
{
	return le32_to_cpu(mmio_read32((char *)edu->regs + reg));
}

static void edu_write(const struct edu *edu, unsigned int reg, uint32_t v)
{
	mmio_write32((char *)edu->regs + reg, cpu_to_le32(v));
}

static void edu_write64(const struct edu *edu, unsigned int reg, uint64_t v)
{
	mmio_write64((char *)edu->regs + reg, cpu_to_le64(v));
}

/* Sleep until the device interrupts for just the reason `why`, and acknowledge it. */
static int edu_wait(const struct edu *edu, uint32_t why)
{
	struct pollfd p = {.fd = edu->efd, .events = POLLIN};
	uint64_t count;
	uint32_t irq;
	int n;

	do
		n = poll(&p, 1, PATIENCE);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || read(edu->efd, &count, sizeof(count)) != sizeof(count))
		return complain("no interrupt came");

	irq = edu_read(edu, REG_IRQ);
	edu_write(edu, REG_IRQ_ACK, irq);
	if (irq != why) {
		fprintf(stderr, "an interrupt for %#" PRIx32 ", not %#" PRIx32 "\n", irq, why);
		return -1;
	}
	return 0;
}

/* ---- registers ----------------------------------------------------------------------------- */

static int registers(const struct edu *edu)
{
	uint32_t id = edu_read(edu, REG_ID);

	if ((id & 0xffff) != 0x00ed)
		return complain("its identification register is not edu's");
	printf("edu, revision %u.%u\n", (unsigned int)(id >> 24), (unsigned int)(id >> 16 & 0xff));

	edu_write(edu, REG_LIVENESS, 0x12345678);
	if (edu_read(edu, REG_LIVENESS) != ~UINT32_C(0x12345678))
		return complain("it does not invert what is written to it");
	printf("liveness: 0x12345678 became 0x%08" PRIx32 "\n", edu_read(edu, REG_LIVENESS));
	return 0;
}

/* ---- interrupts ---------------------------------------------------------------------------- */

static int interrupts(const struct edu *edu)
{
	edu_write(edu, REG_IRQ_RAISE, 0x42);
	if (edu_wait(edu, 0x42))
		return -1;
	printf("interrupt: raised by hand\n");

	edu_write(edu, REG_STATUS, STATUS_IRQ);
	edu_write(edu, REG_FACTORIAL, 10);
	if (edu_wait(edu, IRQ_FACTORIAL))
		return -1;
	edu_write(edu, REG_STATUS, 0);
	if (edu_read(edu, REG_STATUS) & STATUS_COMPUTING)
		return complain("it interrupts before it is done");
	printf("interrupt: 10! is %" PRIu32 "\n", edu_read(edu, REG_FACTORIAL));
	return edu_read(edu, REG_FACTORIAL) == 3628800 ? 0 : complain("which it is not");
}

/* ---- DMA ----------------------------------------------------------------------------------- */

/*
 * An IOVA that the device can reach: with `len` bytes below its mask, and usable. What
 * iommu_map_vaddr() chooses by itself is for devices that reach everything.
 */
static int low_iova(struct iommu_ctx *ctx, size_t len, uint64_t *iova)
{
	struct iommu_iova_range *ranges;
	int n = iommu_get_iova_ranges(ctx, &ranges), err = -1;

	if (n < 0)
		return fail("IOVA ranges");
	for (int i = 0; i < n && err; i++) {
		/* from 1 MiB on: below is a good place for nothing, so that a wild pointer faults
		 */
		uint64_t start = ranges[i].start > 0x100000 ? ranges[i].start : 0x100000;

		start = ALIGN_UP(start, __VFN_PAGESIZE);
		if (start <= ranges[i].last && ranges[i].last - start >= len - 1 &&
		    start + len - 1 <= DMA_MASK) {
			*iova = start;
			err = 0;
		}
	}
	free(ranges);
	return err ? complain("no usable IOVA is low enough for the device") : 0;
}

static int dma(const struct edu *edu, uint64_t src, uint64_t dst, size_t len, uint32_t direction)
{
	edu_write64(edu, REG_DMA_SRC, src);
	edu_write64(edu, REG_DMA_DST, dst);
	edu_write64(edu, REG_DMA_COUNT, len);

	/* What was written to memory, before the register that makes the device look at it. */
	wmb();
	edu_write64(edu, REG_DMA_CMD, DMA_START | DMA_IRQ | direction);
	return edu_wait(edu, IRQ_DMA);
}

/* Half a page to the device, and from there back to the other half. */
static int transfers(const struct edu *edu, unsigned char *mem, uint64_t iova)
{
	size_t len = 2048;

	for (size_t i = 0; i < len; i++)
		mem[i] = (unsigned char)(i * 7 + i / 256 + 1);
	if (dma(edu, iova, EDU_BUFFER, len, 0) ||
	    dma(edu, EDU_BUFFER, iova + len, len, DMA_FROM_DEVICE))
		return -1;
	if (memcmp(mem, mem + len, len) != 0)
		return complain("what came back by DMA is not what was sent");
	printf("DMA: %zu bytes there and back, at IOVA 0x%" PRIx64 "\n", len, iova);
	return 0;
}

static int with_memory(struct edu *edu)
{
	struct iommu_ctx *ctx = __iommu_ctx(&edu->pci);
	uint64_t iova;
	ssize_t len;
	void *mem;
	int err;

	len = pgmap(&mem, 4096);
	if (len < 0)
		return fail("memory");
	if (low_iova(ctx, (size_t)len, &iova)) {
		pgunmap(mem, (size_t)len);
		return -1;
	}
	if (iommu_map_vaddr(ctx, mem, (size_t)len, &iova, IOMMU_MAP_FIXED_IOVA)) {
		pgunmap(mem, (size_t)len);
		return fail("mapping");
	}

	err = transfers(edu, mem, iova);

	iommu_unmap_vaddr(ctx, mem, NULL);
	pgunmap(mem, (size_t)len);
	return err;
}

/* ---- the program --------------------------------------------------------------------------- */

static int with_device(struct edu *edu)
{
	int err;

	edu->regs = vfio_pci_map_bar(&edu->pci, 0, REGS_LEN, 0, PROT_READ | PROT_WRITE);
	if (!edu->regs)
		return fail("BAR 0");

	err = registers(edu);
	if (!err && vfio_set_irq(&edu->pci.dev, &edu->efd, 1))
		err = fail("interrupt");
	if (!err)
		err = interrupts(edu) || with_memory(edu);

	vfio_pci_unmap_bar(&edu->pci, 0, edu->regs, REGS_LEN, 0);
	return err;
}

int main(int argc, char **argv)
{
	struct edu edu = {.efd = -1};
	unsigned long long vendor, device;
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: %s ADDRESS\n", argv[0]);
		return 2;
	}
	if (pci_device_info_get_ull(argv[1], "vendor", &vendor) ||
	    pci_device_info_get_ull(argv[1], "device", &device)) {
		fail(argv[1]);
		return 1;
	}
	if (vendor != 0x1234 || device != 0x11e8) {
		fprintf(stderr, "%s is %04llx:%04llx, and not 1234:11e8, an edu device\n", argv[1],
			vendor, device);
		return 1;
	}

	edu.efd = eventfd(0, EFD_CLOEXEC);
	if (edu.efd < 0) {
		perror("eventfd");
		return 1;
	}
	/* dev.ctx is NULL: the device goes into the default IOMMU context. */
	if (vfio_pci_open(&edu.pci, argv[1])) {
		fail(argv[1]);
		close(edu.efd);
		return 1;
	}

	err = with_device(&edu);

	vfio_pci_close(&edu.pci);
	close(edu.efd);
	return err ? 1 : 0;
}
