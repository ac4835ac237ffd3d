/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vfn/pci/util.h>
#include <vfn/support/io.h>
#include "pci/sysfs.h"
#include "support/fail.h"

const char *pci_sysfs_root = "/sys";
const char *pci_dev_root = "/dev";

static int sysfs_write(const char *path, const char *text)
{
	return writeall(path, text, strlen(text)) < 0 ? -1 : 0;
}

int (*pci_sysfs_write)(const char *path, const char *text) = sysfs_write;

static bool hex_digits(const char **p, int least, int most)
{
	int n = 0;

	while (n < most && isxdigit((unsigned char)**p)) {
		++*p;
		n++;
	}
	return n >= least;
}

bool pci_is_bdf(const char *bdf)
{
	const char *p = bdf;

	return hex_digits(&p, 4, 8) && *p++ == ':' && hex_digits(&p, 2, 2) && *p++ == ':' &&
	       hex_digits(&p, 2, 2) && *p++ == '.' && hex_digits(&p, 1, 1) && !*p;
}

int pci_device_path(char *path, size_t size, const char *bdf, const char *leaf)
{
	int n;

	if (!pci_is_bdf(bdf))
		return vfn_fail(EINVAL, "'%s' is not a PCI address like 0000:01:00.0", bdf);
	n = snprintf(path, size, "%s/bus/pci/devices/%s", pci_sysfs_root, bdf);
	if (n < 0 || (size_t)n >= size)
		return vfn_fail(ENAMETOOLONG, "%s: path too long", bdf);
	if (access(path, F_OK))
		return vfn_fail(ENODEV, "there is no PCI device %s", bdf);
	if (!*leaf)
		return 0;
	n = snprintf(path, size, "%s/bus/pci/devices/%s/%s", pci_sysfs_root, bdf, leaf);
	if (n < 0 || (size_t)n >= size)
		return vfn_fail(ENAMETOOLONG, "%s: path too long", bdf);
	return 0;
}

static char *link_base(const char *path)
{
	char target[PATH_MAX], *base, *copy;
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return NULL;
	target[n] = 0;
	base = strrchr(target, '/');
	copy = strdup(base ? base + 1 : target);
	if (!copy)
		errno = ENOMEM;
	return copy;
}

char *pci_device_link(const char *bdf, const char *leaf)
{
	char path[PATH_MAX], *base;

	if (pci_device_path(path, sizeof(path), bdf, leaf))
		return NULL;
	base = link_base(path);
	if (!base)
		vfn_fail(errno, "%s has no %s (%s)", bdf, leaf, strerror(errno));
	return base;
}

bool pci_driver_is_vfio(const char *driver)
{
	/* vfio-pci, and its variants for some devices: mlx5_vfio_pci and so on. */
	return strstr(driver, "vfio");
}

/* The folder with a link for each device of the group. NULL with errno. */
static DIR *group_open(char *dir, size_t size, const char *group)
{
	snprintf(dir, size, "%s/kernel/iommu_groups/%s/devices", pci_sysfs_root, group);
	return opendir(dir);
}

int pci_group_devices(const char *group)
{
	char dir[PATH_MAX - 300];
	DIR *d = group_open(dir, sizeof(dir), group);
	struct dirent *e;
	int count = 0;

	while (d && (e = readdir(d)))
		count += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return count;
}

int pci_group_offenders(const char *group, char *buf, size_t size)
{
	char dir[PATH_MAX - 300], path[PATH_MAX];
	struct dirent *e;
	int count = 0;
	size_t at = 0;
	DIR *d;

	if (size)
		*buf = 0;
	d = group_open(dir, sizeof(dir), group);
	if (!d)
		return vfn_fail(errno, "%s: %s", dir, strerror(errno));
	while ((e = readdir(d))) {
		char *driver;
		int n;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/driver", dir, e->d_name);
		driver = link_base(path);
		/*
		 * The kernel also puts up with devices without a driver, with pci-stub, and with
		 * bridges.
		 */
		if (!driver || pci_driver_is_vfio(driver) || !strcmp(driver, "pci-stub") ||
		    !strcmp(driver, "pcieport")) {
			free(driver);
			continue;
		}
		n = snprintf(buf + at, size - at, "%s%s is still bound to %s", count ? ", " : "",
			     e->d_name, driver);
		if (n > 0)
			at = at + (size_t)n < size ? at + (size_t)n : size - 1;
		count++;
		free(driver);
	}
	closedir(d);
	return count;
}
