#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What a read costs the simulator: it must not be the brake of what is measured with it.
: "${top_srcdir:?}" "${top_builddir:?}"
skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
program=$top_builddir/tests/bench/cost-sim
command -v valgrind >/dev/null 2>&1 || skip 'valgrind is not installed'
[ "$(uname -m)" = x86_64 ] || skip 'the limits are for x86-64'
"$program" plain-build || skip 'not an optimized build by gcc without sanitizers'
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0
echo 1..6

"$top_srcdir/tests/bench/cost-sim.sh" "$program" "$dir" >"$dir/numbers" 2>"$dir/log" ||
    cat "$dir/log" >>"$dir/numbers"
sed 's/^/# /' "$dir/numbers"

limit() { # limit NUMBER MODE DOORBELL MOST
    if awk -v key="$2 $3" -v most="$4" '$1 " " $2 == key { n = $3 }
        END { exit !(n > 0 && n <= most) }' "$dir/numbers"; then
        echo "ok $1 - at most $4 instructions, $2 $3"
    else
        echo "not ok $1 - at most $4 instructions, $2 $3"
        failed=1
    fi
}
limit 1 each plain 750
limit 2 batch plain 500
limit 3 idle plain 130
limit 4 each shadow 770
limit 5 batch shadow 500
limit 6 idle shadow 140
exit $failed
