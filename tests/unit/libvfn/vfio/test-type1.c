/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The type1 transport, with a tree of files as sysfs and functions as the kernel's VFIO. */
#include "unit.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <vfn/iommu.h>
#include <vfn/support.h>
#include <vfn/vfio.h>
#include "../pci/fake-sysfs.h"
#include "fake-vfio.h"
#include "pci/sysfs.h"
#include "vfio/kernel.h"
#include "vfio/transport.h"
#include "vfio/type1.h"

#define DEV   "0000:01:00.0"
#define OTHER "0000:01:00.1"

/* Descriptors that the kernel gives out; none is a real one. */
enum { CONTAINER = 1000, GROUP = 1001, DEVICE = 1002, DEVICES = 2, GROUP13 = 1004 };

static struct {
	int version, extension, open_errno;
	const char *fail_path; /* open_errno is for paths that end like this */
	uint32_t group_flags;
	bool no_caps, gap; /* gap: the devices in the container reach less */
	bool opened[5];
	int maps, unmaps, sets, unsets;
	struct vfio_iommu_type1_dma_map last_map;
	int memfd;
	char asked[128]; /* for a device */
} k;

static int k_open(const char *path, int flags)
{
	if (k.open_errno && strlen(path) >= strlen(k.fail_path) &&
	    !strcmp(path + strlen(path) - strlen(k.fail_path), k.fail_path)) {
		errno = k.open_errno;
		return -1;
	}
	if (strstr(path, "/dev/vfio/vfio")) {
		ck_assert(!k.opened[0]);
		k.opened[0] = true;
		return CONTAINER;
	}
	if (strstr(path, "/dev/vfio/13")) {
		k.opened[GROUP13 - CONTAINER] = true;
		return GROUP13;
	}
	ck_assert_ptr_nonnull(strstr(path, "/dev/vfio/12"));
	ck_assert(!k.opened[1]);
	k.opened[1] = true;
	return GROUP;
}

static int k_close(int fd)
{
	if (fd == k.memfd)
		return close(fd);
	ck_assert_int_ge(fd, CONTAINER);
	ck_assert(k.opened[fd - CONTAINER]);
	k.opened[fd - CONTAINER] = false;
	return 0;
}

static int k_iommu_info(struct vfio_iommu_type1_info *info)
{
	struct {
		struct vfio_iommu_type1_info info;

		struct { /* vfio_iommu_type1_info_cap_iova_range without its ranges */
			struct vfio_info_cap_header header;
			uint32_t nr_iovas, reserved;
		} r;

		struct vfio_iova_range ranges[2];
		struct vfio_iommu_type1_info_dma_avail avail;
	} all;

	memset(&all, 0, sizeof(all));
	all.info.argsz = sizeof(all);
	all.info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	all.info.iova_pgsizes = 0x40201000;
	all.r.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	all.r.header.version = 1;
	all.r.nr_iovas = 2;
	all.ranges[0] = (struct vfio_iova_range){0, 0xfedfffff};
	all.ranges[1] = (struct vfio_iova_range){0xfef00000, (1ull << 39) - 1};
	if (k.gap)
		all.ranges[1].end = 0x1ffffffff;
	all.r.header.next = (uint32_t)((char *)&all.avail - (char *)&all);
	all.avail.header.id = 3;
	all.avail.avail = 2;
	if (k.no_caps) {
		all.info.flags = 0;
		all.info.argsz = sizeof(all.info);
	} else if (info->argsz >= sizeof(all)) {
		all.info.cap_offset = sizeof(all.info);
		memcpy(info, &all, sizeof(all));
		return 0;
	}
	memcpy(info, &all.info, info->argsz < sizeof(all.info) ? info->argsz : sizeof(all.info));
	return 0;
}

