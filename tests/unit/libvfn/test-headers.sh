#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every public header of libvfn compiles alone, in C11 and in C++17, without a warning.
: "${top_srcdir:?}"
CC=${CC:-cc} CXX=${CXX:-c++}
warn='-Wall -Wextra -Wundef -Wno-unused-parameter -Werror -fsyntax-only'
include=$top_srcdir/libvfn/include
headers=$(cd "$include" && find vfn -name '*.h' | sort)
# libnvme's types are only used by examples and tests, never by a public header.
n=0 failed=0
echo "1..$(($(echo "$headers" | wc -l) * 2))"

try() { # try HEADER LANGUAGE COMPILER OPTION...
    header=$1 lang=$2 compiler=$3
    shift 3
    n=$((n + 1))
    if ! command -v "$compiler" >/dev/null; then
        echo "ok $n - $header in $lang # SKIP no $compiler"
        return
    fi
    if out=$(echo "#include <$header>" |
        "$compiler" "$@" $warn -D_GNU_SOURCE -I"$include" - 2>&1); then
        echo "ok $n - $header in $lang"
    else
        echo "not ok $n - $header in $lang"
        echo "$out" | sed 's/^/# /'
        failed=1
    fi
}

for h in $headers; do
    try "$h" C11 "$CC" -x c -std=c11
    try "$h" C++17 "$CXX" -x c++ -std=c++17
done
exit $failed
