/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The iommufd transport, with a tree of files as sysfs and functions as the kernel. */
#include "unit.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <vfn/iommu.h>
#include <vfn/support.h>
#include <vfn/vfio.h>
#include "../pci/fake-sysfs.h"
#include "fake-iommufd.h"
#include "vfio/transport.h"

#define DEV   "0000:01:00.0"
#define OTHER "0000:01:00.1"

#define k fake_iommufd

static struct vfio_pci_device pci;

static void setup(void)
{
	fake_sysfs_start();
	fake_sysfs_bind(DEV, "vfio-pci");
	fake_sysfs_bind(OTHER, "vfio-pci");
	fake_sysfs_file("sys/bus/pci/devices/" DEV "/vfio-dev/vfio0/dev", "");
	fake_sysfs_file("sys/bus/pci/devices/" OTHER "/vfio-dev/vfio1/dev", "");
	fake_sysfs_file("dev/vfio/devices/vfio0", "");
	fake_sysfs_file("dev/vfio/devices/vfio1", "");
	fake_sysfs_file("dev/iommu", "");
	memset(&pci, 0, sizeof(pci));
	fake_iommufd_start();
	vfio_kernel = &fake_iommufd_kernel;
	setenv("VFN_TRANSPORT", "iommufd", 1);
}

static void teardown(void)
{
	ck_assert(fake_iommufd_nothing_open());
	fake_sysfs_stop();
}

/* Opening fails so, with this in the explanation, and nothing stays open. */
static void fails(int err, const char *text)
{
	ck_assert_int_eq(vfio_pci_open(&pci, DEV), -1);
	ck_assert_msg(errno == err, "%s: %s", strerror(errno), vfn_error());
	ck_assert_msg(strstr(vfn_error(), text), "'%s' not in '%s'", text, vfn_error());
	ck_assert(fake_iommufd_nothing_open());
	ck_assert_ptr_null(pci.dev.state);
	ck_assert_ptr_null(pci.dev.ctx);
	ck_assert_ptr_null(pci.bdf);
}

static void *pages(unsigned int n)
{
	void *mem;

	ck_assert_int_eq(pgmap(&mem, n * 0x1000), n * 0x1000);
	return mem;
}

START_TEST(test_explanations)
{
	fake_sysfs_bind(DEV, "nvme");
	fails(ENOENT, DEV " is bound to nvme: make sure that nothing uses it");
	fake_sysfs_bind(DEV, NULL);
	fails(ENOENT, DEV " has no driver: load the module vfio-pci and bind the device");
	fake_sysfs_bind(DEV, "vfio-pci");

	k.fail_path = "/devices/vfio0";
	k.open_errno = EACCES;
	fails(EACCES, "may not open it");
	k.open_errno = ENOENT;
	fails(ENOENT, "the file of " DEV " is not there");
	k.open_errno = EMFILE;
	fails(EMFILE, strerror(EMFILE));
	k.fail_path = "/dev/iommu";
	k.open_errno = ENOENT;
	fails(ENOENT, "there is no iommufd: load the module iommufd, or use the transport type1");
	k.open_errno = EACCES;
	fails(EACCES, "may not open it");
	k.open_errno = EIO;
	fails(EIO, strerror(EIO));
	k.open_errno = 0;

	fake_vfio.device_flags = 0;
	fails(ENOTSUP, "not a PCI device");
	fake_sysfs_remove("sys/bus/pci/devices/" DEV "/vfio-dev/vfio0/dev");
	fake_sysfs_remove("sys/bus/pci/devices/" DEV "/vfio-dev/vfio0");
	fails(ENOENT, "has no VFIO device file: the kernel lacks them");
	fake_sysfs_remove("sys/bus/pci/devices/" DEV "/vfio-dev");
	fails(ENOENT, "has no VFIO device file: the kernel lacks them");
}
END_TEST

