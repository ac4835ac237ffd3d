# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034
# What shell tests of the whole share: starting and stopping vfnd-sim and vfnd, and TAP.
#
#     . "$top_srcdir/tests/int/lib.sh"
#     lib_begin                       # a folder $dir, removed at the end, and everything stopped
#     start_sim one --ns 64M          # $dir/one.sock, $dir/one.control, $dir/one.log
#     start_vfnd --device "vfio-user:$dir/one.sock"   # $VFND_SOCKET, $dir/vfnd.log
#     tap "name of the case" command argument...
#     tap_end
#
# Only processes started here are stopped, by their process ids.
: "${top_srcdir:?}" "${top_builddir:?}"
vfnctl=$top_builddir/client/vfnctl/vfnctl
vfnd=$top_builddir/daemon/vfnd
vfnd_sim=$top_builddir/tests/sim/vfnd-sim
lib_pids=
tap_count=0
tap_failed=0

lib_begin() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/vfnd-test.XXXXXX") || exit 99
    VFND_SOCKET=$dir/vfnd.sock
    export VFND_SOCKET
    trap 'lib_end' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

lib_end() {
    lib_code=$?
    trap - EXIT
    stop_all
    rm -rf "$dir"
    exit $lib_code
}

lib_say() {
    echo "$*" >&2
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails when it does not in time.
wait_for() {
    lib_tries=$(($1 * 50))
    shift
    while ! "$@" >/dev/null 2>&1; do
        lib_tries=$((lib_tries - 1))
        [ $lib_tries -gt 0 ] || return 1
        sleep 0.02
    done
}

# A socket that somebody listens on; and the process that should is alive.
lib_listens() { # PID SOCKET
    kill -0 "$1" && [ -S "$2" ]
}

# start_sim NAME OPTION...: a software controller; its socket is $dir/NAME.sock.
start_sim() {
    lib_name=$1
    shift
    # One that was killed has left its sockets, which would be taken for those of its successor.
    rm -f "$dir/$lib_name.sock" "$dir/$lib_name.control"
    "$vfnd_sim" --socket "$dir/$lib_name.sock" --control "$dir/$lib_name.control" "$@" \
        >"$dir/$lib_name.log" 2>&1 &
    sim_pid=$!
    lib_pids="$sim_pid $lib_pids"
    if ! wait_for 10 lib_listens $sim_pid "$dir/$lib_name.control"; then
        lib_say "vfnd-sim did not start:"
        cat "$dir/$lib_name.log" >&2
        return 1
    fi
}

tell_sim() { # NAME COMMAND...: a command to the controller's control socket
    lib_name=$1
    shift
    "$vfnd_sim" --tell "$dir/$lib_name.control" "$@"
}

lib_ready() { # every device is claimed, or has failed
    kill -0 "$vfnd_pid" 2>/dev/null || return 0
    "$vfnctl" list -o json >"$dir/list" 2>/dev/null && ! grep -q '"State":"claiming"' "$dir/list"
}

# start_vfnd OPTION...: the daemon at $VFND_SOCKET; returns when its devices are ready or failed. With $vfnd_one_cpu
# it has all processors only from then on.
vfnd_one_cpu=
start_vfnd() {
    ${vfnd_one_cpu:+taskset 1} "$vfnd" --config /dev/null --socket "$VFND_SOCKET" "$@" >"$dir/vfnd.log" 2>&1 &
    vfnd_pid=$!
    lib_pids="$vfnd_pid $lib_pids"
    if ! wait_for 30 lib_ready || ! kill -0 $vfnd_pid 2>/dev/null; then
        lib_say "vfnd did not start:"
        cat "$dir/vfnd.log" >&2
        return 1
    fi
    # Those of its threads that have just ended are no failure.
    [ -z "$vfnd_one_cpu" ] || taskset -ap ffffffff $vfnd_pid >/dev/null 2>&1 || :
}

# Gone, or waiting for its exit code to be taken.
lib_ended() { # PID
    lib_state=$(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) || return 0
    [ -z "$lib_state" ] || [ "$lib_state" = Z ]
}

# stop PID [SIGNAL]: waits until it has ended, kills it after 20 seconds; its exit code is $stopped.
stop() {
    kill "-${2:-TERM}" "$1" 2>/dev/null
    wait_for 20 lib_ended "$1" || kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    stopped=$?
    lib_left=
    for lib_pid in $lib_pids; do
        [ "$lib_pid" = "$1" ] || lib_left="$lib_left $lib_pid"
    done
    lib_pids=$lib_left
    return 0
}

# The last started first: the daemon before its controllers.
stop_all() {
    for lib_next in $lib_pids; do
        stop "$lib_next"
    done
}

# tap NAME COMMAND...: a case; what the command printed is shown when it fails.
tap() {
    tap_name=$1
    shift
    tap_count=$((tap_count + 1))
    if "$@" >"$dir/tap" 2>&1; then
        echo "ok $tap_count - $tap_name"
    else
        tap_failed=1
        echo "not ok $tap_count - $tap_name"
        sed 's/^/# /' "$dir/tap" | tail -n 40
    fi
}

tap_skip() { # REASON: nothing can be tested here
    echo "1..0 # SKIP $1"
    exit 0
}

# int_environment: for the programs int-*, on $INT_DEVICE and, if there is one, $INT_DEVICE2, which the daemon has; the
# controllers are "one" and "two" if they are simulated.
int_environment() {
    : "${INT_DEVICE2:=none}"
    INT_FACTS=$dir
    INT_INJECT_SMART=false
    INT_TAKE_AWAY=false
    INT_DAEMON_PID=$vfnd_pid
    [ ! -S "$dir/one.control" ] || INT_SIM_CONTROL=$dir/one.control
    [ ! -S "$dir/two.control" ] || INT_SIM_CONTROL2=$dir/two.control
    export INT_DEVICE INT_DEVICE2 INT_FACTS INT_INJECT_SMART INT_TAKE_AWAY INT_DAEMON_PID INT_SIM_CONTROL \
        INT_SIM_CONTROL2
}

# program_ends NAME: the cases of int-NAME; when one fails what the daemon said is shown.
program_ends() {
    "$top_builddir/tests/int/int-$1" >"$dir/cases"
    program_code=$?
    cat "$dir/cases"
    [ $program_code = 0 ] && return 0
    tail -n 30 "$dir/vfnd.log"
    return 1
}

# The daemon ends by itself once it is told to, or was before.
daemon_ends() {
    stop "$vfnd_pid"
    echo "exit status $stopped"
    [ "$stopped" = 0 ] && [ ! -e "$VFND_SOCKET" ] && ! grep -i 'sanitizer\|runtime error' "$dir/vfnd.log" && return 0
    cat "$dir/vfnd.log"
    return 1
}

tap_end() {
    echo "1..$tap_count"
    exit $tap_failed
}
