# SPDX-License-Identifier: GPL-2.0-or-later
dist_check_SCRIPTS += %D%/test-headers.sh %D%/test-probes.sh %D%/test-symbols.sh
TESTS += %D%/test-headers.sh %D%/test-probes.sh %D%/test-symbols.sh
