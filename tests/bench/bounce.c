/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/bounce.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include <vfn/support.h>

/* Round trips before the clock starts, so that both threads are there. */
#define BOUNCE_WARMUP 100

struct bounce {
	_Alignas(128) uint32_t word;
	_Alignas(128) uint32_t rounds;
};

static void *bounce_back(void *arg)
{
	struct bounce *bounce = arg;
	uint32_t rounds = bounce->rounds;

	for (uint32_t i = 0; i < rounds; i++) {
		while (__atomic_load_n(&bounce->word, __ATOMIC_ACQUIRE) != 2 * i + 1)
			;
		__atomic_store_n(&bounce->word, 2 * i + 2, __ATOMIC_RELEASE);
	}
	return NULL;
}

uint64_t bounce_rounds(int core, uint32_t rounds)
{
	static struct bounce bounce;
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;
	uint64_t start = 0, ticks;
	int err;

	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	bounce.word = 0;
	bounce.rounds = rounds + BOUNCE_WARMUP;
	err = pthread_attr_init(&attr);
	if (!err) {
		err = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
		if (!err)
			err = pthread_create(&thread, &attr, bounce_back, &bounce);
		pthread_attr_destroy(&attr);
	}
	if (err) {
		errno = err;
		return 0;
	}

	for (uint32_t i = 0; i < rounds + BOUNCE_WARMUP; i++) {
		if (i == BOUNCE_WARMUP)
			start = get_ticks();
		__atomic_store_n(&bounce.word, 2 * i + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&bounce.word, __ATOMIC_ACQUIRE) != 2 * i + 2)
			;
	}
	ticks = get_ticks() - start;
	pthread_join(thread, NULL);
	return ticks ? ticks : 1;
}
