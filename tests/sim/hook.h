/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook - where faults touch commands: before one is carried out, and before it is completed
 */
#ifndef SIM_HOOK_H
#define SIM_HOOK_H

#include "ctrl.h"

enum hook {
	HOOK_GO,    /* as if there were no faults */
	HOOK_SKIP,  /* before: it has its status, and is not carried out */
	HOOK_TWICE, /* after: completed, and once more */
	HOOK_TAKEN, /* nothing more is done with it */
};

enum hook hook_before(struct ctrl *c, struct cmd *cmd);
enum hook hook_after(struct ctrl *c, struct cmd *cmd);

#endif
