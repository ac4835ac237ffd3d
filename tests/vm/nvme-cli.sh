#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: what vfnctl prints of a controller is what nvme-cli prints of it on the kernel's driver.
# nvme-cli.sh ADDRESS: a controller with a namespace 1. Prints TAP.
. "${top_srcdir:?}/tests/int/lib.sh"
address=$1
command -v nvme >/dev/null || tap_skip "there is no nvme: apt-get install nvme-cli"
lib_begin
mkdir "$dir/kernel" "$dir/ours"

# A line a case: the file, and what both are called with behind the device.
cat >"$dir/cases" <<'EOF'
id-ctrl.json id-ctrl -o json
id-ns.json id-ns -n 1 -o json
smart-log.json smart-log -o json
error-log.json error-log -o json
effects-log.json effects-log -o json
id-ctrl.txt id-ctrl -H
id-ns.txt id-ns -n 1 -H
smart-log.txt smart-log
error-log.txt error-log
effects-log.txt effects-log -H
list-ns.txt list-ns
list-ns.json list-ns -o json
list-all.txt list-ns -a
descs.txt id-ns-descs -n 1
descs.json id-ns-descs -n 1 -o json
nvm-id-ns.txt nvm-id-ns -n 1
nvm-id-ns.json nvm-id-ns -n 1 -o json
fw-log.txt fw-log
fw-log.json fw-log -o json
changed.txt changed-ns-list-log
secondary.txt list-secondary
arbitration.txt get-feature -f 1 -H
power.txt get-feature -f 2 -H
temperature.txt get-feature -f 4 -H
cache.txt get-feature -f 6 -H
coalescing.txt get-feature -f 8 -H
supported.txt get-feature -f 6 -s 3 -H
timestamp.txt get-feature -f 0x0e -s 1 -H
log.txt get-log -i 2 -l 512
invalid.txt get-log -i 0x77 -l 4
ctrl.bin id-ctrl -b
ns.bin id-ns -n 1 -b
EOF

# The name of the device is all that differs.
each() { # FOLDER DEVICE NAME PROGRAM...: what the program prints, its exit code behind
    each_to=$dir/$1 each_device=$2 each_name=$3
    shift 3
    while read -r each_file each_command each_options; do
        [ "$1" != nvme ] || [ "$each_command" != id-ns-descs ] || each_command=ns-descs
        # shellcheck disable=SC2086
        "$@" "$each_command" "$each_device" $each_options >"$each_to/$each_file" 2>&1 </dev/null
        each_code=$?
        case $each_file in
        *.bin) ;;
        *) sed -i -e "s,evice:$each_name\\b,evice:DEVICE," -e "s,\"$each_name\",\"DEVICE\"," "$each_to/$each_file" ;;
        esac
        echo "exit code $each_code" >>"$each_to/$each_file"
    done <"$dir/cases"
}

tests/vm/bind.sh "$address" nvme || exit 99
# the driver's name for it, and its namespaces looked at: then nobody reads from them any more
there() {
    controller=$(ls "/sys/bus/pci/devices/$address/nvme") && [ -c "/dev/$controller" ] &&
        [ "$(cat "/sys/class/nvme/$controller/state")" = live ] && [ -b "/dev/${controller}n1" ]
}
wait_for 30 there || exit 99
each kernel "/dev/$controller" "$controller" nvme
tests/vm/bind.sh "$address" vfio-pci || exit 99
start_vfnd --device "$address" || exit 99
each ours "$address" "$address" "$vfnctl"

while read -r file command options; do
    tap "vfnctl $command $options prints what nvme-cli does" diff "$dir/kernel/$file" "$dir/ours/$file"
done <"$dir/cases"
tap_end
