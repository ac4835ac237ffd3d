/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * atomic - atomic operations that work in C and in C++ alike
 *
 * Thin names for the compiler's __atomic builtins. In C++, or after <stdatomic.h>, the names that
 * the standard's header takes are left to it.
 */
#ifndef VFN_SUPPORT_ATOMIC_H
#define VFN_SUPPORT_ATOMIC_H

#define atomic_load_acquire(ptr)     __atomic_load_n(ptr, __ATOMIC_ACQUIRE)
#define atomic_load_relaxed(ptr)     __atomic_load_n(ptr, __ATOMIC_RELAXED)
#define atomic_store_release(ptr, v) __atomic_store_n(ptr, v, __ATOMIC_RELEASE)
#define atomic_store_relaxed(ptr, v) __atomic_store_n(ptr, v, __ATOMIC_RELAXED)
#define atomic_inc_fetch(ptr)	     __atomic_add_fetch(ptr, 1, __ATOMIC_SEQ_CST)
#define atomic_dec_fetch(ptr)	     __atomic_sub_fetch(ptr, 1, __ATOMIC_SEQ_CST)
#define atomic_fetch_inc(ptr)	     __atomic_fetch_add(ptr, 1, __ATOMIC_SEQ_CST)
#define atomic_fetch_dec(ptr)	     __atomic_fetch_sub(ptr, 1, __ATOMIC_SEQ_CST)
#define atomic_add_fetch(ptr, v)     __atomic_add_fetch(ptr, v, __ATOMIC_SEQ_CST)
#define atomic_sub_fetch(ptr, v)     __atomic_sub_fetch(ptr, v, __ATOMIC_SEQ_CST)
#define atomic_xchg(ptr, v)	     __atomic_exchange_n(ptr, v, __ATOMIC_SEQ_CST)

/* If *ptr equals *expected store v and give true; else put the value found into *expected. */
#define atomic_cmpxchg(ptr, expected, v)                                                           \
	__atomic_compare_exchange_n(ptr, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#endif
