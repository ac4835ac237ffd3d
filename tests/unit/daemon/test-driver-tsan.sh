#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# test-driver and test-trace, the data path and libvfn under the thread sanitizer: programs of their own, as the tree
# is built with other sanitizers or none.
: "${top_srcdir:?}"
skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
src=$top_srcdir
command -v gcc >/dev/null 2>&1 || skip 'gcc is not installed'
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# Does it build and run anything? Some kernels' address spaces are too random for it.
echo 'int main(void) { return 0; }' >"$dir/nothing.c"
gcc -fsanitize=thread -o "$dir/nothing" "$dir/nothing.c" >/dev/null 2>&1 && "$dir/nothing" >/dev/null 2>&1 ||
    skip 'the compiler has no thread sanitizer that runs here'

# Fences are not known to it (-Wno-tsan): what they order is atomic all the same.
# Names without spaces: the words are meant to be split.
# shellcheck disable=SC2046
if ! gcc -std=gnu11 -O2 -g -pthread -fsanitize=thread -Wno-tsan -D_GNU_SOURCE -I"$src" -I"$src/tests/unit" \
    -I"$src/libvfn/include" -I"$src/libvfn/src" -o "$dir/test-driver" "$src/tests/unit/daemon/test-driver.c" \
    "$src"/daemon/data/*.c $(find "$src/libvfn/src" -name '*.c') -Wl,--wrap=served_arm \
    $(pkg-config --cflags --libs check libevent) >"$dir/log" 2>&1; then
    sed 's/^/# /' "$dir/log"
    echo 'not ok 1 - test-driver builds'
    echo 1..1
    exit 1
fi
# shellcheck disable=SC2046
if ! gcc -std=gnu11 -O2 -g -pthread -fsanitize=thread -Wno-tsan -D_GNU_SOURCE -I"$src" -I"$src/tests/unit" \
    -I"$src/libvfn/include" -I"$src/libvfn/src" -o "$dir/test-trace" "$src/tests/unit/daemon/test-trace.c" \
    "$src"/daemon/data/*.c $(find "$src/libvfn/src" -name '*.c') $(pkg-config --cflags --libs check libevent) \
    >"$dir/log" 2>&1; then
    sed 's/^/# /' "$dir/log"
    echo 'not ok 1 - test-trace builds'
    echo 1..1
    exit 1
fi
# In one process: what it finds at the end is told by the exit status of each test otherwise.
CK_FORK=no TSAN_OPTIONS='halt_on_error=0 exitcode=66' "$dir/test-driver" >"$dir/tap" 2>"$dir/log"
status=$?
CK_FORK=no TSAN_OPTIONS='halt_on_error=0 exitcode=66' "$dir/test-trace" >>"$dir/tap" 2>>"$dir/log" || status=$?
awk '/^(not )?ok / { sub(/ok [0-9]+/, "ok " ++n) } !/^1\.\./' "$dir/tap"
tests=$(grep -cE '^(not )?ok ' "$dir/tap")
if [ $status -eq 0 ] && ! grep -q 'ThreadSanitizer' "$dir/log"; then
    echo "ok $((tests + 1)) - no data race"
else
    sed 's/^/# /' "$dir/log"
    echo "not ok $((tests + 1)) - no data race"
fi
echo "1..$((tests + 1))"
