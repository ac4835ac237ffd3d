#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# `vfnctl trace' as a process: what it shows, how it is stopped, and that it goes on with a new image of the daemon.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
start_sim one --ns 16M || exit 99
printf '[device vfio-user:%s]\nraw = yes\n' "$dir/one.sock" >"$dir/conf"
start_vfnd --config "$dir/conf" --device "vfio-user:$dir/one.sock" || exit 99

# trace ARGUMENT...: it runs as $trace_pid and misses nothing from now on; $dir/out and $dir/err are what it says.
trace() {
    rm -f "$dir/err" # what the one before has said is not to be taken for it
    "$vfnctl" trace "$@" >"$dir/out" 2>"$dir/err" </dev/null &
    trace_pid=$!
    wait_for 20 grep -q '^tracing ' "$dir/err"
}

# ends CODE: it does so, by itself or as it was told.
ends() {
    wait_for 20 eval '! kill -0 $trace_pid' || kill -KILL $trace_pid
    wait "$trace_pid"
    trace_code=$?
    sed 's/^/out: /' "$dir/out"
    sed 's/^/err: /' "$dir/err"
    echo "exit code $trace_code, $1 is wanted"
    [ $trace_code -eq "$1" ]
}

shown() { # TEXT TIMES
    [ "$(grep -c "$1" "$dir/out")" -eq "$2" ]
}

some_commands() {
    "$vfnctl" id-ctrl >/dev/null && echo hello | "$vfnctl" write -n 1 -s 0 -c 0 -z 512 -d /dev/stdin >/dev/null
}

counted() {
    trace --opcode 6 --count 2 && some_commands && some_commands && some_commands && ends 0 &&
        shown '' 2 && grep -q '^2 commands shown, 0 lost$' "$dir/err"
}

too_few() {
    trace --opcode 0x7f --count 1 --timeout 200 && some_commands && ends 3 && shown '' 0 &&
        grep -q '0 of 1 commands came in time' "$dir/err"
}

signalled() { # SIGNAL
    trace --io -o json && some_commands && wait_for 20 shown '"opcode"' 1 && kill "-$1" $trace_pid && ends 0 &&
        shown '' 1 && grep -q '^1 commands shown, 0 lost$' "$dir/err"
}

asleep() {
    trace --opcode 0x7f && kill -INT $trace_pid && ends 0 && shown '' 0 &&
        grep -q '^0 commands shown, 0 lost$' "$dir/err"
}

# What comes after the line about the new image is shown, and nothing twice.
taken_over() {
    trace --io && some_commands && wait_for 20 shown '' 1 && kill -USR2 "$vfnd_pid" &&
        wait_for 20 grep -q 'the daemon has replaced itself' "$dir/err" && some_commands &&
        wait_for 20 shown '' 2 && kill -USR2 "$vfnd_pid" &&
        wait_for 20 eval '[ "$(grep -c "has replaced itself" "$dir/err")" = 2 ]' && some_commands &&
        wait_for 20 shown '' 3 && kill -INT $trace_pid && ends 0 && grep -q '^3 commands shown, 0 lost$' "$dir/err"
}

end_is_told() {
    trace --io && some_commands && stop "$vfnd_pid" && [ "$stopped" = 0 ] &&
        ends 3 && shown '' 1 &&
        grep -q 'the device is gone' "$dir/err" && grep -q '^1 commands shown, 0 lost$' "$dir/err"
}

tap "it shows so many as it is asked for" counted
tap "it says so when there are less in time" too_few
tap "SIGINT ends it well" signalled INT
tap "so does SIGTERM" signalled TERM
tap "so does SIGINT when there is nothing to show" asleep
tap "it goes on with a new image of the daemon" taken_over
tap "it ends with the daemon, and says so" end_is_told
tap_end
