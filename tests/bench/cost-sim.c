/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost-sim - what one 512-byte read costs vfnd-sim --null, to be counted under callgrind
 *
 *     cost-sim path|base each|batch plain|shadow READS
 *     cost-sim idle each|batch plain|shadow ROUNDS
 *     cost-sim plain-build
 *
 * `path` puts READS reads into a queue in memory, one or 32 for each doorbell, and lets the
 * controller serve them as its loop does; completions are looked at one by one. `base` does the
 * same without the controller: the difference is the controller's. `idle` has the controller look
 * ROUNDS times where nothing is to be found. `plain-build` succeeds where counts say something.
 */
#include "config.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/sim/ctrl.h"
#include "tests/sim/queue.h"

#define QSIZE 64
#define BATCH 32
#define IOVA  0x100000000ull

/* Pages of the host's memory. */
enum { ASQ, ACQ, SQ, CQ = SQ + QSIZE * 64 / 4096, SHADOW, EVENT, DATA, PAGES = DATA + QSIZE };

static struct ctrl ctrl;
static uint8_t *mem;

static void bad(const char *what)
{
	fprintf(stderr, "cost-sim: %s\n", what);
	exit(1);
}

static void *page(unsigned int n)
{
	return mem + 4096 * (size_t)n;
}

static uint64_t iova(unsigned int n)
{
	return IOVA + 4096 * (uint64_t)n;
}

static void write_bar(uint64_t off, uint64_t v, uint32_t len)
{
	if (ctrl_bar_write(&ctrl, off, &v, len))
		bad("a register write");
}

static void setup(bool shadow)
{
	static const struct ctrl_opts opts = {
		.serial = "cost", .model = "cost", .queues = 4, .mdts = 7};
	static const struct ns_format format = {.shift = 9, .null = true};
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE;
	char why[128];
	int fd = memfd_create("cost", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, PAGES * 4096))
		bad("memory");
	mem = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED || ctrl_init(&ctrl, &opts) ||
	    ns_open(&ctrl.ns[0], 1, &format, "1T", "cost", why, sizeof(why)) ||
	    dma_add(&ctrl.dma, IOVA, PAGES * 4096, 0, VFU_MAP_READ | VFU_MAP_WRITE | VFU_MAP_MMAP,
		    fd))
		bad("setup");
	ctrl.nns = 1;
	ctrl_cfg_write(&ctrl, PCI_COMMAND, &command, sizeof(command));
	write_bar(NVME_REG_AQA, 31 << 16 | 31, 4);
	write_bar(NVME_REG_ASQ, iova(ASQ), 8);
	write_bar(NVME_REG_ACQ, iova(ACQ), 8);
	write_bar(NVME_REG_CC, 6u << 16 | 4u << 20 | 1, 4);
	if (!ctrl_running(&ctrl))
		bad("the controller does not run");
	if (shadow)
		queue_dbbuf(&ctrl, iova(SHADOW), iova(EVENT));
	queue_add_cq(&ctrl, 1, QSIZE, iova(CQ), false, 0);
	queue_add_sq(&ctrl, 1, 1, QSIZE, iova(SQ), ARBITER_MEDIUM);
}

static void serve(unsigned long reads, unsigned int batch, bool shadow, bool path)
{
	volatile uint32_t *doorbells = shadow ? page(SHADOW) : (void *)(uintptr_t)ctrl.doorbells;
	struct sim_sqe *sqes = page(SQ);
	volatile struct sim_cqe *cqes = page(CQ);
	unsigned int tail = 0, head = 0, phase = 1;

	for (unsigned long i = 0; i < reads; i += batch) {
		for (unsigned int j = 0; j < batch; j++) {
			sqes[tail] = (struct sim_sqe){.opcode = nvme_cmd_read,
						      .cid = (uint16_t)j,
						      .nsid = 1,
						      .prp1 = iova(DATA + j),
						      .cdw10 = (uint32_t)(i + j)};
			tail = (tail + 1) % QSIZE;
		}
		doorbells[2] = tail;
		if (path)
			queue_poll(&ctrl);
		for (unsigned int j = 0; j < batch; j++) {
			if (path && ((cqes[head].sfp & 1) != phase || cqes[head].sfp >> 1))
				bad("a read did not complete, or failed");
			head = (head + 1) % QSIZE;
			phase ^= !head;
		}
		doorbells[3] = head;
	}
}

/* There when the build counts for gcov. */
extern void __gcov_init(void *) __attribute__((weak));

static bool plain_build(void)
{
#if defined(__OPTIMIZE__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&              \
	!defined(__SANITIZE_THREAD__)
	return !__gcov_init;
#else
	return false;
#endif
}

int main(int argc, char **argv)
{
	unsigned long n;
	bool shadow;

	if (argc == 2 && !strcmp(argv[1], "plain-build"))
		return !plain_build();
	if (argc != 5)
		bad("usage: cost-sim path|base|idle each|batch plain|shadow READS");
	shadow = !strcmp(argv[3], "shadow");
	n = strtoul(argv[4], NULL, 0);
	setup(shadow);
	if (!strcmp(argv[1], "idle")) {
		for (unsigned long i = 0; i < n; i++)
			queue_poll(&ctrl);
	} else {
		serve(n, !strcmp(argv[2], "batch") ? BATCH : 1, shadow, *argv[1] == 'p');
	}
	ctrl_fini(&ctrl);
	return 0;
}
