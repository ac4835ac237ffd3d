/* SPDX-License-Identifier: GPL-2.0-or-later */
/* states - what the states of a device are called */
#ifndef VFNCTL_STATES_H
#define VFNCTL_STATES_H

#include "vfn/client.h"

/* "ready", ...; "unknown" for one that only a newer daemon has. */
const char *states_name(enum vfnc_device_state state);

#endif
