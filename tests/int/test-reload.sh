#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGHUP: the configuration is read again; devices come and go, and who uses another one does not notice.
set -u
. "${top_srcdir:?}/tests/int/lib.sh"
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1
export ASAN_OPTIONS
lib_begin
address() {
    echo "vfio-user:$dir/$1.sock"
}

# conf DEVICE...: with "settings NAME" from $dir/NAME.settings, where there are.
conf() {
    {
        echo "[daemon]"
        cat "$dir/daemon.settings" 2>/dev/null
        for conf_name in "$@"; do
            echo "[device $(address "$conf_name")]"
            cat "$dir/$conf_name.settings" 2>/dev/null
        done
    } >"$dir/vfnd.conf"
}

# told N LINE: the service manager was told so at least N times.
told() {
    [ "$(grep -c -x -e "$2" "$dir/told")" -ge "$1" ]
}

# reload: waits until the daemon is ready again.
readies=1
reload() {
    readies=$((readies + 1))
    kill -HUP "$vfnd_pid"
    wait_for 20 told $readies READY=1 || { cat "$dir/told" "$dir/vfnd.log"; return 1; }
}

state_is() { # DEVICE STATE; "" for none
    state=$("$vfnctl" list -o json | tr -d ' \n' | tr '{' '\n' | grep -F "\"$(address "$1")\"" |
        sed 's/.*"State":"\([a-z]*\)".*/\1/')
    echo "$1 is ${state:-not listed}"
    [ "$state" = "$2" ]
}

log_has() {
    grep -F -e "$1" "$dir/vfnd.log" || { cat "$dir/vfnd.log"; return 1; }
}

# The controller is disabled, and nothing of it is mapped.
left_alone() {
    tell_sim "$1" stats >"$dir/stats"
    cat "$dir/stats"
    for part in '"connected":false' '"ready":false' '"mappings":0,' '"dma_faults":0,' '"io_sqs":0,'; do
        grep -qF "$part" "$dir/stats" || { echo "not $part"; return 1; }
    done
}

# watch DEVICE: its events go to $dir/DEVICE.events; returns when none is missed any more.
watch() {
    "$vfnctl" events "$(address "$1")" >"$dir/$1.events" 2>"$dir/$1.subscribed" &
    watch_pid=$!
    lib_pids="$watch_pid $lib_pids"
    wait_for 10 grep -q subscribed "$dir/$1.subscribed"
}

# read_block DEVICE: in the background; $read_pid, and what came of it in $dir/read.
read_block() {
    "$vfnctl" read "$(address "$1")" -n 1 -s 0 -c 0 -z 512 -d "$dir/block" >"$dir/read" 2>&1 &
    read_pid=$!
    lib_pids="$read_pid $lib_pids"
    wait_for 10 outstanding "$1"
}

outstanding() {
    tell_sim "$1" stats | grep -q '"qid":[1-9][0-9]*,"commands":[0-9]*,"outstanding":[1-9]'
}

ended() { # PID STATUS FILE
    wait_for 20 lib_ended "$1" || { echo "has not ended"; return 1; }
    wait "$1"
    ended_status=$?
    cat "$3"
    echo "status $ended_status"
    [ "$ended_status" -eq "$2" ]
}

for name in one two three; do
    start_sim $name --serial "vfnd-sim-$name" --ns 8M || exit 1
done
"$top_srcdir/tests/int/notify.py" "$dir/notify" "$dir/told" >&2 &
lib_pids="$! $lib_pids"
wait_for 10 test -S "$dir/notify"
echo "shutdown-timeout-ms = 10000" >"$dir/daemon.settings"
conf one two
NOTIFY_SOCKET=$dir/notify
export NOTIFY_SOCKET
tap "two devices are claimed" start_vfnd --config "$dir/vfnd.conf"
unset NOTIFY_SOCKET
wait_for 10 told 1 READY=1

