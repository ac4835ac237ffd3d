#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# cost-sim.sh PROGRAM [FOLDER] - instructions of vfnd-sim --null for one 512-byte read
#
# PROGRAM is cost-sim, as the tree's build made it. It runs under callgrind; a number is that of
# 11,200 reads less that of 1,600, less the same difference without the controller. A line a case:
# doorbell for each read (`each`) or for each 32 (`batch`), or a look that finds nothing (`idle`);
# register (`plain`) or shadow doorbells; instructions.
set -e
program=$1
if [ $# -gt 1 ]; then
    dir=$2
else
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
fi

count() {
    valgrind --tool=callgrind --callgrind-out-file="$dir/callgrind.$1-$2-$3.$4" "$program" "$@" \
        >"$dir/valgrind.log" 2>&1 || { cat "$dir/valgrind.log" >&2; return 1; }
    n=$(awk '/Collected :/ { print $4 }' "$dir/valgrind.log")
    [ -n "$n" ] && echo "$n"
}

line() { # line MODE DOORBELL COUNT-MANY COUNT-FEW
    awk -v n=$(($3 - $4)) -v what="$1 $2" 'BEGIN { printf "%s %.1f\n", what, n / 9600 }'
}

for doorbell in plain shadow; do
    for mode in each batch; do
        path_many=$(count path $mode $doorbell 11200)
        path_few=$(count path $mode $doorbell 1600)
        base_many=$(count base $mode $doorbell 11200)
        base_few=$(count base $mode $doorbell 1600)
        line $mode $doorbell $((path_many - base_many)) $((path_few - base_few))
    done
    idle_many=$(count idle each $doorbell 11200)
    idle_few=$(count idle each $doorbell 1600)
    line idle $doorbell "$idle_many" "$idle_few"
done
