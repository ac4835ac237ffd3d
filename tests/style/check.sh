#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The house rules that a machine can hold, one TAP case a rule.
# check.sh [TREE]: the tree to look at, default $top_srcdir.
# tests/style/test-check.sh shows of each rule that it can fail.
set -u

tree=${1:-${top_srcdir:?}}
cd "$tree" || exit 1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/vfnd-style.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Where git knows the tree, what is or could be committed; else all that is not generated.
list_files() {
    if [ -e .git ] && git -c safe.directory='*' rev-parse >/dev/null 2>&1; then
        git -c safe.directory='*' ls-files -co --exclude-standard
    else
        generated='^(build|build-aux|autom4te\.cache|_build)/|\.pb-c\.|Makefile\.in$|^m4/l'
        generated="$generated|^(configure|aclocal\.m4|config\.h\.in)\$"
        find . -type f | sed 's,^\./,,' | grep -vE "$generated"
    fi | while IFS= read -r f; do
        [ -f "$f" ] && echo "$f"
    done | sort
}
list_files >"$scratch/all"

# Scripts are known by their first line, whatever their name.
while IFS= read -r f; do
    [ "$(head -c 2 "$f" | tr -d '\000')" = '#!' ] && echo "$f"
done <"$scratch/all" >"$scratch/scripts"
{
    grep -E '(\.(c|h|sh|py|mk|proto|ac|am|map)|/kernel\.config)$' "$scratch/all"
    cat "$scratch/scripts"
} | sort -u >"$scratch/sources"
grep -E '\.[ch]$' "$scratch/sources" >"$scratch/c"
{
    cat "$scratch/sources"
    grep -E '\.(md|in|conf|service|socket|[1-8])$' "$scratch/all"
} | sort -u >"$scratch/texts"

cases=0
# rule NAME FUNCTION [ARGUMENT]...: holds if the function prints nothing.
rule() {
    name=$1
    shift
    cases=$((cases + 1))
    "$@" >"$scratch/out" 2>&1
    if [ -s "$scratch/out" ]; then
        sed 's/^/# /' "$scratch/out"
        echo "not ok $cases - $name"
    else
        echo "ok $cases - $name"
    fi
}

# in_files LIST GREP-ARGUMENT...: matching lines of the files in a list.
in_files() {
    list=$1
    shift
    tr '\n' '\0' <"$scratch/$list" | xargs -0 -r grep -nHE "$@" --
}

# Those of a list whose names match.
files() {
    grep -E "$2" "$scratch/$1"
}

tree_is_seen() {
    [ -s "$scratch/sources" ] || echo "no source found in $tree"
}

# --- size and shape ------------------------------------------------------------------------------

long_files() {
    while IFS= read -r f; do
        lines=$(wc -l <"$f")
        [ "$lines" -le 600 ] || echo "$f: $lines lines"
    done <"$scratch/sources"
}

# 100 is what clang-format aims at; a word more in a comment or a message breaks nothing.
wide_lines() {
    grep -E '\.([ch]|sh|py|proto)$' "$scratch/sources" | while IFS= read -r f; do
        expand -t 8 "$f" |
            awk -v f="$f" 'length($0) > 120 { print f ":" NR ": " length($0) " columns" }'
    done
}

trailing_space() {
    in_files sources "[[:blank:]]$|$(printf '\r')$"
}

# Eight spaces are a tab in C; a macro's lone backslash may stand anywhere.
spaces_in_c() {
    in_files c '^	* {8}' | grep -vE ':[[:blank:]]*\\$'
}

tabs_in_scripts() {
    # debian/rules is a makefile.
    { cat "$scratch/scripts"; files sources '\.(sh|py)$'; } | grep -vxF debian/rules | sort -u >"$scratch/tabs"
    in_files tabs '^ *	'
}

modes() {
    while IFS= read -r f; do
        [ -x "$f" ] || echo "$f: begins with #! and is not executable"
    done <"$scratch/scripts"
    while IFS= read -r f; do
        [ ! -x "$f" ] || grep -qxF "$f" "$scratch/scripts" || echo "$f: is executable without #!"
    done <"$scratch/all"
}

# --- licences ------------------------------------------------------------------------------------

licence_of() {
    case $1 in
    client/vfnctl/*) echo GPL-2.0-or-later ;;
    libvfn/*|client/*|proto/*) echo LGPL-2.1-or-later ;;
    *) echo GPL-2.0-or-later ;;
    esac
}

spdx() {
    while IFS= read -r f; do
        line=1
        ! grep -qxF "$f" "$scratch/scripts" || line=2
        sed -n ${line}p "$f" | grep -qE "SPDX-License-Identifier: $(licence_of "$f")( \*/)?$" ||
            echo "$f:$line: no 'SPDX-License-Identifier: $(licence_of "$f")'"
    done <"$scratch/sources"
}

# --- words (written so that they do not match themselves) ----------------------------------------

marks() {
    in_files texts '\b(TOD[O]|FIXM[E]|XX[X])\b'
}

workplace() {
    in_files texts '/wor[k]/|/tmp/w[t]|shared/desig[n]|/tmp/brie[f]'
}

# --- who includes whom ---------------------------------------------------------------------------

# includes FOLDER: `FILE:LINE: INCLUDED` for each #include below a folder, without what leads to a
# layer (`../`, libvfn/src/, libvfn/include/, vfn/).
includes() {
    files c "^$1(/|\$)" | tr '\n' '\0' |
        xargs -0 -r grep -nHE '^[[:blank:]]*#[[:blank:]]*include' -- |
        sed -nE 's/^([^:]*:[0-9]+):[^<"]*[<"]([^>"]*)[>"].*/\1: \2/p' |
        sed -E 's/: (\.\.\/)+/: /; s/: (libvfn\/(src|include)\/|src\/)?(vfn\/)?/: /'
}

