/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group - which IOMMU context a device is opened in
 *
 * One of its own, so that devices do not reach what is mapped for others; but those of one IOMMU group cannot be told
 * apart by the IOMMU, and share one.
 */
#ifndef VFND_DAEMON_DEVICE_GROUP_H
#define VFND_DAEMON_DEVICE_GROUP_H

struct iommu_ctx;

/* Any thread: a reference, to be given to iommu_put_context(). NULL with ENOMEM. */
struct iommu_ctx *group_context(const char *address);

#endif
