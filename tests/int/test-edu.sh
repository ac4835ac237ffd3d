#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# test-edu.sh DEVICE: QEMU's device "edu", which vfio-pci has, through the daemon. In the guest of tests/vm.
[ $# -eq 1 ] || { echo "1..0 # SKIP no edu is here; tests/vm has one"; exit 0; }
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
INT_DEVICE=$1
# Its class is found by its class code.
printf '[device %s]\nraw = yes\ndirect = yes\n' "$INT_DEVICE" >"$dir/conf"
start_vfnd --config "$dir/conf" --device "$INT_DEVICE" || exit 99
int_environment
# The register that raises an interrupt is written to while the tool waits for it.
interrupt_shown() {
    "$vfnctl" interrupts -c 1 -t 20000 >"$dir/shown" 2>&1 &
    shown_pid=$!
    shown_tries=100
    while [ $shown_tries -gt 0 ] && ! grep -q 'vector 0: 1' "$dir/shown"; do
        "$vfnctl" bar-write --offset 0x60 --value 1
        "$vfnctl" bar-write --offset 0x64 --value 1
        shown_tries=$((shown_tries - 1))
        sleep 0.1
    done
    wait $shown_pid
    shown=$?
    cat "$dir/shown"
    [ $shown = 0 ]
}
tap "edu is driven by a client" program_ends edu
tap "vfnctl shows an interrupt" interrupt_shown
# QEMU's edu has no function level reset.
reset_refused() {
    ! "$vfnctl" reset -k function 2>"$dir/refused" && grep 'the function cannot be reset' "$dir/refused"
}
tap "vfnctl says that it cannot be reset" reset_refused
tap "the daemon ends with status 0" daemon_ends
tap_end
