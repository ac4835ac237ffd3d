#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: asks the host to do something to the machine, prints its answer, and fails unless
# that is "ok". Requests:
#   smart-warning NAME VALUE   the controller NAME (nvme0...) reports VALUE as its critical warning
#   throttle DRIVE N           the medium DRIVE (disk1...) does N requests a second; 0 is as many as it can
#   unplug NAME                the device NAME is pulled; the kernel hears of it some time later
#   exit STATUS                what tests/vm/run shall exit with
set -eu
# One process at a time can have the port open.
exec 8>/run/vfnd-vm/monitor.lock
flock 8
exec 9<>/dev/virtio-ports/monitor
echo "$*" >&9
read -r answer <&9
echo "$answer"
[ "$answer" = ok ]
