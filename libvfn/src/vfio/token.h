/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * token - the secret that users of a physical function and of its virtual functions share
 *
 * The kernel lets nobody have a virtual function of a physical one that VFIO has given out who does
 * not know the latter's token, a UUID ("VFIO device", <linux/vfio.h>
 * VFIO_DEVICE_FEATURE_PCI_VF_TOKEN).
 */
#ifndef VFN_SRC_VFIO_TOKEN_H
#define VFN_SRC_VFIO_TOKEN_H

#include <stdint.h>

#define TOKEN_TEXT 37 /* a UUID as text, with its NUL */

/*
 * Take a device name ADDRESS[,vf_token=UUID] apart: the length of the address is returned, the UUID
 * goes to `text`, empty if there is none. Other names are an address as a whole. -1: EINVAL no
 * UUID.
 */
int token_split(const char *name, char text[TOKEN_TEXT]);

/* The 16 bytes of a UUID in the order of its text. 0, or -1 with EINVAL. */
int token_bytes(const char *text, uint8_t bytes[16]);

#endif
