#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# vfnctl stats and vfnctl top, against the fake daemon; canned-tally.c has what its sessions did.
. "${top_srcdir:?}/tests/unit/client/vfnctl-lib.sh"
python=$(command -v python3)

check "stats" 0 out '^completed *: 49$' stats
grep -q '^status_0x080 *: 2 (LBA Out of Range' "$dir/out" && grep -q '^status_0x281 *: 1 (Unrecovered Read' "$dir/out"
status=$?
result "stats has errors by status"
check "stats of the daemon alone" 0 out '^sessions_total *: 7$' stats --daemon
run 0 stats -d && ! grep -q 'completed\|status' "$dir/out"
status=$?
result "stats of the daemon alone has no device"
check "latencies of the daemon alone" 2 err "are a device's" stats -d -l
check "stats of sessions" 0 out '^7 *1234 *1000 *load "a.b" *2 *10 *895 *3 *2 *3682304 *512000 *50$' stats --sessions
grep -q '^ended *0 *100 *0 *0 *409600 *0 *9$' "$dir/out" && grep -q '^5 *999 *1000 *copy *1 ' "$dir/out"
status=$?
result "of all sessions, and those that have ended"
check "stats of queues" 0 out '^7 *3 *served *67 *3 *128 *high *10 *690 *3 *2 *3672064 *0 *40$' stats -q
grep -q '^5 *1 *direct *65 *1 *128 *- *0 *0 ' "$dir/out" && grep -q '^7 *- *admin *- *- *- *- *0 *5 ' "$dir/out" &&
    grep -q '^7 *- *deleted .* 100 ' "$dir/out" && grep -q '^ended ' "$dir/out"
status=$?
result "of direct ones, the admin queue and deleted ones, too"
check "latencies" 0 out '^latency_p50 *: 10.0us$' stats -l
grep -q '^latency_count *: 998$' "$dir/out" && grep -q '^latency_p90 *: 20.0us$' "$dir/out" &&
    grep -q '^latency_p99 *: 100us$' "$dir/out" && grep -q '^latency_p99.9 *: 995us$' "$dir/out" &&
    grep -q '^latency_max *: 995us$' "$dir/out" && grep -q '^  <= 25.0us *: 400 *####################*$' "$dir/out"
status=$?
result "percentiles, and a histogram"
check "latencies of queues" 0 out '^7 *2 *served .* 10.0us *20.0us *20.0us *20.0us *20.0us$' stats -q --latency

check "stats in JSON" 0 out '"submitted":50' stats -o json
if [ -n "$python" ]; then
    run 0 stats -o json -s -q -l && $python - "$dir/out" >>"$dir/err" 2>&1 <<'EOF'
import json, sys

root = json.load(open(sys.argv[1]))
# what each table has adds up to the device
for name in ("completed", "failed", "bytes_read", "outstanding"):
    for rows in (root["sessions"], root["queues"]):
        total = root["ended"][name] + sum(row[name] for row in rows)
        assert total == {"completed": 1000, "failed": 3, "bytes_read": 4096000, "outstanding": 10}[name], (name, total)
assert root["errors"][1]["status"] == 0x281 and root["errors"][1]["count"] == 1
assert root["sessions"][0]["program"] == 'load "a\\b"'
assert root["latency"]["count"] == 998 and root["latency"]["p99_ns"] == 100000
assert sum(b["count"] for b in root["queues"][0]["latency"]["buckets"]) == root["queues"][0]["latency"]["count"] == 688
assert [row["mode"] for row in root["queues"]] == ["served", "served", "admin", "deleted", "direct", "admin", "deleted"]
assert [(row["priority"], row["by_controller"]) for row in root["queues"] if "qid" in row] == [
    ("high", True), ("urgent", False), ("-", False)]
EOF
    status=$?
    result "sessions and queues in JSON"
fi

check "stats for Prometheus" 0 out '^vfnd_device_commands_completed_total{device="fake0"} 49$' stats -o prometheus
grep -q '^# TYPE vfnd_device_commands_completed_total counter$' "$dir/out" &&
    grep -q '^vfnd_uptime_seconds 12.345678900$' "$dir/out" && ! grep -q '0000:09' "$dir/out" &&
    grep -q '^vfnd_device_latency_seconds_bucket{device="fake0",le="2.5e-05"} 900$' "$dir/out" &&
    grep -q '^vfnd_device_latency_seconds_count{device="fake0"} 998$' "$dir/out" &&
    grep -q '^vfnd_device_latency_seconds_sum{device="fake0"} 0.030000000$' "$dir/out" &&
    grep -q '^vfnd_device_errors_total{device="fake0",status="0x281"} 1$' "$dir/out" && ! grep -q session= "$dir/out"
status=$?
result "counters, errors and latencies; devices that are not ready have none"
labels='device="fake0",session="7",pid="1234",uid="1000",program="load \"a\\b\""'
run 0 stats -o prometheus -s -q && grep -qF "vfnd_session_commands_completed_total{$labels} 895" "$dir/out" &&
    grep -q '^vfnd_session_latency_seconds{.*program="copy",quantile="0.99"} 0.000100000$' "$dir/out" &&
    grep -q '^vfnd_queue_kicks_total{device="fake0",session="7",queue="0",mode="admin"} 0$' "$dir/out" &&
    grep -q '^vfnd_queue_latency_seconds_count{device="fake0",session="7",queue="3",mode="served"} 688$' "$dir/out"