static int k_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	if (fake_vfio_fails(request))
		return -1;
	/* the same numbers are other requests there */
	if (fd >= DEVICE && fd < DEVICE + DEVICES)
		return fake_vfio_ioctl(request, (void *)arg);
	switch (request) {
	case VFIO_GET_API_VERSION:
		return k.version;
	case VFIO_CHECK_EXTENSION:
		return arg == VFIO_TYPE1v2_IOMMU ? k.extension : 0;
	case VFIO_SET_IOMMU:
		ck_assert_uint_eq(arg, VFIO_TYPE1v2_IOMMU);
		return 0;
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags = k.group_flags;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		ck_assert_int_eq(*(int *)arg, CONTAINER);
		k.sets++;
		return 0;
	case VFIO_GROUP_UNSET_CONTAINER:
		k.unsets++;
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		snprintf(k.asked, sizeof(k.asked), "%s", (const char *)arg);
		for (int i = 0; i < DEVICES; i++) {
			if (!k.opened[DEVICE - CONTAINER + i]) {
				k.opened[DEVICE - CONTAINER + i] = true;
				return DEVICE + i;
			}
		}
		errno = EBUSY;
		return -1;
	case VFIO_IOMMU_GET_INFO:
		return k_iommu_info((void *)arg);
	case VFIO_IOMMU_MAP_DMA:
		k.maps++;
		k.last_map = *(struct vfio_iommu_type1_dma_map *)arg;
		return 0;
	case VFIO_IOMMU_UNMAP_DMA:
		k.unmaps++;
		return 0;
	default:
		return fake_vfio_ioctl(request, (void *)arg);
	}
}

static const struct vfio_kernel fake_kernel = {k_open, k_close, k_ioctl, fake_vfio_pread,
					       fake_vfio_pwrite};
static struct vfio_pci_device pci;

static void setup(void)
{
	fake_sysfs_start();
	fake_sysfs_bind(DEV, "vfio-pci");
	fake_sysfs_bind(OTHER, "vfio-pci");
	memset(&k, 0, sizeof(k));
	fake_vfio_start();
	memset(&pci, 0, sizeof(pci));
	k.extension = 1;
	k.group_flags = VFIO_GROUP_FLAGS_VIABLE;
	k.memfd = -1;
	vfio_kernel = &fake_kernel;
}

static void teardown(void)
{
	for (int i = 0; i < 5; i++)
		ck_assert(!k.opened[i]);
	fake_sysfs_stop();
}

/* Opening fails so, with this in the explanation, and nothing stays open. */
static void fails(int err, const char *text)
{
	ck_assert_int_eq(vfio_pci_open(&pci, DEV), -1);
	ck_assert_msg(errno == err, "%s: %s", strerror(errno), vfn_error());
	ck_assert_msg(strstr(vfn_error(), text), "'%s' not in '%s'", text, vfn_error());
	for (int i = 0; i < 5; i++)
		ck_assert(!k.opened[i]);
	ck_assert_ptr_null(pci.dev.state);
	ck_assert_ptr_null(pci.dev.ctx);
	ck_assert_ptr_null(pci.bdf);
}

