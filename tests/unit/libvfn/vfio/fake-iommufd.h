/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-iommufd - the kernel's iommufd and device files, behind descriptors that are none
 *
 * It checks that requests make sense, keeps what was asked last, and fails as told.
 */
#ifndef VFND_TESTS_FAKE_IOMMUFD_H
#define VFND_TESTS_FAKE_IOMMUFD_H

#include <stdbool.h>
#include <stdint.h>

#include "fake-vfio.h"
#include "vfio/iommufd-abi.h"
#include "vfio/kernel.h"

/* Descriptors that the kernel gives out, by kind; none is a real one. */
enum { IOMMUFD = 1000, DEVICE = 1010, KIND = 4 };

extern struct fake_iommufd {
	int open_errno;
	const char *fail_path; /* open_errno is for paths that end like this */
	bool opened[2 * (DEVICE - IOMMUFD)];
	int bound_to[KIND]; /* the iommufd of each device, or 0 */
	uint32_t attached[KIND];
	uint32_t ioas;	      /* the last one given out */
	bool knows_token;     /* the kernel takes a token when a device is bound */
	bool maps_files;      /* the kernel knows IOMMU_IOAS_MAP_FILE */
	int file_errno;	      /* it fails so */
	bool gap;	      /* the devices attached reach less */
	uint32_t nranges_lie; /* told in place of the number of ranges */
	bool growing;	      /* each time there is one range more */
	uint64_t alignment;
	int maps, file_maps, file_tries, unmaps, attaches, detaches;
	uint64_t short_unmap;
	struct iommufd_ioas_map last_map;
	struct iommufd_ioas_map_file last_file;
} fake_iommufd;

extern const struct vfio_kernel fake_iommufd_kernel;

/* A kernel that has nothing open, and its device (fake_vfio_start()). */
void fake_iommufd_start(void);

bool fake_iommufd_nothing_open(void);

#endif
