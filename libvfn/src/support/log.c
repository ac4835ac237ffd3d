/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/support/atomic.h>
#include <vfn/support/log.h>

static int log_level = VFN_LOG_ERROR;

static void __attribute__((constructor)) log_init(void)
{
	const char *s = getenv("VFN_LOG");

	if (!s)
		return;
	if (!strcmp(s, "none"))
		log_level = VFN_LOG_NONE;
	else if (!strcmp(s, "info"))
		log_level = VFN_LOG_INFO;
	else if (!strcmp(s, "debug"))
		log_level = VFN_LOG_DEBUG;
}

void logv_set(int level)
{
	atomic_store_relaxed(&log_level, level);
}

bool logv_enabled(int level)
{
	return level <= atomic_load_relaxed(&log_level);
}

void logv(int level, const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	if (!logv_enabled(level))
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	errno = err;
}