START_TEST(test_explanations)
{
	fake_sysfs_bind(DEV, "nvme");
	fails(ENOENT, DEV " is bound to nvme: make sure that nothing uses it");
	fake_sysfs_bind(DEV, NULL);
	fails(ENOENT, DEV " has no driver: load the module vfio-pci and bind the device");
	fake_sysfs_bind(DEV, "vfio-pci");
	fake_sysfs_remove("sys/bus/pci/devices/" DEV "/iommu_group");
	fails(ENOENT, "no IOMMU group: turn the IOMMU on");
	fake_sysfs_link("sys/bus/pci/devices/" DEV "/iommu_group",
			"../../../../kernel/iommu_groups/12");

	k.fail_path = "/vfio/12";
	k.open_errno = EBUSY;
	fails(EBUSY, "another process uses group 12");
	k.open_errno = EACCES;
	fails(EACCES, "may not open it");
	k.open_errno = ENOENT;
	fails(ENOENT, "noiommu-12");
	k.open_errno = EMFILE;
	fails(EMFILE, strerror(EMFILE));
	k.fail_path = "/vfio/vfio";
	k.open_errno = ENOENT;
	fails(ENOENT, "there is no VFIO: load the module vfio-pci");
	k.open_errno = ENODEV;
	fails(ENOENT, "load the module");
	k.open_errno = EACCES;
	fails(EACCES, "may not open it");
	k.open_errno = EIO;
	fails(EIO, strerror(EIO));
	k.open_errno = 0;

	k.version = 7;
	fails(ENOTSUP, "has version 7, this library 0");
	k.version = 0;
	k.extension = 0;
	fails(ENOTSUP, "no IOMMU of type 1 version 2");
	k.extension = 1;

	k.group_flags = 0;
	fails(EBUSY, "group 12 is not viable");
	fake_sysfs_bind(OTHER, "nvme");
	fails(EBUSY, "group 12 is not viable: 0000:01:00.1 is still bound to nvme");
	fake_sysfs_bind(OTHER, "vfio-pci");
	k.group_flags = VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET;
	fails(EBUSY, "in a container already");
	k.group_flags = VFIO_GROUP_FLAGS_VIABLE;
	fake_vfio.device_flags = 0;
	fails(ENOTSUP, "not a PCI device");
}
END_TEST

START_TEST(test_ioctl_failures)
{
	static const struct {
		unsigned long request;
		int err;
		const char *text;
	} cases[] = {
		{VFIO_GROUP_GET_STATUS, EIO, "status"},
		{VFIO_GROUP_SET_CONTAINER, EINVAL, "cannot go into a new container"},
		{VFIO_SET_IOMMU, EPERM, "allow_unsafe_interrupts"},
		{VFIO_SET_IOMMU, ENODEV, "container's IOMMU"},
		{VFIO_IOMMU_GET_INFO, EFAULT, "limits"},
		{VFIO_GROUP_GET_DEVICE_FD, EACCES, "token"},
		{VFIO_GROUP_GET_DEVICE_FD, EBUSY, "open already"},
		{VFIO_GROUP_GET_DEVICE_FD, ENODEV, "out of group 12"},
		{VFIO_DEVICE_GET_INFO, EIO, "what it has"},
		{VFIO_DEVICE_GET_REGION_INFO, EIO, "asking for region 0"},
		{VFIO_DEVICE_GET_IRQ_INFO, EIO, "asking for interrupts"},
		{VFIO_DEVICE_RESET, ENODEV, "reset"},
	};

	fake_vfio.fail_ioctl = cases[_i].request;
	fake_vfio.ioctl_errno = cases[_i].err;
	fake_vfio.fail_times = 1;
	fails(cases[_i].err, cases[_i].text);
	ck_assert_int_eq(fake_vfio.fail_times, 0);
	if (cases[_i].request == VFIO_SET_IOMMU)
		ck_assert_int_eq(k.unsets, 1);
	/* The next attempt finds nothing in its way. */
	ck_assert_msg(vfio_pci_open(&pci, DEV) == 0, "%s", vfn_error());
	vfio_pci_close(&pci);
}
END_TEST

START_TEST(test_open)
{
	struct vfio_irq_info info;
	uint16_t command;

	fake_vfio.fail_ioctl = VFIO_DEVICE_RESET;
	fake_vfio.ioctl_errno = EAGAIN;
	fake_vfio.fail_times = 3;
	ck_assert_msg(vfio_pci_open(&pci, DEV) == 0, "%s", vfn_error());
	ck_assert_str_eq(pci.bdf, DEV);
	ck_assert_str_eq(vfio_transport_name(&pci.dev), "type1");
	ck_assert_int_eq(fake_vfio.resets, 1);
	ck_assert_uint_eq(pci.classcode, 0x010802);
	ck_assert_uint_eq(pci.dev.irq_info.index, VFIO_PCI_MSI_IRQ_INDEX);
	ck_assert_uint_eq(pci.dev.irq_info.count, 4);
	ck_assert(!vfio_doorbell_by_message(&pci.dev));
	ck_assert_int_eq(vfio_device_fd_event(&pci.dev), -1);
	memcpy(&command, fake_vfio.config + 4, 2);
	ck_assert_uint_eq(command, 0x0406);
	ck_assert_int_eq(vfio_get_irq_info(&pci.dev, VFIO_PCI_ERR_IRQ_INDEX, &info), 0);
	ck_assert_uint_eq(info.count, 0);
	vfio_pci_close(&pci);
	memcpy(&command, fake_vfio.config + 4, 2);
	ck_assert_uint_eq(command, 0);
}
END_TEST

