/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error - why the last call failed, in words
 *
 * errno says what kind of failure it was; the text says what failed and, where somebody can do
 * something about it, what to do. The text is the calling thread's own, and is replaced by the
 * thread's next failure. A call that succeeds leaves it alone, so look at it after a failure only.
 */
#ifndef VFN_SUPPORT_ERROR_H
#define VFN_SUPPORT_ERROR_H

#include <vfn/support/compiler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest text, its NUL included; longer ones are cut. */
#define VFN_ERROR_MAX 512

/* The text of this thread's last failure; "" when there was none. Valid until the next failure. */
const char *vfn_error(void);

/* Set this thread's text, and write it to the debug log. Leaves errno as it is. */
void vfn_error_set(const char *fmt, ...) __printf(1, 2);

#ifdef __cplusplus
}
#endif

#endif
