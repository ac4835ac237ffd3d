#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The default command of tests/vm/run: checks that the guest is what the tests take it for, then
# runs the integration suite on its devices. Prints TAP. Environment: see init.sh.
set -u

vm=/run/vfnd-vm
cases=0

# check NAME COMMAND...: a case that holds if the command succeeds.
check() {
    name=$1
    shift
    cases=$((cases + 1))
    if "$@" >$vm/tmp/out 2>&1; then
        echo "ok $cases - vm: $name"
    else
        sed 's/^/# /' $vm/tmp/out
        echo "not ok $cases - vm: $name"
    fi
}

driver_of() {
    basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}

group_of() {
    basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"
}

bound_to() {
    echo "driver of $1: $(driver_of "$1")"
    [ "$(driver_of "$1")" = "$2" ]
}

iommu_on() {
    if [ "$VM_ARCH" = arm64 ]; then
        # The interrupt translation service tells devices apart, so there is nothing to remap.
        [ -n "$(echo /sys/class/iommu/smmu3.*)" ] && dmesg | grep -q 'ITS@'
        return
    fi
    [ -d /sys/class/iommu/dmar0 ] && dmesg | grep -q 'DMAR-IR: Enabled IRQ remapping'
}

# alone DEVICE: its group has a file, and no other device in it.
alone() {
    group=$(group_of "$1")
    ls "/sys/kernel/iommu_groups/$group/devices"
    [ -c "/dev/vfio/$group" ] && [ "$(ls "/sys/kernel/iommu_groups/$group/devices")" = "$1" ]
}

has_cdev() {
    ls "/sys/bus/pci/devices/$1/vfio-dev"
    [ -c "/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$1/vfio-dev")" ]
}

same_group() {
    [ -n "$(group_of "$1")" ] && [ "$(group_of "$1")" = "$(group_of "$2")" ]
}

# snapshot DEVICE SERIAL NAMESPACES
snapshot() {
    grep -r . "$vm/$1"
    for f in cap vs config vendor device model firmware_rev cntlid ns1_blocks ns1_block_size; do
        [ -s "$vm/$1/$f" ] || { echo "no $f"; return 1; }
    done
    [ "$(cat "$vm/$1/serial")" = "$2" ] && [ "$(cat "$vm/$1/namespaces")" = "$3" ] || return 1
    # The configuration space begins with vendor and device, low byte first.
    vendor=$(cut -c3-6 "$vm/$1/vendor")
    [ "$(head -c 5 "$vm/$1/config")" = "${vendor#??} ${vendor%??}" ] || return 1
    # NVMe 1.0 or later; a controller without queue entries or timeout would read as 0.
    [ $(($(cat "$vm/$1/vs"))) -ge 65536 ] && [ $(($(cat "$vm/$1/cap"))) -ne 0 ]
}

answers() {
    expected=$1
    shift
    answer=$(tests/vm/qmp-request.sh "$@")
    echo "$answer"
    case $answer in
    $expected) return 0 ;;
    *) return 1 ;;
    esac
}

smart_warning() {
    answers ok smart-warning nvme0 4 && answers ok smart-warning nvme0 0
}

# Ten processes ask at once, each gets its own answer.
concurrent_requests() {
    pids=
    for i in 1 2 3 4 5 6 7 8 9 10; do
        if [ $((i % 2)) -eq 0 ]; then
            answers ok smart-warning nvme1 0 &
        else
            answers 'error*' smart-warning "nvme9$i" 0 &
        fi
        pids="$pids $!"
    done
    for pid in $pids; do
        wait "$pid" || return 1
    done
}

# Programs as users of libvfn write them, by the transport that is tested.
user_program() { # NAME DEVICE ARGUMENT...
    program=$top_builddir/tests/vm/user-$1
    shift
    timeout 60 "$program" "$@" && return
    echo "exit status $?"
    return 1
}

# Reads at two depths: all counted, none failed. No speeds, the machine is emulated.
measured() {
    "$top_builddir/tests/bench/vfn-perf" -q 1,16 -t 0.5 -a 0.1 -c 1 -j -r "trtype:PCIe traddr:$1" \
        >$vm/tmp/json || return 1
    cat $vm/tmp/json
    python3 -c 'import json, sys
for x in json.load(open(sys.argv[1]))["results"]:
    assert x["commands"] == x["reads"] > 0 and not x["errors"], x' $vm/tmp/json
}

# What the suite takes for a sign of DMA gone astray is one.
strays() {
    "$top_builddir/tests/vm/vm-transport" --stray "$VM_EDU" || return 1
    for _ in $(seq 100); do
        tests/vm/faults.sh && return
        sleep 0.1
    done
    return 1
}

unplugged() {
    answers ok unplug nvme1 || return 1
    for _ in $(seq 100); do
        [ -e "/sys/bus/pci/devices/$VM_NVME1" ] || return 0
        sleep 0.1
    done
    echo "$VM_NVME1 is still there"
    return 1
}