static const struct {
	unsigned long request;
	int with, err;
	const char *text;
} cases[] = {
	{IOMMUFD_IOAS_ALLOC, ENOMEM, ENOMEM, "making an I/O address space"},
	{IOMMUFD_BIND, EBUSY, EBUSY, "another process uses it or a device that shares group 12"},
	{IOMMUFD_BIND, EPERM, EBUSY, "in another IOMMU context"},
	{IOMMUFD_BIND, EINVAL, EBUSY, DEV " is open already"},
	{IOMMUFD_BIND, EACCES, EACCES, "token"},
	{IOMMUFD_BIND, ENODEV, ENODEV, "binding it to an iommufd: No such device"},
	{IOMMUFD_ATTACH, EADDRINUSE, ERANGE, "where the device cannot reach"},
	{IOMMUFD_ATTACH, EINVAL, EINVAL, "a device of its group is in another one"},
	{IOMMUFD_ATTACH, EPERM, EPERM, "allow_unsafe_interrupts of iommufd"},
	{IOMMUFD_ATTACH, ENOMEM, ENOMEM, "RLIMIT_MEMLOCK"},
	{IOMMUFD_ATTACH, EIO, EIO, "attaching it to an I/O address space"},
	{IOMMUFD_IOAS_RANGES, EIO, EIO, "asking for the IOVAs"},
	{VFIO_DEVICE_GET_INFO, EIO, EIO, "what it has"},
	{VFIO_DEVICE_GET_REGION_INFO, EIO, EIO, "asking for region 0"},
	{VFIO_DEVICE_GET_IRQ_INFO, EIO, EIO, "asking for interrupts"},
	{VFIO_DEVICE_RESET, ENODEV, ENODEV, "reset"},
};

START_TEST(test_ioctl_failures)
{
	fake_vfio.fail_ioctl = cases[_i].request;
	fake_vfio.ioctl_errno = cases[_i].with;
	fake_vfio.fail_times = 1;
	fails(cases[_i].err, cases[_i].text);
	ck_assert_int_eq(fake_vfio.fail_times, 0);
	/* What was attached was detached, and the next attempt finds nothing in its way. */
	ck_assert_int_eq(k.attaches, k.detaches);
	ck_assert_msg(vfio_pci_open(&pci, DEV) == 0, "%s", vfn_error());
	vfio_pci_close(&pci);
}
END_TEST

/* The kernel says the same of a group that others are in and of unsafe interrupts. */
START_TEST(test_why_refused)
{
	fake_vfio.fail_ioctl = IOMMUFD_BIND;
	fake_vfio.ioctl_errno = EPERM;
	fake_vfio.fail_times = 3;
	fake_sysfs_bind(OTHER, "nvme");
	fails(EBUSY, "group 12 is not viable: " OTHER " is still bound to nvme; unbind it");
	fake_sysfs_remove("sys/kernel/iommu_groups/12/devices/" OTHER);
	fails(EPERM, "interrupts are not remapped");
	fake_sysfs_remove("sys/bus/pci/devices/" DEV "/iommu_group");
	fails(EBUSY, "another process uses it");
}
END_TEST

START_TEST(test_open)
{
	struct iommu_iova_range *ranges;
	uint16_t command;

	/* What is no context is not taken for one, nor looked into. */
	pci.dev.ctx = (struct iommu_ctx *)(uintptr_t)0x5a5a5a5a5a5a5a5a;
	fails(EINVAL, "no IOMMU context");
	ck_assert_ptr_null(pci.dev.ctx);

	fake_vfio.fail_ioctl = VFIO_DEVICE_RESET;
	fake_vfio.ioctl_errno = EAGAIN;
	fake_vfio.fail_times = 2;
	ck_assert_msg(vfio_pci_open(&pci, DEV) == 0, "%s", vfn_error());
	ck_assert_str_eq(vfio_transport_name(&pci.dev), "iommufd");
	ck_assert_int_eq(pci.dev.fd, DEVICE);
	ck_assert_int_eq(k.bound_to[0], IOMMUFD);
	ck_assert_uint_eq(k.attached[0], k.ioas);
	ck_assert_int_eq(fake_vfio.resets, 1);
	ck_assert_uint_eq(pci.classcode, 0x010802);
	ck_assert(!vfio_doorbell_by_message(&pci.dev));
	ck_assert_int_eq(vfio_device_fd_event(&pci.dev), -1);
	memcpy(&command, fake_vfio.config + 4, 2);
	ck_assert_uint_eq(command, 0x0406);
	ck_assert_int_eq(iommu_get_iova_ranges(pci.dev.ctx, &ranges), 2);
	ck_assert_uint_eq(ranges[0].last, 0xfedfffff);
	ck_assert_uint_eq(ranges[1].start, 0xfef00000);
	ck_assert_uint_eq(ranges[1].last, (1ull << 39) - 1);
	free(ranges);
	ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1000, 0x01020304), 0);
	ck_assert_mem_eq(fake_vfio.bar + 0x1000, "\x04\x03\x02\x01", 4);
	vfio_pci_close(&pci);
	memcpy(&command, fake_vfio.config + 4, 2);
	ck_assert_uint_eq(command, 0);
	ck_assert_int_eq(k.detaches, 1);
}
END_TEST

