/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks of a device that would be pulled from under the system. */
#include "daemon/bind/bind.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "libvfn/src/pci/sysfs.h"

/* Deeper than that (partition, RAID, encryption, volume), nobody stacks disks. */
#define BUSY_DEPTH 8

const char *busy_mounts = "/proc/self/mountinfo", *busy_swaps = "/proc/swaps";

/*
 * A disk that several controllers lead to is in the folder of their subsystem, which links to them. Another way
 * to it may be left; that is for the caller to know.
 */
static bool busy_subsystem_is_on(const char *real, const char *pci_name)
{
	static const char subsystem[] = "/nvme-subsystem/";
	const char *at = strstr(real, subsystem), *end = at ? strchr(at + strlen(subsystem), '/') : NULL;
	char path[PATH_MAX], controller[PATH_MAX];
	struct dirent *e;
	bool on = false;
	DIR *d;

	if (!end)
		return false;
	snprintf(path, sizeof(path), "%.*s", (int)(end - real), real);
	d = opendir(path);
	while (d && !on && (e = readdir(d)))
		on = e->d_name[0] != '.' &&
		     snprintf(path, sizeof(path), "%.*s/%s", (int)(end - real), real, e->d_name) <
			     (int)sizeof(path) &&
		     realpath(path, controller) && strstr(controller, pci_name);
	if (d)
		closedir(d);
	return on;
}

/* Whether the block device whose folder this is, or one that it consists of, is a part of the PCI device. */
static bool busy_is_on(const char *folder, const char *bdf, int depth)
{
	char real[PATH_MAX], part[PATH_MAX], name[64];
	struct dirent *e;
	bool on = false;
	DIR *d;

	if (depth == 0 || !realpath(folder, real))
		return false;
	snprintf(name, sizeof(name), "/%s/", bdf);
	if (strstr(real, name) || busy_subsystem_is_on(real, name))
		return true;
	if (snprintf(part, sizeof(part), "%s/slaves", real) >= (int)sizeof(part))
		return false;
	d = opendir(part);
	while (d && !on && (e = readdir(d)))
		if (e->d_name[0] != '.' &&
		    snprintf(part, sizeof(part), "%s/slaves/%s", real, e->d_name) < (int)sizeof(part))
			on = busy_is_on(part, bdf, depth - 1);
	if (d)
		closedir(d);
	return on;
}

static bool busy_number_is_on(unsigned int number_major, unsigned int number_minor, const char *bdf)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s/dev/block/%u:%u", pci_sysfs_root, number_major, number_minor);
	return busy_is_on(folder, bdf, BUSY_DEPTH);
}

/* Those of more than one disk, like Btrfs, have the number of no disk, but tell what they were mounted from. */
static bool busy_source_is_on(const char *line, const char *bdf)
{
	char source[1024], real[PATH_MAX], folder[PATH_MAX];
	const char *rest = strstr(line, " - ");

	if (!rest || sscanf(rest, " - %*s %1023s", source) != 1 || strncmp(source, "/dev/", 5) != 0)
		return false;
	/* /dev/mapper and the like are names of others. */
	if (!realpath(source, real))
		snprintf(real, sizeof(real), "%s", source);
	return snprintf(folder, sizeof(folder), "%s/class/block/%s", pci_sysfs_root, strrchr(real, '/') + 1) <
		       (int)sizeof(folder) && busy_is_on(folder, bdf, BUSY_DEPTH);
}

bool busy_find(const char *bdf, char *what, unsigned int size)
{
	char line[4096], path[1024];
	unsigned int high, low;
	bool found = false;
	struct stat st;
	FILE *f;

	/* "36 35 98:0 /root /mount/point options... - type source options" (proc(5)) */
	f = fopen(busy_mounts, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %u:%u %*s %1023s", &high, &low, path) != 3)
			continue;
		found = busy_number_is_on(high, low, bdf) || busy_source_is_on(line, bdf);
		if (found)
			snprintf(what, size, "a file system that is mounted on %s", path);
	}
	if (f)
		fclose(f);
	f = found ? NULL : fopen(busy_swaps, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%1023s", path) != 1 || stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
			continue;
		found = busy_number_is_on(major(st.st_rdev), minor(st.st_rdev), bdf);
		if (found)
			snprintf(what, size, "the swap space %s", path);
	}
	if (f)
		fclose(f);
	return found;
}
