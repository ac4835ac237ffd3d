/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state - what a new image of the daemon needs to go on with the devices
 *
 * Records in a memfd with a layout of its own version. A record is written first and committed by one store
 * last, so that a reader finds it whole or not at all, wherever the writer stopped. Descriptors are named by
 * number: they survive an execve(2) that keeps them open.
 *
 * Layout: a header of one slot, then slots of STATE_SLOT bytes; a record takes as many in a row as it needs,
 * its own header first. Not thread safe.
 */
#ifndef VFND_DAEMON_STATE_STATE_H
#define VFND_DAEMON_STATE_STATE_H

#include <stddef.h>
#include <stdint.h>

#include <vfn/nvme.h>
#include <vfn/vfio.h>

#include "daemon/data/tally.h"

#define STATE_VERSION 3
#define STATE_SLOT    256u
#define STATE_SLOTS   65536u

enum state_type {
	STATE_FREE = 0,
	STATE_DAEMON,
	STATE_DEVICE,
	STATE_SESSION,
	STATE_OPENING,
	STATE_BUFFER,
	STATE_QUEUE,
	STATE_SUBSCRIPTION,
	STATE_TALLY,
};

#define STATE_MAX_VECTORS 256
#define STATE_MAX_AERS    16
#define STATE_MAX_NAMESPACES 1024

struct state_daemon {
	int32_t listen_fd;
	uint32_t activated; /* the socket is systemd's */
	uint64_t sessions_total;
	uint64_t requests, refused;
	uint64_t started_ns;
};

struct state_namespace {
	uint32_t nsid, block_size, metadata_size;
	uint32_t extended; /* metadata follows each block in the same buffer */
	uint64_t blocks;
};

struct state_device {
	char address[256];
	uint32_t want_queue_pairs;
	uint32_t nqueues;
	struct vfio_takeover pci;
	struct nvme_ctrl_saved ctrl;
	struct nvme_queue_saved admin_cq, admin_sq;
	uint64_t slots_iova, slots_offset;
	int32_t slots_fd;
	int32_t notice_fd[2];
	uint32_t max_aborts, aers;
	uint32_t naers; /* outstanding, by identifier */
	uint16_t aer_cid[STATE_MAX_AERS];
	uint32_t nvectors;
	int32_t vector_fd[STATE_MAX_VECTORS];
	uint64_t stats[16]; /* the first ones of struct device_stats */
	uint64_t max_transfer;
	uint32_t nn;
	char model[41], serial[21], firmware[9];
	uint16_t vendor_id, device_id, subsystem_vendor_id, subsystem_id;
	uint32_t class_code;
	uint32_t vs;
	uint64_t cap;
	uint64_t bar_size[6];
	uint32_t nns;
	struct state_namespace ns[STATE_MAX_NAMESPACES];
};

struct state_session {
	uint64_t number;
	int32_t fd;
	uint32_t version;
	uint64_t last_handle;
	uint64_t submitted, completed;
	char program[64];
};

struct state_opening {
	uint64_t session, handle;
	char address[256];
};

struct state_buffer {
	uint64_t session, opening, handle;
	uint64_t size, iova;
	int32_t fd;
	uint32_t foreign;
	uint64_t offset, page_size;
	uint64_t memory; /* those that have the same number share it */
};

struct state_queue {
	uint64_t session, opening, handle;
	uint16_t qid, priority; /* enum queue_priority; 0: of an image that did not know of it */
	uint32_t entries;
	struct nvme_queue_saved cq, sq;
};

struct state_subscription {
	uint64_t session, opening, handle;
	uint64_t sequence;
};

/* What all sessions of a device did. */
struct state_tally {
	char address[256];
	uint64_t size; /* of `tally`: another one is of no use */
	struct tally tally;
};

struct state;

/* A new, empty state. 0 or -errno. */
int state_create(struct state **out);

/*
 * The state in the memfd `fd`, which is taken over. 0, or -errno: -EPROTO it is none, or of another version; the
 * descriptor is closed then.
 */
int state_open(int fd, struct state **out);

/* Unmaps and closes. NULL is fine. */
void state_free(struct state *state);

int state_fd(const struct state *state);

/* Room for a record of `size` bytes, zeroed, not yet there for a reader. NULL when the state is full. */
void *state_add(struct state *state, enum state_type type, size_t size);

/* The record is complete. */
void state_commit(struct state *state, void *record);

/* The record is void; its room is used again. */
void state_remove(struct state *state, void *record);

/* The next committed record of the type and of at least `size` bytes after `record` (NULL: from the start), or NULL. */
void *state_next(struct state *state, enum state_type type, size_t size, const void *record);

#endif
