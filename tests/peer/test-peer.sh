#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# libvfn, and the daemon, on a vfio-user server that is not ours: one case for each way in which
# servers may differ, and for the places where one may die or stop.
. "${top_srcdir:?}/tests/int/lib.sh"

peer=$top_srcdir/tests/peer/peer.py
drive=$top_builddir/tests/peer/drive
python3 -c '' 2>/dev/null || tap_skip "python3 is missing"
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

peer_ready() {
    kill -0 "$peer_pid" && grep -q ready "$dir/peer.log"
}

# start_peer OPTION...: a server at $dir/peer.sock.
start_peer() {
    rm -f "$dir/peer.sock" "$dir/peer.log"
    python3 "$peer" "$dir/peer.sock" "$@" >"$dir/peer.log" 2>&1 &
    peer_pid=$!
    lib_pids="$peer_pid $lib_pids"
    if ! wait_for 10 peer_ready; then
        cat "$dir/peer.log"
        return 1
    fi
}

# The server had nothing to object to.
peer_content() {
    stop "$peer_pid"
    grep -v '^ready$' "$dir/peer.log"
    [ "$stopped" -eq 0 ]
}

# whole DRIVE-OPTIONS PEER-OPTION...: all of it works, and the server finds nothing wrong.
whole() {
    whole_how=$1
    shift
    start_peer "$@" || return 1
    # shellcheck disable=SC2086
    timeout 30 "$drive" $whole_how "vfio-user:$dir/peer.sock"
    whole_rc=$?
    peer_content || return 1
    return $whole_rc
}

# breaks PHASE:HOW DRIVE-OPTIONS PEER-OPTION...: the program is told so in time, and cleans up.
breaks() {
    breaks_at=$1
    breaks_how=$2
    shift 2
    start_peer --at "$breaks_at" --expect-death "$@" || return 1
    # shellcheck disable=SC2086
    timeout 10 "$drive" --maybe 150 $breaks_how "vfio-user:$dir/peer.sock"
    breaks_rc=$?
    stop "$peer_pid" KILL
    # All that a program asks for has been done when it disables the controller.
    case $breaks_at in
    disable:*) [ $breaks_rc -eq 0 ] ;;
    *) [ $breaks_rc -eq 3 ] ;;
    esac
}

daemon() {
    start_peer "$@" || return 1
    start_vfnd --device "vfio-user:$dir/peer.sock" || return 1
    "$vfnctl" list || return 1
    "$vfnctl" id-ctrl >"$dir/id" || return 1
    cat "$dir/id"
    grep -q PEER0001 "$dir/id" || return 1
    head -c 4096 /dev/urandom >"$dir/data"
    "$vfnctl" write -n 1 -s 5 -c 7 -d "$dir/data" -z 4096 || return 1
    "$vfnctl" read -n 1 -s 5 -c 7 -d "$dir/back" -z 4096 || return 1
    cmp "$dir/data" "$dir/back" || return 1
    stop "$vfnd_pid"
    [ "$stopped" -eq 0 ] || return 1
    peer_content
}

lib_begin
tap "doorbells by message, polling" whole "" --want-rung message
tap "doorbells mapped, polling" whole "" --area one --want-rung store
tap "shadow doorbells of I/O queues only" whole "" --area one --shadow --want-rung store
tap "shadow doorbells, left alone" whole "--quirk" --area one --shadow --want-rung store
tap "all of BAR0 can be mapped" whole "" --area whole
tap "two areas, a descriptor for each, an unknown capability before" \
    whole "" --area two --fd-each --other-cap
tap "an area that holds registers and doorbells" whole "" --area around
tap "an area that has no doorbells" whole "" --area beside --want-rung message
tap "a BAR0 of odd size" whole "" --area one --bar-size 0x1024
tap "MSI-X, one descriptor a message" whole "--irq" --irq msix
tap "MSI-X that comes masked, mapped doorbells" whole "--irq" --irq msix --maskable --area one --max-fds 8
tap "MSI-X by polling" whole "" --irq msix --area one
tap "MSI" whole "--irq" --irq msi --max-fds 3
tap "a line" whole "--irq" --irq intx
tap "a line, but polling" whole "" --irq intx
tap "registers of 4 bytes" whole "" --width 4
tap "ASQ and ACQ of 8 bytes, configuration space by 4" whole "--irq" --irq msix --width 8 --config-width 4
tap "4 bytes in a message, no JSON's default" whole "" --max-data 4 --minor 0
tap "version 0.0, no capabilities, no reset" whole "" --minor 0 --no-json --no-reset
tap "4096 bytes of configuration space, a reset that leaves CC and CSTS" \
    whole "--irq" --irq msix --config-size 4096 --reset-keeps
tap "replies to what wants none" whole "" --answer-posts
tap "memory by messages" whole "" --dma message
tap "memory by messages, interrupts, mapped doorbells, small pieces" \
    whole "--irq" --dma message --irq msix --area one --dma-piece 512
tap "ordinary memory" whole "--private" --dma either
tap "ordinary memory, mapped doorbells and a line" whole "--private --irq" --dma either --irq intx --area one
tap "ordinary memory where no descriptors are taken" whole "--private" --dma either --max-fds 0
for phase in version info region reset read config map enable admin io disable; do
    tap "the server dies: $phase" breaks "$phase:die" ""
done
for phase in version map enable admin io disable; do
    tap "the server stops: $phase" breaks "$phase:stop" ""
done
tap "the server dies while it reaches memory by messages" breaks io:die "--private --irq" --dma message --irq msix
tap "the server stops while it reaches memory by messages" breaks io:stop "--private --irq" --dma message --irq msix
tap "the server stops when it is given eventfds" breaks eventfd:stop "--irq" --irq msix
tap "the daemon: MSI-X, doorbells by message" daemon --irq msix
tap "the daemon: MSI, doorbells mapped" daemon --irq msi --area one --shadow
tap "the daemon: a line, memory by messages" daemon --irq intx --dma message
tap_end
