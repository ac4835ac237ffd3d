#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# vfnctl's commands on a software controller: what they do to it, what they show, and how they fail.
. "${top_srcdir:?}/tests/int/lib.sh"
lib_begin
start_sim one --ns 16M --ns 8M --capacity 64M --max-ns 8 --time format=100 --time self-test=300 \
    --time extended-self-test=60000 --time sanitize=300 --secondary 3 || exit 99
start_vfnd --device "vfio-user:$dir/one.sock" || exit 99

# ctl CODE PATTERN ARGUMENT...: vfnctl ends with CODE and prints a line like PATTERN.
ctl() {
    ctl_code=$1 ctl_pattern=$2
    shift 2
    "$vfnctl" "$@" >"$dir/out" 2>&1 </dev/null
    ctl_got=$?
    cat "$dir/out"
    echo "exit code $ctl_got, $ctl_code is wanted, and: $ctl_pattern"
    [ $ctl_got -eq "$ctl_code" ] && grep -q -e "$ctl_pattern" "$dir/out"
}

# after FAULT CODE PATTERN ARGUMENT...: the same, with a fault in the controller.
after() {
    after_fault=$1
    shift
    tell_sim one "$after_fault" && ctl "$@"
}

# terminal CODE PROGRESS PATTERN ARGUMENT...: the same on a terminal, where progress is shown.
terminal() {
    ctl_code=$1 ctl_progress=$2 ctl_pattern=$3
    shift 3
    script -qec "$vfnctl $*" /dev/null >"$dir/out" 2>&1 </dev/null
    ctl_got=$?
    tr '\r' '\n' <"$dir/out" | tee "$dir/lines"
    echo "exit code $ctl_got, $ctl_code is wanted, and: $ctl_progress; $ctl_pattern"
    [ $ctl_got -eq "$ctl_code" ] && grep -q -e "$ctl_progress" "$dir/lines" &&
        grep -q -e "$ctl_pattern" "$dir/lines"
}

# interrupted SAYS WHEN ARGUMENT...: it says that when it is interrupted once the command WHEN succeeds.
interrupted() {
    int_says=$1 int_when=$2
    shift 2
    "$vfnctl" "$@" >"$dir/int" 2>&1 </dev/null &
    int_pid=$!
    wait_for 20 eval "$int_when"
    kill -INT $int_pid
    wait $int_pid
    int_code=$?
    cat "$dir/int"
    echo "exit code $int_code, 130 is wanted, and: $int_says"
    [ $int_code -eq 130 ] && grep -q "$int_says" "$dir/int"
}

hits() { # how often a fault has hit
    tell_sim one stats | sed 's/.*"fault_hits":\([0-9]*\).*/\1/'
}

more_hits() { # THAN
    [ "$(hits)" -gt "$1" ]
}

blocks() { # FIRST COUNT BYTE: whether these blocks of namespace 1 have this byte everywhere
    "$vfnctl" read -n 1 -s "$1" -c $(($2 - 1)) >"$dir/blocks" 2>/dev/null &&
        [ "$(tr -d "\\$3" <"$dir/blocks" | wc -c)" -eq 0 ] && [ -s "$dir/blocks" ]
}

# one device, none, and several
tap "a device that is not named" ctl 0 '^mn ' id-ctrl
tap "a claim that fails" ctl 3 'no such socket' claim vfio-user:/nowhere
tap "is listed" ctl 0 'no such socket' list
tap "which of several devices" ctl 3 'several devices: name one' id-ctrl
tap "which of several devices has counters" ctl 3 'several devices: name one' stats
tap "until it is released" "$vfnctl" release vfio-user:/nowhere
tap "then there is one again" ctl 0 '^mn ' id-ctrl

