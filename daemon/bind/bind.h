/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bind - give PCI devices to vfio-pci, and back to the driver that they had
 *
 * What a device had is noted in a folder that only root writes to, before anything is changed. Every function prints
 * what it did to stdout, and what is wrong, and what to do about it, to stderr. Needs root.
 */
#ifndef VFND_DAEMON_BIND_BIND_H
#define VFND_DAEMON_BIND_BIND_H

#include <stdbool.h>

#define BIND_DRIVER "vfio-pci"

/* "/run/vfnd-bind"; and "/proc/self/mountinfo" and "/proc/swaps". Changed by tests only. */
extern const char *bind_notes, *busy_mounts, *busy_swaps;

/* Loads the module of the driver; replaced by tests only. 0 or -1. */
extern int (*bind_load)(void);

/*
 * Give a device to vfio-pci; with `force`, also one that is in use as a disk. Done already is no error. 0, or
 * -1: no such device, no IOMMU group, in use, the driver did not take it (then it has what it had before); or
 * a device of its group has a driver that keeps VFIO from it (then it stays with vfio-pci).
 */
int bind_give(const char *bdf, bool force);

/* Give a device back: to the driver that was noted, else to the one that the kernel finds. 0 or -1. */
int bind_return(const char *bdf);

/* Print the device's driver, what was noted, and its group. 0, or -1: the daemon could not use it. */
int bind_status(const char *bdf);

/* Whether a file system or swap space on the device is in use: then `what` is the first of them. */
bool busy_find(const char *bdf, char *what, unsigned int size);

#endif
