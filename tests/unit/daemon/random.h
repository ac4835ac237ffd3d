/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random - numbers that are the same in every run, so that a failure can be seen again
 */
#ifndef VFND_TESTS_DAEMON_RANDOM_H
#define VFND_TESTS_DAEMON_RANDOM_H

#include <stdint.h>

/* Marsaglia's xorshift64*; the state is never 0. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* 0 to n - 1 */
static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((random_next(state) >> 32) * n >> 32);
}

#endif
