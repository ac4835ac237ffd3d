#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What a read through a served queue costs, and that others' sleeping queues do not make it dearer.
: "${top_srcdir:?}"
skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
command -v valgrind >/dev/null 2>&1 || skip 'valgrind is not installed'
command -v gcc >/dev/null 2>&1 || skip 'gcc is not installed'
[ "$(uname -m)" = x86_64 ] || skip 'the limits are for x86-64'
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
echo 1..3

CASES='32/1 32/1000' CC=gcc CFLAGS='' LDFLAGS='' "$top_srcdir/tests/bench/served-cost" "$dir" \
    >"$dir/numbers" 2>"$dir/log" || sed 's/^/# /' "$dir/log"
sed 's/^/# depth, queues, daemon, client: /' "$dir/numbers"

holds() { # holds NUMBER TEXT AWK-CONDITION: of the numbers of one queue ($3, $4) and of many (many)
    awk '$2 == 1 { daemon = $3; client = $4 } $2 == 1000 { many = $3 }
        END { exit !(daemon > 0 && client > 0 && many > 0 && '"$3"') }' "$dir/numbers" &&
        echo "ok $1 - $2" || echo "not ok $1 - $2"
}
holds 1 'a read costs the daemon at most 250 instructions' 'daemon <= 250'
holds 2 'a read costs the client at most 150 instructions' 'client <= 150'
holds 3 'among a thousand queues it costs less than a fifth more' 'many < 1.2 * daemon'
