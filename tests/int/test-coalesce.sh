#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A device with interrupt-coalescing in vfnd.conf: int-coalesce.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
start_sim one --ns 64M || exit 99
INT_DEVICE=vfio-user:$dir/one.sock
INT_SIM_CONTROL=$dir/one.control
printf '[device %s]\ndirect = yes\ninterrupt-coalescing = 16,20000\n' "$INT_DEVICE" >"$dir/vfnd.conf"
start_vfnd --config "$dir/vfnd.conf" --device "$INT_DEVICE" || exit 99
INT_DAEMON_PID=$vfnd_pid
INT_DEVICE2=$INT_DEVICE
INT_FACTS=$dir
INT_INJECT_SMART=:
INT_TAKE_AWAY=:
export INT_DEVICE INT_DEVICE2 INT_FACTS INT_INJECT_SMART INT_TAKE_AWAY INT_SIM_CONTROL INT_DAEMON_PID
coalesce() {
    "$top_builddir/tests/int/int-coalesce" >"$dir/cases" 2>&1
    coalesce_code=$?
    cat "$dir/cases"
    return $coalesce_code
}
tap "the cases of int-coalesce" coalesce
grep '^# .*interrupts a command' "$dir/cases"
tap "the controller has what is configured" sh -c "'$vfnctl' get-feature -f 8 | grep 'value:0x0000c80f'"
tap_end
