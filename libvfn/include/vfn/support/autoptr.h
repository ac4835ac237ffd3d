/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * autoptr - pointers that are freed when they go out of scope
 *
 *     DEFINE_AUTOPTR(thing, thing_free)     once, for a type named `thing`
 *     __autoptr(thing) t = thing_new();     calls thing_free(t) at the end of the block unless NULL
 *     __autofree char *s = strdup("x");     calls free(s)
 */
#ifndef VFN_SUPPORT_AUTOPTR_H
#define VFN_SUPPORT_AUTOPTR_H

#include <stdlib.h>

static inline void __vfn_autofree(void *p)
{
	free(*(void **)p);
}

#define __autofree __attribute__((cleanup(__vfn_autofree)))

#define __autoptr_t(t) t##_autoptr
#define __autoptr_f(t) __vfn_autoptr_##t
#define __autoptr(t)   __attribute__((cleanup(__autoptr_f(t)))) __autoptr_t(t)

#define DEFINE_AUTOPTR(t, func)                                                                    \
	typedef t *__autoptr_t(t);                                                                 \
	static inline void __autoptr_f(t)(t * *p)                                                  \
	{                                                                                          \
		if (*p)                                                                            \
			(func)(*p);                                                                \
	}                                                                                          \
	struct __vfn_autoptr_end

#endif
