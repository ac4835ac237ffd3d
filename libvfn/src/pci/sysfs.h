/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sysfs - where the kernel tells of PCI devices, and how it is told something
 *
 * All access goes through these, so that a test can bring a tree of its own and play the kernel.
 */
#ifndef VFN_SRC_PCI_SYSFS_H
#define VFN_SRC_PCI_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

/* "/sys" and "/dev"; changed by tests only. */
extern const char *pci_sysfs_root, *pci_dev_root;

/* Writes `text` to the file at `path`. 0, or -1 with errno; replaced by tests only. */
extern int (*pci_sysfs_write)(const char *path, const char *text);

/*
 * Put the path of the file `leaf` ("" for the folder) of a device into `path` (`size` bytes). -1:
 * EINVAL no address; ENODEV no such device; ENAMETOOLONG. With a text.
 */
int pci_device_path(char *path, size_t size, const char *bdf, const char *leaf);

/* The last part of the path that the link `leaf` of the device points at, or NULL; free it. */
char *pci_device_link(const char *bdf, const char *leaf);

/*
 * Why the kernel calls an IOMMU group not viable: the devices in it that drivers other than VFIO's
 * have, as text into `buf`. How many they are, or -1 with errno when the group cannot be read.
 */
int pci_group_offenders(const char *group, char *buf, size_t size);

/* How many devices the group has; 0 when it cannot be read. */
int pci_group_devices(const char *group);

/* True for a driver that hands devices to user space through VFIO. */
bool pci_driver_is_vfio(const char *driver);

#endif
