#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The integration suite: the daemon on two controllers, and everything that clients do with it.
#
#   suite.sh                     on two software controllers
#   suite.sh --real FIRST SECOND on these PCI devices, which vfio-pci has; $VM_FACTS/ADDRESS/ tells what
#                                the kernel's driver said of them (tests/vm/snapshot.py)
#   suite.sh --no-interrupts     on two software controllers that have none: the daemon polls them
#   suite.sh --no-msix           on two that have INTx alone
#
# INT_ONLY="share kill" runs just these programs. LONG=1: the long variants. Prints TAP.
set -u
# shellcheck source=tests/int/lib.sh
. "${top_srcdir:?}/tests/int/lib.sh"

real=
sim_options=
if [ "${1:-}" = --no-interrupts ]; then
    sim_options=$1
    INT_NO_INTERRUPTS=1
    export INT_NO_INTERRUPTS
    shift
fi
if [ "${1:-}" = --no-msix ]; then
    sim_options=$1
    INT_NO_MSIX=1
    export INT_NO_MSIX
    shift
fi
if [ "${1:-}" = --real ]; then
    [ $# -eq 3 ] || { echo "usage: suite.sh [--real FIRST SECOND]" >&2; exit 2; }
    real=1
    INT_DEVICE=$2
    INT_DEVICE2=$3
fi
# What a sanitizer keeps of freed memory would look like a leak here.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1
export ASAN_OPTIONS
lib_begin
# A thousand queues have four files each in the daemon, and as many in their client.
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 8192 ] || ulimit -Hn 8192 2>/dev/null || :

# ---- where it runs ------------------------------------------------------------------------------

here_real() {
    INT_FACTS=${VM_FACTS:-/run/vfnd-vm}
    INT_INJECT_SMART='tests/vm/qmp-request.sh smart-warning nvme0 "$1"'
    INT_TAKE_AWAY="echo $INT_DEVICE2 >/sys/bus/pci/devices/$INT_DEVICE2/driver/unbind"
    # While one processor moves a controller's registers, as bringing one up does, QEMU before 8.2 lets another
    # processor read 0 from registers: the two claims must not run at once.
    vfnd_one_cpu=1
    cd "$top_srcdir" || exit 99
}

# facts NAME: what an independent client says of a software controller, as long as it is free.
facts() {
    facts_dir=$INT_FACTS/$(echo "vfio-user:$dir/$1.sock" | tr / _)
    mkdir -p "$facts_dir"
    "$top_builddir/tests/int/int-facts" "$dir/$1.sock" "$facts_dir" >&2
}

start_second() {
    start_sim two --serial vfnd-sim-two --ns 32M $sim_options && second_pid=$sim_pid
    # The shell that takes it away by force need not be told about it.
    echo "$second_pid" >"$dir/second.pid"
}

here_sim() {
    INT_DEVICE=vfio-user:$dir/one.sock
    INT_DEVICE2=vfio-user:$dir/two.sock
    INT_FACTS=$dir/facts
    INT_SIM_CONTROL=$dir/one.control
    INT_SIM_CONTROL2=$dir/two.control
    INT_INJECT_SMART="'$vfnd_sim' --tell '$dir/one.control' \"smart-warning \$1\""
    INT_TAKE_AWAY="kill -KILL \$(cat '$dir/second.pid')"
    export INT_SIM_CONTROL INT_SIM_CONTROL2
    start_sim one --serial vfnd-sim-one --ns 64M --ns 64M --cmb 1M $sim_options && start_second &&
        facts one && facts two
}

# A software controller that is asked to be slow is waited for less long.
configure() {
    echo "[daemon]"
    [ -n "$real" ] || echo "abort-timeout-ms = 500"
    echo "[device $INT_DEVICE]"
    echo "direct = yes"
    echo "raw = yes"
    if [ -n "$few_pairs" ]; then
        echo "queue-pairs = $few_pairs"
        echo "serve = poll"
    fi
    # The second controller's served queues have a thread of their own.
    echo "[device $INT_DEVICE2]"
    echo "serve = poll"
}

few_pairs=
start_daemon() {
    started=
    configure >"$dir/vfnd.conf"
    start_vfnd --config "$dir/vfnd.conf" --device "$INT_DEVICE" --device "$INT_DEVICE2" || return 1
    started=1
    INT_DAEMON_PID=$vfnd_pid
    export INT_DAEMON_PID
}

# ---- TAP ----------------------------------------------------------------------------------------