# tap_append: takes another TAP stream on standard input and numbers its cases after ours; its plan
# is checked and left out. The number of cases so far goes to $vm/tmp/cases. It is a shell loop
# because awk holds lines back, and with them the name of the test that hangs.
tap_append() {
    first=$cases
    plan=none
    while IFS= read -r line; do
        case $line in
        1..[0-9]*)
            plan=${line#1..}
            plan=${plan%%[!0-9]*}
            continue
            ;;
        ok|ok\ *|not\ ok|not\ ok\ *)
            cases=$((cases + 1))
            verdict=${line%%ok*}ok
            rest=${line#"$verdict"}
            rest=${rest# }
            rest=${rest#"${rest%%[!0-9]*}"}
            line="$verdict $cases ${rest# }"
            ;;
        esac
        printf '%s\n' "$line"
    done
    seen=$((cases - first))
    if [ "$plan" != $seen ]; then
        cases=$((cases + 1))
        echo "not ok $cases - vm: $seen tests seen, planned $plan"
    fi
    echo $cases >$vm/tmp/cases
}

# append NAME COMMAND...: the cases that the command prints, and one for its exit status.
append() {
    name=$1
    shift
    {
        "$@"
        echo $? >$vm/tmp/status
    } | tap_append
    cases=$(cat $vm/tmp/cases)
    check "the exit status of the $name is 0" [ "$(cat $vm/tmp/status)" = 0 ]
}

check "the IOMMU and interrupt remapping are on" iommu_on
check "/dev/vfio/vfio is there" [ -c /dev/vfio/vfio ]
check "/dev/iommu is there" [ -c /dev/iommu ]
for device in "$VM_NVME0" "$VM_NVME1" "$VM_NVME2" "$VM_EDU"; do
    check "$device is bound to vfio-pci" bound_to "$device" vfio-pci
    check "$device has a vfio device file" has_cdev "$device"
done
for device in "$VM_NVME0" "$VM_NVME1" "$VM_EDU"; do
    check "$device is alone in its group" alone "$device"
done
check "nvme3 is bound to nvme" bound_to "$VM_NVME3" nvme
# What is to be seen of groups of several devices is not to be seen where there are none.
if [ "$VM_ARCH" = arm64 ] && ! same_group "$VM_NVME2" "$VM_NVME3"; then
    cases=$((cases + 1))
    echo "ok $cases - vm: nvme2 and nvme3 share a group # SKIP each function has a group of its own here"
else
    check "nvme2 and nvme3 share a group" same_group "$VM_NVME2" "$VM_NVME3"
fi
check "what the kernel said of nvme0 is kept" snapshot "$VM_NVME0" vfnd-nvme0 2
check "what the kernel said of nvme1 is kept" snapshot "$VM_NVME1" vfnd-nvme1 1
check "a SMART warning can be asked for" smart_warning
check "an unknown request is an error" answers 'error unknown request' make-coffee
check "a request about an unknown device is an error" answers 'error*' unplug nvme9
check "requests of several processes do not mix" concurrent_requests

append "tests of the transport" "$top_builddir/tests/vm/vm-transport"
for program in identify io-verify level-one mappings own-allocator generic-pci; do
    check "$program works on nvme0" user_program $program "$VM_NVME0"
done
check "generic-pci works on edu" user_program generic-pci "$VM_EDU"
check "events works on nvme0" user_program events "$VM_NVME0" 'tests/vm/qmp-request.sh smart-warning nvme0 4'
append "tests of vfnd-bind" tests/vm/bind-tests.sh
append "tests of data and metadata" "$top_builddir/tests/unit/libvfn/nvme/test-data" "$VM_NVME5"
append "tests of controller memory" "$top_builddir/tests/vm/vm-memory"
append "tests of late commands and events" "$top_builddir/tests/vm/vm-recover"
append "tests of virtual functions" "$top_builddir/tests/vm/vm-sriov"
[ ! -x tests/int/suite.sh ] || append "integration suite" tests/int/suite.sh --real "$VM_NVME0" "$VM_NVME1"
append "tests of class pci on edu" tests/int/test-edu.sh "$VM_EDU"
append "tests of class pci on controllers" tests/int/test-pci.sh --real "$VM_NVME0" "$VM_NVME1"
if same_group "$VM_NVME2" "$VM_NVME3"; then
    append "tests of a group of two" tests/vm/group.sh "$VM_NVME2" "$VM_NVME3"
fi
append "comparison with nvme-cli" tests/vm/nvme-cli.sh "$VM_NVME0"
append "examples of libvfn" tests/int/test-libvfn-examples.sh --real "$VM_NVME0" "$VM_NVME1" "$VM_EDU"

check "reads of nvme0 are measured" measured "$VM_NVME0"
check "DMA to memory that is not mapped is stopped, and seen" strays

check "a device can be pulled" unplugged
echo "1..$cases"
