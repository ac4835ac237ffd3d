/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fail - fail with an errno and an explanation in one line
 */
#ifndef VFN_SRC_SUPPORT_FAIL_H
#define VFN_SRC_SUPPORT_FAIL_H

#include <errno.h>
#include <vfn/support/error.h>

/* Set the thread's error text, set errno to `err`, and return -1. */
int vfn_fail(int err, const char *fmt, ...) __printf(2, 3);

#endif
