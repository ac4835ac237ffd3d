/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * closer - descriptors that clients have sent are closed without waiting for anybody
 *
 * close(2) of a memory file frees its pages, which takes its time where there are many. That of another file may wait
 * for whomever the client likes: the peer of a socket, the server of a file system in user space. So threads do these,
 * one for each kind, which are there as long as there are such descriptors. Any thread.
 */
#ifndef VFND_DAEMON_CLOSER_H
#define VFND_DAEMON_CLOSER_H

/* Have all that fdset_drop() closes closed so. Once, before there are clients. */
void closer_init(void);

/* Descriptors that are not closed yet. */
unsigned int closer_waiting(void);

#endif
