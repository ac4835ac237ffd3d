# SPDX-License-Identifier: GPL-2.0-or-later
# Models that spin searches.
EXTRA_DIST += %D%/served.pml
dist_check_SCRIPTS += %D%/test-served.sh
TESTS += %D%/test-served.sh
