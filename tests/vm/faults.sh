#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Prints what the guest's kernel says of DMA that the IOMMU has stopped; fails when it says nothing.
dmesg | grep -i 'DMAR:.*fault\|arm-smmu-v3.*event[ :]'
