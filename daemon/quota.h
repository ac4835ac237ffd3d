/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quota - what each user holds, and may hold
 *
 * Whatever a client makes the daemon keep is charged to the client's user (its uid) before it exists
 * and given back when it is gone; both in one place each. Loop thread only.
 */
#ifndef VFND_DAEMON_QUOTA_H
#define VFND_DAEMON_QUOTA_H

#include <stdint.h>
#include <sys/types.h>

enum quota_kind {
	QUOTA_SESSIONS,
	QUOTA_BUFFERS, /* each is a descriptor, a mapping of the daemon and one of the IOMMU */
	QUOTA_BUFFER_BYTES,
	QUOTA_QUEUES,
	QUOTA_COMMANDS, /* outstanding requests */
	QUOTA_SEND_BYTES, /* answers and events that wait to be read, and their descriptors */
	QUOTA_KINDS,
};

struct quota_user;

/* The user's account, made on first use; one reference. NULL without memory. `limits` must live on. */
struct quota_user *quota_get(uid_t uid, const uint64_t *limits);
struct quota_user *quota_ref(struct quota_user *user);
void quota_put(struct quota_user *user);

/* 0, or -EDQUOT when the user would hold more than the limit; nothing is charged then. */
int quota_charge(struct quota_user *user, enum quota_kind kind, uint64_t amount);
void quota_release(struct quota_user *user, enum quota_kind kind, uint64_t amount);

uint64_t quota_used(const struct quota_user *user, enum quota_kind kind);

/* "sessions", ... as in vfnd.conf's [limits] */
const char *quota_name(enum quota_kind kind);

#endif
