/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firmware - downloaded images, slots, and which of them runs
 *
 * An image begins with a line of text, "vfnd-sim firmware REVISION", with a revision of up to eight
 * characters. A word behind it says how the image is to be activated; see vfnd-sim(1).
 */
#ifndef SIM_FIRMWARE_H
#define SIM_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIRMWARE_SLOTS 4	   /* the first one is read only */
#define FIRMWARE_MAX   (16u << 20) /* bytes of an image */
#define FIRMWARE_UNIT  4096u	   /* FWUG: offsets are multiples of that */

/* What an image demands before it runs. */
enum firmware_reset {
	FIRMWARE_AT_ONCE,
	FIRMWARE_CONTROLLER,   /* any reset of the controller */
	FIRMWARE_CONVENTIONAL, /* one that a PCI port can do, or a stronger one */
	FIRMWARE_SUBSYSTEM,    /* NVM subsystem reset, or power */
	FIRMWARE_NEVER,	       /* it is prohibited */
	FIRMWARE_TIME,	       /* takes longer than MTFA, so not without a reset */
};

struct firmware_image {
	bool valid;
	char revision[8];
	enum firmware_reset reset;
};

struct firmware {
	struct firmware_image slot[FIRMWARE_SLOTS + 1]; /* [0] is not used */
	unsigned int active;
	unsigned int next; /* active after the next reset; 0: the same */
	uint8_t *image;	   /* what was downloaded, or NULL */
	uint64_t *have;	   /* a bit for each of its dwords */
	size_t end;	   /* bytes up to the last one downloaded */
	size_t bytes;	   /* that were downloaded */
};

struct ctrl;
struct cmd;

void firmware_init(struct firmware *f);
void firmware_fini(struct firmware *f);

/* Firmware Image Download and Firmware Commit. */
void firmware_download(struct ctrl *c, struct cmd *cmd);
void firmware_commit(struct ctrl *c, struct cmd *cmd);

/* The controller was reset, as strongly as told: what was downloaded goes, what waits is activated.
 */
void firmware_reset(struct firmware *f, enum firmware_reset how);

/* The Firmware Slot Information log; its size. */
size_t firmware_log(const struct firmware *f, uint8_t *buf);

/* The revision that runs: eight characters. */
const char *firmware_revision(const struct firmware *f);

#endif
