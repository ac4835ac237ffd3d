/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log - what the library says on standard error
 *
 * Just errors, unless the program asks for more by logv_set() or the environment variable
 * VFN_LOG=error|info|debug does. Messages bring their own newline. Thread safe.
 */
#ifndef VFN_SUPPORT_LOG_H
#define VFN_SUPPORT_LOG_H

#include <stdbool.h>
#include <vfn/support/compiler.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vfn_log_level {
	VFN_LOG_NONE = -1,
	VFN_LOG_ERROR = 0,
	VFN_LOG_INFO = 1,
	VFN_LOG_DEBUG = 2,
};

/* Messages up to this level (enum vfn_log_level) are written from now on. */
void logv_set(int level);

/* True when messages of `level` are written; saves building expensive ones. */
bool logv_enabled(int level);

/* Write a message of `level`. Keeps errno. */
void logv(int level, const char *fmt, ...) __printf(2, 3);

#ifdef __cplusplus
}
#endif

#define log_error(...) logv(VFN_LOG_ERROR, __VA_ARGS__)
#define log_info(...)  logv(VFN_LOG_INFO, __VA_ARGS__)
#define log_debug(...) logv(VFN_LOG_DEBUG, __VA_ARGS__)

#endif
