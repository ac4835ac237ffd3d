/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <vfn/support/log.h>
#include "support/fail.h"

static __thread char error_text[VFN_ERROR_MAX];

__attribute__((format(printf, 1, 0))) static void error_setv(const char *fmt, va_list ap)
{
	char text[VFN_ERROR_MAX];
	int err = errno;

	/* Built aside, since the old text may be an argument of the new one. */
	vsnprintf(text, sizeof(text), fmt, ap);
	snprintf(error_text, sizeof(error_text), "%s", text);
	log_debug("%s\n", error_text);
	errno = err;
}

const char *vfn_error(void)
{
	return error_text;
}

void vfn_error_set(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_setv(fmt, ap);
	va_end(ap);
}

int vfn_fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_setv(fmt, ap);
	va_end(ap);
	errno = err;
	return -1;
}