# --- one goes, one comes ---------------------------------------------------------------------------

watch one
first_watch=$watch_pid
watch two
tell_sim two 'delay io 2 1 700' >/dev/null
tap "a command of the second is outstanding" read_block two
conf one three
tap "SIGHUP: the second goes, a third comes" reload
tap "the service manager was told of it" told 1 RELOADING=1
tap "with the time" grep -qE '^MONOTONIC_USEC=[0-9]+$' "$dir/told"
tap "the third is ready" state_is three ready
tap "the second is not listed" state_is two ""
tap "the first is as it was" state_is one ready
tap "the outstanding command has ended as if nothing was" ended "$read_pid" 0 "$dir/read"
tap "the second's session was told" wait_for 10 grep -q 'device gone: the configuration names it no more' \
    "$dir/two.events"
tap "the second controller is left disabled, with nothing mapped" left_alone two
tell_sim one 'smart-warning 4' >/dev/null
tap "the first one's session has missed nothing" wait_for 10 grep -q 'event 1:.*SMART' "$dir/one.events"
tap "and goes on" kill -0 "$first_watch"
tap "the second cannot be opened" sh -c "'$vfnctl' info '$(address two)' 2>&1 | grep 'the daemon has no device'"

# --- files that are wrong --------------------------------------------------------------------------

listed() {
    "$vfnctl" list -o json >"$dir/list.$1"
}
listed before
conf two
echo "queue-pairs = many" >>"$dir/vfnd.conf"
tap "SIGHUP with a wrong file" reload
listed after
tap "says where it is wrong" log_has "$dir/vfnd.conf:4: queue-pairs = many"
tap "and that nothing has changed" log_has "the configuration stays as it was"
tap "which is so" cmp "$dir/list.before" "$dir/list.after"
mv "$dir/vfnd.conf" "$dir/vfnd.conf.away"
tap "SIGHUP without a file" reload
listed after
tap "changes nothing, either" cmp "$dir/list.before" "$dir/list.after"

# --- settings --------------------------------------------------------------------------------------

echo "command-timeout-ms = 12345" >>"$dir/daemon.settings"
printf 'poll-spin-us = 77\ndirect = yes\nraw = yes\nsession-bytes-per-second = 5000000\n' >"$dir/one.settings"
printf 'queue-pairs = 3\n' >"$dir/three.settings"
conf one three
tap "SIGHUP with other settings" reload
tap "a number of the daemon is applied" log_has "[daemon] command-timeout-ms was 60000 and is 12345"
tap "so is what can be of a device" log_has "$(address one): reload: poll-spin-us is 77"
tap "and whether clients may have direct queues" log_has "$(address one): reload: direct is yes"
tap "and may send commands as they are" log_has "$(address one): reload: raw is yes"
tap "and how much they may send" log_has "$(address one): reload: session-bytes-per-second is 5000000"
tap "what cannot is told" log_has \
    "$(address three): reload: what has changed takes effect when the device is claimed anew: queue-pairs"
all_names=" class queue-pairs serve poll-cpu interrupt-coalescing arbitration"
printf 'class = pci\nqueue-pairs = 3\nserve = poll\npoll-cpu = 0\ninterrupt-coalescing = 8,200\narbitration = wrr\n' \
    >"$dir/three.settings"
conf one three
tap "SIGHUP with all settings that wait" reload
tap "names all of them" log_has \
    "$(address three): reload: what has changed takes effect when the device is claimed anew:$all_names"
printf 'queue-pairs = 3\ninterrupt-coalescing = 8,300\narbitration = round-robin\n' >"$dir/three.settings"
queue_pairs() {
    "$vfnctl" info "$(address three)"
    "$vfnctl" info "$(address three)" | grep -q "queue.pairs.*: $1"
}
conf one
tap "SIGHUP without the third" reload
conf one three
tap "and with it again" reload
tap "has it claimed with its settings" queue_pairs 3
printf 'queue-pairs = 3\ninterrupt-coalescing = 8,200\n' >"$dir/three.settings"
conf one three
tap "SIGHUP with another time of interrupt coalescing" reload
tap "names that" log_has "when the device is claimed anew: interrupt-coalescing"

