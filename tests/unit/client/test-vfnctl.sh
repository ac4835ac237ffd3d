#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# vfnctl from its options to its output and exit code, against the fake daemon.
. "${top_srcdir:?}/tests/unit/client/vfnctl-lib.sh"

# structures, as text, explained, as JSON and as they are
for command in id-ctrl id-ns smart-log show-regs; do
    same $command.txt $command
    same $command-H.txt $command fake0 -H
    same $command.json $command -o json
done
same id-ns.txt id-ns --namespace-id=1 --output-format normal fake0
run 0 id-ctrl -b && [ "$(wc -c <"$dir/out")" -eq 4096 ] && cp "$dir/out" "$dir/raw" &&
    run 0 id-ctrl -o binary && cmp -s "$dir/raw" "$dir/out"
status=$?
result "id-ctrl in binary has 4096 bytes, by both options"
run 0 smart-log -b && [ "$(wc -c <"$dir/out")" -eq 512 ]
status=$?
result "smart-log in binary has 512 bytes"
run 0 show-regs -b && [ "$(wc -c <"$dir/out")" -eq 4096 ]
status=$?
result "show-regs in binary has 4096 bytes"
check "id-ctrl -v dumps the vendor's part" 0 out '^vs\[\]:' id-ctrl -v

# other commands
check "list names every device" 0 out '^0000:09:00.0 *nvme *type1 *failed' list
check "list says why" 0 out 'group 12 is not viable' list
check "list in JSON" 0 out '"SerialNumber":"S0042"' list -o json
check "info" 0 out '^  namespace 1 *: 2048 blocks of 512 bytes$' info
check "info in JSON" 0 out '"max_transfer":524288' info fake0 -o json

# passthrough
check "admin-passthru shows the result" 0 err \
    '^Admin Command Get Features is Success and result: 0x003f003f$' \
    admin-passthru -o 0x0a --cdw10=7
check "admin-passthru dumps data" 0 out '^0000: 36 1b f4 1a 53 30 30 34 32 20 .* "6...S0042' \
    admin-passthru -o 6 -l 4096 -r -4 1
run 0 admin-passthru -o 6 -l 4096 -r -4 1 -b && cmp -s "$dir/raw" "$dir/out"
status=$?
result "admin-passthru -b writes data as it is"
run 0 admin-passthru -o 6 -l 4096 -4 1 -i "$dir/file" && cmp -s "$dir/raw" "$dir/file"
status=$?
result "admin-passthru writes data to a file, direction from the opcode"
check "a failed command: NVMe status, exit code 1" 1 err \
    '^NVMe status: Invalid Command Opcode.*(0x4001)$' admin-passthru -o 0x44
check "a namespace that is not there" 1 err '^NVMe status: Invalid Namespace or Format.*(0x400b)$' \
    id-ns -n 9
check "--show-command" 0 out '^cdw10        : 00000007$' admin-passthru -o 10 -4 7 -s
check "--dry-run" 0 out '^opcode       : 44$' admin-passthru -o 0x44 --dry-run
check "io-passthru" 0 err '^IO Command Flush is Success' io-passthru -o 0 -n 1
check "latency" 0 out '^IO Command Flush latency: [0-9]* us$' io-passthru -o 0 -n 1 -T

# blocks
seq 1 100000 | head -c 20480 >"$dir/data"
check "write" 0 err '^write: Success$' write -s 100 -c 39 -z 20480 -d "$dir/data"
run 0 read -n 1 -s 100 -c 39 -d "$dir/back" && cmp -s "$dir/data" "$dir/back"
status=$?
result "read brings back what was written, its size from the blocks"
run 0 read -s 100 -c 39 && cmp -s "$dir/data" "$dir/out"
status=$?
result "read to standard output"
printf short | "$vfnctl" write -s 5 2>"$dir/err" && run 0 read -s 5 &&
    [ "$(wc -c <"$dir/out")" -eq 512 ] && [ "$(tr -d '\0' <"$dir/out")" = short ]
