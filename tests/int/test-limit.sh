#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Sessions with limits of commands and bytes a second, in requests and in served queues of both kinds.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
LIMIT_COMMANDS=4000
LIMIT_BYTES=40000000
INT_DEVICE=vfio-user:$dir/one.sock
INT_DEVICE2=vfio-user:$dir/two.sock
limits() {
    echo "session-commands-per-second = $LIMIT_COMMANDS"
    echo "session-bytes-per-second = $LIMIT_BYTES"
}
{
    echo "[device $INT_DEVICE]"
    limits
    echo "raw = yes"
    echo "[device $INT_DEVICE2]"
    limits
    echo "serve = poll"
} >"$dir/conf"
start_sim one --ns 8M && start_sim two --ns 8M || exit 99
start_vfnd --config "$dir/conf" || exit 99
export LIMIT_COMMANDS LIMIT_BYTES
int_environment
tap "limits hold, and nobody is left waiting" program_ends limit
tap "the daemon ends with status 0" daemon_ends
tap_end