/* Lists of ranges that make no sense, and an IOMMU with larger pages. */
START_TEST(test_ranges)
{
	char *mem = pages(16);

	k.nranges_lie = 1u << 30;
	fails(EPROTO, "1073741824 ranges");
	k.nranges_lie = 0;
	k.growing = true;
	fails(EPROTO, "cut off");
	k.growing = false;
	k.alignment = 0x10000;
	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, NULL, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "whole pages of 65536 bytes"));
	vfio_pci_close(&pci);
	ck_assert_int_eq(pgunmap(mem, 0x10000), 0);
}
END_TEST

START_TEST(test_dma)
{
	static const struct {
		int err;
		const char *text;
	} bad[] = {{ENOMEM, "RLIMIT_MEMLOCK"}, {EFAULT, "not all memory"}, {EIO, NULL}};
	char *mem = pages(4);
	uint64_t iova;

	ck_assert_msg(vfio_pci_open(&pci, DEV) == 0, "%s", vfn_error());
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, &iova, IOMMU_MAP_NOWRITE), 0);
	ck_assert_uint_eq(k.last_map.ioas, k.ioas);
	ck_assert_uint_eq(k.last_map.iova, 0x10000);
	ck_assert_uint_eq(k.last_map.vaddr, (uintptr_t)mem);
	ck_assert_uint_eq(k.last_map.length, 0x1000);
	ck_assert_uint_eq(k.last_map.flags, IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE);
	ck_assert_int_eq(
		iommu_map_vaddr(pci.dev.ctx, mem + 0x1000, 0x1000, &iova, IOMMU_MAP_NOREAD), 0);
	ck_assert_uint_eq(k.last_map.flags, IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_WRITEABLE);
	/* The kernel was asked once whether it maps files. */
	ck_assert_int_eq(k.file_tries, 1);
	ck_assert_int_eq(k.maps, 2);
	fake_vfio.fail_ioctl = IOMMUFD_IOAS_MAP;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_vfio.fail_times = 1;
		fake_vfio.ioctl_errno = bad[i].err;
		ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem + 0x2000, 0x1000, &iova, 0), -1);
		ck_assert_int_eq(errno, bad[i].err);
		ck_assert_ptr_nonnull(
			strstr(vfn_error(), bad[i].text ? bad[i].text : strerror(bad[i].err)));
		ck_assert_uint_eq(iommu_mappings(pci.dev.ctx), 2);
	}
	ck_assert_int_eq(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL), 0);
	ck_assert_int_eq(k.unmaps, 1);
	/* A mapping that the kernel may still have is not forgotten. */
	k.short_unmap = 0x800;
	ck_assert_int_eq(iommu_unmap_vaddr(pci.dev.ctx, mem + 0x1000, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "2048 were mapped"));
	k.short_unmap = 0;
	fake_vfio.fail_ioctl = IOMMUFD_IOAS_UNMAP;
	fake_vfio.fail_times = 1;
	fake_vfio.ioctl_errno = EBUSY;
	ck_assert_int_eq(iommu_unmap_vaddr(pci.dev.ctx, mem + 0x1000, NULL), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_uint_eq(iommu_mappings(pci.dev.ctx), 1);
	vfio_pci_close(&pci);
	ck_assert_int_eq(pgunmap(mem, 0x4000), 0);
}
END_TEST