# what there is
tap "caps shows capabilities" ctl 0 '^\[.*MSI-X (0x11)$' caps
tap "caps shows their fields" ctl 0 '^ *table BAR  *: [0-5]$' caps
tap "caps in JSON" ctl 0 '"name":"PCI Express"' caps -o json
tap "with keys that are words" ctl 0 '"table_bar":' caps -o json
requests() {
    "$vfnctl" stats --daemon -o json | sed -n 's/.*"requests": *\([0-9]*\).*/\1/p'
}
# requests_of ARGUMENT...: how many requests the command takes.
requests_of() {
    requests_before=$(requests)
    "$vfnctl" "$@" >/dev/null
    requests_after=$(requests)
    echo $((requests_after - requests_before))
}
one_read() {
    caps_take=$(requests_of caps) read_takes=$(requests_of config-read)
    echo "caps takes $caps_take requests, config-read $read_takes"
    [ "$caps_take" -gt 0 ] && [ "$caps_take" -eq "$read_takes" ]
}
tap "caps reads configuration space once" one_read
tap "interrupts are the daemon's where it drives" ctl 3 'class nvme' interrupts -c 1
tap "config-read is a dump" ctl 0 '^0000: 34 12 ' config-read
tap "config-read of one number" ctl 0 '^0x1234$' config-read --length 2
tap "config-read of a number that is zero" ctl 0 '^0x00$' config-read --offset 255 --width 1
tap "config-read in JSON" ctl 0 '"value":30291,' config-read --offset 2 --width 2 -o json
tap "bar-read in JSON" ctl 0 '"data":"0000020000000000"' bar-read --offset 8 --length 8 -o json
tap "and of one access" ctl 0 '"value":131072,' bar-read --offset 8 -o json
tap "an access of another width" ctl 2 "'3' is not 1, 2, 4 or 8" bar-read --width 3
tap "configuration space is not written by 8 bytes" ctl 2 'has 1, 2 or 4 bytes' config-write -a 0 -w 8 -V 0
tap "raw needs a command" ctl 2 'which command' raw
tap "raw: one place for a buffer" ctl 2 'exclude each other' raw -x 06 -l 4096 --highest --iova 0x100000
tap "top names the columns that it sorts by" ctl 2 'these are .*CMD/s .*P99' top --batch --count 1 --sort nonsense
# closed CODE COMMAND...: without standard output nothing is printed into what is opened in its place.
closed() {
    closed_code=$1
    shift
    "$vfnctl" "$@" 2>"$dir/out" >&-
    closed_got=$?
    cat "$dir/out"
    [ $closed_got -eq "$closed_code" ] && grep -q 'standard output: Bad file descriptor' "$dir/out"
}
tap "no standard output" closed 4 list
tap "no standard output for blocks" closed 4 read -n 1
tap "no standard output for help" closed 4 help
tap "and the daemon saw none of it" eval '! grep "no request message" "$dir/vfnd.log"'
tap "no room for the version" eval '"$vfnctl" --version >/dev/full; [ $? -eq 4 ]'
tap "list-ns" ctl 0 '^\[   1\]:0x2$' list-ns
tap "list-ns from a namespace on" ctl 0 '^\[   0\]:0x2$' list-ns -n 2
tap "list-ns -y, in JSON" ctl 0 '"nsid":2' list-ns -y 0 -o json
tap "id-ns-descs" ctl 0 '^uuid    : ' id-ns-descs -n 2
tap "nvm-id-ns" ctl 0 '^pic   : 0$' nvm-id-ns -n 1
tap "fw-log" ctl 0 '^frs1 : 0x' fw-log
tap "effects-log" ctl 0 '^ACS128   \[Format NVM  *\] 0*[1-9a-f][0-9a-f]*$' effects-log
tap "effects-log -H" ctl 0 '\[Write Zeroes  *\] .* CSUPP+  LBCC+' effects-log -H
tap "smart-log" ctl 0 '^critical_warning' smart-log
tap "self-test-log: nothing yet" ctl 0 'Operation Result             : 0xf Entry not used' self-test-log -v
tap "sanitize-log: never" ctl 0 'NVM Subsystem has never been sanitized' sanitize-log -H
tap "get-log" ctl 0 '^Device:.* log-id:2 namespace-id:0xffffffff$' get-log -i 2 -l 64
tap "error-log has what failed" sh -c "'$vfnctl' admin-passthru -o 0x44 >/dev/null 2>&1
    '$vfnctl' error-log -e 1 | grep 'status_field.*0x4001(Invalid Command Opcode'"
