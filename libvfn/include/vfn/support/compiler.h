/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * compiler - small wrappers of compiler features
 */
#ifndef VFN_SUPPORT_COMPILER_H
#define VFN_SUPPORT_COMPILER_H

#include <stddef.h>

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* Tell the compiler that this holds, so that it need not look. */
#define __vfn_assume(x)                                                                            \
	do {                                                                                       \
		if (!(x))                                                                          \
			__builtin_unreachable();                                                   \
	} while (0)

/* Keep the compiler from computing `v` in more than one way. */
#define __vfn_hide(v) __asm__("" : "+r"(v))

#ifndef __cold
#define __cold __attribute__((cold))
#endif
#ifndef __packed
#define __packed __attribute__((packed))
#endif
#ifndef __printf
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))
#endif

#define __glue(x, y) x##y
#define glue(x, y)   __glue(x, y)

#ifndef container_of
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#endif

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
#endif

#ifndef min_t
#define min_t(type, x, y) ((type)(x) < (type)(y) ? (type)(x) : (type)(y))
#endif
#ifndef max_t
#define max_t(type, x, y) ((type)(x) > (type)(y) ? (type)(x) : (type)(y))
#endif

#endif
