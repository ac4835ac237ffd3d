#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# No wake-up is lost with all fences of the sleep of served queues, and one is without any one of them.
: "${top_srcdir:?}"
skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
command -v spin >/dev/null 2>&1 || skip 'spin is not installed'
command -v gcc >/dev/null 2>&1 || skip 'gcc is not installed'
model=$(cd "$top_srcdir" && pwd)/tests/model/served.pml
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
echo 1..5

# errors [-DWORD]: searches all states and prints how many errors were found.
errors() {
    spin -a "$@" "$model" >log 2>&1 &&
        gcc -O2 -DSAFETY -DMEMLIM=1024 -o pan pan.c >>log 2>&1 &&
        ./pan -m1000000 >pan.log 2>&1
    cat pan.log >>log
    # An unfinished search says nothing.
    if grep -qE 'max search depth too small|out of memory|reached -DMEMLIM' pan.log; then
        echo incomplete
        return
    fi
    sed -n 's/.*errors: \([0-9]*\)$/\1/p' pan.log
}

found=$(errors)
sed -n 's/.*\(states, stored\)/# &/p' pan.log
if [ "$found" = 0 ]; then
    echo 'ok 1 - with all fences nobody sleeps over something'
else
    sed 's/^/# /' log
    echo 'not ok 1 - with all fences nobody sleeps over something'
fi
n=1
for fence in CLIENT_SUBMIT DAEMON_ARM DAEMON_TELL CLIENT_ARM; do
    n=$((n + 1))
    found=$(errors "-DNO_$fence")
    if [ "$found" = 1 ] && grep -q 'invalid end state' pan.log; then
        echo "ok $n - without the fence $fence somebody does"
    else
        sed 's/^/# /' log
        echo "not ok $n - without the fence $fence somebody does"
    fi
done
