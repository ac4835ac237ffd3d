#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs $top_builddir into a scratch folder and uses the result as a packager and a user would.
# Prints TAP. Needs a build without sanitizers, since it links programs without them.
set -u

: "${top_srcdir:?}" "${top_builddir:?}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/vfnd-install.XXXXXX") || exit 1
trap 'sim_stop; rm -rf "$scratch"' EXIT
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

# The names that programs use, each of them in what is installed.
names_declared() { # COMPILER LANGUAGE STANDARD
    awk -f "$top_srcdir/tests/install/names.awk" "$top_srcdir/tests/install/names.txt" \
        >"$scratch/names.c" || return 1
    # shellcheck disable=SC2046
    $1 -x "$2" -std="$3" -Wall -Wextra -Werror -fsyntax-only $(pc --cflags libvfn) \
        "$scratch/names.c"
}

# A name that is missed by nobody would make the case above worthless.
names_missed() {
    echo 'f nvme_no_such_function' |
        cat "$top_srcdir/tests/install/names.txt" - >"$scratch/names.txt" || return 1
    awk -f "$top_srcdir/tests/install/names.awk" "$scratch/names.txt" >"$scratch/names.c"
    # shellcheck disable=SC2046
    ! gcc -fsyntax-only $(pc --cflags libvfn) "$scratch/names.c"
}

# Programs as users of the library write them: each is built in every language that it is in, with
# the shared and with the static library, and run.
sim_pid=
sim_stop() {
    [ -n "$sim_pid" ] || return 0
    kill "$sim_pid" 2>/dev/null
    wait "$sim_pid" 2>/dev/null
    sim_pid=
}

sim_start() {
    rm -f "$scratch/sim.sock" "$scratch/sim.control" "$scratch/sim.log"
    "$top_builddir/tests/sim/vfnd-sim" --socket "$scratch/sim.sock" \
        --control "$scratch/sim.control" --ns 16M >"$scratch/sim.log" 2>&1 &
    sim_pid=$!
    tries=500
    until [ -s "$scratch/sim.log" ]; do
        tries=$((tries - 1))
        { [ $tries -gt 0 ] && kill -0 "$sim_pid"; } || { cat "$scratch/sim.log"; return 1; }
        sleep 0.02
    done
}

program_runs() { # on a controller of its own
    event="$top_builddir/tests/sim/vfnd-sim --tell $scratch/sim.control 'smart-warning 4'"
    sim_start || return 1
    LD_LIBRARY_PATH=$root$prefix/lib timeout 60 "$1" "vfio-user:$scratch/sim.sock" "$event"
    status=$?
    sim_stop
    [ $status -eq 0 ] || echo "exit status $status"
    return $status
}

program_works() { # SOURCE COMPILER LANGUAGE STANDARD
    # shellcheck disable=SC2046
    $2 -x "$3" -std="$4" -O1 -Wall -Wextra -Werror $(pc --cflags libvfn) -c \
        -o "$scratch/program.o" "$top_srcdir/tests/install/programs/$1" || return 1
    # shellcheck disable=SC2046
    $2 -o "$scratch/program" "$scratch/program.o" $(pc --libs libvfn) &&
        program_runs "$scratch/program" || return 1
    [ -e "$root$prefix/lib/libvfn.a" ] || return 0
    # shellcheck disable=SC2046
    $2 -o "$scratch/program" "$scratch/program.o" "$root$prefix/lib/libvfn.a" \
        $(pc --static --libs-only-other libvfn) && program_runs "$scratch/program"
}

programs() {
    for source in "$top_srcdir"/tests/install/programs/*.c; do
        source=$(basename "$source")
        run "$source in C11" program_works "$source" gcc c c11
        run "$source in C with GNU's extensions" program_works "$source" gcc c gnu11
        # a compound literal with designators is C's alone
        [ "$source" = identify.c ] ||
            run "$source in C++17" program_works "$source" g++ c++ c++17
    done
}

# The same with the static libraries, and nothing of this tree or of others loaded at run time.
static_program() {
    module=$1
    # shellcheck disable=SC2046
    gcc -static -Wall -Werror -o "$scratch/static-$module" "$top_srcdir/tests/install/use-$module.c" \
        $(pc --static --cflags --libs "$module") || return 1
    ! readelf -d "$scratch/static-$module" | grep NEEDED || return 1
    "$scratch/static-$module"
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
    run "a program has the installed $module in it" static_program "$module"
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
run "every name that programs use is there, in C" names_declared gcc c c11
run "every name that programs use is there, in C++" names_declared g++ c++ c++17
run "a name that is not there is missed" names_missed
programs
run "make uninstall DESTDIR=" make -C "$top_builddir" uninstall DESTDIR="$root"
find "$root" ! -type d >"$scratch/out"
[ ! -s "$scratch/out" ]
result $? "uninstall leaves no file behind"
echo "1..$cases"
