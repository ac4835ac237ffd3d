/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/class.h"

#include "daemon/device/nvme.h"
#include "daemon/device/pci.h"

const struct device_class *const device_classes[] = {
	&nvme_class,
	&pci_class,
	NULL,
};
