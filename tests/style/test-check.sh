#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Each rule of check.sh can fail: breaks it in a small tree that is good otherwise, and sees that this
# rule fails, and no other. Prints TAP.
set -u

check=${top_srcdir:?}/tests/style/check.sh
scratch=$(mktemp -d "${TMPDIR:-/tmp}/vfnd-style.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

lgpl='SPDX-License-Identifier: LGPL-2.1-or-later'
gpl='SPDX-License-Identifier: GPL-2.0-or-later'

# put FILE LINE...: a file with a licence and some lines.
put() {
    file=$1
    shift
    mkdir -p "$(dirname "$file")"
    case $file in
    client/vfnctl/*) licence=$gpl ;;
    libvfn/*|client/*|proto/*) licence=$lgpl ;;
    *) licence=$gpl ;;
    esac
    case $file in
    *.[ch]) printf '// %s\n' "$licence" >"$file" ;;
    *.sh|*.py) printf '#!/bin/sh\n# %s\n' "$licence" >"$file"; chmod +x "$file" ;;
    *) printf '# %s\n' "$licence" >"$file" ;;
    esac
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$file"
}

good_tree() {
    put libvfn/include/vfn/nvme.h '#include <vfn/nvme/queue.h>' '#include <vfn/vfio.h>'
    put libvfn/include/vfn/nvme/queue.h '#include <vfn/support/barrier.h>' '#include <linux/vfio.h>'
    put libvfn/src/vfio/type1.c '#include "vfio/transport.h"' '#include "../pci/pci.h"' \
        '#include <vfn/iommu.h>'
    put libvfn/src/support/mem.c '#include <vfn/support.h>' '#include <stdint.h>' 'int f(void)' '{' \
        '	return 0;' '}'
    put daemon/rpc/table.c '#include <sys/queue.h>' '#include "daemon/device/class.h"' \
        '#include "proto/vfnd.pb-c.h"'
    put daemon/data/served.c '#include <vfn/nvme/queue.h>' '#include "daemon/data/served.h"'
    put client/device.c '#include <vfn/client.h>' '#include "proto/frame.h"'
    put client/vfnctl/cmd-list.c '#include <vfn/client.h>'
    put proto/frame.c '#include "proto/frame.h"'
    put tests/sim/ctrl.c '#include "tests/sim/ctrl.h"' '#include <nvme/types.h>'
    put tests/sim/local.mk 'noinst_PROGRAMS += %D%/vfnd-sim'
    put tests/unit/test-a.c '#include <check.h>'
    put tests/unit/test-b.sh 'echo "1..0 # SKIP no such device"' 'echo "no device"' 'exit 77'
    put tests/unit/client/test-d.c 'int d;'
    # shellcheck disable=SC2016
    put tests/unit/client/local.mk 'D_TESTS = %D%/test-d' 'check_PROGRAMS += $(D_TESTS)' \
        'TESTS += $(D_TESTS)' '%C%_test_d_SOURCES = %D%/test-d.c'
    put tests/unit/local.mk 'check_PROGRAMS += \' '	%D%/test-a %D%/helper' \
        'dist_check_SCRIPTS += %D%/test-b.sh' 'TESTS += %D%/test-a \' '	%D%/test-b.sh' \
        '%C%_test_a_SOURCES = %D%/test-a.c'
    printf '# a tree\n\nwith a document\n' >README.md
}

cases=0
# verdict STATUS NAME
verdict() {
    cases=$((cases + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $cases - $2"
    else
        sed 's/^/# /' "$scratch/out"
        echo "not ok $cases - $2"
    fi
}

fresh() {
    cd "$scratch" && rm -rf tree && mkdir tree && cd tree && good_tree
}

# breaks RULE: in the changed tree the named rule fails, and nothing else.
breaks() {
    "$check" "$scratch/tree" >"$scratch/out" 2>&1
    failed=$(sed -nE 's/^not ok [0-9]+ - //p' "$scratch/out")
    [ "$failed" = "$1" ]
    verdict $? "$1: $2"
    fresh
}

fresh
"$check" "$scratch/tree" >"$scratch/out" 2>&1 && ! grep -q '^not ok' "$scratch/out" &&
    grep -q '^1\.\.[1-9]' "$scratch/out"
verdict $? "a good tree passes"

rm -rf ./*
breaks "there are sources to look at" "an empty tree"

r="no file is longer than 600 lines"
yes 'int a;' | head -n 600 >>libvfn/src/support/mem.c
breaks "$r" "a source"
yes ':' | head -n 600 >>tests/unit/test-b.sh
breaks "$r" "a script"

r="no line is wider than 120 columns"
printf '\t/* %0115d */\n' 0 >>libvfn/src/support/mem.c
breaks "$r" "a comment behind a tab"

r="no line ends in white space"
echo 'int a; ' >>libvfn/src/support/mem.c
breaks "$r" "a space"
printf 'int a;\r\n' >>libvfn/src/support/mem.c
breaks "$r" "a carriage return"

echo '        int a;' >>libvfn/src/support/mem.c
breaks "C is indented with tabs" "spaces"
printf '\techo\n' >>tests/unit/test-b.sh
breaks "scripts are indented with spaces" "a tab"

r="scripts are executable, and nothing else is"
chmod -x tests/unit/test-b.sh
breaks "$r" "a script that is not"
chmod +x README.md
breaks "$r" "a document that is"

r="each source names its folder's licence in its first line"
sed -i 1d tests/sim/ctrl.c
breaks "$r" "no licence"
sed -i "s/LGPL.*/GPL-2.0-or-later/" client/device.c
breaks "$r" "the daemon's licence in the client library"
sed -i "s/GPL.*/LGPL-2.1-or-later/" client/vfnctl/cmd-list.c
breaks "$r" "the library's licence in the tool"

r="no unfinished work is marked"
for word in TOD FIXM XX; do
    # The last letter is put apart, so that this file is not one that marks work.
    case $word in TOD) word=${word}O ;; FIXM) word=${word}E ;; *) word=${word}X ;; esac
    echo "/* $word: later */" >>libvfn/src/support/mem.c
    breaks "$r" "$word"
