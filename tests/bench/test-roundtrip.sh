#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# roundtrip: that it measures, and prints what it should. The bars are for an idle machine.
: "${top_builddir:?}"
roundtrip=$top_builddir/tests/bench/roundtrip
[ "$(nproc)" -ge 2 ] || {
    echo '1..0 # SKIP two cores are needed'
    exit 0
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0
echo 1..4

ok() { # ok STATUS NUMBER TEXT
    if [ "$1" = 0 ]; then
        echo "ok $2 - $3"
    else
        echo "not ok $2 - $3"
        sed 's/^/# /' "$dir/out" "$dir/err"
        failed=1
    fi
}

for shadow in '' --no-shadow; do
    # shellcheck disable=SC2086
    "$roundtrip" -n 5 $shadow --json >"$dir/out" 2>"$dir/err" &&
        python3 - "$dir/out" "$shadow" >>"$dir/err" 2>&1 <<'END'
import json, sys
r = json.load(open(sys.argv[1]))
assert r["roundtrip_ns"] > 0 and r["shadow"] == (not sys.argv[2]), r
assert [x["depth"] for x in r["results"]] == [1, 128], r
for x in r["results"]:
    assert x["ns"] > 0, x
    assert abs(x["roundtrips"] * r["roundtrip_ns"] / x["ns"] - 1) < 0.01, (x, r)
END
    status=$?
    sed 's/^/# /' "$dir/out"
    if [ -z "$shadow" ]; then
        ok $status 1 'with shadow doorbells'
    else
        ok $status 2 'without shadow doorbells'
    fi
done

bad=0
for args in '-c 0,0' '-c 0' '-n 0' '-s /nowhere' '-o 100' more; do
    # shellcheck disable=SC2086
    "$roundtrip" -n 1 $args >"$dir/out" 2>"$dir/err"
    status=$?
    if [ $status = 0 ] || [ $status -gt 2 ] || [ ! -s "$dir/err" ]; then
        echo "# $args: exit status $status"
        bad=1
    fi
done
ok $bad 3 'what is not possible is refused'

"$roundtrip" -n 2 >"$dir/out" 2>"$dir/err" && [ "$(grep -c 'round trip' "$dir/out")" = 3 ]
ok $? 4 'as text'
exit $failed
