# SPDX-License-Identifier: GPL-2.0-or-later
include %D%/unit/local.mk
include %D%/vm/local.mk
include %D%/targets/local.mk
if DAEMON
include %D%/int/local.mk
include %D%/doc/local.mk
include %D%/sim/local.mk
include %D%/peer/local.mk
include %D%/fuzz/local.mk
include %D%/bench/local.mk
include %D%/model/local.mk
endif
include %D%/style/local.mk

dist_check_SCRIPTS += %D%/test-run-all.py
TESTS += %D%/test-run-all.py
