/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format - LBA formats, and Format NVM
 */
#ifndef SIM_FORMAT_H
#define SIM_FORMAT_H

#include "ctrl.h"

/* Fills the table of LBA formats; that of the options is among them. */
void format_init(struct ctrl *c);

/* The format of that number; `dps` as in Identify Namespace. False: the controller does not have
 * it. */
bool format_make(const struct ctrl *c, unsigned int lbaf, bool extended, unsigned int dps,
		 struct ns_format *format);

/* Format NVM: completed at once, or kept as long as the options say and then finished. */
void format_exec(struct ctrl *c, struct cmd *cmd);
void format_finish(struct ctrl *c, struct cmd *cmd);

#endif
