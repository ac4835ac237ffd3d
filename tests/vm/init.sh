#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Process 1 of the guest, on the host's root file system. Notes what the kernel's drivers say, gives
# the devices to vfio-pci, runs the command, tells its exit status to the host and powers off.
# Its foreground waits reap orphans, too.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root
LC_ALL=C
export PATH HOME LC_ALL
vm=/run/vfnd-vm
. $vm/env
VFN_TRANSPORT=$VM_TRANSPORT
export top_srcdir top_builddir VM_ARCH VM_TRANSPORT VFN_TRANSPORT
[ -z "${LONG:-}" ] || export LONG
[ -z "${INT_ONLY:-}" ] || export INT_ONLY
cd "$top_srcdir" || busybox poweroff -f

# As udev would do it.
mkdir -p /dev/virtio-ports
for port in /sys/class/virtio-ports/*; do
    ln -s "/dev/${port##*/}" "/dev/virtio-ports/$(cat "$port/name")"
done
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
exec 2>/dev/virtio-ports/log

mkdir -p $vm/tmp
TMPDIR=$vm/tmp
export TMPDIR

finish() {
    dmesg >/dev/virtio-ports/dmesg
    tests/vm/qmp-request.sh exit "$1" >/dev/null
    busybox poweroff -f
}

if ! python3 tests/vm/snapshot.py $vm; then
    echo "vm: no snapshot of what the kernel's drivers say" >&2
    finish 99
fi
# VM_NVME0=ADDRESS and so on.
. $vm/devices
export VM_NVME0 VM_NVME1 VM_NVME2 VM_NVME3 VM_NVME4 VM_NVME5 VM_EDU

# nvme3 stays with the kernel's driver: it shares a group with nvme2, which is not viable for that.
for address in $VM_NVME0 $VM_NVME1 $VM_NVME2 $VM_NVME5 $VM_EDU; do
    tests/vm/bind.sh "$address" vfio-pci
done

if [ -n "$VM_SHELL" ]; then
    # The devices' addresses are in the environment.
    setsid busybox cttyhack /bin/sh 2>&1
    finish 0
fi
sh $vm/command </dev/null >/dev/virtio-ports/tap
finish $?
