/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hmb - the host memory buffer: memory of the host's that is the controller's alone while enabled
 *
 * It keeps a pattern in all of it, and looks: at a page with every command, and at everything when
 * it is disabled, or returned after a reset. What is not as the controller left it counts as an
 * error.
 */
#ifndef SIM_HMB_H
#define SIM_HMB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HMB_UNIT	    4096u
#define HMB_MIN_ENTRY	    2u	  /* HMMINDS: 8 KiB */
#define HMB_MAX_ENTRIES	    64u	  /* HMMAXD */
#define HMB_MAX_DESCRIPTORS 4096u /* of a list that is read; those beyond HMMAXD are not used */

struct hmb_chunk {
	uint64_t iova;
	uint64_t len;
};

struct hmb {
	uint32_t min, preferred; /* of HMB_UNIT bytes; preferred 0: the controller wants none */
	bool enabled;
	bool known;	      /* `list` and on are of the last time it was enabled */
	uint64_t list;	      /* IOVA */
	uint32_t size, count; /* as the host gave them */
	struct hmb_chunk chunk[HMB_MAX_ENTRIES];
	unsigned int n;
	uint64_t pages; /* in all chunks, of HMB_UNIT bytes */
	uint64_t next;	/* the page to look at next */
	uint64_t round; /* changes the pattern each time that all pages have been looked at */
	uint64_t checked, errors;
};

struct ctrl;
struct cmd;

/* Set Features and Get Features, Host Memory Buffer. */
void hmb_set(struct ctrl *c, struct cmd *cmd);
void hmb_get(struct ctrl *c, struct cmd *cmd);

/* A command is carried out while it is enabled: look at a page. */
void hmb_look(struct ctrl *c);

/* The controller was reset: the memory is the host's. With `forget` it cannot be returned. */
void hmb_reset(struct ctrl *c, bool forget);

#endif