status=$?
result "write from standard input fills up with zeroes"
run 0 io-passthru -o 1 -n 1 -l 20480 -4 200 -6 39 -i "$dir/data" &&
    run 0 io-passthru -o 2 -n 1 -l 20480 -4 200 -6 39 -b && cmp -s "$dir/data" "$dir/out"
status=$?
result "io-passthru with data that needs a buffer"
check "data size is rounded up" 0 err '^Rounding data size to fit block count (1024 bytes)$' \
    read -s 0 -c 1 -z 512
check "more data than blocks" 2 err 'is --block-count missing' read -s 0 -z 1024
check "blocks out of range: NVMe status" 1 err '(0x4080)$' read -s 5000
check "read --dry-run" 0 err '^slba         : 1f4$' read -s 500 -w
check "a file that is not there" 4 err 'nothere' write -s 0 -d "$dir/nothere"
check "a file that cannot be written" 4 err 'No such file' read -s 0 -d "$dir/no/such"

# traces
check "trace prints what passes, the device's end last" 3 out \
    '^1\.000025     25\.5 us session 7 queue 1 cid 12: Read (02h) nsid 0x1 cdw10 00000000 .*: Successful.* (0)$' \
    trace
grep -q '^2\.000000        -    session 7 queue 1 cid 13: .*83h.*: Operation not permitted \[refused\]$' \
    "$dir/out" &&
    grep -q '^2\.500001      1\.0 us session 8 queue 2 served 65 cid 3: Write (01h).*(0x4004) \[refused\]$' \
        "$dir/out" &&
    grep -q '^2 commands lost$' "$dir/out" && grep -q ' daemon admin cid 0: Asynchronous Event Request' "$dir/out" &&
    grep -q '^4 commands shown, 2 lost$' "$dir/err" && grep -q 'fake0: the device is gone' "$dir/err"
status=$?
result "trace: what was refused, lost, and the daemon's own"
check "trace in JSON, counted" 0 out \
    '^{"lost":0,"submitted_ns":1000000000,"completed_ns":1000025500,"latency_ns":25500,.*"sqe":"02000c0001' \
    trace -c 1 -o json
[ "$(wc -l <"$dir/out")" -eq 1 ]
status=$?
result "trace -c 1 prints one"
check "trace of all devices" 3 out '^fake0 1\.000025 ' trace --all-devices
check "trace: --scope" 2 err "'nobody' is not session, user or all" trace --scope nobody
check "trace: --status" 2 err 'status.*0 to 2047' trace --status 0x800
check "trace: --admin and --io" 2 err exclude trace --admin --io
check "trace: a device and all of them" 2 err 'either a device' trace --all-devices fake0

# events
event='^event 1: SMART / health (1), temperature threshold (0x1), log page 0x2'
check "events come with their log page" 3 out \
    "$event, critical_warning 0x4, temperature 313 Kelvin\$" events
grep -q '^3 events lost$' "$dir/out" && grep -q '^event 6: device gone: unplugged$' "$dir/out"
status=$?
result "events: what was lost and the device's end"
check "events in JSON, counted" 0 out '^{"sequence":1,.*"critical_warning":4}$' \
    events -c 2 -o json
[ "$(wc -l <"$dir/out")" -eq 2 ]
status=$?
result "events -c 2 prints two"
check "events: time limit" 0 out 'event 1' events -c 1 -t 5000

