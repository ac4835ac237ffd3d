#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A device with interrupt-coalescing in vfnd.conf: int-coalesce.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
start_sim one --ns 64M || exit 99
INT_DEVICE=vfio-user:$dir/one.sock
printf '[device %s]\ndirect = yes\ninterrupt-coalescing = 16,20000\n' "$INT_DEVICE" >"$dir/vfnd.conf"
start_vfnd --config "$dir/vfnd.conf" --device "$INT_DEVICE" || exit 99
INT_DEVICE2=$INT_DEVICE
int_environment
tap "the cases of int-coalesce" program_ends coalesce
grep '^# .*interrupts a command' "$dir/cases"
tap "the controller has what is configured" sh -c "'$vfnctl' get-feature -f 8 | grep 'value:0x0000c80f'"
tap_end
