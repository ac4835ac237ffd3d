/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counter - numbers that one thread adds to while others read them
 *
 * There is no lock: who reads several finds each as it was at some time, and all as they are once the writer is at
 * rest.
 */
#ifndef VFND_DAEMON_DATA_COUNTER_H
#define VFND_DAEMON_DATA_COUNTER_H

#include <stdint.h>

/* By its one writer. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	/* One instruction, where compilers make three of a relaxed load and store; readers see no half of it. */
	__asm__("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
#endif
}

static inline void counter_set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

/* By anybody. */
static inline uint64_t counter_get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