# --- gone before it is gone ------------------------------------------------------------------------

# Long enough for two programs of a slow machine to look at it meanwhile.
tell_sim three 'delay io 2 1 5000' >/dev/null
tap "a command of the third is outstanding" read_block three
conf one
kill -HUP "$vfnd_pid"
tap "SIGHUP without the third: it waits for its command" wait_for 10 state_is three releasing
refused() {
    "$vfnctl" read "$(address three)" -n 1 -s 0 -c 0 -z 512 2>&1 | grep 'is being released'
}
tap "and takes no new session" refused
conf one three
# The two ends of reloads may be told as one.
kill -HUP "$vfnd_pid"
tap "named again in the meantime it comes back" wait_for 20 state_is three ready
tap "after its command has ended" ended "$read_pid" 0 "$dir/read"
readies=$(grep -c -x READY=1 "$dir/told")

# --- a controller that does not end its commands -----------------------------------------------------

printf 'shutdown-timeout-ms = 200\nabort-timeout-ms = 200\n' >"$dir/daemon.settings"
conf one three
tap "SIGHUP with less patience" reload
tell_sim three 'drop io 2 1 stuck' >/dev/null
tap "a command of the third will never end" read_block three
conf one
tap "SIGHUP without the third" reload
tap "it is gone" state_is three ""
read_is_told() {
    wait_for 20 lib_ended "$read_pid" || return 1
    wait "$read_pid"
    [ $? -ne 0 ] && cat "$dir/read"
}
tap "its client is told" read_is_told
tap "the controller is left disabled, with nothing mapped" left_alone three

# --- devices that failed -----------------------------------------------------------------------------

conf one late
tap "SIGHUP with a device that is not there yet" reload
tap "it has failed" state_is late failed
start_sim late --serial vfnd-sim-late --ns 8M || exit 1
tap "SIGHUP once it is there" reload
tap "tries it again" state_is late ready
conf one absent
tap "SIGHUP with another absent one" reload
conf one
tap "SIGHUP without" reload
tap "a failed device leaves the list, too" state_is absent ""

# --- all of them ---------------------------------------------------------------------------------------

conf
tap "SIGHUP without any device" reload
tap "ends the last session's" wait_for 10 grep -q 'device gone' "$dir/one.events"
tap "the first controller is left alone" left_alone one
conf one two three
i=0
storm() {
    while [ $i -lt 10 ]; do
        i=$((i + 1))
        conf one two three
        kill -HUP "$vfnd_pid"
        "$vfnctl" info "$(address two)" >/dev/null 2>&1
        conf two
        kill -HUP "$vfnd_pid"
    done
    conf three one
    kill -HUP "$vfnd_pid"
    wait_for 20 state_is three ready && wait_for 20 state_is one ready && wait_for 20 state_is two ""
}
tap "many SIGHUPs end in what the last file says" storm

# --- the end, while a device is to come back ------------------------------------------------------------

# Long enough for two programs of a slow machine to look at it meanwhile.
tell_sim three 'delay io 2 1 5000' >/dev/null
tap "a command of the third is outstanding" read_block three
conf one
kill -HUP "$vfnd_pid"
tap "SIGHUP without the third" wait_for 10 state_is three releasing
conf one three
readies=$(grep -c -x RELOADING=1 "$dir/told")
kill -HUP "$vfnd_pid"
tap "and with it again" wait_for 10 told $((readies + 1)) RELOADING=1

tap "SIGTERM ends it with status 0" daemon_ends
for name in one two three late; do
    tap "controller $name is left alone" left_alone $name
done
tap_end
