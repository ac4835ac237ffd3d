/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-sysfs - a tree of files that looks like /sys and /dev, with a kernel that reacts to writes
 *
 * Two devices are there: 0000:01:00.0 and .1, both in group 12; the drivers nvme and vfio-pci.
 */
#ifndef VFND_TESTS_FAKE_SYSFS_H
#define VFND_TESTS_FAKE_SYSFS_H

#include <stdbool.h>

extern char fake_sysfs_dir[];

/* What the kernel does wrong from now on. */
extern bool fake_sysfs_no_takers;  /* no driver takes a device */
extern int fake_sysfs_write_errno; /* every write fails with it */

void fake_sysfs_start(void);
void fake_sysfs_stop(void);

/* Bind a device to a driver; NULL: to none. */
void fake_sysfs_bind(const char *bdf, const char *driver);

/* Make files below the tree, and remove files and empty folders. */
void fake_sysfs_file(const char *path, const char *text);
void fake_sysfs_link(const char *path, const char *target);
void fake_sysfs_remove(const char *path);

/* The text of a file, in a static buffer. */
const char *fake_sysfs_read(const char *path);

#endif
