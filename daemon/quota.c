/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/quota.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct quota_user {
	uid_t uid;
	unsigned int refs;
	const uint64_t *limits;
	uint64_t used[QUOTA_KINDS];
	UT_hash_handle hh;
};

static struct quota_user *quota_users;

struct quota_user *quota_get(uid_t uid, const uint64_t *limits)
{
	struct quota_user *user;

	HASH_FIND(hh, quota_users, &uid, sizeof(uid), user);
	if (user)
		return quota_ref(user);
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	user->refs = 1;
	user->limits = limits;
	HASH_ADD(hh, quota_users, uid, sizeof(user->uid), user);
	if (!user->hh.tbl) {
		free(user);
		return NULL;
	}
	return user;
}

struct quota_user *quota_ref(struct quota_user *user)
{
	user->refs++;
	return user;
}

void quota_put(struct quota_user *user)
{
	if (!user || --user->refs > 0)
		return;
	for (int i = 0; i < QUOTA_KINDS; i++)
		assert(user->used[i] == 0);
	HASH_DELETE(hh, quota_users, user);
	free(user);
}

int quota_charge(struct quota_user *user, enum quota_kind kind, uint64_t amount)
{
	uint64_t limit = user->limits[kind];

	if (amount > limit || user->used[kind] > limit - amount)
		return -EDQUOT;
	user->used[kind] += amount;
	return 0;
}

void quota_release(struct quota_user *user, enum quota_kind kind, uint64_t amount)
{
	assert(user->used[kind] >= amount);
	user->used[kind] -= amount;
}

uint64_t quota_used(const struct quota_user *user, enum quota_kind kind)
{
	return user->used[kind];
}

const char *quota_name(enum quota_kind kind)
{
	static const char *const names[QUOTA_KINDS] = {
		[QUOTA_SESSIONS] = "sessions",
		[QUOTA_BUFFERS] = "buffers",
		[QUOTA_BUFFER_BYTES] = "buffer-bytes",
		[QUOTA_QUEUES] = "queues",
		[QUOTA_COMMANDS] = "commands",
		[QUOTA_SEND_BYTES] = "send-bytes",
	};

	return names[kind];
}
