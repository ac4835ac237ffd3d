/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/print.h"

/* The properties from offset 0 to the last of those defined for the controller's memory buffer. */
#define BINARY_SIZE 0x1000

static int run_binary(struct tool *tool)
{
	for (uint64_t offset = 0; offset < BINARY_SIZE; offset += 4) {
		uint64_t value = 0;
		uint8_t bytes[4];

		/* queues' doorbells begin behind; what is reserved reads as zero */
		if (offset < 0x70 || (offset >= 0xe00 && offset < 0xe1c))
			if (vfnc_register_read_at(tool->dev, offset, 4, &value) < 0)
				return report_daemon(tool);
		for (int i = 0; i < 4; i++)
			bytes[i] = (uint8_t)(value >> 8 * i);
		fwrite(bytes, sizeof(bytes), 1, stdout);
	}
	return EXIT_OK;
}

static int run(struct tool *tool, void *settings)
{
	uint64_t values[PRINT_REGISTERS];

	if (tool->format == FORMAT_BINARY)
		return run_binary(tool);
	for (int i = 0; i < PRINT_REGISTERS; i++)
		if (vfnc_register_read_at(tool->dev, print_registers[i].offset,
					  print_registers[i].width, &values[i]) < 0)
			return report_daemon(tool);
	print_regs(stdout, values, tool->format, tool->human);
	return EXIT_OK;
}

const struct command cmd_show_regs = {
	.name = "show-regs",
	.summary = "the controller's registers",
	.doc = "Read the controller's registers and show them.",
	.groups = OPT_DEVICE | OPT_FORMAT | OPT_BINARY | OPT_HUMAN,
	.run = run,
};
