/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bounce - the time of one cache line on its way to another core and back
 */
#ifndef VFND_BENCH_BOUNCE_H
#define VFND_BENCH_BOUNCE_H

#include <stdint.h>

/*
 * Ticks that `rounds` round trips take between the calling thread and one on `core`: each waits for
 * the other's store to a word, then stores to the same word. 0 with errno when there is no thread
 * on that core.
 */
uint64_t bounce_rounds(int core, uint32_t rounds);

#endif