START_TEST(test_map_file)
{
	char *mem = pages(4);
	int fd;

	k.maps_files = true;
	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	fd = pgmap_fd(mem, 0x1000, NULL);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem + 0x1000, 0x2000, NULL, 0), 0);
	ck_assert_int_eq(k.file_maps, 1);
	ck_assert_int_eq(k.maps, 0);
	ck_assert_int_eq(k.last_file.fd, fd);
	ck_assert_uint_eq(k.last_file.ioas, k.ioas);
	ck_assert_uint_eq(k.last_file.start, 0x1000);
	ck_assert_uint_eq(k.last_file.length, 0x2000);
	ck_assert_uint_eq(k.last_file.iova, 0x10000);
	ck_assert_uint_eq(k.last_file.flags,
			  IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE | IOMMUFD_MAP_WRITEABLE);
	/* A file that it does not take is mapped by address, and the next one is tried again. */
	k.file_errno = EINVAL;
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, NULL, 0), 0);
	ck_assert_int_eq(k.maps, 1);
	ck_assert_uint_eq(k.last_map.vaddr, (uintptr_t)mem);
	k.file_errno = 0;
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem + 0x3000, 0x1000, NULL, 0), 0);
	ck_assert_int_eq(k.file_maps, 2);
	vfio_pci_close(&pci);
	ck_assert_int_eq(pgunmap(mem, 0x4000), 0);
}
END_TEST

/* Two devices share the address space of their context; each context has one of its own. */
START_TEST(test_shared)
{
	struct vfio_pci_device other = {0}, third = {0};
	struct iommu_iova_range *ranges;
	char *mem = pages(2);
	uint64_t iova;

	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, NULL, 0), 0);
	k.gap = true;
	ck_assert_msg(vfio_pci_open(&other, OTHER) == 0, "%s", vfn_error());
	ck_assert_ptr_eq(pci.dev.ctx, other.dev.ctx);
	ck_assert_int_eq(k.bound_to[1], k.bound_to[0]);
	ck_assert_uint_eq(k.attached[1], k.attached[0]);
	ck_assert_int_eq(k.maps, 1);
	/* What the second one cannot reach is not given any more. */
	ck_assert_int_eq(iommu_get_iova_ranges(pci.dev.ctx, &ranges), 3);
	ck_assert_uint_eq(ranges[1].last, 0x1ffffffff);
	free(ranges);
	iova = 0x200000000;
	ck_assert_int_eq(
		iommu_map_vaddr(pci.dev.ctx, mem + 0x1000, 0x1000, &iova, IOMMU_MAP_FIXED_IOVA),
		-1);
	ck_assert_int_eq(errno, ERANGE);

	third.dev.ctx = iommu_get_context("third");
	ck_assert_int_eq(vfio_pci_open(&third, DEV), 0);
	ck_assert_int_ne(k.bound_to[2], k.bound_to[0]);
	ck_assert_uint_ne(k.attached[2], k.attached[0]);
	vfio_pci_close(&third);
	iommu_put_context(iommu_get_context("third"));
	ck_assert(!k.opened[1]);

	/* The address space stays with the last device, and goes with it. */
	vfio_pci_close(&pci);
	ck_assert(k.opened[0]);
	ck_assert_int_eq(iommu_map_vaddr(other.dev.ctx, mem + 0x1000, 0x1000, NULL, 0), 0);
	ck_assert_int_eq(k.maps, 2);
	vfio_pci_close(&other);
	ck_assert(!k.opened[0]);
	ck_assert_int_eq(pgunmap(mem, 0x2000), 0);
}
END_TEST

/* A device that cannot reach what is mapped stays out, and the others do not notice. */
START_TEST(test_out_of_reach)
{
	struct vfio_pci_device other = {0};
	struct iommu_iova_range *ranges;
	uint64_t iova = 0x200000000;
	char *mem = pages(1);

	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, &iova, IOMMU_MAP_FIXED_IOVA), 0);
	k.gap = true;
	ck_assert_int_eq(vfio_pci_open(&other, OTHER), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "cannot reach IOVA 0x200000000"));
	ck_assert_int_eq(k.detaches, 1);
	ck_assert_uint_eq(k.attached[1], 0);
	ck_assert_int_eq(iommu_get_iova_ranges(pci.dev.ctx, &ranges), 2);
	free(ranges);
	ck_assert_int_eq(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL), 0);
	ck_assert_msg(vfio_pci_open(&other, OTHER) == 0, "%s", vfn_error());
	vfio_pci_close(&other);
	vfio_pci_close(&pci);
	ck_assert_int_eq(pgunmap(mem, 0x1000), 0);
}
END_TEST