done

r="no place of somebody's machine is named"
echo "see /""work/notes" >>README.md
breaks "$r" "a path in a document"

r="libvfn: nvme -> vfio -> iommu -> pci -> support"
echo '#include <vfn/nvme/queue.h>' >>libvfn/src/vfio/type1.c
breaks "$r" "vfio includes a header of nvme"
echo '#include <vfn/nvme.h>' >>libvfn/src/vfio/type1.c
breaks "$r" "vfio includes nvme's umbrella"
echo '#include "../iommu/map.h"' >>libvfn/src/support/mem.c
breaks "$r" "support includes iommu by a relative path"
echo '# include "pci/pci.h"' >>libvfn/src/support/mem.c
breaks "$r" "support includes pci"
put libvfn/include/vfn/pci.h '#include <vfn/iommu.h>'
breaks "$r" "an umbrella header includes one above it"

r="libvfn includes libc and itself only"
echo '#include "proto/frame.h"' >>libvfn/src/vfio/type1.c
breaks "$r" "proto"
echo '#include <event2/event.h>' >>libvfn/src/vfio/type1.c
breaks "$r" "libevent"
echo '#include <vfn/client.h>' >>libvfn/src/vfio/type1.c
breaks "$r" "the client library"

r="daemon/rpc touches no ring entry"
echo '#include <vfn/nvme/queue.h>' >>daemon/rpc/table.c
breaks "$r" "the queues"
echo '#include "../data/served.h"' >>daemon/rpc/table.c
breaks "$r" "daemon/data"

r="daemon/data sees no protobuf"
echo '#include "proto/vfnd.pb-c.h"' >>daemon/data/served.c
breaks "$r" "the generated header"
echo '#include "daemon/rpc/table.h"' >>daemon/data/served.c
breaks "$r" "daemon/rpc"

r="tests/sim shares nothing with libvfn"
echo '#include <vfn/nvme/types.h>' >>tests/sim/ctrl.c
breaks "$r" "a public header"
echo '#include "../../libvfn/src/support/mem.h"' >>tests/sim/ctrl.c
breaks "$r" "a source's header"
# shellcheck disable=SC2016
echo 'vfnd_sim_LDADD = $(LIBVFN_CORE)' >>tests/sim/local.mk
breaks "$r" "the library"

echo '#include "daemon/session.h"' >>client/device.c
breaks "the client includes nothing of the daemon" "a header"
echo '#include <vfn/client.h>' >>daemon/rpc/table.c
breaks "the daemon includes nothing of the client" "a header"
echo '#include "daemon/session.h"' >>proto/frame.c
breaks "proto includes nothing of daemon and client" "a header"

r="each test is run"
put tests/unit/test-c.c 'int c;'
breaks "$r" "a source that no list names"
put tests/unit/test-c.sh 'echo 1..0'
breaks "$r" "a script that no list names"
sed -i 's,^TESTS += %D%/test-a ,TESTS += ,' tests/unit/local.mk
breaks "$r" "a program that is built only"

sed -i '/^TESTS/d' tests/unit/client/local.mk
breaks "$r" "a list of programs that is built only"

r="who skips a test says why"
printf 'true\nexit 77\n' >>tests/unit/test-b.sh
breaks "$r" "an exit status"
put tests/unit/helper.c 'int f(void) { return 77; }'
breaks "$r" "a return value"
# shellcheck disable=SC2016
printf 'echo "ok 3 # SKIP"\n' >>tests/unit/test-b.sh
breaks "$r" "TAP without a reason"

# All rules were broken above, so each can fail.
broken=$(grep -cE '^rule "' "$check")
shown=$(grep -oE '^(r=|breaks )"[^$"]+"' "${check%/*}/test-check.sh" | sed -E 's/^(r=|breaks )//' | sort -u | wc -l)
echo "rules: $broken, shown to fail: $shown" >"$scratch/out"
[ "$broken" -eq "$shown" ]
verdict $? "no rule is left out here"
echo "1..$cases"
