#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Priorities of queues: int-priority, and controllers that fail with what they offer.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
INT_DEVICE=vfio-user:$dir/one.sock
INT_DEVICE2=vfio-user:$dir/two.sock
# Feature 01h is the first that is set.
echo 'status admin 9 1 0 2' >"$dir/refuses"
start_sim one --ns 64M --wrr && start_sim two --ns 64M &&
    start_sim three --ns 8M --wrr --faults "$dir/refuses" || exit 99
{
    echo "[device $INT_DEVICE]"
    echo "arbitration = wrr,2,4,2,1"
    echo "queue-pairs = 4"
    echo "direct = yes"
    echo "raw = yes"
    echo "[device $INT_DEVICE2]"
    echo "arbitration = wrr,2,4,2,1"
    echo "serve = poll"
    echo "[device vfio-user:$dir/three.sock]"
    echo "arbitration = wrr"
} >"$dir/vfnd.conf"
start_vfnd --config "$dir/vfnd.conf" || exit 99
int_environment
said_once() { # DEVICE TEXT
    [ "$(grep -c "$1.*$2" "$dir/vfnd.log")" = 1 ] && return 0
    cat "$dir/vfnd.log"
    return 1
}
goes_by_no_class() { # DEVICE
    "$vfnctl" show-regs "vfio-user:$dir/$1.sock" -H >"$dir/cc" 2>&1
    grep -q 'AMS.*: Round Robin' "$dir/cc" && return 0
    cat "$dir/cc"
    return 1
}
tap "the cases of int-priority" program_ends priority
tap "a controller without it is used as it is, which is said once" said_once two.sock 'round robin alone (CAP.AMS)'
tap "one that refuses weights is used without it, which is said once" said_once three.sock \
    'not with this controller: .*Arbitration failed'
tap "and goes by no class" goes_by_no_class three
tap_end
