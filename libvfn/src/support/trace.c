/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/support/atomic.h>
#include <vfn/support/compiler.h>
#include <vfn/trace.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

/*
 * The counters lie where tracers look for the semaphores of USDT probes, each with the name that
 * its probe has there, one after the other in the order of the events: only the assembler can lay
 * down an array whose elements have names. A tracer adds one while it is attached; so does
 * trace_event_set_active().
 */
#define TRACE_COUNTER(name)                                                                        \
	".globl libvfn_" #name "_semaphore\n"                                                      \
	".hidden libvfn_" #name "_semaphore\n"                                                     \
	".type libvfn_" #name "_semaphore, %object\n"                                              \
	".size libvfn_" #name "_semaphore, 2\n"                                                    \
	"libvfn_" #name "_semaphore:\n"                                                            \
	".short 0\n"

__asm__(".pushsection .probes, \"aw\"\n"
	".balign 2\n"
	".globl __vfn_trace_counters\n"
	".hidden __vfn_trace_counters\n"
	".type __vfn_trace_counters, %object\n"
	"__vfn_trace_counters:\n" VFN_TRACE_EVENTS(TRACE_COUNTER) ".popsection\n");

extern unsigned short __vfn_trace_counters[TRACE_EVENTS] __attribute__((visibility("hidden")));
const unsigned short *const __vfn_trace_state = __vfn_trace_counters;

static bool trace_active_by_us[TRACE_EVENTS];
static pthread_mutex_t trace_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int trace_current = -1;

#define TRACE_NAME(name) #name,
static const char *const trace_names[TRACE_EVENTS] = {VFN_TRACE_EVENTS(TRACE_NAME)};

#if defined(HAVE_SYS_SDT_H) && !defined(__CHECKER__) /* sparse does not know what its macros use */
#define _SDT_HAS_SEMAPHORES 1
#define TRACE_SEMAPHORE(name)                                                                      \
	extern unsigned short libvfn_##name##_semaphore __attribute__((visibility("hidden")));
VFN_TRACE_EVENTS(TRACE_SEMAPHORE)
#include <sys/sdt.h>
#endif

static void trace_probe(int event, const char *text)
{
#if defined(HAVE_SYS_SDT_H) && !defined(__CHECKER__) /* sparse does not know what its macros use */
	switch (event) {
#define TRACE_CASE(name)                                                                           \
	case TRACE_##name:                                                                         \
		STAP_PROBE1(libvfn, name, text);                                                   \
		break;
		VFN_TRACE_EVENTS(TRACE_CASE)
	}
#endif
}

bool __vfn_trace_begin(int event)
{
	trace_current = event;
	return true;
}

void trace_event_set_active(const char *prefix, bool active)
{
	size_t n = strlen(prefix);

	pthread_mutex_lock(&trace_lock);
	for (int i = 0; i < TRACE_EVENTS; i++) {
		if (strncmp(trace_names[i], prefix, n) || trace_active_by_us[i] == active)
			continue;
		trace_active_by_us[i] = active;
		if (active)
			atomic_inc_fetch(&__vfn_trace_counters[i]);
		else
			atomic_dec_fetch(&__vfn_trace_counters[i]);
	}
	pthread_mutex_unlock(&trace_lock);
}

void trace_emit(const char *fmt, ...)
{
	int event = trace_current, err = errno;
	char text[512];
	va_list ap;

	if (event < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	trace_probe(event, text);
	if (atomic_load_relaxed(&trace_active_by_us[event]))
		fprintf(stderr, "%s %s", trace_names[event], text);
	errno = err;
}

static void __attribute__((constructor)) trace_init(void)
{
	const char *s = getenv("VFN_TRACE");
	char *list, *save = NULL;

	if (!s || !(list = strdup(s)))
		return;
	for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save))
		trace_event_set_active(p, true);
	free(list);
}