tap "error-log in JSON" ctl 0 '"status_field":16385' error-log -e 1 -o json
tap "a log page that is not there" ctl 1 'NVMe status: Invalid Log Page.*(0x4109)' get-log -i 0x77 -l 4
tap "list-secondary" ctl 0 '^Identify Secondary Controller List:$' list-secondary
tap "virt-mgmt assigns" ctl 0 '^success, Number of Controller Resources Modified (NRM):0x4$' \
    virt-mgmt -c 3 -r 0 -n 4 -a 8
tap "virt-mgmt: it has no interrupt" ctl 1 'NVMe status: Invalid Secondary Controller State' virt-mgmt -c 3 -a 9
tap "virt-mgmt assigns interrupts" ctl 0 'NRM):0x2$' virt-mgmt -c 3 -r 1 -n 2 -a 8
# What may have changed namespaces has them identified anew: the next one of that kind comes while that takes its time.
tell_sim one 'delay admin 6 1 400' >/dev/null
tap "virt-mgmt assigns them again" ctl 0 'NRM):0x2$' virt-mgmt -c 3 -r 1 -n 2 -a 8
tap "and waits until it can do so once more" ctl 0 'NRM):0x2$' virt-mgmt -c 3 -r 1 -n 2 -a 8
tap "virt-mgmt takes it online" ctl 0 '^success' virt-mgmt -c 3 -a 9
tap_secondary() {
    ctl 0 'SCS.*Secondary Controller State.*: 0x0001 (Online)' list-secondary -c 3 &&
        grep -q 'NVQ.*: 0x0004$' "$dir/out" && grep -q 'NVI.*: 0x0002$' "$dir/out"
}
tap "list-secondary has it so" tap_secondary
tap "virt-mgmt: more than there are" ctl 1 'NVMe status: Invalid Number of Controller Resources' \
    virt-mgmt -c 2 -n 9 -a 8
tap "virt-mgmt: no such controller" ctl 1 'NVMe status: Invalid Controller Identifier' virt-mgmt -c 9 -a 9
tap "virt-mgmt takes it offline" ctl 0 '^success' virt-mgmt -c 3 -a 7

# features
tap "set-feature" ctl 0 'value:0x00000150' set-feature -f 4 -v 0x150
tap "get-feature has what was set" ctl 0 '(TMPTH): 63°C (336 Kelvin)' get-feature -f 4 -H
tap "get-feature of all" ctl 0 '^get-feature:0x07 (Number of Queues)' get-feature
tap "get-feature of what is not as by default" ctl 0 \
    '^get-feature:0x04 (Temperature Threshold), Changed value:0x00000150$' get-feature -s 8
tap_default() { ctl 0 '^get-feature:' get-feature -s 8 && ! grep -q '^get-feature:0x02' "$dir/out"; }
tap "and not of what is" tap_default
tap "get-feature: no such selection" ctl 2 '0 to 3, or 8, not 5' get-feature -s 5
tap "set-feature of what is the daemon's own" ctl 3 'Number of Queues is set by the daemon' set-feature -f 7 -v 0
tap "set-feature of what is not there" ctl 1 'NVMe status: Invalid Field' set-feature -f 0x11 -v 0
tap "get-feature: how much it transfers cannot be told" ctl 3 'cannot be told' get-feature -f 0xc0

# resets, and controllers that are off
tap "reset" ctl 0 '^reset and ready: CSTS was 0x1, 0 commands ended, 0 queues are gone$' reset
tap "reset of a kind that is not there" ctl 2 "'none' is not controller, " reset --kind none
tap "reset: no PCI bus to be reset" ctl 3 'a device of vfio-user has no PCI hot reset' reset --kind hot
tap "enable: it is enabled" ctl 3 'the controller is enabled: disable it first' enable
tap "shutdown" ctl 0 '^disabled: CSTS was 0x9, ' shutdown
tap "list has it disabled" ctl 0 ' disabled' list
tap "registers can be read" ctl 0 '^csts    : 0$' show-regs
tap "commands cannot be sent" ctl 3 'the device is disabled' id-ctrl
tap "shutdown: it is disabled" ctl 3 'the device is disabled' shutdown --abrupt
tap "enable with long admin queues" ctl 0 '^enabled: CC 0x4600.1, CSTS 0x1, admin queues of 4096 and 100 entries$' \
    enable --admin-depth 4096 --admin-cq-depth 100
