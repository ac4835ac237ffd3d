/* SPDX-License-Identifier: GPL-2.0-or-later */
/* idle - what sessions cost the daemon that have a served queue and do nothing */
#ifndef VFND_BENCH_IDLE_H
#define VFND_BENCH_IDLE_H

#include <sys/types.h>

#define IDLE_SESSIONS 32
#define IDLE_ENTRIES  128

/*
 * Opens IDLE_SESSIONS sessions, of the daemon `pid`, each with a queue of IDLE_ENTRIES, and prints by how many bytes
 * each made the daemon larger: memory that is there and not shared with clients, and page tables. 0, or -1 with a
 * message printed.
 */
int idle_measure(const char *device, pid_t pid);

#endif
