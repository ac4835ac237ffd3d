#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The shared library tells tracers of a USDT probe for each tracepoint, with a counter by which they
# turn it on, and none of them is a call in the path: a probe is a no-op in trace_emit()'s own code.
: "${top_srcdir:?}" "${top_builddir:?}"
lib=$top_builddir/libvfn/.libs/libvfn.so
skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
grep -q '^#define HAVE_SYS_SDT_H 1' "$top_builddir/config.h" || skip 'sys/sdt.h was not there'
command -v readelf >/dev/null 2>&1 || skip 'no readelf'
[ -e "$lib" ] || skip 'no shared library built'
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0
echo 1..2

report() { # report NUMBER TEXT FILE-WITH-COMPLAINTS
    if [ -s "$3" ]; then
        echo "not ok $1 - $2"
        sed 's/^/# /' "$3"
        failed=1
    else
        echo "ok $1 - $2"
    fi
}

sed -n 's/^[[:space:]]*X(\([A-Z0-9_]*\)).*/\1/p' "$top_srcdir/libvfn/include/vfn/trace/events.h" |
    sort >"$tmp/events"
[ -s "$tmp/events" ] || echo 'no events found' >"$tmp/diff"
# Name and counter of each probe, a line a probe; the compiler may have made copies of one.
readelf -nW "$lib" | awk '
    /Provider:/ { mine = $NF == "libvfn" }
    mine && $1 == "Name:" { name = $2 }
    mine && /Semaphore:/ { print name, $NF }' | sort -u >"$tmp/probes"
awk '{ print $1 }' "$tmp/probes" | sort -u | diff "$tmp/events" - >>"$tmp/diff"
report 1 'each tracepoint is a probe' "$tmp/diff"

# The counters are the array that trace_guard() looks at: two bytes apart, in the events' order.
sed -n 's/^[[:space:]]*X(\([A-Z0-9_]*\)).*/\1/p' "$top_srcdir/libvfn/include/vfn/trace/events.h" |
    while read -r event; do
        at=$(awk -v name="$event" '$1 == name { print $2; exit }' "$tmp/probes")
        at=$((${at:-0}))
        [ "$at" -ne 0 ] || echo "$event has no counter"
        [ -z "${last:-}" ] || [ "$at" -eq $((last + 2)) ] || echo "$event's counter is at $at, after $last"
        last=$at
    done >"$tmp/bad"
report 2 'each probe has the counter that its tracepoint looks at' "$tmp/bad"
exit $failed
