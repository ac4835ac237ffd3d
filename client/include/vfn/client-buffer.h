/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvfnclient - buffers of huge pages, at chosen addresses, of memory of one's own, and on several devices
 *
 * A part of <vfn/client.h>, which includes it. Results, threads and lifetimes are as said there.
 */
#ifndef VFN_CLIENT_BUFFER_H
#define VFN_CLIENT_BUFFER_H

#include <vfn/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where in the addresses that a device can be given (vfnc_device_info(): iova) a buffer is put. */
enum vfnc_iova_place {
	VFNC_IOVA_LOWEST = 0,  /* the lowest that is free, aligned to a huge page for buffers of that size */
	VFNC_IOVA_HIGHEST = 1, /* the highest */
	VFNC_IOVA_FIXED = 2,   /* as given; the device's configuration must have raw = yes */
};

/* What is wanted; zero what is not used. */
struct vfnc_buffer_opts {
	uint64_t page_size; /* bytes of a huge page, as 2097152 or 1073741824; 0: ordinary pages */
	enum vfnc_iova_place place;
	uint32_t rsvd;
	uint64_t iova; /* VFNC_IOVA_FIXED: a multiple of the processor's page size */
	uint64_t rsvd2[5];
};

/*
 * Allocate `size` bytes, rounded up to whole pages, as `opts` says (NULL: as vfnc_buffer_alloc()). 0, or -ENOMEM:
 * so many huge pages are not free, see /proc/sys/vm/nr_hugepages; -ENOTSUP: the kernel has no huge pages of that
 * size, or the daemon knows of no options; -EPERM: an IOVA cannot be chosen on this device; -EADDRINUSE: something
 * is mapped there; -ERANGE: the device cannot be given it; -EDQUOT: more than this user may have.
 */
int vfnc_buffer_alloc_with(struct vfnc_device *dev, size_t size, const struct vfnc_buffer_opts *opts,
			   struct vfnc_buffer **buf);

/*
 * Make a buffer of `size` bytes at `offset` of `fd`, a memfd of the caller's, which stays the caller's. It must be
 * open for reading and writing, sealed with F_SEAL_SHRINK and F_SEAL_SEAL (fcntl(2)) and not against writing;
 * offset and size are multiples of its pages (of huge pages, if it has these). `opts` (NULL: all zero) has no
 * page_size. What the memory holds stays as it is, also when the buffer is freed. A hole that is punched into it
 * later is the caller's own loss: the device goes on with the pages that were there. 0, or -EINVAL: no memfd, or
 * the part is not within it; -EPERM: its seals; -EACCES: it is not open for both; else as
 * vfnc_buffer_alloc_with().
 */
int vfnc_buffer_import(struct vfnc_device *dev, int fd, uint64_t offset, size_t size,
		       const struct vfnc_buffer_opts *opts, struct vfnc_buffer **buf);

/*
 * Let another device of the connection reach a buffer's memory: *attached is a buffer of that device, with an IOVA
 * of its own, at the same place in this process. Commands on a device need that device's buffer. Either is freed
 * by itself with vfnc_buffer_free(), in any order, and when its device is closed or lost; the memory goes with the
 * last one. `opts` (NULL: all zero) has no page_size. It counts as a buffer once more, its bytes do not. 0, or
 * -EALREADY: the device has it; -EINVAL: it is another connection's; else as vfnc_buffer_alloc_with().
 */
int vfnc_buffer_attach(struct vfnc_device *dev, struct vfnc_buffer *buf, const struct vfnc_buffer_opts *opts,
		       struct vfnc_buffer **attached);

/*
 * Free a buffer and all others that have its memory, on whatever device. NULL is ignored. 0, or -EBUSY: commands that
 * use one of them are outstanding; all stay as they are.
 */
int vfnc_buffer_free_everywhere(struct vfnc_buffer *buf);

#ifdef __cplusplus
}
#endif

#endif