START_TEST(test_all_ones)
{
	memset(fake_vfio.config, 0xff, sizeof(fake_vfio.config));
	fails(ENODEV, "does not answer");
}
END_TEST

START_TEST(test_dma)
{
	struct iommu_iova_range *ranges;
	uint64_t iova;
	char *mem;

	ck_assert_msg(vfio_pci_open(&pci, DEV) == 0, "%s", vfn_error());
	ck_assert_int_eq(iommu_get_iova_ranges(pci.dev.ctx, &ranges), 2);
	ck_assert_uint_eq(ranges[1].start, 0xfef00000);
	free(ranges);
	ck_assert_int_eq(pgmap((void **)&mem, 0x4000), 0x4000);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, &iova, IOMMU_MAP_NOWRITE), 0);
	ck_assert_uint_eq(k.last_map.iova, 0x10000);
	ck_assert_uint_eq(k.last_map.vaddr, (uintptr_t)mem);
	ck_assert_uint_eq(k.last_map.flags, VFIO_DMA_MAP_FLAG_READ);
	/* The range that the platform keeps for interrupts. */
	iova = 0xfee00000;
	ck_assert_int_eq(
		iommu_map_vaddr(pci.dev.ctx, mem + 0x1000, 0x1000, &iova, IOMMU_MAP_FIXED_IOVA),
		-1);
	ck_assert_int_eq(errno, ERANGE);
	fake_vfio.fail_ioctl = VFIO_IOMMU_MAP_DMA;
	for (int i = 0; i < 4; i++) {
		static const int errs[] = {ENOMEM, ENOSPC, EFAULT, EIO};
		static const char *const texts[] = {"RLIMIT_MEMLOCK", "dma_entry_limit",
						    "not all memory", NULL};

		fake_vfio.fail_times = 1;
		fake_vfio.ioctl_errno = errs[i];
		ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem + 0x1000, 0x1000, &iova, 0), -1);
		ck_assert_int_eq(errno, errs[i]);
		ck_assert_ptr_nonnull(
			strstr(vfn_error(), texts[i] ? texts[i] : strerror(errs[i])));
		ck_assert_uint_eq(iommu_mappings(pci.dev.ctx), 1);
	}
	/* The kernel said that it takes two. */
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem + 0x1000, 0x1000, &iova, 0), 0);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem + 0x2000, 0x1000, &iova, 0), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL), 0);
	ck_assert_int_eq(k.unmaps, 1);
	vfio_pci_close(&pci);
	ck_assert_int_eq(pgunmap(mem, 0x4000), 0);
}
END_TEST

/* Two devices of a group share it and the container; the last one to go closes them. */
START_TEST(test_shared_group)
{
	struct vfio_pci_device other = {0}, third = {0};

	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	ck_assert_msg(vfio_pci_open(&other, OTHER) == 0, "%s", vfn_error());
	ck_assert_ptr_eq(pci.dev.ctx, other.dev.ctx);
	ck_assert_int_eq(k.sets, 1);
	third.dev.ctx = iommu_get_context("third");
	iommu_put_context(third.dev.ctx);
	third.dev.ctx = iommu_get_context("third");
	ck_assert_int_eq(vfio_pci_open(&third, OTHER), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "another IOMMU context"));
	vfio_pci_close(&pci);
	ck_assert(k.opened[0] && k.opened[1]);
	vfio_pci_close(&other);
	ck_assert(!k.opened[0] && !k.opened[1]);
	iommu_put_context(iommu_get_context("third"));
}
END_TEST

