/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lengths: NVMe Base 2.0 and NVM Command Set 1.0, figures "Command Dword 10" ff. of each command.
 */
#include "daemon/data/length.h"

static enum data_length length_blocks(const struct data_formats *formats, const union nvme_cmd *sqe,
				      uint64_t *len, uint64_t *meta)
{
	const struct data_format *format = data_format_find(formats, le32_to_cpu(sqe->nsid));
	uint64_t blocks = (le32_to_cpu(sqe->cdw12) & 0xffff) + 1;

	/*
	 * The controller is to say what is wrong with the namespace. Should it know better and
	 * transfer after all, then with no pointers, to where nothing is mapped.
	 */
	if (!format)
		return DATA_LENGTH_NO_NAMESPACE;
	*len = blocks << format->shift;
	if (format->extended)
		*len += blocks * format->metadata;
	else
		*meta = blocks * format->metadata;
	return DATA_LENGTH_KNOWN;
}

/* Copy: NR ranges; formats 0h and 2h have 32 bytes for each, 1h and 3h have 40. */
static enum data_length length_copy(const union nvme_cmd *sqe, uint64_t *len, const char **why)
{
	uint32_t cdw12 = le32_to_cpu(sqe->cdw12), format = cdw12 >> 8 & 0xf;

	if (format > 3) {
		*why = "Copy with this descriptor format";
		return DATA_LENGTH_UNKNOWN;
	}
	*len = ((cdw12 & 0xff) + 1) * (format & 1 ? 40 : 32);
	return DATA_LENGTH_KNOWN;
}

enum data_length data_length(const struct data_formats *formats, const union nvme_cmd *sqe,
			     uint64_t *len, uint64_t *meta, const char **why)
{
	const char *ignored;

	if (!why)
		why = &ignored;
	*len = *meta = 0;
	switch (sqe->opcode) {
	case 0x01: /* Write, Read, Compare */
	case 0x02:
	case 0x05:
		return length_blocks(formats, sqe, len, meta);
	case 0x00: /* Flush */
	case 0x04: /* Write Uncorrectable */
	case 0x08: /* Write Zeroes */
	case 0x0c: /* Verify */
		return DATA_LENGTH_KNOWN;
	case 0x09: /* Dataset Management: NR ranges of 16 bytes */
		*len = ((le32_to_cpu(sqe->cdw10) & 0xff) + 1) * 16;
		return DATA_LENGTH_KNOWN;
	case 0x0d: /* Reservation Register, Acquire */
	case 0x11:
		*len = 16;
		return DATA_LENGTH_KNOWN;
	case 0x15: /* Reservation Release */
		*len = 8;
		return DATA_LENGTH_KNOWN;
	case 0x0e: /* Reservation Report */
		*len = ((uint64_t)le32_to_cpu(sqe->cdw10) + 1) * 4;
		return DATA_LENGTH_KNOWN;
	case 0x19:
		return length_copy(sqe, len, why);
	default:
		break;
	}
	/* Bits 1:0 of the opcode tell the direction; 00b transfers nothing. */
	if ((sqe->opcode & 3) == 0)
		return DATA_LENGTH_KNOWN;
	*why = "this I/O opcode";
	return DATA_LENGTH_UNKNOWN;
}
