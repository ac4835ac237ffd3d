/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/journal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

static int journal_level = LOG_INFO;
static bool journal_native;

/* The journal counts only where it is what standard error is connected to (systemd.exec(5)). */
static bool journal_is_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%ju:%ju", &dev, &ino) == 2 && fstat(2, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

void journal_open(int level)
{
	journal_level = level;
	journal_native = journal_is_stderr();
}

void journal_log(int priority, const char *device, uint64_t session, const char *fmt, ...)
{
	char text[1024], who[256] = "";
	va_list ap;

	if (priority > journal_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (journal_native) {
		char dev_field[256], session_field[64];

		snprintf(dev_field, sizeof(dev_field), "VFND_DEVICE=%s", device ? device : "");
		snprintf(session_field, sizeof(session_field), "VFND_SESSION=%" PRIu64, session);
		sd_journal_send("MESSAGE=%s%s%s", device ? device : "", device ? ": " : "", text,
				"PRIORITY=%i", priority, "SYSLOG_IDENTIFIER=vfnd", "%s", dev_field,
				"%s", session_field, NULL);
		return;
	}
	if (device && session)
		snprintf(who, sizeof(who), "%s: session %" PRIu64 ": ", device, session);
	else if (device)
		snprintf(who, sizeof(who), "%s: ", device);
	else if (session)
		snprintf(who, sizeof(who), "session %" PRIu64 ": ", session);
	fprintf(stderr, "vfnd: %s%s\n", who, text);
}
