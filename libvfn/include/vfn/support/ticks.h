/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ticks - a cheap clock, and short waits
 */
#ifndef VFN_SUPPORT_TICKS_H
#define VFN_SUPPORT_TICKS_H

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Ticks of get_ticks() in a second. Set before main() runs. */
extern uint64_t __vfn_ticks_freq;

/* Wait `us` microseconds, interrupted or not. */
void __usleep(unsigned long us);

#ifdef __cplusplus
}
#endif

/* A counter that goes up steadily, from an arbitrary start, __vfn_ticks_freq times a second. */
static inline uint64_t get_ticks(void)
{
#if defined(__aarch64__)
	uint64_t v;

	__asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#elif defined(__x86_64__)
	uint32_t lo, hi;

	__asm__ __volatile__("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
#endif
}

#endif
