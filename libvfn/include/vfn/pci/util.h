/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pci - drivers and properties of PCI devices, by way of sysfs
 *
 * A device is named by its address with the domain, like 0000:01:00.0. What cannot be such an
 * address gives EINVAL, a device that does not exist ENODEV. vfn_error() tells more after each
 * failure. The functions keep no state and are thread safe.
 */
#ifndef VFN_PCI_UTIL_H
#define VFN_PCI_UTIL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Unbind `bdf` from its driver. 0 (also when it had none), or -1 with the errno of write(2). */
int pci_unbind(const char *bdf);

/*
 * Make `driver` (like "vfio-pci", it must be loaded) drive `bdf`, by way of driver_override, so
 * that no other device with the same ids is taken; the present driver, if another, is unbound
 * first. 0, or -1: ENOENT when there is no such driver, ENODEV when the driver does not take the
 * device, or the errno of write(2).
 */
int pci_bind(const char *bdf, const char *driver);

/*
 * Write `driver` to driver_override of `bdf`; NULL clears it. 0, or -1 with the errno of write(2).
 */
int pci_driver_override(const char *bdf, const char *driver);

/*
 * Ask the kernel to find a driver for `bdf` (drivers_probe). 0, or -1 with the errno of write(2).
 */
int pci_driver_probe(const char *bdf);

/* Teach `driver` another vendor and device id. 0, or -1: EEXIST when it has it, or of write(2). */
int pci_driver_new_id(const char *driver, uint16_t vid, uint16_t did);

/*
 * Make `driver` forget a vendor and device id again. 0, or -1: ENODEV when it has no such id, or
 * the errno of write(2).
 */
int pci_driver_remove_id(const char *driver, uint16_t vid, uint16_t did);

/*
 * Read the number (decimal, octal, or hexadecimal with 0x) that the device's sysfs file `prop`
 * holds, like "class" or "vendor", into *v. 0, or -1: ENOENT no such property, EINVAL it is no
 * number, ERANGE.
 */
int pci_device_info_get_ull(const char *bdf, const char *prop, unsigned long long *v);

/* The name of the driver that `bdf` is bound to; free(3) it. NULL: ENOENT when it has none. */
char *pci_get_driver(const char *bdf);

/*
 * The path of the VFIO group of `bdf`, like /dev/vfio/12; free(3) it. NULL: ENOENT when the device
 * is in no group (there is no IOMMU, or it is off).
 */
char *pci_get_iommu_group(const char *bdf);

/*
 * The name of the VFIO character device of `bdf`, like vfio3; free(3) it. NULL: ENOENT when it has
 * none (not bound to vfio-pci, or a kernel without them).
 */
char *pci_get_device_vfio_id(const char *bdf);

/* True when `bdf` is written like a PCI address: 4 to 8, 2, 2 and 1 hexadecimal digits. */
bool pci_is_bdf(const char *bdf);

#ifdef __cplusplus
}
#endif

#endif