show_log() {
    echo "# the end of the daemon's log:"
    tail -n "${1:-30}" "$dir/vfnd.log" | sed 's/^/# | /'
}

# number: cases on standard input get our numbers. A loop of the shell, because awk would hold lines back.
number() {
    plan=none
    n=$tap_count
    bad=0
    while IFS= read -r line; do
        case $line in
        1..*)
            plan=${line#1..}
            continue
            ;;
        'ok '*|'not ok '*)
            n=$((n + 1))
            verdict=${line%%ok *}ok
            rest=${line#"$verdict "}
            line="$verdict $n ${rest#* }"
            [ "$verdict" = ok ] || bad=1
            ;;
        esac
        printf '%s\n' "$line"
        [ "$bad" = 0 ] || { show_log; bad=seen; }
        [ "$bad" != seen ] || { bad=0; echo failed >"$dir/failed"; }
    done
    if [ "$plan" != $((n - tap_count)) ]; then
        n=$((n + 1))
        echo "not ok $n - $1: $plan cases planned, $((n - tap_count - 1)) seen"
        show_log
        echo failed >"$dir/failed"
    fi
    echo $n >"$dir/cases"
}

# program NAME: its cases become ours.
program() {
    case " ${INT_ONLY:-$1} " in
    *" $1 "*) ;;
    *) return 0 ;;
    esac
    case $1,${INT_NO_INTERRUPTS:-} in
    share,1 | direct,1 | keep,1 | kill,1 | raw,1 | control,1)
        tap_count=$((tap_count + 1))
        echo "ok $tap_count - $1 # SKIP it needs interrupts, or direct queues, which need them"
        return 0
        ;;
    esac
    "$top_builddir/tests/int/int-$1" | number "$1"
    tap_count=$(cat "$dir/cases")
    [ ! -e "$dir/failed" ] || tap_failed=1
}

# ---- cases of the whole -------------------------------------------------------------------------

# left_alone NAME: the software controller is disabled, and nothing is mapped.
left_alone() {
    tell_sim "$1" stats >"$dir/stats" || return 1
    cat "$dir/stats"
    for part in '"connected":false' '"ready":false' '"fatal":false' '"mappings":0,' '"dma_faults":0,' \
        '"io_sqs":0,' '"outstanding":0,'; do
        grep -qF "$part" "$dir/stats" || { echo "not $part"; return 1; }
    done
}

# No command of a session led the device to memory that was not mapped.
no_dma_faults() {
    ! tests/vm/faults.sh
}

controllers_left_alone() {
    if [ -n "$real" ]; then
        tap "no device was led to memory that is not mapped" no_dma_faults
        return
    fi
    tap "the first controller is left disabled, with nothing mapped" left_alone one
    [ "$1" = one ] || tap "the second controller is left disabled, with nothing mapped" left_alone two
}

second_is_back() {
    if [ -n "$real" ]; then
        tests/vm/bind.sh "$INT_DEVICE2" vfio-pci
    else
        stop "$second_pid" KILL
        start_second && facts two
    fi
}

# ---- the suite ----------------------------------------------------------------------------------

if [ -n "$real" ]; then
    here_real
else
    here_sim || { echo "Bail out! the software controllers do not start"; exit 1; }
fi
export INT_DEVICE INT_DEVICE2 INT_FACTS INT_INJECT_SMART INT_TAKE_AWAY
INT_SANITIZED=0
! grep -qa __asan_init "$vfnd" || INT_SANITIZED=1
export INT_SANITIZED

tap "the daemon claims two controllers" start_daemon
[ -n "$started" ] || tap_end
for subject in identity commands events share queues served count tally direct keep kill timeouts hostile \
    memory raw unchecked reset control trace trace-hostile takeover; do
    program $subject
done
tap "the daemon ends with status 0" daemon_ends
controllers_left_alone both

# Here those who come late share the queue pairs of served queues, and with the polling thread's vector not all direct
# queues have one of their own.
few_pairs=4
tap "the daemon claims them again, with $few_pairs queue pairs of the first" start_daemon
few_pairs=
[ -n "$started" ] || tap_end
export INT_BRIEF=1
program share
program direct
unset INT_BRIEF
program gone
program stop
tap "the daemon has ended with status 0" daemon_ends
controllers_left_alone one

tap "the second controller is there again" second_is_back
tap "the daemon claims it, too" start_daemon
[ -n "$started" ] || tap_end
program identity
tap "the daemon ends with status 0 again" daemon_ends
controllers_left_alone both
tap_end
