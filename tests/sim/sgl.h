/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sgl - from a scatter gather list to the pieces of memory it names (NVMe base 1.4, 4.4)
 */
#ifndef SIM_SGL_H
#define SIM_SGL_H

#include "prp.h"

#include <stdbool.h>

/* Identify Controller's SGLS unless --sgls says otherwise: bytes, bit buckets, metadata's ways. */
#define SGLS_DEFAULT 0x000b0001u

/* True when `sgls` promises what is done here, and nothing else. */
bool sgl_support_ok(uint32_t sgls);

struct sgl {
	uint32_t sgls;	       /* what the controller supports */
	bool to_host;	       /* bit buckets count */
	bool metadata;	       /* for the status code of a wrong length */
	struct prp_seg **segs; /* the result; made longer where it has to be */
	unsigned int *room;
};

/*
 * Writes the pieces of `len` bytes into *sgl->segs (neighbours are joined) and their number into
 * *n. `first` is the descriptor that the command has, or points at. Returns a status field: 0, what
 * the specification says of wrong descriptors, or Data Transfer Error when a segment cannot be
 * read. The data's own addresses are not looked up.
 */
uint16_t sgl_walk(struct dma *d, const struct sgl *sgl, const void *first, uint64_t len,
		  unsigned int *n);

#endif
