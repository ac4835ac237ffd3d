#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# sparse finds no value in the sources whose byte order is taken for another, and would find one.
: "${top_srcdir:?}" "${top_builddir:?}"
if ! command -v sparse >/dev/null; then
    echo '1..0 # SKIP no sparse'
    exit 0
fi
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$top_srcdir" || exit 1
failed=0

# glibc's initialisers have 0 where a pointer is meant, and (uint8_t)~mask is no mistake.
check() {
    sparse -Wbitwise -Wno-non-pointer-null -Wno-cast-truncate -Wno-unknown-attribute -std=gnu11 \
        -D_GNU_SOURCE -DHAVE_CONFIG_H -Ilibvfn/include -Ilibvfn/src -Iclient/include -I. \
        -I"$top_builddir" "$@" 2>&1
}

result() { # result NUMBER NAME FILE-WITH-COMPLAINTS
    if [ -s "$3" ]; then
        sed 's/^/# /' "$3"
        echo "not ok $1 - $2"
        failed=1
    else
        echo "ok $1 - $2"
    fi
}

echo 1..3
for f in libvfn/src/*/*.c; do
    check "$f"
done >"$scratch/libvfn"
result 1 'sparse: libvfn' "$scratch/libvfn"

if [ -e "$top_builddir/proto/vfnd.pb-c.h" ]; then
    for f in proto/*.c client/*.c daemon/*.c daemon/*/*.c; do
        check "$f"
    done >"$scratch/daemon"
    result 2 'sparse: daemon and client' "$scratch/daemon"
else
    echo 'ok 2 - sparse: daemon and client # SKIP this is a build without them'
fi

cat >"$scratch/wrong.c" <<'EOF'
#include <vfn/nvme.h>
uint32_t wrong(union nvme_cmd *cmd);
uint32_t wrong(union nvme_cmd *cmd)
{
    cmd->rw.slba = 5;
    cmd->rw.nlb = cpu_to_le32(7);
    return cmd->nsid;
}
EOF
check "$scratch/wrong.c" >"$scratch/found"
for line in 5 6 7; do
    grep -q ":$line:.*different base types" "$scratch/found" || echo "line $line passes"
done >"$scratch/passes"
result 3 'sparse: an unconverted value is found' "$scratch/passes"
exit $failed
