/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/list.h"

int list_parse(const struct tool *tool, const char *name, const char *text, uint64_t max,
	       uint64_t *values, int n)
{
	int count = 0;

	for (;;) {
		unsigned long long value;
		char *end;

		errno = 0;
		value = strtoull(text, &end, 0);
		if (errno || end == text || memchr(text, '-', (size_t)(end - text)) || value > max ||
		    (*end && *end != ',')) {
			report(tool, 0, "%s: '%s' does not begin with a number from 0 to %llu", name, text,
			       (unsigned long long)max);
			return -1;
		}
		if (count == n) {
			report(tool, 0, "%s: more than %d entries", name, n);
			return -1;
		}
		values[count++] = value;
		if (!*end)
			return count;
		text = end + 1;
	}
}

int list_size(const struct tool *tool, const char *name, const char *text, uint64_t *bytes)
{
	static const char units[] = "kMGTP";
	const char *unit;
	char *end;
	uint64_t factor = 1;

	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (!errno && end != text && *text != '-' && *end) {
		unit = strchr(units, *end == 'K' ? 'k' : *end);
		for (const char *u = units; unit && u <= unit; u++)
			factor *= end[1] == 'i' ? 1024 : 1000;
		end += unit ? end[1] == 'i' ? 2 : 1 : 0;
	}
	if (errno || end == text || *text == '-' || *end || !*bytes ||
	    *bytes > UINT64_MAX / factor)
		return report(tool, EXIT_USAGE,
			      "%s: '%s' is no size: a number, with k, M, G, T or P behind it for powers "
			      "of 1000, or Ki, Mi, Gi, Ti or Pi for those of 1024",
			      name, text);
	*bytes *= factor;
	return EXIT_OK;
}
