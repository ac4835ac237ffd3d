/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heap - how often a program and its libraries ask the heap for memory
 *
 * Linked into a program, its malloc() and kin take the place of libc's, count, and call those. With a sanitizer, which
 * does the same, nothing is counted.
 */
#ifndef VFND_BENCH_HEAP_H
#define VFND_BENCH_HEAP_H

#include <stdint.h>

#define HEAP_UNKNOWN UINT64_MAX

/* Since the program began, by all threads; or HEAP_UNKNOWN. */
uint64_t heap_calls(void);

#endif