/* Memory that a context has before its first device is mapped when that comes. */
START_TEST(test_mapped_before)
{
	struct iommu_ctx *ctx = iommu_get_context("early");
	char *mem = pages(2);

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 0x1000, NULL, 0), 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 0x1000, 0x1000, NULL, 0), 0);
	pci.dev.ctx = ctx;
	fake_vfio.fail_ioctl = IOMMUFD_IOAS_MAP;
	fake_vfio.ioctl_errno = ENOMEM;
	fake_vfio.fail_times = 1;
	ck_assert_int_eq(vfio_pci_open(&pci, DEV), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert(fake_iommufd_nothing_open());
	pci.dev.ctx = ctx;
	ck_assert_msg(vfio_pci_open(&pci, DEV) == 0, "%s", vfn_error());
	ck_assert_int_eq(k.maps, 2);
	vfio_pci_close(&pci);
	iommu_put_context(ctx);
	ck_assert_int_eq(pgunmap(mem, 0x2000), 0);
}
END_TEST

/* Where everything is there this transport is chosen, else the other one. */
START_TEST(test_chosen)
{
	static const char *const needed[] = {"dev/iommu", "dev/vfio/devices/vfio0"};
	const char *rest;

	unsetenv("VFN_TRANSPORT");
	ck_assert_str_eq(vfio_transport_find(DEV, &rest)->name, "iommufd");
	ck_assert_str_eq(rest, DEV);
	ck_assert_str_eq(vfio_transport_find("vfio-user:/x", &rest)->name, "vfio-user");
	ck_assert_str_eq(rest, "/x");
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		fake_sysfs_remove(needed[i]);
		ck_assert_str_eq(vfio_transport_find(DEV, &rest)->name, "type1");
		fake_sysfs_file(needed[i], "");
		ck_assert_str_eq(vfio_transport_find(DEV, &rest)->name, "iommufd");
	}
	/* A device without a file, a driver, or at all: the other one explains it. */
	ck_assert_str_eq(vfio_transport_find("0000:09:00.0", &rest)->name, "type1");
	setenv("VFN_TRANSPORT", "type1", 1);
	ck_assert_str_eq(vfio_transport_find(DEV, &rest)->name, "type1");
	setenv("VFN_TRANSPORT", "", 1);
	ck_assert_str_eq(vfio_transport_find(DEV, &rest)->name, "iommufd");
	/* A call goes before the environment, until it is taken back. */
	ck_assert_int_eq(vfio_force_transport("type1"), 0);
	setenv("VFN_TRANSPORT", "iommufd", 1);
	ck_assert_str_eq(vfio_transport_find(DEV, &rest)->name, "type1");
	ck_assert_str_eq(vfio_transport_find("vfio-user:/x", &rest)->name, "vfio-user");
	ck_assert_str_eq(rest, "/x");
	ck_assert_int_eq(vfio_force_transport("type2"), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(vfio_transport_find(DEV, &rest)->name, "type1");
	ck_assert_int_eq(vfio_force_transport(NULL), 0);
	ck_assert_str_eq(vfio_transport_find(DEV, &rest)->name, "iommufd");
	setenv("VFN_TRANSPORT", "iommufe", 1);
	ck_assert_ptr_null(vfio_transport_find(DEV, &rest));
	ck_assert_int_eq(errno, EINVAL);
	/* It is forced for what it can address, whether or not it would work. */
	setenv("VFN_TRANSPORT", "iommufd", 1);
	fake_sysfs_remove("dev/iommu");
	ck_assert_str_eq(vfio_transport_find(DEV, &rest)->name, "iommufd");
	ck_assert_str_eq(vfio_transport_find("vfio-user:/x", &rest)->name, "vfio-user");
}
END_TEST

#define TOKEN	   "83f2a7f0-6d44-4b3e-9c62-0f1c2d3e4a5b"
#define WITH_TOKEN DEV ",vf_token=" TOKEN

