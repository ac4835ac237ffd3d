/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-iommufd.h"

#include <check.h>
#include <errno.h>
#include <string.h>
#include <vfn/support.h>

struct fake_iommufd fake_iommufd;

void fake_iommufd_start(void)
{
	fake_vfio_start();
	memset(&fake_iommufd, 0, sizeof(fake_iommufd));
	fake_iommufd.alignment = 1;
}

bool fake_iommufd_nothing_open(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(fake_iommufd.opened); i++) {
		if (fake_iommufd.opened[i])
			return false;
	}
	return true;
}

static int kernel_open(const char *path, int flags)
{
	int first = IOMMUFD;

	if (fake_iommufd.open_errno && strlen(path) >= strlen(fake_iommufd.fail_path) &&
	    !strcmp(path + strlen(path) - strlen(fake_iommufd.fail_path), fake_iommufd.fail_path)) {
		errno = fake_iommufd.open_errno;
		return -1;
	}
	if (!strstr(path, "/dev/iommu")) {
		ck_assert_ptr_nonnull(strstr(path, "/dev/vfio/devices/vfio"));
		first = DEVICE;
	}
	for (int fd = first; fd < first + KIND; fd++) {
		if (!fake_iommufd.opened[fd - IOMMUFD]) {
			fake_iommufd.opened[fd - IOMMUFD] = true;
			return fd;
		}
	}
	ck_abort_msg("too many of %s", path);
}

static int kernel_close(int fd)
{
	ck_assert_int_ge(fd, IOMMUFD);
	ck_assert(fake_iommufd.opened[fd - IOMMUFD]);
	fake_iommufd.opened[fd - IOMMUFD] = false;
	if (fd >= DEVICE) {
		fake_iommufd.bound_to[fd - DEVICE] = 0;
		fake_iommufd.attached[fd - DEVICE] = 0;
	}
	return 0;
}

static int kernel_fail(int err)
{
	errno = err;
	return -1;
}

static int ranges_of(struct iommufd_ioas_ranges *ask)
{
	struct iommufd_range all[5] = {{0, 0xfedfffff}, {0xfef00000, (1ull << 39) - 1}};
	struct iommufd_range *to = (void *)(uintptr_t)ask->ranges;
	uint32_t room = ask->nranges, n = 2;

	ck_assert_uint_eq(ask->size, sizeof(*ask));
	if (fake_iommufd.gap) {
		all[1].last = 0x1ffffffff;
		all[n++] = (struct iommufd_range){0x300000000, (1ull << 39) - 1};
	}
	if (fake_iommufd.growing)
		n = room + 1;
	ask->out_alignment = fake_iommufd.alignment;
	ask->nranges = fake_iommufd.nranges_lie ? fake_iommufd.nranges_lie : n;
	for (uint32_t i = 0; i < n && i < room; i++)
		to[i] = all[i];
	return n > room ? kernel_fail(EMSGSIZE) : 0;
}

static int device_ioctl(int fd, unsigned long request, void *arg)
{
	struct iommufd_bind *bind = arg;
	struct iommufd_attach *attach = arg;
	int i = fd - DEVICE;

	switch (request) {
	case IOMMUFD_BIND:
		if (bind->flags && !fake_iommufd.knows_token) {
			errno = EINVAL;
			return -1;
		}
		ck_assert_uint_eq(bind->size, bind->flags ? 24 : 16);
		ck_assert_uint_eq(bind->flags, bind->flags ? IOMMUFD_BIND_TOKEN : 0);
		if (bind->flags && memcmp((void *)(uintptr_t)bind->token, fake_vfio.token, 16)) {
			errno = EACCES;
			return -1;
		}
		ck_assert(!fake_iommufd.bound_to[i] &&
			  fake_iommufd.opened[bind->iommufd - IOMMUFD]);
		fake_iommufd.bound_to[i] = bind->iommufd;
		return 0;
	case IOMMUFD_ATTACH:
		ck_assert_uint_eq(attach->size, sizeof(*attach));
		ck_assert_uint_eq(attach->flags, 0);
		ck_assert(fake_iommufd.bound_to[i]);
		ck_assert(!fake_iommufd.attached[i]);
		fake_iommufd.attached[i] = attach->ioas;
		fake_iommufd.attaches++;
		return 0;
	case IOMMUFD_DETACH:
		ck_assert(fake_iommufd.attached[i]);
		fake_iommufd.attached[i] = 0;
		fake_iommufd.detaches++;
		return 0;
	default:
		ck_assert(fake_iommufd.bound_to[i]);
		return fake_vfio_ioctl(request, arg);
	}
}

static int kernel_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	struct iommufd_ioas_unmap *unmap = (void *)arg;
	struct iommufd_ioas_alloc *alloc = (void *)arg;

	ck_assert(fake_iommufd.opened[fd - IOMMUFD]);
	if (fake_vfio_fails(request))
		return -1;
	if (fd >= DEVICE)
		return device_ioctl(fd, request, (void *)arg);
	switch (request) {
	case IOMMUFD_IOAS_ALLOC:
		ck_assert_uint_eq(alloc->size, sizeof(*alloc));
		alloc->out_ioas = ++fake_iommufd.ioas;
		return 0;
	case IOMMUFD_IOAS_RANGES:
		return ranges_of((void *)arg);
	case IOMMUFD_IOAS_MAP:
		fake_iommufd.last_map = *(struct iommufd_ioas_map *)arg;
		ck_assert_uint_eq(fake_iommufd.last_map.size, sizeof(fake_iommufd.last_map));
		fake_iommufd.maps++;
		return 0;
	case IOMMUFD_IOAS_MAP_FILE:
		fake_iommufd.file_tries++;
		if (!fake_iommufd.maps_files)
			return kernel_fail(ENOTTY);
		if (fake_iommufd.file_errno)
			return kernel_fail(fake_iommufd.file_errno);
		fake_iommufd.last_file = *(struct iommufd_ioas_map_file *)arg;
		ck_assert_uint_eq(fake_iommufd.last_file.size, sizeof(fake_iommufd.last_file));
		fake_iommufd.file_maps++;
		return 0;
	case IOMMUFD_IOAS_UNMAP:
		ck_assert_uint_eq(unmap->size, sizeof(*unmap));
		unmap->length -= fake_iommufd.short_unmap;
		fake_iommufd.unmaps++;
		return 0;
	default:
		ck_abort_msg("ioctl 0x%lx", request);
	}
}

const struct vfio_kernel fake_iommufd_kernel = {kernel_open, kernel_close, kernel_ioctl,
						fake_vfio_pread, fake_vfio_pwrite};
