/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lease - what a session holds, under the handles it knows
 *
 * A lease is embedded in the thing held. Handles count up from 1 in each session and are never used
 * again. The table only finds things: giving them back is the business of the one function that ends
 * an opening (daemon/device/opening.c). Loop thread only.
 */
#ifndef VFND_DAEMON_LEASE_H
#define VFND_DAEMON_LEASE_H

#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum lease_type {
	LEASE_OPENING,
	LEASE_BUFFER,
	LEASE_QUEUE,
	LEASE_SUBSCRIPTION,
	LEASE_TRACE,
	LEASE_INTERRUPT,
};

struct lease {
	uint64_t handle; /* 0: not in a table */
	enum lease_type type;
	struct lease_table *table;
	UT_hash_handle hh;
};

struct lease_table {
	uint64_t last; /* handle given out */
	struct lease *leases;
};

/* Give the lease the next handle. 0 or -ENOMEM. */
int lease_add(struct lease_table *table, struct lease *lease, enum lease_type type);

/* Put a lease back under the handle that it had before a take-over. 0, -EEXIST or -ENOMEM. */
int lease_restore(struct lease_table *table, struct lease *lease, enum lease_type type, uint64_t handle);

/* Of all sessions, for the statistics. */
uint64_t lease_count(void);

/* Take it out; harmless when it is in no table. */
void lease_remove(struct lease *lease);

/* NULL where the handle is unknown or of another type. */
struct lease *lease_find(struct lease_table *table, uint64_t handle, enum lease_type type);

#endif
