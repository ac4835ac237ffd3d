/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lease.h"

#include <errno.h>
#include <stddef.h>

static uint64_t lease_live;

int lease_restore(struct lease_table *table, struct lease *lease, enum lease_type type, uint64_t handle)
{
	struct lease *other;

	HASH_FIND(hh, table->leases, &handle, sizeof(handle), other);
	if (other)
		return -EEXIST;
	lease->handle = handle;
	lease->type = type;
	lease->table = table;
	HASH_ADD(hh, table->leases, handle, sizeof(lease->handle), lease);
	if (!lease->hh.tbl) {
		lease->handle = 0;
		return -ENOMEM;
	}
	if (handle > table->last)
		table->last = handle;
	lease_live++;
	return 0;
}

int lease_add(struct lease_table *table, struct lease *lease, enum lease_type type)
{
	return lease_restore(table, lease, type, table->last + 1);
}

void lease_remove(struct lease *lease)
{
	if (!lease->handle)
		return;
	HASH_DELETE(hh, lease->table->leases, lease);
	lease->handle = 0;
	lease_live--;
}

struct lease *lease_find(struct lease_table *table, uint64_t handle, enum lease_type type)
{
	struct lease *lease;

	HASH_FIND(hh, table->leases, &handle, sizeof(handle), lease);
	return lease && lease->type == type ? lease : NULL;
}

uint64_t lease_count(void)
{
	return lease_live;
}
