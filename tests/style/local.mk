# SPDX-License-Identifier: GPL-2.0-or-later
dist_check_SCRIPTS += %D%/check.sh %D%/test-check.sh
TESTS += %D%/check.sh %D%/test-check.sh
