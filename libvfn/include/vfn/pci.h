/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything of vfn/pci/. */
#ifndef VFN_PCI_H
#define VFN_PCI_H

#include <vfn/pci/sriov.h>
#include <vfn/pci/util.h>
#include <vfn/support.h>

#endif