tap "disable" ctl 0 '^disabled: CSTS was 0x1, ' disable
tap "disable by a reset of a kind" ctl 3 'the device is disabled' disable --kind subsystem
tap "enable: CC is not everybody's" ctl 3 'raw = yes in ' enable --mps 0
tap "enable: a mask without a value" ctl 2 'goes with --cc$' enable --cc-mask 0x70
tap "enable: no such queue" ctl 3 'an admin queue has 2 to 4096 entries' enable --admin-depth 1
tap_events() {
    "$vfnctl" events -c 2 -o json >"$dir/events" 2>"$dir/subscribed" &
    events_pid=$!
    wait_for 20 grep -q subscribed "$dir/subscribed" && ctl 0 disabled disable && ctl 0 enabled enable || return 1
    wait $events_pid
    cat "$dir/events"
    grep -q '"kind":"disabled","reason":"disable, asked for by session .*"reset":"controller","commands":0' \
        "$dir/events" && grep -q '"kind":"enabled",.*"cc":' "$dir/events"
}
tap "enable" ctl 0 '^enabled: CC 0x4600.1, CSTS 0x1, admin queues of 64 and 64 entries$' enable
tap "events tell of it" tap_events

# blocks
head -c 8192 /dev/zero | tr '\0' a >"$dir/a"
tap "write" ctl 0 'write: Success' write -n 1 -s 10 -c 15 -d "$dir/a"

# Huge pages: where none are free, and as root none can be reserved, what to do about that is all that can be seen.
huge_free() {
    sed -n 's/^HugePages_Free: *//p' /proc/meminfo
}
huge_before=
huge_reserve() {
    grep -q '^Hugepagesize: *2048 kB' /proc/meminfo || return 1
    [ "$(huge_free)" -lt 2 ] || return 0
    huge_before=$(cat /proc/sys/vm/nr_hugepages)
    echo $((huge_before + 2)) >/proc/sys/vm/nr_hugepages && [ "$(huge_free)" -ge 2 ]
}
huge_missing() { # ARGUMENT...
    ctl 3 'see /proc/sys/vm/nr_hugepages .*root can reserve some there, or leave --huge-pages out' "$@"
}
huge_pages() {
    ctl 0 'write: Success' write -n 1 -s 10 -c 15 -d "$dir/a" --huge-pages 0x200000 &&
        "$vfnctl" read -n 1 -s 10 -c 15 --huge-pages 2097152 >"$dir/b" && cmp -n 8192 "$dir/a" "$dir/b" &&
        "$vfnctl" io-passthru -n 1 -o 2 -4 10 -6 15 -l 8192 -r -b --huge-pages 2097152 >"$dir/b" &&
        cmp -n 8192 "$dir/a" "$dir/b" &&
        "$vfnctl" admin-passthru -o 6 -4 1 -l 4096 -r -b --huge-pages 2097152 >"$dir/b" &&
        "$vfnctl" id-ctrl -o binary | cmp - "$dir/b"
}
tap "a size of huge pages that there is not" ctl 3 'lists those that it has; .*leave --huge-pages out' read -n 1 -s 0 \
    --huge-pages 8192
tap "no size of pages" ctl 3 'power of two' read -n 1 -s 0 --huge-pages 12345
tap "huge pages for nothing" ctl 2 'goes with --data-len' admin-passthru -o 0x18 --huge-pages 2097152
if [ "$(huge_free)" = 0 ]; then
    tap "no huge pages are free: read" huge_missing read -n 1 -s 0 --huge-pages 2097152
    tap "no huge pages are free: io-passthru" huge_missing io-passthru -n 1 -o 2 -l 512 -r --huge-pages 2097152
    tap "no huge pages are free: admin-passthru" huge_missing admin-passthru -o 6 -4 1 -l 4096 -r --huge-pages 2097152
fi
if huge_reserve 2>/dev/null; then
    tap "data in huge pages" huge_pages
