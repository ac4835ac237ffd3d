#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What an administrator may get wrong, and what systemd expects of a daemon.
set -u
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
sock=$VFND_SOCKET

# fails STATUS TEXT OPTION...: the daemon ends with the status by itself, and says the text.
fails() {
    fails_status=$1 fails_text=$2
    shift 2
    timeout 20 "$vfnd" "$@" >"$dir/out" 2>&1
    fails_code=$?
    cat "$dir/out"
    [ $fails_code -eq "$fails_status" ] || { echo "status $fails_code"; return 1; }
    grep -qF -e "$fails_text" "$dir/out"
}

conf() {
    printf '%b' "$1" >"$dir/vfnd.conf"
}

# --- wrong arguments and configurations ----------------------------------------------------------

tap "an unknown option" fails 2 "unrecognized option" --no-such-option
tap "an argument that is no option" fails 2 "devices are named with --device" 0000:01:00.0
tap "an address of no form" fails 2 "an address like 0000:01:00.0" --config /dev/null --device nvme0
tap "a relative vfio-user path" fails 2 "an address like" --config /dev/null --device vfio-user:s
tap "an empty socket" fails 2 "--socket needs a path" --socket ''
tap "a configuration that is absent" fails 2 "$dir/absent: No such file" --config "$dir/absent"
conf '[daemon]\nsocket = /a\nnonsense = 1\n'
tap "a setting that is none" fails 2 "$dir/vfnd.conf:3: [daemon] has no setting 'nonsense'" \
    --config "$dir/vfnd.conf"
conf '[limits]\nsessions = none\n'
tap "a number that is none" fails 2 "$dir/vfnd.conf:2: sessions = none" --config "$dir/vfnd.conf"
conf '[device 01:00.0]\n'
tap "a device that is none" fails 2 "$dir/vfnd.conf:1: [device 01:00.0]" --config "$dir/vfnd.conf"
tap "--help" fails 0 "vfio-user:/path" --help
tap "--version" fails 0 "vfnd " --version

# --- sockets that cannot be ----------------------------------------------------------------------

long=$(printf '/%0120d' 0)
tap "a folder that is not there" fails 1 "$dir/none/s: No such file" \
    --config /dev/null --socket "$dir/none/s"
tap "a path that is too long" fails 1 "longer than" --config /dev/null --socket "$long"
: >"$dir/file"
tap "a file in the way" fails 1 "is there and is no socket" --config /dev/null --socket "$dir/file"
tap "which is left alone" test -f "$dir/file"
conf '[daemon]\ngroup = no-such-group\n'
tap "a group that is not there" fails 1 "there is no group no-such-group" \
    --config "$dir/vfnd.conf" --socket "$sock"
tap "leaves no socket behind" test ! -e "$sock"

# What they print does not go into what is opened in place of standard output and error.
unspoken() {
    truncate -s 1M "$dir/disk"
    "$vfnd_sim" --socket "$dir/mute.sock" --ns "$dir/disk" <&- >&- 2>&- &
    lib_pids="$! $lib_pids"
    wait_for 10 lib_listens $! "$dir/mute.sock" || return 1
    "$vfnd" --config /dev/null --socket "$dir/mute" --device "vfio-user:$dir/mute.sock" <&- >&- 2>&- &
    mute_pid=$!
    lib_pids="$mute_pid $lib_pids"
    wait_for 10 lib_listens $mute_pid "$dir/mute" &&
        wait_for 10 "$vfnctl" id-ctrl --socket "$dir/mute" &&
        [ "$(readlink /proc/$mute_pid/fd/0 /proc/$mute_pid/fd/1 /proc/$mute_pid/fd/2 | sort -u)" = /dev/null ] &&
        [ "$(tr -d '\000' <"$dir/disk" | wc -c)" -eq 0 ]
    mute_code=$?
    stop $mute_pid TERM
    return $mute_code
}
# The log names the setting that a device is lost by.
no_processor() {
    start_sim far --ns 1M || return 1
    conf "[device vfio-user:$dir/far.sock]\nserve = poll\npoll-cpu = 1023\n"
    "$vfnd" --config "$dir/vfnd.conf" --socket "$dir/far" >"$dir/out" 2>&1 &
    far_pid=$!
    lib_pids="$far_pid $lib_pids"
    wait_for 10 grep -q 'ready on' "$dir/out"
    stop $far_pid TERM
    cat "$dir/out"
    grep -q 'poll-cpu = 1023: ' "$dir/out"
}
tap "a processor that there is not" no_processor
tap "daemon and controller without standard input, output and error" unspoken

# --- a daemon that works -------------------------------------------------------------------------

start_sim one --ns 64M || exit 1
"$top_srcdir/tests/int/notify.py" "$dir/notify" "$dir/told" >&2 &
lib_pids="$! $lib_pids"
wait_for 10 test -S "$dir/notify"
NOTIFY_SOCKET=$dir/notify
export NOTIFY_SOCKET
tap "one device that is there, one that is not, and one of a wrong kind" start_vfnd \
    --device "vfio-user:$dir/absent.sock" --device "vfio-user:$dir/one.sock" --device ffff:ff:1f.7
unset NOTIFY_SOCKET

