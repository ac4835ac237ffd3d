/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* caps - the capabilities in configuration space, of the library and of vfnctl, which shows that space, too */
#ifndef VFN_CLIENT_CAPS_H
#define VFN_CLIENT_CAPS_H

#include <stdint.h>

#include "vfn/client.h"

/*
 * In the first `size` bytes of configuration space. Their number, and *caps to be given to free(3), as
 * vfnc_capabilities() does; or -ENOMEM.
 */
int cl_caps_find(const uint8_t *space, unsigned int size, struct vfnc_capability **caps);

#endif
