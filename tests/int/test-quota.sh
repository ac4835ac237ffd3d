#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Where users have limits: what is freed beside direct queues, and traces.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
{
    printf "[limits]\nbuffers = 40\nbuffer-bytes = 2097152\n"
    printf "[device vfio-user:%s]\ndirect = yes\nraw = yes\n" "$dir/one.sock"
} >"$dir/conf"
start_sim one --ns 64M && start_sim two --ns 8M || exit 99
start_vfnd --config "$dir/conf" --device "vfio-user:$dir/one.sock" \
    --device "vfio-user:$dir/two.sock" || exit 99
INT_DEVICE=vfio-user:$dir/one.sock
INT_DEVICE2=vfio-user:$dir/two.sock
INT_FACTS=$dir
INT_SIM_CONTROL=$dir/one.control
INT_SIM_CONTROL2=$dir/two.control
KEEP_LIMITS=1
TRACE_LIMITS=1
INT_INJECT_SMART=false
INT_TAKE_AWAY=false
INT_DAEMON_PID=$vfnd_pid
export INT_DEVICE INT_DEVICE2 INT_FACTS INT_SIM_CONTROL INT_SIM_CONTROL2 KEEP_LIMITS TRACE_LIMITS \
    INT_INJECT_SMART INT_TAKE_AWAY INT_DAEMON_PID

program_ends() { # NAME
    "$top_builddir/tests/int/int-$1" >"$dir/cases"
    program_code=$?
    cat "$dir/cases"
    [ $program_code = 0 ] && return 0
    tail -n 30 "$dir/vfnd.log"
    return 1
}
daemon_ends() {
    stop "$vfnd_pid"
    [ "$stopped" = 0 ] && return 0
    cat "$dir/vfnd.log"
    return 1
}
tap "what is freed is kept, and counted" program_ends keep
tap "the memory of traces counts" program_ends trace
tap "the daemon ends with status 0" daemon_ends
tap_end
