#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The demonstration ends with "demo: ok", and says so when it cannot.
: "${top_srcdir:?}" "${top_builddir:?}"
echo 1..2
code=0
out=$("$top_srcdir/tests/int/demo.sh" "$top_builddir" 2>&1)
if [ $? -eq 0 ] && [ "$(echo "$out" | tail -n 1)" = "demo: ok" ]; then
    echo "ok 1 - the demonstration works"
else
    echo "$out" | sed 's/^/# /'
    echo "not ok 1 - the demonstration works"
    code=1
fi
# without the programs it is no success
out=$(top_builddir=/nonexistent "$top_srcdir/tests/int/demo.sh" 2>&1)
if [ $? -eq 1 ] && ! echo "$out" | grep -q 'demo: ok' && echo "$out" | grep -q 'demo: FAILED'; then
    echo "ok 2 - a failure is told, with exit code 1"
else
    echo "$out" | sed 's/^/# /'
    echo "not ok 2 - a failure is told, with exit code 1"
    code=1
fi
exit $code
