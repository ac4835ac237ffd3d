#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The first program of doc/examples does what it says, on a software controller.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
start_sim one --ns 16M --ns 8M --block-size 4096 || exit 99
start_vfnd --device "vfio-user:$dir/one.sock" || exit 99
first=$top_builddir/doc/examples/first

says() { # PATTERN COMMAND...
    says_pattern=$1
    shift
    "$@" >"$dir/out" 2>&1
    says_code=$?
    cat "$dir/out"
    grep -q "$says_pattern" "$dir/out" && return $says_code
}

fails() { # PATTERN COMMAND...
    fails_pattern=$1
    shift
    "$@" >"$dir/out" 2>&1 && return 1
    cat "$dir/out"
    grep -q "$fails_pattern" "$dir/out"
}

left() { # nothing of it is left in the daemon
    "$vfnctl" stats >"$dir/out"
    cat "$dir/out"
    grep -q '^queue_pairs *: 0$' "$dir/out" && grep -q '^buffers *: 0$' "$dir/out"
}

tap "it writes, reads back and compares" says '^8192 bytes written, read back' "$first"
tap "on the namespace that is named" says '^namespace 2: 2048 blocks of 4096 bytes' \
    "$first" "vfio-user:$dir/one.sock" 2
tap "what it wrote is there" says '^0000: 00 1f 3e 5d 7c' \
    "$vfnctl" io-passthru -o 2 -n 2 -l 4096 -r
tap "nothing is left behind" left
tap "a namespace that is not there" fails 'namespace 7 is not active' "$first" "" 7
tap "a device that is not there" fails '^open: ' "$first" 0000:00:77.0
tap_status() {
    tell_sim one 'status io 1 1 2 0x81' && fails '^write: the controller says status 0x281$' "$first"
}
tap "a command that fails" tap_status
tap "nothing is left behind after that" left
stop "$vfnd_pid"
tap "no daemon" fails 'is vfnd running there' "$first"
tap_end
