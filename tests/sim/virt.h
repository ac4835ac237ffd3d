/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virt - secondary controllers and their resources (NVMe Base 2.0, 8.26): what a primary controller manages by
 * Virtualization Management
 *
 * There is no function behind a secondary controller that could be used: what is here is its state.
 */
#ifndef SIM_VIRT_H
#define SIM_VIRT_H

#include <stdbool.h>
#include <stdint.h>

struct cmd;
struct ctrl;

#define VIRT_MAX       127 /* secondary controllers: what a list has room for */
#define VIRT_SECONDARY 8   /* most resources of either type that one can have */

enum virt_type { VIRT_VQ, VIRT_VI, VIRT_TYPES };

struct virt_secondary {
	bool online;
	uint16_t resources[VIRT_TYPES];
};

struct virt {
	unsigned int n; /* secondary controllers; 0: this controller is no primary one */
	struct virt_secondary secondary[VIRT_MAX];
	/* Of flexible resources the primary controller's own: those that it has, and has after its next reset. */
	uint16_t primary[VIRT_TYPES], next[VIRT_TYPES];
};

/* Half of the controller's queues are its private resources, the others flexible, and it has them at first. */
void virt_init(struct ctrl *c, unsigned int n);

/* A controller level reset: secondary controllers go offline, and the primary one gets what was allocated. */
void virt_reset(struct ctrl *c);

/* I/O queue pairs, and interrupt vectors, that the primary controller has now. */
unsigned int virt_pairs(const struct ctrl *c);
unsigned int virt_vectors(const struct ctrl *c);

/* CNS 14h and 15h, into c->bounce, or cmd->status. */
void virt_identify(struct ctrl *c, struct cmd *cmd);

/* Virtualization Management. */
void virt_exec(struct ctrl *c, struct cmd *cmd);

#endif