/* A second group narrows the container that it comes into, or stays out. */
START_TEST(test_second_group)
{
	struct vfio_pci_device other = {0};
	struct iommu_iova_range *ranges;
	uint64_t iova = 0x300000000;
	char *mem;

	fake_sysfs_link("sys/bus/pci/devices/" OTHER "/iommu_group",
			"../../../../kernel/iommu_groups/13");
	ck_assert_int_eq(pgmap((void **)&mem, 0x3000), 0x3000);
	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, &iova, IOMMU_MAP_FIXED_IOVA), 0);
	k.gap = true;
	ck_assert_int_eq(vfio_pci_open(&other, OTHER), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(k.sets, 2);
	ck_assert_int_eq(k.unsets, 1);
	ck_assert(!k.opened[GROUP13 - CONTAINER] && k.opened[0]);
	fake_vfio.fail_ioctl = VFIO_IOMMU_GET_INFO;
	fake_vfio.ioctl_errno = EIO;
	fake_vfio.fail_times = 1;
	ck_assert_int_eq(vfio_pci_open(&other, OTHER), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL), 0);

	ck_assert_msg(vfio_pci_open(&other, OTHER) == 0, "%s", vfn_error());
	ck_assert_ptr_eq(pci.dev.ctx, other.dev.ctx);
	ck_assert_int_eq(iommu_get_iova_ranges(pci.dev.ctx, &ranges), 2);
	ck_assert_uint_eq(ranges[1].last, 0x1ffffffff);
	free(ranges);
	/* How many mappings there may be was told by the empty container. */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem + i * 0x1000, 0x1000, NULL, 0),
				 i < 2 ? 0 : -1);
	ck_assert_int_eq(errno, ENOSPC);
	vfio_pci_close(&pci);
	ck_assert(k.opened[0] && !k.opened[1]);
	vfio_pci_close(&other);
	ck_assert_int_eq(pgunmap(mem, 0x3000), 0);
}
END_TEST

START_TEST(test_regions_and_irqs)
{
	uint64_t v = 0x1122334455667788, back = 0;
	int fds[4] = {-1, -1, -1, -1};
	uint32_t half;
	char *bar;

	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	ck_assert_int_eq(vfio_region_write(&pci.dev, 0, &v, 8, 0x28), 0);
	ck_assert_mem_eq(fake_vfio.bar + 0x28, &v, 8);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &back, 8, 0x28), 0);
	ck_assert_uint_eq(back, v);
	ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1000, 0x01020304), 0);
	ck_assert_mem_eq(fake_vfio.bar + 0x1000, "\x04\x03\x02\x01", 4);

	/* A BAR that is mapped is used by loads and stores. */
	k.memfd = memfd_create("bar", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(k.memfd, 0x4000), 0);
	pci.dev.fd = k.memfd;
	bar = vfio_pci_map_bar(&pci, 0, 0x4000, 0, PROT_READ | PROT_WRITE);
	ck_assert_msg(bar, "%s", vfn_error());
	ck_assert_int_eq(vfio_region_write(&pci.dev, 0, &v, 8, 0x30), 0);
	ck_assert_mem_eq(bar + 0x30, &v, 8);
	memset(fake_vfio.bar, 0, sizeof(fake_vfio.bar));
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &half, 4, 0x34), 0);
	ck_assert_uint_eq(half, 0x11223344);
	ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1000, 9), 0);
	ck_assert_int_eq(bar[0x1000], 9);
	vfio_pci_unmap_bar(&pci, 0, bar, 0x4000, 0);
	close(k.memfd);
	pci.dev.fd = DEVICE;

	ck_assert_int_eq(vfio_set_irq(&pci.dev, fds, 4), 0);
	ck_assert_uint_eq(fake_vfio.irq_flags,
			  VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD);
	ck_assert_uint_eq(fake_vfio.irq_count, 4);
	ck_assert_int_eq(vfio_disable_irq(&pci.dev), 0);
	ck_assert_uint_eq(fake_vfio.irq_flags,
			  VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE);
	ck_assert_uint_eq(fake_vfio.irq_count, 0);
	/* The kernel can do fewer vectors than the device has. */
	fake_vfio.irqs_got = 2;
	ck_assert_int_eq(vfio_set_irq(&pci.dev, fds, 4), -1);
	ck_assert_int_eq(errno, ENOSPC);
	fake_vfio.irqs_got = 0;
	vfio_pci_close(&pci);
}
END_TEST