# forbid FOLDER PATTERN: what an include below the folder names must not match.
forbid() {
    includes "$1" | grep -E ":[0-9]+: ($2)"
}

layers() {
    above=
    # From the top: each layer may include itself and those that come after it.
    for layer in nvme vfio iommu pci support; do
        if [ -n "$above" ]; then
            forbid "libvfn/(src|include/vfn)/$layer" "($above)(/|\.h$)"
            # The umbrella header of a layer is of that layer.
            forbid "libvfn/include/vfn/$layer\.h" "($above)(/|\.h$)"
        fi
        above=${above:+$above|}$layer
    done
}

libvfn_alone() {
    forbid libvfn '(daemon|client|proto|tests)/|client\.h|.*pb-c\.h'
    forbid libvfn '(event2|systemd|protobuf-c|json-c)/|(event|ini|json|libnvme|check)\.h'
}

rpc_no_rings() {
    # sys/queue.h is libc's lists.
    forbid daemon/rpc '(daemon/)?data/|nvme/(queue|rq)\.h|queue\.h'
}

data_no_protobuf() {
    forbid daemon/data '.*pb-c\.h|protobuf-c|(daemon/)?rpc/'
}

sim_alone() {
    # Of libvfn neither headers nor objects. The layers' names lead there, too.
    # The path as it is written: here vfn/ must not be taken off.
    files c '^tests/sim/' | tr '\n' '\0' |
        xargs -0 -r grep -nHE '#[[:blank:]]*include[[:blank:]]*[<"](.*/)?(vfn|libvfn|daemon|client)/' --
    files sources '^tests/sim/.*\.mk$' | tr '\n' '\0' |
        xargs -0 -r grep -nHE '^[^#]*(libvfn|LIBVFN|libproto)' --
}

client_no_daemon() {
    forbid client '(daemon|tests)/'
}

daemon_no_client() {
    forbid daemon '(client|tests)/|client\.h'
}

proto_alone() {
    forbid proto '(daemon|client|tests)/|client\.h'
}

# --- tests ---------------------------------------------------------------------------------------

# added FOLDER VARIABLES: the words that local.mk files below a folder add to variables, one a line,
# as FOLDER/NAME. A $(LIST) that the same file sets is taken apart.
added() {
    files sources "$1.*local\.mk$" | while IFS= read -r f; do
        sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' "$f" | awk -v wanted="^($2)\$" '
            $2 ~ /^[+:]?=$/ {
                for (i = 3; i <= NF; i++) {
                    set[$1] = set[$1] " " $i
                }
                if ($1 ~ wanted) {
                    for (i = 3; i <= NF; i++) {
                        name = $i
                        gsub(/[$()]/, "", name)
                        words = words " " ($i ~ /^\$\(.*\)$/ ? set[name] : $i)
                    }
                }
            }
            END { print words }' | tr -s '[:blank:]' '\n' |
            sed "s,%D%,$(dirname "$f"),; /^\$/d"
    done | sort -u
}

tests_are_run() {
    added tests/ TESTS >"$scratch/run"
    # Programs that serve other tests are not named test-*.
    added tests/ 'check_PROGRAMS|(dist_)?check_SCRIPTS' | grep '/test-[^/]*$' |
        grep -vxF -f "$scratch/run" | sed 's/$/: is built and not in TESTS/'
    # A source may go by another name in its program.
    added tests/ '.*_SOURCES' >>"$scratch/run"
    files sources '^tests/(.*/)?test-[^/]*\.(c|sh|py)$' | grep -vxF -f "$scratch/run" |
        sed 's/$/: is in no TESTS/'
}

# Where a test gives up, the line itself or the one before says why.
skips_have_reasons() {
    while IFS= read -r f; do
        awk -v f="$f" '
            /(exit|return)[ (]+77([^0-9]|$)/ && ($0 last) !~ /SKIP|echo|print/ {
                print f ":" NR ": gives up without a reason"
            }
            # TAP: "1..0 # SKIP reason", "ok 3 # SKIP reason".
            /# [Ss][Kk][Ii][Pp]["\047\\]*n?["\047;)]/ || /1\.\.0["\047\\]/ {
                print f ":" NR ": skips without a reason"
            }
            { last = $0 }' "$f"
    done <"$scratch/tests"
}
files sources '^tests/' | grep -v '^tests/style/' >"$scratch/tests"

rule "there are sources to look at" tree_is_seen
rule "no file is longer than 600 lines" long_files
rule "no line is wider than 120 columns" wide_lines
rule "no line ends in white space" trailing_space
rule "C is indented with tabs" spaces_in_c
rule "scripts are indented with spaces" tabs_in_scripts
rule "scripts are executable, and nothing else is" modes
rule "each source names its folder's licence in its first line" spdx
rule "no unfinished work is marked" marks
rule "no place of somebody's machine is named" workplace
rule "libvfn: nvme -> vfio -> iommu -> pci -> support" layers
rule "libvfn includes libc and itself only" libvfn_alone
rule "daemon/rpc touches no ring entry" rpc_no_rings
rule "daemon/data sees no protobuf" data_no_protobuf
rule "tests/sim shares nothing with libvfn" sim_alone
rule "the client includes nothing of the daemon" client_no_daemon
rule "the daemon includes nothing of the client" daemon_no_client
rule "proto includes nothing of daemon and client" proto_alone
rule "each test is run" tests_are_run
rule "who skips a test says why" skips_have_reasons
echo "1..$cases"
