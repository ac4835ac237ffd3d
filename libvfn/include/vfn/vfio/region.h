/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfio region - accesses to a device's regions (BARs, configuration space) through the transport
 *
 * These work where a region cannot be mapped, too. Values are as the device has them: PCI devices
 * are little-endian. A read or write of 1, 2, 4 or 8 bytes at an offset aligned to that is a
 * single access of that width; longer ones are a series of accesses in an unspecified width.
 */
#ifndef VFN_VFIO_REGION_H
#define VFN_VFIO_REGION_H

#include <vfn/vfio/device.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Read `len` bytes at `offset` of the region (VFIO_PCI_BAR0_REGION_INDEX and so on). 0, or -1:
 * EINVAL beyond the region, or refused by the device; ENODEV, EPROTO, ETIMEDOUT, EIO: the
 * transport failed.
 */
int vfio_region_read(struct vfio_device *dev, unsigned int region, void *buf, size_t len,
		     uint64_t offset);

/*
 * Write `len` bytes at `offset` of the region, and wait until the device has them. 0, or -1 as
 * vfio_region_read().
 */
int vfio_region_write(struct vfio_device *dev, unsigned int region, const void *buf, size_t len,
		      uint64_t offset);

/*
 * Write 4 bytes, given in the processor's byte order (they arrive little-endian), and wait for
 * nothing: not for an answer, nor for a call that another thread has under way. A doorbell of a
 * device that sleeps is rung this way. 0, or -1 as above.
 */
int vfio_region_post32(struct vfio_device *dev, unsigned int region, uint64_t offset,
		       uint32_t value);

/*
 * True when a store to a mapped doorbell wakes nobody, so that one that the device asked for
 * (shadow doorbells) must be rung by vfio_region_post32().
 */
bool vfio_doorbell_by_message(const struct vfio_device *dev);

/*
 * What the device tells of a region into *info (capabilities are left out). 0, or -1: EINVAL no
 * such region; of the transport.
 */
int vfio_get_region_info(struct vfio_device *dev, unsigned int region,
			 struct vfio_region_info *info);

/*
 * What another process maps to reach `len` bytes at `offset` of the region: a descriptor, which stays the
 * device's, and in *at where in it the page begins that `offset` lies in. On type1 and iommufd it is the
 * device's own, with which that process can do anything that VFIO has. -1: ENOTSUP they cannot be mapped;
 * EINVAL beyond the region; ENODEV.
 */
int vfio_region_fd(struct vfio_device *dev, unsigned int region, size_t len, uint64_t offset,
		   uint64_t *at);

#ifdef __cplusplus
}
#endif

#endif