# errors of usage: exit code 2 and what to do
check "no command" 2 err '^usage: vfnctl .*COMMAND'
check "unknown command" 2 err "no command 'frob'.*vfnctl help" frob
check "option before the command" 2 err 'the command comes first' -o json list
check "unknown option" 2 err "id-ctrl --help" id-ctrl --frob
check "unknown format" 2 err "'xml' is not normal, json or binary" id-ctrl -o xml
check "list has no binary format" 2 err "'binary' is not normal or json" list -o binary
check "not a number" 2 err "opcode: 'zz' is not a number from 0 to 255" admin-passthru -o zz
check "too large a number" 2 err "'256' is not a number from 0 to 255" admin-passthru -o 256
check "a negative number" 2 err "'-1' is not a number" read -s -1
check "no opcode" 2 err 'opcode is needed' admin-passthru
check "no direction" 2 err 'read or --write' admin-passthru -o 0 -l 4
check "no length" 2 err 'data-len' admin-passthru -o 2 -r
check "both directions" 2 err 'exclude' admin-passthru -o 2 -r -w -l 4
check "two devices" 2 err 'one device only' info fake0 fake1
check "a device where none is taken" 2 err 'takes no device' list fake0
check "help" 0 out '^  smart-log ' help
check "help of a command" 0 out 'namespace-id=NUM' help id-ns
check "--help of a command" 0 out 'socket=PATH' read --help
check "help of an unknown command" 2 err 'no command' help frob
check "--version" 0 out '^vfnctl [0-9]' --version

# another machine: an ssh of our own gives the command line to a shell, as the real one does
mkdir "$dir/bin"
cat >"$dir/bin/ssh" <<'EOF'
#!/bin/sh
printf '%s\n' "$1" "$2" "$3" >"$SSH_LOG"
shift 3
exec sh -c "$1"
EOF
chmod +x "$dir/bin/ssh"
ln -s "$(realpath "$vfnctl")" "$dir/bin/vfnctl"
SSH_LOG=$dir/ssh
export SSH_LOG
path=$PATH
PATH=$dir/bin:$PATH
check "-H HOST" 0 out '^  namespace 1 *: 2048' -H rack12 info
[ "$(tr '\n' ' ' <"$SSH_LOG")" = "-T -- rack12 " ]
status=$?
result "-H HOST: what ssh is called with"
same id-ctrl-H.txt --host=root@rack12 id-ctrl fake0 -H
check "-H HOST: exit code of the command there" 1 err '(0x4001)' --host rack12 admin-passthru -o 0x44
check "-H HOST: nothing is taken for the shell's" 3 err "^vfnctl info: .*no such device" \
    -Hrack12 info "a'b \$(touch $dir/gotcha) \"c\" ; touch $dir/gotcha"
[ ! -e "$dir/gotcha" ]
status=$?
result "-H HOST: no argument was executed"
mkdir "$dir/it's \$HOME"
run 0 -H rack12 read -s 100 -c 39 -d "$dir/it's \$HOME/back" && cmp -s "$dir/data" "$dir/it's \$HOME/back"
status=$?
result "-H HOST: a file with quotes and a dollar in its name"
"$vfnctl" -H rack12 write -s 300 -c 39 <"$dir/data" 2>"$dir/err" && run 0 -H rack12 read -s 300 -c 39 &&
    cmp -s "$dir/data" "$dir/out"
status=$?
result "-H HOST: data on standard input and output"
check "-H HOST alone" 2 err '^usage' -H rack12
check "-H without a host" 2 err '^usage' -H
check "-H with an option for a host" 2 err 'is no host' -H -oProxyCommand=x list
PATH=$path
env PATH="$dir/nowhere" "$vfnctl" -H rack12 list >"$dir/out" 2>"$dir/err"
[ $? -eq 4 ] && grep -q 'install openssh-client' "$dir/err"
status=$?
result "-H without ssh"

# the daemon's errors: exit code 3
check "an unknown device" 3 err 'no such device.*open.address' info 0000:77:00.0
check "no daemon" 3 err 'is vfnd running there' list --socket "$dir/other"
run 0 list --socket="$VFND_SOCKET"
status=$?
result "--socket"
"$vfnctl" id-ctrl >/dev/full 2>"$dir/err"
[ $? -eq 4 ]
status=$?
result "standard output that takes nothing: exit code 4"

vfnctl_end
