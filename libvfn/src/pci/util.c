/* SPDX-License-Identifier: LGPL-2.1-or-later */
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

/* Write to a file of sysfs and explain a failure as `what`. */
static int util_write(const char *path, const char *text, const char *what)
{
	if (!pci_sysfs_write(path, text))
		return 0;
	return vfn_fail(errno, "%s: writing to %s: %s", what, path, strerror(errno));
}

static int util_driver_path(char *path, size_t size, const char *driver, const char *leaf)
{
	int n;

	if (!*driver || strchr(driver, '/') || !strcmp(driver, ".") || !strcmp(driver, ".."))
		return vfn_fail(EINVAL, "'%s' is not the name of a driver", driver);
	n = snprintf(path, size, "%s/bus/pci/drivers/%s", pci_sysfs_root, driver);
	if (n < 0 || (size_t)n >= size - strlen(leaf) - 1)
		return vfn_fail(ENAMETOOLONG, "%s: path too long", driver);
	if (access(path, F_OK))
		return vfn_fail(ENOENT, "there is no driver %s: load its module (modprobe %s)",
				driver, driver);
	path[n] = '/';
	strcpy(path + n + 1, leaf);
	return 0;
}

int pci_driver_override(const char *bdf, const char *driver)
{
	char path[PATH_MAX], text[128];
	int n;

	if (pci_device_path(path, sizeof(path), bdf, "driver_override"))
		return -1;
	/* An empty line clears it. */
	n = snprintf(text, sizeof(text), "%s\n", driver ? driver : "");
	if (n < 0 || (size_t)n >= sizeof(text))
		return vfn_fail(EINVAL, "%s: too long a name of a driver", driver);
	return util_write(path, text, bdf);
}

int pci_driver_probe(const char *bdf)
{
	char path[PATH_MAX];

	if (pci_device_path(path, sizeof(path), bdf, ""))
		return -1;
	snprintf(path, sizeof(path), "%s/bus/pci/drivers_probe", pci_sysfs_root);
	return util_write(path, bdf, bdf);
}

int pci_unbind(const char *bdf)
{
	char path[PATH_MAX];
	char *driver = pci_get_driver(bdf);

	if (!driver)
		return errno == ENOENT ? 0 : -1;
	free(driver);
	if (pci_device_path(path, sizeof(path), bdf, "driver/unbind"))
		return -1;
	return util_write(path, bdf, bdf);
}

int pci_bind(const char *bdf, const char *driver)
{
	char path[PATH_MAX], *now;
	bool same;
	int err;

	if (util_driver_path(path, sizeof(path), driver, "bind"))
		return -1;
	now = pci_get_driver(bdf);
	if (!now && errno != ENOENT)
		return -1;
	same = now && !strcmp(now, driver);
	free(now);
	if (same)
		return 0;
	if (pci_unbind(bdf) || pci_driver_override(bdf, driver))
		return -1;
	if (pci_driver_probe(bdf)) {
		err = errno;
		goto fail;
	}
	/* Probing succeeds also when the driver does not want the device. */
	now = pci_get_driver(bdf);
	same = now && !strcmp(now, driver);
	free(now);
	if (same)
		return 0;
	vfn_fail(ENODEV, "%s: the driver %s did not take the device; the kernel's log tells why",
		 bdf, driver);
	err = ENODEV;
fail:
	/* Otherwise the device's own driver would not get it either. */
	if (pci_device_path(path, sizeof(path), bdf, "driver_override") == 0)
		pci_sysfs_write(path, "\n");
	errno = err;
	return -1;
}

static int util_id(const char *driver, const char *leaf, uint16_t vid, uint16_t did)
{
	char path[PATH_MAX], text[16];

	if (util_driver_path(path, sizeof(path), driver, leaf))
		return -1;
	snprintf(text, sizeof(text), "%04x %04x", vid, did);
	return util_write(path, text, driver);
}

int pci_driver_new_id(const char *driver, uint16_t vid, uint16_t did)
{
	return util_id(driver, "new_id", vid, did);
}

int pci_driver_remove_id(const char *driver, uint16_t vid, uint16_t did)
{
	return util_id(driver, "remove_id", vid, did);
}

int pci_device_info_get_ull(const char *bdf, const char *prop, unsigned long long *v)
{
	char path[PATH_MAX], text[64], *end;
	ssize_t n;

	if (pci_device_path(path, sizeof(path), bdf, prop))
		return -1;
	n = readmax(path, text, sizeof(text) - 1);
	if (n < 0)
		return vfn_fail(errno, "%s: reading %s: %s", bdf, prop, strerror(errno));
	text[n] = 0;
	errno = 0;
	*v = strtoull(text, &end, 0);
	if (errno)
		return vfn_fail(errno, "%s: %s is %s: %s", bdf, prop, text, strerror(errno));
	if (end == text || (*end && *end != '\n') || strchr(text, '-'))
		return vfn_fail(EINVAL, "%s: %s is not a number", bdf, prop);
	return 0;
}

char *pci_get_driver(const char *bdf)
{
	return pci_device_link(bdf, "driver");
}

char *pci_get_iommu_group(const char *bdf)
{
	char *group = pci_device_link(bdf, "iommu_group"), *path;

	if (!group) {
		if (errno == ENOENT)
			vfn_fail(ENOENT,
				 "%s is in no IOMMU group: turn the IOMMU on, in the firmware and "
				 "by "
				 "intel_iommu=on or amd_iommu=on on the kernel's command line",
				 bdf);
		return NULL;
	}
	if (asprintf(&path, "%s/vfio/%s", pci_dev_root, group) < 0) {
		path = NULL;
		vfn_fail(ENOMEM, "out of memory for the group of %s", bdf);
	}
	free(group);
	return path;
}

char *pci_get_device_vfio_id(const char *bdf)
{
	char path[PATH_MAX], *id = NULL;
	struct dirent *e;
	DIR *d;

	if (pci_device_path(path, sizeof(path), bdf, "vfio-dev"))
		return NULL;
	d = opendir(path);
	while (d && !id && (e = readdir(d))) {
		if (!strncmp(e->d_name, "vfio", 4))
			id = strdup(e->d_name);
	}
	if (d)
		closedir(d);
	if (!id)
		vfn_fail(ENOENT, "%s has no VFIO character device", bdf);
	return id;
}
