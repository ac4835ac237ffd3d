/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sriov - physical functions and their virtual ones, by way of sysfs
 *
 * Devices are named, and errors told, as in vfn/pci/util.h. A function reset takes the virtual
 * functions away without the kernel's knowing, and opening a device by VFIO resets it: open the
 * physical function first, make them then, and unmake them before it is closed. vfio-pci makes them
 * only with its parameter enable_sriov.
 */
#ifndef VFN_PCI_SRIOV_H
#define VFN_PCI_SRIOV_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How many virtual functions `bdf` can have, and how many it has now, into *total and *now (each
 * may be NULL). 0, or -1: ENOTSUP it is no physical function.
 */
int pci_sriov_count(const char *bdf, unsigned int *total, unsigned int *now);

/*
 * Make `n` virtual functions, or unmake them all (0). May take a second. 0, or -1: ERANGE it cannot
 * have so many; EBUSY it has some, another number, which must be unmade first; ENOTSUP it is no
 * physical function; EPERM its driver does not do it; or the errno of write(2).
 */
int pci_sriov_set(const char *bdf, unsigned int n);

/* The address of virtual function `index`, from 0 on; free(3) it. NULL: ENOENT there is none. */
char *pci_sriov_vf(const char *bdf, unsigned int index);

/* The address of the physical function that `bdf` belongs to; free(3) it. NULL: ENOENT it is no
 * virtual function. */
char *pci_sriov_pf(const char *bdf);

#ifdef __cplusplus
}
#endif

#endif
