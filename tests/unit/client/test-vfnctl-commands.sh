#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What vfnctl's commands send, and what they make of the answers. golden/ is what nvme-cli prints of the
# same structures, and the commands are what it sends with the same options.
. "${top_srcdir:?}/tests/unit/client/vfnctl-lib.sh"

# log pages and lists
for command in list-ns id-ns-descs nvm-id-ns error-log fw-log changed-ns-list-log self-test-log \
    sanitize-log list-secondary effects-log; do
    case $command in
    error-log) options="-e 2" ;;
    id-ns-descs | nvm-id-ns) options="-n 1" ;;
    *) options= ;;
    esac
    # shellcheck disable=SC2086
    same $command.txt $command $options
    case $command in
    list-ns) options=-a ;;
    self-test-log) options="-e 4" ;;
    esac
    # shellcheck disable=SC2086
    same $command.json $command $options -o json
done
same id-ns-descs.txt ns-descs
same self-test-log-v.txt self-test-log -v -e 3
same sanitize-log-H.txt sanitize-log -H
check "nvm-id-ns -v explains" 0 out '^Extended LBA Format  1 : .*64b Guard(2) - Storage Tag Size (MSB): 16 $' \
    nvm-id-ns -v
check "effects-log -H explains" 0 out \
    'Set Features  *] 00000017  CSUPP+  LBCC+  NCC+  NIC-  CCC+  USS-  No command restriction$' effects-log -H
check "effects-log -H tells restrictions" 0 out '00020009.*  No other command for any namespace$' \
    effects-log -H
while read -r size command; do
    # shellcheck disable=SC2086
    run 0 $command -o binary && [ "$(wc -c <"$dir/out")" -eq "$size" ]
    status=$?
    result "$command in binary has $size bytes"
done <<'EOF'
4096 id-ns-descs
4096 nvm-id-ns
4096 list-secondary
128 error-log -e 2
512 fw-log
4096 effects-log
4096 changed-ns-list-log
564 self-test-log
512 sanitize-log
EOF
check "list-secondary -e" 0 out '^   SCEntry\[0  \]:$' list-secondary -e 1
grep -q 'SCEntry\[1' "$dir/out"
[ $? -eq 1 ]
status=$?
result "list-secondary -e 1 shows one"

sends "list-ns" "admin op 06 nsid 0 dw2 0 dw3 0 len 1000 cdw10 2 0 0 0 0 0" list-ns
sends "list-ns -n -y -a" "admin op 06 nsid 3 dw2 0 dw3 0 len 1000 cdw10 1a 2000000 0 0 0 0" \
    list-ns -n 4 -y 2 -a
sends "list-secondary" "admin op 06 nsid 5 dw2 0 dw3 0 len 1000 cdw10 30015 0 0 0 0 0" list-secondary -c 3 -n 5
sends "changed-ns-list-log" "admin op 02 nsid ffffffff dw2 0 dw3 0 len 1000 cdw10 3ff8004 0 0 0 0 0" \
    changed-ns-list-log
sends "effects-log -c" "admin op 02 nsid ffffffff dw2 0 dw3 0 len 1000 cdw10 3ff0005 0 0 0 2000000 0" \
    effects-log -c 2
sends "sanitize-log -r" "admin op 02 nsid ffffffff dw2 0 dw3 0 len 200 cdw10 7f8081 0 0 0 0 0" sanitize-log -r
sends "get-log, every field" \
    "admin op 02 nsid 7 dw2 0 dw3 0 len 1000 cdw10 3ff83c0 40000 10 1 1800005 0" \
    get-log -i 0xc0 -l 4096 -o 0x100000010 -s 3 -S 4 -r -U 5 -y 1 -O -n 7
sends "get-log --aen" "admin op 02 nsid ffffffff dw2 0 dw3 0 len 200 cdw10 7f0002 0 0 0 0 0" \
    get-log -a 0x20101 -l 512
