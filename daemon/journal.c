/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/journal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

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

__attribute__((format(printf, 3, 4))) static struct iovec journal_field(char *field, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(field, size, fmt, ap);
	va_end(ap);
	return (struct iovec){field, n < (int)size ? (size_t)n : size - 1};
}

/* A line that is about no device has no such field, so that `journalctl VFND_DEVICE=...` finds what it should. */
static void journal_send(int priority, const char *device, uint64_t session, const char *text)
{
	char message[1300], level[16], dev[256], ses[64], name[] = "SYSLOG_IDENTIFIER=vfnd";
	struct iovec fields[5];
	int n = 0;

	fields[n++] = journal_field(message, sizeof(message), "MESSAGE=%s%s%s", device ? device : "",
				    device ? ": " : "", text);
	fields[n++] = journal_field(level, sizeof(level), "PRIORITY=%i", priority);
	fields[n++] = (struct iovec){name, sizeof(name) - 1};
	if (device)
		fields[n++] = journal_field(dev, sizeof(dev), "VFND_DEVICE=%s", device);
	if (session)
		fields[n++] = journal_field(ses, sizeof(ses), "VFND_SESSION=%" PRIu64, session);
	sd_journal_sendv(fields, n);
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
		journal_send(priority, device, session, text);
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
