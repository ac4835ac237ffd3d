#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The units as systemd reads them. ExecStart= has to exist, so it is the program just built.
set -u
top_srcdir=${top_srcdir:?} top_builddir=${top_builddir:?}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/vfnd-units.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

n=0
# result STATUS NAME: with what was written to $scratch/out, where it failed.
result() {
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        sed 's/^/# /' "$scratch/out"
        echo "not ok $n - $2"
    fi
}

service=$top_builddir/systemd/vfnd.service
grep -nE '@[a-z]+@' "$service" >"$scratch/out"
[ ! -s "$scratch/out" ]
result $? "nothing is left to be filled in"
grep '^ExecStart=' "$service" >"$scratch/out"
grep -qE '^ExecStart=/.*/vfnd$' "$scratch/out"
result $? "the service starts an absolute path"

# What the program has built in and what the unit says must agree.
socket=$(sed -n 's/^#define CONFIG_DEFAULT_SOCKET "\(.*\)"/\1/p' "$top_srcdir/daemon/config.h")
grep ^Listen "$top_srcdir/systemd/vfnd.socket" >"$scratch/out"
grep -qxF "ListenSequentialPacket=${socket:-none}" "$scratch/out"
result $? "the socket unit has the daemon's default path"

if command -v systemd-analyze >/dev/null 2>&1; then
    sed "s,^ExecStart=.*,ExecStart=$top_builddir/daemon/vfnd," "$service" >"$scratch/vfnd.service"
    cp "$top_srcdir/systemd/vfnd.socket" "$scratch"
    # Another unit of the machine may be wrong; that is none of ours.
    systemd-analyze verify --man=no --recursive-errors=no "$scratch/vfnd.service" \
        "$scratch/vfnd.socket" >"$scratch/out" 2>&1
    status=$?
    if grep -q 'vfnd\.' "$scratch/out"; then status=1; fi
    result $status "systemd-analyze verify has nothing to say"
    # And would it say something?
    sed 's/^DevicePolicy=.*/DevicePolicy=sometimes/' "$scratch/vfnd.service" >"$scratch/bad.service"
    systemd-analyze verify --man=no --recursive-errors=no "$scratch/bad.service" \
        >"$scratch/out" 2>&1
    grep -q 'bad.service.*policy' "$scratch/out"
    result $? "systemd-analyze verify finds a mistake"
else
    n=$((n + 1))
    echo "ok $n - systemd-analyze verify # SKIP there is no systemd-analyze"
    n=$((n + 1))
    echo "ok $n - systemd-analyze verify finds a mistake # SKIP there is no systemd-analyze"
fi

if command -v systemd-analyze >/dev/null 2>&1 &&
    systemd-analyze security --help 2>/dev/null | grep -q -e --offline; then
    # Tenths: below 2.5 is what its authors call OK.
    systemd-analyze security --offline=yes --threshold=25 "$scratch/vfnd.service" >"$scratch/out" 2>&1
    result $? "systemd-analyze security has the service exposed to little"
else
    n=$((n + 1))
    echo "ok $n - systemd-analyze security # SKIP there is none that looks at files"
fi

# Each device class of the kernel's that the daemon opens is in the rules, and nobody else gets it.
rules=$top_srcdir/systemd/udev/60-vfnd.rules
grep -v '^#' "$rules" >"$scratch/out"
[ "$(grep -c 'OWNER="vfnd"' "$scratch/out")" = 3 ] && [ "$(grep -c 'vfio.*MODE="0600"' "$scratch/out")" = 2 ] &&
    ! grep -vE '^(SUBSYSTEM=="[a-z-]+"|KERNEL=="[^"]+"|OWNER="vfnd"|MODE="0600"|, )+$' "$scratch/out"
result $? "udev gives VFIO's files to the service's user alone"
grep -q "^User=vfnd$" "$service" && grep -q '^u vfnd ' "$top_srcdir/systemd/sysusers.d/vfnd.conf"
result $? "the service runs as the user that is made for it"

if command -v systemd-sysusers >/dev/null 2>&1; then
    systemd-sysusers --root="$scratch/root" --dry-run "$top_srcdir/systemd/sysusers.d/vfnd.conf" \
        >"$scratch/out" 2>&1
    status=$?
    grep -q 'group.*vfnd' "$scratch/out" && grep -q 'user.*vfnd' "$scratch/out" && [ $status -eq 0 ]
    result $? "systemd-sysusers would make the user and the group"
else
    n=$((n + 1))
    echo "ok $n - systemd-sysusers # SKIP there is no systemd-sysusers"
fi
if command -v systemd-tmpfiles >/dev/null 2>&1; then
    mkdir -p "$scratch/root/etc" && cp /etc/passwd /etc/group "$scratch/root/etc"
    echo 'vfnd:x:499:499::/:/usr/sbin/nologin' >>"$scratch/root/etc/passwd"
    echo 'vfnd:x:499:' >>"$scratch/root/etc/group"
    systemd-tmpfiles --root="$scratch/root" --create "$top_srcdir/systemd/tmpfiles.d/vfnd.conf" \
        >"$scratch/out" 2>&1
    status=$?
    [ $status -eq 0 ] && [ -d "$scratch/root/run/vfnd" ]
    result $? "systemd-tmpfiles makes the socket's folder"
else
    n=$((n + 1))
    echo "ok $n - systemd-tmpfiles # SKIP there is no systemd-tmpfiles"
fi
echo "1..$n"