check "get-log dumps" 0 out '^0120: 21 20 23 22 25 24 27 26 29 28 2b 2a              "!.#"%\$'\''&)(+\*"$' \
    get-log -i 0xc0 -l 300
run 0 get-log -i 0xc0 -l 70000 -b && [ "$(wc -c <"$dir/out")" -eq 70000 ]
status=$?
result "get-log of what is longer than one transfer"
run 0 get-log -i 0xc0 -l 6 -o 4 -b && [ "$(od -An -tx1 "$dir/out")" = " 04 05 06 07 08 09" ]
status=$?
result "get-log of a length that is no multiple of 4"

# features
for fid in 1 2 4 5 6 7 8 9 0xa 0xb 0xf 0x10 0x11 0x12 0x17 0x18 0x80 0x82 0x83 0x84; do
    "$vfnctl" get-feature -f $fid -H -n 1
done >"$dir/out" 2>"$dir/err"
diff "$golden/get-feature-H.txt" "$dir/out" >>"$dir/err"
status=$?
result "get-feature -H prints get-feature-H.txt"
for fid in 3 0xc 0xd 0xe 0x13 0x14 0x16 0x19 0x1a 0x81; do
    run 0 get-feature -f $fid -H -n 1 && [ "$(wc -l <"$dir/out")" -ge 2 ]
    status=$?
    result "get-feature -f $fid -H explains"
done
sends "get-feature" "admin op 0a nsid 1 dw2 0 dw3 0 len 0 cdw10 102 5 0 0 7 0" \
    get-feature -f 2 -s 1 -c 5 -n 1 -U 7
sends "get-feature of one with data" "admin op 0a nsid 0 dw2 0 dw3 0 len 8 cdw10 e 0 0 0 0 0" get-feature -f 14
check "get-feature -s 3 -H" 0 out '^  Feature is changeable$' get-feature -f 2 -s 3 -H
check "get-feature of all" 0 out '^get-feature:0x84 (Namespace Write Protect)' get-feature
run 0 get-feature -f 0xe -b && [ "$(wc -c <"$dir/out")" -eq 8 ]
status=$?
result "get-feature -b"
sends "set-feature" "admin op 09 nsid 1 dw2 0 dw3 0 len 0 cdw10 80000002 1 3 0 2 0" \
    set-feature -f 2 -v 1 -s -n 1 -c 3 -U 2
check "set-feature says what it has set" 0 out \
    '^set-feature:0x02 (Power Management), value:0x00000001, cdw12:00000000, save:0x1$' set-feature -f 2 -v 1 -s
printf abcdefgh >"$dir/host"
sends "set-feature with data" \
    "admin op 09 nsid 0 dw2 0 dw3 0 len 8 cdw10 81 0 0 0 0 0 data 61 62 63 64 65 66 67 68" \
    set-feature -f 0x81 -d "$dir/host"
sends "set-feature: a timestamp as value" \
    "admin op 09 nsid 0 dw2 0 dw3 0 len 8 cdw10 e 0 0 0 0 0 data 10 32 54 76 98 0a 00 00" \
    set-feature -f 14 -v 0x0a9876543210
sends "set-feature: a value longer than 32 bits" "admin op 09 nsid 0 dw2 0 dw3 0 len 0 cdw10 10 3 2 0 0 0" \
    set-feature -f 0x10 -v 0x200000003

# I/O commands
head -c 512 /dev/zero >"$dir/zeroes"
check "write, then compare" 0 err 'write: Success' write -s 7 -d "$dir/zeroes"
check "compare" 0 err 'compare: Success' compare -s 7 -d "$dir/zeroes"
check "compare with something else" 1 err 'Compare Failure.*(0x285)' compare -s 7 -d "$dir/host"
sends "write-zeroes" "io op 08 nsid 1 dw2 0 dw3 0 len 0 cdw10 5 0 ce000003 0 0 0" \
    write-zeroes -n 1 -s 5 -c 3 -d -l -f -p 3
sends "verify" "io op 0c nsid 1 dw2 0 dw3 0 len 0 cdw10 3456789a 12 1000000 0 5 ffff0003" \
    verify -s 0x123456789a -C -r 5 -a 3 -m 0xffff
check "verify says so" 0 out '^NVME Verify Success$' verify
check "a storage tag where there is none" 2 err 'longer than the 0 bits' verify -S 5
sends "flush" "io op 00 nsid ffffffff dw2 0 dw3 0 len 0 cdw10 0 0 0 0 0 0" flush -n 0xffffffff
sends "dsm" \
    "io op 09 nsid 1 dw2 0 dw3 0 len 20 cdw10 1 4 0 0 0 0 data 00 00 00 00 01 00 00 00 03 00 00 00 00 00 00 00 \
01 00 00 00 02 00 00 00 04 00 00 00 00 00 00 00" dsm -b 1,2 -s 3,4 -a 0,1 -d
sends "dsm -c" "io op 09 nsid 1 dw2 0 dw3 0 len 10 cdw10 0 77 0 0 0 0 data 00 00 00 00 01 00 00 00 00 00 00 00 \
00 00 00 00" dsm -b 1 -c 0x77

# what changes namespaces and the controller
identify="admin op 06 nsid 0 dw2 0 dw3 0 len 1000 cdw10 1 0 0 0 0 0"
id_ns="admin op 06 nsid 1 dw2 0 dw3 0 len 1000 cdw10 0 0 0 0 0 0"
id_any="admin op 06 nsid ffffffff dw2 0 dw3 0 len 1000 cdw10 0 0 0 0 0 0"
sends "format, of all namespaces where one is all" "$id_ns
$identify
admin op 80 nsid ffffffff dw2 0 dw3 0 len 0 cdw10 531 0 0 0 0 0" format -l 1 -s 2 -i 1 -p 1 -m 1 --force
sends "format by block size" "$id_ns
$identify
admin op 80 nsid ffffffff dw2 0 dw3 0 len 0 cdw10 2 0 0 0 0 0" format -b 4096 --force
check "format says so" 0 out '^Success formatting namespace:ffffffff$' format --force
check "format: no such block size" 2 err 'no format with blocks of 1024 bytes' format -b 1024 --force
# Interrupted while it waits: nothing is sent.
: >"$dir/commands"
"$vfnctl" format >"$dir/out" 2>"$dir/err" </dev/null &
pid=$!
i=0
while ! grep -q 'suppress this warning' "$dir/err" && [ $i -lt 500 ]; do
    i=$((i + 1))
    sleep 0.02
done
kill -INT $pid
wait $pid
[ $? -eq 130 ] && grep -q 'cancelled: nothing was sent' "$dir/err" && ! grep -q 'op 80' "$dir/commands"
status=$?
result "format: interrupted in its ten seconds"
grep -q '^WARNING: Format may irrevocably delete' "$dir/err"
status=$?
result "format warns"
# 100 blocks: the first 16 of 4096 bytes of data are size and capacity
sends "create-ns" "admin op 0d nsid 0 dw2 0 dw3 0 len 1000 cdw10 0 2000000 0 0 0 0 data \
64 00 00 00 00 00 00 00 32 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 02 01 00 \
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00" \
    create-ns -s 100 -c 50 -f 1 -d 2 -m 1 -y 2
sends "create-ns by sizes in bytes" "$id_any
admin op 0d nsid 0 dw2 0 dw3 0 len 1000 cdw10 0 0 0 0 0 0 data \
00 00 04 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00 00 00 00 \
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00" \
    create-ns -S 1Gi -b 4096
check "create-ns tells the namespace" 0 out '^create-ns: Success, created nsid:7$' create-ns -s 1 -f 0
sends "delete-ns" "admin op 0d nsid 3 dw2 0 dw3 0 len 0 cdw10 1 0 0 0 0 0" delete-ns -n 3
list="03 00 01 00 02 00 ff 00"
zeroes=$(printf ' 00%.0s' $(seq 56))
sends "attach-ns" "admin op 15 nsid 4 dw2 0 dw3 0 len 1000 cdw10 0 0 0 0 0 0 data $list$zeroes" \
    attach-ns -n 4 -c 1,2,0xff
sends "detach-ns from this controller" "$identify
admin op 15 nsid 4 dw2 0 dw3 0 len 1000 cdw10 1 0 0 0 0 0 data 01 00 03 00 00 00 00 00$zeroes" detach-ns -n 4
check "detach-ns says so" 0 out '^detach-ns: Success, nsid:4$' detach-ns -n 4
head -c 10000 /dev/zero >"$dir/image"
sends "fw-download: the last part is filled up to the controller's granularity" "$identify
admin op 11 nsid 0 dw2 0 dw3 0 len 1000 cdw10 3ff 10 0 0 0 0
admin op 11 nsid 0 dw2 0 dw3 0 len 1000 cdw10 3ff 410 0 0 0 0
admin op 11 nsid 0 dw2 0 dw3 0 len 1000 cdw10 3ff 810 0 0 0 0" fw-download -f "$dir/image" -o 16
check "fw-download says so" 0 out '^Firmware download success$' fw-download -f "$dir/image" -x 8192
check "fw-download -p" 0 err 'transferring 0x00002000/0x00002710 bytes: 081%' fw-download -f "$dir/image" -p
check "fw-download of nothing" 2 err '0 bytes: an image is a multiple of 4' fw-download -f /dev/null
check "fw-download: parts of no size" 2 err 'multiples of 4096' fw-download -f "$dir/image" -x 10
check "fw-download: parts too large" 2 err 'transfers 524288 bytes at most' fw-download -f "$dir/image" -x 0x100000
check "fw-download: no such file" 4 err 'No such file' fw-download -f "$dir/nowhere"
sends "fw-commit" "admin op 10 nsid 0 dw2 0 dw3 0 len 0 cdw10 80000033 0 0 0 0 0" fw-commit -s 3 -a 6 -b 1
check "fw-commit says so" 0 out '^Success committing firmware action:6 slot:3 bpid:1$' fw-commit -s 3 -a 6 -b 1
sends "device-self-test" "admin op 14 nsid ffffffff dw2 0 dw3 0 len 0 cdw10 1 0 0 0 0 0" device-self-test -s 1
check "device-self-test says so" 0 out '^Extended Device self-test started$' device-self-test -s 2 -n 1
check "device-self-test tells progress" 0 out '^progress 42%$' device-self-test
# The canned test never ends. It was started here, so an interruption aborts it.
: >"$dir/commands"
"$vfnctl" device-self-test -s 1 -w >"$dir/out" 2>"$dir/err" </dev/null &
pid=$!
i=0
while ! grep -q 'op 02' "$dir/commands" && [ $i -lt 500 ]; do
    i=$((i + 1))
    sleep 0.02
done
kill -INT $pid
wait $pid
[ $? -eq 130 ] && grep -q 'interrupted: the self-test was aborted' "$dir/err" &&
    grep -q 'op 14 .* cdw10 f ' "$dir/commands"
status=$?
result "device-self-test -w: interrupted, and the test aborted"
sends "sanitize" "admin op 84 nsid 0 dw2 0 dw3 0 len 0 cdw10 34b 5 0 0 0 0" sanitize -a 3 -n 4 -p 5 -i -d -u
sends "sanitize by name" "admin op 84 nsid 0 dw2 0 dw3 0 len 0 cdw10 4 0 0 0 0 0" sanitize -a start-crypto-erase
sends "security-send" \
    "admin op 81 nsid 0 dw2 0 dw3 0 len 8 cdw10 1000204 8 0 0 0 0 data 61 62 63 64 65 66 67 68" \
    security-send -f "$dir/host" -p 1 -s 2 -t 8 -N 4
sends "security-recv" "admin op 82 nsid 1 dw2 0 dw3 0 len 40 cdw10 1000200 20 0 0 0 0" \
    security-recv -x 64 -p 1 -s 2 -t 32 -n 1
check "security-recv dumps" 0 out '^0000: 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f ' security-recv -t 16
sends "virt-mgmt" "admin op 1c nsid 0 dw2 0 dw3 0 len 0 cdw10 10108 4 0 0 0 0" virt-mgmt -c 1 -r 1 -a 8 -n 4
check "virt-mgmt tells how many" 0 out 'Modified (NRM):0x7$' virt-mgmt -c 1 -a 8 -n 4

# wrong input: exit code 2, nothing sent, and what to do
: >"$dir/commands"
while IFS='|' read -r pattern arguments; do
    # shellcheck disable=SC2086
    check "wrong: $arguments" 2 err "$pattern" $arguments
done <<'EOF'
--namespace-id: from 1|list-ns -n 0
is not a number from 0 to 255|list-ns -y 256
1 is the least|error-log -e 0
is not a number from 0 to 20|self-test-log -e 21
--log-id is needed|get-log -l 4
--log-len is needed|get-log -i 2
from 0 to 127|get-log -i 2 -l 4 -s 0x80
from 0 to 67108864|get-log -i 2 -l 0x10000000
a multiple of 4|get-log -i 2 -l 4 -o 6
0 to 3, or 8|get-feature -f 1 -s 4
from 0 to 255|get-feature -f 0x100
--feature-id is needed|set-feature -v 1
--value is needed|set-feature -f 2
from 0 to 65535|write-zeroes -c 65536
from 0 to 15|verify -p 16
--blocks is needed|dsm
does not begin with a number|dsm -b 1,x
does not begin with a number|dsm -b 1,-2
does not begin with a number|dsm -b 4294967296
--slbs has 1 entries, --blocks 2|dsm -b 1,2 -s 1
--ctx-attrs has 3 entries, --blocks 1|dsm -b 1 -a 1,2,3
from 0 to 63|format -l 64
from 0 to 2|format -s 3
exclude each other|format -l 0 -b 512 --force
--nsze or --nsze-si is needed|create-ns -f 0
--flbas or --block-size is needed|create-ns -s 1
--flbas or --block-size is needed|create-ns -s 1 -f 0 -b 512
is no size|create-ns -S 1X -b 512
is no size|create-ns -S -1G -b 512
is no size|create-ns -S 99999999P -b 512
less than a block|create-ns -S 100 -b 4096
--namespace-id is needed|delete-ns
--namespace-id is needed|attach-ns
from 0 to 65535|detach-ns -n 1 -c 65536
--fw is needed|fw-download
from 0 to 7|fw-commit -s 8
is reserved|fw-commit -a 4
from 0 to 15|device-self-test -s 16
--sanact is needed|sanitize
is none of 1 exit-failure|sanitize -a 5
belong to --sanact=start-overwrite|sanitize -a 2 -n 3
1 to 16|sanitize -a 3 -n 0
for what starts|sanitize -a 1 -u
--tl is needed|security-send
nothing to send|security-send -t 0
--size or --al is needed|security-recv
more than the 8 bytes|security-recv -x 8 -t 16
--cntlid is needed|virt-mgmt -a 8
1, 7, 8 or 9|virt-mgmt -c 1 -a 2
EOF
grep -v -e 'op 06' "$dir/commands" >"$dir/out"
[ ! -s "$dir/out" ]
status=$?
result "nothing wrong was sent"
vfnctl_end
