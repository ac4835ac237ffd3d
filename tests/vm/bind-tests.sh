#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# vfnd-bind on the guest's devices: prints TAP. nvme5 is its own group, nvme2 and nvme3 share one where
# the IOMMU cannot tell them apart; afterwards all have the drivers that they had.
set -u
bind=$top_builddir/daemon/vfnd-bind
out=/run/vfnd-vm/tmp/bind
cases=0

check() {
    name=$1
    shift
    cases=$((cases + 1))
    if "$@" >$out 2>&1; then
        echo "ok $cases - $name"
    else
        sed 's/^/# /' $out
        echo "not ok $cases - $name"
    fi
}

has() { # DEVICE DRIVER
    driver=$(basename "$(readlink "/sys/bus/pci/devices/$1/driver")")
    echo "$1 has ${driver:-none}"
    [ "$driver" = "$2" ]
}

fails() { # STATUS TEXT ARGUMENT...
    fails_status=$1 fails_text=$2
    shift 2
    "$bind" "$@"
    fails_code=$?
    echo "status $fails_code"
    [ $fails_code -eq "$fails_status" ] && grep -qF -e "$fails_text" $out
}

override_is() {
    cat "/sys/bus/pci/devices/$1/driver_override"
    [ "$(cat "/sys/bus/pci/devices/$1/driver_override")" = "$2" ]
}

check "a device that somebody else gave goes to its own driver" "$bind" unbind "$VM_NVME5"
check "which is the kernel's" has "$VM_NVME5" nvme
check "and may take it again some time" override_is "$VM_NVME5" "(null)"
check "vfnd could not use it now" fails 1 "is with nvme" status "$VM_NVME5"
check "it is given to vfio-pci" "$bind" bind "$VM_NVME5"
check "and has that" has "$VM_NVME5" vfio-pci
check "vfnd could use it now" "$bind" status "$VM_NVME5"
check "it goes back" "$bind" unbind "$VM_NVME5"
check "to the driver that it had" has "$VM_NVME5" nvme
check "nothing is noted any more" test ! -e "/run/vfnd-bind/$VM_NVME5"
foreign="a group with a foreign driver explains itself"
if [ -e "/sys/bus/pci/devices/$VM_NVME2/iommu_group/devices/$VM_NVME3" ]; then
    check "$foreign" fails 1 "$VM_NVME3 is still bound to nvme" bind "$VM_NVME2"
else
    cases=$((cases + 1))
    echo "ok $cases - $foreign # SKIP this IOMMU has a group for each of the two"
fi
printf '[device %s]\n[device vfio-user:/run/none]\n' "$VM_NVME5" >/run/vfnd-vm/tmp/bind.conf
check "what the configuration names is given" "$bind" --config /run/vfnd-vm/tmp/bind.conf --configured bind
check "all of it" has "$VM_NVME5" vfio-pci
check "a device that is not there" fails 1 "there is no PCI device ffff:ff:1f.7" bind ffff:ff:1f.7
check "a name that is none" fails 2 "'../x' is no address" bind ../x
check "no device at all" fails 2 "either addresses" bind
check "nothing to be done" fails 2 "what is to be done" "$VM_NVME5"
echo "1..$cases"