else
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - data in huge pages # SKIP no huge pages are free, nor could any be reserved"
fi
[ -z "$huge_before" ] || echo "$huge_before" >/proc/sys/vm/nr_hugepages
tap "compare" ctl 0 'compare: Success' compare -n 1 -s 10 -c 15 -d "$dir/a"
tap "compare with other blocks" ctl 1 'Compare Failure' compare -n 1 -s 11 -c 15 -d "$dir/a"
tap "write-zeroes" ctl 0 'Write Zeroes Success' write-zeroes -n 1 -s 12 -c 1
tap "blocks are zero where they should be" blocks 12 2 000
tap "and not behind" blocks 14 2 141
tap "dsm" ctl 0 'NVMe DSM: success' dsm -n 1 -d -b 1,2 -s 10,20
tap "deallocated blocks are zero" blocks 20 2 000
tap "and not before" blocks 18 2 141
tap "verify" ctl 0 'Verify Success' verify -n 1 -s 10 -c 15
tap "verify behind the end" ctl 1 'LBA Out of Range' verify -n 1 -s 32768
tap "dsm behind the end" ctl 1 'LBA Out of Range' dsm -n 1 -d -b 1 -s 32768
tap "flush" ctl 0 'NVMe Flush: success' flush -n 1
tap "flush of which one" ctl 2 'the device has 2 namespaces' flush
tap "flush of one that is not there" ctl 1 'Invalid Namespace or Format' flush -n 9
for opcode in 5:compare 8:write-zeroes 9:dsm 0xc:verify 0:flush; do
    command=${opcode#*:}
    case $command in
    compare) options="-d $dir/a" ;;
    dsm) options="-b 1" ;;
    *) options= ;;
    esac
    # shellcheck disable=SC2086
    tap "$command: the controller's error" after "status io ${opcode%%:*} 1 2 0x81 dnr" 1 \
        'NVMe status: Unrecovered Read Error.*(0x4281)' $command -n 1 $options
done

# namespaces
tap "create-ns" ctl 0 '^create-ns: Success, created nsid:3$' create-ns -S 4Mi -b 4096
tap "it is not active yet" ctl 0 '^\[   1\]:0x2$' list-ns
tap "it is there, though" ctl 0 '^\[   2\]:0x3$' list-ns -a
tap "id-ns -f" ctl 0 '^nsze    : 0x400$' id-ns -n 3 -f
tap "attach-ns" ctl 0 '^attach-ns: Success, nsid:3$' attach-ns -n 3
tap "attach-ns of what is attached" ctl 1 'Namespace Already Attached' attach-ns -n 3
tap "it is active" ctl 0 '^\[   2\]:0x3$' list-ns
tap "the daemon has seen it" wait_for 10 sh -c "'$vfnctl' info | grep -q 'namespace 3 *: 1024 blocks of 4096 bytes'"
tap "it can be written" ctl 0 'write: Success' write -n 3 -s 0 -d "$dir/a"
tap "detach-ns" ctl 0 '^detach-ns: Success, nsid:3$' detach-ns -n 3
tap "detach-ns of what is not attached" ctl 1 'Namespace Not Attached' detach-ns -n 3
tap "attach-ns to a controller that is not there" ctl 1 'Controller List Invalid' attach-ns -n 3 -c 99
tap "create-ns of more than there is" ctl 1 'Namespace Insufficient Capacity' create-ns -S 1Gi -b 512
tap "create-ns: no such format" ctl 2 'no format with blocks of 8192 bytes' create-ns -S 1Mi -b 8192
tap "delete-ns" ctl 0 '^delete-ns: Success, deleted nsid:3$' delete-ns -n 3
tap "delete-ns of what is not there" ctl 1 'NVMe status: Invalid ' delete-ns -n 3

# formats
tap "format, its progress on a terminal" terminal 0 '^formatting: ' '^.*Success formatting namespace:1' \
    format -n 1 -b 4096 --force
tap_formatted() {
    ctl 0 '^lbaf .* lbads:12 .*(in use)' id-ns -n 1 && blocks 2 2 000 && [ "$(wc -c <"$dir/blocks")" -eq 8192 ]
}
tap "the namespace has the format, and no data" tap_formatted
tap "format back" ctl 0 '^Success formatting namespace:1$' format -n 1 -l 0 --force
tap_reset() {
    reset_before=$("$vfnctl" stats -o json | sed -n 's/.*"resets":\([0-9]*\).*/\1/p')
    ctl 0 '^Success formatting namespace:2$' format -n 2 --force --reset || return 1
    reset_after=$("$vfnctl" stats -o json | sed -n 's/.*"resets":\([0-9]*\).*/\1/p')
    echo "$reset_before resets, then $reset_after"
    [ "$reset_after" -eq $((reset_before + 1)) ]
}
tap "format, and a reset" tap_reset
tap "format: no such format" ctl 1 'NVMe status: Invalid Format' format -n 1 -l 40 --force
tap "format: the controller's error" after 'status admin 0x80 1 0 6' 1 'NVMe status: Internal Error' \
    format -n 1 --force
