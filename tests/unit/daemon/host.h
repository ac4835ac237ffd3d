/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host - sessions without a server: what a test of session and rpc needs around them
 *
 * One loop, one configuration, no device. The other end of each session's socket is the test's.
 */
#ifndef VFND_TESTS_DAEMON_HOST_H
#define VFND_TESTS_DAEMON_HOST_H

#include <event2/event.h>

#include "daemon/config.h"
#include "daemon/device/device.h"
#include "daemon/session.h"

struct host {
	struct event_base *base;
	struct config config;
	struct devices devices;
	struct session_host session;
	unsigned int ended, idle; /* calls */
	struct session *last_ended;
};

extern struct host host;

/* Sessions' packets go to rpc_packet(), or to what host.session.packet is set to afterwards. */
void host_start(void);
void host_stop(void);

/* A session and its client's end, which is non-blocking. 0 or what session_create() said. */
int host_connect(struct session **session, int *client);

/* Runs the loop until nothing is left to do at once. */
void host_turn(void);

/* Open file descriptors below 1024. */
int host_fds(void);

/* Requests that are right by their form: one for each kind there is. */
#define SAMPLE_MAX 512
size_t sample_count(void);
const char *sample_name(size_t i);
/* Packs sample `i` into `buf` of SAMPLE_MAX bytes with this id; its length. */
size_t sample_pack(size_t i, uint64_t id, uint8_t *buf);

#endif
