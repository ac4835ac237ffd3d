/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfio-user - what the files of the vfio-user transport share
 */
#ifndef VFN_SRC_VFIO_USER_H
#define VFN_SRC_VFIO_USER_H

#include "iommu/context.h"
#include "vfio/vfio-user-msg.h"

struct vfio_user {
	struct vfio_user_conn conn;
	struct iommu_backend backend;
	struct iommu_iova_range range;
	unsigned int max_msg_fds; /* in one message to the server */
	size_t max_data;	  /* bytes in one region read or write */
	bool private_memory;	  /* some without a descriptor was mapped */
};

/* Agree with the server on version and limits. 0, or -1 with errno and a text. */
int vfio_user_negotiate(struct vfio_user *vu);

/*
 * The number that is the member `key` of the object "capabilities" in `json`. False when there is
 * none; never looks beyond the NUL.
 */
bool vfio_user_json_u64(const char *json, const char *key, uint64_t *v);

#endif
