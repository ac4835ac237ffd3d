#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# vfn-perf on a simulated controller: that it runs, counts and prints what it should. No speeds.
: "${top_builddir:?}"
perf=$top_builddir/tests/bench/vfn-perf
dir=$(mktemp -d) || exit 1
sim=
trap '[ -z "$sim" ] || kill "$sim"; rm -rf "$dir"' EXIT
failed=0
echo 1..5

ok() { # ok STATUS NUMBER TEXT
    if [ "$1" = 0 ]; then
        echo "ok $2 - $3"
    else
        echo "not ok $2 - $3"
        sed 's/^/# /' "$dir/out" "$dir/err"
        failed=1
    fi
}

"$top_builddir/tests/sim/vfnd-sim" --socket "$dir/s" --control "$dir/c" --ns 64M \
    >"$dir/sim.log" 2>&1 &
sim=$!
for _ in $(seq 100); do
    [ -S "$dir/s" ] && break
    sleep 0.1
done

"$perf" -q 1,4,128 -t 0.2 -a 0.05 -j -r "vfio-user:$dir/s" >"$dir/out" 2>"$dir/err" &&
    python3 - "$dir/out" >>"$dir/err" 2>&1 <<'END'
import json, sys
r = json.load(open(sys.argv[1]))
assert [x["depth"] for x in r["results"]] == [1, 4, 128], r
assert r["size"] == 512 and r["workload"] == "randread", r
for x in r["results"]:
    assert x["commands"] > 0 and x["reads"] == x["commands"] and x["errors"] == 0, x
    l = x["latency_us"]
    p = [l["percentiles"][k] for k in ("50", "90", "95", "99", "99.9", "99.99")]
    assert p == sorted(p) and 0 < l["min"] <= l["average"] <= l["max"] >= p[-1], x
    assert abs(x["iops"] - x["commands"] / x["seconds"]) <= x["iops"] / 1000 + 1, x
END
ok $? 1 'random reads at three depths, as JSON'

"$perf" -q 8 -o 16384 -w randrw -M 70 -t 0.3 -a 0 -j -r "trtype:PCIe traddr:vfio-user:$dir/s" \
    >"$dir/out" 2>"$dir/err" && python3 - "$dir/out" >>"$dir/err" 2>&1 <<'END'
import json, sys
x = json.load(open(sys.argv[1]))["results"][0]
assert x["errors"] == 0 and x["commands"] > 20, x
assert 0 < x["reads"] < x["commands"], x
END
ok $? 2 'a mix of reads and writes of 16 KiB'

"$perf" -q 2 -w write -t 0.1 -a 0 -r "vfio-user:$dir/s" >"$dir/out" 2>"$dir/err" &&
    grep -q IOPS "$dir/out" && [ "$(wc -l <"$dir/out")" = 2 ]
ok $? 3 'sequential writes, as a table'

bad=0
for args in '-q 0' '-q 2000' '-w wild' '-o 100' '-o 512 -n 77' '-t x' '-M 101' 'more'; do
    # shellcheck disable=SC2086
    "$perf" -t 0.1 $args -r "vfio-user:$dir/s" >"$dir/out" 2>"$dir/err"
    status=$?
    if [ $status = 0 ] || [ $status -gt 2 ] || [ ! -s "$dir/err" ]; then
        echo "# $args: exit status $status"
        bad=1
    fi
done
ok $bad 4 'what is not possible is refused'

"$perf" -r "vfio-user:$dir/nothing" >"$dir/out" 2>"$dir/err"
[ $? = 1 ] && grep -q nothing "$dir/err"
ok $? 5 'a device that is not there is named'
exit $failed
