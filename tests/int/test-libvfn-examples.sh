#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The programs of doc/examples/libvfn do what they say.
#
#   test-libvfn-examples.sh                            on a software controller
#   test-libvfn-examples.sh --real NVME NVME-CMB EDU   on these PCI devices, which vfio-pci has: an NVMe
#       controller, one with a controller memory buffer, an edu device; $VM_FACTS/ADDRESS/ tells what the
#       kernel's driver said of the controllers (tests/vm/snapshot.py)
#
# Prints TAP.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
examples=$top_builddir/doc/examples/libvfn

# says CODE PATTERN COMMAND...: the command exits with the code, and a line that it prints matches.
says() {
    says_code=$1 says_pattern=$2
    shift 2
    "$@" >"$dir/out" 2>&1
    says_got=$?
    cat "$dir/out"
    echo "exit code $says_got, wanted $says_code and '$says_pattern'"
    [ $says_got -eq "$says_code" ] && grep -qE -e "$says_pattern" "$dir/out"
}

# also PATTERN: the program that ran last has printed such a line, too.
also() {
    echo "wanted '$1' in:"
    cat "$dir/out"
    grep -qE -e "$1" "$dir/out"
}

# The controllers, and what is known of the first one from elsewhere.
if [ "${1:-}" = --real ]; then
    facts=${VM_FACTS:-/run/vfnd-vm}/$2
    device=$2 cmb=$3 edu=$4
    transport=$VM_TRANSPORT
    serial=$(cat "$facts/serial")
    cap=$(cat "$facts/cap")
    blocks=$(cat "$facts/ns1_blocks")
    second=$(cat "$facts/ns2_blocks")
    nothing=0000:00:77.0
else
    start_sim one --serial examples-1 --ns 64M --ns 16M --block-size 4096 || exit 99
    device=vfio-user:$dir/one.sock cmb='' edu=''
    transport=vfio-user
    serial=examples-1
    # What it says over vfio-user, to a client that is not libvfn.
    "$top_builddir/tests/int/int-facts" "$dir/one.sock" "$dir" >&2 || exit 99
    cap=$(cat "$dir/cap")
    blocks=16384
    second=4096
    nothing=vfio-user:$dir/none.sock
fi

# ---- register dump ------------------------------------------------------------------------------

registers_say() {
    says 0 "^$device: class 010802, reached by $transport\$" "$examples/regs" "$device" &&
        also "^00  CAP +${cap#0x} " && also '^ +NVMe [12]\.[0-9]\.[0-9]$' && also '^ +not enabled$'
}
tap "regs: what they hold is what others read there" registers_say
tap "regs: a device that is not there" says 1 "^$nothing: .+" "$examples/regs" "$nothing"
tap "regs: no argument" says 2 '^usage: .* DEVICE$' "$examples/regs"

# ---- Identify -----------------------------------------------------------------------------------

identify_says() {
    says 0 "^serial number: $serial\$" "$examples/identify" "$device" &&
        also '^model: .+' && also '^active namespaces: 1 2$' && also '^done after [0-9]+ us and'
}
tap "identify: the controller's serial number and namespaces" identify_says
tap "identify: a device that is not there" says 1 "^$nothing: .+" "$examples/identify" "$nothing"

eventfd_says() {
    says 0 "^serial number: $serial *\$" "$examples/identify-eventfd" "$device" &&
        also '^model: .+' && also '^done after [1-9] wake-ups?$'
}
tap "identify-eventfd: the same serial number, by interrupt" eventfd_says
tap "identify-eventfd: a device that is not there" \
    says 1 "^$nothing: .+" "$examples/identify-eventfd" "$nothing"

# ---- I/O ----------------------------------------------------------------------------------------

io_says() { # NAMESPACE BLOCKS
    says 0 "^namespace $1: $2 blocks of [0-9]+ bytes; [0-9]+ KiB at once\$" \
        "$examples/io" "$device" "$1" &&
        also '^1 page: +[0-9]+ bytes written, read back and compared$' &&
        also '^[0-9]{2,3} pages: +[0-9]+ bytes written, read back and compared$' &&
        also '^8 pieces, swapped: +[0-9]+ bytes written' &&
        also '^the same in one piece: +[0-9]+ bytes, each piece where it belongs$'
}
tap "io: PRP lists and vectors" io_says 1 "$blocks"
tap "io: on the second namespace" io_says 2 "$second"
tap "io: the last block alone" says 0 '^1 page:' "$examples/io" "$device" 1 $((blocks - 1))
tap "io: beyond the end" says 1 "ends at block $blocks\$" "$examples/io" "$device" 1 "$blocks"
tap "io: a namespace that is not there" \
    says 1 '^(Identify Namespace: .*status|there is no namespace 7)' "$examples/io" "$device" 7
tap "io: no number" says 2 '^usage: ' "$examples/io" "$device" one

# ---- the back end -------------------------------------------------------------------------------

async_says() { # DEPTH
    says 0 '^512 chunks of 4096 bytes written, read back and compared$' \
        "$examples/async" "$device" 1 "$1" && also "^at most $1 commands under way"
}
tap "async: 16 commands under way" async_says 16
tap "async: one at a time" async_says 1
tap "async: more than a page of queue entries" async_says 100
tap "async: a namespace that is not there" \
    says 1 "^$device: .+" "$examples/async" "$device" 7

# ---- what there is in one place only ------------------------------------------------------------

if [ -n "$edu" ]; then
    edu_says() {
        says 0 '^liveness: 0x12345678 became 0xedcba987$' "$examples/edu" "$edu" &&
            also '^interrupt: 10! is 3628800$' &&
            also '^DMA: 2048 bytes there and back, at IOVA 0x[0-9a-f]{5,7}$'
    }
    tap "edu: registers, interrupts, DMA" edu_says
    tap "edu: another device" says 1 'not 1234:11e8' "$examples/edu" "$device"

    cmb_says() {
        says 0 '^controller memory buffer: 16384 KiB' "$examples/cmb" "$cmb" &&
            also '^submission queue in the buffer$' && also '^read into the buffer: 4096 bytes' &&
            also '^written from the buffer: 4096 bytes'
    }
    tap "cmb: a queue and data in the controller's memory" cmb_says
else
    tap "edu: no PCI address" says 1 '^vfio-user' "$examples/edu" "$device"

    # A command that the controller refuses is told with its status.
    refused() {
        tell_sim one 'status io 1 1 2 0x81' && says 1 '^Write: .*' "$examples/io" "$device"
    }
    tap "io: a command that fails" refused
    async_refused() {
        tell_sim one 'status io 2 1 2 0x81' && says 1 '^read: .*' "$examples/async" "$device"
    }
    tap "async: a command that fails" async_refused
    admin_refused() {
        tell_sim one 'status admin 6 2 0 0x6' && says 1 '^Identify' "$examples/identify" "$device"
    }
    tap "identify: a command that fails" admin_refused
fi
tap "cmb: a controller without one" says 1 '^controller memory buffer: .+' "$examples/cmb" "$device"
tap_end