START_TEST(test_takeover)
{
	struct vfio_pci_device next = {0};
	struct vfio_takeover to;
	char *mem;

	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	ck_assert_int_eq(vfio_pci_export(&pci, &to), 0);
	ck_assert_int_eq(to.device_fd, DEVICE);
	ck_assert_int_eq(to.group_fd, GROUP);
	ck_assert_int_eq(to.container_fd, CONTAINER);
	/* The predecessor is gone, the descriptors stay. */
	vfio_pci_close(&pci);
	k.opened[0] = k.opened[1] = k.opened[2] = true;
	fake_vfio.resets = k.sets = k.maps = 0;
	to.group_fd = -1;
	ck_assert_int_eq(vfio_pci_import(&next, DEV, &to), -1);
	ck_assert_int_eq(errno, EINVAL);
	to.group_fd = GROUP;
	fake_vfio.fail_ioctl = VFIO_DEVICE_GET_INFO;
	fake_vfio.ioctl_errno = EIO;
	fake_vfio.fail_times = 1;
	ck_assert_int_eq(vfio_pci_import(&next, DEV, &to), -1);
	ck_assert_int_eq(errno, EIO);
	/* Still the caller's. */
	ck_assert(k.opened[0] && k.opened[1] && k.opened[2]);
	ck_assert_msg(vfio_pci_import(&next, DEV, &to) == 0, "%s", vfn_error());
	ck_assert_int_eq(fake_vfio.resets + k.sets, 0);
	ck_assert_int_eq(pgmap((void **)&mem, 0x1000), 0x1000);
	ck_assert_int_eq(iommu_import(next.dev.ctx, -1, 0, mem, 0x1000, 0x10000), 0);
	ck_assert_int_eq(k.maps, 0);
	vfio_pci_close(&next);
	ck_assert_int_eq(pgunmap(mem, 0x1000), 0);
}
END_TEST

#define TOKEN "83f2a7f0-6d44-4B3E-9c62-0f1c2d3e4a5b"

