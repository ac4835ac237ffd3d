#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What a read costs, and that nothing dear is in its path.
: "${top_srcdir:?}"
skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
command -v valgrind >/dev/null 2>&1 || skip 'valgrind is not installed'
command -v objdump >/dev/null 2>&1 || skip 'objdump is not installed'
command -v gcc >/dev/null 2>&1 || skip 'gcc is not installed'
[ "$(uname -m)" = x86_64 ] || skip 'the limits are for x86-64'
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0
echo 1..9

report() { # report NUMBER TEXT FILE-WITH-COMPLAINTS
    if [ -s "$3" ]; then
        echo "not ok $1 - $2"
        sed 's/^/# /' "$3"
        failed=1
    else
        echo "ok $1 - $2"
    fi
}

CC=gcc CFLAGS='' LDFLAGS='' "$top_srcdir/tests/bench/cost" "$dir" >"$dir/numbers" 2>"$dir/log" ||
    { cat "$dir/log" >>"$dir/numbers"; }
sed 's/^/# /' "$dir/numbers"

limit() { # limit NUMBER MODE DOORBELL MOST
    awk -v key="$2 $3" -v most="$4" '$1 " " $2 == key { found = 1; if ($3 > most || $3 <= 0) print }
        END { if (!found) print "no number for " key }' "$dir/numbers" >"$dir/bad"
    report "$1" "a read costs at most $4 instructions, $2 $3" "$dir/bad"
}
limit 1 each plain 86
limit 2 batch plain 72
limit 3 each shadow 97
limit 4 batch shadow 73

# The functions with all that is inlined into them, and with what the compiler put aside as unlikely
for f in path_each path_batch; do
    objdump -d --no-show-raw-insn "$dir/cost" |
        awk -v f="<$f" 'index($2, f ">:") || index($2, f ".cold>:") { on = 1 } /^$/ { on = 0 } on'
done >"$dir/code"
[ "$(grep -c ret "$dir/code")" -ge 2 ] && grep -q device_complete "$dir/code" ||
    echo 'the functions were not found' >"$dir/none"
cat "$dir/none" >"$dir/bad" 2>/dev/null
# xchg with memory locks by itself; of registers alone it is padding
grep -E '[[:space:]]lock |xchg.*\(|cmpxchg|xadd' "$dir/code" >>"$dir/bad"
report 5 'no atomic read-modify-write in the path' "$dir/bad"
cat "$dir/none" >"$dir/bad" 2>/dev/null
grep -E '(call|jmp) +\*' "$dir/code" >>"$dir/bad"
report 6 'no call through a pointer in the path' "$dir/bad"

# Whom the path called while it ran: nobody but the stand-in. (The setup makes trackers.)
: >"$dir/bad"
for f in path-each-plain path-each-shadow path-batch-plain path-batch-shadow; do
    callgrind_annotate --threshold=100 "$dir/$f.101000" >"$dir/list" 2>&1
    grep -q 'device_complete' "$dir/list" || echo "$f: no list of functions" >>"$dir/bad"
    grep -oE ':(__)?nvme_[a-z_]+' "$dir/list" | sort -u | grep -vE ':(nvme_rq_setup|nvme_page_alloc_size)$' |
        sed "s/^/$f calls /" >>"$dir/bad"
done
report 7 'the path calls nothing out of line' "$dir/bad"

"$dir/cost" order >"$dir/bad" 2>&1
order=$?
[ -s "$dir/bad" ] || [ $order = 0 ] || echo "exit status $order" >"$dir/bad"
report 8 'nothing about the transport is looked at before the event index' "$dir/bad"

# The measure itself: a loop without reads is all loop.
base=$(awk '/^(summary|totals):/ { print $2; exit }' "$dir/base-each-plain.101000")
: >"$dir/bad"
[ "${base:-0}" -gt 1000000 ] || echo "the stand-in did not run: $base instructions" >"$dir/bad"
report 9 'the stand-in runs in what is taken off' "$dir/bad"
exit $failed
