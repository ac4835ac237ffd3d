#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# clang has no warning about any source, the fuzzers' included.
: "${top_srcdir:?}" "${top_builddir:?}"
if ! command -v clang >/dev/null; then
    echo '1..0 # SKIP no clang'
    exit 0
fi
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$top_srcdir" || exit 1
failed=0

folders='libvfn tests/unit/libvfn tests/vm'
[ ! -e "$top_builddir/proto/vfnd.pb-c.h" ] || folders='libvfn proto client daemon doc tests'

flags="-D_GNU_SOURCE -DHAVE_CONFIG_H -DFUZZ_NAME=\"\" -DSBINDIR=\"\" -Ilibvfn/include -Ilibvfn/src -Iclient/include \
    -I. -Itests/unit -Itests/unit/libvfn/pci -Itests -I$top_builddir \
    $(pkg-config --cflags libnvme json-c libevent_core libprotobuf-c libsystemd check 2>/dev/null)"
export flags

# Each file gets what any file of the tree gets; those of the simulator find its headers first, since
# other folders have headers of the same names.
# shellcheck disable=SC2016
one='case $1 in
tests/*sim/*) first=-Itests/sim ;;
*) first= ;;
esac
exec clang -fsyntax-only -std=gnu11 $VFND_WARNINGS -Werror -Wno-unknown-warning-option $first $flags "$1"'

# shellcheck disable=SC2086
find $folders -name '*.c' ! -path '*/install/*' -print0 | sort -z |
    xargs -0 -P"$(nproc)" -n1 sh -c "$one" sh >"$scratch/out" 2>&1 || failed=1
echo 1..2
if [ $failed -ne 0 ]; then
    sed 's/^/# /' "$scratch/out"
    printf 'not '
fi
echo "ok 1 - clang: every source"

# A fault that has to be found, so that it is seen that files are looked at.
echo 'int wrong(const char *s); int wrong(const char *s) { return __builtin_printf(s); }' \
    >"$scratch/wrong.c"
if sh -c "$one" sh "$scratch/wrong.c" >/dev/null 2>&1; then
    printf 'not '
    failed=1
fi
echo 'ok 2 - clang: a format that is no literal is found'
exit $failed