status=$?
result "stats of sessions and queues for Prometheus: labels are escaped, latencies are summaries"
prometheus() { # is it its format?
    $python "$top_srcdir/tests/unit/client/prometheus.py"
}
if [ -n "$python" ]; then
    for options in '' -d '-s -q' 'fake0 -q -l'; do
        # Several words, or none.
        # shellcheck disable=SC2086
        run 0 stats -o prometheus $options && prometheus <"$dir/out" >"$dir/families" 2>>"$dir/err" &&
            grep -q '^vfnd_sessions 1$' "$dir/families"
        status=$?
        result "Prometheus could read it: stats -o prometheus $options"
    done
    status=0
    # A line more, or another one: not all mistakes pass.
    for mistake in '$a vfnd_sessions 1' '$a vfnd_x 1' 's/^vfnd_sessions 1/vfnd_sessions one/' '/_sum/d' \
        's/le="+Inf"} 998/le="+Inf"} 997/' '/TYPE vfnd_leases/d' 's/device="fake0"/device="fa"ke0"/' \
        '$a vfnd_leases{x="1"} 1'; do
        "$vfnctl" stats -o prometheus | sed "$mistake" | prometheus >/dev/null 2>>"$dir/out" &&
            { echo "passes: $mistake" >>"$dir/err"; status=1; }
    done
    result "Prometheus could not read what has mistakes"
fi
check "stats for Prometheus of the daemon alone" 0 out '^vfnd_sessions 1$' stats -o prometheus -d
check "stats for Prometheus of an unknown device" 3 err 'there is no device nope' stats -o prometheus nope
check "stats: an unknown format" 2 err "'xml' is not normal, json or prometheus" stats -o xml

# what there are numbers of at one look, and rates at two
check "top in lines" 0 out '^fake0  *ready  *2  *3  *10  *0  *0  *0  *0  *0  *-  *-  *-  *4  *1  *8.2k$' \
    top -b -c 2 -d 100
[ "$(grep -c '^0000:09:00.0 failed *group 12 is not viable$' "$dir/out")" -eq 2 ] &&
    [ "$(grep -c '^fake0 .* ready  *2  *3  *10  *-  *-' "$dir/out")" -eq 1 ]
status=$?
result "top -c 2 looks twice; there are no rates at first"
check "top of sessions" 0 out '^7  *1234 load "a.b"  *fake0  *2  *10  *- ' top -b -c 1 --view sessions
grep -q '^SESSION  *PID PROGRAM  *DEVICE  *QUEUES  *OUTST  *CMD/s  *READ/s' "$dir/out" && ! grep -q '^ended' "$dir/out"
status=$?
result "top of sessions: the heading"
check "top of queues" 0 out '^7  *3 served  *fake0  *128  *10  *- ' top -b -c 1 -v queues
[ "$(grep -c '^[57] ' "$dir/out")" -eq 5 ]
status=$?
result "top of queues: those that there are"
order() { # order OPTION...: the sessions, as they are sorted
    run 0 top -b -c 1 -v sessions "$@" && grep '^[57] ' "$dir/out" | cut -c1 | tr -d '\n'
}
[ "$(order -s OUTST)" = 75 ] && [ "$(order -s outst -r)" = 57 ] && [ "$(order)" = 75 ]
status=$?
result "top, sorted: the most first, or the least"
check "top: no such view" 2 err "'all' is not devices, sessions or queues" top -b -v all
check "top: no such column" 2 err "'EVENTS' is no column of numbers of the queues" top -b -v queues -s EVENTS
check "top without a terminal" 2 err 'this is no terminal' top
check "top, too often" 2 err '100 milliseconds are the least' top -b -d 99
if command -v script >/dev/null; then
    # script(1) hands the q on when it gets round to it, so top has to end by it alone
    echo q | TERM=vt100 timeout 60 script -qec "$vfnctl top -d 3600000" /dev/null >"$dir/out" 2>"$dir/err" &&
        grep -q 'DEVICE.*CMD/s' "$dir/out" && grep -q 'fake0' "$dir/out"
    status=$?
    result "top on a terminal, ended by q"
    TERM=none script -qec "$vfnctl top" /dev/null </dev/null >"$dir/out" 2>"$dir/err"
    [ $? -eq 2 ] && grep -q 'this terminal is not known' "$dir/out"
    status=$?
    result "top on a terminal that nobody knows"
fi
terminal() { # terminal NAME STEP...: of a top that looks by itself once an hour
    name=$1
    shift
    $python "$top_srcdir/tests/unit/client/terminal.py" "$@" key:q -- "$vfnctl" top -d 3600000 >"$dir/out" 2>"$dir/err"
    status=$?
    result "$name"
}
if [ -n "$python" ]; then
    terminal "top shows devices" "see:fake0        ready" "see:tab 1 2 3 devices  < > r by none  + - every 3600.0 s"
    terminal "top, view by view" see:STATE key:2 "see:1234 load" not:STATE 'key:\t' "see:3 served" \
        "see:queues  < > r by CMD/s" 'key:\t' see:STATE key:3 "see:0 admin" key:1 see:STATE
    terminal "top, sorted by keys" see:STATE key:2 "see:by CMD/s" 'key:<' "see:by OUTST" key:r \
        "see:by OUTST, least first" 'key:>>' "see:by READ/s, least first"
    terminal "top, how often" see:3600.0 key:- see:1800.0 key:- see:900.0
    terminal "top gets smaller, scrolls, and gets larger" see:STATE key:3 "see:3 served" size:5x80 "see:3 served" \
        "not:2 served" 'key:\x1bOB' "see:2 served" "not:3 served" 'key:\x1bOA' "see:3 served" size:40x160 \
        "see:REFUSED" "see:1 direct"
fi

vfnctl_end
