#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Devices of class pci: two software controllers that the daemon leaves undriven. With --real FIRST SECOND: these PCI
# devices, NVMe controllers that vfio-pci has.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
INT_DEVICE=vfio-user:$dir/one.sock
INT_DEVICE2=vfio-user:$dir/two.sock
if [ "${1-}" = --real ]; then
    INT_DEVICE=$2
    INT_DEVICE2=$3
else
    INT_SIM_CONTROL=$dir/one.control
    INT_SIM_CONTROL2=$dir/two.control
    start_sim one --ns 8M || exit 99
    start_sim two --ns 8M || exit 99
fi
{
    printf '[device %s]\nclass = pci\nraw = yes\ndirect = yes\n' "$INT_DEVICE"
    printf '[device %s]\nclass = pci\n' "$INT_DEVICE2"
} >"$dir/conf"
start_vfnd --config "$dir/conf" --device "$INT_DEVICE" --device "$INT_DEVICE2" || exit 99
int_environment
known_as_pci() {
    "$vfnctl" list -o json | tee "$dir/list"
    [ "$(grep -c '"Class":"pci"' "$dir/list")" -ge 1 ] || grep -q 'pci' "$dir/list"
}
# What is under way of a device nobody knows: the daemon stays what it is.
not_handed_on() {
    kill -USR2 "$vfnd_pid" && wait_for 20 grep -q 'cannot be handed on' "$dir/vfnd.log" && "$vfnctl" list
}
tap "the devices are of class pci" known_as_pci
tap "they are driven by a client" program_ends pci
# Vector 1 is the tool's: it takes it, sees nothing, and gives it back.
interrupts_shown() {
    "$vfnctl" interrupts "$INT_DEVICE" -v 1 -c 1 -t 200 2>"$dir/err"
    shown=$?
    cat "$dir/err"
    [ $shown = 3 ] && grep -q '0 of 1 interrupts came in time' "$dir/err"
}
tap "vfnctl waits for an interrupt" interrupts_shown
tap "for as long as it is told, if not for a number" "$vfnctl" interrupts "$INT_DEVICE" -v 1 -t 50
tap "vfnctl knows no such vector" sh -c '! "$1" interrupts "$2" -v 9999 -c 1' sh "$vfnctl" "$INT_DEVICE"
tap "vfnctl shows its registers" "$vfnctl" bar-read "$INT_DEVICE" --offset 0 --length 64
tap "vfnctl resets the function" "$vfnctl" reset "$INT_DEVICE" -k function
# says TEXT ARGUMENT...: the daemon refuses it, and says that.
says() {
    says_text=$1
    shift
    "$vfnctl" "$@" >"$dir/said" 2>&1
    says_code=$?
    cat "$dir/said"
    [ $says_code -eq 3 ] && grep -qF -e "$says_text" "$dir/said"
}
tap "there is no other reset" says "of kind \`function'" reset "$INT_DEVICE"
tap "there is no controller to enable" says "no controller to enable" enable "$INT_DEVICE"
tap "the log names class and transport" grep -q 'claimed: pci [a-z]' "$dir/vfnd.log"
tap "it does not execute itself anew" not_handed_on
tap "the daemon ends with status 0" daemon_ends
tap_end