listed() { # ADDRESS TEXT
    "$vfnctl" list >"$dir/list"
    cat "$dir/list" "$dir/vfnd.log"
    grep -F -e "$1" "$dir/list" | grep -qF -e "$2"
}
log_has() {
    cat "$dir/vfnd.log"
    grep -qF -e "$1" "$dir/vfnd.log"
}
tap "READY=1 is told, devices that fail or not" wait_for 10 grep -qx READY=1 "$dir/told"
tap "the device that is there is served" "$vfnctl" info "vfio-user:$dir/one.sock"
tap "the log names the absent one" log_has "vfio-user:$dir/absent.sock: cannot be claimed"
tap "the log names the one without VFIO" log_has "ffff:ff:1f.7: cannot be claimed"
tap "the list has the absent one, too" listed "vfio-user:$dir/absent.sock" failed
tap "the absent one cannot be opened" sh -c "! '$vfnctl' info 'vfio-user:$dir/absent.sock'"

mode_is() {
    stat -c '%a %F' "$sock"
    [ "$(stat -c '%a %F' "$sock")" = "$1 socket" ]
}
tap "the socket has mode 0660" mode_is 660
tap "a second daemon on the socket" fails 1 "another process listens on $sock" \
    --config /dev/null --socket "$sock"
tap "does not disturb the first" "$vfnctl" info "vfio-user:$dir/one.sock"

ends_well() { # on SIGNAL: status 0 and no socket
    stop "$vfnd_pid" "$1"
    cat "$dir/vfnd.log"
    echo "status $stopped"
    [ "$stopped" -eq 0 ] && [ ! -e "$sock" ]
}
tap "SIGTERM ends it with 0 and takes the socket away" ends_well TERM
tap "STOPPING=1 is told" wait_for 10 grep -qx STOPPING=1 "$dir/told"

tap "the controller is free for the next one" start_vfnd --device "vfio-user:$dir/one.sock"
tap "and serves it" "$vfnctl" info "vfio-user:$dir/one.sock"
tap "SIGINT ends it, too" ends_well INT

# --- a socket that was left behind ---------------------------------------------------------------

start_vfnd --device "vfio-user:$dir/one.sock"
stop "$vfnd_pid" KILL
tap "a killed daemon leaves its socket" test -S "$sock"
tap "which the next one replaces" start_vfnd --device "vfio-user:$dir/one.sock"
tap "and serves on" "$vfnctl" info "vfio-user:$dir/one.sock"
tap "SIGTERM ends it" ends_well TERM

# --- the group, and no device at all -------------------------------------------------------------

group_is() {
    stat -c %g "$sock"
    [ "$(stat -c %g "$sock")" = "$1" ]
}
if [ "$(id -u)" -eq 0 ]; then
    gid=$(sed -n 's/^daemon:[^:]*:\([0-9]*\):.*/\1/p' /etc/group)
    conf '[daemon]\ngroup = daemon\n'
    tap "no device is no failure" start_vfnd --config "$dir/vfnd.conf"
    tap "the socket is given to the group" group_is "${gid:-none}"
else
    conf "[daemon]\nsocket = $sock\n"
    tap "no device is no failure" start_vfnd --config "$dir/vfnd.conf"
    tap "the socket is the daemon's group's" group_is "$(id -g)"
fi
tap "SIGTERM ends it without devices" ends_well TERM

# --- sockets from systemd ------------------------------------------------------------------------

activated() {
    "$vfnctl" info "vfio-user:$dir/one.sock" || { cat "$dir/vfnd.log"; return 1; }
}
activated_ends() { # the socket file is systemd's, and stays
    stop "$vfnd_pid" TERM
    cat "$dir/vfnd.log"
    echo "status $stopped"
    [ "$stopped" -eq 0 ] && [ -S "$sock" ]
}
if command -v systemd-socket-activate >/dev/null 2>&1; then
    # Starts the daemon, in its own place, for the first client.
    systemd-socket-activate --seqpacket --listen="$sock" \
        "$vfnd" --config /dev/null --device "vfio-user:$dir/one.sock" >"$dir/vfnd.log" 2>&1 &
    vfnd_pid=$!
    lib_pids="$vfnd_pid $lib_pids"
    wait_for 10 test -S "$sock"
    # Until the device is claimed it cannot be opened.
    tap "the first client starts the daemon" wait_for 20 activated
    tap "SIGTERM leaves systemd's socket" activated_ends
    rm -f "$sock"
    systemd-socket-activate --listen="$sock" "$vfnd" --config /dev/null >"$dir/vfnd.log" 2>&1 &
    vfnd_pid=$!
    lib_pids="$vfnd_pid $lib_pids"
    wait_for 10 test -S "$sock"
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$sock"
    wait_for 20 lib_ended "$vfnd_pid"
    tap "a stream socket is refused" log_has "ListenSequentialPacket="
    rm -f "$sock"
else
    for what in "the first client starts the daemon" "SIGTERM leaves systemd's socket" \
        "a stream socket is refused"; do
        tap_count=$((tap_count + 1))
        echo "ok $tap_count - $what # SKIP there is no systemd-socket-activate"
    done
fi
tap_end
