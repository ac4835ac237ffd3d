/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Print an NVMe controller's registers, and what they say.
 *
 *     cc regs.c $(pkg-config --cflags --libs libvfn) -o regs
 *     ./regs 0000:01:00.0
 *     ./regs vfio-user:/run/nvme0.sock
 *
 * The device is opened and nothing more: no queue is made, and the controller is not enabled. Opening
 * it resets it where that is possible; what is shown is what that left.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vfn/nvme.h>

/* NVM Express Base Specification 2.0, 3.1.3: offset, width and name. */
static const struct {
	uint64_t offset;
	int width;
	const char *name;
	const char *meaning;
} registers[] = {
	{0x00, 8, "CAP", "controller capabilities"},
	{0x08, 4, "VS", "version"},
	{0x0c, 4, "INTMS", "interrupt mask set"},
	{0x10, 4, "INTMC", "interrupt mask clear"},
	{0x14, 4, "CC", "controller configuration"},
	{0x1c, 4, "CSTS", "controller status"},
	{0x24, 4, "AQA", "admin queue attributes"},
	{0x28, 8, "ASQ", "admin submission queue base address"},
	{0x30, 8, "ACQ", "admin completion queue base address"},
	{0x38, 4, "CMBLOC", "controller memory buffer location"},
	{0x3c, 4, "CMBSZ", "controller memory buffer size"},
};

/* The parts of a register that a reader wants to know first. */
static void explain(const char *name, uint64_t v)
{
	if (!strcmp(name, "CAP")) {
		int mpsmin = (int)(v >> 48 & 0xf), mpsmax = (int)(v >> 52 & 0xf);

		printf("%23s queues of up to %u entries\n", "", (unsigned int)(v & 0xffff) + 1);
		printf("%23s ready within %u ms\n", "", (unsigned int)(v >> 24 & 0xff) * 500);
		printf("%23s doorbells %u bytes apart\n", "", 4u << (v >> 32 & 0xf));
		printf("%23s pages of %zu to %zu bytes\n", "", __mps_to_pagesize(mpsmin),
		       __mps_to_pagesize(mpsmax));
	} else if (!strcmp(name, "VS")) {
		printf("%23s NVMe %u.%u.%u\n", "", (unsigned int)(v >> 16),
		       (unsigned int)(v >> 8 & 0xff), (unsigned int)(v & 0xff));
	} else if (!strcmp(name, "CC")) {
		printf("%23s %s\n", "", v & 0x1 ? "enabled" : "not enabled");
	} else if (!strcmp(name, "CSTS")) {
		printf("%23s %s%s\n", "", v & 0x1 ? "ready" : "not ready",
		       v & 0x2 ? ", fatal error" : "");
	} else if (!strcmp(name, "CMBSZ")) {
		/* size in units of 4 KiB times 16 to the power of SZU */
		uint64_t size = (v >> 12) << (12 + 4 * (v >> 8 & 0xf));

		if (size)
			printf("%23s %" PRIu64 " KiB\n", "", size >> 10);
		else
			printf("%23s none, or not to be seen before it is enabled\n", "");
	}
}

static int dump(struct nvme_ctrl *ctrl)
{
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		uint64_t v;
		uint32_t v32 = 0;
		int err;

		/* Each register is read in its own width, mapped or through the transport. */
		if (registers[i].width == 8) {
			err = nvme_reg_read64(ctrl, registers[i].offset, &v);
		} else {
			err = nvme_reg_read32(ctrl, registers[i].offset, &v32);
			v = v32;
		}
		if (err) {
			fprintf(stderr, "%s: %s\n", registers[i].name, vfn_error());
			return -1;
		}

		printf("%02" PRIx64 "  %-6s  %*s%0*" PRIx64 "  %s\n", registers[i].offset,
		       registers[i].name, 16 - 2 * registers[i].width, "", 2 * registers[i].width,
		       v, registers[i].meaning);
		explain(registers[i].name, v);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct nvme_ctrl ctrl = {0};
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DEVICE\n", argv[0]);
		return 2;
	}

	if (nvme_pci_init(&ctrl, argv[1])) {
		fprintf(stderr, "%s: %s\n", argv[1], vfn_error());
		return 1;
	}
	printf("%s: class %06llx, reached by %s\n", ctrl.pci.bdf, ctrl.pci.classcode,
	       vfio_transport_name(&ctrl.pci.dev));

	err = dump(&ctrl);

	nvme_close(&ctrl);
	return err ? 1 : 0;
}
