#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs $top_builddir into a scratch folder and uses the result as a packager and a user would.
# Prints TAP. Needs a build without sanitizers, since it links programs without them.
set -u

: "${top_srcdir:?}" "${top_builddir:?}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/vfnd-install.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cases=0
# result STATUS NAME: prints a case; what the case printed is in $scratch/out.
result() {
    cases=$((cases + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $cases - $2"
    else
        sed 's/^/# /' "$scratch/out"
        echo "not ok $cases - $2"
    fi
}

# run NAME COMMAND...
run() {
    name=$1
    shift
    "$@" >"$scratch/out" 2>&1
    result $? "$name"
}

root=$scratch/root
prefix=$(sed -n 's/^prefix = //p' "$top_builddir/Makefile")
mkdir "$root"

# A file that is committed and not in the tarball is missed by whoever builds from the tarball.
dist_is_whole() {
    make -s -C "$top_builddir" distdir distdir="$scratch/dist" >"$scratch/make" 2>&1 ||
        { cat "$scratch/make"; return 1; }
    git -c safe.directory='*' -C "$top_srcdir" ls-files >"$scratch/committed" || return 1
    status=0
    while read -r file; do
        case $file in
        .ci/*|.gitignore|*/.gitkeep|.clang-format|.editorconfig) continue ;;
        esac
        [ -e "$scratch/dist/$file" ] || { echo "not in the tarball: $file"; status=1; }
    done <"$scratch/committed"
    return $status
}

header_alone() {
    compiler=$1
    std=$2
    echo "#include <$3>" >"$scratch/alone.c"
    # shellcheck disable=SC2046
    $compiler -x "$4" -std="$std" -Wall -Wextra -Werror -fsyntax-only \
        -I"$root$prefix/include" $(cflags) "$scratch/alone.c"
}

pc() {
    PKG_CONFIG_PATH=$root$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root pkg-config "$@"
}

# Those of every installed module.
cflags() {
    for f in "$root$prefix"/lib/pkgconfig/*.pc; do
        [ -e "$f" ] && pc --cflags "$(basename "$f" .pc)"
    done
}

# A program per module: it includes what users include, links with what pkg-config says, and runs.
module_program() {
    module=$1
    source=$top_srcdir/tests/install/use-$module.c
    [ -f "$source" ] || { echo "there is no $source to try the module with"; return 1; }
    # shellcheck disable=SC2046
    gcc -Wall -Werror -o "$scratch/use-$module" "$source" $(pc --cflags --libs "$module") &&
        LD_LIBRARY_PATH=$root$prefix/lib "$scratch/use-$module"
}

if [ -e "$top_srcdir/.git" ]; then
    run "the tarball has every committed file" dist_is_whole
else
    cases=$((cases + 1))
    echo "ok $cases - the tarball has every committed file # SKIP this is not a git checkout"
fi
run "make install DESTDIR=" make -C "$top_builddir" install DESTDIR="$root"
headers=0
if [ -d "$root$prefix/include" ]; then
    (cd "$root$prefix/include" && find . -name '*.h' | sed 's,^\./,,' | sort) >"$scratch/headers"
    while read -r header; do
        headers=$((headers + 1))
        run "$header compiles alone as C" header_alone gcc gnu11 "$header" c
        run "$header compiles alone as C++" header_alone g++ gnu++17 "$header" c++
    done <"$scratch/headers"
fi
for f in "$root$prefix"/lib/pkgconfig/*.pc; do
    [ -e "$f" ] || continue
    module=$(basename "$f" .pc)
    run "a program uses the installed $module" module_program "$module"
done
# The examples need nothing but what is installed.
example() { # SOURCE MODULE
    # shellcheck disable=SC2046
    gcc -Wall -Wextra -Werror -o "$scratch/example" "$1" $(pc --cflags --libs "$2") || return 1
    # Without arguments each tells how it is used, or that there is no daemon.
    LD_LIBRARY_PATH=$root$prefix/lib VFND_SOCKET=/nonexistent "$scratch/example"
    case $2:$? in
    libvfn:2|vfn-client:1) ;;
    *) return 1 ;;
    esac
}
for f in "$top_srcdir"/doc/examples/*.c; do
    run "example $(basename "$f") on the installed copy" example "$f" vfn-client
done
for f in "$top_srcdir"/doc/examples/libvfn/*.c; do
    run "example libvfn/$(basename "$f") on the installed copy" example "$f" libvfn
done
run "make uninstall DESTDIR=" make -C "$top_builddir" uninstall DESTDIR="$root"
find "$root" ! -type d >"$scratch/out"
[ ! -s "$scratch/out" ]
result $? "uninstall leaves no file behind"
echo "1..$cases"
