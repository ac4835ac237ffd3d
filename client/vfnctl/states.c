/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/states.h"

const char *states_name(enum vfnc_device_state state)
{
	switch (state) {
	case VFNC_DEVICE_CLAIMING:
		return "claiming";
	case VFNC_DEVICE_READY:
		return "ready";
	case VFNC_DEVICE_FAILED:
		return "failed";
	case VFNC_DEVICE_RESETTING:
		return "resetting";
	case VFNC_DEVICE_RELEASING:
		return "releasing";
	case VFNC_DEVICE_DISABLED:
		return "disabled";
	default:
		return "unknown";
	}
}