START_TEST(test_token)
{
	static const uint8_t bytes[16] = {0x83, 0xf2, 0xa7, 0xf0, 0x6d, 0x44, 0x4b, 0x3e,
					  0x9c, 0x62, 0x0f, 0x1c, 0x2d, 0x3e, 0x4a, 0x5b};
	static const char *const bad[] = {DEV ",vf_token=", DEV ",vf_token=" TOKEN "0",
					  DEV ",vf_token=83f2a7f06d444b3e9c620f1c2d3e4a5b",
					  DEV ",vf_token=g3f2a7f0-6d44-4b3e-9c62-0f1c2d3e4a5b"};

	ck_assert_msg(!vfio_pci_open(&pci, DEV ",vf_token=" TOKEN), "%s", vfn_error());
	ck_assert_str_eq(k.asked, DEV " vf_token=" TOKEN);
	ck_assert_str_eq(pci.bdf, DEV);
	ck_assert_int_eq(vfio_pci_set_vf_token(&pci, TOKEN), 0);
	ck_assert_mem_eq(fake_vfio.token, bytes, 16);
	ck_assert_int_eq(vfio_pci_set_vf_token(&pci, "nobody"), -1);
	ck_assert_int_eq(errno, EINVAL);
	fake_vfio.fail_ioctl = VFIO_DEVICE_FEATURE;
	fake_vfio.ioctl_errno = ENOTTY;
	fake_vfio.fail_times = 1;
	ck_assert_int_eq(vfio_pci_set_vf_token(&pci, TOKEN), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	vfio_pci_close(&pci);
	ck_assert_int_eq(vfio_pci_set_vf_token(&pci, TOKEN), -1);
	ck_assert_int_eq(errno, ENODEV);

	ck_assert_msg(!vfio_pci_open(&pci, DEV), "%s", vfn_error());
	ck_assert_str_eq(k.asked, DEV);
	vfio_pci_close(&pci);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(vfio_pci_open(&pci, bad[i]), -1);
		ck_assert_msg(errno == EINVAL && strstr(vfn_error(), "UUID"), "%s", vfn_error());
	}
	/* one that the kernel does not want */
	fake_vfio.fail_ioctl = VFIO_GROUP_GET_DEVICE_FD;
	fake_vfio.ioctl_errno = EINVAL;
	fake_vfio.fail_times = 1;
	ck_assert_int_eq(vfio_pci_open(&pci, DEV ",vf_token=" TOKEN), -1);
	ck_assert_msg(errno == EINVAL && strstr(vfn_error(), "no use"), "%s", vfn_error());
	/* only behind an address */
	ck_assert_int_eq(vfio_pci_open(&pci, "vfio-user:/tmp/x,vf_token=1"), -1);
	ck_assert_msg(!strstr(vfn_error(), "UUID"), "%s", vfn_error());
}
END_TEST

START_TEST(test_hot_reset)
{
	ck_assert_msg(!vfio_pci_open(&pci, DEV), "%s", vfn_error());
	/* its own group's, and one that another group has */
	fake_vfio.hot_count = 2;
	fake_vfio.hot_ids[0] = 12;
	fake_vfio.hot_ids[1] = 13;
	ck_assert_int_eq(vfio_hot_reset(&pci.dev), -1);
	ck_assert_msg(errno == EBUSY && strstr(vfn_error(), "take 0001:02:01.1"), "%s", vfn_error());
	fake_vfio.hot_ids[1] = 12;
	ck_assert_msg(!vfio_hot_reset(&pci.dev), "%s", vfn_error());
	ck_assert_int_eq(fake_vfio.hot_resets, 1);
	ck_assert_int_eq(fake_vfio.hot_fd, GROUP);
	vfio_pci_close(&pci);
	ck_assert(vfio_hot_reset(&pci.dev) == -1 && errno == ENODEV);
}
END_TEST

START_TEST(test_forced)
{
	setenv("VFN_TRANSPORT", "nonsense", 1);
	fails(EINVAL, "there is no transport 'nonsense'");
	setenv("VFN_TRANSPORT", "type1", 1);
	ck_assert_int_eq(vfio_pci_open(&pci, DEV), 0);
	vfio_pci_close(&pci);
	unsetenv("VFN_TRANSPORT");
}
END_TEST

UNIT_MAIN("type1", tcase_add_checked_fixture(tc, setup, teardown);
	  tcase_add_test(tc, test_explanations);
	  tcase_add_loop_test(tc, test_ioctl_failures, 0, 12); tcase_add_test(tc, test_open);
	  tcase_add_test(tc, test_all_ones); tcase_add_test(tc, test_dma);
	  tcase_add_test(tc, test_shared_group); tcase_add_test(tc, test_second_group);
	  tcase_add_test(tc, test_regions_and_irqs); tcase_add_test(tc, test_takeover);
	  tcase_add_test(tc, test_token); tcase_add_test(tc, test_hot_reset);
	  tcase_add_test(tc, test_forced))
