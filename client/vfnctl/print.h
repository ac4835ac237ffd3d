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

/* Capabilities, of which there are `n`; `size` bytes of configuration space. */
void print_caps(FILE *out, const uint8_t *space, size_t size, const struct vfnc_capability *caps, unsigned int n,
		enum format format);
/* Log pages. `device` is as above; `n` entries of those that there are. */
void print_error_log(FILE *out, const void *data, unsigned int n, const char *device,
		     enum format format);
void print_fw_log(FILE *out, const void *data, const char *device, enum format format);
void print_changed_ns(FILE *out, const void *data, const char *device, enum format format);
void print_self_test_log(FILE *out, const void *data, unsigned int n, const char *device,
			 enum format format, bool verbose);
void print_sanitize_log(FILE *out, const void *data, const char *device, enum format format,
			bool human);

/* What SSTAT of the Sanitize Status log page says of the last sanitize operation. */
const char *print_sanitize_status(unsigned int sstat);

/* The effects log of a command set. */
struct print_effects {
	uint8_t csi;
	const void *data; /* 4096 bytes */
};

void print_effects(FILE *out, const struct print_effects *sets, size_t n, enum format format,
		   bool human);

/* Lists that Identify gives: 4096 bytes. `max`: entries to be shown. */
void print_ns_list(FILE *out, const void *data, enum format format);
void print_secondary(FILE *out, const void *data, unsigned int max, enum format format);
void print_descs(FILE *out, const void *data, uint32_t nsid, enum format format);

/* `id_ns`: the namespace's Identify Namespace, which says how many formats there are. */
void print_nvm_id_ns(FILE *out, const void *data, const void *id_ns, uint32_t nsid,
		     enum format format, bool verbose);

/* What a feature is called; "Unknown". */
const char *print_feature_name(uint8_t fid);

/* How many bytes of data Get Features brings, or Set Features takes. */
unsigned int print_feature_size(uint8_t fid, uint32_t cdw11, bool set);

/* Explains a feature's value. `data` is 4096 bytes where print_feature_size() is not 0. */
void print_feature(FILE *out, uint8_t fid, uint32_t value, const uint8_t *data);

/* What an NVMe opcode is called; "Unknown". */
const char *print_opcode(bool admin, uint8_t opcode);

/* A line for a command that was traced, and before it how many are missing. `device`: its name, NULL: not shown. */
void print_trace(FILE *out, const struct vfnc_trace_entry *entry, const char *device, enum format format);

#endif
