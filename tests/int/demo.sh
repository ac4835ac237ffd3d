#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# vfnd's main job, step by step, on a software NVMe controller. Last line: demo: ok
set -u
: "${top_srcdir:?}" "${top_builddir:?}"
. "$top_srcdir/tests/int/lib.sh"
client=$top_builddir/tests/int/demo-client

die() {
    echo "demo: FAILED: $*"
    for log in "$dir"/*.log; do
        echo "--- ${log##*/}"
        tail -n 20 "$log"
    done
    exit 1
}

step() {
    echo
    echo "== $*"
}

show() { # COMMAND...: what it prints, indented
    "$@" >"$dir/show" 2>"$dir/show.err" || die "$*: $(cat "$dir/show.err")"
    sed 's/^/   /' "$dir/show"
}

excerpt() { # PATTERN COMMAND...: the lines that match
    excerpt_pattern=$1
    shift
    "$@" >"$dir/show" 2>"$dir/show.err" || die "$*: $(cat "$dir/show.err")"
    grep -E "$excerpt_pattern" "$dir/show" >"$dir/excerpt" || die "$*: nothing of what it should show"
    sed 's/^/   /' "$dir/excerpt"
}

# The value of a line "name : value" of vfnctl stats.
counter() {
    "$vfnctl" stats | sed -n "s/^$1 *: //p"
}

lib_begin

step "A software NVMe controller starts: a process of its own with two namespaces, 64 and 16 MiB."
start_sim controller --ns 64M --ns 16M || die "vfnd-sim does not start"
sim=$sim_pid

step "vfnd starts and claims it through vfio-user."
start_vfnd --device "vfio-user:$dir/controller.sock" || die "vfnd does not start"
daemon=$vfnd_pid
show "$vfnctl" list
grep -q ' ready ' "$dir/show" || die "the controller is not ready"

step "Identify: what the controller says about itself, and about namespace 1."
excerpt '^(vid|sn|mn|fr|mdts|ver|nn|aerl) ' "$vfnctl" id-ctrl
excerpt '^(nsze|ncap|lbaf)' "$vfnctl" id-ns -n 1

step "Registers: version, capabilities, configuration and state, decoded."
excerpt '^(cap|version|cc|csts) |NVMe spec|MQES|\(DSTRD\)|Enable  +\(EN\)|\(RDY\)|\(CFS\)' \
    "$vfnctl" show-regs -H

step "Two clients use it at once. Each has its own session, buffer and queue pair; each writes, reads"
echo "   back and compares its own blocks of namespace 1, 16 commands at a time, until an event comes."
queue_pairs=$(counter queue_pairs) buffers=$(counter buffers)
"$client" first 1 0 >"$dir/first.log" 2>&1 &
first=$!
"$client" second 1 65536 >"$dir/second.log" 2>&1 &
second=$!
lib_pids="$first $second $lib_pids"
for log in first second; do
    wait_for 10 grep -q compare "$dir/$log.log" || die "client $log does not work"
done
cat "$dir/first.log" "$dir/second.log" | sed 's/^/   /'
[ "$(counter sessions)" -eq 3 ] || die "there are not two sessions besides that of vfnctl"
[ "$(counter queue_pairs)" -eq $((queue_pairs + 2)) ] || die "there are not two queue pairs"
[ "$(counter buffers)" -eq $((buffers + 2)) ] || die "there are not two buffers"
echo "   The daemon counts two sessions, two queue pairs and two buffers more than before."

step "The controller reports a SMART warning: an asynchronous event. It reaches both clients."
tell_sim controller 'smart-warning 4' >"$dir/show" || die "the controller does not take the fault"
for pid in $first $second; do
    wait_for 10 lib_ended "$pid" || die "a client did not end with the event"
    stop "$pid"
    [ "$stopped" -eq 0 ] || die "a client failed"
done
for log in first second; do
    excerpt 'event: type 1, info .*log page 2, critical warning 4' cat "$dir/$log.log"
    excerpt 'MiB written, read back and compared' cat "$dir/$log.log"
done

step "The clients have ended. Nothing of theirs is left in the daemon."
[ "$(counter queue_pairs)" -eq "$queue_pairs" ] || die "queue pairs are left"
[ "$(counter buffers)" -eq "$buffers" ] || die "buffers are left"
excerpt '^(sessions|submitted|completed|failed|outstanding|events|queue_pairs|buffers) ' \
    "$vfnctl" stats

step "Everything stops."
stop "$daemon"
[ "$stopped" -eq 0 ] || die "vfnd ended with exit code $stopped"
stop "$sim"
[ "$stopped" -eq 0 ] || die "vfnd-sim ended with exit code $stopped"
for pid in "$daemon" "$sim" "$first" "$second"; do
    ! kill -0 "$pid" 2>/dev/null || die "process $pid is left"
done
for socket in "$VFND_SOCKET" "$dir/controller.sock" "$dir/controller.control"; do
    [ ! -e "$socket" ] || die "$socket is left"
done
echo "   No process and no socket is left."
echo "demo: ok"
