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
KEEP_LIMITS=1
TRACE_LIMITS=1
export KEEP_LIMITS TRACE_LIMITS
int_environment
tap "what is freed is kept, and counted" program_ends keep
tap "the memory of traces counts" program_ends trace
tap "the daemon ends with status 0" daemon_ends
tap_end
