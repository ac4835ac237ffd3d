#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# vfn-perf on a simulated controller: that it runs, counts and prints what it should. No speeds.
: "${top_builddir:?}"
perf=$top_builddir/tests/bench/vfn-perf
dir=$(mktemp -d) || exit 1
sim=
trap '[ -z "$sim" ] || kill "$sim"; rm -rf "$dir"' EXIT
failed=0
echo 1..9

ok() { # ok STATUS NUMBER TEXT
    if [ "$1" = 0 ]; then
        echo "ok $2 - $3"
    else
        echo "not ok $2 - $3"
        sed 's/^/# /' "$dir/out" "$dir/err"
        failed=1
    fi
}

"$top_builddir/tests/sim/vfnd-sim" --socket "$dir/s" --control "$dir/c" --ns 64M --ns 64M \
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
    p = [l["percentiles"][k] for k in ("50", "90", "95", "99", "99.9", "99.99", "99.999")]
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
for args in '-q 0' '-q 2000' '-w wild' '-o 100' '-o 512 -n 77' '-t x' '-M 101' 'more' '-c 0x3' \
    '-c [1000]' '-p /nowhere/x.svg' '--json=/nowhere/x.json'; do
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

"$perf" -q 1-4 -d 500 -t 30 -a 0 -c 1 -L "--json=$dir/json" --plot "$dir/svg" --no-shadow -n 2 \
    -r "trtype:VFIOUSER traddr:$dir/s" >"$dir/out" 2>"$dir/err" &&
    python3 - "$dir" >>"$dir/err" 2>&1 <<'END'
import json, sys
import xml.etree.ElementTree as xml
r = json.load(open(sys.argv[1] + "/json"))
assert [x["depth"] for x in r["results"]] == [1, 2, 4], r
assert all(x["commands"] == 500 for x in r["results"]), r
assert r["core"] == 0 and r["nsid"] == 2, r
svg = "{http://www.w3.org/2000/svg}"
root = xml.parse(sys.argv[1] + "/svg").getroot()
lines = root.findall(svg + "polyline")
assert root.tag == svg + "svg" and len(lines) == 5, root
for l in lines:
    points = [tuple(map(float, p.split(","))) for p in l.get("points").split()]
    assert len(points) == 3 and sorted(points) == points, points
    assert all(0 <= x <= 900 and 0 <= y <= 700 for x, y in points), points
out = open(sys.argv[1] + "/out").read()
assert out.count("IOPS") == 3 and out.count("share") == 3, out
# each list of latencies ends at all of the commands, and sums up to them
for part in out.split("commands\n")[1:]:
    rows = [l.split() for l in part.splitlines()]
    rows = rows[:next((i for i, row in enumerate(rows) if "IOPS" in row), len(rows))]
    assert rows[-1][1] == "100.0000" and sum(int(row[2]) for row in rows) == 500, rows
END
ok $? 6 'so many commands on one core, with all latencies, JSON in a file and a picture'

"$top_builddir/tests/sim/vfnd-sim" --tell "$dir/c" 'status io 2 10 2 0x81' >"$dir/out" 2>&1 &&
    ! "$perf" -q 1 -d 20 -a 0 -r "vfio-user:$dir/s" >"$dir/out" 2>"$dir/err" &&
    grep -q '1 commands failed' "$dir/err"
ok $? 7 'a command that fails is told'

"$perf" --help >"$dir/out" 2>"$dir/err" && grep -q -- --io-depth "$dir/out" && [ ! -s "$dir/err" ]
ok $? 8 'help'

"$perf" -q 1,4,128 -d 20000 -t 60 -a 0 -j -r "vfio-user:$dir/s" >"$dir/out" 2>"$dir/err" &&
    python3 - "$dir/out" >>"$dir/err" 2>&1 <<'END'
import json, sys
for x in json.load(open(sys.argv[1]))["results"]:
    # as many were outstanding as was asked for, but for those not done at the end: rate times time
    busy = x["iops"] * x["latency_us"]["average"] / 1e6
    assert 0.5 * x["depth"] < busy < 1.001 * x["depth"], (busy, x)
END
ok $? 9 'rate and latency belong together'
exit $failed
