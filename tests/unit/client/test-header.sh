#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# <vfn/client.h> compiles alone, in C11 and C++17, and names exactly what the library exports.
: "${top_srcdir:?}" "${top_builddir:?}"
CC=${CC:-cc} CXX=${CXX:-c++}
include=$top_srcdir/client/include
n=0 failed=0
echo 1..3

try() { # try LANGUAGE COMPILER OPTION...
    lang=$1 compiler=$2
    shift 2
    n=$((n + 1))
    if ! command -v "$compiler" >/dev/null; then
        echo "ok $n - vfn/client.h in $lang # SKIP no $compiler"
    elif out=$(echo '#include <vfn/client.h>' |
        "$compiler" "$@" -Wall -Wextra -Wundef -Wpedantic -Werror -fsyntax-only -I"$include" - 2>&1); then
        echo "ok $n - vfn/client.h in $lang"
    else
        echo "not ok $n - vfn/client.h in $lang"
        echo "$out" | sed 's/^/# /'
        failed=1
    fi
}

try C11 "$CC" -x c -std=c11
try C++17 "$CXX" -x c++ -std=c++17

# functions of the header, but for the inline one, against the dynamic symbols
n=$((n + 1))
lib=$top_builddir/client/.libs/libvfnclient.so
grep -oE '\bvfnc_[a-z_]+\(' "$include"/vfn/client*.h -h | tr -d '(' | sort -u | grep -vx vfnc_ok >declared.$$
nm -D --defined-only "$lib" | awk '$2 == "T" {sub(/@.*/, "", $3); print $3}' | sort -u >exported.$$
if out=$(diff declared.$$ exported.$$) && [ -s exported.$$ ]; then
    echo "ok $n - the library exports what the header declares, and nothing else"
else
    echo "not ok $n - the library exports what the header declares, and nothing else"
    echo "$out" | sed 's/^/# /'
    failed=1
fi
rm -f declared.$$ exported.$$
exit $failed
