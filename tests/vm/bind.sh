#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# bind.sh ADDRESS DRIVER: takes a PCI device from its driver and gives it to DRIVER; `none` leaves
# it without a driver.
set -eu
device=/sys/bus/pci/devices/$1
driver=$2
if [ -e "$device/driver" ]; then
    echo "$1" >"$device/driver/unbind"
fi
[ "$driver" != none ] || exit 0
echo "$driver" >"$device/driver_override"
echo "$1" >/sys/bus/pci/drivers_probe
bound=$(basename "$(readlink "$device/driver")")
if [ "$bound" != "$driver" ]; then
    echo "$1 is bound to ${bound:-nothing}, not to $driver" >&2
    exit 1
fi
