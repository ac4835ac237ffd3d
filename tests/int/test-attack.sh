#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Attacks on the daemon's weak moments: it goes on, for everybody else as well, and ends with status 0.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
printf '[daemon]\nabort-timeout-ms = 500\ncommand-timeout-ms = 1000\n[limits]\nbuffers = 40\n' >"$dir/conf"
printf '[device vfio-user:%s]\ndirect = yes\nraw = yes\n' "$dir/one.sock" >>"$dir/conf"
start_sim one --ns 64M --ns 8M || exit 99
start_vfnd --config "$dir/conf" --device "vfio-user:$dir/one.sock" || exit 99
INT_DEVICE=vfio-user:$dir/one.sock
int_environment
storm() { # a signal may come between the image before and the handlers of the new one
    storm_left=500
    while [ $storm_left -gt 0 ]; do
        kill -USR2 "$vfnd_pid" || return 1
        storm_left=$((storm_left - 1))
        sleep 0.001
    done
    wait_for 10 "$vfnctl" list
}
tap "the attacks do no harm" program_ends attack
few_lines() {
    few=$(grep -c 'not outstanding' "$dir/vfnd.log")
    echo "$few lines"
    [ "$few" -gt 0 ] && [ "$few" -lt 40 ]
}
tap "the log is not full of what clients bring about" few_lines
tap "descriptors that do not want to be closed block nobody" program_ends unclosable
tap "a storm of SIGUSR2 does not end it" storm
tap "the daemon ends with status 0" daemon_ends
tap_end
