/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iommufd-abi - the part of the kernel's interface to iommufd that is used here
 *
 * After the kernel's documentation: "IOMMUFD" and "VFIO device cdev" (userspace-api/iommufd and
 * driver-api/vfio), whose names are given beside. Names of our own, since a system's
 * <linux/iommufd.h> and <linux/vfio.h> may have these, or be too old to.
 *
 * Each request takes a pointer to its structure, which begins with its size in bytes. Numbers are
 * in the processor's byte order. ENOTTY: the kernel does not know the request at all.
 */
#ifndef VFN_SRC_VFIO_IOMMUFD_ABI_H
#define VFN_SRC_VFIO_IOMMUFD_ABI_H

#include <assert.h>
#include <linux/ioctl.h>
#include <stddef.h>
#include <stdint.h>

/* Requests to a VFIO device file (type and base number as in <linux/vfio.h>). */

/* VFIO_DEVICE_BIND_IOMMUFD: the device is this descriptor's from now on, until it is closed. */
struct iommufd_bind {
	uint32_t size;
	uint32_t flags;
	int32_t iommufd;
	uint32_t out_device; /* the kernel's id for the device */
	uint64_t token;	     /* pointer to 16 bytes; only there with the flag, in newer kernels */
};
#define IOMMUFD_BIND_SIZE_PLAIN 16u /* without the token */
#define IOMMUFD_BIND_TOKEN	(1u << 0)
#define IOMMUFD_BIND _IO(';', 118)

/* VFIO_DEVICE_ATTACH_IOMMUFD_PT: the device's DMA goes through the address space `ioas`. */
struct iommufd_attach {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas; /* out: the page table that the kernel chose for it */
};
#define IOMMUFD_ATTACH _IO(';', 119)

/* VFIO_DEVICE_DETACH_IOMMUFD_PT: all DMA is blocked again. */
struct iommufd_detach {
	uint32_t size;
	uint32_t flags;
};
#define IOMMUFD_DETACH _IO(';', 120)

/* Requests to an iommufd. */

/* IOMMU_DESTROY: the object `id` goes. */
struct iommufd_destroy {
	uint32_t size;
	uint32_t id;
};
#define IOMMUFD_DESTROY _IO(';', 0x80)

/* IOMMU_IOAS_ALLOC: a new, empty address space. */
struct iommufd_ioas_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_ioas;
};
#define IOMMUFD_IOAS_ALLOC _IO(';', 0x81)

/* A range of IOVAs, both ends included. */
struct iommufd_range {
	uint64_t start;
	uint64_t last;
};

/*
 * IOMMU_IOAS_IOVA_RANGES: what all devices that are attached can reach. EMSGSIZE: there are more
 * than `nranges`, which becomes their number in any case.
 */
struct iommufd_ioas_ranges {
	uint32_t size;
	uint32_t ioas;
	uint32_t nranges;
	uint32_t reserved;
	uint64_t ranges; /* address of an array of struct iommufd_range */
	uint64_t out_alignment;
};
#define IOMMUFD_IOAS_RANGES _IO(';', 0x84)

#define IOMMUFD_MAP_FIXED_IOVA 1u
#define IOMMUFD_MAP_WRITEABLE  2u
#define IOMMUFD_MAP_READABLE   4u

/* IOMMU_IOAS_MAP: map memory of this process. */
struct iommufd_ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas;
	uint32_t reserved;
	uint64_t vaddr;
	uint64_t length;
	uint64_t iova;
};
#define IOMMUFD_IOAS_MAP _IO(';', 0x85)

/* IOMMU_IOAS_UNMAP: unmap whole mappings; length becomes what was unmapped. ENOENT: nothing. */
struct iommufd_ioas_unmap {
	uint32_t size;
	uint32_t ioas;
	uint64_t iova;
	uint64_t length;
};
#define IOMMUFD_IOAS_UNMAP _IO(';', 0x86)

/* IOMMU_IOAS_MAP_FILE (from Linux 6.13 on): map a part of a memfd, whoever has it mapped. */
struct iommufd_ioas_map_file {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas;
	int32_t fd;
	uint64_t start; /* offset in the file */
	uint64_t length;
	uint64_t iova;
};
#define IOMMUFD_IOAS_MAP_FILE _IO(';', 0x8f)

static_assert(sizeof(struct iommufd_bind) == 24, "ABI");
static_assert(offsetof(struct iommufd_bind, token) == IOMMUFD_BIND_SIZE_PLAIN, "ABI");
static_assert(sizeof(struct iommufd_attach) == 12, "ABI");
static_assert(sizeof(struct iommufd_detach) == 8, "ABI");
static_assert(sizeof(struct iommufd_destroy) == 8, "ABI");
static_assert(sizeof(struct iommufd_ioas_alloc) == 12, "ABI");
static_assert(sizeof(struct iommufd_ioas_ranges) == 32, "ABI");
static_assert(offsetof(struct iommufd_ioas_ranges, ranges) == 16, "ABI");
static_assert(sizeof(struct iommufd_ioas_map) == 40, "ABI");
static_assert(offsetof(struct iommufd_ioas_map, vaddr) == 16, "ABI");
static_assert(sizeof(struct iommufd_ioas_unmap) == 24, "ABI");
static_assert(sizeof(struct iommufd_ioas_map_file) == 40, "ABI");
static_assert(offsetof(struct iommufd_ioas_map_file, start) == 16, "ABI");

#endif
