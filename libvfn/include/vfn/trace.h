/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace - tracepoints
 *
 *     trace_guard(NVME_SQ_POST) {
 *             trace_emit("sqid %d\n", sq->id);
 *     }
 *
 * A tracepoint is off until the program, or the environment variable VFN_TRACE (names or
 * beginnings of names, separated by commas), turns it on, or until perf or bpftrace attaches to
 * its USDT probe (libvfn:NAME, one argument: the text; where the library was built with
 * sys/sdt.h). While off it costs a load and a branch. Text goes to standard error.
 */
#ifndef VFN_TRACE_H
#define VFN_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <vfn/support/compiler.h>
#include <vfn/trace/events.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One counter a tracepoint, off at 0. Reached by a pointer: the linker may copy a library's
 * variable into the program, and a tracer counts up the library's own.
 */
extern const unsigned short *const __vfn_trace_state;

/* Note which tracepoint this thread's next trace_emit() belongs to. Always true. */
bool __vfn_trace_begin(int event);

/* Turn on or off every tracepoint whose name begins with `prefix`. Thread safe. */
void trace_event_set_active(const char *prefix, bool active);

/* Emit text at the tracepoint of the trace_guard() around it. Keeps errno. */
void trace_emit(const char *fmt, ...) __printf(1, 2);

#ifdef __cplusplus
}
#endif

#define trace_active(event) unlikely(__vfn_trace_state[TRACE_##event])

/*
 * Whether any of `event` and the one listed after it is on, by one load: for hot paths; and whether
 * any of it and the three listed after it.
 */
typedef uint32_t __vfn_trace_two __attribute__((aligned(2), may_alias));
typedef uint64_t __vfn_trace_four __attribute__((aligned(2), may_alias));

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* compilers take a register and an instruction more */
#define __VFN_TRACE_ANY(insn, at)                                                                  \
	__asm__ goto(insn " $0, %0\n\tjne %l1" : : "m"(*(at)) : "cc" : on);                        \
	return false;                                                                              \
	on:                                                                                        \
	return true
#else
#define __VFN_TRACE_ANY(insn, at) return *(at) != 0
#endif

static inline __attribute__((always_inline)) bool __vfn_trace_active2(int event)
{
	const __vfn_trace_two *two =
		(const __vfn_trace_two *)(const void *)&__vfn_trace_state[event];

	__VFN_TRACE_ANY("cmpl", two);
}

static inline __attribute__((always_inline)) bool __vfn_trace_active4(int event)
{
	const __vfn_trace_four *four =
		(const __vfn_trace_four *)(const void *)&__vfn_trace_state[event];

	__VFN_TRACE_ANY("cmpq", four);
}

#define trace_active2(event) unlikely(__vfn_trace_active2(TRACE_##event))
#define trace_active4(event) unlikely(__vfn_trace_active4(TRACE_##event))
#define trace_guard(event)   if (trace_active(event) && __vfn_trace_begin(TRACE_##event))

#endif
