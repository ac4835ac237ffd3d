#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# /init of the initial file system: puts the host's root, seen read-only over 9p, under a writable
# overlay in memory, and goes on there with init.sh. A guest of another processor has a userland of
# its own above the host's root. Only busybox exists here.
export PATH=/bin
/bin/busybox --install -s /bin

fail() {
    echo "vm: $*"
    poweroff -f
}

. /vm/env

# from_host TAG FOLDER
from_host() {
    mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=262144 "$1" "$2" ||
        fail "cannot mount $1"
}

mkdir -p /proc /sys /dev /userland /lower /rw /new
mount -t proc proc /proc || fail "no /proc"
from_host host /lower
lower=/lower
if [ -n "$VM_USERLAND" ]; then
    from_host userland /userland
    lower=/userland:/lower
fi
mount -t tmpfs -o size=60% tmpfs /rw && mkdir /rw/upper /rw/work || fail "no tmpfs"
mount -t overlay -o lowerdir=$lower,upperdir=/rw/upper,workdir=/rw/work overlay /new ||
    fail "no overlay"

# /tmp stays the overlay's: what is tested may lie below the host's /tmp.
mount --move /proc /new/proc &&
    mount -t sysfs sysfs /new/sys &&
    mount -t debugfs debugfs /new/sys/kernel/debug &&
    mount -t devtmpfs -o mode=0755 devtmpfs /new/dev &&
    mkdir -p /new/dev/pts /new/dev/shm &&
    mount -t devpts -o mode=0620,ptmxmode=0666 devpts /new/dev/pts &&
    mount -t tmpfs -o mode=1777 tmpfs /new/dev/shm &&
    mount -t tmpfs -o mode=0755 tmpfs /new/run &&
    cp -r /vm /new/run/vfnd-vm || fail "cannot set up the file systems"

exec switch_root /new "$top_srcdir/tests/vm/init.sh"
