#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh NAME [CONFIGURE-ARGUMENT]...: configures build/NAME when needed, and builds all programs
# there, those of the tests too. The output goes to build/logs/NAME-build.log; its end is shown when
# that fails.
set -eu

top_srcdir=$(cd "$(dirname "$0")/.." && pwd)
name=$1
shift
dir=$top_srcdir/build/$name
log=$top_srcdir/build/logs/$name-build.log
mkdir -p "$dir" "$top_srcdir/build/logs"
: >"$log"

configured_with="$*"
up_to_date() {
    [ -f "$dir/Makefile" ] && [ -x "$dir/config.status" ] && [ -f "$dir/configured-with" ] &&
        [ "$(cat "$dir/configured-with")" = "$configured_with" ]
}

configure() {
    rm -f "$dir/configured-with"
    (cd "$dir" && "$top_srcdir/configure" "$@") >>"$log" 2>&1 &&
        echo "$configured_with" >"$dir/configured-with"
}

# configure takes bash where there is one. What make and libtool have to do, hundreds of times, a small shell does in
# half the time.
shell=$(command -v dash || command -v bash || echo /bin/sh)

compile() {
    # An empty TESTS builds the programs of the tests and runs none.
    make -C "$dir" -j"$(nproc)" SHELL="$shell" all >>"$log" 2>&1 &&
        make -C "$dir" -j"$(nproc)" SHELL="$shell" check TESTS= >>"$log" 2>&1
}

failed() {
    grep -nE 'error:|Error [0-9]' "$log" | head -n 20 >&2 || true
    tail -n 20 "$log" >&2
    echo "build of build/$name failed; the whole log is $log" >&2
    exit 1
}

if ! up_to_date; then
    echo "build: configuring build/$name"
    configure "$@" || failed
fi
echo "build: building build/$name"
compile || failed
