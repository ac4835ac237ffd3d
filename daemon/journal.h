/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal - the daemon's log
 *
 * Every line names the device and the session it is about. Under systemd the lines go to the journal
 * with the fields VFND_DEVICE and VFND_SESSION; elsewhere to standard error.
 *
 * Thread safe.
 */
#ifndef VFND_DAEMON_JOURNAL_H
#define VFND_DAEMON_JOURNAL_H

#include <stdint.h>
#include <syslog.h>

/* Lines with a priority (syslog's LOG_ERR ... LOG_DEBUG) above `level` are dropped. */
void journal_open(int level);

/* `device`: its address, or NULL; `session`: its number, or 0. */
void journal_log(int priority, const char *device, uint64_t session, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#define journal_error(device, session, ...) journal_log(LOG_ERR, device, session, __VA_ARGS__)
#define journal_warn(device, session, ...)  journal_log(LOG_WARNING, device, session, __VA_ARGS__)
#define journal_info(device, session, ...)  journal_log(LOG_INFO, device, session, __VA_ARGS__)
#define journal_debug(device, session, ...) journal_log(LOG_DEBUG, device, session, __VA_ARGS__)

#endif
