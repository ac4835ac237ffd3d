/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check - what a command of a served queue may do, and where its data lie
 *
 * A command is checked in memory that the client cannot see. What it points at is checked as far as
 * the command transfers, by its opcode and format (length.h): data in the session's buffers alone.
 * Lists are copied once out of the client's memory, and the copy is what the controller gets.
 * Pointers that the command does not need are overwritten. A command that fails has the status that
 * a controller would give it.
 */
#ifndef VFND_DAEMON_DATA_CHECK_H
#define VFND_DAEMON_DATA_CHECK_H

#include <stdint.h>

#include <vfn/nvme/types.h>

#include "daemon/data/format.h"
#include "daemon/data/map.h"

/* Generic command status (NVMe Base 2.0, figure 94); status code type 0 in the upper byte. */
enum data_status {
	DATA_OK = 0x00,
	DATA_INVALID_OPCODE = 0x01,
	DATA_INVALID_FIELD = 0x02,
	DATA_TRANSFER_ERROR = 0x04,
	DATA_ABORTED_SQ_DELETED = 0x08,
	DATA_FAILED_FUSED = 0x09,
	DATA_MISSING_FUSED = 0x0a,
	DATA_INVALID_NAMESPACE = 0x0b,
	DATA_INVALID_SGL_SEGMENT = 0x0d,
	DATA_INVALID_SGL_COUNT = 0x0e,
	DATA_SGL_LENGTH = 0x0f,
	DATA_SGL_TYPE = 0x11,
	DATA_PRP_OFFSET = 0x13,
	DATA_SGL_GRANULARITY = 0x1e,
};

/* Identify Controller, SGLS (figure 275). */
#define DATA_SGLS_SUPPORT    0x3u
#define DATA_SGLS_DWORD	     0x2u
#define DATA_SGLS_BIT_BUCKET (1u << 16)
#define DATA_SGLS_LONGER     (1u << 18)
#define DATA_SGLS_MPTR	     (1u << 19)

/* What of the controller the checks depend on. */
struct data_rules {
	struct data_formats formats;
	uint32_t page_size;    /* CC.MPS, bytes */
	uint64_t max_transfer; /* bytes; and no more than a list of one page describes */
	uint32_t sgls;
};

/* A page of the daemon's for one command's list, as the controller reaches it. */
struct data_list {
	leint64_t *entries; /* page_size bytes; zero behind `used` */
	uint64_t iova;
	uint32_t used; /* entries of 8 bytes that may be other than zero */
};

/* The part of data_check() behind what most commands are. */
uint16_t data_check_slow(const struct data_rules *rules, struct data_map *map, union nvme_cmd *sqe,
			 struct data_list *list, struct data_refs *refs, uint64_t *length);

/*
 * Check *sqe, which is the daemon's copy, and have it name what it may. `refs` is empty, and holds
 * the buffers when this succeeds; *length is what is transferred. 0, or the status code.
 */
static inline uint16_t data_check(const struct data_rules *rules, struct data_map *map,
				  union nvme_cmd *sqe, struct data_list *list,
				  struct data_refs *refs, uint64_t *length)
{
	const struct data_format *format = &rules->formats.of[0];
	unsigned int first = sqe->opcode | (unsigned int)sqe->flags << 8;
	uint64_t prp1 = le64_to_cpu(sqe->dptr.prp1), len;
	struct data_buffer *b;

	/* Read or write, without a list, of the first namespace: all else is the same, and slower.
	 */
	if (__builtin_expect((first != 0x01 && first != 0x02) || !rules->formats.n ||
				     le32_to_cpu(sqe->nsid) != format->nsid || format->metadata,
			     0))
		return data_check_slow(rules, map, sqe, list, refs, length);
	len = (uint64_t)((le32_to_cpu(sqe->cdw12) & 0xffff) + 1) << format->shift;
	if (__builtin_expect(
		    (prp1 & 3) || len > rules->page_size ||
			    ((prp1 ^ (prp1 + len - 1)) & ~(uint64_t)(rules->page_size - 1)),
		    0))
		return data_check_slow(rules, map, sqe, list, refs, length);
	b = data_map_find(map, prp1, len);
	if (__builtin_expect(!b, 0))
		return DATA_TRANSFER_ERROR;
	sqe->mptr = 0;
	sqe->dptr.prp2 = 0;
	data_refs_hold(map, refs, b);
	*length = len;
	return DATA_OK;
}

#endif