/* Newer kernels take it when the device is bound; for others that of a physical function is set after. */
START_TEST(test_token)
{
	static const uint8_t bytes[16] = {0x83, 0xf2, 0xa7, 0xf0, 0x6d, 0x44, 0x4b, 0x3e,
					  0x9c, 0x62, 0x0f, 0x1c, 0x2d, 0x3e, 0x4a, 0x5b};

	k.knows_token = true;
	memcpy(fake_vfio.token, bytes, 16);
	ck_assert_msg(!vfio_pci_open(&pci, WITH_TOKEN), "%s", vfn_error());
	vfio_pci_close(&pci);
	fake_vfio.token[15] ^= 1;
	ck_assert_int_eq(vfio_pci_open(&pci, WITH_TOKEN), -1);
	ck_assert_msg(errno == EACCES && strstr(vfn_error(), "another token"), "%s", vfn_error());
	ck_assert(fake_iommufd_nothing_open());

	k.knows_token = false;
	ck_assert_msg(!vfio_pci_open(&pci, WITH_TOKEN), "%s", vfn_error());
	ck_assert_mem_eq(fake_vfio.token, bytes, 16);
	vfio_pci_close(&pci);
	fake_sysfs_link("sys/bus/pci/devices/" DEV "/physfn", "../" OTHER);
	ck_assert_int_eq(vfio_pci_open(&pci, WITH_TOKEN), -1);
	ck_assert_msg(errno == ENOTSUP && strstr(vfn_error(), "type1"), "%s", vfn_error());
	ck_assert(fake_iommufd_nothing_open());
	ck_assert_msg(!vfio_pci_open(&pci, DEV), "%s", vfn_error());
	vfio_pci_close(&pci);
}
END_TEST

START_TEST(test_takeover)
{
	struct vfio_pci_device next = {0}, other = {0};
	struct vfio_takeover to, to_other;
	uint32_t ioas;
	char *mem;

	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	ck_assert_int_eq(vfio_pci_open(&other, OTHER), 0);
	ck_assert_int_eq(vfio_pci_export(&pci, &to), 0);
	ck_assert_int_eq(vfio_pci_export(&other, &to_other), 0);
	ioas = k.ioas;
	ck_assert_str_eq(to.transport, "iommufd");
	ck_assert_int_eq(to.device_fd, DEVICE);
	ck_assert_int_eq(to_other.device_fd, DEVICE + 1);
	ck_assert_int_eq(to.container_fd, IOMMUFD);
	ck_assert_int_eq(to.group_fd, -1);
	ck_assert_uint_eq(to.ioas_id, ioas);
	/* The predecessor is gone, the descriptors stay. */
	vfio_pci_close(&pci);
	vfio_pci_close(&other);
	k.opened[0] = k.opened[10] = k.opened[11] = true;
	k.bound_to[0] = k.bound_to[1] = IOMMUFD;
	k.attached[0] = k.attached[1] = ioas;
	fake_vfio.resets = k.attaches = k.detaches = k.maps = 0;
	/* What would be chosen today does not matter. */
	setenv("VFN_TRANSPORT", "type1", 1);

	to.container_fd = -1;
	ck_assert_int_eq(vfio_pci_import(&next, DEV, &to), -1);
	ck_assert_int_eq(errno, EINVAL);
	to.container_fd = IOMMUFD;
	strcpy(to.transport, "iommufe");
	ck_assert_int_eq(vfio_pci_import(&next, DEV, &to), -1);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "no transport 'iommufe'"));
	strcpy(to.transport, "vfio-user");
	ck_assert_int_eq(vfio_pci_import(&next, DEV, &to), -1);
	ck_assert_int_eq(errno, EINVAL);
	strcpy(to.transport, "iommufd");
	fake_vfio.fail_ioctl = VFIO_DEVICE_GET_INFO;
	fake_vfio.ioctl_errno = EIO;
	fake_vfio.fail_times = 1;
	ck_assert_int_eq(vfio_pci_import(&next, DEV, &to), -1);
	ck_assert_int_eq(errno, EIO);
	fake_vfio.fail_ioctl = IOMMUFD_IOAS_RANGES;
	fake_vfio.fail_times = 1;
	ck_assert_int_eq(vfio_pci_import(&next, DEV, &to), -1);
	ck_assert_int_eq(errno, EIO);
	/* Still the caller's. */
	ck_assert(k.opened[0] && k.opened[10] && k.attached[0]);

	ck_assert_msg(vfio_pci_import(&next, DEV, &to) == 0, "%s", vfn_error());
	mem = pages(2);
	ck_assert_int_eq(iommu_import(next.dev.ctx, -1, 0, mem, 0x1000, 0x10000), 0);
	/* The second one, with a copy of the descriptor, as if it had come through a socket. */
	k.opened[3] = true;
	to_other.container_fd = IOMMUFD + 3;
	to_other.ioas_id = ioas + 1;
	ck_assert_int_eq(vfio_pci_import(&other, OTHER, &to_other), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "was in address space"));
	ck_assert(k.opened[3] && k.opened[11]);
	to_other.ioas_id = ioas;
	ck_assert_msg(vfio_pci_import(&other, OTHER, &to_other) == 0, "%s", vfn_error());
	ck_assert(!k.opened[3]);
	ck_assert_int_eq(fake_vfio.resets + k.attaches + k.detaches + k.maps, 0);
	/* New mappings go where the old ones are. */
	ck_assert_int_eq(iommu_map_vaddr(next.dev.ctx, mem + 0x1000, 0x1000, NULL, 0), 0);
	ck_assert_uint_eq(k.last_map.ioas, ioas);
	ck_assert_uint_eq(k.last_map.iova, 0x11000);
	vfio_pci_close(&next);
	vfio_pci_close(&other);
	ck_assert_int_eq(pgunmap(mem, 0x2000), 0);
}
END_TEST