tap "format: of a namespace that is not there" ctl 1 'NVMe status: Invalid ' format -n 7 --force
tap_format() {
    tell_sim one 'delay admin 0x80 1 3000' || return 1
    interrupted 'may go on formatting' "more_hits $(hits)" format -n 2 --force
}
tap "format: interrupted while the controller is at it" tap_format
tap "the controller works afterwards" wait_for 20 sh -c "'$vfnctl' read -n 2 -s 0 >/dev/null"

# firmware
{ echo 'vfnd-sim firmware 9.9'; head -c 20000 /dev/zero; } | head -c 20000 >"$dir/fw"
tap "fw-commit without an image" ctl 1 'NVMe status: ' fw-commit -s 4 -a 1
tap "fw-download, its progress on a terminal" terminal 0 '0x00001000/0x00004e20 bytes: 020%' 'download success' \
    fw-download -f "$dir/fw"
tap "fw-commit to the slot that cannot be written" ctl 1 'NVMe status: ' fw-commit -s 1 -a 0
tap "fw-commit" ctl 0 'Success committing firmware action:3 slot:2' fw-commit -s 2 -a 3
tap "it is active" ctl 0 '^fr  *: 9.9 ' id-ctrl
tap "fw-log tells so" ctl 0 '^frs2 : .*(9.9' fw-log
tap_overlap() {
    ctl 0 success fw-download -f "$dir/fw" && ctl 1 'Overlapping Range' fw-download -f "$dir/fw" -o 1024 &&
        ctl 0 success fw-download -f "$dir/fw" -o 1024 -i && ctl 0 Success fw-commit -s 2 -a 0
}
tap "fw-download of parts that overlap, and -i" tap_overlap
tap "fw-commit: a reset is needed" after 'status admin 0x10 1 1 0x11' 1 'active after a reset of the controller' \
    fw-commit -s 2 -a 3
# what is in the controller of an image that is not complete goes with the next commit
tap_failed() {
    after 'status admin 0x11 2 0 6' 1 'failed after 4096 of 20000 bytes' fw-download -f "$dir/fw"
    failed_code=$?
    "$vfnctl" fw-commit -s 2 -a 0
    return $failed_code
}
tap "fw-download: the controller's error" tap_failed
tap_fw() {
    tell_sim one 'delay admin 0x11 2 3000' || return 1
    interrupted 'interrupted after 4096 of 20000 bytes' "more_hits $(hits)" fw-download -f "$dir/fw"
}
tap "fw-download: interrupted" tap_fw

# self-tests
tap "device-self-test -w, its progress on a terminal" terminal 0 '^self-test: 0%' \
    'Operation Result             : 0 Operation completed without error' \
    device-self-test -s 1 -w
tap "self-test-log has it" ctl 0 'Self Test Code               : 1 Short' self-test-log -v -e 1
tap "device-self-test of a long one" ctl 0 'Extended Device self-test started' device-self-test -s 2
tap "a second one" ctl 1 'Device Self-test In Progress' device-self-test -s 1
tap "its progress" ctl 0 '^progress [0-9]*%$' device-self-test
tap "abort" ctl 0 'Aborting device self-test operation' device-self-test -s 0xf
tap "it is aborted" ctl 0 'aborted by a Device Self-test command' self-test-log -v -e 1
tap "none is running" ctl 0 '^no self test running$' device-self-test
tap "interrupted: aborted as well" interrupted 'the self-test was aborted' \
    "'$vfnctl' device-self-test | grep -q progress" device-self-test -s 2 -w
tap "a test that fails" after 'self-test-result 7 3' 1 'failed segments' device-self-test -s 1 -w

