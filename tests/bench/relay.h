/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay - messages through other processes and back, and nothing else done
 *
 * What a request costs at the least: each process sleeps in a read of a SOCK_SEQPACKET socket, and hands on what
 * has come.
 */
#ifndef VFND_BENCH_RELAY_H
#define VFND_BENCH_RELAY_H

#include <stddef.h>

#define RELAY_MESSAGE 64 /* bytes */

/* Returns the socket to `processes` processes in a row, the last of which sends back, or -1 with errno. */
int relay_start(unsigned int processes);

/* Close the socket: they end, and are waited for. */
void relay_stop(int fd);

#endif
