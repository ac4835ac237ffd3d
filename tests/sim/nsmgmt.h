/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsmgmt - namespaces that come and go: Namespace Management and Namespace Attachment
 */
#ifndef SIM_NSMGMT_H
#define SIM_NSMGMT_H

#include "ctrl.h"

void nsmgmt_exec(struct ctrl *c, struct cmd *cmd);
void nsmgmt_attach(struct ctrl *c, struct cmd *cmd);

/* Bytes that no namespace takes. */
uint64_t nsmgmt_unallocated(const struct ctrl *c);

#endif