# sanitize
tap "write before sanitize" ctl 0 'write: Success' write -n 1 -s 10 -c 15 -d "$dir/a"
tap "sanitize -w, its progress on a terminal" terminal 0 '^sanitizing: ' \
    'Most Recent Sanitize Command Completed Successfully' sanitize -a 2 -w
tap "the data is gone" blocks 10 16 000
tap "sanitize-log" ctl 0 '"status":"(1) Most Recent Sanitize Command Completed Successfully."' sanitize-log -o json
tap "sanitize that fails" after sanitize-fails 1 'Most Recent Sanitize Command Failed' sanitize -a 4 -w
tap "what is left to do then" ctl 1 'Sanitize Failed' write -n 1 -s 0 -d "$dir/a"
tap "sanitize again" ctl 0 'Completed Successfully' sanitize -a 2 -w
tap "sanitize: no such action" ctl 2 'is none of' sanitize -a 7

# security
tap "security-recv of the protocols" ctl 0 '^NVME Security Receive Command Success$' security-recv -t 16
tap "security-recv of a protocol that is not there" ctl 1 'NVMe status: ' security-recv -p 0xea -t 16
tap "security-send to a protocol that is not there" ctl 1 'NVMe status: ' security-send -p 0xea -t 16 -f "$dir/a"

# each admin command: the controller's error as it is
for opcode in 6:list-ns 6:id-ns-descs 6:nvm-id-ns 6:list-secondary 2:fw-log 2:effects-log 2:changed-ns-list-log \
    2:self-test-log 2:sanitize-log 2:get-log 0xa:get-feature 9:set-feature 0xd:create-ns 0xd:delete-ns 0x15:attach-ns \
    0x15:detach-ns 0x10:fw-commit 0x14:device-self-test 0x84:sanitize 0x81:security-send 0x82:security-recv; do
    command=${opcode#*:}
    case $command in
    get-log) options="-i 2 -l 64" ;;
    get-feature) options="-f 4" ;;
    set-feature) options="-f 4 -v 1" ;;
    create-ns) options="-s 1 -f 0" ;;
    attach-ns | detach-ns) options="-n 2 -c 0" ;;
    device-self-test) options="-s 1" ;;
    sanitize) options="-a 2" ;;
    security-send) options="-t 8 -f $dir/a" ;;
    security-recv) options="-t 8" ;;
    delete-ns | id-ns-descs | nvm-id-ns) options="-n 2" ;;
    *) options= ;;
    esac
    # shellcheck disable=SC2086
    tap "$command: the controller's error" after "status admin ${opcode%%:*} 1 0 4 dnr" 1 \
        'NVMe status: Data Transfer Error.*(0x4004)' $command $options
done

full() { # that is said once
    "$vfnctl" trace --count 2 >/dev/full 2>"$dir/full" &
    full_pid=$!
    wait_for 20 grep -q tracing "$dir/full" || return 1
    "$vfnctl" id-ctrl >"$dir/out"
    wait $full_pid
    full_code=$?
    cat "$dir/full"
    [ $full_code -eq 4 ] && [ "$(grep -c 'No space left' "$dir/full")" -eq 1 ]
}
tap "a trace has no room on standard output" full

# the daemon goes while a command is under way
tap_gone() {
    tell_sim one 'delay admin 0x80 1 20000' || return 1
    gone_hits=$(hits)
    "$vfnctl" format -n 1 --force >"$dir/gone" 2>&1 </dev/null &
    gone_pid=$!
    wait_for 20 more_hits "$gone_hits" || return 1
    stop $vfnd_pid KILL
    wait $gone_pid
    gone_code=$?
    cat "$dir/gone"
    [ $gone_code -eq 3 ]
}
tap "the daemon goes while a format is under way" tap_gone
trace_gone() {
    start_vfnd --device "vfio-user:$dir/one.sock" || return 1
    "$vfnctl" trace >"$dir/gone" 2>&1 &
    gone_pid=$!
    wait_for 20 grep -q tracing "$dir/gone" || return 1
    stop $vfnd_pid KILL
    wait $gone_pid
    gone_code=$?
    cat "$dir/gone"
    [ $gone_code -eq 3 ] && ! grep 'replaced itself' "$dir/gone"
}
tap "the daemon goes while it is traced" trace_gone
tap_end
