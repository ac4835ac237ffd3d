/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sanitize - sanitize operations: in the background, and past every reset (NVMe base 2.0, 5.24
 * and 8.21)
 */
#ifndef SIM_SANITIZE_H
#define SIM_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sanitize {
	uint8_t status;	      /* SSTAT's */
	uint8_t passes;	      /* of an overwrite that are done */
	bool written;	      /* since the last one that succeeded, or ever */
	bool fail;	      /* the next one fails */
	uint16_t refusal;     /* the status for commands that are not allowed now; 0: all are */
	uint32_t dw10, dw11;  /* of the command that began it */
	uint64_t from, until; /* monotonic ns */
};

struct ctrl;
struct cmd;

/* Sanitize. */
void sanitize_exec(struct ctrl *c, struct cmd *cmd);

/* Time has passed; returns when to look again, or UINT64_MAX. */
uint64_t sanitize_update(struct ctrl *c, uint64_t now);

/* The Sanitize Status log; its size. */
size_t sanitize_log(struct ctrl *c, uint8_t *buf);

#endif
