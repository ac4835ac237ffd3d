/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * time - deadlines, and what to do between two looks
 */
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "nvme/internal.h"

#define NS_PER_S 1000000000ull

uint64_t nvme_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

int nvme_deadline(const struct timespec *ts, uint64_t *deadline)
{
	if (!ts) {
		*deadline = nvme_now() + COMMAND_LIMIT_NS;
		return 0;
	}

	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || (uint64_t)ts->tv_nsec >= NS_PER_S) {
		errno = EINVAL;
		vfn_error_set("a time limit of %lld s %ld ns is out of range",
			      (long long)ts->tv_sec, (long)ts->tv_nsec);
		return -1;
	}

	/* half of what fits is centuries: enough for whoever means "forever" */
	if ((uint64_t)ts->tv_sec >= UINT64_MAX / 2 / NS_PER_S)
		*deadline = UINT64_MAX;
	else
		*deadline = nvme_now() + (uint64_t)ts->tv_sec * NS_PER_S + (uint64_t)ts->tv_nsec;
	return 0;
}

void nvme_relax(unsigned int looks, bool sleep)
{
	static const struct timespec nap = {0, 50000};

	/*
	 * Most commands are done within the first looks. Later ones give the processor to others:
	 * the peer of a vfio-user device may want this very core.
	 */
	if (looks < 512)
		return;
	if (!sleep || looks < 4096)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}
