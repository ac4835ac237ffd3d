/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prp - from a command's PRP1 and PRP2 to the pieces of memory they name (NVMe base 1.4, 4.3)
 */
#ifndef SIM_PRP_H
#define SIM_PRP_H

#include "dma.h"

struct prp_seg {
	uint64_t iova;
	uint64_t len;
};

/* A piece's address when it is an SGL's bit bucket: what a read has there goes nowhere. */
#define SEG_DISCARD UINT64_MAX

/* prp_walk() of more than one piece, or of what is no data. */
uint16_t prp_walk_slow(struct dma *d, size_t page, uint64_t prp1, uint64_t prp2, uint64_t len,
		       struct prp_seg *segs, unsigned int room, unsigned int *n);

/*
 * Writes the pieces of `len` bytes into `segs` (room for `room`; neighbours are joined) and their
 * number into *n. `page` is CC.MPS in bytes. Returns a status field: 0, PRP Offset Invalid, or Data
 * Transfer Error when a list cannot be read. The data's own addresses are not looked up.
 */
static inline uint16_t prp_walk(struct dma *d, size_t page, uint64_t prp1, uint64_t prp2,
				uint64_t len, struct prp_seg *segs, unsigned int room,
				unsigned int *n)
{
	if (!len || len > page - (prp1 & (page - 1)) || (prp1 & 3) || !room)
		return prp_walk_slow(d, page, prp1, prp2, len, segs, room, n);
	segs[0].iova = prp1;
	segs[0].len = len;
	*n = 1;
	return 0;
}

#endif
