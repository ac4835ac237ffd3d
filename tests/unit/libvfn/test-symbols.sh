#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The shared library exports what its map lists, all of it and nothing else, and every function
# that a public header declares is in the map.
: "${top_srcdir:?}" "${top_builddir:?}"
map=$top_srcdir/libvfn/libvfn.map
lib=$top_builddir/libvfn/.libs/libvfn.so
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

sed -n 's/^[[:space:]]*\([A-Za-z_][A-Za-z0-9_]*\);$/\1/p' "$map" | sort >"$tmp/map"
if [ -e "$lib" ]; then
    nm -D --defined-only "$lib" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
        sort >"$tmp/lib"
    diff "$tmp/map" "$tmp/lib" >"$tmp/diff"
    report 1 'exported symbols are those of the map' "$tmp/diff"
else
    echo 'ok 1 - exported symbols are those of the map # SKIP no shared library built'
fi

# Declarations begin in the first column and are no inline functions.
find "$top_srcdir/libvfn/include" -name '*.h' -exec cat {} + |
    sed -n '/^\(static\|typedef\|#\|extern "C"\)/d
        s/^[a-z][a-z0-9_ ]*[ *]\([a-z_][a-z0-9_]*\)(.*/\1/p' | sort -u >"$tmp/declared"
[ -s "$tmp/declared" ] || echo 'no declaration found' >"$tmp/missing"
comm -23 "$tmp/declared" "$tmp/map" >>"$tmp/missing"
report 2 'every declared function is in the map' "$tmp/missing"
exit $failed
