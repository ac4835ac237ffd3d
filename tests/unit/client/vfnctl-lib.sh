# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What tests of vfnctl against the fake daemon share: starts it, runs vfnctl, looks at what came.
: "${top_srcdir:?}" "${top_builddir:?}"
vfnctl=$top_builddir/client/vfnctl/vfnctl
golden=$top_srcdir/tests/unit/client/golden
dir=$(mktemp -d) || exit 99
n=0 failed=0
export LC_ALL=C.UTF-8
VFND_SOCKET=$dir/sock
export VFND_SOCKET

# The fake ends when its input does.
mkfifo "$dir/stop"
# $dir/commands has a line for each command that it was asked to send.
"$top_builddir/tests/unit/client/fake-vfnd" "$VFND_SOCKET" "$dir/commands" <"$dir/stop" 2>"$dir/fake" &
fake=$!
exec 9>"$dir/stop"
trap 'exec 9>&-; wait "$fake"; rm -rf "$dir"' EXIT
i=0
while [ ! -S "$VFND_SOCKET" ] && [ $i -lt 100 ]; do
    i=$((i + 1))
    sleep 0.1
done

result() { # result NAME: status of the last command
    if [ "$status" -eq 0 ]; then
        n=$((n + 1))
        echo "ok $n - $1"
    else
        n=$((n + 1)) failed=1
        echo "not ok $n - $1"
        sed 's/^/# /' "$dir/out" "$dir/err" | head -40
    fi
}

run() { # run CODE ARGUMENT...: out and err hold what it prints
    want=$1
    shift
    "$vfnctl" "$@" >"$dir/out" 2>"$dir/err" </dev/null
    code=$?
    [ $code -eq "$want" ] || echo "exit code $code, not $want" >>"$dir/err"
    [ $code -eq "$want" ]
}

check() { # check NAME CODE WHERE PATTERN ARGUMENT...: WHERE is out or err
    name=$1 want=$2 where=$3 pattern=$4
    shift 4
    run "$want" "$@" && grep -qe "$pattern" "$dir/$where"
    status=$?
    result "$name"
}

same() { # same FILE ARGUMENT...
    file=$1
    shift
    run 0 "$@" && diff "$golden/$file" "$dir/out" >>"$dir/err"
    status=$?
    result "$* prints $file"
}

sends() { # sends NAME COMMANDS ARGUMENT...: what goes to the controller, a line each
    name=$1 commands=$2
    shift 2
    : >"$dir/commands"
    printf '%s\n' "$commands" >"$dir/wanted"
    run 0 "$@" && diff "$dir/wanted" "$dir/commands" >>"$dir/err"
    status=$?
    result "$name"
}

vfnctl_end() {
    [ ! -s "$dir/fake" ]
    status=$?
    cp "$dir/fake" "$dir/err"
    result "the fake daemon has nothing to complain about"
    echo "1..$n"
    exit "$failed"
}
