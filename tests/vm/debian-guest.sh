#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the Debian guest, by systemd: installs the packages in /packages and uses the service. Prints TAP.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
cases=0

check() {
    name=$1
    shift
    cases=$((cases + 1))
    if "$@" >/tmp/out 2>&1; then
        echo "ok $cases - $name"
    else
        sed 's/^/# /' /tmp/out
        echo "not ok $cases - $name"
    fi
}

# The controller that serves the test, by its serial number as the kernel's driver says it.
address=
for ctrl in /sys/class/nvme/nvme*; do
    [ "$(tr -d ' ' <"$ctrl/serial")" != vfnd-nvme0 ] || address=$(basename "$(readlink "$ctrl/device")")
done

active() {
    systemctl status --no-pager "$1"
    systemctl is-active "$1"
}
device_is() {
    vfnctl list
    vfnctl list | grep -F "$address" | grep -qF "$1"
}
soon() {
    tries=120
    while ! "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { journalctl --no-pager -u vfnd | tail -n 20; return 1; }
        sleep 0.5
    done
}
as() { # USER COMMAND...
    user=$1
    shift
    runuser -u "$user" -- "$@"
}
refused() {
    as mallory vfnctl list && return 1
    as mallory vfnctl list 2>&1 | grep -i 'permission denied'
}
runs_as() {
    ps -o user:20=,args= -C vfnd
    [ "$(ps -o user:20= -C vfnd | tr -d ' ')" = vfnd ]
}
owner_is() {
    ls -l /dev/vfio /dev/vfio/devices
    [ "$(stat -c '%U %a' "$1")" = "vfnd 600" ]
}
block() {
    printf '%-512s' 'all is well' >/tmp/block
    chmod 0644 /tmp/block
    as alice vfnctl write "$address" -n 1 -s 0 -c 0 -z 512 -d /tmp/block &&
        as alice vfnctl read "$address" -n 1 -s 0 -c 0 -z 512 >/tmp/got &&
        cmp /tmp/block /tmp/got
}

check "systemd is init" test "$(cat /proc/1/comm)" = systemd
check "there is a controller with the kernel's driver" test -n "$address"
check "the packages can be installed" sh -c 'dpkg -i /packages/*.deb'
check "the service has started" active vfnd.service
check "so has its socket" active vfnd.socket
check "it runs as its own user" runs_as
printf '[device %s]\n' "$address" >>/etc/vfnd/vfnd.conf
check "a configuration with the controller is read" systemctl reload vfnd.service
check "the controller is claimed" soon device_is ready
group=$(basename "$(readlink "/sys/bus/pci/devices/$address/iommu_group")")
check "the files of VFIO are the service's" owner_is "/dev/vfio/$group"
useradd -G vfnd alice
useradd mallory
check "a member of the group reads the identity" as alice vfnctl id-ctrl "$address"
check "writes, and reads it back" block
check "somebody else is refused" refused
check "the journal knows the device" sh -c "journalctl --no-pager VFND_DEVICE=$address | grep claimed"
check "the service can be restarted" systemctl restart vfnd.service
check "and has the controller again" soon device_is ready
check "a member of the group still uses it" block
echo 'nonsense' >>/etc/vfnd/vfnd.conf
check "a wrong file is not the end of it" systemctl reload vfnd.service
check "the journal says where it is wrong" sh -c "journalctl --no-pager -u vfnd | grep 'vfnd.conf:[0-9]*: '"
check "the controller is served all the same" block
check "the watchdog is fed" sh -c 'sleep 35; systemctl is-active vfnd.service'
check "the packages can be removed" dpkg -r vfnd
check "and the service is gone" sh -c '! systemctl is-active vfnd.service'
echo "1..$cases"
