/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * align - rounding to multiples
 *
 * The ALIGN macros want a power of two; the ROUND ones take any multiple above zero. Each argument
 * may be evaluated twice.
 */
#ifndef VFN_SUPPORT_ALIGN_H
#define VFN_SUPPORT_ALIGN_H

#define ALIGN_MASK(x, mask) (((x) + (mask)) & ~(mask))
#define ALIGN_UP(x, a)	    ALIGN_MASK(x, (__typeof__(x))(a)-1)
#define ALIGN_DOWN(x, a)    ((x) & ~((__typeof__(x))(a)-1))
#define ALIGNED(x, a)	    (((x) & ((__typeof__(x))(a)-1)) == 0)

#define ROUND_DOWN(x, n) ((x) / (n) * (n))
#define ROUND_UP(x, n)	 ROUND_DOWN((x) + (n)-1, n)

#endif
