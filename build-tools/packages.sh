# SPDX-License-Identifier: GPL-2.0-or-later
# What has to be installed, and installing it. Sourced by bootstrap.
#
# This is the one list of Debian packages. `build` is needed to build and to run the demonstration,
# `targets` to check and build for other compilers, processors and libraries, `guest` to run the tests
# in a virtual machine, `long` for what only `./bootstrap check --long` does.
packages_build='
    autoconf automake libtool pkg-config make gcc g++ python3
    binutils check groff-base libevent-dev libinih-dev libjson-c-dev
    libncurses-dev libnvme-dev libprotobuf-c-dev libsystemd-dev
    protobuf-c-compiler spin systemtap-sdt-dev uthash-dev valgrind'
packages_targets='
    abigail-tools clang gcc-aarch64-linux-gnu libc6-dev-arm64-cross musl-tools qemu-user sparse'
packages_guest='
    bc bison busybox-static cpio flex kmod libelf-dev libssl-dev linux-source-6.12 nvme-cli
    qemu-system-x86 rsync xz-utils'
packages_long='
    debhelper dpkg-dev mmdebstrap qemu-system-arm'

# Prints those of "$@" that are not installed.
packages_missing() {
    for p in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | head -n 1)
        [ "$status" = installed ] || printf '%s ' "$p"
    done
}

packages_install() {
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    # The lists may be locked by another apt for a moment. Old lists may do, so go on after a
    # failed update: what cannot be installed is told below.
    for try in 1 2 3 4 5; do
        apt-get -qq update && break
        sleep 5
    done
    apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
}

# packages_need LIST...: makes sure that the packages of each list are there, or stops.
packages_need() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        echo "bootstrap: not a Debian system, going on without looking for packages" >&2
        return 0
    fi
    wanted=
    for list in "$@"; do
        case $list in
        build) wanted="$wanted $packages_build" ;;
        targets) wanted="$wanted $packages_targets" ;;
        guest) wanted="$wanted $packages_guest" ;;
        long) wanted="$wanted $packages_long" ;;
        esac
    done
    # The lists are words without special characters, meant to be split.
    # shellcheck disable=SC2086
    missing=$(packages_missing $wanted)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "bootstrap: missing packages; as root: apt-get install $missing" >&2
        exit 1
    fi
    echo "bootstrap: installing $missing"
    # shellcheck disable=SC2086
    packages_install $missing </dev/null || true
    # shellcheck disable=SC2086
    missing=$(packages_missing $missing)
    if [ -n "$missing" ]; then
        echo "bootstrap: could not install $missing" >&2
        exit 1
    fi
}
