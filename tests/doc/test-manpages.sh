#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every public function has a page that says what it should, and no page has an error.
set -u
: "${top_srcdir:?}" "${top_builddir:?}"
LC_ALL=C
export LC_ALL
# Made here, or as a release has them.
man3=$top_builddir/doc/man3
[ -f "$man3/stamp" ] || man3=$top_srcdir/doc/man3
tmp=$(mktemp -d "${TMPDIR:-/tmp}/vfnd-man.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cases=0 failed=0

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

skip() { # NAME REASON
    cases=$((cases + 1))
    echo "ok $cases - $1 # SKIP $2"
}

# The names are looked for here by other means than the generator's: in the symbol maps, and in the
# headers as the compiler sees them after the preprocessor.
map() {
    sed -n 's/^[[:space:]]*\([A-Za-z_][A-Za-z0-9_]*\);$/\1/p' "$1"
}

# Function-like macros and inline functions of our own: what the compiler says is defined there.
headers() { # ROOT
    (cd "$1" && find vfn -name '*.h') | while read -r header; do
        echo "#include <$header>" | gcc -E -dD -x c -D_GNU_SOURCE -I"$1" - |
            awk -v root="$1/" '
                /^# [0-9]+ "/ { ours = index($3, root) == 2; next }
                ours && /^#define [A-Za-z0-9_]+\(/ { sub(/\(.*/, "", $2); print $2 }
                ours && /^static (inline|__attribute__)/ {
                    gsub(/__attribute__ *\(\(.*\)\) */, "")
                    if (match($0, /[A-Za-z0-9_]+\(/)) print substr($0, RSTART, RLENGTH - 1)
                }'
    done
}

missing() {
    sort -u "$1" | while read -r name; do
        [ -f "$man3/$name.3" ] || echo "there is no page $name(3)"
    done
}

map "$top_srcdir/libvfn/libvfn.map" >"$tmp/libvfn"
map "$top_srcdir/client/libvfnclient.map" >"$tmp/client"
headers "$top_srcdir/libvfn/include" >"$tmp/inline"
headers "$top_srcdir/client/include" >>"$tmp/inline"
for list in libvfn client inline; do
    missing "$tmp/$list" >"$tmp/missing-$list"
    # A list that is too short to be true has been read wrongly.
    [ "$(wc -l <"$tmp/$list")" -ge 30 ] || echo "only $(wc -l <"$tmp/$list") names seen" \
        >>"$tmp/missing-$list"
done
report "every symbol of libvfn has a page" "$tmp/missing-libvfn"
report "every symbol of libvfnclient has a page" "$tmp/missing-client"
report "every inline function and macro has a page" "$tmp/missing-inline"

# Comments say what functions return; the generator knows where they do not.
{
    # shellcheck disable=SC2046
    python3 "$top_srcdir/build-tools/manpages.py" --strict --library libvfn --pkgconfig libvfn \
        --overview libvfn --package test --output "$tmp/man3" "$top_srcdir/libvfn/include" \
        $(cd "$top_srcdir/libvfn/include" && find vfn -name '*.h') || echo "exit status $?"
    python3 "$top_srcdir/build-tools/manpages.py" --strict --library libvfnclient --pkgconfig vfn-client \
        --overview vfn-client --package test --output "$tmp/man3" "$top_srcdir/client/include" \
        vfn/client.h vfn/client-async.h vfn/client-raw.h vfn/client-trace.h \
        vfn/client-buffer.h vfn/client-pci.h vfn/client-stats.h vfn/client-control.h || echo "exit status $?"
} >"$tmp/strict" 2>&1
report "every page says what its function returns" "$tmp/strict"

# Pages that are a link lead somewhere; all others have the sections that readers look for.
for page in "$man3"/*.3; do
    name=$(basename "$page" .3)
    if target=$(sed -n '1s,^\.so man3/,,p' "$page") && [ -n "$target" ]; then
        grep -q "^$name\|, $name\b" "$man3/$target" || echo "$name(3) leads to $target, which has it not"
        continue
    fi
    for section in NAME SYNOPSIS DESCRIPTION 'SEE ALSO'; do
        grep -q "^\.SH $section\$" "$page" || echo "$name(3) has no $section"
    done
    # Something stands below each heading.
    awk -v name="$name" '
        /^\.SH/ { if (heading && !lines) print name "(3): nothing below " heading
                  heading = $0; lines = 0; next }
        { lines++ }
        END { if (!lines) print name "(3): nothing below " heading }' "$page"
done >"$tmp/sections"
report "pages have their sections, and links lead to pages" "$tmp/sections"

# What pages of ours refer to is there.
cat "$man3"/*.3 "$top_srcdir"/doc/libvfn.7 "$top_srcdir"/doc/vfn-client.7 |
    sed -n 's/^\.BR \([A-Za-z_][A-Za-z0-9_-]*\) (3).*/\1/p' >"$tmp/refers"
missing "$tmp/refers" | grep -v 'free(3)' >"$tmp/dangling"
report "other pages that they name are there" "$tmp/dangling"

# The first programs of the overviews are programs.
first_program() { # PAGE
    sed -n '/^\.SH A FIRST PROGRAM/,/^\.EE/p' "$1" | sed -n '/^\.EX/,/^\.EE/p' |
        sed -e '/^\.E[XE]/d' -e 's/\\e/\\/g' -e 's/\\-/-/g' >"$tmp/first.c"
    grep -q 'int main' "$tmp/first.c" || echo "no program in $1"
    gcc -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -I"$top_srcdir/libvfn/include" \
        -I"$top_srcdir/client/include" "$tmp/first.c"
}
for page in libvfn.7 vfn-client.7; do
    first_program "$top_srcdir/doc/$page"
done >"$tmp/first" 2>&1
report "the first programs of the overviews compile" "$tmp/first"

if command -v groff >/dev/null; then
    # Links are left out: they are read from the folder above.
    grep -L '^\.so ' "$man3"/*.3 >"$tmp/pages"
    for page in libvfn.7 vfn-client.7 vfnctl.1 vfnd-sim.1 vfnd-bind.8 vfnd.8 vfnd.conf.5; do
        echo "$top_srcdir/doc/$page"
    done >>"$tmp/pages"
    while read -r page; do
        groff -ww -mandoc -Tutf8 -z "$page"
    done <"$tmp/pages" >"$tmp/warnings" 2>&1
    report "groff has nothing to say" "$tmp/warnings"
else
    skip "groff has nothing to say" "there is no groff"
fi
echo "1..$cases"
exit $failed
