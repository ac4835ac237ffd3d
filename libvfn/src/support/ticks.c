/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include <vfn/support/ticks.h>

uint64_t __vfn_ticks_freq = 1000000000u;

#if defined(__x86_64__)
static uint64_t ticks_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/*
 * Processors tell the counter's frequency in different ways or not at all: it is measured, over 2
 * ms. The clock reads take well under a microsecond, so that the error stays below a thousandth.
 */
static void __attribute__((constructor)) ticks_init(void)
{
	uint64_t ns = ticks_now_ns(), ticks = get_ticks(), ns2, ticks2;

	do {
		ns2 = ticks_now_ns();
		ticks2 = get_ticks();
	} while (ns2 - ns < 2000000u);
	__vfn_ticks_freq = (ticks2 - ticks) * 1000000000u / (ns2 - ns);
	if (!__vfn_ticks_freq)
		__vfn_ticks_freq = 1;
}
#elif defined(__aarch64__)
static void __attribute__((constructor)) ticks_init(void)
{
	__asm__("mrs %0, cntfrq_el0" : "=r"(__vfn_ticks_freq));
}
#endif

void __usleep(unsigned long us)
{
	struct timespec ts = {
		.tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000) * 1000,
	};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}
