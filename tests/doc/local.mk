# SPDX-License-Identifier: GPL-2.0-or-later
# The manual pages.
dist_check_SCRIPTS += %D%/test-manpages.sh %D%/test-manpage-maker.py %D%/test-vfnctl.sh
TESTS += %D%/test-manpages.sh %D%/test-manpage-maker.py %D%/test-vfnctl.sh
