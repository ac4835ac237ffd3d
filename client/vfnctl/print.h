/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * print - structures and registers as nvme-cli 2.3 prints them
 *
 * `data` is the structure as the controller gave it (4096 bytes of Identify, 512 of SMART).
 */
#ifndef VFNCTL_PRINT_H
#define VFNCTL_PRINT_H

#include "client/vfnctl/vfnctl.h"

void print_id_ctrl(FILE *out, const void *data, enum format format, bool human, bool vendor);
void print_id_ns(FILE *out, const void *data, uint32_t nsid, enum format format, bool human,
		 bool vendor);

/* `device`: its name, for the heading. */
void print_smart(FILE *out, const void *data, const char *device, uint32_t nsid,
		 enum format format, bool human);

/* A register that show-regs knows. */
struct print_register {
	const char *name;
	uint16_t offset;
	uint8_t width; /* bytes */
};

#define PRINT_REGISTERS 25
extern const struct print_register print_registers[PRINT_REGISTERS];

/* `values` in the order of print_registers. */
void print_regs(FILE *out, const uint64_t values[PRINT_REGISTERS], enum format format, bool human);

/* What an NVMe opcode is called; "Unknown". */
const char *print_opcode(bool admin, uint8_t opcode);

#endif
