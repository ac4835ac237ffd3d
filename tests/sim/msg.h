/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * msg - what each vfio-user message asks of the device
 */
#ifndef SIM_MSG_H
#define SIM_MSG_H

#include "ctrl.h"
#include "session.h"

/* Carries out `m` and replies. Marks the session broken where it cannot go on. */
void msg_dispatch(struct session *s, struct ctrl *c, struct msg *m);

#endif
