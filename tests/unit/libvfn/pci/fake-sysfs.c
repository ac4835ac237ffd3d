/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vfn/support/io.h>
#include "fake-sysfs.h"
#include "pci/sysfs.h"

char fake_sysfs_dir[64];
bool fake_sysfs_no_takers;
int fake_sysfs_write_errno;

static const char *full(const char *path)
{
	static char buf[PATH_MAX];

	snprintf(buf, sizeof(buf), "%s/%s", fake_sysfs_dir, path);
	return buf;
}

static void make_dirs(const char *path)
{
	char buf[PATH_MAX];

	snprintf(buf, sizeof(buf), "%s", full(path));
	for (char *p = buf + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(buf, 0755);
		*p = '/';
	}
}

void fake_sysfs_file(const char *path, const char *text)
{
	FILE *f;

	make_dirs(path);
	f = fopen(full(path), "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

void fake_sysfs_link(const char *path, const char *target)
{
	make_dirs(path);
	unlink(full(path));
	ck_assert_int_eq(symlink(target, full(path)), 0);
}

void fake_sysfs_remove(const char *path)
{
	remove(full(path));
}

const char *fake_sysfs_read(const char *path)
{
	static char text[256];
	ssize_t n = readmax(full(path), text, sizeof(text) - 1);

	ck_assert_int_ge(n, 0);
	text[n] = 0;
	return text;
}

void fake_sysfs_bind(const char *bdf, const char *driver)
{
	char path[128], target[128];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", bdf);
	unlink(full(path));
	if (!driver)
		return;
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	fake_sysfs_link(path, target);
}

/* The kernel's side of a write. */
static int kernel_write(const char *path, const char *text)
{
	char leaf[128], *driver;

	if (fake_sysfs_write_errno) {
		errno = fake_sysfs_write_errno;
		return -1;
	}
	/* Each write stands for itself there. */
	if (truncate(path, 0) || writeall(path, text, strlen(text)) < 0)
		return -1;
	if (strstr(path, "/driver/unbind")) {
		fake_sysfs_bind(text, NULL);
	} else if (strstr(path, "/drivers_probe") && !fake_sysfs_no_takers) {
		snprintf(leaf, sizeof(leaf), "sys/bus/pci/devices/%s/driver_override", text);
		driver = (char *)(uintptr_t)fake_sysfs_read(leaf);
		driver[strcspn(driver, "\n")] = 0;
		fake_sysfs_bind(text, *driver ? driver : "nvme");
	}
	return 0;
}

void fake_sysfs_start(void)
{
	static char root[80], dev[80];

	strcpy(fake_sysfs_dir, "/tmp/vfn-sysfs-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fake_sysfs_dir));
	snprintf(root, sizeof(root), "%s/sys", fake_sysfs_dir);
	snprintf(dev, sizeof(dev), "%s/dev", fake_sysfs_dir);
	pci_sysfs_root = root;
	pci_dev_root = dev;
	pci_sysfs_write = kernel_write;
	fake_sysfs_no_takers = false;
	fake_sysfs_write_errno = 0;
	fake_sysfs_file("sys/bus/pci/drivers_probe", "");
	for (int i = 0; i < 2; i++) {
		static const char *const drivers[] = {"nvme", "vfio-pci"};
		char path[128], link[128];

		snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/new_id", drivers[i]);
		fake_sysfs_file(path, "");
		snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/remove_id", drivers[i]);
		fake_sysfs_file(path, "");
		snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/unbind", drivers[i]);
		fake_sysfs_file(path, "");
		snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:01:00.%d/driver_override",
			 i);
		fake_sysfs_file(path, "(null)\n");
		snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:01:00.%d/class", i);
		fake_sysfs_file(path, "0x010802\n");
		snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:01:00.%d/iommu_group", i);
		fake_sysfs_link(path, "../../../../kernel/iommu_groups/12");
		snprintf(path, sizeof(path), "sys/kernel/iommu_groups/12/devices/0000:01:00.%d", i);
		snprintf(link, sizeof(link), "../../../../bus/pci/devices/0000:01:00.%d", i);
		fake_sysfs_link(path, link);
	}
	fake_sysfs_bind("0000:01:00.0", "nvme");
	fake_sysfs_bind("0000:01:00.1", "nvme");
}

void fake_sysfs_stop(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", fake_sysfs_dir);
	ck_assert_int_eq(system(command), 0);
}
