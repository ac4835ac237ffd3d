#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# vfnctl(1) and the completion have every command and every option. With --renew: writes the part of
# the page that is made of the commands.
set -u
: "${top_srcdir:?}" "${top_builddir:?}"
LC_ALL=C.UTF-8
export LC_ALL top_srcdir
vfnctl=$top_builddir/client/vfnctl/vfnctl
page=$top_srcdir/doc/vfnctl.1
dir=$(mktemp -d "${TMPDIR:-/tmp}/vfnd-doc.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
cases=0 failed=0

"$vfnctl" help --man >"$dir/made" || exit 99
"$vfnctl" help --words | grep -v '^-' >"$dir/commands" || exit 99
if [ "${1-}" = --renew ]; then
    sed -e "/begin commands/r $dir/made" -e '/begin commands/,/end commands/{/begin commands/!{/end commands/!d}}' \
        "$page" >"$dir/page" && cp "$dir/page" "$page"
    exit
fi

report() { # NAME FILE-WITH-COMPLAINTS
    cases=$((cases + 1))
    if [ -s "$2" ]; then
        failed=1
        sed 's/^/# /' "$2" | head -n 40
        echo "not ok $cases - $1"
    else
        echo "ok $cases - $1"
    fi
}

sed -n '/begin commands/,/end commands/p' "$page" | sed '1d;$d' | diff - "$dir/made" >"$dir/diff"
report "the page has what the commands say of themselves (else: tests/doc/test-vfnctl.sh --renew)" "$dir/diff"

# The page as people read it has each command as a heading, with a sentence.
while read -r command; do
    [ "$command" = help ] && continue
    # shellcheck disable=SC2001
    troff=$(echo "$command" | sed 's/-/\\\\-/g')
    grep -A1 "^\.SS $troff\$" "$page" | tail -n 1 | grep -q '^[A-Z]' || echo "$command has no section"
done <"$dir/commands" >"$dir/sections"
[ "$(wc -l <"$dir/commands")" -ge 40 ] || echo "only $(wc -l <"$dir/commands") commands seen" >>"$dir/sections"
report "every command has its section" "$dir/sections"

# Commands have a file or a family's, and every one of the sources is in the table.
sed -n 's/^const struct command cmd_\([a-z_]*\) = {$/\1/p' "$top_srcdir"/client/vfnctl/*.c | tr _ - |
    sort >"$dir/sources"
grep -vx help "$dir/commands" | sort | diff - "$dir/sources" >"$dir/diff"
report "every command of the sources is in the table" "$dir/diff"

if ! command -v bash >/dev/null; then
    echo "ok $((cases + 1)) - completion # SKIP there is no bash"
    echo "1..$((cases + 1))"
    exit $failed
fi

# complete WORD...: what is offered in place of the last word, a line each.
cat >"$dir/complete" <<'EOF'
. "$top_srcdir/client/completion/vfnctl"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_vfnctl 2>&1
printf '%s\n' "${COMPREPLY[@]}"
EOF
offer() {
    bash "$dir/complete" "$vfnctl" "$@" | sort
}

offer "" >"$dir/offered"
sort "$dir/commands" | comm -23 - "$dir/offered" | sed 's/$/ is not offered/' >"$dir/missing"
report "every command is offered" "$dir/missing"

while read -r command; do
    [ "$command" = help ] && continue
    offer "$command" - >"$dir/offered"
    # as the help for people has them
    "$vfnctl" help "$command" | sed -n 's/^  *\(-., \)\{0,1\}\(--[a-z0-9-]*=\{0,1\}\).*/\2/p' | sort -u \
        >"$dir/options"
    grep -q . "$dir/options" || echo "$command has no options"
    comm -23 "$dir/options" "$dir/offered" | grep -v -e '^--help$' -e '^--usage$' | sed "s/^/$command: /"
done <"$dir/commands" >"$dir/missing"
report "every option of every command is offered" "$dir/missing"

expect() { # WANTED WORD...
    wanted=$1
    shift
    got=$(offer "$@" | tr '\n' ' ')
    [ "$got" = "$wanted " ] || echo "$*: '$got', not '$wanted '"
}
{
    expect "binary json normal" id-ctrl -o ""
    expect "json normal" caps -o ""
    expect "json normal prometheus" stats -o ""
    expect "hot" reset --kind = h
    expect "abrupt controller function hot shutdown subsystem" disable -k ""
    expect "devices queues sessions" top -v ""
    expect "all session user" trace --scope = ""
    expect "$top_srcdir/HACKING.md" raw --command-file = "$top_srcdir/HACKI"
    expect "json" id-ctrl --output-format = j
    expect "" admin-passthru -o ""
    expect "" read -n ""
    expect "id-ctrl id-ns id-ns-descs" id
    expect "id-ctrl" -H somewhere id-c
    expect "id-ctrl" help id-c
    expect "" frobnicate -
} >"$dir/wrong"
report "arguments and prefixes are completed" "$dir/wrong"
echo "1..$cases"
exit $failed
