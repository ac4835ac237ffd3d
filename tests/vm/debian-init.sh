#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# /init of the initial file system for tests/vm/debian: puts Debian's root, seen read-only over 9p, under a writable
# overlay in memory, with the packages and the test in it, and goes on with systemd.
export PATH=/bin
/bin/busybox --install -s /bin

fail() {
    echo "vm: $*"
    poweroff -f
}

mkdir -p /proc /sys /lower /rw /new
mount -t proc proc /proc || fail "no /proc"
mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=262144 host /lower ||
    fail "cannot mount Debian's root"
mount -t tmpfs -o size=60% tmpfs /rw && mkdir /rw/upper /rw/work || fail "no tmpfs"
mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work overlay /new ||
    fail "no overlay"
mkdir /new/packages && cp /packages/* /new/packages && cp /vm/debian-guest.sh /new/packages/test || fail "no room"
cat >/new/etc/systemd/system/vfnd-test.service <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /packages/test
StandardOutput=file:/dev/virtio-ports/tap
StandardError=journal+console
TimeoutStartSec=infinity
ExecStopPost=/bin/systemctl --force --force poweroff
UNIT
mkdir -p /new/etc/systemd/system/multi-user.target.wants
ln -s ../vfnd-test.service /new/etc/systemd/system/multi-user.target.wants/vfnd-test.service
umount /proc
exec switch_root /new /sbin/init