/* Devices are told by what the iommufd calls them: 0 is not open, but of a group that is ours. */
START_TEST(test_hot_reset)
{
	static const struct {
		unsigned long request;
		int with, err;
		const char *text;
	} bad[] = {
		{VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, ENODEV, ENOTSUP, "neither its bus nor its slot"},
		{VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, EIO, EIO, "asking whom"},
		{VFIO_DEVICE_PCI_HOT_RESET, EAGAIN, EAGAIN, "hot reset: "},
	};

	ck_assert_msg(!vfio_pci_open(&pci, DEV), "%s", vfn_error());
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_vfio.fail_ioctl = bad[i].request;
		fake_vfio.ioctl_errno = bad[i].with;
		fake_vfio.fail_times = 1;
		ck_assert_int_eq(vfio_hot_reset(&pci.dev), -1);
		ck_assert_msg(errno == bad[i].err && strstr(vfn_error(), bad[i].text), "%s", vfn_error());
	}
	ck_assert_int_eq(fake_vfio.hot_resets, 0);
	fake_vfio.hot_flags = 1;
	fake_vfio.hot_count = 3;
	fake_vfio.hot_ids[0] = 7;
	fake_vfio.hot_ids[1] = 0;
	fake_vfio.hot_ids[2] = UINT32_MAX;
	ck_assert_int_eq(vfio_hot_reset(&pci.dev), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "0001:02:02.2 as well"));
	fake_vfio.hot_count = 2;
	ck_assert_msg(!vfio_hot_reset(&pci.dev), "%s", vfn_error());
	ck_assert_int_eq(fake_vfio.hot_fd, -1);
	vfio_pci_close(&pci);
}
END_TEST

UNIT_MAIN("iommufd", tcase_add_checked_fixture(tc, setup, teardown);
	  tcase_add_test(tc, test_explanations);
	  tcase_add_loop_test(tc, test_ioctl_failures, 0, ARRAY_SIZE(cases));
	  tcase_add_test(tc, test_why_refused); tcase_add_test(tc, test_open);
	  tcase_add_test(tc, test_ranges); tcase_add_test(tc, test_dma);
	  tcase_add_test(tc, test_map_file); tcase_add_test(tc, test_shared);
	  tcase_add_test(tc, test_out_of_reach); tcase_add_test(tc, test_mapped_before);
	  tcase_add_test(tc, test_chosen); tcase_add_test(tc, test_takeover);
	  tcase_add_test(tc, test_token); tcase_add_test(tc, test_hot_reset))
