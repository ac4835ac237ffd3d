#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# group.sh FIRST SECOND: two controllers of one IOMMU group, of which the kernel drives the second. The daemon says why
# it cannot have the first, and has both once vfio-pci does. Prints TAP.
. "${top_srcdir:?}/tests/int/lib.sh"
first=$1
second=$2
lib_begin
start_vfnd --device "$first" || exit 99

# Which device, and which driver it has.
explained() {
    "$vfnctl" list -o json | tee "$dir/reason"
    grep -q "$second" "$dir/reason" && grep -qw nvme "$dir/reason" && grep -q vfio-pci "$dir/reason"
}
both_claimed() {
    tests/vm/bind.sh "$second" vfio-pci && "$vfnctl" claim "$first" && "$vfnctl" claim "$second"
}
# Each has its memory, in the address space that they share, and neither loses it to the other's end. What is written
# to them nobody keeps, so what they say of themselves shows whose memory they reach.
both_work() {
    head -c 65536 /dev/urandom >"$dir/data"
    for round in 1 2 3; do
        for device in "$first" "$second"; do
            "$vfnctl" write "$device" -n 1 -s 0 -c 127 -z 65536 -d "$dir/data" &&
                "$vfnctl" read "$device" -n 1 -s 0 -c 127 -z 65536 -d "$dir/back" &&
                "$vfnctl" id-ctrl "$device" >"$dir/id-$round-$device" &&
                cmp "$dir/id-1-$device" "$dir/id-$round-$device" || { echo "round $round, $device"; return 1; }
        done
        ! cmp -s "$dir/id-$round-$first" "$dir/id-$round-$second" || { echo "both say the same"; return 1; }
    done
}
one_released() {
    "$vfnctl" release "$first" && "$vfnctl" id-ctrl "$second" >"$dir/id" && "$vfnctl" claim "$first" &&
        "$vfnctl" id-ctrl "$first"
}
tap "a group with a foreign driver explains itself" explained
tap "both devices of the group are claimed" both_claimed
tap "both work" both_work
tap "one is released, and claimed again" one_released
tap "the daemon ends with status 0" daemon_ends
tap "the second is the kernel's again" tests/vm/bind.sh "$second" nvme
tap_end
