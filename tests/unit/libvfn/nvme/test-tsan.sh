#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The tests with many threads, and with them the library, under ThreadSanitizer: it goes with no other
# sanitizer, so this builds its own. `LONG=1` runs them for minutes.
: "${top_srcdir:?}"
skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
command -v gcc >/dev/null 2>&1 || skip 'gcc is not installed'
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
flags="-std=gnu11 -O1 -g -pthread -D_GNU_SOURCE -fsanitize=thread"

echo 'int main(void) { return 0; }' >"$dir/try.c"
# shellcheck disable=SC2086
gcc $flags -o "$dir/try" "$dir/try.c" 2>/dev/null && "$dir/try" 2>/dev/null ||
    skip 'gcc has no ThreadSanitizer that runs here'

# Names without spaces: the words are meant to be split. Object files of the same name would meet.
n=0
# shellcheck disable=SC2086
for file in $(find "$top_srcdir/libvfn/src" -name '*.c'); do
    n=$((n + 1))
    echo "$n $file"
done | xargs -P 2 -L 1 sh -c 'gcc '"$flags -I$top_srcdir/libvfn/include -I$top_srcdir/libvfn/src"' \
    -c -o "'"$dir"'/$0.o" "$1"' >"$dir/log" 2>&1 || { sed 's/^/# /' "$dir/log"; echo 'Bail out! no build'; exit 1; }

failed=0
number=0
units=$top_srcdir/tests/unit/libvfn
echo 1..3
for test in nvme/stack nvme/share vfio/vfio-user-dma; do
    number=$((number + 1))
    file=$units/${test%/*}/test-${test#*/}.c
    # With the server in a thread of the test's.
    [ $test != vfio/vfio-user-dma ] || file="$file $units/vfio/fake-server.c"
    test=${test#*/}
    # shellcheck disable=SC2046,SC2086
    if gcc $flags -I"$top_srcdir/libvfn/include" -I"$top_srcdir/libvfn/src" -I"$top_srcdir/tests/unit" \
        -o "$dir/$test" $file "$dir"/*.o \
        $(pkg-config --cflags --libs check) >"$dir/log" 2>&1 &&
        CK_FORK=no CK_DEFAULT_TIMEOUT=0 TSAN_OPTIONS='halt_on_error=1' "$dir/$test" >"$dir/log" 2>&1; then
        echo "ok $number - $test"
    else
        echo "not ok $number - $test"
        failed=1
    fi
    sed 's/^/# /' "$dir/log"
done
exit $failed
